//! What a run would do to a database: a look that never writes.

use graven::cli::__private::Words;
use graven::{Conflict, Error, Migrations, PlannedStep, State, Status};
use serde_json::{Value, json};

use super::arguments::Check;
use crate::command::plural;
use crate::failure::Failure;
use crate::output::{BOLD, DIM};

/// The most steps that are named to people.
const NAMED: usize = 20;

/// What it has, and what a run would do.
#[derive(Debug)]
pub(crate) struct Against {
    pub(crate) status: Status,
    pub(crate) steps: Vec<PlannedStep>,
    /// What a run would refuse beside conflicts: a schema that holds tables already, a right that the role lacks, a standby.
    pub(crate) refusal: Option<Error>,
}

/// Looks at it.
pub(crate) async fn look(embedded: Migrations, check: &Check, url: &str) -> Result<Against, Failure> {
    let mut migrator = embedded.migrator().ignore_environment();
    if let Some(history) = &check.history {
        migrator = migrator.history(history);
    }
    if let Some(namespace) = &check.namespace {
        migrator = migrator.namespace(namespace);
    }
    if let Some(role) = &check.role {
        migrator = migrator.role(role);
    }
    let mut client = graven::connect(url).await?;
    let status = migrator.status(&mut client).await?;
    let planned = migrator.plan(&mut client).await?;
    Ok(Against { status, steps: planned.steps, refusal: planned.refusal })
}

/// The URL that was given, else that of the environment.
pub(crate) fn url(given: &str) -> Result<String, Failure> {
    let given = given.trim();
    if !given.is_empty() {
        return Ok(given.to_owned());
    }
    match std::env::var("DATABASE_URL") {
        Ok(url) if !url.trim().is_empty() => Ok(url),
        _ => Err(Failure::Usage(
            "no database was named".to_owned(),
            "give `--against postgres://user:password@host:5432/database`, or set DATABASE_URL".to_owned(),
        )),
    }
}

/// For people.
pub(super) fn page(against: &Against) -> String {
    let Against { status, steps, refusal } = against;
    let history = status.history.as_deref().unwrap_or("a history that is yet to be made");
    let counts: Vec<String> = State::ALL
        .iter()
        .map(|state| (status.count(*state), state))
        .filter(|(count, state)| *count > 0 && **state != State::Pending)
        .map(|(count, state)| format!("{count} {state}"))
        .collect();
    let there = if counts.is_empty() { "nothing applied".to_owned() } else { counts.join(", ") };
    let would = match steps.len() {
        _ if !status.conflicts.is_empty() || refusal.is_some() => "a run would refuse it".to_owned(),
        0 => "nothing to apply".to_owned(),
        count => format!("a run would apply {}", plural(count, "migration")),
    };
    let mut page = format!("against {BOLD}{history}{BOLD:#}: {there}; {would}");
    for step in steps.iter().take(NAMED) {
        let version = step.version.map_or_else(String::new, |version| format!("{version} "));
        let lock = step.strongest_lock().map(|lock| format!("  {DIM}{} on {}{DIM:#}", lock.mode, lock.on));
        page.push_str(&format!("\n  {version}{}{}", step.name, lock.unwrap_or_default()));
    }
    if let more @ 1.. = steps.len().saturating_sub(NAMED) {
        page.push_str(&format!("\n  and {more} more"));
    }
    page
}

/// For machines.
pub(super) fn json(against: &Against, words: &Words) -> Value {
    let mut json = json!(against.status);
    json["conflicts"] = against.status.conflicts.iter().map(|it| conflict(it, words)).collect();
    json["steps"] = json!(against.steps);
    json["refusal"] = json!(against.refusal.as_ref().map(|refusal| {
        json!({ "message": refusal.to_string(), "hint": refusal.hint().map(|hint| words.typed(&hint)) })
    }));
    json
}

/// As `graven status --json` has it.
fn conflict(conflict: &Conflict, words: &Words) -> Value {
    json!({
        "version": conflict.version().map(graven::Version::value),
        "state": conflict.state(),
        "message": conflict.to_string(),
        "remedy": words.typed(&conflict.remedy()),
    })
}
