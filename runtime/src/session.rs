//! The one seam between the engine and a driver: every message to the server passes here, so that faults can enter here.

use std::time::Duration;

use crate::connection::{Connection, Failure, Reply, Row};
use crate::error::Error;

/// The connection for the length of one verb.
pub(crate) struct Session<'a, C> {
    connection: &'a mut C,
}

impl<'a, C: Connection> Session<'a, C> {
    pub(crate) fn new(connection: &'a mut C) -> Self {
        Self { connection }
    }

    /// Sends a message and hands back whatever came of it.
    pub(crate) async fn send(&mut self, sql: &str) -> Reply {
        self.connection.send(sql).await
    }

    /// Sends a message that must succeed; `doing` says what for, should it fail.
    pub(crate) async fn expect(&mut self, doing: &'static str, sql: &str) -> Result<Vec<Vec<Row>>, Error> {
        let reply = self.send(sql).await;
        match reply.failure {
            None => Ok(reply.completed),
            Some(failure) => Err(Error::from_failure(doing, failure)),
        }
    }

    pub(crate) async fn pause(&mut self, duration: Duration) {
        self.connection.pause(duration).await;
    }
}

impl Error {
    /// The error for a message of graven's own that failed.
    pub(crate) fn from_failure(doing: &'static str, failure: Failure) -> Self {
        match failure {
            Failure::Server(error) => Self::Server { doing, source: error },
            Failure::Connection(source) => Self::ConnectionLost { doing, source },
        }
    }
}
