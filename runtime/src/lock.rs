//! The advisory lock: polled, never waited for inside the server, and held for as short as can be.
//!
//! It is for politeness: the claim in the history is what makes a migration run exactly once.

use std::fmt;
use std::time::{Duration, Instant};

use crate::connection::{Connection, Failure, Row};
use crate::error::Error;
use crate::history::{Table, Wanted};
use crate::in_the_way;
use crate::migrations::Migration;
use crate::session::Session;
use crate::sql::{EQ, NE, literal};

/// The first pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The statement that tries to take the lock and says whether it did.
///
/// Never `pg_advisory_lock`: who waits in it holds a snapshot, and `CREATE INDEX CONCURRENTLY` in the holder waits for
/// all older snapshots to end (PostgreSQL manual, CREATE INDEX): each would wait for the other for ever.
///
/// In a session that is a pooler's, the lock would stay with whoever gets that session next: there it is only asked for
/// until the end of the message, which tells whether somebody without a pooler holds it. It is shared, so that those who ask
/// are not in each other's way.
pub(crate) fn attempt(table: &Table, process: Option<i32>) -> String {
    let key = table.lock_key();
    let Some(process) = process else { return format!("SELECT pg_catalog.pg_try_advisory_xact_lock_shared({key})") };
    format!(
        "SELECT CASE WHEN pg_catalog.pg_backend_pid() {EQ} {process} THEN pg_catalog.pg_try_advisory_lock({key}) \
         ELSE pg_catalog.pg_try_advisory_xact_lock_shared({key}) END"
    )
}

/// The statement that gives the lock back and says whether it was held.
pub(crate) fn give_back(table: &Table) -> String {
    format!("SELECT pg_catalog.pg_advisory_unlock({})", table.lock_key())
}

const GIVING_BACK: &str = "giving back the lock";

/// Gives the lock back, unless that is done, and drops what migrations have left in the temporary schema. A connection that is
/// lost has done both already.
pub(crate) async fn release<C: Connection>(session: &mut Session<'_, C>, table: &Table) -> Result<(), Error> {
    if !session.has_lock_to_give_back() {
        return Ok(());
    }
    let mut results = None;
    if let Some(discard) = session.discard() {
        let reply = session.send(&format!("{discard};\n{}", give_back(table))).await;
        match reply.failure {
            None => results = Some(reply.completed.into_iter().skip(1).collect()),
            Some(Failure::Server(error)) => {
                tracing::warn!(target: "graven", %error, "temporary tables of the migrations are left behind");
            }
            Some(failure) => return Err(Error::from_failure(GIVING_BACK, failure)),
        }
    }
    let results = match results {
        Some(results) => results,
        None => session.expect(GIVING_BACK, &give_back(table)).await?,
    };
    if session.is_sure_of_the_lock() {
        given_back(results.first().and_then(|rows| rows.first()));
    }
    Ok(())
}

/// Reads the answer to [`give_back`].
pub(crate) fn given_back(answer: Option<&Row>) {
    if !answer.is_some_and(|row| row.is_true(0)) {
        tracing::warn!(
            target: "graven",
            "the lock was not held any more: a migration has given up the locks of its session (DISCARD ALL, \
             pg_advisory_unlock_all); each still ran once, by its claim"
        );
    }
}

/// Growing pauses with jitter, so that a fleet that starts at once does not ask in step.
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST_PAUSE }
    }

    /// The next pause, at most `left`.
    pub(crate) fn pause(&mut self, left: Duration) -> Duration {
        let pause = self.next.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        pause.min(left)
    }
}

/// Keeps count while a run waits for the lock.
pub(crate) struct Waiting {
    pub(crate) began: Instant,
    pub(crate) timeout: Duration,
    pub(crate) backoff: Backoff,
    /// Whether the log has been told that this run waits.
    pub(crate) announced: bool,
    /// What others have begun and is waited for, where that is not the lock alone.
    pub(crate) begun: Vec<&'static Migration>,
}

impl Waiting {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { began: Instant::now(), timeout, backoff: Backoff::new(), announced: false, begun: Vec::new() }
    }

    /// When it gives up.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.began.checked_add(self.timeout)
    }

    /// How long it has waited: nothing where the first try succeeded.
    pub(crate) fn so_far(&self) -> Duration {
        if self.announced { self.began.elapsed() } else { Duration::ZERO }
    }
}

/// Who holds the lock, or another one that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The server process of that connection; 0 for a prepared transaction, which has none.
    pub pid: i32,
    /// Its role, if this one may see it.
    pub role: Option<String>,
    /// Its `application_name`, if this role may see it.
    pub application_name: Option<String>,
    /// Its address; `None` for a Unix socket, too.
    pub client: Option<String>,
    /// How long it has been connected.
    pub connected_for: Option<Duration>,
    /// How long its current or latest statement has been going or was begun ago.
    pub statement_for: Option<Duration>,
    /// The beginning of its current or latest statement, if this role may see it; of a migration its version and name.
    pub statement: Option<String>,
    /// What it holds that is waited for, where that is known: `ACCESS SHARE on orders`.
    pub holds: Option<String>,
    /// The identifier of a prepared transaction (PostgreSQL manual, PREPARE TRANSACTION).
    pub prepared: Option<String>,
}

impl Holder {
    /// Its application name, or what there is instead.
    #[must_use]
    pub fn name(&self) -> &str {
        self.application_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("unnamed application")
    }

    pub(crate) fn parse(row: &Row) -> Option<Self> {
        Some(Self {
            pid: row.number(0)?,
            role: row.optional(1).map(str::to_owned),
            application_name: row.optional(2).map(str::to_owned),
            client: row.optional(3).map(str::to_owned),
            connected_for: seconds(row, 4),
            statement_for: seconds(row, 5),
            statement: row.optional(6).map(|statement| migration_named_in(statement).unwrap_or(statement).to_owned()),
            holds: None,
            prepared: None,
        })
    }

    /// Reads what is asked by [`in_the_way::columns`].
    pub(crate) fn in_the_way(row: &Row) -> Option<Self> {
        let mode = row.optional(7).map(in_the_way::from_pg_locks);
        let on = row.optional(8).map_or_else(String::new, |relation| format!(" on {relation}"));
        Some(Self {
            holds: mode.map(|mode| format!("{mode}{on}")),
            prepared: row.optional(9).map(str::to_owned),
            ..Self::parse(row)?
        })
    }
}

/// A number of seconds in a row.
pub(crate) fn seconds(row: &Row, at: usize) -> Option<Duration> {
    row.number::<f64>(at).and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok())
}

/// What a message of graven's own says of itself, in the comment with which it begins.
pub(crate) fn migration_named_in(statement: &str) -> Option<&str> {
    Some(statement.strip_prefix(crate::apply::sent::COMMENT)?.split("*/").next()?.trim())
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(prepared) = &self.prepared {
            write!(f, "the prepared transaction {}", literal(prepared))?;
            self.holds.iter().try_for_each(|holds| write!(f, ", holding {holds}"))?;
            return f.write_str(", for which `ROLLBACK PREPARED` or `COMMIT PREPARED` is the end");
        }
        write!(f, "pid {} ({}", self.pid, self.name())?;
        if let Some(role) = &self.role {
            write!(f, ", role {role}")?;
        }
        if let Some(client) = &self.client {
            write!(f, ", from {client}")?;
        }
        if let Some(age) = self.connected_for {
            write!(f, ", connected for {age:.1?}")?;
        }
        f.write_str(")")?;
        if let Some(holds) = &self.holds {
            write!(f, ", holding {holds}")?;
        }
        if let (Some(statement), Some(age)) = (&self.statement, self.statement_for) {
            write!(f, ", since {age:.1?} in: {statement}")?;
        }
        Ok(())
    }
}

/// What is asked of a session besides its process, as [`Holder::parse`] reads it: `a` is its row of `pg_stat_activity`.
pub(crate) const SESSION: &str = "a.usename, a.application_name, pg_catalog.host(a.client_addr), \
    pg_catalog.date_part('epoch', pg_catalog.timestamptz_mi(pg_catalog.clock_timestamp(), \
    a.backend_start))::pg_catalog.text, \
    pg_catalog.date_part('epoch', pg_catalog.timestamptz_mi(pg_catalog.clock_timestamp(), \
    a.query_start))::pg_catalog.text, \
    pg_catalog.regexp_replace(\
    pg_catalog.left(CASE WHEN a.query OPERATOR(pg_catalog.<>) '<insufficient privilege>' THEN a.query END, 120), '[[:space:]]+', ' ', 'g')";

/// Where it is to be seen who holds the lock with this key, an SQL expression: `l` is its row of `pg_locks`, `a` that of its
/// session in `pg_stat_activity`. Who only asks, behind a pooler, shares it for a moment, and is not meant.
pub(crate) fn held(key: &str) -> String {
    // A bigint key is shown as its two halves, with objsubid 1 (PostgreSQL manual, 54.12).
    format!(
        "FROM (SELECT {key} AS key) k \
         JOIN pg_catalog.pg_locks l ON l.locktype {EQ} 'advisory' AND l.objsubid {EQ} 1 AND l.granted \
         AND l.mode {EQ} 'ExclusiveLock' \
         AND l.classid {EQ} pg_catalog.int8and(pg_catalog.int8shr(k.key, 32), 4294967295)::pg_catalog.oid \
         AND l.objid {EQ} pg_catalog.int8and(k.key, 4294967295)::pg_catalog.oid \
         AND l.database {EQ} (SELECT d.oid FROM pg_catalog.pg_database d \
         WHERE d.datname {EQ} pg_catalog.current_database()) \
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid {EQ} l.pid"
    )
}

/// Who else is at one of these migrations or holds the lock, where that can be seen. Never fails: it only serves a message.
pub(crate) async fn holder<C: Connection>(
    session: &mut Session<'_, C>,
    table: &Table,
    begun: &[&Migration],
) -> Option<Holder> {
    let holds =
        format!("SELECT l.pid, {SESSION} {} WHERE l.pid {NE} pg_catalog.pg_backend_pid()", held(&table.lock_key()));
    let sql = match begun {
        [] => holds,
        // Who is at it need not hold the lock, behind a pooler; who holds it may wait for that one, too.
        begun => format!("{};\n{holds}", at_work(table, begun)),
    };
    let reply = session.send(&sql).await;
    reply.completed.iter().find_map(|rows| rows.first().and_then(Holder::parse))
}

/// How many characters of a statement are sure to be seen: it is cut off at the end of 1023 bytes (PostgreSQL manual,
/// `track_activity_query_size`).
const SEEN_OF_STATEMENTS: usize = 255;

/// Who else is at a statement of one of these migrations of this history at this moment: also a session whose client is gone, or one of a
/// pooler's. Of the sessions of other roles this one may not be let see what they are at (PostgreSQL manual, 28.2): nobody is
/// found then.
pub(crate) fn at_work(table: &Table, migrations: &[&Migration]) -> String {
    let begins = |migration: &&Migration| -> String {
        crate::apply::sent::head_of_unit(table, migration).chars().take(SEEN_OF_STATEMENTS).collect()
    };
    let heads = migrations.iter().map(|migration| literal(&begins(migration)));
    let is_at = heads.map(|head| format!("pg_catalog.starts_with(a.query, {head})")).collect::<Vec<_>>().join(" OR ");
    format!(
        "SELECT a.pid, {SESSION} FROM pg_catalog.pg_stat_activity a WHERE a.datname {EQ} pg_catalog.current_database() \
         AND a.pid {NE} pg_catalog.pg_backend_pid() AND a.backend_type {EQ} 'client backend' AND a.state {EQ} 'active' \
         AND ({is_at}) LIMIT 1"
    )
}

/// Who keeps everybody from reading the history, where that can be seen. Never fails: it only serves a message.
pub(crate) async fn holder_of_history<C: Connection>(session: &mut Session<'_, C>, wanted: &Wanted) -> Option<Holder> {
    let schema =
        wanted.schema.as_ref().map_or_else(|| "pg_catalog.current_schema()".to_owned(), |schema| literal(schema));
    let sql = format!(
        "SELECT {columns} FROM pg_catalog.pg_locks l {joined} WHERE l.locktype {EQ} 'relation' AND l.granted \
         AND l.mode {EQ} 'AccessExclusiveLock' AND l.database {EQ} (SELECT d.oid FROM pg_catalog.pg_database d \
         WHERE d.datname {EQ} pg_catalog.current_database()) \
         AND l.relation {EQ} (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
         ON n.oid {EQ} c.relnamespace \
         WHERE n.nspname {EQ} {schema}::pg_catalog.name AND c.relname {EQ} {name}::pg_catalog.name)",
        columns = in_the_way::columns(),
        joined = in_the_way::JOINED,
        name = literal(&wanted.name),
    );
    let reply = session.send(&sql).await;
    reply.completed.first()?.first().and_then(Holder::in_the_way)
}

#[cfg(test)]
mod tests {
    use super::{Backoff, FIRST_PAUSE, LONGEST_PAUSE};
    use std::time::Duration;

    #[test]
    fn pauses_grow_to_a_cap_and_never_pass_the_deadline() {
        let mut backoff = Backoff::new();
        let pauses: Vec<Duration> = (0..20).map(|_| backoff.pause(Duration::MAX)).collect();
        assert!(pauses.iter().all(|pause| *pause >= FIRST_PAUSE / 2 && *pause <= LONGEST_PAUSE), "{pauses:?}");
        assert!(pauses.last() >= Some(&(LONGEST_PAUSE / 2)), "{pauses:?}");
        assert_eq!(backoff.pause(Duration::from_millis(1)), Duration::from_millis(1));
    }
}
