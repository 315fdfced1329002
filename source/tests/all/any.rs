//! What holds for any input: nothing panics, and what is suggested would serve.

use graven_source::problem::{Style, render_all};
use graven_source::snippet::Excerpt;
use proptest::prelude::*;

use crate::package::Package;
use crate::{checks, nasty};

/// File names made of the parts that have a meaning, and of some that have none.
fn file_names() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("0001"),
        Just("9"),
        Just("99999999999999999999"),
        Just("2026-01-31"),
        Just("_"),
        Just("__"),
        Just("-"),
        Just("."),
        Just(" "),
        Just("V"),
        Just("R"),
        Just("B"),
        Just("a"),
        Just("é"),
        Just("\n"),
        Just("sha256:"),
        Just(".up"),
        Just(".down"),
        Just(".Baseline"),
        Just(".repeatable"),
        Just(".sql"),
        Just(".SQL"),
        Just("seal.lock"),
        Just("~"),
        Just("readme"),
        Just("unsealed"),
    ];
    prop_oneof![
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat() + ".sql"),
        "[^/]{0,12}\\.?(sql|SQL)?",
    ]
}

/// Texts of the characters on which the rules of seal files and of SQL turn.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("head "),
        Just("sha256:"),
        Just(" was "),
        Just("1 a"),
        Just("0002 b c"),
        Just(" unsealed"),
        Just("\n"),
        Just("\r\n"),
        Just("# "),
        Just("<<<<<<< x"),
        Just("======="),
        Just(">>>>>>> y"),
        Just("'"),
        Just("\""),
        Just("$a$"),
        Just("/*"),
        Just("*/"),
        Just("-- graven: retries = x\n"),
        Just("begin"),
        Just(";"),
        Just("commit"),
        Just("vacuum"),
        Just("\\i"),
        Just("é"),
        Just("\t"),
        Just("copy t from stdin;"),
        Just(".baseline "),
        Just("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ];
    prop_oneof![proptest::collection::vec(part, 0..30).prop_map(|parts| parts.concat()), ".{0,60}"]
}

proptest! {
    #[test]
    fn a_name_that_is_suggested_serves_and_one_that_serves_can_be_sealed(file in file_names()) {
        checks::file_name(&file);
    }

    #[test]
    fn a_seal_file_of_any_text_is_refused_or_read_the_same_again(text in texts()) {
        checks::seal(&text);
    }

    #[test]
    fn any_text_is_cut_into_statements_and_space(text in prop_oneof![texts(), any::<String>()]) {
        checks::sql(&text);
    }

    #[test]
    fn directives_are_read_off_any_text(text in texts()) {
        checks::directives(&text);
    }

    #[test]
    fn any_place_of_any_text_can_be_shown(text in texts(), start in 0_usize..80, length in 0_usize..80, ansi: bool) {
        let style = if ansi { Style::Ansi } else { Style::Plain };
        let excerpt = Excerpt::cut(&text, start..start + length, "here");
        prop_assert!(excerpt.render("p", style).contains("here"));
    }

    #[test]
    fn a_directory_with_any_text_is_loaded(migration in texts(), seal in texts()) {
        let package = Package::new(&[("1_a.sql", &migration), ("seal.lock", &seal)]);
        let loaded = package.load();
        prop_assert!(loaded.problems.len() <= 200);
        prop_assert_eq!(render_all(&loaded.problems, 10, Style::Plain).is_empty(), loaded.problems.is_empty());
    }
}

#[test]
fn the_nasty_files_keep_every_promise() {
    for (name, text) in nasty::files() {
        println!("{name}");
        checks::sql(&text);
        checks::directives(&text);
    }
}

/// The bounded run that stands in for the fuzz targets where there is no nightly toolchain: as many random changes of
/// nasty files as take a few seconds. `GRAVEN_TEST_CASES` makes it longer, `GRAVEN_TEST_SEED` repeats one.
#[test]
fn no_change_of_a_nasty_text_breaks_a_promise() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let seed = number("GRAVEN_TEST_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("GRAVEN_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let files = nasty::files();
    let short: Vec<_> = files.iter().filter(|(_, text)| text.len() < 5_000).collect();
    for _ in 0..number("GRAVEN_TEST_CASES").unwrap_or(3_000) {
        let text = match random.u8(..4) {
            0 => nasty::soup(&mut random),
            _ => {
                let changes = 1 + random.usize(..6);
                nasty::changed(&short[random.usize(..short.len())].1, &files, &mut random, changes)
            }
        };
        checks::sql(&text);
        checks::directives(&text);
        checks::seal(&text);
        checks::file_name(&text.replace('/', ""));
    }
}
