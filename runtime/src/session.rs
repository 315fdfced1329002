//! The one seam between the engine and a driver: every message to the server passes here, so that faults can enter here.

pub(crate) mod settings;

use std::time::{Duration, Instant};

use crate::connection::{Connection, Failure, Keep, Reply, Row};
use crate::error::Error;
#[cfg(feature = "tokio-postgres")]
use crate::error::{Cause, ServerError};
#[cfg(feature = "tokio-postgres")]
use crate::in_the_way::beside::{Beside, Onlooker};
use crate::lock::Holder;
use crate::verb::run::set_role;

/// The connection for the length of one verb.
///
/// Where the verb does not come to its end, since its future was dropped or its observer panicked, the caller has the
/// connection back all the same, and may hand it to somebody else: what is owed to it follows after what is under way.
pub(crate) struct Session<'a, C: Connection> {
    connection: &'a mut C,
    reach: Reach,
    /// The server process that messages are expected to reach.
    process: Option<i32>,
    lock: Lock,
    /// Until when answers to messages of graven's own are waited for, where there is an end to it.
    answer_by: Option<Instant>,
    /// Whether an answer did not come in time: nothing that is sent then will be answered sooner.
    is_silent: bool,
    /// The role of the session as the caller left it, once it was looked for.
    role_before: Option<String>,
    owed: Owed,
    #[cfg(feature = "tokio-postgres")]
    onlooker: Option<Onlooker>,
    /// Whom the last message that gave up waiting has waited for, where somebody looked on.
    waited_for: Vec<Holder>,
}

/// What puts a connection in order, each as SQL, until the verb itself has done it.
#[derive(Default)]
struct Owed {
    settings: Option<String>,
    discard: Option<&'static str>,
    role: Option<String>,
    unlock: Option<String>,
    plan: Option<String>,
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
        Self {
            connection,
            reach: Reach::Own,
            process,
            lock: Lock::Held,
            answer_by: None,
            is_silent: false,
            role_before: None,
            owed: Owed::default(),
            #[cfg(feature = "tokio-postgres")]
            onlooker: None,
            waited_for: Vec::new(),
        }
    }

    /// With a second connection that looks on.
    #[cfg(feature = "tokio-postgres")]
    pub(crate) fn beside(mut self, beside: Option<Beside>) -> Self {
        self.onlooker = beside.map(Onlooker::new);
        self
    }

    /// Whom the last message that gave up waiting has waited for, where that was seen.
    pub(crate) fn waited_for(&mut self) -> Vec<Holder> {
        std::mem::take(&mut self.waited_for)
    }

    /// Takes note of what gives the lock back, before it is asked for.
    pub(crate) fn owes_lock(&mut self, unlock: String) {
        self.owed.unlock = Some(unlock);
    }

    /// Takes note of the role that the session has where nobody takes another.
    pub(crate) fn has_role(&mut self, role: &str) {
        self.role_before.get_or_insert_with(|| role.to_owned());
    }

    /// Takes note of the role to go back to, before another is taken for the length of the verb.
    pub(crate) fn owes_role(&mut self) {
        self.owed.role = self.role_before.as_deref().map(set_role);
    }

    /// Takes note of what puts the settings back, before they are changed.
    pub(crate) fn owes_settings(&mut self, put_back: String) {
        self.owed.settings = Some(put_back);
    }

    /// Takes note of what drops the temporary objects that migrations make.
    pub(crate) fn owes_discard(&mut self, discard: &'static str) {
        self.owed.discard = Some(discard);
    }

    /// Takes note of what forgets the statement that the next message prepares, if it does.
    pub(crate) fn owes_plan(&mut self, forget: Option<String>) {
        self.owed.plan = forget;
    }

    /// What is to go before the lock is given back.
    pub(crate) fn discard(&self) -> Option<&'static str> {
        self.owed.discard.filter(|_| self.reach == Reach::Own)
    }

    /// Takes note that the connection is in order, unless nothing can be known of it: what was to put it in order was not sent
    /// then, and the server may come back. Where the lock is given back twice, it warns, and nothing else.
    pub(crate) fn owes_nothing(&mut self) {
        if !self.is_silent {
            self.owed = Owed::default();
        }
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

    /// Has messages of graven's own fail that are not answered by then, or soon after. While it waits for somebody else, a run
    /// must end when it said, also where the other end of its connection is gone and no word of that came. Only who pauses
    /// anyway needs it, and the runtime's timers with it.
    pub(crate) fn answer_by(&mut self, end: Option<Instant>) {
        self.answer_by = end;
    }

    /// Until when answers are waited for, where there is an end to it.
    pub(crate) fn answered_by(&self) -> Option<Instant> {
        self.answer_by
    }

    /// Has them wait for as long as it takes: what is sent now may be under way for hours.
    pub(crate) fn answer_whenever(&mut self) {
        self.answer_by = None;
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

    /// Sends a message of graven's own and hands back whatever came of it.
    pub(crate) async fn send(&mut self, sql: &str) -> Reply {
        if self.is_silent {
            return Silent::reply();
        }
        let Some(end) = self.answer_by else { return self.connection.send_keeping(sql, Keep::AllRows).await };
        let limit = end.saturating_duration_since(Instant::now()).saturating_add(SOON);
        if let Some(reply) = self.connection.send_within(sql, limit).await {
            return reply;
        }
        self.is_silent = true;
        Silent::reply()
    }

    /// Sends a message that holds what people have written: however many rows it brings back, few are kept, and where it takes
    /// long, it is looked whom it waits for.
    #[cfg(feature = "tokio-postgres")]
    pub(crate) async fn execute(&mut self, sql: &str) -> Reply {
        self.waited_for.clear();
        let (Some(process), Some(onlooker)) = (self.process(), &mut self.onlooker) else {
            return self.connection.send_keeping(sql, Keep::FirstRow).await;
        };
        let reply = onlooker.during(process, self.connection.send_keeping(sql, Keep::FirstRow)).await;
        if matches!(&reply.failure, Some(Failure::Server(error)) if error.sqlstate == "55P03") {
            self.waited_for = onlooker.seen();
        }
        reply
    }

    /// Sends a message that holds what people have written: however many rows it brings back, few are kept.
    #[cfg(not(feature = "tokio-postgres"))]
    pub(crate) async fn execute(&mut self, sql: &str) -> Reply {
        self.connection.send_keeping(sql, Keep::FirstRow).await
    }

    /// Takes note of how long each of the migrations that are sent next waits for a lock at most.
    #[cfg(feature = "tokio-postgres")]
    pub(crate) fn gives_up_after(&mut self, lock_timeouts: impl Iterator<Item = Duration>) {
        if let Some(onlooker) = &mut self.onlooker {
            onlooker.gives_up_after(lock_timeouts.min());
        }
    }

    /// Nobody looks on.
    #[cfg(not(feature = "tokio-postgres"))]
    pub(crate) fn gives_up_after(&mut self, _lock_timeouts: impl Iterator<Item = Duration>) {}

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

impl<C: Connection> Drop for Session<'_, C> {
    fn drop(&mut self) {
        let Owed { settings, discard, role, unlock, plan } = std::mem::take(&mut self.owed);
        let owed = [settings, discard.map(str::to_owned), role, plan, unlock];
        let owed: Vec<String> = owed.into_iter().flatten().collect();
        if owed.is_empty() {
            return;
        }
        // A transaction may be open, or have failed. Where none is, PostgreSQL warns, and nothing else.
        self.connection.leave_behind("ROLLBACK");
        // Behind a pooler, what a session keeps was never changed, and the next session may be a stranger's.
        if self.reach == Reach::Own {
            // Each by itself: none of them must keep those after it from being done.
            owed.iter().for_each(|sql| self.connection.leave_behind(sql));
        }
    }
}

/// For how long at least an answer to a message of graven's own is waited for.
const SOON: Duration = Duration::from_secs(5);

/// What is said of a connection on which no answer came in time.
#[derive(Debug, thiserror::Error)]
#[error("the server has not answered in time, and the network may be gone")]
struct Silent;

impl Silent {
    fn reply() -> Reply {
        Reply { failure: Some(Failure::Connection(Box::new(Self))), ..Reply::default() }
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

    /// The same error with how the connection came to its end, where that is what it is about and the server has not said.
    #[cfg(feature = "tokio-postgres")]
    pub(crate) fn lost_because(self, reason: impl std::error::Error + Send + Sync + 'static) -> Self {
        match self {
            Self::ConnectionLost { doing, source } if !source.is::<ServerError>() => {
                Self::ConnectionLost { doing, source: Box::new(reason) }
            }
            Self::Stopped { applied, reverted, source } => {
                Self::Stopped { applied, reverted, source: Box::new(source.lost_because(reason)) }
            }
            Self::MigrationFailed(mut failed) => {
                if let Cause::ConnectionLost(source) = &mut failed.cause
                    && !source.is::<ServerError>()
                {
                    *source = Box::new(reason);
                }
                Self::MigrationFailed(failed)
            }
            other => other,
        }
    }
}
