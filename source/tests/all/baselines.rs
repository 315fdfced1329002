//! What is suggested about baselines fits what is said of the migrations that they stand for.

use graven_source::Checksum;
use graven_source::problem::Problem;

use crate::package::Package;
use crate::suggestions::moves;

/// A directory whose files hold their own names, and whose seal file has these lines, each sealed with a text.
fn package(files: &[(&str, &str)], sealed: &[(&str, &str)]) -> Package {
    let package = Package::new(files);
    let lines: String = sealed.iter().map(|(line, text)| format!("{line} {}\n", Checksum::of_text(text))).collect();
    package.write("seal.lock", format!("head {}\n{lines}", Checksum::of_text(&lines)).as_bytes());
    package
}

/// The rules that are broken, and all that is to be renamed.
fn told(package: &Package) -> (Vec<&'static str>, Vec<String>) {
    let problems: Vec<Problem> = package.load().problems;
    let moves = problems.iter().flat_map(moves).map(|(from, to)| format!("{from} -> {to}")).collect();
    (problems.iter().map(|problem| problem.rule.id).collect(), moves)
}

#[test]
fn a_baseline_whose_migration_comes_back_stays_where_it_is() {
    let sealed = [("3 c", "C"), ("6 é", "E"), ("6 base.baseline", "B"), ("8 a b", "A")];
    let package = package(
        &[("3_c.up.sql", "C"), ("5_é.up.sql", "E"), ("6_base.baseline.sql", "B"), ("8_a b.up.sql", "A")],
        &sealed,
    );
    assert_eq!(told(&package).0, ["sealed-deleted"]);
    let help = package.load().problems[0].help.concat();
    assert!(help.ends_with("git mv migrations/5_é.up.sql migrations/6_é.up.sql"), "{help}");
}

#[test]
fn what_is_suggested_about_baselines_fits_the_other_suggestions() {
    type Pairs = &'static [(&'static str, &'static str)];
    type Words = &'static [&'static str];
    let table: &[(&str, Pairs, Pairs, Words, Words)] = &[
        (
            "the migration of a sealed baseline was given another version",
            &[("0003_w.sql", "W"), ("0005_x.sql", "X"), ("0004_all.baseline.sql", "B")],
            &[("0003 w", "W"), ("0004 x", "X"), ("0004 all.baseline", "B")],
            &["sealed-deleted"],
            &["0005_x.sql -> 0004_x.sql"],
        ),
        (
            "the migration of a baseline is gone",
            &[("3_w.sql", "W"), ("4_all.baseline.sql", "B")],
            &[("3 w", "W"), ("4 x", "X"), ("4 all.baseline", "B")],
            &["sealed-deleted"],
            &[],
        ),
        (
            "a sealed baseline was given the version of none",
            &[("3_w.sql", "W"), ("4_base.baseline.sql", "B")],
            &[("3 w", "W"), ("3 base.baseline", "B")],
            &["sealed-deleted"],
            &["4_base.baseline.sql -> 3_base.baseline.sql"],
        ),
        (
            "a sealed baseline was given the version of another migration",
            &[("3_w.sql", "W"), ("4_x.sql", "X"), ("4_new.baseline.sql", "B")],
            &[("3 w", "W"), ("3 base.baseline", "B"), ("4 x", "X")],
            &["sealed-deleted"],
            &["4_new.baseline.sql -> 3_base.baseline.sql"],
        ),
        (
            "a sealed baseline is gone, and another one is there",
            &[("3_w.sql", "W"), ("4_x.sql", "X"), ("4_base.baseline.sql", "other")],
            &[("3 w", "W"), ("3 base.baseline", "B"), ("4 x", "X")],
            &["sealed-deleted"],
            &[],
        ),
        (
            "two baselines of one text, each where it is sealed",
            &[("3_w.sql", "W"), ("4_x.sql", "X"), ("3_a.baseline.sql", "B"), ("4_a.baseline.sql", "B")],
            &[("3 w", "W"), ("3 a.baseline", "B"), ("4 x", "X"), ("4 a.baseline", "B")],
            &[],
            &[],
        ),
        (
            "a sealed baseline got another name",
            &[("3_w.sql", "W"), ("3_all.baseline.sql", "B")],
            &[("3 w", "W"), ("3 base.baseline", "B")],
            &["sealed-renamed"],
            &["3_all.baseline.sql -> 3_base.baseline.sql"],
        ),
        (
            "a baseline of nothing goes to the version that the migration before it comes back to",
            &[("5_w.sql", "W"), ("7_all.baseline.sql", "B")],
            &[("3 w", "W")],
            &["sealed-deleted", "baseline-of-nothing"],
            &["5_w.sql -> 3_w.sql", "7_all.baseline.sql -> 3_all.baseline.sql"],
        ),
        (
            "a sealed baseline goes back to the version that another one would have been given",
            &[("3_w.sql", "W"), ("5_base.baseline.sql", "B"), ("9_all.baseline.sql", "other")],
            &[("3 w", "W"), ("3 base.baseline", "B")],
            &["sealed-deleted", "baseline-of-nothing"],
            &["5_base.baseline.sql -> 3_base.baseline.sql"],
        ),
        (
            "a migration with a wrong name is to have the version of a baseline",
            &[("V4__x.sql", "X"), ("4_all.baseline.sql", "B")],
            &[],
            &["file-name"],
            &["V4__x.sql -> 4_x.sql"],
        ),
    ];
    for (what, files, sealed, rules, moves) in table {
        let package = package(files, sealed);
        let (broken, suggested) = told(&package);
        assert_eq!((broken.as_slice(), suggested), (*rules, moves.iter().map(ToString::to_string).collect()), "{what}");
        let folder = package.root().join("migrations");
        for (from, to) in package.load().problems.iter().flat_map(crate::suggestions::moves) {
            std::fs::rename(folder.join(from), folder.join(to)).unwrap();
        }
        let is_whole = moves.len() == rules.len();
        assert_eq!(package.broken().is_empty(), is_whole, "{what}");
    }
}

#[test]
fn what_a_sealed_migration_was_called_is_left_open_where_the_others_differ() {
    let help = |files: &[(&str, &str)]| {
        let package = package(files, &[("0007 a", "A")]);
        let problems = package.load().problems;
        let gone = problems.iter().find(|problem| problem.rule.id == "sealed-deleted");
        gone.unwrap_or_else(|| panic!("{problems:?}")).help[1].clone()
    };
    let (plain, with_up) =
        ("git checkout HEAD -- migrations/0007_a.sql", "git checkout HEAD -- migrations/0007_a.up.sql");
    for (files, wanted) in [
        (&[("8_b.sql", "")][..], plain.to_owned()),
        (&[("8_b.up.sql", "")], with_up.to_owned()),
        (&[("8_a.b.up.sql", ""), ("12_new.sql", "")], format!("{plain} || {with_up}")),
        (&[("8_a.up.sql", ""), ("9_b.up.sql", ""), ("12_new.sql", "")], format!("{with_up} || {plain}")),
        (&[], format!("{plain} || {with_up}")),
    ] {
        assert_eq!(help(files), format!("take back one that no commit deleted with `{wanted}`"), "{files:?}");
    }
}

#[test]
fn of_two_baselines_the_one_that_goes_is_deleted_by_a_command_and_a_sealed_one_stays() {
    let delete = |file: &str| format!("`git rm -f -- migrations/{file}` (`rm` where git does not know it yet)");
    let keep = |file: &str| format!("keep it, and delete the other: {}", delete(file));
    let meant = |file: &str| format!("delete the one that is not meant: {}", delete(file));
    let not_sealed = |file: &str| format!("delete the one that is not sealed: {}", delete(file));
    let of_one_version = [("3_w.sql", "W"), ("3_a.baseline.sql", "A"), ("3_b.baseline.sql", "B")];
    let of_nothing = [("3_w.sql", "W"), ("3_a.baseline.sql", "A"), ("5_b.baseline.sql", "B")];
    for (files, sealed, wanted) in [
        (of_one_version, &[("3 w", "W")][..], vec![meant("3_b.baseline.sql"), keep("3_a.baseline.sql")]),
        (of_one_version, &[("3 w", "W"), ("3 a.baseline", "A")], vec![not_sealed("3_b.baseline.sql")]),
        (of_one_version, &[("3 w", "W"), ("3 b.baseline", "B")], vec![not_sealed("3_a.baseline.sql")]),
        (of_nothing, &[("3 w", "W")], vec![meant("5_b.baseline.sql"), keep("3_a.baseline.sql")]),
        (of_nothing, &[("3 w", "W"), ("3 a.baseline", "A")], vec![not_sealed("5_b.baseline.sql")]),
        (
            [("3_w.sql", "W"), ("3_a.down.sql", "A"), ("03_w.sql", "B")],
            &[],
            // Of the reverse without its migration, another test tells.
            vec![meant("3_w.sql"), keep("03_w.sql")],
        ),
    ] {
        let package = package(&files, sealed);
        let problems = package.load().problems;
        let wanted_of = |problem: &&Problem| problem.rule.id != "reverse-without-forward";
        let help: Vec<String> = problems.iter().filter(wanted_of).flat_map(|problem| problem.help.clone()).collect();
        assert_eq!(help, wanted, "{files:?} {sealed:?}");
    }
}
