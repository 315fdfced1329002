//! One line for each thing that happens.

use graven::Event;

use crate::command::plural;
use crate::output::{DIM, GOOD, Output, WARNING};

/// Prints it. `waited_for` is whom the migration was last seen waiting for.
pub(crate) fn tell(output: Output, event: &Event<'_>, waited_for: Option<&str>) {
    match event {
        Event::Looked { history, applied, pending, .. } if *pending > 0 => {
            output.progress(format_args!("{DIM}history {history}: {applied} applied, {pending} to apply{DIM:#}"));
        }
        Event::LockWaiting { holder: Some(holder), timeout, .. } => {
            output.progress(format_args!("waiting for another instance, up to {timeout:.1?}: {holder}"));
        }
        Event::LockWaiting { holder: None, timeout, .. } => {
            output.progress(format_args!("waiting for another instance, up to {timeout:.1?}"));
        }
        Event::Statement { number, of, sql, .. } if *of > 1 => {
            output.progress(format_args!("  {DIM}statement {number} of {of}: {sql}{DIM:#}"));
        }
        Event::Retrying { version, name, attempt, pause, error, .. } => {
            output.progress(format_args!(
                "{WARNING}retrying{WARNING:#} {version} {name} in {pause:.1?} (attempt {attempt}): {error}"
            ));
            if let Some(holder) = waited_for {
                output.progress(format_args!("  it was waiting for {holder}"));
            }
        }
        Event::Applied { version, name, duration, .. } => {
            output.progress(format_args!("{GOOD}applied{GOOD:#} {version} {name} {DIM}({duration:.1?}){DIM:#}"));
        }
        Event::Future { versions, .. } => output.warning(format_args!(
            "the database has {} that this directory does not: {}",
            plural(versions.len(), "later migration"),
            versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        )),
        _ => {}
    }
}
