//! A set is baked into the program: it is there before `main`, it is never written to, and a start that finds everything
//! applied allocates no more than what the server sends.
//!
//! The counter of allocations is the allocator of the whole program, which is why these tests have one of their own.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]

use allocation_counter::{AllocationInfo, measure};
use graven::__private as private;
use graven::{Migration, Migrations, Outcome};
use graven_source::{Checksum, Version, digest};
use graven_testkit::Database;
use tokio::runtime::Builder;

const CONSTANT: Migrations = graven::embed_migrations!("fixtures/embed");

static STATIC: Migrations = graven::embed_migrations!("fixtures/embed");

graven::embed_migrations! {
    /// The set as an item.
    pub(crate) static ITEM = "fixtures/embed";
}

graven::embed_migrations!(static WITH_OPTIONS = "fixtures/empty", namespace = "web",);

/// What is computed when the program starts cannot be looked into by the compiler.
const _: () = {
    let migrations = CONSTANT.as_slice();
    assert!(migrations.len() == 9 && CONSTANT.len() == 9);
    let mut before = -1;
    let mut at = 0;
    while at < migrations.len() {
        let migration = &migrations[at];
        assert!(migration.version().value() > before, "versions ascend");
        before = migration.version().value();
        assert!(migration.file().len() > ".sql".len());
        assert!(migration.checksum().as_bytes()[0] != 0 || migration.checksum().as_bytes()[1] != 0);
        at += 1;
    }
    assert!(migrations[0].sql().as_bytes()[0] == b'c', "it begins with CREATE");
};

#[test]
fn a_set_is_the_same_as_a_constant_a_static_and_an_item() {
    let wanted: Vec<&Migration> = CONSTANT.iter().collect();
    assert_eq!(wanted.len(), 9);
    for set in [&STATIC, &ITEM] {
        assert_eq!(set.iter().collect::<Vec<_>>(), wanted);
    }
    assert!(WITH_OPTIONS.is_empty() && format!("{WITH_OPTIONS:?}").contains("namespace: \"web\""));
}

/// A program's constants lie in pages that it cannot write to. What is made at its start would lie in others.
#[cfg(target_os = "linux")]
#[test]
fn everything_of_a_set_lies_in_pages_that_cannot_be_written_to() {
    let first = &STATIC.as_slice()[0];
    let places = [
        ("the static", (&raw const STATIC).addr()),
        ("the migrations", STATIC.as_slice().as_ptr().addr()),
        ("the last migration", (&raw const *STATIC.iter().last().unwrap()).addr()),
        ("a file's name", first.file().as_ptr().addr()),
        ("a text", first.sql().as_ptr().addr()),
        ("an item", (&raw const ITEM).addr()),
    ];
    for (what, address) in places {
        let rights = rights(address).unwrap_or_else(|| panic!("{what} lies nowhere"));
        assert!(rights.starts_with("r-"), "{what}: {rights}");
    }
    let made_later = Box::new(0_u8);
    assert!(rights((&raw const *made_later).addr()).unwrap().starts_with("rw"), "what it looks at says nothing");
}

/// What may be done to the page of an address, as `proc_pid_maps(5)` says it: `r--p`, `rw-p`.
#[cfg(target_os = "linux")]
fn rights(address: usize) -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let bound = |digits| usize::from_str_radix(digits, 16).unwrap();
        (bound(start)..bound(end)).contains(&address).then(|| rest[..4].to_owned())
    })
}

#[test]
fn looking_into_a_set_allocates_nothing() {
    let looked = measure(|| {
        for migration in &STATIC {
            let found = STATIC.by_version(migration.version().value()).unwrap();
            assert!(found.name().len() < found.file().len());
            assert!(found.sql().len() < 10_000 && found.checksum() == migration.checksum());
        }
        assert!(STATIC.head().is_some());
    });
    assert_eq!(looked.count_total, 0, "{looked:?}");
    assert!(measure(|| drop(std::hint::black_box(Box::new(1_u8)))).count_total > 0, "nothing is counted");
}

#[test]
fn a_start_with_nothing_pending_allocates_what_comes_back_and_no_more_for_a_larger_set() {
    let [ten, hundred, thousand, many] = [10, 100, 1_000, 10_000].map(of_a_start);
    // Up to 128 migrations their rows come back: a few strings each.
    let (count, bytes) = between(&ten, &hundred);
    assert!(count <= 90 * 4 && bytes <= 90 * 1_000, "{ten:?}, {hundred:?}");
    // Beyond, the server says in one row that all is as it should be.
    let (count, bytes) = between(&thousand, &many);
    assert!(count <= 8 && bytes <= 1_000, "{thousand:?}, {many:?}");
    assert!(many.count_total < hundred.count_total && many.bytes_total < hundred.bytes_total, "{hundred:?}, {many:?}");
}

/// How many allocations and bytes lie between a start and another one.
fn between(one: &AllocationInfo, other: &AllocationInfo) -> (u64, u64) {
    (other.count_total.abs_diff(one.count_total), other.bytes_total.abs_diff(one.bytes_total))
}

/// What the second of two runs allocates, in a database where the first one has applied so many migrations.
fn of_a_start(migrations: u16) -> AllocationInfo {
    let database = Database::create().unwrap();
    let set = in_memory(migrations);
    // One thread: what the connection's task allocates is counted, too.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = database.connect().await.unwrap();
        assert_eq!(set.run(&mut client).await.unwrap().applied.len(), usize::from(migrations));
    });
    let start = || {
        let mut client = runtime.block_on(database.connect()).unwrap();
        measure(|| {
            let report = runtime.block_on(set.run(&mut client)).unwrap();
            assert_eq!((report.outcome, report.total), (Outcome::UpToDate, usize::from(migrations)));
        })
    };
    // What is made once and kept, such as the name of this host, is made by the first.
    start();
    start()
}

/// A set that no directory holds: the text of every migration is a comment that names its version.
fn in_memory(migrations: u16) -> Migrations {
    let text = |version: u16| format!("-- {version}");
    let checksum = |version: u16| Checksum::of_text(&text(version));
    let migration = |version: u16| {
        let (file, text, checksum) = (format!("{version:05}_m.sql"), text(version), checksum(version));
        let sealed = private::Sealing::Sealed;
        private::migration(version.into(), &file, (6, 7), sealed, text, checksum.as_bytes(), &private::DEFAULT)
    };
    let pair = |version: u16| (Version::new(version.into()).unwrap(), checksum(version));
    let digest = Box::leak(Box::new(digest::of((1..=migrations).map(pair), [])));
    let migrations: Vec<_> = (1..=migrations).map(migration).collect();
    private::with_digest(private::migrations(migrations.leak(), "migrations", None, None, ""), digest)
}
