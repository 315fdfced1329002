//! The kind of an error: one word that programs, dashboards and alerts can go by.

use super::{Cause, Error};

impl Error {
    /// What kind of error it is: a word that stays the same from version to version, where messages may change. The command line
    /// has it as `error.kind` of its JSON, spans and metrics where the server gives no SQLSTATE.
    ///
    /// | kind | |
    /// |---|---|
    /// | `conflicts` | [`Conflicts`](Self::Conflicts) |
    /// | `not-applied` | [`NotApplied`](Self::NotApplied) |
    /// | `migration-failed` | [`MigrationFailed`](Self::MigrationFailed): [`Cause::kind`](crate::Cause::kind) says how |
    /// | `not-revertible` | [`NotRevertible`](Self::NotRevertible) |
    /// | `not-highest`, `nothing-to-redo`, `redo-sealed` | [`NotHighest`](Self::NotHighest), [`NothingToRedo`](Self::NothingToRedo), [`RedoSealed`](Self::RedoSealed) |
    /// | `no-such-version`, `empty-range` | [`NoSuchVersion`](Self::NoSuchVersion), [`EmptyRange`](Self::EmptyRange) |
    /// | `not-incomplete` | [`NotIncomplete`](Self::NotIncomplete) |
    /// | `lock-timeout` | [`LockTimeout`](Self::LockTimeout), [`HistoryLocked`](Self::HistoryLocked) |
    /// | `standby` | [`Standby`](Self::Standby) |
    /// | `not-empty` | [`NotEmpty`](Self::NotEmpty) |
    /// | `history-elsewhere`, `applied-under` | [`HistoryElsewhere`](Self::HistoryElsewhere), [`AppliedUnder`](Self::AppliedUnder) |
    /// | `no-schema` | [`NoSchema`](Self::NoSchema), [`TemporarySchema`](Self::TemporarySchema), [`SchemaAbsent`](Self::SchemaAbsent) |
    /// | `denied` | [`MayNotCreate`](Self::MayNotCreate), [`SchemaDenied`](Self::SchemaDenied), [`HistoryDenied`](Self::HistoryDenied), [`HistoryHidden`](Self::HistoryHidden) |
    /// | `history-unreadable` | [`HistoryUnreadable`](Self::HistoryUnreadable) |
    /// | `history-changing` | [`HistoryChanging`](Self::HistoryChanging) |
    /// | `unanswered` | [`Unanswered`](Self::Unanswered) |
    /// | `in-transaction` | [`InTransaction`](Self::InTransaction) |
    /// | `pooled` | [`Pooled`](Self::Pooled) |
    /// | `role` | [`Role`](Self::Role) |
    /// | `reset-refused`, `reset-unfinished` | `ResetRefused`, `ResetUnfinished` |
    /// | `usage` | [`Url`](Self::Url), [`HistoryName`](Self::HistoryName), [`Namespace`](Self::Namespace), [`Environment`](Self::Environment): what was given makes no sense |
    /// | `stale-build` | [`StaleBuild`](Self::StaleBuild) |
    /// | `cannot-connect` | [`Connect`](Self::Connect) |
    /// | `connection-lost` | [`ConnectionLost`](Self::ConnectionLost) |
    /// | `server` | [`Server`](Self::Server) |
    ///
    /// Of [`Stopped`](Self::Stopped) it is the kind of what went wrong.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Stopped { source, .. } => source.kind(),
            Self::Conflicts { .. } => "conflicts",
            Self::NotApplied { .. } => "not-applied",
            Self::MigrationFailed(_) => "migration-failed",
            Self::NotRevertible { .. } => "not-revertible",
            Self::NotHighest { .. } => "not-highest",
            Self::NothingToRedo { .. } => "nothing-to-redo",
            Self::RedoSealed { .. } => "redo-sealed",
            Self::NoSuchVersion { .. } => "no-such-version",
            Self::EmptyRange { .. } => "empty-range",
            Self::NotIncomplete { .. } => "not-incomplete",
            Self::LockTimeout { .. } | Self::HistoryLocked { .. } => "lock-timeout",
            Self::Standby { .. } => "standby",
            Self::NotEmpty { .. } => "not-empty",
            Self::HistoryElsewhere { .. } => "history-elsewhere",
            Self::AppliedUnder { .. } => "applied-under",
            Self::NoSchema { .. } | Self::TemporarySchema { .. } | Self::SchemaAbsent { .. } => "no-schema",
            Self::MayNotCreate { .. }
            | Self::SchemaDenied { .. }
            | Self::HistoryDenied { .. }
            | Self::HistoryHidden { .. } => "denied",
            Self::HistoryUnreadable { .. } => "history-unreadable",
            Self::HistoryChanging { .. } => "history-changing",
            Self::Unanswered { .. } => "unanswered",
            Self::InTransaction => "in-transaction",
            Self::Pooled { .. } => "pooled",
            Self::Role { .. } => "role",
            #[cfg(feature = "tokio-postgres")]
            Self::ResetRefused { .. } => "reset-refused",
            #[cfg(feature = "tokio-postgres")]
            Self::ResetUnfinished { .. } => "reset-unfinished",
            Self::Url { .. } | Self::HistoryName { .. } | Self::Namespace { .. } | Self::Environment { .. } => "usage",
            Self::StaleBuild { .. } => "stale-build",
            Self::Connect { .. } => "cannot-connect",
            Self::ConnectionLost { .. } => "connection-lost",
            Self::Server { .. } => "server",
        }
    }
}

impl Cause {
    /// Why a migration failed, as a word that stays the same from version to version: `server`, `connection-lost`, `copy`,
    /// `taken-over` or `row-gone`. The command line has it as `error.cause` of its JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Server(_) => "server",
            Self::ConnectionLost(_) => "connection-lost",
            Self::Copy => "copy",
            Self::TakenOver => "taken-over",
            Self::RowGone => "row-gone",
        }
    }
}
