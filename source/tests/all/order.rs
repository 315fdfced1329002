//! What is not sealed keeps its order, whatever needs another version.

use std::collections::BTreeMap;
use std::fs;

use graven_source::problem::Problem;
use graven_source::{Checksum, Version};
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::package::Package;
use crate::suggestions::moves;

/// A directory with these migrations, each with its name as its text. Of the sealed ones, those that are `gone` are not
/// there.
fn package(sealed: &[&str], others: &[&str], gone: &[&str]) -> Package {
    let package = Package::new(&[]);
    let name = |file: &str| file.split_once('_').expect("a version and a name").1.to_owned();
    let line = |file: &&str| format!("{} {}\n", file.replacen('_', " ", 1), Checksum::of_text(&name(file)));
    let lines: String = sealed.iter().map(line).collect();
    package.write("seal.lock", format!("head {}\n{lines}", Checksum::of_text(&lines)).as_bytes());
    for file in sealed.iter().filter(|file| !gone.contains(file)).chain(others) {
        package.write(&format!("{file}.sql"), name(file).as_bytes());
    }
    package
}

/// What `graven renumber` would rename, in order.
fn renamed(package: &Package) -> Vec<String> {
    let set = package.load().set;
    let files = set.renumberings.iter().flat_map(|one| &one.files);
    files.map(|file| format!("{} {}", file.from, file.to).replace(".sql", "")).collect()
}

/// What it is about, what is sealed, what is not, and what is renamed.
type Case = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);

#[test]
fn whatever_would_be_overtaken_goes_along_and_nothing_else_does() {
    let table: &[Case] = &[
        ("no room before the next", &["1_a", "2_m"], &["2_x", "3_y"], &["2_x 4_x", "3_y 5_y"]),
        ("all of a branch", &["2_m"], &["2_x", "3_y", "4_z"], &["2_x 5_x", "3_y 6_y", "4_z 7_z"]),
        ("room before the next", &["1_a", "4_m"], &["2_x", "6_y"], &["2_x 5_x"]),
        ("room for one of two", &["1_a", "4_m"], &["2_x", "3_w", "6_y"], &["2_x 7_x", "3_w 8_w", "6_y 9_y"]),
        ("room further on", &["1_a", "4_m"], &["2_x", "5_y", "8_z"], &["2_x 6_x", "5_y 7_y"]),
        ("nothing behind", &["1_a", "4_m"], &["2_x"], &["2_x 5_x"]),
        ("what lies before stays", &[], &["1_a", "2_a", "2_b", "3_c"], &["2_b 4_b", "3_c 5_c"]),
        ("two places", &[], &["1_a", "1_b", "4_c", "4_d", "5_e"], &["1_b 2_b", "4_d 6_d", "5_e 7_e"]),
        ("two branches with two each", &[], &["2_a", "2_b", "3_c", "3_d"], &["2_b 4_b", "3_c 5_c", "3_d 6_d"]),
        ("a reverse", &["2_m"], &["2_x", "3_y", "3_y.down"], &["2_x 4_x", "3_y 5_y", "3_y.down 5_y.down"]),
        ("leading zeros", &["0001_a", "0003_m"], &["0002_x", "20260101_y"], &["0002_x 0004_x"]),
        ("timestamps", &["20260131093000_m"], &["20260130_x", "20260205120000_y"], &["20260130_x 20260131093001_x"]),
        // One of the two is not meant, and would be all that is left of them.
        ("a twin of what would go along", &["2_m"], &["2_x", "3_y", "03_y"], &[]),
    ];
    for (what, sealed, others, wanted) in table {
        assert_eq!(renamed(&package(sealed, others, &[])), *wanted, "{what}");
    }
    let displaced = package(&["2_m"], &["7_m", "2_x", "3_y"], &["2_m"]);
    assert_eq!(renamed(&displaced), ["2_x 8_x", "3_y 9_y"]);
    let last = Version::MAX.to_string();
    let without_room = package(&[], &["2_a", "2_b", "3_c", &format!("{last}_z")], &[]);
    assert_eq!(renamed(&without_room), ["2_b 4_b", "3_c 5_c"]);
    let without_any_room = package(&[&format!("{last}_m")], &["2_a"], &[]);
    assert!(renamed(&without_any_room).is_empty());
}

#[test]
fn the_commands_for_all_that_go_together_are_said_once_with_the_last_one_first() {
    let help = |package: &Package| -> Vec<String> {
        let problems = package.load().problems.into_iter();
        problems.flat_map(|problem| problem.help).map(|help| help.replace("migrations/", "")).collect()
    };
    let sealed = package(&["1_a", "5_m"], &["2_x", "3_y", "3_y.down", "6_z"], &[]);
    let wanted = [
        "give it the next free version, and take along what comes after it, so that the order stays \
         (`mv` where git does not know it yet, or calls it conflicted):\n\
         git mv 6_z.sql 9_z.sql\n\
         git mv 3_y.sql 8_y.sql\n\
         git mv 3_y.down.sql 8_y.down.sql\n\
         git mv 2_x.sql 7_x.sql",
        "let `graven renumber 2` do that",
        "do what is said of 2_x.sql, which comes before it: this one goes along",
    ];
    assert_eq!(help(&sealed), wanted);
    let many = package(&["6_m"], &["1_a", "2_b", "3_c", "4_d", "5_e"], &[]);
    let wanted = [
        "give it the next free version, and take along what comes after it, so that the order stays: `graven renumber 1`",
        "do that by hand (`mv` where git does not know it yet, or calls it conflicted):\n\
         git mv 5_e.sql 11_e.sql\n\
         git mv 4_d.sql 10_d.sql\n\
         git mv 3_c.sql 9_c.sql\n\
         git mv 2_b.sql 8_b.sql\n\
         git mv 1_a.sql 7_a.sql",
    ];
    assert_eq!(help(&many)[..2], wanted);
    let displaced = package(&["2_m", "3_n"], &["2_x", "3_y"], &["2_m", "3_n"]);
    let wanted = [
        "give what is in its place the next free version (`mv` where git does not know it yet, or calls it conflicted), and take the \
         sealed one back:\n\
         git mv 3_y.sql 5_y.sql\n\
         git mv 2_x.sql 4_x.sql\n\
         git checkout HEAD -- 2_m.sql",
        "do what is said of 2_x.sql, with which goes what is in its place",
        "take it back: `git checkout HEAD -- 3_n.sql`",
    ];
    assert_eq!(help(&displaced), wanted);
}

/// The versions that the migrations have, by name.
fn versions(package: &Package) -> BTreeMap<String, i64> {
    let set = package.load().set;
    set.migrations.iter().map(|found| (found.name.clone(), found.version.value())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whoever_does_what_one_message_says_after_another_has_all_in_its_order(
        sealed in subsequence((1..12).map(|at| format!("{at}_s{at}")).collect::<Vec<_>>(), 0..5),
        others in subsequence(
            (1..12).flat_map(|at| [format!("{at}_a{at}"), format!("{at}_b{at}"), format!("{at}_b{at}.down")]).collect::<Vec<_>>(),
            0..12,
        ),
        choice in any::<u64>(),
    ) {
        let mut others = others;
        // Of a reverse without its migration another message tells.
        let there = others.clone();
        others.retain(|file| file.strip_suffix(".down").is_none_or(|forward| there.iter().any(|file| file == forward)));
        let sealed: Vec<&str> = sealed.iter().map(String::as_str).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let package = package(&sealed, &others, &[]);
        let directory = package.root().join("migrations");
        let before = versions(&package);
        let in_order = |now: &BTreeMap<String, i64>| {
            let unsealed = || before.iter().filter(|(name, _)| !name.starts_with('s'));
            unsealed().all(|(one, was)| unsealed().all(|(other, other_was)| was >= other_was || now[one] < now[other]))
        };
        for round in 0.. {
            let problems: Vec<Problem> = package.load().problems;
            let with_moves: Vec<_> = problems.iter().map(moves).filter(|moves| !moves.is_empty()).collect();
            if with_moves.is_empty() {
                prop_assert!(problems.is_empty(), "{:#?}", problems);
                break;
            }
            let at = usize::try_from(choice.rotate_left(round) % 1_000).unwrap() % with_moves.len();
            for (from, to) in &with_moves[at] {
                fs::rename(directory.join(from), directory.join(to)).unwrap();
                // Wherever it is left off.
                let now = versions(&package);
                prop_assert!(in_order(&now), "{:?} became {:?} by {:?}", before, now, with_moves[at]);
            }
        }
    }
}
