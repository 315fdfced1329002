//! The one seam between the engine and a driver: every message to the server passes here, so that faults can enter here.

use std::time::Duration;

use crate::connection::{Connection, Failure, Reply, Row};
use crate::error::Error;

/// The connection for the length of one verb.
pub(crate) struct Session<'a, C> {
    connection: &'a mut C,
    reach: Reach,
    /// The server process that messages are expected to reach.
    process: Option<i32>,
    lock: Lock,
}

/// What is known of the lock, once it was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    Held,
    /// The last message of a run was to give it back, and how far the server came with it is not known.
    Unsaid,
    /// The last message of a run has given it back.
    Back,
}

/// Which sessions of the server the messages of this connection reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Always the same one, as far as can be seen, and it is this connection's own.
    Own,
    /// Those of a pooler: one for each message or transaction, and then somebody else's. What a session keeps, a lock or a
    /// setting, would be left behind with a stranger.
    Pooled,
}

impl<'a, C: Connection> Session<'a, C> {
    pub(crate) fn new(connection: &'a mut C) -> Self {
        let process = connection.process();
        Self { connection, reach: Reach::Own, process, lock: Lock::Held }
    }

    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// Takes note that the lock was given back ahead of time.
    pub(crate) fn gave_back_the_lock(&mut self) {
        self.lock = Lock::Back;
    }

    /// Takes note that the lock may have been given back ahead of time.
    pub(crate) fn may_have_given_back_the_lock(&mut self) {
        self.lock = Lock::Unsaid;
    }

    /// Whether it is held unless a migration has given it up.
    pub(crate) fn is_sure_of_the_lock(&self) -> bool {
        self.lock == Lock::Held
    }

    /// Whether there is a lock to give back.
    pub(crate) fn has_lock_to_give_back(&self) -> bool {
        self.reach == Reach::Own && self.lock != Lock::Back
    }

    /// The server process that this session belongs to; `None` where it belongs to none.
    pub(crate) fn process(&self) -> Option<i32> {
        match self.reach {
            Reach::Own => self.process,
            Reach::Pooled => None,
        }
    }

    /// Takes note of the process that a message has reached. Where the driver does not tell which one is its own, it is the
    /// first that was met.
    pub(crate) fn reached(&mut self, process: Option<i32>) {
        let expected = *self.process.get_or_insert(process.unwrap_or_default());
        if process.is_some_and(|process| process != expected) && self.reach == Reach::Own {
            self.reach = Reach::Pooled;
            tracing::debug!(
                target: "graven",
                "a pooler stands between: no lock is held, and each migration runs once by its claim alone"
            );
        }
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
