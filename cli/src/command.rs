//! The commands, one file each.

mod apply;
mod check;
mod explain;
mod mended;
mod new;
mod redo;
mod renumber;
mod resolve;
mod revert;
mod seal;
mod stamp;
mod status;
mod verify;

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
        Command::Check(check) => check::run(common, check, output),
        Command::Apply(apply) => apply::run(common, apply, output),
        Command::Status(database) => status::run(common, database, output),
        Command::Verify(verify) => verify::run(common, verify, output),
        Command::Resolve(resolve) => resolve::run(common, resolve, output),
        Command::Revert(revert) => revert::run(common, revert, output),
        Command::Redo(redo) => redo::run(common, redo, output),
        Command::Stamp(stamp) => stamp::run(common, stamp, output),
        Command::Explain(explain) => explain::run(explain, output),
    }
}

/// `1 migration`, `2 migrations`.
pub(crate) fn plural(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
