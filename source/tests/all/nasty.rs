//! Texts that are made to be nasty: a collection of valid ones, which PostgreSQL itself has been asked about, and random
//! changes of them.
#![allow(dead_code, reason = "not every program that includes this file makes use of all of it")]

use std::fs;
use std::path::Path;

/// The files of the collection with their names, by name.
pub(crate) fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(1).unwrap().join("tests/tests/postgres/nasty");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() >= 25, "the collection in {} is not whole: {} files", folder.display(), files.len());
    files
}

/// What a lexer of SQL has rules for, and the words that statement boundaries and graven's own rules turn on.
// One a line would be screens long.
#[rustfmt::skip]
pub(crate) const FRAGMENTS: &[&str] = &[
    "'", "''", "\"", "\"\"", "E'", "e'", "U&'", "u&\"", "B'", "x'", "N'", "\\", "\\'", "\\\\", "$", "$$", "$a$", "$ä$",
    "$1", "$_1$", "a$b$c", "--", "-- x\n", "/*", "*/", "/**/", "/* ; */", "*/*", "\n", "\r", "\r\n", "\t", "\u{c}",
    " ", ";", ";", ";;", "(", ")", "[", "]", ",", ".", ":", "::", ":=", "+", "-", "@", "@-@", "=", "=-", "/", "*", "|",
    "~", "%", "a", "ä", "👍", "\u{a0}", "\u{feff}", "1", "1a$$", "0x1F", "1e", "1e-5", "1.5", "..", "{", "}",
    " create ", " or replace ", " function f() ", " procedure p() ", " returns int ", " begin ", " atomic ",
    " begin atomic ", " end ", " case ", " when ", " return ", " language sql ", " as ", " rule ", " do also ",
    " schema ", " table ", " view ", " index ", " concurrently ", " on ", " set ", " local ", " reset ", " all ",
    " standard_conforming_strings ", " set standard_conforming_strings = off; ", " to ", " off ", " select ",
    " set_config", " commit ", " rollback ", " savepoint s ", " release s ", " rollback to s ", " start transaction ",
    " prepare ", " transaction ", " copy ", " from ", " stdin ", "\n\\.\n", " vacuum ", " uescape '!' ", " 1 ", " x ",
    "-- graven: transaction = off\n", "-- graven: retries = x\n", "-- no-transaction\n", "\n-- +goose Down\n",
];

/// A text with some random changes: fragments put in, parts taken out, doubled, moved, or brought in from another text.
pub(crate) fn changed(text: &str, others: &[(String, String)], random: &mut fastrand::Rng, changes: usize) -> String {
    let mut text = text.to_owned();
    for _ in 0..changes {
        let part = range(&text, random);
        let place = boundary(&text, random.usize(..=text.len()));
        match random.u8(..6) {
            0 | 1 => text.insert_str(place, FRAGMENTS[random.usize(..FRAGMENTS.len())]),
            2 => text.replace_range(part, ""),
            3 => {
                let doubled = text[part].to_owned();
                text.insert_str(place, &doubled);
            }
            4 => {
                let other = &others[random.usize(..others.len())].1;
                text.insert_str(place, &other[range(other, random)]);
            }
            _ => text.replace_range(part, FRAGMENTS[random.usize(..FRAGMENTS.len())]),
        }
    }
    text
}

/// A text of nothing but fragments.
pub(crate) fn soup(random: &mut fastrand::Rng) -> String {
    let count = random.usize(..30);
    (0..count).map(|_| FRAGMENTS[random.usize(..FRAGMENTS.len())]).collect()
}

/// A part of a text, more often short than long.
fn range(text: &str, random: &mut fastrand::Rng) -> std::ops::Range<usize> {
    let longest = [1, 4, 30, 200][random.usize(..4)];
    let start = boundary(text, random.usize(..=text.len()));
    let end = boundary(text, (start + random.usize(..=longest)).min(text.len()));
    start..end.max(start)
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
