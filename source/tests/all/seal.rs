//! The seal file as text: what is read, what is refused, and what the verbs make of it.

use graven_source::seal::{AnnounceError, DamageReason, LineFault, Seal, SealDamage};
use graven_source::{Checksum, Kind, Version, VersionError};

use crate::package::Package;

fn version(value: i64) -> Version {
    Version::new(value).unwrap()
}

fn sum(text: &str) -> Checksum {
    Checksum::of_text(text)
}

/// Lines below the head that they should have.
fn with_head(lines: &str) -> String {
    format!("# about\nhead {}\n{lines}", sum(lines))
}

fn damage(text: &str) -> Vec<(usize, DamageReason)> {
    let damage = Seal::parse(text).expect_err(text);
    damage.into_iter().map(|SealDamage { line, reason }| (line, reason)).collect()
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let (a, b, c) = (sum("a"), sum("b"), sum("c"));
    let lines = format!(
        "0001 create users (v1) {a}\n2 b was unsealed {b} was {c} {a}\n2 all.baseline {b}\n00003 naïve unsealed unsealed\n"
    );
    let text = with_head(&lines);
    let seal = Seal::parse(&text).unwrap();
    assert_eq!(seal.render(), text);
    let found: Vec<_> = seal
        .lines()
        .map(|line| (line.line, line.version.value(), line.kind, line.name.as_str(), line.checksum(), line.was().len()))
        .collect();
    let wanted = [
        (3, 1, Kind::Versioned, "create users (v1)", Some(a), 0),
        (4, 2, Kind::Versioned, "b was unsealed", Some(b), 2),
        (5, 2, Kind::Baseline, "all", Some(b), 0),
        (6, 3, Kind::Versioned, "naïve unsealed", None, 0),
    ];
    assert_eq!(found, wanted);
    assert_eq!(seal.sealed_head(), Some(version(2)));
    assert_eq!(seal.line(version(2), Kind::Baseline).map(|line| line.line), Some(5));
    assert_eq!(seal.line(version(1), Kind::Baseline), None);
}

#[test]
fn nothing_and_comments_alone_seal_nothing() {
    for text in ["", "\n\r\n", "# only\n# comments\n", &format!("head {}\n", sum(""))] {
        let seal = Seal::parse(text).unwrap();
        assert_eq!((seal.lines().count(), seal.sealed_head()), (0, None), "{text:?}");
    }
}

#[test]
fn line_ends_indentation_and_a_byte_order_mark_do_not_matter() {
    let text = with_head(&format!("1 a {}\n", sum("a")));
    let seal = Seal::parse(&text).unwrap();
    let indented = text.lines().map(|line| format!("             {line}  \n\n")).collect::<String>();
    for text in [text.replace('\n', "\r\n"), indented, format!("\u{feff}{text}"), text.trim_end().to_owned()] {
        assert_eq!(Seal::parse(&text).unwrap().render(), seal.render(), "{text:?}");
    }
}

#[test]
fn a_line_that_does_not_parse_says_why() {
    let a = sum("a");
    for (line, fault) in [
        (format!("x a {a}"), LineFault::Version(VersionError::NotANumber)),
        (format!("9223372036854775808 a {a}"), LineFault::Version(VersionError::TooLarge)),
        ("1".to_owned(), LineFault::NoState),
        ("1 a".to_owned(), LineFault::NoState),
        ("1 unsealed".to_owned(), LineFault::NoState),
        ("1  unsealed".to_owned(), LineFault::NoName),
        (format!("1 .baseline {a}"), LineFault::NoName),
        ("1 a sha256:00".to_owned(), LineFault::Checksum),
        (format!("1 a {a} was"), LineFault::Checksum),
        (format!("1 a {a} was x"), LineFault::Checksum),
        (format!("1 a {a} {a}"), LineFault::Checksum),
        (format!("1 a {a} unsealed"), LineFault::Checksum),
        (format!("head {a}"), LineFault::SecondHead),
        ("# a comment".to_owned(), LineFault::CommentBelowHead),
    ] {
        assert_eq!(damage(&with_head(&format!("{line}\n"))), [(3, DamageReason::NotALine(fault))], "{line}");
    }
}

#[test]
fn order_duplicates_and_the_head_are_checked() {
    let (a, b) = (sum("a"), sum("b"));
    let (first, second) = (format!("1 a {a}\n"), format!("2 b {b}\n"));
    for (text, wanted) in [
        (with_head(&format!("{second}{first}")), (4, DamageReason::OutOfOrder { after: version(2) })),
        (with_head(&format!("{first}0001 other {b}\n")), (4, DamageReason::SaidTwice { first: 3 })),
        (format!("{first}{second}"), (1, DamageReason::HeadAbsent { wanted: sum(&format!("{first}{second}")) })),
        (with_head(&first) + &second, (2, DamageReason::HeadMismatch { wanted: sum(&format!("{first}{second}")) })),
        (format!("head sha256:00\n{first}"), (1, DamageReason::NotALine(LineFault::Checksum))),
    ] {
        assert_eq!(damage(&text), [wanted], "{text}");
    }
}

#[test]
fn a_new_migration_is_announced_in_order_and_changes_the_head() {
    let seal = Seal::default().with_unsealed("0003", "c").unwrap().with_unsealed("0001", "add index").unwrap();
    let lines = "0001 add index unsealed\n0003 c unsealed\n";
    assert!(seal.render().ends_with(&format!("head {}\n{lines}", sum(lines))), "{}", seal.render());
    assert_eq!(seal.sealed_head(), None);
    assert_eq!(seal.with_unsealed("1", "again").unwrap(), seal);
    assert_eq!(seal.with_unsealed("v1", "x"), Err(AnnounceError::Version(VersionError::NotANumber)));
    for name in ["", " x", "x\ny", "x.down", "a sha256:0"] {
        assert_eq!(seal.with_unsealed("9", name), Err(AnnounceError::Name), "{name:?}");
    }
    assert_eq!(Seal::parse(&seal.render()).unwrap().render(), seal.render());
}

#[test]
fn sealing_keeps_what_is_sealed_seals_the_rest_and_forgets_what_was_only_announced() {
    let package = Package::new(&[
        ("0001_a.sql", "edited"),
        ("0002_b.sql", "b"),
        ("0003_c.sql", "c"),
        ("0003_c.down.sql", "not sealed"),
        ("0002_all.baseline.sql", "all"),
        ("views.repeatable.sql", "not sealed"),
    ]);
    let (a, older) = (sum("a"), sum("older"));
    let old = with_head(&format!("0001 a {a} was {older}\n0003 c unsealed\n0004 gone unsealed\n"));
    let set = package.load().set;
    let sealed = Seal::parse(&old).unwrap().seal_all(&set);
    let lines =
        format!("0001 a {a} was {older}\n0002 b {}\n0002 all.baseline {}\n0003 c {}\n", sum("b"), sum("all"), sum("c"));
    assert_eq!(sealed.render(), with_head(&lines));
    assert_eq!(Seal::parse(&sealed.render()).unwrap().seal_all(&set).render(), sealed.render());
}

#[test]
fn an_accepted_edit_remembers_every_checksum_that_a_database_may_hold() {
    let (a, b) = (sum("a"), sum("b"));
    let seal = Seal::parse(&with_head(&format!("1 x {a}\n2 y unsealed\n"))).unwrap();
    let lines = |seal: &Seal| seal.lines().map(|line| line.render()).collect::<Vec<_>>();
    let once = seal.accept_edit(version(1), Kind::Versioned, b).unwrap();
    assert_eq!(lines(&once)[0], format!("1 x {b} was {a}"));
    let back = once.accept_edit(version(1), Kind::Versioned, a).unwrap();
    assert_eq!(lines(&back)[0], format!("1 x {a} was {b}"));
    assert_eq!(seal.accept_edit(version(1), Kind::Versioned, a), Some(seal.clone()));
    assert_eq!(seal.accept_edit(version(2), Kind::Versioned, a), None);
    assert_eq!(seal.accept_edit(version(9), Kind::Versioned, a), None);
}

#[test]
fn an_edit_of_a_baseline_is_accepted_apart_from_that_of_its_migration() {
    let (a, b, edited) = (sum("a"), sum("b"), sum("edited"));
    let seal = Seal::parse(&with_head(&format!("1 x {a}\n1 all.baseline {b}\n2 y {a}\n"))).unwrap();
    let lines = |seal: &Seal| seal.lines().map(|line| line.render()).collect::<Vec<_>>();
    let of_baseline = seal.accept_edit(version(1), Kind::Baseline, edited).unwrap();
    assert_eq!(
        lines(&of_baseline),
        [format!("1 x {a}"), format!("1 all.baseline {edited} was {b}"), format!("2 y {a}")]
    );
    let of_migration = seal.accept_edit(version(1), Kind::Versioned, edited).unwrap();
    assert_eq!(lines(&of_migration)[..2], [format!("1 x {edited} was {a}"), format!("1 all.baseline {b}")]);
    assert_eq!(seal.accept_edit(version(2), Kind::Baseline, edited), None);
}
