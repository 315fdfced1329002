//! What the expansion of `embed_migrations!` calls. Not public API: the macro of the very same version calls it.

use std::time::Duration;

use graven_source::Version;

pub use graven_macros::embed;

pub use crate::migrations::{Details, Effect, Migration, Migrations, Sealing, Transaction, Unit};

/// A whole set.
#[must_use]
pub const fn migrations(
    migrations: &'static [Migration],
    directory: &'static str,
    built_from: Option<&'static str>,
    history: Option<&'static str>,
    namespace: &'static str,
) -> Migrations {
    Migrations { migrations, directory, built_from, history, namespace }
}

/// One migration. A negative version, which the macro never emits, counts as 0.
#[must_use]
pub const fn migration(
    version: i64,
    file: &'static str,
    name: (u16, u16),
    sealing: Sealing,
    sql: &'static str,
    checksum: &'static [u8; 32],
    details: &'static Details,
) -> Migration {
    let version = match Version::new(version) {
        Some(version) => version,
        None => Version::ZERO,
    };
    Migration { version, file, name, sealing, sql, checksum, details }
}

/// What a migration without directives has.
pub static DEFAULT: Details = Details::DEFAULT;

/// What a migration with directives, older checksums, or a BEGIN of its own has.
#[must_use]
pub const fn details(
    transaction: Transaction,
    lock_timeout: Option<Duration>,
    statement_timeout: Option<Duration>,
    retries: Option<u32>,
    was: &'static [[u8; 32]],
    absorbed: &'static [(u32, u32)],
    units: &'static [Unit],
) -> Details {
    Details { transaction, lock_timeout, statement_timeout, retries, was, absorbed, units }
}

/// A part of a non-transactional migration.
#[must_use]
pub const fn unit(start: u32, end: u32, effect: Effect) -> Unit {
    Unit { start, end, effect }
}
