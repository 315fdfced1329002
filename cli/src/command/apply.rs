//! `graven apply`: applies what is pending.

use graven::{Event, Outcome, Report};

use crate::arguments::{Apply, Common};
use crate::command::plural;
use crate::database::block_on;
use crate::directory::load_to_run;
use crate::embed::embed;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{DIM, GOOD, Output, WARNING};

pub(crate) fn run(common: &Common, apply: &Apply, output: &Output) -> Result<Exit, Failure> {
    let set = embed(load_to_run(common, apply.sealed.into(), output)?);
    let url = apply.database.url()?;
    let log = *output;
    let mut migrator =
        apply.database.migrator(&set).lock_timeout(apply.lock.timeout).observe(move |event| tell(&log, event));
    if apply.into_existing {
        migrator = migrator.into_existing();
    }
    if apply.out_of_order {
        migrator = migrator.allow_out_of_order();
    }
    if apply.strict {
        migrator = migrator.strict();
    }
    let report = block_on(migrator.run_url(url))?;
    output.result(&report, || summary(&report))?;
    Ok(exit::DONE)
}

/// One line for each thing that happens.
fn tell(output: &Output, event: &Event<'_>) {
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
        Event::Retrying { version, name, attempt, pause, error, .. } => output.progress(format_args!(
            "{WARNING}retrying{WARNING:#} {version} {name} in {pause:.1?} (attempt {attempt}): {error}"
        )),
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

fn summary(report: &Report) -> String {
    match report.outcome {
        Outcome::Applied => {
            let applied = plural(report.applied.len(), "migration");
            format!("applied {applied} in {:.1?}, {} in all", report.duration, report.total)
        }
        _ => format!("up to date: {}", plural(report.total, "migration")),
    }
}
