//! `graven revert`: takes migrations back, and says first which ones.

use graven::{Error, MigrationStatus, RevertReport, State, Status, Target};

use crate::arguments::{Common, Revert};
use crate::database::{block_on, database_name};
use crate::directory::{Demand, load_to_run};
use crate::embed::embed;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{DIM, Output};
use crate::progress::{self, Verb};

/// As many migrations as one line has room for.
const NAMED: usize = 8;

pub(crate) fn run(common: &Common, revert: &Revert, output: &Output) -> Result<Exit, Failure> {
    let set = embed(load_to_run(common, Demand::Any, output)?);
    let url = revert.database.url()?;
    let target = revert.extent.target();
    let migrator = revert.database.migrator(&set).lock_timeout(revert.lock.timeout);
    let reverting = async |verb: Verb<'_>| -> Result<RevertReport, Error> {
        if !output.is_json() {
            let status = verb.migrator.status(verb.client).await?;
            if let Some(line) = announcement(&status, target, &database_name(verb.client).await) {
                verb.shown.say(format_args!("{DIM}{line}{DIM:#}"));
            }
        }
        verb.migrator.revert(verb.client, target).await
    };
    let report = block_on(progress::run(*output, migrator, url, revert.database.namespace.as_deref(), reverting))?;
    output.result(&report, || summary(&report))?;
    Ok(exit::DONE)
}

/// What is about to be reverted, in the order in which it will be. It is for people: the revert itself looks again a moment later,
/// and settles by that what it takes back.
fn announcement(status: &Status, target: Target, database: &str) -> Option<String> {
    let recorded: Vec<&MigrationStatus> = status.migrations.iter().rev().filter(|found| is_recorded(found)).collect();
    let is_above = |found: &&&MigrationStatus, to: i64| found.version.is_none_or(|version| version.value() > to);
    let number = match target {
        Target::Steps(steps) => steps.min(recorded.len()),
        Target::To(version) => recorded.iter().take_while(|found| is_above(found, version)).count(),
        _ => recorded.len(),
    };
    let (going, _) = recorded.split_at_checked(number)?;
    let named = |found: &&MigrationStatus| match found.version {
        Some(version) => format!("{version} {}", found.name),
        None => found.name.clone(),
    };
    let list = match going {
        [] => return None,
        [first @ .., last] if first.len() >= NAMED => {
            let shown: Vec<String> = first.iter().take(NAMED - 1).map(named).collect();
            format!("{} and {} more, down to {}", shown.join(", "), going.len() - NAMED + 1, named(last))
        }
        all => all.iter().map(named).collect::<Vec<_>>().join(", "),
    };
    let history = status.history.as_deref().unwrap_or_default();
    Some(format!("history {history} of database {database}: to revert {list}"))
}

/// Whether the history has it.
fn is_recorded(migration: &MigrationStatus) -> bool {
    !matches!(migration.state, State::Pending | State::OutOfOrder)
}

fn summary(report: &RevertReport) -> String {
    match report.reverted.len() {
        0 => "nothing to revert".to_owned(),
        1 => format!("reverted 1 migration in {:.1?}; it is pending again", report.duration),
        number => format!("reverted {number} migrations in {:.1?}; they are pending again", report.duration),
    }
}
