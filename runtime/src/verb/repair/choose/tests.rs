//! What a repair changes is a pure function: a table of sets, histories and what was asked for.

use graven_source::{Checksum, Version};

use super::{Refused, choose, differences};
use crate::history::{Doubt, Progress, Record};
use crate::migrations::{Migration, Sealing};
use crate::verb::repair::Repair;

fn version(number: i64) -> Version {
    Version::new(number).expect("not negative")
}

/// Migrations of that name and checksum.
fn set(numbers: &[i64]) -> &'static [Migration] {
    let migration = |number: &i64| Migration {
        version: version(*number),
        embedded: b"1_m.sqlSELECT 1",
        file: 7,
        name: (2, 3),
        sealing: Sealing::Sealed,
        checksum: [7; 32],
        details: None,
    };
    numbers.iter().map(migration).collect::<Vec<_>>().leak()
}

fn row(number: i64, name: &str, checksum: u8) -> Record {
    Record {
        version: Some(version(number)),
        name: name.to_owned(),
        kind: "versioned".to_owned(),
        checksum: Checksum::from_bytes([checksum; 32]),
        progress: Progress::Applied,
        format: 1,
        started_by: None,
        origin: None,
    }
}

fn started(number: i64) -> Record {
    Record { progress: Progress::Started { done: 0, total: 2, doubt: Doubt::InDoubt }, ..row(number, "m", 7) }
}

fn without_version() -> Record {
    Record { version: None, ..row(1, "views", 9) }
}

/// The versions that would be changed, or what refuses: a state and a version each, or a version that nobody knows.
fn chosen(history: &[Record], repair: &Repair) -> Result<Vec<i64>, String> {
    match choose(set(&[1, 2, 3, 4]), history, repair) {
        Ok(chosen) => Ok(chosen.iter().map(|chosen| chosen.migration.version.value()).collect()),
        Err(Refused::NoSuchVersion(version)) => Err(format!("unknown {version}")),
        Err(Refused::Conflicts(conflicts)) => {
            let words =
                conflicts.iter().map(|it| format!("{} {}", it.state(), it.version().map_or(-1, Version::value)));
            Err(words.collect::<Vec<_>>().join(", "))
        }
    }
}

#[test]
fn what_is_asked_for_is_chosen_and_what_has_another_way_out_is_refused() {
    let history = [
        row(1, "m", 7),
        row(2, "m", 9),
        row(3, "other", 7),
        // Below the head and in the history only; above it; without a version.
        row(0, "m", 7),
        row(9, "m", 7),
        without_version(),
    ];
    let of = |versions: &[i64]| Repair::Versions(versions.to_vec());
    let ok = |versions: &[i64]| Ok(versions.to_vec());
    let refused = |words: &str| Err(words.to_owned());
    for (repair, expected) in [
        (Repair::All, ok(&[2, 3])),
        (of(&[]), ok(&[])),
        (of(&[2]), ok(&[2])),
        (of(&[3, 2, 3]), ok(&[2, 3])),
        // It agrees, or is pending: there is nothing to accept.
        (of(&[1, 4]), ok(&[])),
        (of(&[2, 0]), refused("orphaned 0")),
        (of(&[9, 0]), refused("orphaned 0, future 9")),
        (of(&[2, 7]), refused("unknown 7")),
        (of(&[-1]), refused("unknown -1")),
    ] {
        assert_eq!(chosen(&history, &repair), expected, "{repair:?}");
    }
    assert_eq!(differences(set(&[1, 2, 3, 4]), &history).len(), 2);
}

#[test]
fn another_migration_altogether_must_be_named() {
    let history = [row(1, "m", 9), row(2, "other", 9)];
    assert_eq!(chosen(&history, &Repair::All), Err("modified 2".to_owned()));
    assert_eq!(chosen(&history, &Repair::Versions(vec![1, 2])), Ok(vec![1, 2]));
}

#[test]
fn what_is_incomplete_is_passed_over_unless_it_is_named() {
    let history = [row(1, "m", 9), started(2)];
    assert_eq!(chosen(&history, &Repair::All), Ok(vec![1]));
    assert_eq!(chosen(&history, &Repair::Versions(vec![2])), Err("incomplete 2".to_owned()));
}
