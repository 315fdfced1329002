//! What an event leaves behind: a line for what has happened, or none.

use crate::Event;
use crate::cli::output::{DIM, GOOD, Output, WARNING};
use crate::cli::words::{Words, plural};

/// A line that stays.
pub(crate) enum Line {
    Progress(String),
    Warning(String),
}

impl Line {
    /// The line for an event. `waited_for` is whom the migration was last seen waiting for.
    pub(crate) fn of(event: &Event<'_>, waited_for: Option<&str>, words: &Words) -> Option<Self> {
        Some(Self::Progress(match event {
            Event::Looked { database, history, applied: 0, pending, .. } if history.is_empty() && *pending > 0 => {
                format!("{DIM}no schema for a history in database {database}: {pending} to apply{DIM:#}")
            }
            Event::Looked { database, history, applied, pending, .. } if *pending > 0 => {
                format!("{DIM}history {history} of database {database}: {applied} applied, {pending} to apply{DIM:#}")
            }
            Event::LockWaiting { holder: Some(holder), timeout, .. } => {
                format!("waiting for another instance, up to {timeout:.1?}: {holder}")
            }
            Event::LockWaiting { holder: None, timeout, .. } => {
                format!("waiting for another instance, up to {timeout:.1?}")
            }
            Event::Statement { number, of, sql, .. } if *of > 1 => {
                format!("  {DIM}statement {number} of {of}: {sql}{DIM:#}")
            }
            Event::Retrying { version, name, attempt, pause, error, .. } => {
                let waited_for = waited_for.map(|whom| format!("\n  it was waiting for {whom}")).unwrap_or_default();
                format!(
                    "{WARNING}retrying{WARNING:#} {version} {name} in {pause:.1?} (attempt {attempt}): \
                     {error}{waited_for}"
                )
            }
            Event::Applied { version, name, duration, .. } => {
                format!("{GOOD}applied{GOOD:#} {version} {name} {DIM}({duration:.1?}){DIM:#}")
            }
            Event::Baseline { version, name, covers, .. } => {
                let covered = plural(*covers, "migration");
                format!("{DIM}a fresh database: baseline {version} {name} in place of {covered}{DIM:#}")
            }
            Event::AppliedRepeatable { name, duration, .. } => {
                format!("{GOOD}applied{GOOD:#} repeatable {name} {DIM}({duration:.1?}){DIM:#}")
            }
            Event::RetryingRepeatable { name, attempt, pause, error, .. } => {
                format!("{WARNING}retrying{WARNING:#} repeatable {name} in {pause:.1?} (attempt {attempt}): {error}")
            }
            Event::OrphanedRepeatables { names, .. } => {
                return Some(Self::Warning(format!(
                    "the database has {} that {} does not: {} (what was made stays)",
                    plural(names.len(), "repeatable"),
                    words.this_set(),
                    names.join(", ")
                )));
            }
            Event::Reverted { version, name, duration, .. } => {
                format!("{GOOD}reverted{GOOD:#} {version} {name} {DIM}({duration:.1?}){DIM:#}")
            }
            Event::Stamped { version, name, .. } => format!("{GOOD}stamped{GOOD:#} {version} {name}"),
            Event::Future { versions, .. } => {
                return Some(Self::Warning(format!(
                    "the database has {} that {} does not: {}",
                    plural(versions.len(), "later migration"),
                    words.this_set(),
                    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                )));
            }
            _ => return None,
        }))
    }

    pub(crate) fn print(self, output: Output) {
        match self {
            Self::Progress(text) => output.progress(text),
            Self::Warning(text) => output.warning(text),
        }
    }
}
