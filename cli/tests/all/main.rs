//! The command as its users meet it: what it prints, what it writes, and how it exits.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]

mod apply;
mod baseline;
mod baseline_catalog;
mod baseline_rows;
mod check;
mod check_against;
mod check_baseline;
mod check_database;
mod check_formats;
mod check_reverse;
mod doctor;
mod explain;
mod failures;
mod find;
mod help;
mod instances;
mod interrupt;
mod kinds;
mod lint;
mod lost;
mod merge;
mod merged;
mod new;
mod passwords;
mod plan;
mod printing;
mod progress;
mod renumber;
mod repair;
mod reset;
mod resolve;
mod revert;
mod script;
mod seal;
mod since;
mod stamp;
mod status;
mod summary;
mod team;
mod ways_out;
mod world;
