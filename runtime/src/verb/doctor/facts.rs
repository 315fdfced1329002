//! What the doctor asks of the server at once: one message of queries that anybody may ask, and what the answers say.

use crate::connection::{Connection, Failure, Row};
use crate::error::Error;
use crate::look::{Question, send_as};
use crate::session::Session;
use crate::sql::CONFINE;
use crate::verb::doctor::activity::Activity;
use crate::verb::doctor::trust::{self, Stranger};

/// What the server says of itself and of this session.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// `15.4 (Debian …)`, and 150004.
    pub(super) version: String,
    pub(super) version_number: u32,
    /// The whole line in which it says what it is.
    pub(super) product: String,
    pub(super) in_recovery: bool,
    pub(super) read_only: bool,
    pub(super) encoding: String,
    /// Seconds since 1970 by its clock.
    pub(super) epoch: f64,
    pub(super) database: String,
    pub(super) user: String,
    /// This client's address as the server sees it; `None` for a Unix socket.
    pub(super) client: Option<String>,
    pub(super) is_encrypted: Option<bool>,
    pub(super) schema: Option<String>,
    pub(super) may_create: bool,
    pub(super) process: Option<i32>,
    /// How many connections the server takes from whom is not privileged, and has.
    pub(super) most_connections: i64,
    pub(super) connections: i64,
    /// How many this database may have, or -1, and has.
    pub(super) most_of_database: i64,
    pub(super) of_database: i64,
    /// Whose code whoever looks at the history may run.
    pub(super) strangers: Vec<Stranger>,
}

/// The columns of [`Facts`], one row.
///
/// How many sessions there are is told to everybody by the counters of the databases; what each is at is not.
const FACTS: &str = "SELECT pg_catalog.current_setting('server_version'), \
    pg_catalog.current_setting('server_version_num'), pg_catalog.version(), pg_catalog.pg_is_in_recovery(), \
    pg_catalog.texteq(pg_catalog.current_setting('transaction_read_only'), 'on'), \
    pg_catalog.current_setting('server_encoding'), \
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::pg_catalog.text, \
    pg_catalog.current_database(), current_user, \
    pg_catalog.host(pg_catalog.inet_client_addr()), \
    (SELECT s.ssl FROM pg_catalog.pg_stat_ssl s WHERE s.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()), \
    pg_catalog.current_schema(), \
    COALESCE(pg_catalog.has_schema_privilege(pg_catalog.current_schema()::pg_catalog.text, 'CREATE'), false), \
    pg_catalog.pg_backend_pid(), \
    pg_catalog.int8mi(pg_catalog.int8mi(pg_catalog.current_setting('max_connections')::pg_catalog.int8, \
    pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8), \
    COALESCE(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int8), \
    (SELECT pg_catalog.sum(n.numbackends)::pg_catalog.int8 FROM pg_catalog.pg_stat_database n), \
    d.datconnlimit, pg_catalog.pg_stat_get_db_numbackends(d.oid) \
    FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";

impl Facts {
    fn parse(row: &Row) -> Self {
        let owned = |at| row.optional(at).map(str::to_owned);
        Self {
            version: row.text(0).to_owned(),
            version_number: row.number(1).unwrap_or_default(),
            product: row.text(2).to_owned(),
            in_recovery: row.is_true(3),
            read_only: row.is_true(4),
            encoding: row.text(5).to_owned(),
            epoch: row.number(6).unwrap_or_default(),
            database: row.text(7).to_owned(),
            user: row.text(8).to_owned(),
            client: owned(9),
            is_encrypted: row.optional(10).map(|_| row.is_true(10)),
            schema: owned(11),
            may_create: row.is_true(12),
            process: row.number(13),
            most_connections: row.number(14).unwrap_or_default(),
            connections: row.number(15).unwrap_or_default(),
            most_of_database: row.number(16).unwrap_or(-1),
            of_database: row.number(17).unwrap_or_default(),
            strangers: Vec::new(),
        }
    }
}

/// Asks, in one round trip, as the role that is to migrate. What could not be answered beyond the facts is among the
/// activity's gaps.
pub(super) async fn ask<C: Connection>(
    session: &mut Session<'_, C>,
    question: Question<'_>,
) -> Result<(Facts, Activity), Error> {
    const DOING: &str = "asking the server about itself";
    let sql = format!("{FACTS};\n{};\n{CONFINE};\n{}", trust::query(question.wanted), Activity::QUERIES.join(";\n"));
    let (reply, _) = send_as(session, question, &sql).await?;
    let mut answers = reply.completed.into_iter();
    let facts = answers.next().and_then(|rows| rows.first().map(Facts::parse));
    let strangers = answers.next().map(|rows| trust::parse(&rows, question.wanted)).unwrap_or_default();
    let _confined = answers.next();
    match (facts, reply.failure) {
        (Some(facts), failure) => {
            session.reached(facts.process);
            let facts = Facts { strangers, ..facts };
            Ok((facts, Activity::parse(&answers.collect::<Vec<_>>(), failure)))
        }
        // in_failed_sql_transaction: until it is ended, nothing can be asked.
        (None, Some(Failure::Server(error))) if error.sqlstate == "25P02" => Err(Error::InTransaction),
        (None, Some(failure)) => Err(Error::from_failure(DOING, failure)),
        (None, None) => Ok((Facts::default(), Activity::default())),
    }
}
