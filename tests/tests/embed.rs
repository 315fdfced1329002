//! What `embed_migrations!` expands to: constant data, whole and in order, wherever an expression may stand, and nothing
//! that a strict crate's lints would complain of.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]

use std::time::Duration;

use graven::__private::{self, Details, Effect};
use graven::{Checksum, Kind, Migration, Migrations, Sealing, Transaction};

/// The set in every position, under the strictest lints. It compiles, or it does not.
pub mod strict {
    #![forbid(long_running_const_eval)]
    #![deny(warnings, let_underscore, missing_docs, nonstandard_style, unsafe_code, unused)]
    #![deny(rust_2018_idioms, trivial_casts, trivial_numeric_casts, unused_qualifications, unused_results)]
    #![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::cargo)]

    use graven::{Migrations, embed_migrations as embed};

    /// In a static.
    pub static STATIC: Migrations = graven::embed_migrations!("fixtures/embed");
    /// With baselines and repeatables.
    pub static KINDS: Migrations = graven::embed_migrations!("fixtures/kinds");
    /// In a constant, imported under another name.
    pub const CONST: Migrations = embed!("fixtures/embed");
    /// Twice in one expression.
    pub static TWO: [Migrations; 2] = [embed!("fixtures/embed"), embed!("fixtures/empty")];

    /// What a function returns.
    #[must_use]
    pub const fn returned() -> Migrations {
        embed!("fixtures/embed")
    }

    /// A type that carries its migrations.
    pub trait Service {
        /// As an associated constant.
        const MIGRATIONS: Migrations;
    }

    /// One such.
    #[derive(Debug)]
    pub struct Ports;

    impl Service for Ports {
        const MIGRATIONS: Migrations = embed!(path = "fixtures/embed", unsealed = "allow",);
    }

    /// In the middle of expressions.
    #[must_use]
    pub fn lengths() -> Vec<usize> {
        let local = embed!("fixtures/embed");
        let borrowed = &embed!("fixtures/embed");
        let closure = || embed!("fixtures/embed").len();
        vec![local.len(), borrowed.len(), closure(), const { embed!("fixtures/embed").len() }]
    }
}

/// A module in which not even `Option` or `concat!` has its usual name.
#[no_implicit_prelude]
mod bare {
    pub(crate) mod core {}
    pub(crate) mod std {}

    pub(crate) static MIGRATIONS: ::graven::Migrations = ::graven::embed_migrations!("fixtures/embed");
}

#[test]
fn a_set_is_the_same_in_every_position() {
    use strict::Service;

    let wanted: Vec<&Migration> = strict::STATIC.iter().collect();
    assert_eq!(wanted.len(), 9);
    for set in [&strict::CONST, &strict::TWO[0], &strict::returned(), &strict::Ports::MIGRATIONS, &bare::MIGRATIONS] {
        assert_eq!(set.iter().collect::<Vec<_>>(), wanted);
    }
    assert_eq!(strict::lengths(), [9; 4]);
}

#[test]
fn the_head_of_the_seal_file_is_embedded() {
    static SOME: Migrations = graven::embed_migrations!("fixtures/embed", unsealed = "allow");
    let head = include_str!("../fixtures/embed/seal.lock").lines().find_map(|line| line.strip_prefix("head "));
    assert_eq!(SOME.seal_head().map(|head| head.to_string()).as_deref(), head);
    static EMPTY: Migrations = graven::embed_migrations!("fixtures/empty");
    assert_eq!(EMPTY.seal_head(), None);
}

#[test]
fn a_directory_with_a_seal_file_alone_is_an_empty_set() {
    static EMPTY: Migrations = graven::embed_migrations!("fixtures/empty");
    assert_eq!(EMPTY.len(), 0);
    assert!(EMPTY.is_empty() && EMPTY.iter().next().is_none());
    assert_eq!((EMPTY.head(), EMPTY.by_version(0)), (None, None));
}

#[test]
fn a_set_is_plain_data_that_tasks_can_share() {
    fn is_shared<T: Copy + Send + Sync + Unpin + 'static>(_: T) {}
    is_shared(strict::STATIC);
    is_shared(strict::STATIC.by_version(1));
}

#[test]
fn migrations_ascend_and_are_found_by_version() {
    let set = strict::STATIC;
    let versions: Vec<i64> = set.iter().map(|migration| migration.version().value()).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(set.head().map(|version| version.value()), Some(9));
    for migration in &set {
        assert_eq!(set.by_version(migration.version().value()), Some(migration));
    }
    assert_eq!([0, 10, -1, i64::MAX, i64::MIN].map(|version| set.by_version(version)), [None; 5]);
}

#[test]
fn each_migration_tells_its_file_name_text_and_checksum() {
    let set = strict::STATIC;
    for migration in &set {
        let file = std::fs::read_to_string(format!("fixtures/embed/{}", migration.file())).unwrap();
        assert_eq!(migration.sql(), graven_source::normalise(file), "{}", migration.file());
        assert_eq!(migration.checksum(), Checksum::of_text(migration.sql()), "{}", migration.file());
        assert_eq!(migration.kind(), Kind::Versioned);
        let sealing = if migration.version().value() == 9 { Sealing::Unsealed } else { Sealing::Sealed };
        assert_eq!(migration.sealing(), sealing, "{}", migration.file());
    }
    let names: Vec<_> = set.iter().map(Migration::name).collect();
    assert_eq!(names[..4], ["create_users", "written_on_windows", "own_transaction", "index [users] v1.2"]);
}

#[test]
fn a_file_with_a_byte_order_mark_and_windows_line_ends_is_embedded_without_them() {
    let file = std::fs::read("fixtures/embed/0002_written_on_windows.sql").unwrap();
    assert!(file.starts_with(b"\xef\xbb\xbf") && file.ends_with(b"\r\n"), "the fixture lost its line ends");
    assert_eq!(strict::STATIC.by_version(2).unwrap().sql(), "comment on table users is 'who may\nlog in';\n");
}

#[test]
fn a_text_of_every_character_stays_as_it_is() {
    let sql = strict::STATIC.by_version(8).unwrap().sql();
    for character in
        ["\\\\", "\"", "é", "🚢", "\u{202b}", "\u{2066}", "\u{a0}\u{feff}\u{2028}", "\u{1}\u{7f}\r\t", "\"##\"#$rust$"]
    {
        assert!(sql.contains(character), "{character:?} in {sql:?}");
    }
}

#[test]
fn a_begin_and_commit_of_the_files_own_are_marked_and_stay_in_the_text() {
    let migration = strict::STATIC.by_version(3).unwrap();
    let places = places(migration.sql(), &["BEGIN;", "COMMIT;", "begin transaction;", "end"]);
    let details = __private::details(Transaction::On, None, None, None, &[], places, &[]);
    assert_eq!(*migration, like(migration, details));
}

#[test]
fn a_file_without_a_transaction_is_taken_apart_into_what_is_sent_one_by_one() {
    let migration = strict::STATIC.by_version(4).unwrap();
    let places = places(
        migration.sql(),
        &[
            "set maintenance_work_mem = '1GB';",
            "create index concurrently \"By Email\" on public.users (email);",
            "create index concurrently on users (id);",
            "begin;\nselect 1;\ncommit;",
            "vacuum users",
        ],
    );
    let effects = [
        Effect::Session,
        Effect::ConcurrentIndex { name: Some("By Email"), schema: Some("public"), table: "users" },
        Effect::ConcurrentIndex { name: None, schema: None, table: "users" },
        Effect::Ordinary,
        Effect::Ordinary,
    ];
    let units: Vec<_> =
        places.iter().zip(effects).map(|((start, end), effect)| __private::unit(*start, *end, effect)).collect();
    let timeout = Some(Duration::from_millis(1500));
    let details = __private::details(Transaction::Off, timeout, None, None, &[], &[], units.leak());
    let reverse = migration.reverse().unwrap();
    assert_eq!(*migration, like(migration, __private::with_reverse(details, reverse)));
    assert_eq!(migration.transaction(), Transaction::Off);
}

#[test]
fn directives_are_embedded_as_values() {
    let migration = strict::STATIC.by_version(5).unwrap();
    let (none, two_minutes) = (Some(Duration::ZERO), Some(Duration::from_secs(120)));
    let details = __private::details(Transaction::On, none, two_minutes, Some(7), &[], &[], &[]);
    assert_eq!(*migration, like(migration, details));
    assert_eq!(migration.transaction(), Transaction::On);
}

#[test]
fn older_checksums_that_were_accepted_are_embedded_the_oldest_first() {
    let migration = strict::STATIC.by_version(6).unwrap();
    let sql = "create unique index on users (email);\n";
    let was = [sql.to_owned(), format!("-- The emails of usres are unique.\n{sql}")];
    let was: Vec<[u8; 32]> = was.iter().map(|text| *Checksum::of_text(text).as_bytes()).collect();
    let details = __private::details(Transaction::On, None, None, None, was.leak(), &[], &[]);
    assert_eq!(*migration, like(migration, details));
}

#[test]
fn a_migration_of_which_nothing_is_said_shares_its_details_with_all_others() {
    for version in [2, 7, 8, 9] {
        let migration = strict::STATIC.by_version(version).unwrap();
        assert_eq!(*migration, like(migration, __private::details(Transaction::On, None, None, None, &[], &[], &[])));
    }
}

#[test]
fn a_reverse_is_embedded_with_the_migration_that_it_takes_back() {
    let migration = strict::STATIC.by_version(1).unwrap();
    let reverse = migration.reverse().unwrap();
    assert_eq!(
        (reverse.kind(), reverse.version(), reverse.name()),
        (Kind::Reverse, migration.version(), "create_users")
    );
    assert_eq!((reverse.file(), reverse.sealing()), ("0001_create_users.down.sql", Sealing::Unsealed));
    assert_eq!(reverse.sql(), std::fs::read_to_string("fixtures/embed/0001_create_users.down.sql").unwrap());
    assert_eq!(reverse.checksum(), Checksum::of_text(reverse.sql()));
    assert_eq!(reverse.reverse(), None);
    let plain = __private::details(Transaction::On, None, None, None, &[], &[], &[]);
    assert_eq!(*migration, like(migration, __private::with_reverse(plain, reverse)));
    let with_reverse: Vec<i64> =
        strict::STATIC.iter().filter(|it| it.reverse().is_some()).map(|it| it.version().value()).collect();
    assert_eq!(with_reverse, [1, 4]);
}

#[test]
fn a_reverse_has_directives_and_statements_of_its_own() {
    let reverse = strict::STATIC.by_version(4).unwrap().reverse().unwrap();
    let places = places(
        reverse.sql(),
        &["drop index concurrently if exists \"By Email\";", "drop index concurrently if exists users_id_idx"],
    );
    let units: Vec<_> = places.iter().map(|(start, end)| __private::unit(*start, *end, Effect::Ordinary)).collect();
    let timeout = Some(Duration::from_secs(2));
    let details = __private::details(Transaction::Off, timeout, None, None, &[], &[], units.leak());
    assert_eq!(*reverse, like(reverse, __private::of_reverse(details)));
    assert_eq!((reverse.transaction(), reverse.kind()), (Transaction::Off, Kind::Reverse));
}

#[test]
fn baselines_and_repeatables_are_embedded_beside_the_migrations() {
    let set = strict::KINDS;
    let numbered =
        |all: &'static [Migration]| all.iter().map(|it| (it.version().value(), it.name())).collect::<Vec<_>>();
    assert_eq!(numbered(set.as_slice()), [(1, "a"), (2, "b")]);
    assert_eq!(numbered(set.baselines()), [(1, "first"), (2, "all")]);
    assert!(set.baselines().iter().all(|it| it.kind() == Kind::Baseline && it.sealing() == Sealing::Unsealed));
    let [first, all] = set.baselines() else { panic!("{set:?}") };
    let plain = __private::details(Transaction::On, None, None, None, &[], &[], &[]);
    assert_eq!(*first, like(first, __private::of_baseline(plain)));
    let absorbed = places(all.sql(), &["begin;", "commit;"]);
    let details = __private::details(Transaction::On, Some(Duration::from_secs(2)), None, None, &[], absorbed, &[]);
    assert_eq!(*all, like(all, __private::of_baseline(details)));
    assert_eq!(all.sql(), std::fs::read_to_string("fixtures/kinds/0002_all.baseline.sql").unwrap());

    let [grants, views] = set.repeatables() else { panic!("{set:?}") };
    assert_eq!((grants.name(), grants.file()), ("grants v1.2", "grants v1.2.repeatable.sql"));
    assert_eq!((views.name(), views.sql()), ("views", "create or replace view \"it's\" as\nselect 1 as one;\n"));
    for (found, retries) in [(grants, Some(9)), (views, None)] {
        let details = __private::details(Transaction::On, None, None, retries, &[], &[], &[]);
        let details = Box::leak(Box::new(__private::of_repeatable(details)));
        let [file, name] = [found.file(), found.name()].map(|it| u16::try_from(it.len()).unwrap());
        let embedded = format!("{}{}", found.file(), found.sql()).leak();
        assert_eq!(found.checksum(), Checksum::of_text(found.sql()));
        assert_eq!(*found, __private::repeatable(embedded, file, name, found.checksum().as_bytes(), details));
    }
}

#[test]
fn the_set_remembers_its_options_and_in_a_dev_build_its_directory() {
    static PLAIN: Migrations = graven::embed_migrations!("fixtures/empty");
    static WITH_OPTIONS: Migrations =
        graven::embed_migrations!("fixtures/empty", history = r#"ops."History""#, namespace = "web");
    let (plain, with_options) = (format!("{PLAIN:?}"), format!("{WITH_OPTIONS:?}"));
    assert!(plain.contains(r#"history: None, namespace: """#), "{plain}");
    assert!(with_options.contains(r#"history: Some("ops.\"History\""), namespace: "web""#), "{with_options}");
    let built_from = concat!("built_from: Some(\"", env!("CARGO_MANIFEST_DIR"), "/fixtures/empty\")");
    assert_eq!(plain.contains(built_from), cfg!(debug_assertions), "{plain}");
}

/// A migration like another one, with these details.
fn like(migration: &Migration, details: Details) -> Migration {
    let file = migration.file();
    let start = file.find(migration.name()).unwrap();
    let name = (u16::try_from(start).unwrap(), u16::try_from(start + migration.name().len()).unwrap());
    let checksum: &'static [u8; 32] = Box::leak(Box::new(*migration.checksum().as_bytes()));
    let details: &'static Details = Box::leak(Box::new(details));
    let version = migration.version().value();
    __private::migration(version, file, name, migration.sealing(), migration.sql(), checksum, details)
}

/// Where these parts stand in a text, one after the other.
fn places(text: &str, parts: &[&str]) -> &'static [(u32, u32)] {
    let mut places = Vec::new();
    let mut from = 0;
    for part in parts {
        let start = from + text.get(from..).unwrap().find(part).unwrap();
        from = start + part.len();
        places.push((u32::try_from(start).unwrap(), u32::try_from(from).unwrap()));
    }
    places.leak()
}
