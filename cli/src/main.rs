//! The command `graven`: write, seal, check and apply migrations, and see what a database has.

mod arguments;
mod command;
mod database;
mod directory;
mod embed;
mod exit;
mod failure;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::output::Output;

fn main() -> ExitCode {
    // clap exits by itself for --help (0) and for what it does not understand (2, which is `exit::USAGE`).
    let arguments = Arguments::parse();
    let output = Output::new(&arguments.common);
    match command::run(&arguments, &output) {
        Ok(code) => code.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.exit().into()
        }
    }
}
