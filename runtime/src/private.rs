//! What the expansion of `embed_migrations!` calls. Not public API: the macro of the very same version calls it.

use std::time::Duration;

use graven_source::{Kind, Version};

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
    Migrations { migrations, directory, built_from, history, namespace, digest: None }
}

/// The same set with the digest over all of it. Without one, all rows are asked for at each start.
#[must_use]
pub const fn with_digest(set: Migrations, digest: &'static [u8; 32]) -> Migrations {
    Migrations { digest: Some(digest), ..set }
}

/// How many bytes [`table`] takes for a migration. The macro writes them:
///
/// | bytes | what, the lowest byte first |
/// |---|---|
/// | 0..32 | the checksum |
/// | 32..40 | the version |
/// | 40..44 | the length of its text: the file's name, and right after it the SQL |
/// | 44..46 | where in that the SQL begins |
/// | 46..50 | where in that the name begins and ends |
/// | 50..54 | which details: 0 is `plain`, 1 the first one of `special`, and so on, those of `reversed` after them |
/// | 54 | 1 if it is sealed |
const RECORD: usize = 55;

/// The migrations of a set, or its reverses: their texts lie in `texts` one after the other.
///
/// For ten thousand migrations the compiler evaluates this in a small part of the time that it would take for as many
/// expressions. What is left over where the numbers do not fit together, which the macro never emits, stays empty.
#[must_use]
pub const fn table<const N: usize>(
    mut texts: &'static str,
    mut records: &[u8],
    plain: &'static Details,
    special: &'static [Details],
    reversed: &'static [Details],
) -> [Migration; N] {
    let mut table = [const { EMPTY }; N];
    let mut at = 0;
    while at < N {
        let Some((record, other_records)) = records.split_first_chunk::<RECORD>() else { break };
        let length = u32::from_le_bytes([record[40], record[41], record[42], record[43]]);
        let Some((text, other_texts)) = texts.split_at_checked(length as usize) else { break };
        let which = u32::from_le_bytes([record[50], record[51], record[52], record[53]]) as usize;
        let details = if which == 0 {
            plain
        } else if which <= special.len() {
            &special[which - 1]
        } else if which - special.len() <= reversed.len() {
            &reversed[which - special.len() - 1]
        } else {
            break;
        };
        table[at] = entry(record, text, details);
        (records, texts) = (other_records, other_texts);
        at += 1;
    }
    table
}

const fn entry(record: &[u8; RECORD], text: &'static str, details: &'static Details) -> Migration {
    let (checksum, rest) = record.split_at(32);
    let checksum = match checksum.first_chunk() {
        Some(checksum) => *checksum,
        None => EMPTY.checksum,
    };
    let version = match rest.first_chunk() {
        Some(version) => version_of(i64::from_le_bytes(*version)),
        None => EMPTY.version,
    };
    let sql = u16::from_le_bytes([record[44], record[45]]);
    let name = (u16::from_le_bytes([record[46], record[47]]), u16::from_le_bytes([record[48], record[49]]));
    let sealing = if record[54] == 1 { Sealing::Sealed } else { Sealing::Unsealed };
    Migration { version, text, sql, name, sealing, checksum, details }
}

const EMPTY: Migration = Migration {
    version: Version::ZERO,
    text: "",
    sql: 0,
    name: (0, 0),
    sealing: Sealing::Unsealed,
    checksum: [0; 32],
    details: &DEFAULT,
};

/// A negative version, which the macro never emits, counts as 0.
const fn version_of(version: i64) -> Version {
    match Version::new(version) {
        Some(version) => version,
        None => Version::ZERO,
    }
}

/// One migration of a set that is made while the program runs. Its text is never given back.
#[must_use]
pub fn migration(
    version: i64,
    file: &str,
    name: (u16, u16),
    sealing: Sealing,
    sql: &str,
    checksum: &[u8; 32],
    details: &'static Details,
) -> Migration {
    Migration {
        version: version_of(version),
        text: [file, sql].concat().leak(),
        // No file system knows names that are longer.
        sql: u16::try_from(file.len()).unwrap_or(u16::MAX),
        name,
        sealing,
        checksum: *checksum,
        details,
    }
}

/// What a migration without directives has.
pub static DEFAULT: Details = Details::DEFAULT;

/// What a reverse without directives has.
pub static REVERSE: Details = of_reverse(Details::DEFAULT);

/// The same, of a reverse.
#[must_use]
pub const fn of_reverse(details: Details) -> Details {
    Details { kind: Kind::Reverse, ..details }
}

/// The same, of a migration that has a reverse.
#[must_use]
pub const fn with_reverse(details: Details, reverse: &'static Migration) -> Details {
    Details { reverse: Some(reverse), ..details }
}

/// What migrations have of which nothing is said but that they have these reverses.
#[must_use]
pub const fn reversed<const N: usize>(reverses: &'static [Migration; N]) -> [Details; N] {
    let mut reversed = [const { Details::DEFAULT }; N];
    let mut at = 0;
    while at < N {
        reversed[at] = with_reverse(Details::DEFAULT, &reverses[at]);
        at += 1;
    }
    reversed
}

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
    Details { transaction, lock_timeout, statement_timeout, retries, was, absorbed, units, ..Details::DEFAULT }
}

/// A part of a non-transactional migration.
#[must_use]
pub const fn unit(start: u32, end: u32, effect: Effect) -> Unit {
    Unit { start, end, effect }
}
