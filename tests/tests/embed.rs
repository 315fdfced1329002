//! What `embed_migrations!` expands to: constant data, whole and in order, wherever an expression may stand, and nothing
//! that a strict crate's lints would complain of.

use std::time::Duration;

use graven::__private::{self, DEFAULT, Details, Effect, Unit};
use graven::{Checksum, Kind, Migration, Migrations, Sealing, Transaction};

/// The set in every position, under the strictest lints. It compiles, or it does not.
mod strict {
    #![deny(warnings, future_incompatible, let_underscore, missing_docs, nonstandard_style, unsafe_code, unused)]
    #![deny(rust_2018_idioms, trivial_casts, trivial_numeric_casts, unused_qualifications, unused_results)]
    #![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::cargo)]

    use graven::{Migrations, embed_migrations as embed};

    /// In a static.
    pub static STATIC: Migrations = graven::embed_migrations!("fixtures/embed");
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
    is_shared(&strict::STATIC.migrations());
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
fn a_begin_and_commit_of_the_files_own_are_marked_and_stay_in_the_text() {
    let details = Details { absorbed: &[(29, 35), (80, 87), (88, 106), (117, 120)], ..usual() };
    let migration = strict::STATIC.by_version(3).unwrap();
    assert_eq!(*migration, like(migration, &details));
    let absorbed = details.absorbed.iter().map(|(start, end)| &migration.sql()[*start as usize..*end as usize]);
    assert_eq!(absorbed.collect::<Vec<_>>(), ["BEGIN;", "COMMIT;", "begin transaction;", "end"]);
}
