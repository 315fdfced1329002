//! What goes on in the database, as far as this role may see it: what a migration would wait for or trip over.

use std::time::Duration;

use crate::connection::{Failure, Row};
use crate::sql::literal;
use crate::verb::doctor::Finding;
use crate::verb::doctor::history::RebuiltByRun;

/// What goes on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Activity {
    pub(super) timeouts: Vec<Timeout>,
    /// The oldest transactions, and how many there are altogether.
    pub(super) transactions: Vec<Transaction>,
    pub(super) all_transactions: usize,
    /// Sessions in this database of which this role sees nothing.
    pub(super) hidden: usize,
    pub(super) prepared: Vec<Prepared>,
    pub(super) indexes: Vec<InvalidIndex>,
    /// Why not everything could be asked.
    pub(super) gap: Option<String>,
}

/// A timeout that is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Timeout {
    pub(super) name: String,
    pub(super) value: Duration,
    /// As `pg_settings` has it: `user`, `database`, `configuration file`, …
    pub(super) source: String,
}

/// A transaction that has been open for a while.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Transaction {
    pub(super) pid: i32,
    pub(super) role: String,
    pub(super) application: String,
    pub(super) client: Option<String>,
    pub(super) state: String,
    pub(super) age: Duration,
    pub(super) statement: String,
}

/// A transaction that was prepared, and neither committed nor rolled back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prepared {
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) age: Duration,
}

/// An index that takes writes and serves no query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InvalidIndex {
    /// Qualified and quoted where it must be.
    pub(super) name: String,
    /// Whether somebody holds the lock of a concurrent build on its table.
    pub(super) may_be_under_way: bool,
}

/// As many of each as are named.
const SHOWN: usize = 5;

impl Activity {
    /// The queries, each of which anybody may ask. What belongs to other roles comes back as NULL.
    pub(super) const QUERIES: [&'static str; 5] = [
        "SELECT s.name, s.setting, s.source FROM pg_catalog.pg_settings s WHERE s.setting <> '0' AND s.name IN \
         ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', \
         'transaction_timeout') ORDER BY s.name",
        "SELECT a.pid, a.usename, a.application_name, pg_catalog.host(a.client_addr), a.state, \
         EXTRACT(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8::text, \
         pg_catalog.regexp_replace(pg_catalog.left(a.query, 80), '[[:space:]]+', ' ', 'g') \
         FROM pg_catalog.pg_stat_activity a \
         WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid() \
         AND a.backend_type = 'client backend' \
         AND a.xact_start < pg_catalog.clock_timestamp() - '1 minute'::pg_catalog.interval ORDER BY a.xact_start",
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a \
         WHERE a.datname = pg_catalog.current_database() AND a.query = '<insufficient privilege>'",
        "SELECT p.gid, p.owner, EXTRACT(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::float8::text \
         FROM pg_catalog.pg_prepared_xacts p WHERE p.database = pg_catalog.current_database() \
         AND p.prepared < pg_catalog.clock_timestamp() - '1 minute'::pg_catalog.interval ORDER BY p.prepared",
        // A build that this role may not see has no row in the view of progress, but its lock on the table is for all to see.
        "SELECT pg_catalog.quote_ident(n.nspname::text) || '.' || pg_catalog.quote_ident(c.relname::text), \
         EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation = i.indrelid \
         AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND l.database = \
         (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())) \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relpersistence <> 't' ORDER BY n.nspname, c.relname",
    ];

    /// Reads the answers, of which the last ones are lacking where one of the queries failed.
    pub(super) fn parse(answers: &[Vec<Row>], failure: Option<Failure>) -> Self {
        let rows = |at: usize| answers.get(at).map(Vec::as_slice).unwrap_or_default();
        Self {
            timeouts: rows(0).iter().filter_map(Timeout::parse).collect(),
            transactions: rows(1).iter().take(SHOWN).filter_map(Transaction::parse).collect(),
            all_transactions: rows(1).len(),
            hidden: rows(2).first().and_then(|row| row.number(0)).unwrap_or_default(),
            prepared: rows(3).iter().map(Prepared::parse).collect(),
            indexes: rows(4).iter().map(InvalidIndex::parse).collect(),
            gap: failure.map(|failure| match failure {
                Failure::Server(error) => error.to_string(),
                Failure::Connection(error) => error.to_string(),
            }),
        }
    }

    /// What a migration would wait for or trip over.
    pub(super) fn findings(&self, rebuilt: &[RebuiltByRun]) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.timeouts.iter().filter_map(Timeout::finding).collect();
        findings.extend(self.transactions.iter().map(Transaction::finding));
        let unnamed = self.all_transactions.saturating_sub(self.transactions.len());
        if unnamed > 0 {
            let what = format!("{unnamed} more transactions have been open for over a minute");
            findings.push(Finding::warning("long-transaction", what, "`SELECT * FROM pg_stat_activity` lists them"));
        }
        findings.extend(self.prepared.iter().map(Prepared::finding));
        findings.extend(self.indexes.iter().map(|index| {
            let by_run = rebuilt.iter().find(|rebuilt| rebuilt.index == index.name);
            index.finding(by_run)
        }));
        if findings.is_empty() && self.gap.is_none() {
            findings
                .push(Finding::ok("long-transaction", "nothing that table locks or concurrent builds would wait for"));
        }
        if self.hidden > 0 {
            findings.push(Finding::warning(
                "unseen",
                format!(
                    "this role cannot see how long the transactions of {} sessions of other roles are",
                    self.hidden
                ),
                "to see them, `GRANT pg_read_all_stats` to it",
            ));
        }
        if let Some(gap) = &self.gap {
            findings.push(Finding::warning(
                "unseen",
                format!("not everything could be asked: {gap}"),
                "ask again with a role that has more rights",
            ));
        }
        findings
    }
}

impl Timeout {
    fn parse(row: &Row) -> Option<Self> {
        // All of them are in milliseconds there.
        let value = Duration::from_millis(row.number(1)?);
        Some(Self { name: row.text(0).to_owned(), value, source: row.text(2).to_owned() })
    }

    /// The timeouts that a run sets for itself do not matter: for statements, table locks and whole transactions.
    fn finding(&self) -> Option<Finding> {
        let harm = match self.name.as_str() {
            "idle_in_transaction_session_timeout" if self.value < Duration::from_secs(10) => {
                "may end the session between two parts of a large migration"
            }
            "idle_session_timeout" if self.value < Duration::from_secs(5) => {
                "may end the session while it waits for another instance"
            }
            "statement_timeout" | "transaction_timeout" if self.value < Duration::from_secs(1) => {
                "may cut off even a look at the history"
            }
            _ => return None,
        };
        let remedy = format!("switch it off for the role that migrates: `ALTER ROLE … SET {} = 0`", self.name);
        let what = format!("{} is {:?} ({}), and {harm}", self.name, self.value, self.source);
        Some(Finding::warning("timeout", what, remedy))
    }
}

impl Transaction {
    fn parse(row: &Row) -> Option<Self> {
        Some(Self {
            pid: row.number(0)?,
            role: row.text(1).to_owned(),
            application: row.text(2).to_owned(),
            client: row.optional(3).map(str::to_owned),
            state: row.text(4).to_owned(),
            age: seconds(row, 5),
            statement: row.text(6).to_owned(),
        })
    }

    fn finding(&self) -> Finding {
        let application = if self.application.is_empty() { "unnamed application" } else { &self.application };
        let from = self.client.as_ref().map_or_else(String::new, |client| format!(" from {client}"));
        Finding::warning(
            "long-transaction",
            format!(
                "pid {} ({application}, role {}{from}) has had a transaction open for {}, {}: {}",
                self.pid,
                self.role,
                rough(self.age),
                self.state,
                self.statement
            ),
            format!(
                "statements that need its tables' locks and concurrent index builds wait for it: let it end, or \
                 `SELECT pg_terminate_backend({})`",
                self.pid
            ),
        )
    }
}

impl Prepared {
    fn parse(row: &Row) -> Self {
        Self { name: row.text(0).to_owned(), owner: row.text(1).to_owned(), age: seconds(row, 2) }
    }

    fn finding(&self) -> Finding {
        Finding::warning(
            "prepared-transaction",
            format!(
                "the transaction {:?} of {} was prepared {} ago, and holds its locks",
                self.name,
                self.owner,
                rough(self.age)
            ),
            format!(
                "whoever prepared it must end it: `COMMIT PREPARED {0}` or `ROLLBACK PREPARED {0}`",
                literal(&self.name)
            ),
        )
    }
}

impl InvalidIndex {
    fn parse(row: &Row) -> Self {
        Self { name: row.text(0).to_owned(), may_be_under_way: row.is_true(1) }
    }

    /// Whether `REINDEX CONCURRENTLY` left it: a copy of an index that is there under its own name (PostgreSQL manual, REINDEX).
    /// To build it again would make a second, valid one of it.
    fn is_of_a_reindex(&self) -> bool {
        let name = self.name.trim_end_matches('"').trim_end_matches(|c: char| c.is_ascii_digit());
        name.ends_with("_ccnew") || name.ends_with("_ccold")
    }

    fn finding(&self, by_run: Option<&RebuiltByRun>) -> Finding {
        let drop = format!("`DROP INDEX CONCURRENTLY {}`", self.name);
        let remedy = match by_run {
            Some(RebuiltByRun { migration, .. }) => format!(
                "leave it to `graven apply`, which drops it and builds it again: migration {migration} was cut off as it built it"
            ),
            None if self.is_of_a_reindex() => drop,
            None => format!("`REINDEX INDEX CONCURRENTLY {}`, or {drop}", self.name),
        };
        match self.may_be_under_way {
            true => Finding::warning(
                "invalid-index",
                format!("the index {} is not valid: it is being built, or was left behind", self.name),
                format!("if nobody is at it, {remedy}"),
            ),
            false => Finding::warning(
                "invalid-index",
                format!(
                    "the index {} is not valid: a concurrent build left it behind, and every write still pays for it",
                    self.name
                ),
                remedy,
            ),
        }
    }
}

fn seconds(row: &Row, at: usize) -> Duration {
    Duration::try_from_secs_f64(row.number(at).unwrap_or(0.0_f64).max(0.0)).unwrap_or_default()
}

/// A duration as people say it.
fn rough(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
