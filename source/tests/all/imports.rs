//! Migrations of other tools: what is suggested of their names keeps them what they are, and in their order.

use std::collections::BTreeSet;
use std::fs;

use graven_source::problem::Problem;
use proptest::prelude::*;

use crate::package::Package;
use crate::suggestions::moves;

/// Does what the problems suggest.
fn follow(package: &Package, problems: &[Problem]) {
    let directory = package.root().join("migrations");
    for (from, to) in problems.iter().flat_map(moves) {
        assert!(!directory.join(&to).exists(), "{to} is there");
        fs::rename(directory.join(from), directory.join(to)).unwrap();
    }
}

/// The names of all files, sorted.
fn files(package: &Package) -> Vec<String> {
    let entries = fs::read_dir(package.root().join("migrations")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "seal.lock").collect::<BTreeSet<_>>().into_iter().collect()
}

#[test]
fn versions_with_dots_are_numbered_anew_in_their_order() {
    let package = Package::new(&[
        ("V1__a.sql", ""),
        ("V1.1__b.sql", ""),
        ("U1.1__b.sql", ""),
        ("V1_2__c.sql", ""),
        ("V2__d.sql", ""),
        ("U2__d.sql", ""),
        ("V10__e.sql", ""),
        ("V1.10__f.sql", ""),
        ("B2__base.sql", ""),
        ("R__views.sql", ""),
        ("init.sql", ""),
        ("seal.lock", ""),
    ]);
    let problems = package.load().problems;
    let is_told = |problem: &&Problem| problem.notes.iter().any(|note| note.contains("rename all of them"));
    assert_eq!(problems.iter().filter(is_told).count(), 7, "{problems:#?}");
    follow(&package, &problems);
    assert_eq!(package.rendered(), Vec::<String>::new());
    assert_eq!(
        files(&package),
        [
            "0001_a.sql",
            "0002_b.down.sql",
            "0002_b.sql",
            "0003_c.sql",
            "0004_f.sql",
            "0005_base.baseline.sql",
            "0005_d.down.sql",
            "0005_d.sql",
            "0006_e.sql",
            "0007_init.sql",
            "views.repeatable.sql",
        ]
    );
}

#[test]
fn a_version_with_dots_gets_no_other_one_where_something_that_stays_would_come_before_it() {
    // Above all that stays there is room.
    let package = Package::new(&[("0003_a.sql", ""), ("V3.1__b.sql", ""), ("V4__c.sql", ""), ("seal.lock", "")]);
    follow(&package, &package.load().problems);
    assert_eq!(files(&package), ["0003_a.sql", "0004_b.sql", "0005_c.sql"]);

    let package = Package::new(&[("0003_a.sql", ""), ("V2.1__b.sql", ""), ("V4__c.sql", ""), ("seal.lock", "")]);
    let problems = package.load().problems;
    let dotted = problems.iter().find(|problem| problem.path.ends_with("V2.1__b.sql")).unwrap();
    assert!(dotted.help.len() == 1 && dotted.help[0].contains("in their order: a version is an integer"), "{dotted:?}");
    follow(&package, &problems);
    assert_eq!(files(&package), ["0003_a.sql", "4_c.sql", "V2.1__b.sql"]);

    // What is sealed nobody can tell: no number is free for certain.
    let package = Package::new(&[("V2.1__b.sql", ""), ("seal.lock", "no line of one\n")]);
    assert!(package.load().problems.iter().all(|problem| moves(problem).is_empty()));
}

/// Under the name of another one, it would take back what nobody meant.
#[test]
fn a_reverse_with_dots_goes_with_the_migration_of_its_version() {
    let package = Package::new(&[
        ("V1.1__fix.sql", ""),
        ("V1.2__fix.sql", "select 2;\n"),
        ("U1.1__fix.sql", "select 11;\n"),
        ("U1.2__fix.sql", "select 12;\n"),
        ("seal.lock", ""),
    ]);
    let mut moved: Vec<(String, String)> = package.load().problems.iter().flat_map(moves).collect();
    moved.sort();
    let expected = [
        ("U1.1__fix.sql", "0001_fix.down.sql"),
        ("U1.2__fix.sql", "0002_fix.down.sql"),
        ("V1.1__fix.sql", "0001_fix.sql"),
        ("V1.2__fix.sql", "0002_fix.sql"),
    ];
    assert_eq!(moved, expected.map(|(from, to)| (from.to_owned(), to.to_owned())));

    let package = Package::new(&[("0001_x.sql", ""), ("U2.1__x.sql", ""), ("seal.lock", "")]);
    assert!(package.load().problems.iter().all(|problem| moves(problem).is_empty()));
}

/// Flyway takes a migration back with `U2__name.sql`, and refinery applies it.
#[test]
fn what_has_two_meanings_is_told_both() {
    let package = Package::new(&[("0001_a.sql", ""), ("U2__b.sql", ""), ("seal.lock", "")]);
    let problems = package.load().problems;
    assert_eq!(problems.len(), 1, "{problems:#?}");
    for tool in ["Flyway", "refinery"] {
        assert!(problems[0].message.contains(tool), "{:?}", problems[0]);
        assert!(problems[0].help.iter().any(|help| help.contains(tool)), "{:?}", problems[0]);
    }
}

/// `git mv` leaves the folder behind whose files it moves out.
#[test]
fn a_layout_of_diesel_is_done_with_once_its_files_are_out() {
    let package = Package::new(&[("seal.lock", "")]);
    let folder = package.root().join("migrations/2024-01-01-000000_x");
    fs::create_dir(&folder).unwrap();
    for file in ["up.sql", "down.sql"] {
        fs::write(folder.join(file), "select 1;").unwrap();
    }
    follow(&package, &package.load().problems);
    assert!(folder.is_dir());
    assert_eq!(package.rendered(), Vec::<String>::new());
    // What is in it would be passed over.
    fs::write(folder.join("notes"), "").unwrap();
    assert_eq!(package.broken(), [("stray-file", "migrations/2024-01-01-000000_x".to_owned())]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn versions_of_any_parts_keep_their_order(versions in proptest::collection::btree_set([1_u8..12, 0..3, 0..12], 1..12)) {
        let package = Package::new(&[("seal.lock", "")]);
        for version in &versions {
            let mut parts = version.to_vec();
            while parts.pop_if(|part| *part == 0).is_some() {}
            let spelt: Vec<String> = parts.iter().map(u8::to_string).collect();
            let letters: String = version.iter().map(|part| char::from(b'a' + part)).collect();
            package.write(&format!("V{}__{letters}.sql", spelt.join(".")), b"");
        }
        follow(&package, &package.load().problems);
        let loaded = package.load();
        prop_assert_eq!(&loaded.problems, &[]);
        let names: Vec<_> = loaded.set.migrations.iter().map(|found| found.name.clone()).collect();
        prop_assert!(names.is_sorted() && names.len() == versions.len(), "{:?}", names);
    }
}
