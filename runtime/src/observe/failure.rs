//! The class of a failure, as spans and metrics tell it: a word, or the server's own code.

use crate::error::{Cause, Error};
use crate::server_error::ServerError;

/// A connection that ended before the server could say what became of what was under way.
pub(super) const LOST: &str = "connection-lost";

/// A COPY to the client or from it, after which the server goes on unheard.
pub(super) const COPY: &str = "copy";

/// The SQLSTATE where the server has said so, else a word.
pub(super) fn kind(error: &Error) -> &str {
    if let Some(server) = server(error) {
        return &server.sqlstate;
    }
    match error {
        Error::Stopped { source, .. } => kind(source),
        Error::Conflicts { .. } => "conflicts",
        Error::NotApplied { .. } => "not-applied",
        Error::MigrationFailed(failed) => match failed.cause {
            Cause::TakenOver => "taken-over",
            Cause::RowGone => "row-gone",
            Cause::Copy => COPY,
            _ => LOST,
        },
        Error::ConnectionLost { .. } => LOST,
        Error::NotRevertible { .. } => "not-revertible",
        Error::LockTimeout { .. } | Error::HistoryLocked { .. } => "lock-timeout",
        Error::Standby { .. } => "standby",
        Error::NotEmpty { .. } => "not-empty",
        Error::HistoryElsewhere { .. } => "history-elsewhere",
        Error::HistoryUnreadable { .. } => "history-unreadable",
        Error::SchemaDenied { .. } | Error::HistoryDenied { .. } | Error::MayNotCreate { .. } => "denied",
        Error::InTransaction => "in-transaction",
        Error::Pooled { .. } => "pooled",
        Error::StaleBuild { .. } => "stale-build",
        Error::Connect { .. } => "cannot-connect",
        // What the conventions of OpenTelemetry have for the rest.
        _ => "_OTHER",
    }
}

/// What the server has said, where the failure is its word.
pub(super) fn server(error: &Error) -> Option<&ServerError> {
    match error {
        Error::MigrationFailed(failed) => match &failed.cause {
            Cause::Server(server) => Some(server),
            _ => None,
        },
        Error::Server { source, .. } => Some(source),
        Error::Role { source, .. } => source.as_deref(),
        Error::Stopped { source, .. } => server(source),
        _ => None,
    }
}
