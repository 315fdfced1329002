//! Asking how a database is: one message, the glance of a start with one statement more.

use graven_source::Version;

use super::{Health, LastApplied};
use crate::connection::{Connection, Reply, Row};
use crate::error::Error;
use crate::history::{self, Asking, Detail, Server, Table};
use crate::lock::{self, Holder};
use crate::look::glance::{Glance, read, send};
use crate::look::{Question, look, send_as, table};
use crate::migrations::Migrations;
use crate::observe;
use crate::sql::{identifier, literal};
use crate::verb::run::Run;
use crate::verb::status::Status;

impl<C: Connection> Run<'_, '_, C> {
    /// The verb `health`.
    pub(crate) async fn health(mut self) -> Result<Health, Error> {
        let question = self.question(Detail::Plan);
        let asking = Asking::about(&self.set);
        let sql = format!(
            "{};\n{}",
            history::glance(question.wanted, question.namespace, asking, self.session.process()),
            more(&self.set, question.namespace, &Place::wanted(question)),
        );
        let (mut reply, _) = send(&mut self.session, question, &sql).await?;
        let last = reply.completed.split_off(reply.completed.len().min(history::GLANCE));
        let row = last.first().and_then(|rows| rows.first());
        let health = match read(question, asking, &self.set, reply)? {
            Some(Glance::Agrees(server)) => {
                self.observers.watch.reached(&server);
                Health::all_applied(&self.set).with(row)
            }
            // Without a table there, the rows are those of one further along the search path.
            Some(Glance::Differs(seen)) => {
                self.observers.watch.reached(&seen.server);
                let row = row.filter(|_| seen.server.table_exists);
                Health::of(&self.set, &self.status_of(&seen.records)).with(row)
            }
            None => self.look_closer(question).await?,
        };
        observe::health(question.namespace, &health);
        Ok(health)
    }

    /// Asks again where a glance could not make out what it saw: this says what is in the way, or finds the right table.
    async fn look_closer(&mut self, question: Question<'_>) -> Result<Health, Error> {
        let seen = look(&mut self.session, question).await?;
        self.observers.watch.reached(&seen.server);
        let health = Health::of(&self.set, &self.status_of(&seen.records));
        let reply = match Place::found(question, &seen.server) {
            Some(place) => send_as(&mut self.session, question, &more(&self.set, question.namespace, &place)).await?.0,
            None => Reply::default(),
        };
        Ok(health.with(reply.completed.first().and_then(|rows| rows.first())))
    }

    fn status_of(&self, records: &[history::Record]) -> Status {
        Status::new(None, "", &self.set, records, Vec::new())
    }
}

/// Where the history is, as SQL.
struct Place {
    table: String,
    /// The key of its lock.
    key: String,
}

impl Place {
    /// Where it is, before the server has said which schema is meant. What stands before it in the same message makes sure
    /// that it is a table there.
    fn wanted(question: Question<'_>) -> Self {
        let name = &question.wanted.name;
        match &question.wanted.schema {
            Some(schema) => Self::of(&Table {
                schema: schema.clone(),
                name: name.clone(),
                namespace: question.namespace.to_owned(),
            }),
            None => Self {
                table: identifier(name),
                key: Table::lock_key_in(
                    "pg_catalog.replace(current_schema::pg_catalog.text, '\"', '\"\"')",
                    &identifier(name),
                ),
            },
        }
    }

    fn found(question: Question<'_>, server: &Server) -> Option<Self> {
        let table = table(question, server).filter(|_| server.table_exists)?;
        Some(Self::of(&table))
    }

    fn of(table: &Table) -> Self {
        Self { table: table.qualified(), key: table.lock_key() }
    }
}

/// In a form that no setting of the session changes: ISO 8601, in UTC.
const FORMAT: &str = "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'";

/// The statement that asks what was applied last, and who holds the lock.
///
/// `pg_locks` holds up everybody who wants a lock while it is read, and is not to be read all the time (PostgreSQL manual,
/// 54.12): so it is read only while the history has not as many applied as the set, up to its head. LATERAL and OFFSET
/// keep it from being read before that is known.
fn more(set: &Migrations, namespace: &str, place: &Place) -> String {
    let Place { table, key } = place;
    let of_namespace = format!("pg_catalog.texteq(h.namespace, {})", literal(namespace));
    let at_head = match set.head() {
        Some(head) => format!("AND pg_catalog.int8eq(c.head, '{head}')"),
        None => String::new(),
    };
    // Two passes over the rows, the second of which compares times alone for nearly all: a sort would cost more.
    format!(
        "SELECT z.version, z.name, z.at, x.pid, x.application_name, x.connected, x.since, x.statement FROM (\
         SELECT pg_catalog.count(*) AS applied, pg_catalog.max(h.version) AS head, pg_catalog.max(h.applied_at) AS latest \
         FROM {table} h WHERE {of_namespace} AND pg_catalog.texteq(h.state, 'applied') AND {of_set}) c \
         LEFT JOIN LATERAL (SELECT h.version, h.name, \
         pg_catalog.to_char(h.applied_at AT TIME ZONE 'UTC', {FORMAT}) AS at FROM {table} h \
         WHERE pg_catalog.timestamptz_eq(h.applied_at, c.latest) AND pg_catalog.texteq(h.state, 'applied') \
         AND {of_namespace} \
         ORDER BY h.version DESC LIMIT 1) z ON true \
         LEFT JOIN LATERAL (SELECT l.pid, a.application_name, \
         pg_catalog.date_part('epoch', pg_catalog.timestamptz_mi(pg_catalog.clock_timestamp(), \
         a.backend_start)) AS connected, \
         pg_catalog.date_part('epoch', pg_catalog.timestamptz_mi(pg_catalog.clock_timestamp(), a.query_start)) AS since, \
         pg_catalog.left(a.query, 300) AS statement {held} \
         WHERE (pg_catalog.int8eq(c.applied, '{total}') {at_head}) IS NOT TRUE OFFSET 0 LIMIT 1) x ON true",
        of_set = of_set(set),
        held = lock::held(key),
        total = set.rows(),
    )
}

/// A condition on rows: versioned, or a repeatable of the set. One whose file is gone keeps its row for ever.
fn of_set(set: &Migrations) -> String {
    let named = |it: &crate::Repeatable| format!(" OR pg_catalog.texteq(h.name, {})", literal(it.name()));
    format!("(h.version IS NOT NULL{})", set.repeatables.iter().map(named).collect::<String>())
}

impl Health {
    /// The same with what the answer to [`more`] says.
    fn with(self, row: Option<&Row>) -> Self {
        let Some(row) = row else { return self };
        let last_applied = row.optional(2).map(|at| LastApplied {
            version: row.number(0).and_then(Version::new),
            name: row.text(1).to_owned(),
            at: at.to_owned(),
        });
        let statement = row.optional(7).and_then(lock::migration_named_in);
        let lock_holder = row.number(3).map(|pid| Holder {
            pid,
            role: None,
            application_name: row.optional(4).filter(|name| !name.is_empty()).map(str::to_owned),
            client: None,
            connected_for: lock::seconds(row, 5),
            statement_for: statement.and_then(|_| lock::seconds(row, 6)),
            statement: statement.map(str::to_owned),
            holds: None,
            prepared: None,
        });
        Self { last_applied, lock_holder, ..self }
    }
}
