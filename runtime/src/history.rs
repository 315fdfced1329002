//! The history table: all of graven's own SQL about it stands here.
//!
//! Format 1 is the only one so far; ARCHITECTURE.md lists the formats. The table's name is always qualified and quoted,
//! but for the first look, which confines the search path to the one schema instead (see [`look`]).

use graven_source::{Checksum, Version};

use crate::connection::Row;
use crate::migrations::Migration;
use crate::server_error::ServerError;
use crate::sql::{bytes, identifier, literal, plain};

/// The format that this version of graven reads and writes.
pub(crate) const FORMAT: i16 = 1;

/// The table's name where none is given.
pub(crate) const DEFAULT_NAME: &str = "graven_history";

/// The most tables that are named when a first run is refused.
const SHOWN_TABLES: usize = 5;

/// Which history table is wanted, before the server was asked which schema that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { schema: None, name: DEFAULT_NAME.to_owned() }
    }
}

/// The history table, fully named, and the namespace in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
}

impl Table {
    /// Qualified and quoted.
    pub(crate) fn qualified(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    /// As a person would write it: quoted only where it must be.
    pub(crate) fn shown(&self) -> String {
        format!("{}.{}", plain(&self.schema), plain(&self.name))
    }

    /// Whether an error of the server is about this table.
    pub(crate) fn is_named_in(&self, error: &ServerError) -> bool {
        error.schema.as_ref() == Some(&self.schema) && error.table.as_ref() == Some(&self.name)
    }

    /// The key of the advisory lock, as an SQL expression: it follows from the table's name, so that separate histories
    /// do not wait for each other. Advisory locks are local to a database (PostgreSQL manual, 13.3.5).
    pub(crate) fn lock_key(&self) -> String {
        format!("pg_catalog.hashtextextended({}, 0)", literal(&format!("graven {}", self.qualified())))
    }
}

/// What the first statement of [`look`] tells of the server and of where the table would be.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) in_recovery: bool,
    pub(crate) in_transaction: bool,
    /// The schema that holds the history or would; `None` where no schema of the search path exists.
    pub(crate) schema: Option<String>,
    pub(crate) schema_exists: bool,
    pub(crate) table_exists: bool,
    pub(crate) may_create: bool,
    pub(crate) user: String,
    pub(crate) run: String,
    pub(crate) application: String,
    /// A history table further along the search path, where the first schema has none.
    pub(crate) elsewhere: Option<String>,
    /// Tables in the first schema of the search path, where there is no history yet.
    pub(crate) tables: Vec<String>,
    /// That schema: migrations work in it, wherever the history is.
    pub(crate) current_schema: String,
    /// Something else than a table has the name of the history: a view, say.
    pub(crate) occupied: bool,
}

impl Server {
    pub(crate) fn parse(row: &Row) -> Self {
        Self {
            in_recovery: row.is_true(0),
            in_transaction: row.is_true(1),
            schema: row.optional(2).map(str::to_owned),
            schema_exists: row.is_true(3),
            table_exists: row.is_true(4),
            may_create: row.is_true(5),
            user: row.text(6).to_owned(),
            run: row.text(7).to_owned(),
            application: row.text(8).to_owned(),
            elsewhere: row.optional(9).map(str::to_owned),
            tables: row.text(10).lines().map(str::to_owned).collect(),
            current_schema: row.text(11).to_owned(),
            occupied: row.is_true(12),
        }
    }
}

/// How much of each row is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What a plan needs.
    Plan,
    /// When, by whom and how long as well.
    Full,
}

/// The message that asks for everything at once: the server's state, then the rows.
///
/// Where the schema is not said, it is the first of the search path that exists, and its name is not known yet. So that
/// one round trip suffices all the same, the search path is confined to that one schema for the rest of the message
/// (the statements of one simple-query message are one implicit transaction: PostgreSQL manual, 55.2.2.1), `pg_temp`
/// last so that no temporary table can stand in. Where there is no table, but nothing or a view, whose functions must not
/// be run, the path leads nowhere and the last statement fails, after the first has said so. The search path of a
/// transaction of the caller's own, which is refused, is left alone.
pub(crate) fn look(wanted: &Wanted, namespace: &str, detail: Detail) -> String {
    format!(
        "{state};\n\
         SELECT pg_catalog.set_config('search_path', CASE WHEN {IN_TRANSACTION} \
         THEN pg_catalog.current_setting('search_path') ELSE COALESCE((\
         SELECT pg_catalog.quote_ident(n.nspname::text) || ', pg_temp' FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {schema}::name AND c.relname = {name}::name AND c.relkind IN ('r', 'p')), 'pg_temp') END, \
         true);\n{rows}",
        state = state(wanted),
        schema = schema(wanted),
        name = literal(&wanted.name),
        rows = rows(&identifier(&wanted.name), namespace, detail),
    )
}

/// Whether the message is part of a transaction that began before it.
const IN_TRANSACTION: &str = "pg_catalog.transaction_timestamp() <> pg_catalog.statement_timestamp()";

/// The schema of the history, as an expression.
fn schema(wanted: &Wanted) -> String {
    wanted.schema.as_ref().map_or_else(|| "pg_catalog.current_schema()".to_owned(), |schema| literal(schema))
}

/// The first statement of [`look`] alone.
///
/// An operator is found by the types of its operands alone where an exact match is in `pg_catalog`: what is compared here
/// must not need a conversion, or somebody else's operator in the search path could match better and be run.
pub(crate) fn state(wanted: &Wanted) -> String {
    let name = literal(&wanted.name);
    let elsewhere = match &wanted.schema {
        Some(_) => "NULL::text".to_owned(),
        None => format!(
            "(SELECT pg_catalog.quote_ident(en.nspname::text) || '.' || pg_catalog.quote_ident(ec.relname::text) \
             FROM pg_catalog.pg_class ec JOIN pg_catalog.pg_namespace en ON en.oid = ec.relnamespace \
             WHERE ec.oid = pg_catalog.to_regclass(pg_catalog.quote_ident({name}))::oid \
             AND ec.relkind IN ('r', 'p') AND ec.relpersistence <> 't')"
        ),
    };
    // A schema's tables are listed only where there is no history: a CASE evaluates no branch that it does not need.
    format!(
        "SELECT pg_catalog.pg_is_in_recovery(), {IN_TRANSACTION}, \
         s.schema, n.oid IS NOT NULL, COALESCE(c.relkind IN ('r', 'p'), false), \
         COALESCE(pg_catalog.has_schema_privilege(n.oid, 'CREATE'), false), \
         current_user, pg_catalog.gen_random_uuid(), pg_catalog.current_setting('application_name'), \
         CASE WHEN c.oid IS NULL THEN {elsewhere} END, \
         CASE WHEN c.oid IS NULL THEN ({tables}) END, pg_catalog.current_schema(), \
         c.oid IS NOT NULL AND c.relkind NOT IN ('r', 'p') \
         FROM (SELECT {schema}::name AS schema) s \
         LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = s.schema \
         LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = {name}::name",
        schema = schema(wanted),
        tables = existing_tables(),
    )
}

/// Tables of the first schema that belong to no extension.
fn existing_tables() -> String {
    format!(
        "SELECT pg_catalog.string_agg(t.relname::text, E'\\n') FROM (\
         SELECT r.relname FROM pg_catalog.pg_class r \
         WHERE r.relnamespace = \
         pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()::text))::oid \
         AND r.relkind IN ('r', 'p', 'f', 'v', 'm') \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass::oid \
         AND d.objid = r.oid AND d.deptype = 'e') \
         ORDER BY r.relname LIMIT {SHOWN_TABLES}) t"
    )
}

fn rows(table: &str, namespace: &str, detail: Detail) -> String {
    let more = match detail {
        Detail::Plan => "",
        // In a form that no setting of the session changes: ISO 8601, in UTC.
        Detail::Full => {
            ", pg_catalog.to_char(h.applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), h.applied_by, \
             h.applied_as, EXTRACT(epoch FROM h.duration)::float8::text, h.run::text"
        }
    };
    format!(
        "SELECT h.version, h.name, h.kind, pg_catalog.encode(h.checksum, 'hex'), h.state, h.statements_done, \
         h.statements_total, h.in_doubt, h.format, CASE WHEN h.state = 'started' THEN h.run END{more} \
         FROM {table} h WHERE h.namespace = {} ORDER BY h.version",
        literal(namespace)
    )
}

/// One row of the history.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// `None` only for a repeatable.
    pub(crate) version: Option<Version>,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) checksum: Checksum,
    pub(crate) progress: Progress,
    pub(crate) format: i16,
    /// Of one that is started: the run that began it.
    pub(crate) started_by: Option<String>,
    pub(crate) origin: Option<Origin>,
}

/// How far a row says that its migration came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Applied,
    /// `done` of `total` statements are recorded; with `doubt`, the one after them may have run as well.
    Started {
        done: u32,
        total: u32,
        doubt: Doubt,
    },
}

/// Whether the statement after the recorded ones may have run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// It may have: the run ended without saying.
    InDoubt,
    /// It has not: its failure is recorded, or an operator has said so.
    Settled,
}

/// Where a row comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub(crate) applied_at: String,
    pub(crate) applied_by: String,
    pub(crate) applied_as: String,
    pub(crate) seconds: Option<f64>,
    pub(crate) run: String,
}

impl Record {
    /// Reads a row of [`look`], or says which cell cannot be.
    pub(crate) fn parse(row: &Row, detail: Detail) -> Result<Self, &'static str> {
        let version = match row.number(0) {
            Some(number) => Some(Version::new(number).ok_or("version")?),
            None => None,
        };
        let done = row.number(5).ok_or("statements_done")?;
        let total = row.number(6).ok_or("statements_total")?;
        Ok(Self {
            version,
            name: row.text(1).to_owned(),
            kind: row.text(2).to_owned(),
            checksum: format!("sha256:{}", row.text(3)).parse().map_err(|_| "checksum")?,
            progress: match row.text(4) {
                "applied" => Progress::Applied,
                "started" => Progress::Started {
                    done,
                    total,
                    doubt: if row.is_true(7) { Doubt::InDoubt } else { Doubt::Settled },
                },
                _ => return Err("state"),
            },
            format: row.number(8).ok_or("format")?,
            started_by: row.optional(9).map(str::to_owned),
            origin: match detail {
                Detail::Plan => None,
                Detail::Full => Some(Origin {
                    applied_at: row.text(10).to_owned(),
                    applied_by: row.text(11).to_owned(),
                    applied_as: row.text(12).to_owned(),
                    seconds: row.number(13),
                    run: row.text(14).to_owned(),
                }),
            },
        })
    }
}

/// Makes the table. Harmless where it is there.
pub(crate) fn create(table: &Table) -> String {
    let qualified = table.qualified();
    format!(
        "CREATE TABLE IF NOT EXISTS {qualified} (\
         namespace text NOT NULL, \
         id text NOT NULL, \
         version bigint, \
         name text NOT NULL, \
         kind text NOT NULL, \
         checksum bytea NOT NULL CHECK (pg_catalog.octet_length(checksum) = 32), \
         state text NOT NULL CHECK (state IN ('applied', 'started')), \
         statements_done integer NOT NULL, \
         statements_total integer NOT NULL, \
         in_doubt boolean NOT NULL DEFAULT false, \
         applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(), \
         applied_by text NOT NULL DEFAULT current_user, \
         applied_as text NOT NULL, \
         duration interval, \
         run uuid NOT NULL, \
         format smallint NOT NULL, \
         CONSTRAINT {key} PRIMARY KEY (namespace, id), \
         CHECK (id = CASE WHEN version IS NULL THEN name || '.repeatable' ELSE version::text END)\
         )",
        key = identifier(&primary_key(&table.name)),
    )
}

/// The name of the primary key: a violation of it means that somebody else claimed the migration.
pub(crate) fn primary_key(table_name: &str) -> String {
    // An identifier is cut at 63 bytes (PostgreSQL manual, 4.1.1), and the name must come back as it was given.
    let mut base = table_name;
    while base.len() > 58 {
        base = base.char_indices().next_back().map_or("", |(at, _)| &base[..at]);
    }
    format!("{base}_pkey")
}

/// Who applies, for the row.
#[derive(Clone, Debug)]
pub(crate) struct Claimant {
    pub(crate) run: String,
    pub(crate) applied_as: String,
}

/// Claims a transactional migration: the row stands or falls with the migration's own transaction.
pub(crate) fn claim(table: &Table, migration: &Migration, claimant: &Claimant) -> String {
    insert(table, migration, claimant, "'applied', 1, 1, false")
}

/// Claims a non-transactional migration: nothing of it has run yet, and its first unit is about to.
pub(crate) fn claim_started(table: &Table, migration: &Migration, claimant: &Claimant) -> String {
    let total = migration.details.units.len();
    insert(table, migration, claimant, &format!("'started', 0, {total}, true"))
}

fn insert(table: &Table, migration: &Migration, claimant: &Claimant, progress: &str) -> String {
    format!(
        "INSERT INTO {table} (namespace, id, version, name, kind, checksum, state, statements_done, \
         statements_total, in_doubt, applied_as, run, format) VALUES ({namespace}, '{version}', {version}, {name}, \
         'versioned', {checksum}, {progress}, {applied_as}, {run}, {FORMAT})",
        table = table.qualified(),
        namespace = literal(&table.namespace),
        version = migration.version,
        name = literal(migration.name()),
        checksum = bytes(migration.checksum),
        applied_as = literal(&claimant.applied_as),
        run = literal(&claimant.run),
    )
}

/// Sets the duration of a migration that was claimed in this transaction.
pub(crate) fn finish(table: &Table, version: Version) -> String {
    update(table, version, "duration = pg_catalog.clock_timestamp() - applied_at")
}

/// Takes over a row that an earlier run left: the unit after `done` is about to run.
///
/// That it must still be as that run left it makes this a claim: of two that take over, one finds no row.
pub(crate) fn take_over(table: &Table, version: Version, claimant: &Claimant, done: u32, started_by: &str) -> String {
    let set =
        format!("in_doubt = true, run = {}, applied_as = {}", literal(&claimant.run), literal(&claimant.applied_as));
    format!(
        "{} AND state = 'started' AND statements_done = {done} AND run = {} RETURNING 1",
        update(table, version, &set),
        literal(started_by),
    )
}

/// Records that `done` units have run, and that the next is about to.
pub(crate) fn progress(table: &Table, version: Version, done: u32) -> String {
    update(table, version, &format!("statements_done = {done}"))
}

/// Gives a claim back, of a migration of which nothing has run.
pub(crate) fn unclaim(table: &Table, version: Version) -> String {
    format!(
        "DELETE FROM {} WHERE namespace = {} AND id = '{version}' AND state = 'started' AND statements_done = 0",
        table.qualified(),
        literal(&table.namespace)
    )
}

/// Records that the unit after the recorded ones failed and left nothing behind that graven would not see.
pub(crate) fn settle(table: &Table, version: Version, done: u32) -> String {
    update(table, version, &format!("statements_done = {done}, in_doubt = false"))
}

/// Records that the unit after the recorded ones is tried again.
pub(crate) fn unsettle(table: &Table, version: Version, done: u32) -> String {
    update(table, version, &format!("statements_done = {done}, in_doubt = true"))
}

/// Records that every unit has run.
pub(crate) fn complete(table: &Table, version: Version) -> String {
    update(
        table,
        version,
        "state = 'applied', statements_done = statements_total, in_doubt = false, \
         duration = pg_catalog.clock_timestamp() - applied_at, applied_at = pg_catalog.clock_timestamp()",
    )
}

/// Records that an operator says so. How long it took nobody knows.
pub(crate) fn complete_by_word(table: &Table, version: Version) -> String {
    let set = "state = 'applied', statements_done = statements_total, in_doubt = false, \
               applied_at = pg_catalog.clock_timestamp()";
    update(table, version, set)
}

fn update(table: &Table, version: Version, set: &str) -> String {
    format!(
        "UPDATE {} SET {set} WHERE namespace = {} AND id = '{version}'",
        table.qualified(),
        literal(&table.namespace)
    )
}

#[cfg(test)]
mod tests {
    use super::{Table, primary_key};

    #[test]
    fn the_table_is_named_as_a_person_would_where_that_is_safe() {
        let table = |schema: &str, name: &str| Table {
            schema: schema.to_owned(),
            name: name.to_owned(),
            namespace: String::new(),
        };
        assert_eq!(table("public", "graven_history").shown(), "public.graven_history");
        assert_eq!(table("My App", "1st").shown(), "\"My App\".\"1st\"");
        assert_eq!(table("a\"b", "t").qualified(), "\"a\"\"b\".\"t\"");
    }

    #[test]
    fn the_name_of_the_primary_key_fits_an_identifier() {
        assert_eq!(primary_key("graven_history"), "graven_history_pkey");
        assert!(primary_key(&"ä".repeat(31)).len() <= 63);
        assert!(primary_key(&"t".repeat(63)).len() <= 63);
    }
}
