//! Printing: results on stdout, everything else on stderr, colour on a terminal only, JSON where it was asked for.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::arguments::Common;
use crate::failure::Failure;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    form: Form,
}

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Human,
    Json,
}

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

impl Output {
    pub(crate) fn new(common: &Common) -> Self {
        Self { form: if common.json { Form::Json } else { Form::Human } }
    }

    /// This output, but as JSON.
    pub(crate) fn as_json(self) -> Self {
        Self { form: Form::Json }
    }

    pub(crate) fn is_json(self) -> bool {
        self.form == Form::Json
    }

    /// A result: `json` for machines, or what `human` makes of it for people.
    pub(crate) fn result(&self, json: &impl Serialize, human: impl FnOnce() -> String) {
        match self.form {
            Form::Human => anstream::println!("{}", human().trim_end_matches('\n')),
            Form::Json => print_json(json),
        }
    }

    /// Something that happens while the command runs. Machines wait for the result.
    pub(crate) fn progress(&self, text: impl Display) {
        if self.form == Form::Human {
            anstream::eprintln!("{text}");
        }
    }

    /// Something that does not stop the command and that somebody should read.
    pub(crate) fn warning(&self, text: impl Display) {
        anstream::eprintln!("{WARNING}warning{WARNING:#}: {text}");
    }

    /// Why the command failed.
    pub(crate) fn failure(&self, failure: &Failure) {
        match self.form {
            Form::Human => anstream::eprintln!("{BAD}error{BAD:#}: {}", failure.page()),
            Form::Json => print_json(&failure.json()),
        }
    }
}

fn print_json(value: &impl Serialize) {
    // Nothing that is printed has a key that is no string, which is all that can fail.
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"));
    anstream::println!("{text}");
}
