//! What state each migration is in, for people and machines.

use std::fmt;
use std::sync::Arc;

use graven_source::{Checksum, Kind, Version};

use crate::error::Error;
use crate::error::conflict::Conflict;
use crate::history::{Progress, Record};
use crate::migrations::Migrations;
use crate::plan::{Entry, compare_all};

/// The state of one migration in one database. These words are used everywhere: code, command line, JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum State {
    /// In the set only: it would be applied. A repeatable also where its text has changed: it would be applied again.
    Pending,
    /// In both, with one checksum.
    Applied,
    /// In both, but the checksums differ.
    Modified,
    /// In the history only, at or below the set's head. Of a repeatable that is no conflict.
    Orphaned,
    /// In the history only, above the set's head: this binary is older than one that ran before. Then a repeatable that
    /// differs is the newer binary's, too.
    Future,
    /// Pending, but below the highest applied version.
    OutOfOrder,
    /// Started by a run that never finished it. Only a non-transactional migration can be.
    Incomplete,
}

impl State {
    /// Every state, in the order in which they are explained.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Applied,
        Self::Modified,
        Self::Orphaned,
        Self::Future,
        Self::OutOfOrder,
        Self::Incomplete,
    ];

    /// The word for it: `out of order`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Applied => "applied",
            Self::Modified => "modified",
            Self::Orphaned => "orphaned",
            Self::Future => "future",
            Self::OutOfOrder => "out of order",
            Self::Incomplete => "incomplete",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The state of every migration of the set and of the history.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Status {
    /// The history table, qualified. `None` where no schema of the search path exists.
    pub history: Option<String>,
    /// Another history table of that name, in a later schema of the search path, where the one above is not there: what is
    /// pending here may be applied there.
    pub elsewhere: Option<String>,
    /// Why a first run would refuse to apply what is pending, where there is no history: [`Error::NotEmpty`], or
    /// [`Error::HistoryElsewhere`] with another tool's.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub refusal: Option<Arc<Error>>,
    /// The namespace within it, empty unless one was chosen.
    pub namespace: String,
    /// What the `head` of the seal file says that this set was made with: see [`Migrations::seal_head`].
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_checksum"))]
    pub seal_head: Option<Checksum>,
    /// Ascending by version, then the repeatables, by name.
    pub migrations: Vec<MigrationStatus>,
    /// What a run would refuse, each with its remedy.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub conflicts: Vec<Conflict>,
}

impl Status {
    /// How many migrations are in that state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.migrations.iter().filter(|migration| migration.state == state).count()
    }

    pub(crate) fn new(
        history: Option<String>,
        namespace: &str,
        set: &Migrations,
        records: &[Record],
        conflicts: Vec<Conflict>,
    ) -> Self {
        let entries = compare_all(set, records);
        Self {
            history,
            elsewhere: None,
            refusal: None,
            namespace: namespace.to_owned(),
            seal_head: set.seal_head(),
            migrations: entries.iter().map(MigrationStatus::new).collect(),
            conflicts,
        }
    }
}

/// The state of one migration, and what the history says of it.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MigrationStatus {
    /// Its version; `None` for a repeatable, which has none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_version"))]
    pub version: Option<Version>,
    /// Its name: the set's, or where the set does not have it the history's.
    pub name: String,
    /// What kind of migration it is: versioned, or a repeatable.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::kind"))]
    pub kind: Kind,
    /// The state it is in.
    pub state: State,
    /// When it was applied: ISO 8601, in UTC, `2026-01-31T12:00:00.123456Z`.
    pub applied_at: Option<String>,
    /// The role that applied it.
    pub applied_by: Option<String>,
    /// The application name and host that applied it.
    pub applied_as: Option<String>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// The run that applied it.
    pub run: Option<String>,
    /// Whether it was recorded without being run: see [`Migrator::stamp`](crate::Migrator::stamp).
    pub stamped: bool,
    /// The version of the baseline that stands for it: it was not run itself, since the database was fresh.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_version"))]
    pub baseline: Option<Version>,
    /// Of an incomplete one: how many statements are recorded as done.
    pub statements_done: Option<u32>,
    /// Of an incomplete one: how many statements it has.
    pub statements_total: Option<u32>,
    /// Whether the history has a row of it.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) is_recorded: bool,
}

impl MigrationStatus {
    fn new(entry: &Entry<'_>) -> Self {
        let origin = entry.record.and_then(|record| record.origin.as_ref());
        let progress = match entry.record.map(|record| record.progress) {
            Some(Progress::Started { done, total, .. }) => Some((done, total)),
            _ => None,
        };
        let name = match (entry.migration, entry.record) {
            (Some(migration), _) => migration.name().to_owned(),
            (None, Some(record)) => record.name.clone(),
            (None, None) => String::new(),
        };
        Self {
            version: entry.version,
            name,
            kind: if entry.version.is_some() { Kind::Versioned } else { Kind::Repeatable },
            state: entry.state,
            applied_at: origin.map(|origin| origin.applied_at.clone()),
            applied_by: origin.map(|origin| origin.applied_by.clone()),
            applied_as: origin.map(|origin| origin.applied_as.clone()),
            seconds: origin.and_then(|origin| origin.seconds),
            run: origin.map(|origin| origin.run.clone()),
            stamped: origin.is_some_and(|origin| origin.stamped),
            baseline: origin.and_then(|origin| origin.baseline),
            statements_done: progress.map(|(done, _)| done),
            statements_total: progress.map(|(_, total)| total),
            is_recorded: entry.record.is_some(),
        }
    }
}
