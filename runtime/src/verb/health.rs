//! Whether a service may take traffic on this database.
//!
//! It says what the history holds, and no more: it does not look at the live schema, takes no lock, writes nothing, and
//! mends nothing.

mod ask;

use graven_source::{Checksum, Version};

use crate::lock::Holder;
use crate::migrations::{Migrations, Sealing};
use crate::verb::status::{MigrationStatus, State, Status};

/// How a set of migrations and a database agree: what [`Migrations::health`] answers.
///
/// **It is for readiness, not for liveness.** A pod that is not ready gets no traffic, and gets it again by itself once the
/// database is what its binary was built for. A pod that is restarted for it finds the same database: a liveness probe on
/// this turns one pending migration into a fleet that restarts for ever. Let liveness ask nothing of the database.
///
/// It costs one message, and up to two more where that could not make out what it saw. While everything is applied, one row
/// comes back for a large set and no more than the rows of a small one; the server's lock table is read only while the history
/// has not just what the set has. It works for a role that may only read the history, and on a standby.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// The verdict.
    pub state: HealthState,
    /// How many migrations the set has, repeatables included.
    pub total: usize,
    /// How many are applied.
    pub applied: usize,
    /// How many are pending.
    pub pending: usize,
    /// How many are pending below the highest applied version.
    pub out_of_order: usize,
    /// How many were applied with other content.
    pub modified: usize,
    /// How many were begun and never finished.
    pub incomplete: usize,
    /// How many the history has and the set, up to its head, has not.
    pub orphaned: usize,
    /// How many the history has above the set's head.
    pub future: usize,
    /// Whatever is not simply applied, ascending by version: of each state the first [`MOST_LISTED`](Self::MOST_LISTED).
    /// The counts are of all.
    pub differences: Vec<Difference>,
    /// The highest version of the set: which binary this is.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_version"))]
    pub head: Option<Version>,
    /// The highest version of the set that was sealed when the binary was built.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_version"))]
    pub sealed: Option<Version>,
    /// What the `head` of the seal file said when the binary was built: see [`Migrations::seal_head`].
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_checksum"))]
    pub seal_head: Option<Checksum>,
    /// What was applied or stamped last, by the server's clock: it may be of a newer binary. `None` where nothing is.
    pub last_applied: Option<LastApplied>,
    /// Who holds the lock of this history, and so is migrating at this moment. It is asked for only while the history does
    /// not end where the set does, with as many applied. A standby does not see who is migrating on its primary.
    /// A probe's answer may be read by anybody: it names no role and no address, and of statements only migrations, by
    /// version and name.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::holder"))]
    pub lock_holder: Option<Holder>,
}

/// The verdict of [`Health`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum HealthState {
    /// Everything is applied, and the history knows nothing else but perhaps repeatables whose files are gone.
    Healthy,
    /// Everything is applied, and another binary has applied more, or a repeatable with another text: fine for the length of
    /// a rolling deploy.
    Degraded,
    /// The database is not what this binary was built for.
    Unhealthy,
}

/// A migration that is not simply applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Difference {
    /// Its version; `None` for a repeatable, which has none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_version"))]
    pub version: Option<Version>,
    /// Its name: the set's, or where the set does not have it the history's.
    pub name: String,
    /// The state it is in.
    pub state: State,
}

/// The migration that was applied or stamped last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LastApplied {
    /// Its version; `None` for a repeatable, which has none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_version"))]
    pub version: Option<Version>,
    /// Its name, as the history has it.
    pub name: String,
    /// When: ISO 8601, in UTC, `2026-01-31T12:00:00.123456Z`.
    pub at: String,
}

impl HealthState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// Whether a service may take traffic: see [`Health::is_ready`].
    #[must_use]
    pub const fn is_ready(self) -> bool {
        match self {
            Self::Healthy | Self::Degraded => true,
            Self::Unhealthy => false,
        }
    }

    /// The HTTP status for a readiness probe: 200, or 503 where the service must not take traffic.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        if self.is_ready() { 200 } else { 503 }
    }
}

impl std::fmt::Display for HealthState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Health {
    /// How many [`differences`](Self::differences) of each state are listed at most: an answer stays small, however much is
    /// pending.
    pub const MOST_LISTED: usize = 20;

    /// Whether a service may take traffic.
    ///
    /// | where something is | it is | because |
    /// |---|---|---|
    /// | pending, out of order | not ready | the binary's queries may need what is not there yet |
    /// | incomplete | not ready | what of it took effect is not known |
    /// | modified, orphaned | not ready | the schema was made by other migrations than the binary's |
    /// | an orphaned repeatable | ready | what it made is there still, and a run passes it over |
    /// | a repeatable that was applied with another text | ready | a release that changes nothing else must not take all old instances out of service |
    /// | future | ready | a rolling deploy goes on, or a rollback has just happened: old instances must serve |
    ///
    /// Options that let a [`run`](crate::Migrator::run) go on (`allow_out_of_order`) or refuse (`strict`) make no difference:
    /// they are about starting.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.state.is_ready()
    }

    pub(crate) fn all_applied(set: &Migrations) -> Self {
        Self { applied: set.rows(), ..Self::nothing(set) }
    }

    pub(crate) fn of(set: &Migrations, status: &Status) -> Self {
        let mut health = Self::nothing(set);
        for migration in &status.migrations {
            let count = health.count(migration.state);
            *count += 1;
            if migration.state != State::Applied && *count <= Self::MOST_LISTED {
                health.differences.push(Difference::of(migration));
            }
        }
        // A repeatable whose file is gone is in nobody's way: a run passes it over.
        let is_orphaned = |it: &MigrationStatus| it.state == State::Orphaned && it.version.is_some();
        // One that is there with another text was replaced by another binary, or is about to be: old instances must serve.
        let is_replaced = |it: &&MigrationStatus| it.state == State::Pending && it.version.is_none() && it.is_recorded;
        let replaced = status.migrations.iter().filter(is_replaced).count();
        let unfit = health.pending - replaced + health.out_of_order + health.modified + health.incomplete;
        health.state = if unfit > 0 || status.migrations.iter().any(is_orphaned) {
            HealthState::Unhealthy
        } else if health.future + replaced > 0 {
            HealthState::Degraded
        } else {
            HealthState::Healthy
        };
        health
    }

    /// What is known without a database.
    fn nothing(set: &Migrations) -> Self {
        let sealed = set.iter().rev().find(|migration| migration.sealing() == Sealing::Sealed);
        Self {
            state: HealthState::Healthy,
            total: set.rows(),
            applied: 0,
            pending: 0,
            out_of_order: 0,
            modified: 0,
            incomplete: 0,
            orphaned: 0,
            future: 0,
            differences: Vec::new(),
            head: set.head(),
            sealed: sealed.map(|migration| migration.version()),
            seal_head: set.seal_head(),
            last_applied: None,
            lock_holder: None,
        }
    }

    fn count(&mut self, state: State) -> &mut usize {
        match state {
            State::Applied => &mut self.applied,
            State::Pending => &mut self.pending,
            State::OutOfOrder => &mut self.out_of_order,
            State::Modified => &mut self.modified,
            State::Incomplete => &mut self.incomplete,
            State::Orphaned => &mut self.orphaned,
            State::Future => &mut self.future,
        }
    }
}

/// In one line, for a log: `unhealthy: 2 of 5 applied, 3 pending`.
impl std::fmt::Display for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} of {} applied", self.state, self.applied, self.total)?;
        for (count, state) in [
            (self.pending, State::Pending),
            (self.out_of_order, State::OutOfOrder),
            (self.modified, State::Modified),
            (self.incomplete, State::Incomplete),
            (self.orphaned, State::Orphaned),
            (self.future, State::Future),
        ] {
            if count > 0 {
                write!(f, ", {count} {state}")?;
            }
        }
        Ok(())
    }
}

impl Difference {
    fn of(migration: &MigrationStatus) -> Self {
        Self { version: migration.version, name: migration.name.clone(), state: migration.state }
    }
}
