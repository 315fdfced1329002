//! Pure: what a revert, a redo or a stamp is to do, or all that stands in its way. It knows no server and has no effects.

use graven_source::{Checksum, Version};

use crate::error::conflict::Conflict;
use crate::error::obstacle::Obstacle;
use crate::event::MigrationName;
use crate::history::Record;
use crate::migrations::{Effect, Migration, Sealing, Unit};
use crate::plan::{Entry, Policy, Start, compare, plan};
use crate::verb::status::State;

/// How far to revert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// So many of the highest applied migrations, or as many as there are.
    Steps(usize),
    /// Down to this version, which stays applied. It must be one that the set or the history has, or 0 for everything.
    To(i64),
    /// Every migration.
    All,
}

/// Which rows of the history a revert is about. It is settled before the revert waits for the lock, so that of two reverts by
/// one step at the same moment the second one does not take back one migration more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Those above this version; all of them without one.
    pub(crate) above: Option<Version>,
    /// With steps, the highest one that they were counted from.
    pub(crate) counted_from: Option<Version>,
}

impl Extent {
    /// What a target means for a history, or the version that neither the set nor the history has.
    pub(crate) fn of(set: &'static [Migration], history: &[Record], target: Target) -> Result<Self, i64> {
        let mut versions: Vec<Version> = history.iter().filter_map(|record| record.version).collect();
        versions.sort_unstable_by(|first, second| second.cmp(first));
        let everything = Self { above: None, counted_from: None };
        match target {
            Target::All => Ok(everything),
            Target::Steps(steps) => {
                Ok(Self { above: versions.get(steps).copied(), counted_from: versions.first().copied() })
            }
            Target::To(number) => {
                let version = Version::new(number).ok_or(number)?;
                let is_known = versions.contains(&version) || set.iter().any(|migration| migration.version == version);
                match (is_known, number) {
                    (true, _) => Ok(Self { above: Some(version), counted_from: None }),
                    (false, 0) => Ok(everything),
                    (false, _) => Err(number),
                }
            }
        }
    }

    fn includes(self, version: Version) -> bool {
        self.above.is_none_or(|above| version > above)
    }
}

/// One migration to take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reversal {
    pub(crate) migration: &'static Migration,
    pub(crate) reverse: &'static Migration,
    /// The checksum with which the history has it: only as it was seen is it taken back.
    pub(crate) recorded: Checksum,
}

impl Reversal {
    /// What it takes back.
    pub(crate) fn named(&self) -> MigrationName<'static> {
        MigrationName { version: self.migration.version, name: self.migration.name() }
    }
}

/// What a revert takes back, the highest version first.
///
/// What conflicts below does not matter: it is not touched, and reverting may be the way to mend it.
pub(crate) fn reversals(
    set: &'static [Migration],
    history: &[Record],
    extent: Extent,
) -> Result<Vec<Reversal>, Vec<Obstacle>> {
    let entries = compare(set, history);
    let recorded = |entry: &&Entry<'_>| entry.record.is_some() && entry.version.is_some_and(|it| extent.includes(it));
    let mut reversals = Vec::new();
    let mut obstacles = Vec::new();
    for entry in entries.iter().filter(recorded) {
        match reversal(entry) {
            Ok(reversal) if extent.counted_from.is_some_and(|top| reversal.migration.version > top) => {
                obstacles.push(Obstacle::meanwhile(reversal.migration));
            }
            Ok(reversal) => reversals.push(reversal),
            Err(found) => obstacles.extend(found),
        }
    }
    reversals.reverse();
    if obstacles.is_empty() { Ok(reversals) } else { Err(obstacles) }
}

fn reversal(entry: &Entry<'_>) -> Result<Reversal, Vec<Obstacle>> {
    match (entry.state, entry.migration, entry.record) {
        (State::Applied, Some(migration), Some(record)) => with_reverse(migration, record),
        _ => Err(Obstacle::conflict(entry).into_iter().collect()),
    }
}

fn with_reverse(migration: &'static Migration, record: &Record) -> Result<Reversal, Vec<Obstacle>> {
    let Some(reverse) = migration.reverse() else { return Err(vec![Obstacle::no_reverse(migration)]) };
    match cannot_run_again(reverse) {
        Some(unit) => Err(vec![Obstacle::not_repeatable(migration, reverse, unit)]),
        None => Ok(Reversal { migration, reverse, recorded: record.checksum }),
    }
}

/// The first statement of a reverse without transaction that must not run a second time, and would if the reverse were cut
/// off after it: a reverse records no progress.
///
/// The last statement is left to its author: a row that says nothing of it is all that can be left behind then.
fn cannot_run_again(reverse: &'static Migration) -> Option<&'static Unit> {
    let (_, before) = reverse.details().units.split_last()?;
    before.iter().find(|unit| unit.effect != Effect::Session && !drops_if_exists(unit.sql(reverse)))
}

/// Whether a statement is a `DROP … IF EXISTS`, written without comments between those words.
fn drops_if_exists(sql: &str) -> bool {
    let words: Vec<String> = sql.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
    words.first().is_some_and(|first| first == "drop") && words.windows(2).any(|two| two == ["if", "exists"])
}

/// Why a migration is not redone, besides what obstacles there are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Neither the set nor the history has such a version.
    Unknown,
    /// It is not applied.
    NotApplied,
    /// These are applied above it.
    NotHighest(Vec<Version>),
    /// It is sealed.
    Sealed(&'static Migration),
    /// These stand in the way.
    Obstacles(Vec<Obstacle>),
}

/// Whether a sealed migration may be redone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RedoSealed {
    /// No: other databases may have run it, and would not get the change.
    #[default]
    Refuse,
    /// Yes, the operator said so.
    Allow,
}

/// What a redo takes back and applies again: the highest applied migration, modified or not.
pub(crate) fn redoable(
    set: &'static [Migration],
    history: &[Record],
    number: i64,
    policy: Policy,
    sealed: RedoSealed,
) -> Result<Reversal, Refused> {
    let entries = compare(set, history);
    let this = |entry: &&Entry<'_>| entry.version.is_some_and(|version| version.value() == number);
    let entry = entries.iter().find(this).ok_or(Refused::Unknown)?;
    let record = entry.record.ok_or(Refused::NotApplied)?;
    let migration = match (entry.state, entry.migration) {
        (State::Applied, Some(migration)) => migration,
        // Under another name it is another migration, which this one's reverse does not take back.
        (State::Modified, Some(migration)) if migration.name() == record.name => migration,
        _ => return Err(Refused::Obstacles(Obstacle::conflict(entry).into_iter().collect())),
    };
    let above = |other: &&Record| other.version > record.version;
    let above: Vec<Version> = history.iter().filter(above).filter_map(|other| other.version).collect();
    if !above.is_empty() {
        return Err(Refused::NotHighest(above));
    }
    if migration.sealing == Sealing::Sealed && sealed == RedoSealed::Refuse {
        return Err(Refused::Sealed(migration));
    }
    let reversal = with_reverse(migration, record).map_err(Refused::Obstacles)?;
    // It is applied again, and nothing is applied while a conflict is unresolved.
    let others: Vec<Record> = history.iter().filter(|other| other.version != record.version).cloned().collect();
    match plan(set, &others, Policy { to: None, ..policy }) {
        Ok(_) => Ok(reversal),
        Err(conflicts) => Err(Refused::Obstacles(conflicts.into_iter().map(Obstacle::Conflict).collect())),
    }
}

/// The command that reverts a modified migration and applies it again, where that is its remedy: it is a developer's own edit,
/// nothing is applied above it, and it has a reverse.
pub(crate) fn redo_command(entry: &Entry<'_>) -> Option<String> {
    let (migration, record) = (entry.migration?, entry.record?);
    let suits = migration.sealing == Sealing::Unsealed
        && entry.highest == entry.version
        && migration.name() == record.name
        && with_reverse(migration, record).is_ok();
    suits.then(|| format!("graven redo {}", migration.version))
}

/// Up to where to stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StampTo {
    /// All that the set has.
    Head,
    /// Up to this version of the set, which is included.
    Version(i64),
}

/// What a stamp records, and what stays pending after it.
pub(crate) struct Stamping {
    pub(crate) stamped: Vec<&'static Migration>,
    pub(crate) pending: Vec<&'static Migration>,
}

/// Sorts out what a stamp records, or lists the conflicts: those of a run.
pub(crate) fn stampable(
    set: &'static [Migration],
    history: &[Record],
    last: Option<Version>,
    policy: Policy,
) -> Result<Stamping, Vec<Conflict>> {
    let plan = plan(set, history, Policy { to: None, ..policy })?;
    let is_resumed = |version: Option<Version>| {
        plan.steps.iter().any(|step| step.start != Start::Fresh && Some(step.migration.version) == version)
    };
    // A run would go on with it. To call it applied would leave the rest of it out.
    let entries = compare(set, history);
    let incomplete: Vec<Conflict> =
        entries.iter().filter(|entry| is_resumed(entry.version)).filter_map(Conflict::of).collect();
    if !incomplete.is_empty() {
        return Err(incomplete);
    }
    let pending = plan.steps.iter().map(|step| step.migration);
    let (stamped, pending) = pending.partition(|migration| Some(migration.version) <= last);
    Ok(Stamping { stamped, pending })
}

#[cfg(test)]
mod tests;
