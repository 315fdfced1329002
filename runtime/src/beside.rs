//! A second connection that asks whom a message waits for, while it waits: only then does the server tell exactly
//! (`pg_blocking_pids`).
//!
//! It is made where graven knows how to connect, and only once a message has taken long. It serves an error's text alone: if
//! it cannot be made, or the server does not answer, nothing is said, and nobody asks again. Between two looks it is idle,
//! without a transaction, so that it holds up nothing.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio_postgres::Client;

use crate::connection::Connection;
use crate::in_the_way::{JOINED, columns, named};
use crate::lock::Holder;

/// From when on a message is looked at, and how often at first.
const SOON: Duration = Duration::from_millis(250);
/// How often it is looked at once that has been done for a while.
const LATER: Duration = Duration::from_secs(1);
/// How often it is looked at soon.
const SOON_TIMES: u32 = 20;

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
    /// Whom the last message waited for when it was last seen to wait.
    seen: Vec<Holder>,
}

impl Onlooker {
    pub(crate) fn new(beside: Beside) -> Self {
        Self { beside, client: None, blind: false, seen: Vec::new() }
    }

    /// Whom the last message waited for, the last time that it was seen to wait.
    pub(crate) fn seen(&mut self) -> Vec<Holder> {
        std::mem::take(&mut self.seen)
    }

    /// Waits for what comes of a message of that process, and looks on.
    pub(crate) async fn during<T>(&mut self, process: i32, message: impl Future<Output = T> + Send) -> T {
        self.seen.clear();
        match select(pin!(message), Box::pin(self.look_on(process))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(((), message)) => message.await,
        }
    }

    async fn look_on(&mut self, process: i32) {
        let mut looks = 0;
        while !self.blind {
            tokio::time::sleep(if looks < SOON_TIMES { SOON } else { LATER }).await;
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
    .map(|column| format!("g.{column} IS NOT DISTINCT FROM w.{column}"))
    .collect();
    // Of a wait for a transaction or a snapshot, what is held is not the row's or the table's lock.
    format!(
        "/* graven: looking whom pid {process} waits for */ \
         SELECT {columns} FROM (SELECT s.pid, pg_catalog.unnest(pg_catalog.pg_blocking_pids(s.pid)) AS blocking \
         FROM pg_catalog.pg_stat_activity s WHERE s.pid = {process} AND s.wait_event_type = 'Lock') b \
         LEFT JOIN pg_catalog.pg_locks w ON w.pid = b.pid AND NOT w.granted \
         LEFT JOIN LATERAL (SELECT CASE WHEN b.blocking > 0 THEN b.blocking END AS pid, \
         CASE WHEN w.locktype = 'relation' THEN g.mode \
         WHEN w.locktype = 'virtualxid' THEN 'a transaction or snapshot that it waits out' \
         WHEN w.locktype IN ('transactionid', 'tuple') THEN 'a row' END AS mode, \
         w.relation, g.virtualtransaction \
         FROM (SELECT) one LEFT JOIN pg_catalog.pg_locks g ON g.granted AND {same} \
         AND g.pid IS NOT DISTINCT FROM NULLIF(b.blocking, 0)) l ON true {JOINED} \
         ORDER BY b.blocking = 0, pg_catalog.cardinality(pg_catalog.pg_blocking_pids(NULLIF(b.blocking, 0))), \
         a.xact_start",
        columns = columns(),
        same = same.join(" AND "),
    )
}
