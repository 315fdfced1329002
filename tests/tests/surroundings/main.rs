//! The macro is right wherever a package may lie and however it may be written: cargo builds a workspace whose members
//! differ in where their migrations are, how they name graven, what they forbid and by which edition they are read.
//!
//! The workspace itself lies in a folder with spaces and what else a path may hold, and cannot be written to.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]
#![cfg(unix)]

mod features;
mod look_alikes;
mod members;
mod packaged;
#[path = "../scratch/mod.rs"]
mod scratch;
mod world;

use std::fs;

use crate::members::SETS;
use crate::scratch::{Built, target};
use crate::world::World;

#[test]
fn every_member_embeds_what_it_names_and_no_lint_has_anything_to_say() {
    let world = World::new();
    let _read_only = world.read_only();
    let before = world.files();
    let cargo = |command, arguments: &[&str]| Built::by(world.cargo(command, &[&["--locked"], arguments].concat()));

    // Libraries, programs, tests and examples, each under the lints that it asks for itself.
    cargo("build", &["--workspace", "--all-targets"]).succeeds();
    let shown = world.run("shows");
    let shown: Vec<&str> = shown.lines().collect();
    let wanted: Vec<String> = SETS.iter().map(|(set, holds)| format!("{set}: {}", holds.shown())).collect();
    assert_eq!(shown, wanted);
    cargo("test", &["-p", "several", "--lib"]).succeeds();
    cargo("check", &["--workspace", "--tests"]).succeeds();
    cargo("doc", &["--no-deps", "-p", "strict", "-p", "several"]).succeeds();
    for page in ["strict/constant.EVERYTHING.html", "several/web/static.MIGRATIONS.html"] {
        let page = fs::read_to_string(target("scratch-target").join("doc").join(page)).unwrap();
        assert!(!page.contains("create table") && !page.contains("include_bytes"), "{page}");
    }
    assert_eq!(world.files(), before, "a build writes nothing among the sources");
}

#[test]
fn of_a_member_it_is_said_whose_the_paths_of_an_error_are() {
    let world = World::new();
    world.write("crates/several/ledger/0001_ledger.sql", "select 'open;\n");
    let refused = Built::by(world.cargo("check", &["--locked", "-p", "several"]));
    for line in [
        "error: a string never ends",
        "--> ledger/0001_ledger.sql:1:8",
        "note: paths and commands are for the package crates/several",
    ] {
        assert!(refused.text().lines().any(|said| said.trim() == line), "{line}\n{}", refused.text());
    }
}
