//! The class of a failure, as spans and metrics tell it: the server's own code, or else a word.

use crate::error::server_error::ServerError;
use crate::error::{Cause, Error};

/// The SQLSTATE where the server has said so, else a word.
pub(super) fn kind(error: &Error) -> &str {
    match (server(error), error) {
        (Some(server), _) => &server.sqlstate,
        (None, Error::Stopped { source, .. }) => kind(source),
        (None, Error::MigrationFailed(failed)) => failed.cause.kind(),
        (None, error) => error.kind(),
    }
}

/// Whether it is not known what became of what was sent: the connection ended before the server could say, or a COPY went to
/// the client or from it, after which the server goes on unheard.
pub(super) fn leaves_open(error: &Error) -> bool {
    match error {
        Error::Stopped { source, .. } => leaves_open(source),
        Error::MigrationFailed(failed) => matches!(failed.cause, Cause::ConnectionLost(_) | Cause::Copy),
        Error::ConnectionLost { .. } | Error::Unanswered { .. } => true,
        _ => false,
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
