//! The command `graven`: write, seal, check and apply migrations, and see what a database has.

mod arguments;
mod command;
mod directory;
mod embed;
mod failure;
mod lint;
mod recorded;
mod schema;

use std::process::ExitCode;

pub(crate) use graven::cli::__private::{exit, output};

use graven::cli::__private::Words;

use crate::arguments::Arguments;
use crate::directory::Directory;
use crate::failure::Failure;
use crate::output::{Form, Output};

fn main() -> ExitCode {
    match Arguments::typed() {
        Ok(arguments) => {
            let output = Output::new(if arguments.common.json { Form::Json } else { Form::Human });
            command::run(&arguments, &output)
                .unwrap_or_else(|failure| failure.tell(&output, &Directory::words(&arguments.common)))
        }
        // `--help` and `--version` are errors to clap. If nobody reads what they print, there is nobody to tell.
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            exit::DONE
        }
        Err(error) if json_was_asked_for() => {
            misunderstood(&error).tell(&Output::for_machines(), &Words::of_the_command())
        }
        Err(error) => {
            let _ = error.print();
            exit::USAGE
        }
    }
    .into()
}

/// Whether machines read the output, on a command line that clap could make nothing of.
fn json_was_asked_for() -> bool {
    std::env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

/// What clap says, as a failure of ours. Its first paragraph is what, the others are what to do.
fn misunderstood(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let text = text.trim().trim_start_matches("error: ");
    let (message, hint) = text.split_once("\n\n").unwrap_or((text, "`graven --help` lists what there is"));
    Failure::Usage(message.to_owned(), hint.to_owned())
}
