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
/// | 40..44 | the length of the SQL |
/// | 44..46 | the length of the file's name |
/// | 46..50 | where in that the name begins and ends |
/// | 50..54 | which details: 0 is `plain`, 1 the first one of `special`, and so on, those of `reversed` after them |
/// | 54 | 1 if it is sealed |
const RECORD: usize = 55;

/// The migrations of a set, or its reverses: their SQL, and their files' names one after the other.
///
/// For ten thousand migrations the compiler evaluates this in a small part of the time that it would take for as many
/// expressions. What is left over where the numbers do not fit together stays empty: [`fits`] says whether they do.
#[must_use]
pub const fn table<const N: usize>(
    texts: &[&'static str],
    mut files: &'static str,
    mut records: &[u8],
    plain: Option<&'static Details>,
    special: &'static [Details],
    reversed: &'static [Details],
) -> [Migration; N] {
    let mut table = [const { EMPTY }; N];
    let mut at = 0;
    while at < N && at < texts.len() {
        let Some((record, other_records)) = records.split_first_chunk::<RECORD>() else { break };
        let length = u16::from_le_bytes([record[44], record[45]]);
        let Some((file, other_files)) = files.split_at_checked(length as usize) else { break };
        let which = u32::from_le_bytes([record[50], record[51], record[52], record[53]]) as usize;
        let details = if which == 0 {
            plain
        } else if which <= special.len() {
            Some(&special[which - 1])
        } else if which - special.len() <= reversed.len() {
            Some(&reversed[which - special.len() - 1])
        } else {
            break;
        };
        table[at] = entry(record, file, texts[at], details);
        (records, files) = (other_records, other_files);
        at += 1;
    }
    table
}

/// Whether each text has the length that it had when its checksum was taken.
///
/// The macro reads a file, and the compiler reads it once more: in between somebody may have written to it.
#[must_use]
pub const fn fits(texts: &[&'static str], mut records: &[u8]) -> bool {
    let mut at = 0;
    while at < texts.len() {
        let Some((record, other_records)) = records.split_first_chunk::<RECORD>() else { return false };
        let length = u32::from_le_bytes([record[40], record[41], record[42], record[43]]);
        if texts[at].len() != length as usize {
            return false;
        }
        records = other_records;
        at += 1;
    }
    records.is_empty()
}

const fn entry(
    record: &[u8; RECORD],
    file: &'static str,
    sql: &'static str,
    details: Option<&'static Details>,
) -> Migration {
    let (checksum, rest) = record.split_at(32);
    let checksum = match checksum.first_chunk() {
        Some(checksum) => *checksum,
        None => EMPTY.checksum,
    };
    let version = match rest.first_chunk() {
        Some(version) => version_of(i64::from_le_bytes(*version)),
        None => EMPTY.version,
    };
    let name = (u16::from_le_bytes([record[46], record[47]]), u16::from_le_bytes([record[48], record[49]]));
    let sealing = if record[54] == 1 { Sealing::Sealed } else { Sealing::Unsealed };
    Migration { version, file, sql, name, sealing, checksum, details }
}

const EMPTY: Migration = Migration {
    version: Version::ZERO,
    file: "",
    sql: "",
    name: (0, 0),
    sealing: Sealing::Unsealed,
    checksum: [0; 32],
    details: None,
};

/// A negative version, which the macro never emits, counts as 0.
const fn version_of(version: i64) -> Version {
    match Version::new(version) {
        Some(version) => version,
        None => Version::ZERO,
    }
}

/// One migration of a set that is made while the program runs. Its texts are never given back.
#[must_use]
pub fn migration(
    version: i64,
    file: impl Into<String>,
    name: (u16, u16),
    sealing: Sealing,
    sql: impl Into<String>,
    checksum: &[u8; 32],
    details: &'static Details,
) -> Migration {
    Migration {
        version: version_of(version),
        file: file.into().leak(),
        sql: sql.into().leak(),
        name,
        sealing,
        checksum: *checksum,
        details: Some(details).filter(|details| **details != Details::DEFAULT),
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

#[cfg(test)]
mod tests {
    use super::{DEFAULT, Details, RECORD, REVERSE, Sealing, details, fits, table, unit};
    use crate::migrations::{Effect, Transaction};

    /// A sealed migration `1_m.sql` whose SQL is so long, with these details.
    fn record(version: i64, length: u32, which: u32) -> [u8; RECORD] {
        let mut record = [7; RECORD];
        record[32..40].copy_from_slice(&version.to_le_bytes());
        record[40..44].copy_from_slice(&length.to_le_bytes());
        record[44..50].copy_from_slice(&[7, 0, 2, 0, 3, 0]);
        record[50..54].copy_from_slice(&which.to_le_bytes());
        record[54] = 1;
        record
    }

    #[test]
    fn a_table_is_taken_apart_as_the_macro_put_it_together() {
        let records = [record(1, 3, 0), record(i64::MAX, 0, 1), record(3, 1, 3)].concat();
        let special: &'static [Details] =
            vec![details(Transaction::Off, None, None, None, &[], &[], vec![unit(0, 1, Effect::Ordinary)].leak())]
                .leak();
        let reversed: &'static [Details] =
            vec![Details::DEFAULT, Details { retries: Some(9), ..Details::DEFAULT }].leak();
        let texts = ["a;\n", "", "b"];
        let files = "1_m.sql2_n.sql3_o.sql";
        let [first, second, third] = table::<3>(&texts, files, &records, Some(&REVERSE), special, reversed);
        let parts = |it: &super::Migration| (it.version().value(), it.file(), it.name(), it.sql());
        assert_eq!(parts(&first), (1, "1_m.sql", "m", "a;\n"));
        assert_eq!(parts(&second), (i64::MAX, "2_n.sql", "n", ""));
        assert_eq!(parts(&third), (3, "3_o.sql", "o", "b"));
        assert_eq!(first.checksum().as_bytes(), &[7; 32]);
        assert_eq!(first.sealing(), Sealing::Sealed);
        assert_eq!((first.details(), second.details(), third.details()), (&REVERSE, &special[0], &reversed[1]));
        let [plain] = table::<1>(&texts, files, &records, None, &[], &[]);
        assert_eq!(plain.details(), &DEFAULT);
    }

    #[test]
    fn a_text_of_another_length_than_was_read_does_not_fit() {
        let records = [record(1, 3, 0), record(2, 1, 0)].concat();
        assert!(fits(&["a;\n", "b"], &records));
        for texts in [&["a;\n", "bb"] as &[_], &["a;", "b"], &["a;\n"], &["a;\n", "b", ""], &[]] {
            assert!(!fits(texts, &records), "{texts:?}");
        }
    }

    #[test]
    fn numbers_that_do_not_fit_together_leave_the_rest_empty() {
        for records in [vec![], record(1, 1, 9).to_vec(), record(1, 1, 0)[1..].to_vec()] {
            let [one] = table::<1>(&["b"], "1_m.sql", &records, None, &[], &[]);
            assert_eq!((one.file(), one.sql(), one.version().value()), ("", "", 0));
        }
    }
}
