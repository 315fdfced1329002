//! A directory against its seal file.

use graven_source::Checksum;
use graven_source::set::{Sealing, unsealed_release};

use crate::package::Package;

/// A seal file of these lines, in which `{}` after a name is the checksum of a text: `("0001 a", "text")`.
fn seal(lines: &[(&str, Option<&str>)]) -> String {
    let mut below = String::new();
    for (line, text) in lines {
        match text {
            Some(text) => below.push_str(&format!("{line} {}\n", Checksum::of_text(text))),
            None => below.push_str(&format!("{line} unsealed\n")),
        }
    }
    format!("head {}\n{below}", Checksum::of_text(&below))
}

#[test]
fn what_is_sealed_must_be_there_as_it_was_and_what_is_new_must_come_after_it() {
    type Files = &'static [(&'static str, &'static str)];
    type Lines = &'static [(&'static str, Option<&'static str>)];
    type Broken = &'static [(&'static str, &'static str)];
    let table: &[(&str, Files, Lines, Broken)] = &[
        ("unchanged", &[("1_a.sql", "A")], &[("1 a", Some("A"))], &[]),
        ("another spelling of the version", &[("0001_a.up.sql", "A")], &[("1 a", Some("A"))], &[]),
        ("a new one after it", &[("1_a.sql", "A"), ("2_b.sql", "B")], &[("1 a", Some("A"))], &[]),
        ("an announced one that is edited", &[("1_a.sql", "X")], &[("1 a", None)], &[]),
        ("an announced one that is gone", &[], &[("1 a", None)], &[]),
        ("edited", &[("1_a.sql", "X")], &[("1 a", Some("A"))], &[("sealed-edited", "1_a.sql")]),
        ("renamed", &[("1_b.sql", "A")], &[("1 a", Some("A"))], &[("sealed-renamed", "1_b.sql")]),
        ("deleted", &[], &[("1 a", Some("A"))], &[("sealed-deleted", "1_a.sql")]),
        ("replaced by another", &[("1_b.sql", "B")], &[("1 a", Some("A"))], &[("sealed-deleted", "1_a.sql")]),
        (
            "given another version",
            &[("2_a.sql", "A"), ("3_c.sql", "C")],
            &[("1 a", Some("A")), ("3 c", Some("C"))],
            &[("sealed-deleted", "1_a.sql")],
        ),
        (
            "inserted below the sealed head",
            &[("1_a.sql", "A"), ("2_b.sql", "B"), ("3_c.sql", "C")],
            &[("1 a", Some("A")), ("2 b", None), ("3 c", Some("C"))],
            &[("inserted-before-seal", "2_b.sql")],
        ),
        (
            "two that took each other's version",
            &[("1_b.sql", "B"), ("2_a.sql", "A")],
            &[("1 a", Some("A")), ("2 b", Some("B"))],
            &[("sealed-deleted", "1_a.sql"), ("sealed-deleted", "2_b.sql")],
        ),
        (
            "given another version, and its own taken",
            &[("3_b.sql", "B"), ("4_a.sql", "A")],
            &[("3 a", Some("A"))],
            &[("sealed-deleted", "3_a.sql")],
        ),
        (
            "one of two of a version below the sealed head is said once to be there twice",
            &[("1_a.sql", "A"), ("1_b.sql", "B"), ("3_c.sql", "C")],
            &[("3 c", Some("C"))],
            &[("inserted-before-seal", "1_a.sql"), ("inserted-before-seal", "1_b.sql")],
        ),
        (
            "its reverse is awaited while it is renamed",
            &[("1_b.sql", "A"), ("1_a.down.sql", "X")],
            &[("1 a", Some("A"))],
            &[("sealed-renamed", "1_b.sql")],
        ),
        (
            "the newer of two of one version is the one that is not sealed",
            &[("0001_a.sql", "A"), ("1_z.sql", "Z")],
            &[("1 z", Some("Z"))],
            &[("duplicate-version", "0001_a.sql")],
        ),
        (
            "an unreadable one is not also said to be gone",
            &[("1_a.sql", "A\0")],
            &[("1 a", Some("A"))],
            &[("nul-byte", "1_a.sql:1")],
        ),
        (
            "a baseline is sealed, a reverse and a repeatable are not",
            &[("1_a.sql", "A"), ("1_a.down.sql", "X"), ("1_all.baseline.sql", "X"), ("r.repeatable.sql", "X")],
            &[("1 a", Some("A")), ("1 all.baseline", Some("ALL"))],
            &[("sealed-edited", "1_all.baseline.sql")],
        ),
        (
            "a baseline may be added below the sealed head",
            &[("1_a.sql", "A"), ("1_all.baseline.sql", "ALL"), ("2_b.sql", "B")],
            &[("1 a", Some("A")), ("2 b", Some("B"))],
            &[],
        ),
    ];
    for (what, files, lines, wanted) in table {
        let package = Package::new(files);
        package.write("seal.lock", seal(lines).as_bytes());
        let wanted: Vec<_> = wanted.iter().map(|(rule, file)| (*rule, format!("migrations/{file}"))).collect();
        assert_eq!(package.broken(), wanted, "{what}");
    }
}

#[test]
fn a_damaged_seal_file_vouches_for_nothing_and_nothing_is_said_to_be_edited() {
    let package = Package::new(&[("1_a.sql", "X")]);
    package.write("seal.lock", seal(&[("1 a", Some("A"))]).replace("head sha256:", "head sha256:0").as_bytes());
    assert_eq!(package.broken(), [("seal-damaged", "migrations/seal.lock:1:1".to_owned())]);
    assert_eq!(package.load().set.seal, None);
}

#[test]
fn while_the_seal_file_is_damaged_no_version_is_given_away() {
    let package = Package::new(&[("1_a.sql", "A"), ("1_b.sql", "B"), ("init.sql", "C")]);
    let sealed = seal(&[("1 b", Some("B")), ("2 gone", Some("X"))]);
    package.write("seal.lock", sealed.replace("head sha256:", "head sha256:0").as_bytes());
    let loaded = package.load();
    let help: Vec<_> = loaded.problems.iter().map(|problem| problem.help.concat()).collect();
    assert!(help.iter().all(|help| !help.contains("git mv")), "{help:?}");
    assert!(help.contains(&"mend the seal file first, which says which of them keeps its version".to_owned()));
    assert_eq!((loaded.set.renumberings.len(), loaded.set.next_version), (0, None));
    // Where a merge left it so that it can be mended, that is gone by.
    package.write("seal.lock", format!("{sealed}3 init unsealed\n").as_bytes());
    let help: String = package.load().problems.iter().flat_map(|problem| problem.help.clone()).collect();
    assert!(help.contains("git mv migrations/1_a.sql migrations/4_a.sql"), "{help}");
    assert!(help.contains("git mv migrations/init.sql migrations/5_init.sql"), "{help}");
}

#[test]
fn older_checksums_are_carried_along() {
    let package = Package::new(&[("1_a.sql", "A"), ("2_b.sql", "B")]);
    let line = format!("1 a {} was {}\n", Checksum::of_text("A"), Checksum::of_text("older"));
    package.write("seal.lock", format!("head {}\n{line}", Checksum::of_text(&line)).as_bytes());
    let set = package.load().set;
    assert_eq!(set.migrations[0].sealing, Sealing::Sealed);
    assert_eq!(set.migrations[0].was, [Checksum::of_text("older")]);
    assert_eq!(set.migrations[1].sealing, Sealing::Unsealed);
}

#[test]
fn a_release_is_told_the_lines_that_would_seal_it_and_they_do_even_as_they_are_printed() {
    let package = Package::new(&[("0001_a.sql", "A"), ("0002_b.sql", "B"), ("seal.lock", "")]);
    let problem = unsealed_release(&package.load().set).unwrap();
    assert_eq!(problem.message, "2 migrations are not sealed (1 to 2), and this is a release build");
    let rendered = package.render(&problem);
    let (_, lines) = rendered.split_once("in place of all that stands there:\n").unwrap();
    let (lines, _) = lines.split_once("\nrule:").unwrap();
    assert!(lines.starts_with("      # "), "{lines}");
    package.write("seal.lock", lines.as_bytes());
    let loaded = package.load();
    assert_eq!(loaded.problems, []);
    assert_eq!(unsealed_release(&loaded.set), None);
}

#[test]
fn a_long_seal_file_is_not_printed_whole_for_one_new_migration() {
    let names: Vec<String> = (1..=40).map(|at| format!("{at:04}_m.sql")).collect();
    let package = Package::new(&names.iter().map(|name| (name.as_str(), "A")).collect::<Vec<_>>());
    let lines: Vec<String> = (1..=39).map(|at| format!("{at:04} m")).collect();
    let lines: Vec<_> = lines.iter().map(|line| (line.as_str(), Some("A"))).collect();
    package.write("seal.lock", seal(&lines).as_bytes());
    let problem = unsealed_release(&package.load().set).unwrap();
    assert_eq!(problem.message, "migration 40 is not sealed, and this is a release build");
    let wanted = Checksum::of_text("A");
    assert!(problem.help.last().unwrap().ends_with(&format!("\n0040 m {wanted}")));
    assert_eq!(problem.help.last().unwrap().lines().count(), 3);
}

#[test]
fn the_range_of_what_is_not_sealed_is_that_of_its_versions_where_baselines_stand_behind() {
    let files = [("5_e.sql", "E"), ("6_f.sql", "F"), ("5_all.baseline.sql", "E"), ("seal.lock", "")];
    let message = |files: &[(&str, &str)]| unsealed_release(&Package::new(files).load().set).unwrap().message;
    assert_eq!(message(&files), "2 migrations and 1 baseline are not sealed (5 to 6), and this is a release build");
    let package = Package::new(&[("1_a.sql", "A"), ("1_all.baseline.sql", "A"), ("seal.lock", "")]);
    let problem = unsealed_release(&package.load().set).unwrap();
    assert_eq!(problem.message, "1 migration and 1 baseline are not sealed (1), and this is a release build");
}
