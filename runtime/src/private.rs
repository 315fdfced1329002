//! What the expansion of `embed_migrations!` calls. Not public API: the macro of the very same version calls it.

use std::time::Duration;

use graven_source::{Kind, Version};

pub use graven_macros::{embed, refuse_unsealed};

pub use crate::migrations::{Details, Effect, Migration, Migrations, Repeatable, Sealing, Transaction, Unit};

/// A whole set.
#[must_use]
pub const fn migrations(
    migrations: &'static [Migration],
    directory: &'static str,
    built_from: Option<&'static str>,
    history: Option<&'static str>,
    namespace: &'static str,
) -> Migrations {
    let (baselines, repeatables): (&[Migration], &[Repeatable]) = (&[], &[]);
    Migrations {
        migrations,
        baselines,
        repeatables,
        directory,
        built_from,
        package: None,
        history,
        namespace,
        digest: None,
        seal: None,
    }
}

/// The same set with its baselines, ascending by version.
#[must_use]
pub const fn with_baselines(set: Migrations, baselines: &'static [Migration]) -> Migrations {
    Migrations { baselines, ..set }
}

/// The same set with its repeatables, in order of the bytes of their names.
#[must_use]
pub const fn with_repeatables(set: Migrations, repeatables: &'static [Repeatable]) -> Migrations {
    Migrations { repeatables, ..set }
}

/// The same set with the name of the package whose code holds it.
#[must_use]
pub const fn with_package(set: Migrations, package: Option<&'static str>) -> Migrations {
    Migrations { package, ..set }
}

/// The same set with the digest over all of it. Without one, all rows are asked for at each start.
#[must_use]
pub const fn with_digest(set: Migrations, digest: &'static [u8; 32]) -> Migrations {
    Migrations { digest: Some(digest), ..set }
}

/// The same set with what the `head` of its seal file says.
#[must_use]
pub const fn with_seal(set: Migrations, digest: &'static [u8; 32]) -> Migrations {
    Migrations { seal: Some(digest), ..set }
}

/// Where the numbers of a migration lie in the 64 bits that the macro writes for it: the length of its SQL, where in the
/// file's name the name begins and ends, how long the file's name is, and whether it is sealed.
const LENGTH: u64 = 0xffff_ffff;
const START: u32 = 32;
const END: u32 = 42;
const FILE: u32 = 52;
const PLACE: u64 = 0x3ff;
const SEALED: u32 = 62;

/// What is embedded of migrations.
#[derive(Clone, Copy, Debug)]
pub enum Texts<'t, const N: usize> {
    /// All of them small: each file's name, and its text behind it.
    Strings(&'t [&'static str; N]),
    /// One of them large, of which it is the text alone: see [`of_large_file`].
    Bytes(&'t [&'static [u8]; N]),
}

const TORN: &str = "a migration was written to while it was being compiled: build again";

/// The migrations of a set, or its reverses. `checksums` holds 32 bytes for each. `which` says whose details are whose: 0
/// is `plain`, 1 the first one of `special`, and so on, those of `reversed` after them; if it is empty, all are plain.
///
/// The compiler evaluates this anew whenever a migration has changed, and a call costs it microseconds where an index
/// costs it nanoseconds: hence arrays, numbers that are shifted, and one call in the loop.
///
/// # Panics
///
/// At compile time, if a text has not the length that it had when the macro read it and took its checksum: the compiler
/// reads the file once more, and in between somebody has written to it.
#[allow(clippy::too_many_arguments)]
#[must_use]
pub const fn table<const N: usize>(
    texts: Texts<'_, N>,
    versions: &[i64; N],
    numbers: &[u64; N],
    checksums: &[u8],
    which: &[u32],
    plain: Option<&'static Details>,
    special: &'static [Details],
    reversed: &'static [Details],
) -> [Migration; N] {
    let (checksums, _) = checksums.as_chunks();
    let is_plain = which.is_empty();
    let specials = special.len();
    let mut table = [const { EMPTY }; N];
    let mut at = 0;
    while at < N {
        let embedded = match texts {
            Texts::Strings(texts) => texts[at].as_bytes(),
            Texts::Bytes(texts) => texts[at],
        };
        let numbers = numbers[at];
        let file = numbers >> FILE & PLACE;
        assert!(embedded.len() as u64 == file + (numbers & LENGTH), "{}", TORN);
        table[at] = Migration {
            version: version_of(versions[at]),
            embedded,
            file: file as u16,
            name: ((numbers >> START & PLACE) as u16, (numbers >> END & PLACE) as u16),
            sealing: if numbers >> SEALED & 1 == 1 { Sealing::Sealed } else { Sealing::Unsealed },
            checksum: checksums[at],
            details: if is_plain || which[at] == 0 {
                plain
            } else if which[at] as usize <= specials {
                Some(&special[which[at] as usize - 1])
            } else {
                Some(&reversed[which[at] as usize - specials - 1])
            },
        };
        at += 1;
    }
    table
}

const EMPTY: Migration = Migration {
    version: Version::ZERO,
    embedded: &[],
    file: 0,
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
    sql: impl AsRef<str>,
    checksum: &[u8; 32],
    details: &'static Details,
) -> Migration {
    let mut embedded: String = file.into();
    // No file system knows names that do not fit.
    let file = u16::try_from(embedded.len()).unwrap_or(u16::MAX);
    embedded.push_str(sql.as_ref());
    Migration {
        version: version_of(version),
        embedded: embedded.leak().as_bytes(),
        file,
        name,
        sealing,
        checksum: *checksum,
        details: Some(details).filter(|details| **details != Details::DEFAULT),
    }
}

/// A repeatable. `embedded` is its file's name, which takes the first `file` bytes and begins with `name` of its own, and its
/// text behind it.
#[must_use]
pub const fn repeatable(
    embedded: &'static str,
    file: u16,
    name: u16,
    checksum: &[u8; 32],
    details: &'static Details,
) -> Repeatable {
    Repeatable(Migration {
        version: Version::ZERO,
        embedded: embedded.as_bytes(),
        file,
        name: (0, name),
        // It is meant to change.
        sealing: Sealing::Unsealed,
        checksum: *checksum,
        details: Some(details),
    })
}

/// What a migration without directives has.
pub static DEFAULT: Details = Details::DEFAULT;

/// What a reverse without directives has.
pub static REVERSE: Details = of_reverse(Details::DEFAULT);

/// What a baseline without directives has.
pub static BASELINE: Details = of_baseline(Details::DEFAULT);

/// What a repeatable without directives has.
pub static REPEATABLE: Details = of_repeatable(Details::DEFAULT);

/// The same, of a baseline.
#[must_use]
pub const fn of_baseline(details: Details) -> Details {
    Details { kind: Kind::Baseline, ..details }
}

/// The same, of a repeatable.
#[must_use]
pub const fn of_repeatable(details: Details) -> Details {
    Details { kind: Kind::Repeatable, ..details }
}

/// The same, of a reverse.
#[must_use]
pub const fn of_reverse(details: Details) -> Details {
    Details { kind: Kind::Reverse, ..details }
}

/// The same, of a large file of that name: to put the name before its text would have the compiler copy all of it.
#[must_use]
pub const fn of_large_file(details: Details, file: &'static &'static str) -> Details {
    Details { file: Some(file), ..details }
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
    use super::{
        DEFAULT, Details, END, FILE, Migration, REVERSE, SEALED, START, Sealing, Texts, details, of_large_file, table,
        unit,
    };
    use crate::migrations::{Effect, Transaction};

    /// What the macro writes for a migration `1_m.sql` whose SQL is so long.
    fn numbers(length: u64, sealed: u64) -> u64 {
        length | 2 << START | 3 << END | 7 << FILE | sealed << SEALED
    }

    #[test]
    fn a_table_is_taken_apart_as_the_macro_put_it_together() {
        let units = vec![unit(0, 1, Effect::Ordinary)].leak();
        let special: &'static [Details] = vec![details(Transaction::Off, None, None, None, &[], &[], units)].leak();
        let reversed: &'static [Details] =
            vec![Details::DEFAULT, Details { retries: Some(9), ..Details::DEFAULT }].leak();
        let texts = ["1_m.sqla;\n", "2_n.sql", "3_o.sql—"];
        let numbers = [numbers(3, 1), numbers(0, 0), numbers(3, 1)];
        let checksums = [[7; 32], [8; 32], [9; 32]].concat();
        let versions = [1, i64::MAX, 3];
        let made = |texts| -> [Migration; 3] {
            table(texts, &versions, &numbers, &checksums, &[0, 1, 3], Some(&REVERSE), special, reversed)
        };
        let [first, second, third] = made(Texts::Strings(&texts));
        let of_bytes = made(Texts::Bytes(&texts.map(str::as_bytes)));
        assert_eq!([&first, &second, &third], of_bytes.each_ref());
        let parts = |it: &Migration| (it.version().value(), it.file(), it.name(), it.sql(), it.sealing());
        assert_eq!(parts(&first), (1, "1_m.sql", "m", "a;\n", Sealing::Sealed));
        assert_eq!(parts(&second), (i64::MAX, "2_n.sql", "n", "", Sealing::Unsealed));
        assert_eq!(parts(&third), (3, "3_o.sql", "o", "—", Sealing::Sealed));
        assert_eq!([&first, &second, &third].map(|it| it.checksum().as_bytes()[31]), [7, 8, 9]);
        assert_eq!((first.details(), second.details(), third.details()), (&REVERSE, &special[0], &reversed[1]));
        let plain = table(Texts::Strings(&texts), &versions, &numbers, &checksums, &[], None, &[], &[]);
        assert!(plain.iter().all(|it| *it.details() == DEFAULT));
    }

    #[test]
    #[should_panic = "a migration was written to while it was being compiled: build again"]
    fn a_text_of_another_length_than_was_read_is_refused() {
        let texts = Texts::Strings(&["1_m.sqlbb"]);
        let _: [Migration; 1] = table(texts, &[1], &[numbers(1, 1)], &[0; 32], &[], None, &[], &[]);
    }

    #[test]
    fn a_large_file_has_its_name_elsewhere() {
        let special: &'static [Details] = vec![of_large_file(Details::DEFAULT, &"1_m.sql")].leak();
        let texts = Texts::Bytes(&[b"a;".as_slice()]);
        let numbers = 2 | 2 << START | 3 << END;
        let [large] = table(texts, &[1], &[numbers], &[0; 32], &[1], None, special, &[]);
        assert_eq!((large.file(), large.name(), large.sql()), ("1_m.sql", "m", "a;"));
    }

    #[test]
    #[should_panic = "a migration was written to while it was being compiled: build again"]
    fn a_large_file_of_another_length_than_was_read_is_refused() {
        let special: &'static [Details] = vec![of_large_file(Details::DEFAULT, &"1_m.sql")].leak();
        let texts = Texts::Bytes(&[b"a;\n".as_slice()]);
        let _: [Migration; 1] = table(texts, &[1], &[2 | 2 << START | 3 << END], &[0; 32], &[1], None, special, &[]);
    }

    /// A pointer costs 24 bytes of relocation beside these.
    #[test]
    fn a_migration_is_72_bytes_in_a_program() {
        assert_eq!(size_of::<Migration>(), 64 + size_of::<usize>());
    }
}
