//! `graven status`: what state each migration is in.

use graven::{MigrationStatus, State};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::{self, Common};
use crate::command::plural;
use crate::database::block_on;
use crate::directory::{Demand, load_to_run};
use crate::embed::embed;
use crate::exit::{self, Exit};
use crate::failure::{self, Failure};
use crate::output::{BAD, BOLD, DIM, GOOD, Output, WARNING};

/// The longest word for a state, and two spaces.
const STATE_WIDTH: usize = 14;

pub(crate) fn run(common: &Common, status: &arguments::Status, output: &Output) -> Result<Exit, Failure> {
    let set = embed(load_to_run(common, Demand::Any, output)?);
    let url = status.database.url()?;
    let mut migrator = status.database.migrator(&set);
    let status = block_on(async {
        let mut client = graven::connect(url).await?;
        migrator.status(&mut client).await
    })?;
    let json = Json { status: &status, conflicts: status.conflicts.iter().map(failure::conflict).collect() };
    output.result(&json, || table(&status))?;
    Ok(exit::DONE)
}

/// The status with its conflicts in the form that they have in errors, too.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    status: &'a graven::Status,
    conflicts: Vec<Value>,
}

fn table(status: &graven::Status) -> String {
    let mut text = match &status.history {
        Some(history) => format!("history {BOLD}{history}{BOLD:#}"),
        None => "no schema in the search path exists".to_owned(),
    };
    if !status.namespace.is_empty() {
        text.push_str(&format!(", namespace {}", status.namespace));
    }
    let versions: Vec<String> = status.migrations.iter().map(version).collect();
    let version_width = width(versions.iter().map(String::as_str));
    let name_width = width(status.migrations.iter().map(|migration| migration.name.as_str()));
    for (migration, version) in status.migrations.iter().zip(&versions) {
        let style = match migration.state {
            State::Applied => GOOD,
            State::Pending | State::Future => WARNING,
            _ => BAD,
        };
        // Padding at the end of a line would stay in logs.
        let origin = origin(migration);
        let state_width = if origin.is_empty() { 0 } else { STATE_WIDTH };
        text.push_str(&format!(
            "\n  {version:>version_width$}  {:name_width$}  {style}{:state_width$}{style:#}{DIM}{origin}{DIM:#}",
            migration.name, migration.state,
        ));
    }
    for conflict in &status.conflicts {
        text.push_str(&format!("\n\n{BAD}conflict{BAD:#}: {conflict}\n  remedy: {}", conflict.remedy()));
    }
    let counts: Vec<String> = State::ALL
        .iter()
        .map(|state| (status.count(*state), state))
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{count} {state}"))
        .collect();
    if counts.is_empty() {
        return format!("{text}\n\nno migrations");
    }
    format!("{text}\n\n{}: {}", plural(status.migrations.len(), "migration"), counts.join(", "))
}

fn version(migration: &MigrationStatus) -> String {
    migration.version.map_or_else(String::new, |version| version.to_string())
}

/// When, by whom and how long, as far as it is known.
fn origin(migration: &MigrationStatus) -> String {
    let mut parts = Vec::new();
    if let (Some(done), Some(total)) = (migration.statements_done, migration.statements_total) {
        parts.push(format!("{done} of {total} statements"));
    }
    // To the second: `2026-01-31T12:00:00.123456Z`.
    if let Some(at) = &migration.applied_at {
        parts.push(at.split_once('.').map_or_else(|| at.clone(), |(seconds, _)| format!("{seconds}Z")));
    }
    if let (Some(role), Some(instance)) = (&migration.applied_by, &migration.applied_as) {
        parts.push(format!("by {role} ({instance})"));
    }
    match migration.seconds {
        Some(seconds) => {
            let duration = std::time::Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default();
            parts.push(format!("{duration:.1?}"));
        }
        None if migration.stamped => parts.push("stamped".to_owned()),
        // What else is applied and has no duration is so by an operator's word.
        None if migration.statements_done.is_none() && migration.applied_at.is_some() => {
            parts.push("resolved".to_owned());
        }
        None => {}
    }
    parts.join("  ")
}

fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}
