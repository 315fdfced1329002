//! What is asked about a database that is to be reset, from beside it and from within it. It changes nothing.

use tokio_postgres::Client;

use crate::connection::{Connection, Row};
use crate::driver::{Target, connect_to};
use crate::error::Error;
use crate::error::conflict::Conflict;
use crate::migrations::Migrations;
use crate::migrator::Migrator;
use crate::sql::literal;
use crate::verb::reset::place::Place;
use crate::verb::reset::rules::other_hosts;
use crate::verb::status::{MigrationStatus, State, Status};

/// What the server says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) version_number: u32,
    /// The role that is to drop and create.
    pub(super) role: String,
    /// The role that connected, as the server has it.
    pub(super) login: String,
    /// This client's address as the server sees it; `None` for a Unix socket.
    pub(super) client: Option<String>,
    pub(super) may_create_databases: bool,
    pub(super) in_recovery: bool,
    /// How many receivers stream from it.
    pub(super) streams: i64,
    pub(super) is_pooled: bool,
    /// The database, if it is there.
    pub(super) found: Option<Found>,
    /// What an earlier reset has left, which was cut off.
    pub(super) leftover: Leftover,
}

/// What an earlier reset has left: the new database, which has not got its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Leftover {
    #[default]
    Absent,
    Whole,
    /// A `DROP DATABASE` of it was cut off.
    Invalid,
}

/// What a database is like.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) owner: String,
    pub(super) may_drop: bool,
    pub(super) is_template: bool,
    /// A `DROP DATABASE` of it was cut off: nobody can connect to it, and what it held is lost.
    pub(super) is_invalid: bool,
    pub(super) size: i64,
    /// Who else is connected to it.
    pub(super) sessions: Vec<String>,
    pub(super) locale: Locale,
    /// Whether `template1` has the same encoding and locale.
    pub(super) is_like_template1: bool,
    /// Where it is not the one of the templates, which a new database is in unless another is named.
    pub(super) tablespace: Option<String>,
    pub(super) connection_limit: i64,
    pub(super) comment: Option<String>,
    /// Whether transactions in it are read-only unless they say otherwise: nothing could be applied to the new one.
    pub(super) is_read_only: bool,
    /// Why its history could not be read.
    pub(super) history_unread: Option<String>,
    /// A few of its tables, where its history has no row of these migrations.
    pub(super) foreign_tables: Vec<String>,
    /// The other machines from which migrations were applied.
    pub(super) hosts: Vec<String>,
    pub(super) extensions: Vec<String>,
}

/// How a database keeps and compares texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Locale {
    pub(super) encoding: String,
    pub(super) collate: String,
    pub(super) ctype: String,
    /// `c`, `i` or `b`; `None` before PostgreSQL 15, which has but the first.
    pub(super) provider: Option<String>,
    pub(super) locale: Option<String>,
    pub(super) rules: Option<String>,
}

const DOING: &str = "looking at the database";

/// The limit of connections by which PostgreSQL marks a database whose drop has begun: it cannot be undone, and where it is
/// cut off, only another drop is possible (since 11.21, 12.16, 13.12, 14.9 and 15.4).
pub(super) const INVALID: i64 = -2;

/// Looks from beside it.
pub(super) async fn look(maintenance: &mut Client, place: &Place, leftover: &str) -> Result<Facts, Error> {
    let name = literal(&place.database);
    // What a release does not have in its catalog is NULL in the row's JSON form.
    let of_row =
        |alias: &str, key: &str| format!("pg_catalog.jsonb_extract_path_text(pg_catalog.to_jsonb({alias}), '{key}')");
    let locale = |alias: &str| {
        let (provider, new, old, rules) = (
            of_row(alias, "datlocprovider"),
            of_row(alias, "datlocale"),
            of_row(alias, "daticulocale"),
            of_row(alias, "daticurules"),
        );
        format!(
            "pg_catalog.pg_encoding_to_char({alias}.encoding), {alias}.datcollate, {alias}.datctype, {provider}, \
             COALESCE({new}, {old}), {rules}"
        )
    };
    let message = format!(
        "SELECT pg_catalog.current_setting('server_version_num'), current_user, \
         (SELECT r.rolcreatedb OR r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user), \
         pg_catalog.pg_is_in_recovery(), (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication), \
         (SELECT l.datconnlimit <> {INVALID} FROM pg_catalog.pg_database l WHERE l.datname = {leftover}::name), \
         pg_catalog.pg_backend_pid(), session_user, pg_catalog.host(pg_catalog.inet_client_addr());\n\
         SELECT pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_has_role(d.datdba, 'USAGE'), d.datistemplate, \
         CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') THEN pg_catalog.pg_database_size(d.oid) END, \
         (SELECT ts.spcname FROM pg_catalog.pg_tablespace ts WHERE ts.oid = d.dattablespace AND EXISTS (\
         SELECT FROM pg_catalog.pg_database td WHERE td.datname IN ('template0', 'template1') \
         AND td.dattablespace <> d.dattablespace)), d.datconnlimit, \
         pg_catalog.shobj_description(d.oid, 'pg_database'), {theirs} \
         FROM pg_catalog.pg_database d WHERE d.datname = {name}::name;\n\
         SELECT {ours} FROM pg_catalog.pg_database t WHERE t.datname = 'template1';\n\
         SELECT a.pid, a.application_name, a.usename, pg_catalog.host(a.client_addr) \
         FROM pg_catalog.pg_stat_activity a WHERE a.datname = {name}::name \
         AND COALESCE(a.backend_type, 'client backend') IN ('client backend', 'walsender') ORDER BY a.pid",
        leftover = literal(leftover),
        theirs = locale("d"),
        ours = locale("t"),
    );
    let reply = maintenance.send(&message).await;
    if let Some(failure) = reply.failure {
        return Err(Error::from_failure(DOING, failure));
    }
    let [server, database, template, sessions] = reply.completed.as_slice() else { return Ok(Facts::default()) };
    let Some(row) = server.first() else { return Ok(Facts::default()) };
    let met: Option<i32> = row.number(6);
    let template = template.first().map(|row| Locale::parse(row, 0));
    Ok(Facts {
        version_number: row.number(0).unwrap_or_default(),
        role: row.text(1).to_owned(),
        may_create_databases: row.is_true(2),
        in_recovery: row.is_true(3),
        streams: row.number(4).unwrap_or_default(),
        leftover: match row.optional(5) {
            None => Leftover::Absent,
            Some(_) if row.is_true(5) => Leftover::Whole,
            Some(_) => Leftover::Invalid,
        },
        login: row.text(7).to_owned(),
        client: row.optional(8).map(str::to_owned),
        is_pooled: maintenance.process().is_some_and(|named| Some(named) != met),
        found: database.first().map(|row| Found {
            sessions: sessions.iter().map(session).collect(),
            ..Found::parse(row, template.as_ref())
        }),
    })
}

/// Looks from within: at the history and the extensions. The connection is closed again, as it would be in the way.
pub(super) async fn look_within(migrator: &mut Migrator, place: &Place, found: &mut Found) -> Result<(), Error> {
    let (mut client, cancelling) = connect_to(&Target::parse(&place.url)?).await?;
    match migrator.status(&mut client).await {
        Ok(status) => {
            let this = whoami::hostname().unwrap_or_else(|_| "unknown host".to_owned());
            let applied_as = status.migrations.iter().filter_map(|migration| migration.applied_as.as_deref());
            found.hosts = other_hosts(applied_as, &this);
            if !is_of(&status, migrator.migrations()) {
                found.foreign_tables = tables(&mut client, status.history.as_deref()).await?;
            }
        }
        Err(error) => found.history_unread = Some(error.to_string()),
    }
    found.extensions = extensions(&mut client).await?;
    found.is_read_only = names(&mut client, "SHOW default_transaction_read_only").await? == ["on"];
    cancelling.disarm();
    Ok(())
}

/// Whether a history has rows of this set. Another project's may have the same versions, but hardly the same names or texts;
/// of one's own any may have been edited, renamed or numbered anew, but hardly all of them and in both ways.
fn is_of(status: &Status, set: &Migrations) -> bool {
    let is_name = |name: &str| {
        set.iter().any(|migration| migration.name() == name)
            || set.repeatables.iter().any(|repeatable| repeatable.name() == name)
    };
    let edited = status
        .conflicts
        .iter()
        .any(|conflict| matches!(conflict, Conflict::Modified { recorded_name, .. } if is_name(recorded_name)));
    let recorded = |migration: &MigrationStatus| match migration.state {
        _ if !migration.is_recorded => false,
        State::Modified => false,
        State::Orphaned | State::Future => is_name(&migration.name),
        State::Applied | State::Pending | State::OutOfOrder | State::Incomplete => true,
    };
    edited || status.migrations.iter().any(recorded)
}

/// A few of the tables of the database that a client is connected to, but the history and those of extensions.
async fn tables(client: &mut Client, history: Option<&str>) -> Result<Vec<String>, Error> {
    let history = history.map_or_else(|| "NULL".to_owned(), literal);
    let ask = format!(
        "SET LOCAL search_path = pg_catalog, pg_temp;\n\
         SELECT pg_catalog.quote_ident(n.nspname::text) || '.' || pg_catalog.quote_ident(c.relname::text) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'f', 'm') AND n.nspname::text !~ '^pg_' AND n.nspname <> 'information_schema' \
         AND c.oid IS DISTINCT FROM pg_catalog.to_regclass({history}) \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
         AND x.objid = c.oid AND x.deptype = 'e') ORDER BY n.nspname, c.relname LIMIT 4"
    );
    names(client, &ask).await
}

/// The extensions of the database that a client is connected to.
pub(super) async fn extensions(client: &mut Client) -> Result<Vec<String>, Error> {
    names(client, "SELECT e.extname FROM pg_catalog.pg_extension e ORDER BY e.extname").await
}

async fn names(client: &mut Client, ask: &str) -> Result<Vec<String>, Error> {
    let reply = client.send(ask).await;
    match reply.failure {
        Some(failure) => Err(Error::from_failure(DOING, failure)),
        None => Ok(reply.completed.iter().flatten().map(|row| row.text(0).to_owned()).collect()),
    }
}

impl Found {
    fn parse(row: &Row, template1: Option<&Locale>) -> Self {
        let locale = Locale::parse(row, 7);
        let limit = row.number(5).unwrap_or(-1);
        Self {
            owner: row.text(0).to_owned(),
            may_drop: row.is_true(1),
            is_template: row.is_true(2),
            size: row.number(3).unwrap_or_default(),
            tablespace: row.optional(4).map(str::to_owned),
            is_invalid: limit == INVALID,
            connection_limit: limit.max(-1),
            comment: row.optional(6).map(str::to_owned),
            is_like_template1: Some(&locale) == template1,
            locale,
            ..Self::default()
        }
    }
}

impl Locale {
    fn parse(row: &Row, from: usize) -> Self {
        let owned = |at: usize| row.optional(from + at).map(str::to_owned);
        Self {
            encoding: row.text(from).to_owned(),
            collate: row.text(from + 1).to_owned(),
            ctype: row.text(from + 2).to_owned(),
            provider: owned(3),
            locale: owned(4),
            rules: owned(5),
        }
    }
}

fn session(row: &Row) -> String {
    let application = row.optional(1).filter(|name| !name.is_empty()).unwrap_or("unnamed application");
    let from = row.optional(3).map_or_else(String::new, |client| format!(", from {client}"));
    format!("pid {} ({application}, role {}{from})", row.text(0), row.text(2))
}
