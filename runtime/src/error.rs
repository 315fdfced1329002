//! What can go wrong, each with what to do about it.

pub(crate) mod conflict;
mod connecting;
mod explain;
pub(crate) mod failed;
mod hint;
mod kind;
pub(crate) mod obstacle;
pub(crate) mod server_error;
mod text;

use std::time::Duration;

use graven_source::Version;

pub use crate::error::conflict::{Conflict, IncompleteReason};
pub use crate::error::failed::{Cause, MigrationFailed};
pub use crate::error::obstacle::Obstacle;
pub use crate::error::server_error::ServerError;
pub use crate::report::Pending;

#[cfg(feature = "tokio-postgres")]
pub(crate) use self::connecting::{chain, plainly, unwanted_server};
#[cfg(feature = "tokio-postgres")]
pub(crate) use self::hint::URL_SETTINGS;
#[cfg(feature = "cli")]
pub(crate) use self::hint::unit;
pub(crate) use self::text::count;
#[cfg(feature = "tokio-postgres")]
use self::text::refusals_line;
use self::text::{
    conflicts_line, done_before, held_by, listed, listed_as_applied, obstacles_line, pending_and, shown_path, whose,
};
use crate::history::ForeignHistory;
use crate::lock::Holder;
use crate::report::{Applied, Reverted};

/// Why a verb did not do what it was asked to.
///
/// It displays as one line; [`hint`](Self::hint) is what to do, [`source`](std::error::Error::source) the cause, and
/// [`explain`](Self::explain) the whole page. `Debug` shows that page too, so that a `main` which returns this error
/// prints something to act on.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The set and the history disagree. Nothing was applied because of it.
    #[error("{}", conflicts_line(.conflicts))]
    #[non_exhaustive]
    Conflicts {
        /// All of them, ascending by version.
        conflicts: Vec<Conflict>,
        /// The history table.
        history: String,
    },

    /// Asked to verify, and not everything is applied.
    #[error("{} not applied: {}", count(.pending.len(), "migration is", "migrations are"), listed(.pending))]
    #[non_exhaustive]
    NotApplied {
        /// What is pending.
        pending: Vec<Pending>,
        /// Why a first run would refuse to apply it, where there is no history: [`NotEmpty`](Self::NotEmpty), or
        /// [`HistoryElsewhere`](Self::HistoryElsewhere) with another tool's.
        refusal: Option<Box<Error>>,
    },

    /// A migration failed. Those before it stay applied.
    #[error(transparent)]
    MigrationFailed(Box<MigrationFailed>),

    /// Something else went wrong after migrations had been applied or reverted. That stays so.
    ///
    /// Its message says what went wrong as well, for whoever prints only that: a chain of causes has it twice.
    #[error("{source}, after {}", done_before(.applied, .reverted))]
    #[non_exhaustive]
    Stopped {
        /// What this run had applied.
        applied: Vec<Applied>,
        /// What this revert or redo had reverted.
        reverted: Vec<Reverted>,
        /// What went wrong.
        source: Box<Self>,
    },

    /// What was to be reverted cannot be. Nothing was reverted.
    #[error("{}", obstacles_line(.obstacles))]
    #[non_exhaustive]
    NotRevertible {
        /// All that stands in the way, ascending by version.
        obstacles: Vec<Obstacle>,
        /// The history table.
        history: String,
    },

    /// A migration that is to be redone is not the highest that is applied. Nothing was reverted.
    #[error("migration {version} cannot be redone: {} above it", listed_as_applied(.above))]
    #[non_exhaustive]
    NotHighest {
        /// The version that was asked for.
        version: Version,
        /// What is applied above it, ascending.
        above: Vec<Version>,
    },

    /// A migration that is to be redone is not applied.
    #[error("migration {version} is not applied: there is nothing to redo")]
    #[non_exhaustive]
    NothingToRedo {
        /// The version that was asked for.
        version: Version,
    },

    /// A migration that is to be redone is sealed. Nothing was reverted.
    #[error("migration {version} {name} is sealed, and is not redone")]
    #[non_exhaustive]
    RedoSealed {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
    },

    /// There is no migration of the version that was asked for.
    #[error("there is no migration {version}")]
    #[non_exhaustive]
    NoSuchVersion {
        /// The version that was asked for.
        version: i64,
        /// The nearest versions of the set, below and above.
        nearest: Vec<Version>,
    },

    /// The last version that was asked for lies below the first.
    #[error("there is nothing from {from} to {to}")]
    #[non_exhaustive]
    EmptyRange {
        /// The first version.
        from: Version,
        /// The last version.
        to: Version,
    },

    /// Another instance held the lock for longer than this one was to wait, or was at a migration that this one was to go on with.
    #[error("gave up after {waited:.1?} waiting for another instance that is migrating{}", held_by(.holder.as_deref()))]
    #[non_exhaustive]
    LockTimeout {
        /// How long it waited.
        waited: Duration,
        /// Who held it, where that could be seen.
        holder: Option<Box<Holder>>,
    },

    /// Something is to be written, and the server is a standby: it cannot write, and its advisory locks exclude nobody.
    #[error("{}this server is a read-only standby", pending_and(.pending.len()))]
    #[non_exhaustive]
    Standby {
        /// What is pending; empty where something else was to be done than to apply it.
        pending: Vec<Pending>,
    },

    /// A first run into a schema that already holds tables.
    #[error("schema {schema} has no migration history, yet it holds tables: {}", .tables.join(", "))]
    #[non_exhaustive]
    NotEmpty {
        /// The schema.
        schema: String,
        /// The first few of its tables.
        tables: Vec<String>,
        /// Where the history would be.
        history: String,
        /// The history of another migration tool, there or further along the search path, if it is one that graven knows.
        foreign: Option<Box<ForeignHistory>>,
    },

    /// A first run, while another schema of the search path has a history, or that of another migration tool.
    #[error("there is no history table {history}, but there is {found}{}", whose(.foreign.as_deref()))]
    #[non_exhaustive]
    HistoryElsewhere {
        /// Where the history would be: in the first schema of the search path.
        history: String,
        /// The one further along the search path.
        found: String,
        /// What is known of it, where another migration tool keeps it.
        foreign: Option<Box<ForeignHistory>>,
    },

    /// None of the schemas in the search path exists.
    #[error("no schema in the search path exists{}", shown_path(.search_path))]
    #[non_exhaustive]
    NoSchema {
        /// The search path, as the server shows it.
        search_path: String,
    },

    /// The search path begins with `pg_temp`: migrations would make temporary tables, and be run again by each connection.
    /// Nothing was applied.
    #[error(
        "schema {schema} is temporary: what migrations make there, and their history, would go with the connection"
    )]
    #[non_exhaustive]
    TemporarySchema {
        /// The schema.
        schema: String,
    },

    /// The schema that was named for the history table does not exist.
    #[error("schema {schema} for the history table does not exist")]
    #[non_exhaustive]
    SchemaAbsent {
        /// The schema.
        schema: String,
    },

    /// The role must not create the history table.
    #[error("role {role} may not create the history table {history}")]
    #[non_exhaustive]
    MayNotCreate {
        /// The role.
        role: String,
        /// The schema.
        schema: String,
        /// The history table.
        history: String,
    },

    /// The role lacks USAGE on a schema.
    #[error("role {role} may not use schema {schema}")]
    #[non_exhaustive]
    SchemaDenied {
        /// The role.
        role: String,
        /// The schema.
        schema: String,
    },

    /// The role lacks a right on the history table. Nothing was applied.
    #[error("role {role} may not {} the history table {history}", if *.right == "SELECT" { "read" } else { "write to" })]
    #[non_exhaustive]
    HistoryDenied {
        /// The role.
        role: String,
        /// The history table.
        history: String,
        /// The rights that are needed, as `GRANT` names them.
        right: &'static str,
    },

    /// Row-level security lets the role see no row of the history table, or write none of those that a run must write. Of the
    /// migration at which that was noticed nothing was applied.
    #[error("row-level security keeps role {role} from rows of the history table {history}")]
    #[non_exhaustive]
    HistoryHidden {
        /// The role.
        role: String,
        /// The history table.
        history: String,
    },

    /// Another session held a lock on the history table itself for longer than this one was to wait.
    #[error("gave up after {waited:.1?} waiting for {history}, which is locked{}", held_by(.holder.as_deref()))]
    #[non_exhaustive]
    HistoryLocked {
        /// The history table.
        history: String,
        /// How long it waited.
        waited: Duration,
        /// Who held it, where that could be seen.
        holder: Option<Box<Holder>>,
    },

    /// The history table holds something that this version of graven cannot read.
    #[error("the history table {history} cannot be read: {reason}")]
    #[non_exhaustive]
    HistoryUnreadable {
        /// The history table.
        history: String,
        /// What about it.
        reason: String,
    },

    /// Others write to the history as fast as this one reads it, where no lock keeps them apart: behind a pooler, or by hand. What
    /// had committed stays.
    #[error("the history table {history} changes faster than it can be read")]
    #[non_exhaustive]
    HistoryChanging {
        /// The history table.
        history: String,
    },

    /// The server took a message to its end and said nothing of a migration in it, which no server does: what is between has
    /// swallowed the answer. It may have committed.
    #[error("the server has said nothing of {what}, which was sent")]
    #[non_exhaustive]
    Unanswered {
        /// The first migration that nothing was said of.
        what: String,
    },

    /// The connection is in the middle of a transaction, which migrations must not become part of.
    #[error("the connection has an open transaction")]
    InTransaction,

    /// The same migrations are applied under another namespace, and none is under the default one.
    #[error("{history} has these migrations under the namespace {namespace:?}, and none under the default one")]
    #[non_exhaustive]
    AppliedUnder {
        /// The namespace.
        namespace: String,
        /// The history table.
        history: String,
    },

    /// A pooler gives each message another session. A migration without a transaction needs one of its own for what it
    /// sets: a role, a search path, a timeout; and so does a run as another role. Nothing of it was run.
    #[error("{what} needs a session of its own, and a pooler stands between")]
    #[non_exhaustive]
    Pooled {
        /// The migration, or the role to run as.
        what: String,
    },

    /// The role to run as cannot be taken.
    #[error("cannot become the role {role:?}")]
    #[non_exhaustive]
    Role {
        /// The role.
        role: String,
        /// Who wanted to.
        who: Option<String>,
        /// What the server says.
        source: Option<Box<ServerError>>,
        /// Whether who wanted to is a member of it all the same.
        membership: Membership,
    },

    /// There is no incomplete migration of that version to resolve.
    #[error("migration {version} is not incomplete: there is nothing to resolve")]
    #[non_exhaustive]
    NotIncomplete {
        /// The version that was asked for.
        version: i64,
    },

    /// A database is not reset: it does not look like one of development, or cannot be dropped. Nothing was touched.
    #[cfg(feature = "tokio-postgres")]
    #[error("{database} is not reset: {}", refusals_line(.refusals))]
    #[non_exhaustive]
    ResetRefused {
        /// The database.
        database: String,
        /// Every rule that it breaks.
        refusals: Vec<crate::verb::reset::Refusal>,
    },

    /// A reset was cut off when one database had been dropped, or may have been, and the new one had not got its name.
    #[cfg(feature = "tokio-postgres")]
    #[error("the reset of {database} is unfinished")]
    #[non_exhaustive]
    ResetUnfinished {
        /// The database.
        database: String,
        /// What is left to do.
        left: String,
        /// What went wrong.
        source: Box<Self>,
    },

    /// The namespace holds a NUL character, which PostgreSQL knows none of.
    #[error("the namespace {namespace:?} holds a NUL character")]
    #[non_exhaustive]
    Namespace {
        /// What was given.
        namespace: String,
    },

    /// An environment variable says something that is not understood.
    #[error("{variable} is {value:?}, which is not {expected}")]
    #[non_exhaustive]
    Environment {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },

    /// A name given for the history table is not one.
    #[error("{name:?} does not name a history table")]
    #[non_exhaustive]
    HistoryName {
        /// What was given.
        name: String,
    },

    /// A dev build does not know of a file that lies in its migrations directory, knows one that is gone, or knows
    /// another text of one; or a build of any kind was made while a file was being written, and holds another text of it than
    /// its checksum is of. Of what was about to run nothing has.
    #[error("this binary was built before {file} was {change}")]
    #[non_exhaustive]
    StaleBuild {
        /// The file.
        file: String,
        /// `added`, `removed`, `edited`, or `written to the end`.
        change: &'static str,
        /// The migrations directory.
        directory: String,
    },

    /// The connection URL is not one.
    #[error("the connection URL is not valid: {reason}")]
    #[non_exhaustive]
    Url {
        /// What about it. Never holds the password.
        reason: String,
    },

    /// No connection could be made.
    #[error("cannot connect to {target}")]
    #[non_exhaustive]
    Connect {
        /// Where to: hosts, ports and database, without the password.
        target: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What the role is to be granted, where it is its right to connect that is lacking.
        grant: Option<String>,
    },

    /// The connection ended during a message of graven's own.
    #[error("the connection was lost {doing}")]
    #[non_exhaustive]
    ConnectionLost {
        /// What was being done.
        doing: &'static str,
        /// What the driver says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The server refused a statement of graven's own.
    #[error("the server refused {doing}")]
    #[non_exhaustive]
    Server {
        /// What was being done.
        doing: &'static str,
        /// What the server says.
        source: Box<ServerError>,
    },
}

/// How one role belongs to another that it cannot become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Membership {
    /// Not at all.
    #[default]
    None,
    /// It is a member without the right to `SET ROLE` (PostgreSQL manual, GRANT, `WITH SET`).
    WithoutSet,
}

impl Error {
    /// What this run had applied before it failed. It stays applied.
    #[must_use]
    pub fn applied(&self) -> &[Applied] {
        match self {
            Self::MigrationFailed(failed) => &failed.applied,
            Self::Stopped { applied, .. } => applied,
            _ => &[],
        }
    }

    /// What this revert or redo had reverted before it failed. It stays reverted.
    #[must_use]
    pub fn reverted(&self) -> &[Reverted] {
        match self {
            Self::MigrationFailed(failed) => &failed.reverted,
            Self::Stopped { reverted, .. } => reverted,
            _ => &[],
        }
    }
}
