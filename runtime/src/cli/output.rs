//! Printing: results on stdout, everything else on stderr, colour on a terminal only, JSON where it was asked for.
//!
//! What files, names and servers say is text, and moves no cursor: of a page for people no control character reaches the
//! terminal but line ends, tabs and colours; and whoever puts such a text into a page takes its colours off it with [`plain`].
//!
//! It never panics: a reader that went away (`graven explain | head -1`) is no failure of the command, a full disk is
//! one, and what cannot be printed on stderr must not stop a run.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use graven_source::picture::{pictured, pictured_but};
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
            Form::Human => print(anstream::stdout().lock(), harmless(human().trim_end_matches('\n'))),
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
    let _ = print(anstream::stderr().lock(), harmless(&text.to_string()));
}

/// What stands in a page for a text that somebody else wrote: none of it is a colour, and control characters are shown as
/// pictures.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    pictured(text)
}

/// The same of a value, as it displays.
pub(crate) fn shown(value: impl Display) -> String {
    plain(&value.to_string()).into_owned()
}

/// A page whose control characters are pictures, but for the colours that pages have.
fn harmless(page: &str) -> Cow<'_, str> {
    pictured_but(page, |rest| colour(rest).unwrap_or_default())
}

/// How long the colour is with which a text begins, `ESC [ 3 1 m`. None hides text, or blinks.
fn colour(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\u{1b}[")?;
    let (codes, _) = rest.split_once('m')?;
    let is_harmless = |code: &str| {
        let code = code.parse::<u8>();
        matches!(code, Ok(0..=4 | 22..=24 | 31..=36 | 39 | 91..=96))
    };
    codes.split(';').all(is_harmless).then_some("\u{1b}[m".len() + codes.len())
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
    use super::{BAD, BOLD, DIM, GOOD, WARNING, harmless, plain, print};
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
    fn nothing_but_a_colour_reaches_a_terminal() {
        for (text, shown, as_plain) in [
            ("two\n\tlines é", "two\n\tlines é", "two\n\tlines é"),
            ("\u{1b}]0;owned\u{7}", "␛]0;owned␇", "␛]0;owned␇"),
            ("a\u{1b}[2Jb\r\n", "a␛[2Jb␍\n", "a␛[2Jb␍\n"),
            ("\u{1b}[8mhidden\u{1b}[1;7mturned", "␛[8mhidden␛[1;7mturned", "␛[8mhidden␛[1;7mturned"),
            ("\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m", "␛[1;31mred␛[0m"),
            ("\u{1b}[m\u{1b}[\u{1b}", "␛[m␛[␛", "␛[m␛[␛"),
            ("\u{9b}31m\u{7f}\u{202e}", "\u{fffd}31m␡\u{fffd}", "\u{fffd}31m␡\u{fffd}"),
        ] {
            assert_eq!((harmless(text).as_ref(), plain(text).as_ref()), (shown, as_plain), "{text:?}");
        }
        for style in [GOOD, BAD, WARNING, BOLD, DIM] {
            let page = format!("{style}text{style:#}");
            assert_eq!(harmless(&page), page);
        }
    }

    #[test]
    fn a_full_disk_is_a_failure() {
        let failed = print(Refusing(ErrorKind::StorageFull), "text");
        assert_eq!(failed.expect_err("it must fail").kind(), ErrorKind::StorageFull);
    }
}
