//! A second connection that asks whom a message waits for, while it waits: only then does the server tell exactly
//! (`pg_blocking_pids`).
//!
//! It is made where graven knows how to connect, only for a message that holds a migration's own SQL, and only once that has
//! taken long: a connection is one of a limited number, and a fleet makes many at once. It ends with the message. It serves an
//! error's text alone: if it cannot be made, or the server does not answer, nothing is said, and nobody asks again. Between
//! two looks it is idle, without a transaction, so that it holds up nothing.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio_postgres::Client;

use crate::connection::Connection;
use crate::in_the_way::{JOINED, columns, named};
use crate::lock::Holder;
use crate::sql::EQ;

/// From when on a message is looked at, and how often. Where it would have given up waiting by then, half of that is at once
/// the first and the pause between the first few.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a message that soon gives up is looked at with short pauses.
const SHORT_PAUSES: u32 = 20;

/// How to connect once more. It holds a password, and is not shown.
#[derive(Clone)]
pub(crate) struct Beside(String);

impl Beside {
    pub(crate) fn new(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Beside(..)")
    }
}

/// Looks on while messages run.
pub(crate) struct Onlooker {
    beside: Beside,
    client: Option<Client>,
    blind: bool,
    /// After how long the next message gives up waiting for a lock, where it does.
    gives_up_after: Option<Duration>,
    /// Whom the last message waited for when it was last seen to wait.
    seen: Vec<Holder>,
}

impl Onlooker {
    pub(crate) fn new(beside: Beside) -> Self {
        Self { beside, client: None, blind: false, gives_up_after: None, seen: Vec::new() }
    }

    /// Takes note of how long the messages that come next wait for a lock; `None` is for ever.
    pub(crate) fn gives_up_after(&mut self, lock_timeout: Option<Duration>) {
        self.gives_up_after = lock_timeout;
    }

    /// Whom the last message waited for, the last time that it was seen to wait.
    pub(crate) fn seen(&mut self) -> Vec<Holder> {
        std::mem::take(&mut self.seen)
    }

    /// Waits for what comes of a message of that process, and looks on.
    pub(crate) async fn during<T>(&mut self, process: i32, message: impl Future<Output = T> + Send) -> T {
        self.seen.clear();
        let outcome = match select(pin!(message), Box::pin(self.look_on(process))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), message)) => message.await,
        };
        self.client = None;
        outcome
    }

    async fn look_on(&mut self, process: i32) {
        let mut looks = 0;
        while !self.blind {
            tokio::time::sleep(pause(self.gives_up_after, looks)).await;
            looks += 1;
            match self.look(process).await {
                Some(found) => self.seen = found,
                None => self.blind = true,
            }
        }
    }

    async fn look(&mut self, process: i32) -> Option<Vec<Holder>> {
        let client = match &mut self.client {
            Some(client) => client,
            None => self.client.insert(crate::connect(&self.beside.0).await.ok()?),
        };
        let reply = client.send(&question(process)).await;
        match reply.failure {
            None => Some(named(reply.completed.first()?.iter())),
            Some(_) => None,
        }
    }
}

/// How long to wait before the next look, after so many.
fn pause(gives_up_after: Option<Duration>, looks: u32) -> Duration {
    match gives_up_after {
        Some(lock_timeout) if lock_timeout <= PAUSE && looks < SHORT_PAUSES => lock_timeout / 2,
        _ => PAUSE,
    }
}

/// Who keeps a process waiting, each with what it holds of what is waited for. Who only waits before it holds nothing of
/// that. Whoever waits for nobody himself comes first.
fn question(process: i32) -> String {
    let same: Vec<String> = [
        "locktype",
        "database",
        "relation",
        "page",
        "tuple",
        "virtualxid",
        "transactionid",
        "classid",
        "objid",
        "objsubid",
    ]
    .iter()
    .map(|column| format!("(g.{column} {EQ} w.{column} OR g.{column} IS NULL AND w.{column} IS NULL)"))
    .collect();
    // Of a wait for a transaction or a snapshot, what is held is not the row's or the table's lock.
    format!(
        "/* graven: looking whom pid {process} waits for */ \
         SELECT {columns} FROM (SELECT s.pid, pg_catalog.unnest(pg_catalog.pg_blocking_pids(s.pid)) AS blocking \
         FROM pg_catalog.pg_stat_activity s WHERE s.pid {EQ} {process} AND s.wait_event_type {EQ} 'Lock') b \
         LEFT JOIN pg_catalog.pg_locks w ON w.pid {EQ} b.pid AND NOT w.granted \
         LEFT JOIN LATERAL (SELECT CASE WHEN pg_catalog.int4gt(b.blocking, 0) THEN b.blocking END AS pid, \
         CASE WHEN w.locktype {EQ} 'relation' THEN g.mode \
         WHEN w.locktype {EQ} 'virtualxid' THEN 'a transaction or snapshot that it waits out' \
         WHEN w.locktype {EQ} ANY (ARRAY['transactionid', 'tuple']) THEN 'a row' END AS mode, \
         w.relation, g.virtualtransaction \
         FROM (SELECT) one LEFT JOIN pg_catalog.pg_locks g ON g.granted AND {same} \
         AND COALESCE(g.pid, 0) {EQ} b.blocking) l ON true {JOINED} \
         ORDER BY b.blocking {EQ} 0, pg_catalog.cardinality(pg_catalog.pg_blocking_pids(b.blocking)), \
         a.xact_start",
        columns = columns(),
        same = same.join(" AND "),
    )
}

#[cfg(test)]
mod tests {
    use super::{PAUSE, SHORT_PAUSES, pause};
    use std::time::Duration;

    #[test]
    fn nobody_looks_before_a_second_has_passed_unless_it_would_be_too_late_by_then() {
        let milliseconds = Duration::from_millis;
        for (gives_up_after, looks, expected) in [
            (None, 0, PAUSE),
            (Some(milliseconds(5000)), 0, PAUSE),
            (Some(milliseconds(1000)), 0, milliseconds(500)),
            (Some(milliseconds(200)), SHORT_PAUSES - 1, milliseconds(100)),
            (Some(milliseconds(200)), SHORT_PAUSES, PAUSE),
        ] {
            assert_eq!(pause(gives_up_after, looks), expected, "{gives_up_after:?} {looks}");
        }
    }
}
