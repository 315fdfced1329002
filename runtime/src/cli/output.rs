//! Printing: results on stdout, everything else on stderr, colour on a terminal only, JSON where it was asked for.
//!
//! It never panics: a reader that went away (`graven explain | head -1`) is no failure of the command, a full disk is
//! one, and what cannot be printed on stderr must not stop a run.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::Value;

use crate::cli::failure::Failure;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    form: Form,
}

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Human,
    /// For machines.
    Json,
}

/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What went wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What somebody should look at.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// What a page is about.
pub const BOLD: Style = Style::new().bold();
/// What matters less.
pub const DIM: Style = Style::new().dimmed();

impl Output {
    /// As was asked for.
    #[must_use]
    pub const fn new(form: Form) -> Self {
        Self { form }
    }

    /// JSON, whatever was said.
    #[must_use]
    pub const fn for_machines() -> Self {
        Self { form: Form::Json }
    }

    /// Whether machines read it.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.form == Form::Json
    }

    /// A result: `json` for machines, or what `human` makes of it for people.
    ///
    /// # Errors
    ///
    /// Where it cannot be printed, unless nobody reads any more.
    pub fn result(&self, json: &impl Serialize, human: impl FnOnce() -> String) -> Result<(), Failure> {
        printed(match self.form {
            Form::Human => print(anstream::stdout().lock(), human().trim_end_matches('\n')),
            Form::Json => print_json(json),
        })
    }

    /// A result that is a file: `json` for machines, or the file's own bytes. What suits a page for people, no control
    /// characters where no terminal reads it, would make another file of it.
    ///
    /// # Errors
    ///
    /// Where it cannot be printed, unless nobody reads any more.
    pub fn file(&self, json: &impl Serialize, file: &[u8]) -> Result<(), Failure> {
        printed(match self.form {
            Form::Human => write(io::stdout().lock(), file),
            Form::Json => print_json(json),
        })
    }

    /// Something that happens while the command runs. Machines wait for the result.
    pub fn progress(&self, text: impl Display) {
        if self.form == Form::Human {
            tell(text);
        }
    }

    /// Something that does not stop the command and that somebody should read.
    pub fn warning(&self, text: impl Display) {
        tell(format_args!("{WARNING}warning{WARNING:#}: {text}"));
    }

    /// Why the command failed: `json` for machines, or the page for people.
    pub fn failure(&self, json: impl FnOnce() -> Value, page: impl FnOnce() -> String) {
        match self.form {
            Form::Human => tell(format_args!("{BAD}error{BAD:#}: {}", page())),
            // The exit code still tells that it failed.
            Form::Json => drop(print_json(&json())),
        }
    }
}

fn printed(printed: io::Result<()>) -> Result<(), Failure> {
    printed.map_err(|error| {
        Failure::Failed(
            format!("cannot print the result: {error}"),
            "what the command was to do is done; see where its output goes".to_owned(),
        )
    })
}

fn tell(text: impl Display) {
    // Whoever closed stderr does not want to know, and a run goes on.
    let _ = print(anstream::stderr().lock(), text);
}

fn print_json(value: &impl Serialize) -> io::Result<()> {
    print(io::stdout().lock(), serde_json::to_string_pretty(value)?)
}

/// Prints a line.
fn print(mut to: impl Write, text: impl Display) -> io::Result<()> {
    let written = writeln!(to, "{text}");
    flushed(written, to)
}

/// Prints bytes as they are.
fn write(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
    let written = to.write_all(bytes);
    flushed(written, to)
}

/// A reader that went away had what it wanted.
fn flushed(written: io::Result<()>, mut to: impl Write) -> io::Result<()> {
    match written.and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

#[cfg(test)]
mod tests {
    use super::print;
    use std::io::{self, ErrorKind, Write};

    struct Refusing(ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        assert!(print(Refusing(ErrorKind::BrokenPipe), "text").is_ok());
    }

    #[test]
    fn a_full_disk_is_a_failure() {
        let failed = print(Refusing(ErrorKind::StorageFull), "text");
        assert_eq!(failed.expect_err("it must fail").kind(), ErrorKind::StorageFull);
    }
}
