//! The command as its users meet it: what it prints, what it writes, and how it exits.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]

mod apply;
mod check;
mod explain;
mod failures;
mod find;
mod help;
mod instances;
mod merge;
mod new;
mod passwords;
mod printing;
mod progress;
mod renumber;
mod resolve;
mod revert;
mod seal;
mod stamp;
mod status;
mod team;
mod world;
