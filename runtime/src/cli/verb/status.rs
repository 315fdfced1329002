//! `status`: what state each migration is in.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::cli::database::Database;
use crate::cli::exit::{self, Exit};
use crate::cli::failure::{self, Failure};
use crate::cli::output::{BAD, BOLD, DIM, GOOD, WARNING, shown};
use crate::cli::verb::Scene;
use crate::cli::words::{Words, plural};
use crate::options::in_shell;
use crate::{MigrationStatus, State};

/// The longest word for a state, and two spaces.
const STATE_WIDTH: usize = 14;

/// Show what state each migration is in
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
States:
  pending        in the directory only: it would be applied; a repeatable also when it has changed
  applied        in both
  modified       applied with another text than the directory has now
  orphaned       applied, and gone from the directory
  future         applied, above all that the directory has: a newer version has run there
  out of order   pending, below one that is applied
  incomplete     begun outside of a transaction and never finished

It succeeds whatever the states are; `graven verify` is the one for scripts.")]
pub struct Status {
    #[command(flatten)]
    database: Database,
}

impl Status {
    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let url = self.database.url(scene)?;
        let mut migrator = self.database.migrator(scene);
        let mut client = crate::connect(url).await?;
        let mut status = migrator.status(&mut client).await?;
        let refusal = status.refusal.take().and_then(Arc::into_inner).map(Failure::from);
        let json = Json {
            status: &status,
            refusal: refusal.as_ref().map(|refusal| refusal.json(scene.words)["error"].clone()),
            conflicts: status.conflicts.iter().map(|it| failure::conflict(it, scene.words)).collect(),
        };
        scene.output.result(&json, || table(&status, refusal.as_ref(), scene.words))?;
        Ok(exit::DONE)
    }
}

/// The status with its conflicts and what a run would refuse in the form that they have in errors, too.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    status: &'a crate::Status,
    refusal: Option<Value>,
    conflicts: Vec<Value>,
}

fn table(status: &crate::Status, refusal: Option<&Failure>, words: &Words) -> String {
    let mut text = match &status.history {
        Some(history) => format!("history {BOLD}{}{BOLD:#}", shown(history)),
        None => "no schema in the search path exists".to_owned(),
    };
    if !status.namespace.is_empty() {
        text.push_str(&format!(", namespace {}", shown(&status.namespace)));
    }
    if let Some(elsewhere) = &status.elsewhere {
        let command = words.typed(&format!("`graven status --history {}`", in_shell(elsewhere)));
        text.push_str(&format!(
            "\n{WARNING}note{WARNING:#}: it is not there, and {} is: what is pending here may be applied there\n  \
             remedy: look at that one by {}",
            shown(elsewhere),
            shown(command),
        ));
    }
    let versions: Vec<String> = status.migrations.iter().map(version).collect();
    let version_width = width(versions.iter().map(String::as_str));
    let names: Vec<String> = status.migrations.iter().map(|migration| shown(&migration.name)).collect();
    let name_width = width(names.iter().map(String::as_str));
    for ((migration, version), name) in status.migrations.iter().zip(&versions).zip(&names) {
        let style = match migration.state {
            State::Applied => GOOD,
            State::Pending | State::Future => WARNING,
            // Of a repeatable that is no conflict.
            State::Orphaned if migration.version.is_none() => WARNING,
            _ => BAD,
        };
        // Padding at the end of a line would stay in logs.
        let origin = shown(origin(migration));
        let state_width = if origin.is_empty() { 0 } else { STATE_WIDTH };
        text.push_str(&format!(
            "\n  {version:>version_width$}  {name:name_width$}  {style}{:state_width$}{style:#}{DIM}{origin}{DIM:#}",
            migration.state,
        ));
    }
    if let Some(refusal) = refusal {
        text.push_str(&format!("\n\n{WARNING}a run would refuse{WARNING:#}: {}", refusal.page(words)));
    }
    for conflict in &status.conflicts {
        let (conflict, remedy) = (shown(conflict), shown(words.typed(&conflict.remedy())));
        text.push_str(&format!("\n\n{BAD}conflict{BAD:#}: {conflict}\n  remedy: {remedy}"));
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
        None if migration.baseline.is_some() => {}
        // What else is applied and has no duration is so by an operator's word.
        None if migration.statements_done.is_none() && migration.applied_at.is_some() => {
            parts.push("resolved".to_owned());
        }
        None => {}
    }
    if let Some(baseline) = migration.baseline {
        parts.push(format!("by baseline {baseline}"));
    }
    if migration.state == State::Pending && migration.applied_at.is_some() {
        parts.push("again: its text has changed".to_owned());
    }
    parts.join("  ")
}

fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}
