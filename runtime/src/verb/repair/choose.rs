//! Pure: which rows a repair changes, or why it must not. It knows no server and has no effects.

use crate::error::conflict::Conflict;
use crate::history::Record;
use crate::migrations::Migration;
use crate::plan::{Entry, compare};
use crate::verb::repair::Repair;
use crate::verb::status::State;

/// A row that is to get what the set has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Chosen<'a> {
    pub(super) migration: &'static Migration,
    pub(super) record: &'a Record,
}

/// Why nothing is changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// These must be resolved otherwise.
    Conflicts(Vec<Conflict>),
    /// Neither the set nor the history has this version.
    NoSuchVersion(i64),
}

/// Every row whose name or checksum is not the set's, ascending by version.
pub(super) fn differences<'a>(set: &'static [Migration], history: &'a [Record]) -> Vec<Chosen<'a>> {
    compare(set, history).iter().filter_map(difference).collect()
}

/// The rows that are to be changed, ascending by version, or all that stands in the way.
pub(super) fn choose<'a>(
    set: &'static [Migration],
    history: &'a [Record],
    repair: &Repair,
) -> Result<Vec<Chosen<'a>>, Refused> {
    let entries = compare(set, history);
    let is_known = |version: i64| entries.iter().any(|entry| entry.version.is_some_and(|it| it.value() == version));
    let asked: Vec<&Entry<'a>> = match repair {
        Repair::All => entries.iter().filter(|entry| difference(entry).is_some()).collect(),
        Repair::Versions(versions) => {
            if let Some(unknown) = versions.iter().find(|version| !is_known(**version)) {
                return Err(Refused::NoSuchVersion(*unknown));
            }
            entries
                .iter()
                .filter(|entry| entry.version.is_some_and(|version| versions.contains(&version.value())))
                .collect()
        }
    };
    let refused: Vec<Conflict> =
        asked.iter().filter(|entry| is_refused(entry, repair)).filter_map(|entry| Conflict::of(entry)).collect();
    if !refused.is_empty() {
        return Err(Refused::Conflicts(refused));
    }
    Ok(asked.into_iter().filter_map(difference).collect())
}

fn difference<'a>(entry: &Entry<'a>) -> Option<Chosen<'a>> {
    let (migration, record) = (entry.migration?, entry.record?);
    // A kind without versions is applied again where it differs.
    entry.version?;
    let differs = match entry.state {
        State::Modified => true,
        State::Applied => record.name != migration.name(),
        _ => false,
    };
    differs.then_some(Chosen { migration, record })
}

fn is_refused(entry: &Entry<'_>, repair: &Repair) -> bool {
    match entry.state {
        State::Orphaned | State::Future | State::Incomplete => true,
        // The history means another migration: the set's has never run here, and `all` was hardly meant to say so.
        State::Modified => {
            *repair == Repair::All && difference(entry).is_some_and(|it| it.record.name != it.migration.name())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
