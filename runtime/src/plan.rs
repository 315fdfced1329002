//! Pure: a set, a history and the options become a plan or the conflicts. It knows no server and has no effects.

pub(crate) mod revert;
mod whole;

use std::collections::HashMap;

use graven_source::{Checksum, Version};

pub(crate) use self::whole::{Baseline, compare_all, plan_all};
use crate::error::conflict::Conflict;
use crate::history::{Doubt, Progress, Record};
use crate::migrations::{Effect, Migration};
use crate::verb::status::State;

/// What is allowed beyond the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) future: Future,
    pub(crate) out_of_order: OutOfOrder,
    pub(crate) baseline: Baseline,
    /// The version after which to stop.
    pub(crate) to: Option<Version>,
    pub(crate) begun: Begun,
}

/// What to do about an incomplete migration above the version after which to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Refuse: nobody is at it, and a run that goes no further must not leave it behind as if all were well.
    #[default]
    Refuse,
    /// Leave it to whoever may be at it right now, unless it was begun with another text.
    Leave,
}

/// What to do where the history knows versions above the set's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Future {
    /// Go on with a warning: a rollback, or an old instance during a rolling deploy, must start.
    #[default]
    Allow,
    /// Refuse.
    Refuse,
}

/// What to do with a pending migration below the highest applied one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OutOfOrder {
    /// Refuse.
    #[default]
    Refuse,
    /// Apply it.
    Allow,
}

/// What would be done, in order.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// Versions that only the history knows, above the set's head.
    pub(crate) future: Vec<Version>,
    /// How many migrations of the set the history has already.
    pub(crate) applied: usize,
    /// How many are pending above the version after which to stop.
    pub(crate) left: usize,
    /// The repeatables that only the history knows.
    pub(crate) orphaned: Vec<String>,
}

/// One migration to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) migration: &'static Migration,
    pub(crate) start: Start,
}

/// Where in a migration to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With a claim of its own.
    Fresh,
    /// A repeatable, with a claim of the row that it has, as it was seen.
    Again { recorded: Checksum },
    /// After as many units as an earlier run recorded.
    Resume { done: u32, doubt: Doubt, started_by: String },
}

/// What is to be done about each versioned migration on which set and history differ, or all that stands in the way.
pub(crate) fn plan(set: &'static [Migration], history: &[Record], policy: Policy) -> Result<Plan, Vec<Conflict>> {
    let mut plan = Plan::default();
    let mut conflicts = Vec::new();
    for entry in compare(set, history) {
        let is_beyond = policy.to.is_some_and(|to| entry.version > Some(to));
        match (entry.state, entry.migration) {
            (State::Applied, _) => plan.applied += 1,
            (State::Pending, Some(_)) if is_beyond => plan.left += 1,
            (State::OutOfOrder, Some(_)) if is_beyond && policy.out_of_order == OutOfOrder::Allow => plan.left += 1,
            (State::Pending, Some(migration)) => plan.steps.push(Step { migration, start: Start::Fresh }),
            (State::OutOfOrder, Some(migration)) if policy.out_of_order == OutOfOrder::Allow => {
                plan.steps.push(Step { migration, start: Start::Fresh });
            }
            (State::Incomplete, Some(migration)) => match resumable(migration, entry.record) {
                _ if is_beyond && policy.begun == Begun::Leave && is_same(migration, entry.record) => plan.left += 1,
                Some(start) if !is_beyond => plan.steps.push(Step { migration, start }),
                _ => conflicts.extend(Conflict::of(&entry)),
            },
            (State::Future, _) if policy.future == Future::Allow => plan.future.extend(entry.version),
            _ => conflicts.extend(Conflict::of(&entry)),
        }
    }
    if conflicts.is_empty() { Ok(plan) } else { Err(conflicts) }
}

fn is_same(migration: &Migration, record: Option<&Record>) -> bool {
    record.is_some_and(|record| migration.accepts(&record.checksum))
}

/// Where an incomplete migration can be taken up again without guessing.
pub(crate) fn resumable(migration: &Migration, record: Option<&Record>) -> Option<Start> {
    let record = record?;
    let Progress::Started { done, total, doubt } = record.progress else { return None };
    let units = migration.details().units;
    if !migration.accepts(&record.checksum) || usize::try_from(total) != Ok(units.len()) {
        return None;
    }
    let next = units.get(usize::try_from(done).ok()?).map(|unit| unit.effect);
    let known = match (doubt, next) {
        (Doubt::Settled, _) => true,
        // All have run, and only the last record was not written.
        (Doubt::InDoubt, None) => done == total,
        // Whether such an index was left behind, finished or not, can be seen in the catalog, unless PostgreSQL chose
        // its name. A setting is simply made again.
        (Doubt::InDoubt, Some(effect)) => {
            matches!(effect, Effect::ConcurrentIndex { name: Some(_), .. } | Effect::Session)
        }
    };
    known.then(|| Start::Resume { done, doubt, started_by: record.started_by.clone().unwrap_or_default() })
}

/// One version, or one repeatable, as the set and the history see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) state: State,
    /// `None` only for a repeatable.
    pub(crate) version: Option<Version>,
    pub(crate) migration: Option<&'static Migration>,
    pub(crate) record: Option<&'a Record>,
    /// The highest applied version, for what is out of order.
    pub(crate) highest: Option<Version>,
}

/// Every version of either side with its state, ascending. Rows without a version are passed over.
pub(crate) fn compare<'a>(set: &'static [Migration], history: &'a [Record]) -> Vec<Entry<'a>> {
    let head = set.last().map(|migration| migration.version);
    let highest = history.iter().filter_map(|record| record.version).max();
    let records: HashMap<Version, &Record> =
        history.iter().filter_map(|record| Some((record.version?, record))).collect();
    let in_set = set.iter().map(|migration| {
        let record = records.get(&migration.version).copied();
        let state = state_in_set(migration, record, highest);
        Entry { state, version: Some(migration.version), migration: Some(migration), record, highest }
    });
    let only_in_history = history
        .iter()
        .filter(|record| record.version.is_some_and(|version| !contains(set, version)))
        .map(|record| Entry {
            state: if record.version > head { State::Future } else { State::Orphaned },
            version: record.version,
            migration: None,
            record: Some(record),
            highest,
        });
    let mut entries: Vec<Entry<'a>> = in_set.chain(only_in_history).collect();
    entries.sort_by_key(|entry| entry.version);
    entries
}

fn state_in_set(migration: &Migration, record: Option<&Record>, highest: Option<Version>) -> State {
    match record {
        None if highest.is_some_and(|highest| migration.version < highest) => State::OutOfOrder,
        None => State::Pending,
        Some(record) => match record.progress {
            Progress::Started { .. } => State::Incomplete,
            Progress::Applied if migration.accepts(&record.checksum) => State::Applied,
            Progress::Applied => State::Modified,
        },
    }
}

fn contains(set: &[Migration], version: Version) -> bool {
    set.binary_search_by_key(&version, |migration| migration.version).is_ok()
}

#[cfg(test)]
mod tests;
