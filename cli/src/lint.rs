//! Lints of dangerous DDL: what PostgreSQL runs without a word, and what hurts whoever uses the database meanwhile.
//!
//! squawk's rules look for it (`linter.rs`, with the feature `lint`). All else is done here: which files are looked at, what
//! graven knows better than squawk, what a file allows itself, and what is said. It connects to no database, and a lint is
//! never an error unless that is asked for.

mod allowance;
mod anew;
mod arguments;
mod choice;
#[cfg(test)]
mod documented;
mod heard;
mod judge;
#[cfg(feature = "lint")]
mod linter;
#[cfg(not(feature = "lint"))]
#[path = "lint/linter_off.rs"]
mod linter;
pub(crate) mod own;
mod proofs;
pub(crate) mod registry;
mod scope;
mod source;
#[cfg(test)]
#[cfg(feature = "lint")]
mod tests;
mod words;

use graven_source::problem::Problem;
use graven_source::set::Set;

pub(crate) use self::arguments::Lints;
use self::choice::Choice;
use self::judge::Judge;
use self::scope::Scope;
use self::source::Source;
use crate::command::check::Finding;
use crate::failure::Failure;

/// What the lints have found.
#[derive(Debug, Default)]
pub(crate) struct Linted {
    /// How many files were looked at, those aside of which a statement was given up. `None` where none was to be.
    pub(crate) files: Option<usize>,
    pub(crate) findings: Vec<Finding>,
}

/// Lints what was asked for. A file with problems is left out: they come first.
pub(crate) fn lint(set: &Set, problems: &[Problem], lints: &Lints) -> Result<Linted, Failure> {
    let choice = Choice::of(lints)?;
    if !linter::IS_THERE {
        lints.ask_for_nothing()?;
        return Ok(Linted::default());
    }
    if set.migrations.is_empty() && set.repeatables.is_empty() {
        return Ok(Linted::default());
    }
    let Some(scope) = Scope::of(set, lints)? else { return Ok(Linted::default()) };
    let sources = source::of(set, &scope, problems);
    let linted: Vec<&Source<'_>> = sources.iter().filter(|source| source.is_linted).collect();
    if linted.is_empty() {
        return Ok(Linted { files: Some(0), findings: Vec::new() });
    }
    let names: Vec<&str> = choice.names().chain(judge::PARTICULAR).collect();
    let heard = linter::read(&linted, &names);
    let count = heard.iter().filter(|heard| heard.given_up.is_empty()).count();
    let mut heard = heard.into_iter();
    let mut judge = Judge::new(&choice, &scope);
    for source in &sources {
        match if source.is_linted { heard.next() } else { None } {
            Some(heard) => judge.hear(source, heard),
            None => judge.pass(source),
        }
    }
    Ok(Linted { files: Some(count), findings: judge.findings })
}
