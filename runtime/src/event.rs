//! What a run tells while it is under way: typed events, given to an observer and to `tracing`.

use std::fmt;
use std::time::Duration;

use graven_source::Version;

use crate::error::ServerError;
use crate::lock::Holder;
use crate::observe::Watch;

/// Something that a run does or finds, told as it happens.
///
/// Each observer given to [`Migrator::observe`](crate::Migrator::observe) gets each; `tracing` gets them all as well, with
/// the target `graven`, mostly at the level INFO.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The history was read, and this is what is to be done.
    #[non_exhaustive]
    Looked {
        /// The database.
        database: &'a str,
        /// The history table: schema and name, quoted where they must be.
        history: &'a str,
        /// How many migrations of the set are applied, repeatables included.
        applied: usize,
        /// How many are to be run: a baseline is one, and repeatables count.
        pending: usize,
    },
    /// The history knows versions above the set's head: a newer binary has run here.
    #[non_exhaustive]
    Future {
        /// Those versions.
        versions: &'a [Version],
    },
    /// Another instance holds the lock.
    #[non_exhaustive]
    LockWaiting {
        /// Who holds it, where that can be seen.
        holder: Option<&'a Holder>,
        /// How long this run is ready to wait altogether.
        timeout: Duration,
    },
    /// The lock is held by this run.
    #[non_exhaustive]
    LockAcquired {
        /// How long that took.
        waited: Duration,
    },
    /// Another instance has applied everything meanwhile.
    #[non_exhaustive]
    AppliedElsewhere {
        /// How long this run waited for it.
        waited: Duration,
    },
    /// A migration is sent to the server.
    ///
    /// Many travel in one message: then this comes for all of them first, and [`Applied`](Self::Applied) for each of those
    /// that have committed once the server has answered. Those left, if any, are sent again or end the run.
    #[non_exhaustive]
    Applying {
        /// Its version.
        version: Version,
        /// Its name.
        name: &'a str,
        /// Which of the pending ones it is, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// The database is fresh, and gets a baseline in place of the first migrations. [`Applying`](Self::Applying) and
    /// [`Applied`](Self::Applied) follow, by the baseline's version and name.
    #[non_exhaustive]
    Baseline {
        /// Its version.
        version: Version,
        /// Its name.
        name: &'a str,
        /// How many migrations it stands for.
        covers: usize,
    },
    /// A repeatable is sent to the server, for the first time or because its text has changed: as
    /// [`Applying`](Self::Applying).
    #[non_exhaustive]
    ApplyingRepeatable {
        /// Its name.
        name: &'a str,
        /// Which of the pending ones it is, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// A repeatable is applied and committed.
    #[non_exhaustive]
    AppliedRepeatable {
        /// Its name.
        name: &'a str,
        /// How long it took.
        duration: Duration,
    },
    /// A repeatable failed on something that may pass, and is tried again: as [`Retrying`](Self::Retrying).
    #[non_exhaustive]
    RetryingRepeatable {
        /// Its name.
        name: &'a str,
        /// Which attempt comes next, from 2.
        attempt: u32,
        /// How long until then.
        pause: Duration,
        /// What it failed on.
        error: &'a ServerError,
    },
    /// The history knows repeatables that the set does not have any more. What they made is left as it is.
    #[non_exhaustive]
    OrphanedRepeatables {
        /// Their names.
        names: &'a [String],
    },
    /// A migration that is not sealed holds only comments: what is written into its file after it is applied does not run here.
    #[non_exhaustive]
    OnlyComments {
        /// Its version.
        version: Version,
        /// Its file, with the directory.
        file: &'a str,
    },
    /// PostgreSQL has warned of something while what people have written ran: a WARNING, such as `RAISE WARNING` sends it. What
    /// it only notes (NOTICE and below) goes to `tracing`, at the level DEBUG.
    ///
    /// It is told when its message is answered, on a connection that graven has made, by `run_url` or `reset`. What comes on
    /// a connection of the caller's own, the task hears that drives it.
    #[non_exhaustive]
    Warned {
        /// Of which migration, where that is known: several that travel in one message are not told apart. A repeatable has none.
        version: Option<Version>,
        /// Its name, likewise.
        name: Option<&'a str>,
        /// What it warns of.
        warning: &'a ServerError,
    },
    /// A statement of a non-transactional migration begins.
    #[non_exhaustive]
    Statement {
        /// The migration's version.
        version: Version,
        /// Which statement it is, from 1.
        number: usize,
        /// How many there are.
        of: usize,
        /// Its beginning.
        sql: &'a str,
    },
    /// A migration failed on something that may pass, and is tried again, with those that were sent behind it.
    #[non_exhaustive]
    Retrying {
        /// Its version.
        version: Version,
        /// Its name.
        name: &'a str,
        /// Which attempt comes next, from 2.
        attempt: u32,
        /// How long until then.
        pause: Duration,
        /// What it failed on.
        error: &'a ServerError,
    },
    /// A migration is applied and committed.
    #[non_exhaustive]
    Applied {
        /// Its version.
        version: Version,
        /// Its name.
        name: &'a str,
        /// How long it took.
        duration: Duration,
    },
    /// What a [`revert`](crate::Migrator::revert) is about to take back, told under the lock and before any of it is touched.
    /// It is told again where another instance has reverted some of it meanwhile.
    #[non_exhaustive]
    ToRevert {
        /// The database.
        database: &'a str,
        /// The history table: schema and name, quoted where they must be.
        history: &'a str,
        /// The migrations, in the order in which they are reverted: the highest version first.
        migrations: &'a [MigrationName<'a>],
        /// The names of the repeatables that are pending again with the first of them.
        repeatables: &'a [String],
    },
    /// The reverse of a migration is sent to the server.
    #[non_exhaustive]
    Reverting {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: &'a str,
        /// Which of those to revert it is, from 1.
        number: usize,
        /// How many there are.
        of: usize,
    },
    /// A migration is reverted, and that is committed: it is pending again.
    #[non_exhaustive]
    Reverted {
        /// Its version.
        version: Version,
        /// Its name.
        name: &'a str,
        /// How long its reverse took.
        duration: Duration,
    },
    /// A migration is recorded as applied without having been run.
    #[non_exhaustive]
    Stamped {
        /// Its version.
        version: Version,
        /// Its name.
        name: &'a str,
    },
    /// The run is over: what it was to apply is applied.
    #[non_exhaustive]
    Done {
        /// How many migrations this run applied.
        applied: usize,
        /// How long the run took.
        duration: Duration,
    },
}

/// What a migration is called. It displays as `7 add_index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationName<'a> {
    /// Its version.
    pub version: Version,
    /// Its name.
    pub name: &'a str,
}

impl fmt::Display for MigrationName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version, self.name)
    }
}

/// Who is told of events.
pub(crate) type Observer = Box<dyn FnMut(&Event<'_>) + Send>;

/// Whoever wants to hear of events.
pub(crate) struct Observers<'a> {
    /// Who applies, for the log: application name and host.
    pub(crate) instance: String,
    pub(crate) observers: &'a mut [Observer],
    pub(crate) watch: Watch,
}

impl Observers<'_> {
    pub(crate) fn tell(&mut self, event: &Event<'_>) {
        let Self { instance, observers, watch } = self;
        watch.told(event, || {
            event.trace(instance);
            observers.iter_mut().for_each(|observer| observer(event));
        });
    }
}

impl Event<'_> {
    fn trace(&self, instance: &str) {
        match self {
            Self::Looked { database, history, applied, pending } => {
                tracing::info!(target: "graven", instance, database, history, applied, pending, "looked at the history");
            }
            Self::Future { versions } => tracing::warn!(
                target: "graven", instance, versions = ?versions.iter().map(|version| version.value()).collect::<Vec<_>>(),
                "the database has migrations that this older binary does not know"
            ),
            Self::LockWaiting { holder: Some(holder), timeout } => tracing::info!(
                target: "graven", instance, holder = %holder, timeout = %rounded(*timeout),
                "another instance is migrating: waiting for its lock"
            ),
            Self::LockWaiting { holder: None, timeout } => tracing::info!(
                target: "graven", instance, timeout = %rounded(*timeout), "another instance is migrating: waiting for its lock"
            ),
            Self::LockAcquired { waited } => {
                tracing::info!(target: "graven", instance, waited = %rounded(*waited), "acquired the lock");
            }
            Self::AppliedElsewhere { waited } => tracing::info!(
                target: "graven", instance, waited = %rounded(*waited), "another instance has applied everything"
            ),
            Self::Applying { version, name, number, of } => {
                tracing::debug!(target: "graven", instance, %version, name, number, of, "applying");
            }
            Self::Baseline { version, name, covers } => {
                tracing::info!(target: "graven", instance, %version, name, covers, "a fresh database gets the baseline");
            }
            Self::ApplyingRepeatable { name, number, of } => {
                tracing::debug!(target: "graven", instance, name, number, of, "applying a repeatable");
            }
            Self::AppliedRepeatable { name, duration } => {
                tracing::info!(target: "graven", instance, name, duration = %rounded(*duration), "applied a repeatable");
            }
            Self::RetryingRepeatable { name, attempt, pause, error } => tracing::warn!(
                target: "graven", instance, name, attempt, pause = %rounded(*pause), error = %error, "trying a repeatable again"
            ),
            Self::OrphanedRepeatables { names } => tracing::warn!(
                target: "graven", instance, ?names, "the database has repeatables whose files are gone"
            ),
            Self::OnlyComments { version, file } => tracing::warn!(
                target: "graven", instance, %version, file,
                "the migration has no statement yet: once it is applied, what is written into its file does not run here"
            ),
            Self::Warned { version, name, warning } => tracing::warn!(
                target: "graven", instance, version = version.map(tracing::field::display), name,
                detail = warning.detail, hint = warning.hint, "PostgreSQL: {}", warning.message
            ),
            Self::Statement { version, number, of, sql } => {
                tracing::info!(target: "graven", instance, %version, number, of, sql, "running a statement");
            }
            Self::Retrying { version, name, attempt, pause, error } => tracing::warn!(
                target: "graven", instance, %version, name, attempt, pause = %rounded(*pause), error = %error, "trying again"
            ),
            Self::Applied { version, name, duration } => {
                tracing::info!(target: "graven", instance, %version, name, duration = %rounded(*duration), "applied");
            }
            Self::ToRevert { database, history, migrations, repeatables } => tracing::info!(
                target: "graven", instance, database, history, ?repeatables,
                versions = ?migrations.iter().map(|named| named.version.value()).collect::<Vec<_>>(), "about to revert"
            ),
            Self::Reverting { version, name, number, of } => {
                tracing::debug!(target: "graven", instance, %version, name, number, of, "reverting");
            }
            Self::Reverted { version, name, duration } => {
                tracing::info!(target: "graven", instance, %version, name, duration = %rounded(*duration), "reverted");
            }
            Self::Stamped { version, name } => {
                tracing::info!(target: "graven", instance, %version, name, "recorded as applied without running it");
            }
            Self::Done { applied, duration } => {
                tracing::info!(target: "graven", instance, applied, duration = %rounded(*duration), "done");
            }
        }
    }
}

/// A duration as people read it.
fn rounded(duration: Duration) -> String {
    if duration.is_zero() { "0s".to_owned() } else { format!("{duration:.1?}") }
}
