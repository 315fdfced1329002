//! The look from beside: a second connection that asks the server whom the run waits for.
//!
//! It is made only when nothing has happened for a while, and ends when something does, and it is for show: if it cannot be
//! made, or the server does not answer, nothing is said and nobody asks again. Between two looks it is idle, without a transaction, so that it never
//! holds up what it looks at.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow, SimpleQueryStream};

use crate::cli::progress::Shown;
use crate::cli::progress::course::{Key, LookDue};
use crate::cli::progress::sight::{Row, Sight};
use crate::migrations::Migrations;
use crate::sql::EQ;
use crate::{Checksum, Kind};

/// How often the server is asked, and how often it is seen whether it should be.
const EVERY: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_millis(200);
/// How long a connection or an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the connection for its server process. The answer is read later, so that this costs no round trip.
pub(crate) async fn ask_pid(client: &Client) -> Option<SimpleQueryStream> {
    client.simple_query_raw("SELECT pg_catalog.pg_backend_pid()").await.ok()
}

/// Where to look.
pub(crate) struct Watched {
    pub(crate) url: String,
    pub(crate) set: Migrations,
    pub(crate) namespace: String,
    pub(crate) pid: Option<SimpleQueryStream>,
}

/// Looks whenever it is worth it, until it is cancelled.
pub(crate) async fn watch(watched: Watched, shown: Shown) {
    // The answer must be taken off the connection in any case: what comes after it waits behind it.
    let Some(pid) = read_pid(watched.pid).await else { return };
    let mut client = None;
    loop {
        let Some(due) = shown.lock().course.look_due(Instant::now()) else {
            // A connection is one of a limited number, and others need theirs.
            client = None;
            tokio::time::sleep(IDLE).await;
            continue;
        };
        if client.is_none() {
            client = connect(&watched.url).await;
        }
        let Some(client) = &client else { return };
        let looking = look(client, pid, (&watched.set, &watched.namespace), &due);
        let sight = tokio::time::timeout(PATIENCE, looking).await.ok().flatten();
        let blind = sight.is_none();
        shown.lock().course.see(sight, due.event, Instant::now());
        if blind {
            return;
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn read_pid(answer: Option<SimpleQueryStream>) -> Option<i32> {
    let rows = rows(answer?).await?;
    rows.first()?.first()?.first()?.as_ref()?.parse().ok()
}

async fn connect(url: &str) -> Option<Client> {
    tokio::time::timeout(PATIENCE, crate::connect(url)).await.ok()?.ok()
}

async fn look(client: &Client, pid: i32, rows_of: (&Migrations, &str), due: &LookDue) -> Option<Sight> {
    let answers = rows(client.simple_query_raw(&question(pid)).await.ok()?).await?;
    let answer = |at: usize| answers.get(at).map(Vec::as_slice).unwrap_or_default();
    let mut sight = Sight::parse(answer(1), answer(2));
    if !due.together.is_empty() {
        sight.committed = committed(client, rows_of, due).await;
    }
    Some(sight)
}

/// Which of the migrations that travel together have committed: each commits with its row in the history.
async fn committed(client: &Client, (set, namespace): (&Migrations, &str), due: &LookDue) -> Option<HashSet<Key>> {
    let sql = format!("SELECT id, checksum FROM {} WHERE namespace {EQ} $1 AND id {EQ} ANY ($2)", due.history);
    let ids: Vec<String> = due.together.iter().map(id).collect();
    // Without a prepared statement, which would not outlive the transaction behind some poolers.
    let rows = client.query_typed(&sql, &[(&namespace, Type::TEXT), (&ids, Type::TEXT_ARRAY)]).await.ok()?;
    let mut recorded = HashMap::new();
    for row in &rows {
        recorded.insert(row.try_get::<_, String>(0).ok()?, row.try_get::<_, Vec<u8>>(1).ok()?);
    }
    let has_committed = |key: &Key| match (key, recorded.get(&id(key))) {
        (Key::Versioned(_), row) => row.is_some(),
        // A row of an earlier text may have been there before.
        (Key::Repeatable(name), row) => {
            row.is_some_and(|row| checksum(set, name).is_some_and(|it| it.as_bytes() == &row[..]))
        }
    };
    Some(due.together.iter().filter(|key| has_committed(key)).cloned().collect())
}

/// As the history has it.
fn id(key: &Key) -> String {
    match key {
        Key::Versioned(version) => version.to_string(),
        Key::Repeatable(name) => format!("{name}{}", Kind::Repeatable.suffix()),
    }
}

fn checksum(set: &Migrations, repeatable: &str) -> Option<Checksum> {
    set.repeatables().iter().find(|found| found.name() == repeatable).map(crate::Repeatable::checksum)
}

/// What is asked: how far an index is, and who holds what the server process waits for.
pub(crate) fn question(pid: i32) -> String {
    // Behind a pooler the process may by now serve somebody else, who has another application_name. The first of the
    // holders is to be whoever does not wait himself.
    let run = format!(
        "pg_catalog.pg_stat_activity a WHERE a.pid = {pid} AND a.state = 'active' \
         AND a.application_name = pg_catalog.current_setting('application_name')"
    );
    // One message is one transaction: whatever the role's search path begins with, no operator of it is called.
    format!(
        "/* graven: looking whom pid {pid} waits for */ SET LOCAL search_path = pg_catalog, pg_temp; \
         SELECT p.phase, CASE WHEN p.blocks_total > 0 THEN 100 * p.blocks_done / p.blocks_total \
         WHEN p.tuples_total > 0 THEN 100 * p.tuples_done / p.tuples_total END \
         FROM pg_catalog.pg_stat_progress_create_index p WHERE p.pid IN (SELECT a.pid FROM {run}); \
         SELECT h.pid, s.application_name, s.usename, s.state, \
         EXTRACT(epoch FROM pg_catalog.clock_timestamp() - s.state_change)::bigint, \
         pg_catalog.left(NULLIF(s.query, '<insufficient privilege>'), 200) \
         FROM (SELECT DISTINCT pg_catalog.unnest(pg_catalog.pg_blocking_pids(a.pid)) AS pid FROM {run}) h \
         LEFT JOIN pg_catalog.pg_stat_activity s ON s.pid = h.pid \
         ORDER BY pg_catalog.cardinality(pg_catalog.pg_blocking_pids(h.pid)), s.xact_start"
    )
}

/// All rows, statement by statement; `None` where the server did not answer to the end.
async fn rows(answer: SimpleQueryStream) -> Option<Vec<Vec<Row>>> {
    let mut answer = pin!(answer);
    let mut all = Vec::new();
    let mut rows = Vec::new();
    while let Some(message) = answer.try_next().await.ok()? {
        match message {
            SimpleQueryMessage::Row(row) => rows.push(cells(&row)),
            SimpleQueryMessage::CommandComplete(_) => all.push(std::mem::take(&mut rows)),
            _ => {}
        }
    }
    Some(all)
}

fn cells(row: &SimpleQueryRow) -> Row {
    (0..row.len()).map(|at| row.try_get(at).ok().flatten().map(str::to_owned)).collect()
}
