//! The commands, one file each.

pub(crate) mod baseline;
pub(crate) mod check;
mod database;
mod explain;
mod mended;
mod new;
mod renumber;
mod seal;
pub(crate) mod summary;

pub(crate) use graven::cli::__private::plural;

use crate::arguments::{Arguments, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Runs the command that was asked for.
pub(crate) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let common = &arguments.common;
    match &arguments.command {
        Command::New(new) => new::run(common, new, output),
        Command::Seal(seal) => seal::run(common, seal, output),
        Command::Renumber(renumber) => renumber::run(common, renumber, output),
        Command::Baseline(baseline) => baseline::run(common, baseline, output),
        Command::Check(check) => check::run(common, check, output),
        Command::Summary(summary) => summary::run(common, summary, output),
        Command::Verb(verb) => database::run(common, verb, output),
        Command::Explain(explain) => explain::run(explain, output),
    }
}
