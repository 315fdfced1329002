//! The page for emergencies has a section for each error that the library can return.

use std::fs;
use std::path::Path;

use regex::Regex;

use crate::links::{anchor, headings};
use crate::page::Page;

/// A variant of an enum, and the words of its message between what is filled in.
struct Variant {
    name: String,
    words: Vec<String>,
}

/// The variants of an enum in a file of the library. The enums are `non_exhaustive`, so that no match from here could be held to
/// name them all.
fn variants(file: &str, name: &str) -> Vec<Variant> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, body) = text.split_once(&format!("pub enum {name} {{\n")).expect("the enum is there");
    let (body, _) = body.split_once("\n}\n").expect("it ends");
    let message = Regex::new(r#"^#\[error\("((?:[^"\\]|\\.)*)""#).expect("a pattern");
    let (mut variants, mut words) = (Vec::new(), Vec::new());
    for line in body.lines().filter_map(|line| line.strip_prefix("    ")) {
        if let Some(found) = message.captures(line) {
            words = literal(&found[1]);
        } else if line.starts_with(char::is_uppercase) {
            let name = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
            variants.push(Variant { name, words: std::mem::take(&mut words) });
        }
    }
    variants
}

/// What of a format string stands in every message that is made by it.
fn literal(format: &str) -> Vec<String> {
    let filled = Regex::new(r"\{[^}]*\}").expect("a pattern");
    let format = format.replace("\\\"", "\"");
    filled.split(&format).map(|words| words.trim().to_owned()).filter(|words| words.len() > 3).collect()
}

/// The sections of the page: heading and text.
fn sections(text: &str) -> Vec<(&str, &str)> {
    let parts = text.split("\n### ").skip(1);
    parts.map(|part| part.split_once('\n').expect("a heading is not all")).collect()
}

#[test]
fn every_error_has_its_section_which_shows_it_and_says_what_to_do() {
    let page = Page::read("emergencies.md");
    let sections = sections(&page.text);
    for (file, name) in [("error.rs", "Error"), ("error/conflict.rs", "Conflict"), ("error/obstacle.rs", "Obstacle")] {
        let variants = variants(file, name);
        assert!(variants.len() > 3, "{name}: {} variants", variants.len());
        for Variant { name: variant, words } in variants {
            let of_it = |(_, text): &&(&str, &str)| text.contains(&format!("`{name}::{variant}`"));
            let shows_it = |(_, text): &&(&str, &str)| {
                ["**Means.**", "**Way out.**"].iter().all(|part| text.contains(part)) && text.contains("\n```")
            };
            let section = sections.iter().filter(of_it).find(shows_it);
            let Some((_, text)) = section else {
                panic!("docs/emergencies.md has no whole section on {name}::{variant}")
            };
            for words in words {
                assert!(text.contains(&words), "the section on {name}::{variant} does not show its message: {words:?}");
            }
        }
    }
}

#[test]
fn every_section_is_in_the_index_by_its_message() {
    let page = Page::read("emergencies.md");
    let (index, _) =
        page.text.split_once("\n## By message\n").and_then(|(_, rest)| rest.split_once("\n## ")).expect("an index");
    let sections = sections(&page.text);
    assert!(sections.len() > 20, "{}", sections.len());
    for (heading, _) in sections {
        assert!(headings(&page.text).contains(&heading), "{heading}");
        assert!(index.contains(&format!("(#{})", anchor(heading))), "the index does not lead to {heading:?}");
    }
}

#[test]
fn every_kind_of_error_is_in_the_list_for_scripts() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src/error/kind.rs");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let page = Page::read("production.md");
    let word = Regex::new(r#"=> "([a-z-]+)","#).expect("a pattern");
    let kinds: Vec<&str> = word.captures_iter(&text).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    assert!(kinds.len() > 30, "{kinds:?}");
    for kind in kinds {
        assert!(page.text.contains(&format!("`{kind}`")), "docs/production.md does not name the kind {kind:?}");
        assert!(text.contains(&format!("`{kind}`")), "the documentation of Error::kind does not name {kind:?}");
    }
}
