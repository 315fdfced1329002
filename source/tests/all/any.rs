//! What holds for any input: nothing panics, and what is suggested would serve.

use graven_source::file_name::{self, FileName, Refusal, Suggestion};
use graven_source::problem::{Style, render_all};
use graven_source::seal::Seal;
use graven_source::snippet::Excerpt;
use graven_source::{Checksum, Version};
use proptest::prelude::*;

use crate::package::Package;

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
    fn a_name_that_is_suggested_is_one_that_serves(file in file_names()) {
        let suggested = match file_name::parse(&file) {
            FileName::Refused(Refusal::NoKind { should_be: Suggestion::Name(name), .. }) => Some(name),
            FileName::Refused(Refusal::NoKind { should_be: Suggestion::NextVersion(rest), .. }) => Some(format!("7{rest}")),
            FileName::Migration(found) => {
                prop_assert_eq!(found.version, found.spelling().parse::<Version>().ok());
                prop_assert!(!found.name().is_empty());
                None
            }
            _ => None,
        };
        if let Some(name) = suggested {
            prop_assert!(matches!(file_name::parse(&name), FileName::Migration(_)), "{:?} for {:?}", name, file);
        }
    }

    #[test]
    fn a_migration_of_any_name_can_be_sealed_and_is_found_again(file in file_names()) {
        if let FileName::Migration(found) = file_name::parse(&file)
            && found.kind == graven_source::Kind::Versioned
        {
            let seal = Seal::default().with_unsealed(found.spelling(), found.name()).unwrap();
            let sealed = Seal::parse(&seal.render()).unwrap();
            prop_assert_eq!(&sealed.lines().next().unwrap().name, found.name());
            let body = format!("{} {} {}\n", found.spelling(), found.name(), Checksum::of_text(""));
            let sealed = Seal::parse(&format!("head {}\n{body}", Checksum::of_text(&body))).unwrap();
            prop_assert_eq!(&sealed.lines().next().unwrap().name, found.name());
        }
    }

    #[test]
    fn a_seal_file_of_any_text_is_refused_or_read_the_same_again(text in texts()) {
        if let Ok(seal) = Seal::parse(&text) {
            let again = Seal::parse(&seal.render()).unwrap();
            prop_assert_eq!(again.render(), seal.render());
        }
        if let Some(seal) = Seal::united(&text) {
            prop_assert!(Seal::parse(&seal.render()).is_ok());
        }
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
