use super::{FileName, Kind, Refusal, Suggestion, parse, parse_any, parse_ordinary};

#[test]
fn a_migration_is_told_by_its_name() {
    for (file, kind, spelling, name) in [
        ("0001_create_users.sql", Kind::Versioned, "0001", "create_users"),
        ("0001_create_users.up.sql", Kind::Versioned, "0001", "create_users"),
        ("1_a.down.sql", Kind::Reverse, "1", "a"),
        ("20260131093000_a.baseline.sql", Kind::Baseline, "20260131093000", "a"),
        ("users.repeatable.sql", Kind::Repeatable, "", "users"),
        ("0001_x.repeatable.sql", Kind::Repeatable, "", "0001_x"),
        ("0_zero.sql", Kind::Versioned, "0", "zero"),
        ("1__two.sql", Kind::Versioned, "1", "_two"),
        ("1_add e-mail (v1.2) [x].sql", Kind::Versioned, "1", "add e-mail (v1.2) [x]"),
        ("1_größe_表.sql", Kind::Versioned, "1", "größe_表"),
        ("1_a.sql.sql", Kind::Versioned, "1", "a.sql"),
        ("1_startup.sql", Kind::Versioned, "1", "startup"),
        ("1_unsealed.sql", Kind::Versioned, "1", "unsealed"),
        ("9223372036854775807_max.sql", Kind::Versioned, "9223372036854775807", "max"),
    ] {
        let FileName::Migration(found) = parse(file) else { panic!("{file}: {:?}", parse(file)) };
        assert_eq!((found.kind, found.spelling(), found.name()), (kind, spelling, name), "{file}");
        assert_eq!(found.version.map(|version| version.value()), spelling.parse().ok(), "{file}");
    }
}

#[test]
fn an_ordinary_name_is_told_in_the_same_way_as_any_other() {
    for file in [
        "0001_create_users.sql",
        "0_zero.sql",
        "1_a.sql",
        "1__.sql",
        "1_V2.sql",
        "1_SQL.sql",
        "1_README.sql",
        "000000000000000001_a.sql",
        "999999999999999999_a.sql",
    ] {
        assert_eq!(parse_ordinary(file), Some(parse_any(file)), "{file}");
    }
    for file in [
        "_a.sql",
        "1.sql",
        "1_.sql",
        "1a.sql",
        "1_a.SQL",
        "1_a.up.sql",
        "1_a b.sql",
        "1_é.sql",
        "9999999999999999999_a.sql",
        ".sql",
        "1_a",
    ] {
        assert_eq!(parse_ordinary(file), None, "{file}");
    }
}

#[test]
fn what_editors_systems_and_people_leave_behind_is_left_alone() {
    for file in [
        ".gitkeep",
        ".0001_a.sql.swp",
        "._0001_a.sql",
        "0001_a.sql~",
        "0001_a.sql.orig",
        "0001_a.sql.BAK",
        "#0001_a.sql#",
        "README",
        "readme.txt",
        "NOTES.md",
        "Thumbs.db",
        "4913",
    ] {
        assert_eq!(parse(file), FileName::LeftAlone, "{file}");
    }
    assert_eq!(parse("seal.lock"), FileName::Seal);
}

#[test]
fn a_name_that_fits_no_kind_is_told_the_one_it_should_have_had() {
    for (file, should_be) in [
        ("V1__init.sql", "1_init.sql"),
        ("v0002__Add Users.SQL", "0002_Add Users.sql"),
        ("U1__init.sql", "1_init.down.sql"),
        ("B7__base.sql", "7_base.baseline.sql"),
        ("R__views.sql", "views.repeatable.sql"),
        ("0001-init.sql", "0001_init.sql"),
        ("0001 init.sql", "0001_init.sql"),
        ("0001.init.sql", "0001_init.sql"),
        ("0001init.up.sql", "0001_init.up.sql"),
        ("2024-01-31-000000_init.up.sql", "20240131000000_init.up.sql"),
        ("1_.sql", "1_unnamed.sql"),
        ("1.sql", "1_unnamed.sql"),
        ("1.down.sql", "1_unnamed.down.sql"),
        ("1_a.SQL", "1_a.sql"),
        ("1_a.Down.sql", "1_a.down.sql"),
        ("1_a.baseline.up.sql", "1_a.up.sql"),
        ("1_a\nb.sql", "1_a_b.sql"),
        ("1_ a .sql", "1_a.sql"),
        ("1_a\u{a0}b.sql", "1_a_b.sql"),
        ("1_a\u{2028}b.up.sql", "1_a_b.up.sql"),
        ("1_\u{3000}a\u{3000}b\u{2003}.down.sql", "1_a_b.down.sql"),
        ("1_a\u{1680}b.baseline.sql", "1_a_b.baseline.sql"),
        ("a\u{202f}b.repeatable.sql", "a_b.repeatable.sql"),
        ("1\u{3000}a.sql", "1_a.sql"),
        ("1_a sha256:0.sql", "1_a sha256_0.sql"),
        ("views.Repeatable.sql", "views.repeatable.sql"),
        ("\n.sql.repeatable.sql", "sql.repeatable.sql"),
    ] {
        let FileName::Refused(Refusal::NoKind { should_be: Suggestion::Name(name), .. }) = parse(file) else {
            panic!("{file}: {:?}", parse(file))
        };
        assert_eq!(name, should_be, "{file}");
        assert!(matches!(parse(&name), FileName::Migration(_)), "{file}: {name} would be refused, too");
    }
}

/// cargo would build anew for ever: it divides a list of files at every kind of space, and rustc escapes one.
#[test]
fn every_space_but_that_of_ascii_is_refused_by_its_number() {
    let spaces = (char::MIN..=char::MAX).filter(|c| c.is_whitespace() && !c.is_control());
    for space in spaces {
        let file = format!("1_a{space}b.sql");
        match parse(&file) {
            FileName::Migration(_) => assert_eq!(space, ' '),
            FileName::Refused(Refusal::NoKind { reason, .. }) => {
                let number = u32::from(space);
                let said = format!("its name holds a space (U+{number:04X}) that cargo cannot keep track of");
                assert_eq!(reason, said);
            }
            other => panic!("{file:?}: {other:?}"),
        }
    }
}

#[test]
fn a_name_without_an_integer_version_gets_the_next_one() {
    for (file, rest) in [
        ("init.sql", "_init.sql"),
        ("init.up.sql", "_init.up.sql"),
        ("٣_init.sql", "_٣_init.sql"),
        ("_.sql", "_unnamed.sql"),
        ("view_all.sql", "_view_all.sql"),
        ("99999999999999999999.sql", "_unnamed.sql"),
    ] {
        let FileName::Refused(Refusal::NoKind { should_be: Suggestion::NextVersion(found), .. }) = parse(file) else {
            panic!("{file}: {:?}", parse(file))
        };
        assert_eq!(found, rest, "{file}");
        assert!(matches!(parse(&format!("1{found}")), FileName::Migration(_)), "{file}");
    }
}

#[test]
fn a_version_of_several_numbers_has_a_place_of_its_own() {
    for (file, wanted, rest) in [
        ("V1.2__init.sql", &["1", "2"][..], "_init.sql"),
        ("V1_02__init.sql", &["1", "02"], "_init.sql"),
        ("U1.2__init.sql", &["1", "2"], "_init.down.sql"),
        ("B1.2__init.sql", &["1", "2"], "_init.baseline.sql"),
        ("1.2_init.sql", &["1", "2"], "_init.sql"),
        ("1.2.10-init.up.sql", &["1", "2", "10"], "_init.up.sql"),
        ("1-2.down.sql", &["1", "2"], "_unnamed.down.sql"),
    ] {
        let FileName::Refused(Refusal::NoKind { should_be: Suggestion::InPlace { parts, rest: found }, .. }) =
            parse(file)
        else {
            panic!("{file}: {:?}", parse(file))
        };
        assert!(parts == wanted && found == rest, "{file}: {parts:?} {found:?}");
    }
}

#[test]
fn what_is_not_sql_is_a_stray_and_a_version_too_large_is_named() {
    for file in ["mod.rs", "notes.txt", "0001_a.sql.txt", "sql", "a.psql", "4914", "nohup.out"] {
        assert_eq!(parse(file), FileName::Refused(Refusal::Stray { should_be: None }), "{file}");
    }
    let should_be = Some("seal.lock".into());
    assert_eq!(parse("Seal.lock"), FileName::Refused(Refusal::Stray { should_be }));
    assert_eq!(
        parse("9223372036854775808_a.down.sql"),
        FileName::Refused(Refusal::VersionTooLarge { spelling: "9223372036854775808", rest: "_a.down.sql" })
    );
}
