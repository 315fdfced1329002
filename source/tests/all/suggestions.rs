//! What the messages of one build say to type: all of it can be done, in any order, and then every migration has its
//! place.

use std::collections::BTreeSet;
use std::fs;

use graven_source::Checksum;
use graven_source::problem::Problem;
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::package::Package;

/// Names that get into each other's way.
const NAMES: [&str; 34] = [
    "1_a.sql",
    "0001_b.sql",
    "1_b.down.sql",
    "01_a.sql",
    "V1__a.sql",
    "V1__c.sql",
    "U1__c.down.sql",
    "V2__b.sql",
    "1-d.sql",
    "2_b.sql",
    "2_b.down.sql",
    "2_c.sql",
    "002_c.down.sql",
    "2_d.up.sql",
    "3_e.sql",
    "3_a.sql",
    "3_a.down.sql",
    "4_f.sql",
    "5_f.down.sql",
    "V9__g.sql",
    "9_h.sql",
    "init.sql",
    "init.down.sql",
    "init.up.sql",
    "1.2_x.sql",
    "R__views.sql",
    "99999999999999999999_big.sql",
    "99999999999999999999_big.down.sql",
    "10_a.sql",
    "10_z.down.sql",
    "2_base.baseline.sql",
    "3_hall.baseline.sql",
    "5_base.baseline.sql",
    "9_hall.baseline.sql",
];

/// The commands of the first way out that has some, as pairs of names.
pub(crate) fn moves(problem: &Problem) -> Vec<(String, String)> {
    let help = problem.help.iter().find(|help| help.contains("git mv ")).map(String::as_str).unwrap_or_default();
    let commands = help.split(['\n', '`']).filter_map(|line| line.strip_prefix("git mv "));
    let name = |path: &str| path.strip_prefix("migrations/").expect(help).to_owned();
    commands.map(|pair| pair.split_once(' ').expect(help)).map(|(from, to)| (name(from), name(to))).collect()
}

/// A seal file that has these files sealed, each with its name as its text.
fn seal(sealed: &BTreeSet<(u64, &str)>) -> String {
    let lines: String = sealed
        .iter()
        .map(|(version, name)| format!("{version} {name} {}\n", Checksum::of_text(name.trim_end_matches(".baseline"))))
        .collect();
    format!("head {}\n{lines}", Checksum::of_text(&lines))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn all_that_is_suggested_fits_together_in_any_order(
        (files, shuffled) in subsequence(&NAMES, 0..12).prop_flat_map(|files| (Just(files), any::<u64>())),
        sealed in subsequence(&[(1_u64, "a"), (2, "b"), (2, "base.baseline"), (3, "e"), (4, "q"), (9, "h"), (9, "hall.baseline")], 0..5),
    ) {
        let package = Package::new(&[]);
        // No baseline is sealed without the migration of its version.
        let mut sealed: BTreeSet<_> = sealed.into_iter().collect();
        let versions: Vec<u64> = sealed.iter().filter(|(_, name)| !name.ends_with(".baseline")).map(|(it, _)| *it).collect();
        sealed.retain(|(version, _)| versions.contains(version));
        for file in &files {
            // Its text is its name, so that one that was sealed is known wherever it is.
            let stem = file.split('.').next().unwrap_or_default();
            package.write(file, stem.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).as_bytes());
        }
        package.write("seal.lock", seal(&sealed).as_bytes());
        let problems = package.load().problems;
        // Only a person can say which of two files of one version and one name is meant.
        let are_twins = |problem: &Problem| {
            problem.rule.id == "duplicate-version" && problem.help[0].starts_with("delete the one that is not ")
        };
        let has_twins = problems.iter().any(are_twins);
        let mut moves: Vec<_> = problems.iter().flat_map(moves).collect();
        let sources: BTreeSet<_> = moves.iter().map(|(from, _)| from.clone()).collect();
        let targets: BTreeSet<_> = moves.iter().map(|(_, to)| to.clone()).collect();
        prop_assert_eq!(sources.len(), moves.len(), "{:?}", moves);
        prop_assert_eq!(targets.len(), moves.len(), "{:?}", moves);
        // Any order will do; this one differs from case to case.
        moves.sort_by_key(|(from, _)| Checksum::of_text(&format!("{shuffled}{from}")));
        let directory = package.root().join("migrations");
        for (from, to) in &moves {
            prop_assert!(!directory.join(to).exists(), "{} is there: {:?}", to, moves);
            fs::rename(directory.join(from), directory.join(to)).unwrap();
        }
        for problem in package.load().problems {
            let is_left = match problem.rule.id {
                _ if has_twins => true,
                // A migration's reverse came along with it to where another one was left behind.
                _ if are_twins(&problem) => problem.path.contains(".down."),
                // Nothing of it was there.
                "sealed-deleted" => problem.rows.len() == 1,
                // No integer lies where its version does, and what keeps its own comes after it.
                "file-name" if problem.path.ends_with("/1.2_x.sql") => true,
                // There was no migration that it could belong to.
                "reverse-without-forward" | "file-name" | "version-range" => problem.path.contains(".down."),
                // What it stands for was not there, or went away, and it was not told to go anywhere yet.
                "baseline-of-nothing" => !targets.iter().any(|target| problem.path.ends_with(&format!("/{target}"))),
                // The text of a file with a wrong name was not known.
                "sealed-edited" => true,
                _ => false,
            };
            prop_assert!(is_left, "{:#?}\nafter {:#?}\nof {:?}", problem, moves, files);
        }
    }
}

#[test]
fn a_reverse_is_offered_every_migration_of_its_version_and_of_its_name() {
    let package = Package::new(&[
        ("1_a.sql", ""),
        ("2_b.sql", ""),
        ("2_c.sql", ""),
        ("2_c.down.sql", ""),
        ("2_d.sql", ""),
        ("2_z.down.sql", ""),
        ("3_z.sql", ""),
        ("4_z.sql", ""),
    ]);
    let problems = package.load().problems;
    let alone = problems.iter().find(|problem| problem.rule.id == "reverse-without-forward").unwrap();
    let offered: Vec<_> =
        alone.help.iter().filter_map(|help| Some(help.split_once("if it takes back ")?.1.split_once(',')?.0)).collect();
    // The last two of version 2 are to have another version, and `2_c.sql` has a reverse.
    assert_eq!(
        offered,
        ["2_b.sql", "2_d.sql", "3_z.sql", "4_z.sql"].map(|file| format!("migrations/{file}")),
        "{:#?}",
        alone.help
    );
}
