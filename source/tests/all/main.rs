//! What a directory comes out as, from its files to the messages.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]

mod any;
mod baselines;
mod checks;
mod directory;
mod elsewhere;
mod growth;
mod imports;
mod mending;
mod messages;
mod nasty;
mod order;
mod package;
mod rules;
mod seal;
mod sealing;
mod sql;
mod suggestions;
