//! What the engine asks of a driver: send a text, hand back rows or the error, and wait. Nothing else.

use std::time::Duration;

use crate::driver::Cells;
use crate::error::ServerError;

/// A connection that migrations can be run on. Sealed: the features of this crate implement it for the drivers.
///
/// * `tokio_postgres::Client`, with the feature `tokio-postgres`
///
/// A pooled connection serves as well: hand out the client that it wraps, `&mut **pooled` with deadpool, `&mut *pooled`
/// with bb8.
///
/// A verb that waits for another instance, or for whoever has locked the history, waits by tokio's timers: a client of
/// tokio-postgres needs a tokio runtime that has them enabled (`enable_time`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connection that graven runs migrations on",
    note = "hand out the tokio_postgres::Client itself: of a pooled one `&mut **pooled` (deadpool) or `&mut *pooled` (bb8)"
)]
pub trait Connection: Send + sealed::Sealed {
    /// Sends a text by the simple query protocol (PostgreSQL manual, 55.2.2): many statements may stand in it, the
    /// first error ends it, and what had completed before the error is handed back with it.
    #[doc(hidden)]
    fn send<'a>(&'a mut self, sql: &'a str) -> impl Future<Output = Reply> + Send + 'a {
        self.send_keeping(sql, Keep::AllRows)
    }

    /// The same where not all rows are wanted.
    #[doc(hidden)]
    fn send_keeping<'a>(&'a mut self, sql: &'a str, keep: Keep) -> impl Future<Output = Reply> + Send + 'a;

    /// [`send`](Self::send) with all rows, for no longer than that: `None` where the answer has not come by then. A blocking
    /// driver waits for it.
    #[doc(hidden)]
    fn send_within<'a>(&'a mut self, sql: &'a str, limit: Duration) -> impl Future<Output = Option<Reply>> + Send + 'a;

    /// Waits, with the connection idle. A blocking driver sleeps.
    #[doc(hidden)]
    fn pause(&mut self, duration: Duration) -> impl Future<Output = ()> + Send + '_;

    /// Puts a text on its way and waits for nothing: who would hear the answer is being dropped. It reaches the server after
    /// what was sent before it, if at all.
    #[doc(hidden)]
    fn leave_behind(&mut self, sql: &str);

    /// The server process that was named when the connection was made (PostgreSQL manual, 55.2.1, BackendKeyData), if the
    /// driver tells: a pooler names another one than its messages reach.
    #[doc(hidden)]
    fn process(&self) -> Option<i32> {
        None
    }
}

pub(crate) mod sealed {
    /// Keeps the trait ours to extend.
    pub trait Sealed {}
}

/// Which rows of each statement are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of them.
    AllRows,
    /// The first one: the statements of others may bring back millions.
    FirstRow,
}

/// What came back for one message.
#[derive(Debug, Default)]
pub struct Reply {
    /// The rows of each statement that completed, in order.
    pub(crate) completed: Vec<Vec<Row>>,
    /// What ended the message early, if anything did.
    pub(crate) failure: Option<Failure>,
}

/// A row: its cells as text, `None` for NULL. It is the driver's own, read in place.
#[derive(Default)]
pub(crate) struct Row(Option<Cells>);

impl Row {
    #[cfg_attr(not(feature = "tokio-postgres"), expect(dead_code, reason = "only a driver has rows"))]
    pub(crate) fn new(cells: Cells) -> Self {
        Self(Some(cells))
    }

    /// The text of a cell, empty for NULL or a cell that is not there.
    pub(crate) fn text(&self, at: usize) -> &str {
        self.optional(at).unwrap_or_default()
    }

    /// The text of a cell that may be NULL.
    pub(crate) fn optional(&self, at: usize) -> Option<&str> {
        self.0.as_ref()?.text(at)
    }

    /// A boolean cell; NULL is false.
    pub(crate) fn is_true(&self, at: usize) -> bool {
        self.text(at) == "t"
    }

    /// A number, or `None` for NULL and for what is not one.
    pub(crate) fn number<N: std::str::FromStr>(&self, at: usize) -> Option<N> {
        self.optional(at)?.parse().ok()
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries((0..self.0.as_ref().map_or(0, Cells::len)).map(|at| self.optional(at))).finish()
    }
}

/// Why a message did not complete.
#[derive(Debug)]
#[cfg_attr(not(feature = "tokio-postgres"), expect(dead_code, reason = "only a driver can fail, and there is none"))]
pub(crate) enum Failure {
    /// The server said so.
    Server(Box<ServerError>),
    /// The connection is of no more use: whether the message took effect is not known.
    Connection(Box<dyn std::error::Error + Send + Sync>),
}

/// What a driver says of the connection where a statement wants to copy rows to the client or from it: they travel in
/// messages of their own (PostgreSQL manual, 55.2.6). The rules let no such statement through.
#[derive(Debug, thiserror::Error)]
#[error("a COPY sends rows to the client, or waits for rows from it")]
pub(crate) struct Copying;

impl Failure {
    /// Whether a COPY to the client or from it is the cause.
    pub(crate) fn is_copying(&self) -> bool {
        matches!(self, Self::Connection(error) if error.is::<Copying>())
    }
}
