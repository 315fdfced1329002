//! The pages under `docs/`: every command in them is run, and what it prints is what the page shows.
//!
//! `GRAVEN_BLESS=1 cargo test -p graven-cli --test docs` writes what the commands print into the pages.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]

mod action;
mod errors;
mod links;
mod page;
mod redact;
mod run;
mod server;
mod world;
mod yaml;

use std::collections::BTreeSet;

use crate::page::{Page, names};
use crate::run::run;

/// Makes a test of each page, and a list of those that have one.
macro_rules! pages {
    ($($test:ident: $page:literal,)+) => {
        $(
            #[test]
            fn $test() {
                run($page);
            }
        )+

        /// The pages whose commands are run.
        const RUN: &[&str] = &[$($page),+];
    };
}

pages! {
    the_commands_for_teams_do_what_the_page_says: "teams.md",
    the_patterns_without_downtime_do_what_the_page_says: "zero-downtime.md",
    the_commands_for_production_do_what_the_page_says: "production.md",
    the_ways_out_of_emergencies_do_what_the_page_says: "emergencies.md",
    the_commands_for_ci_do_what_the_page_says: "ci.md",
    the_lints_find_what_the_page_says: "lints.md",
}

#[test]
fn every_page_with_a_command_is_run() {
    let run: BTreeSet<&str> = RUN.iter().copied().collect();
    for name in names() {
        let page = Page::read(&name);
        assert!(run.contains(name.as_str()) || !page.has_commands(), "no test runs the commands of docs/{name}");
    }
}
