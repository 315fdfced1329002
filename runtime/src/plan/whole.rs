//! The kinds of migration that stand beside the versioned ones: the baseline that a fresh database gets in place of the
//! first of them, and the repeatables that come after all of them. Pure as the rest of the plan.

use std::collections::HashMap;

use super::{Entry, Plan, Policy, Start, Step, compare, plan};
use crate::error::conflict::Conflict;
use crate::history::{Progress, Record};
use crate::migrations::{Migration, Migrations};
use crate::verb::status::State;

/// Whether a fresh database gets a baseline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Baseline {
    /// The latest.
    #[default]
    Latest,
    /// None: every versioned migration is run.
    Unused,
}

/// What is to be done about each difference between a whole set and a history, or all that stands in the way.
///
/// A history is fresh that has no rows: what was begun without a baseline goes on without one. Repeatables never stand in
/// the way. They wait for all versioned migrations, and where the history has later ones than the set, they are left to
/// the newer binary, which has its own texts of them.
pub(crate) fn plan_all(set: &Migrations, history: &[Record], policy: Policy) -> Result<Plan, Vec<Conflict>> {
    let mut whole = plan(set.migrations, history, policy)?;
    if let Some(baseline) = history.is_empty().then(|| baseline(set, policy)).flatten() {
        let covered = whole.steps.iter().take_while(|step| step.migration.version <= baseline.version).count();
        whole.steps.splice(..covered, [Step { migration: baseline, start: Start::Fresh }]);
    }
    for entry in repeatables(set, history) {
        match (entry.state, entry.migration, entry.record) {
            (State::Pending, Some(migration), record) if whole.left == 0 => {
                let start = record.map_or(Start::Fresh, |record| Start::Again { recorded: record.checksum });
                whole.steps.push(Step { migration, start });
            }
            (State::Applied, ..) => whole.applied += 1,
            (State::Orphaned, _, Some(record)) => whole.orphaned.push(record.name.clone()),
            _ => {}
        }
    }
    Ok(whole)
}

/// The baseline that a fresh database gets.
fn baseline(set: &Migrations, policy: Policy) -> Option<&'static Migration> {
    match policy.baseline {
        Baseline::Latest => set.baselines.iter().rfind(|found| policy.to.is_none_or(|to| found.version <= to)),
        Baseline::Unused => None,
    }
}

/// Every version of either side with its state, ascending, and then the repeatables of either side, by name.
pub(crate) fn compare_all<'a>(set: &Migrations, history: &'a [Record]) -> Vec<Entry<'a>> {
    let mut entries = compare(set.migrations, history);
    entries.extend(repeatables(set, history));
    entries
}

/// One whose text has changed is pending as one that was never applied is, and what the history says of it is in its entry.
fn repeatables<'a>(set: &Migrations, history: &'a [Record]) -> Vec<Entry<'a>> {
    let head = set.head();
    let is_ahead = history.iter().any(|record| record.version > head);
    let recorded = || history.iter().filter(|record| record.version.is_none());
    let mut unseen: HashMap<&str, &Record> = recorded().map(|record| (record.name.as_str(), record)).collect();
    let entry = |state, migration, record| Entry { state, version: None, migration, record, highest: None };
    let mut entries = Vec::with_capacity(set.repeatables.len());
    for repeatable in set.repeatables {
        let record = unseen.remove(repeatable.name());
        let is_same = record.is_some_and(|it| it.progress == Progress::Applied && repeatable.0.accepts(&it.checksum));
        let state = match is_same {
            true => State::Applied,
            // A newer binary may have left a newer text. What nobody has applied yet, it does not know.
            false if is_ahead && record.is_some() => State::Future,
            false => State::Pending,
        };
        entries.push(entry(state, Some(&repeatable.0), record));
    }
    let state = if is_ahead { State::Future } else { State::Orphaned };
    entries.extend(unseen.into_values().map(|record| entry(state, None, Some(record))));
    entries.sort_by_key(|entry| match (entry.migration, entry.record) {
        (Some(migration), _) => migration.name().to_owned(),
        (None, record) => record.map(|record| record.name.clone()).unwrap_or_default(),
    });
    entries
}

#[cfg(test)]
mod tests;
