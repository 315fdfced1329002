//! Reading the history, and what must be known of the server before it: one message. It writes nothing.

use super::{Detail, PATIENCE, Table, Wanted, foreign};
use crate::migrations::Migration;
use crate::sql::{EQ, NE, bytes, identifier, literal};

/// The most tables that are named when a first run is refused.
const SHOWN_TABLES: usize = 5;

/// The message that asks for everything at once: the server's state, then the rows.
///
/// Where the schema is not said, it is the first of the search path that exists, and its name is not known yet. So that
/// one round trip suffices all the same, the search path is confined to that one schema for the rest of the message
/// (the statements of one simple-query message are one implicit transaction: PostgreSQL manual, 55.2.2.1), `pg_temp`
/// last so that no temporary table can stand in. Where there is no table, but nothing or a view, whose functions must not
/// be run, the path leads nowhere and the last statement fails, after the first has said so. The search path of a
/// transaction of the caller's own, which is refused, is left alone.
pub(crate) fn look(wanted: &Wanted, namespace: &str, detail: Detail) -> String {
    // In the same statement as the rest, since each costs a start its planning: `n` and `c` are those of `ask`.
    let confine = format!(
        "pg_catalog.set_config('search_path', CASE WHEN {IN_TRANSACTION} \
         THEN pg_catalog.current_setting('search_path') \
         WHEN c.relkind {EQ} ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) \
         THEN pg_catalog.textcat(pg_catalog.quote_ident(n.nspname::pg_catalog.text), ', pg_temp') \
         ELSE 'pg_temp' END, true), \
         pg_catalog.set_config('lock_timeout', CASE WHEN {IN_TRANSACTION} \
         THEN pg_catalog.current_setting('lock_timeout') ELSE '{PATIENCE}' END, true), \
         pg_catalog.set_config('statement_timeout', CASE WHEN {IN_TRANSACTION} \
         THEN pg_catalog.current_setting('statement_timeout') ELSE '0' END, true)"
    );
    let nothing = Absent {
        may_create: "false",
        elsewhere: "NULL",
        foreign: "NULL",
        tables: "NULL",
        unusable: "NULL",
        search_path: "NULL",
    };
    format!("{};\n{}", ask(wanted, &nothing, &confine), rows(&identifier(&wanted.name), namespace, detail))
}

/// What is asked only where there is no history, as expressions.
struct Absent<'a> {
    may_create: &'a str,
    elsewhere: &'a str,
    foreign: &'a str,
    tables: &'a str,
    unusable: &'a str,
    search_path: &'a str,
}

/// Whether the message is part of a transaction that began before it.
const IN_TRANSACTION: &str =
    "pg_catalog.transaction_timestamp() OPERATOR(pg_catalog.<>) pg_catalog.statement_timestamp()";

/// The statement that makes the rest of the message run as another role, and tells which one it was before. A transaction
/// of the caller's own is left alone.
pub(crate) fn become_role(role: &str) -> String {
    format!(
        "SELECT pg_catalog.current_setting('role'), pg_catalog.set_config('role', CASE WHEN {IN_TRANSACTION} \
         THEN pg_catalog.current_setting('role') ELSE {} END, true)",
        literal(role)
    )
}

/// The schema of the history, as an expression.
pub(crate) fn schema(wanted: &Wanted) -> String {
    wanted.schema.as_ref().map_or_else(|| "pg_catalog.current_schema()".to_owned(), |schema| literal(schema))
}

/// Whether there is a schema for the history, before the server's state is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    Known,
    /// Why there is none must be known as well.
    Unknown,
}

/// The server's state with all that must be known where there is no history.
pub(crate) fn state(wanted: &Wanted, schema: Schema) -> String {
    let name = literal(&wanted.name);
    let elsewhere = match &wanted.schema {
        Some(_) => "NULL".to_owned(),
        None => format!(
            "(SELECT pg_catalog.format('%I.%I', en.nspname, ec.relname) \
             FROM pg_catalog.pg_class ec JOIN pg_catalog.pg_namespace en ON en.oid {EQ} ec.relnamespace \
             WHERE ec.oid {EQ} pg_catalog.to_regclass(pg_catalog.quote_ident({name}))::pg_catalog.oid \
             AND ec.relkind {EQ} ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) AND ec.relpersistence {NE} 't')"
        ),
    };
    let absent = Absent {
        may_create: "COALESCE(pg_catalog.has_schema_privilege(n.oid, 'CREATE'), false)",
        elsewhere: &elsewhere,
        foreign: &foreign::existing(),
        tables: &format!("({})", existing_tables()),
        unusable: &match schema {
            Schema::Unknown => format!("({})", unusable_schema()),
            Schema::Known => "NULL".to_owned(),
        },
        search_path: "pg_catalog.current_setting('search_path')",
    };
    ask(wanted, &absent, "NULL")
}

/// The OID of `pg_namespace` itself. Whatever lies in a schema depends on it, and is found by an index (PostgreSQL manual,
/// 52.18); `pg_class` has none for it.
const NAMESPACES: u16 = 2615;

/// The least that must be known where no history was seen: enough for a first run into a schema that is empty, which is what
/// nearly every first run is. Anything else, [`state`] has to say.
///
/// A session that has just begun pays most for what it meets for the first time: see [`super::glance`].
pub(crate) fn first(wanted: &Wanted) -> String {
    let (schema, elsewhere) = match &wanted.schema {
        Some(schema) => (literal(schema), "NULL".to_owned()),
        None => {
            ("current_schema".to_owned(), format!("pg_catalog.to_regclass({})", literal(&identifier(&wanted.name))))
        }
    };
    // Where there is no schema, these are NULL and no error.
    let quoted = |schema: &str| format!("pg_catalog.quote_ident({schema}::pg_catalog.text)");
    let oid = |schema: &str| format!("pg_catalog.to_regnamespace({})::pg_catalog.oid", quoted(schema));
    format!(
        "SELECT pg_catalog.pg_is_in_recovery(), \
         pg_catalog.timestamptz_ne(CURRENT_TIMESTAMP, pg_catalog.statement_timestamp()), {schema}, \
         pg_catalog.to_regclass(pg_catalog.textcat({}, {})), {elsewhere}, \
         pg_catalog.has_schema_privilege({oid}, 'CREATE'), pg_catalog.has_schema_privilege({oid}, 'USAGE'), \
         current_user, pg_catalog.gen_random_uuid(), pg_catalog.current_setting('application_name'), \
         current_schema, EXISTS (SELECT FROM pg_catalog.pg_depend d \
         WHERE d.refclassid {EQ} {NAMESPACES}::pg_catalog.oid AND d.refobjid {EQ} {first}), \
         current_catalog, pg_catalog.pg_backend_pid(), {}",
        quoted(&schema),
        literal(&format!(".{}", identifier(&wanted.name))),
        foreign::any(),
        oid = oid(&schema),
        first = oid("current_schema"),
    )
}

/// What is asked of the server at every look.
///
/// An operator is found by the types of its operands alone where an exact match is in `pg_catalog`: what is compared here
/// must not need a conversion, or somebody else's operator in the search path could match better and be run.
fn ask(wanted: &Wanted, absent: &Absent<'_>, last: &str) -> String {
    let Absent { may_create, elsewhere, foreign, tables, unusable, search_path } = absent;
    // A CASE evaluates no branch that it does not need. There is one row, and the LIMIT keeps the server from looking for
    // another, with conditions that `last` may just have changed.
    format!(
        "SELECT pg_catalog.pg_is_in_recovery(), {IN_TRANSACTION}, \
         s.schema, n.oid IS NOT NULL, COALESCE(c.relkind {EQ} ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]), \
         false), {may_create}, \
         current_user, pg_catalog.gen_random_uuid(), pg_catalog.current_setting('application_name'), \
         CASE WHEN c.oid IS NULL THEN {elsewhere} END, \
         CASE WHEN c.oid IS NULL THEN {tables} END, pg_catalog.current_schema(), \
         c.oid IS NOT NULL AND c.relkind {NE} ALL (ARRAY['r', 'p']::pg_catalog.\"char\"[]), pg_catalog.current_database(), \
         pg_catalog.pg_backend_pid(), \
         COALESCE(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false), \
         COALESCE(pg_catalog.has_table_privilege(c.oid, 'SELECT'), false), \
         COALESCE(pg_catalog.has_table_privilege(c.oid, 'INSERT') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE') \
         AND pg_catalog.has_table_privilege(c.oid, 'DELETE'), false), \
         CASE WHEN s.schema IS NULL THEN {unusable} END, CASE WHEN s.schema IS NULL THEN {search_path} END, \
         CASE WHEN c.relrowsecurity THEN {POLICIES} END, CASE WHEN c.oid IS NULL THEN {foreign} END, {last} \
         FROM (SELECT {schema}::pg_catalog.name AS schema) s \
         LEFT JOIN pg_catalog.pg_namespace n ON n.nspname {EQ} s.schema \
         LEFT JOIN pg_catalog.pg_class c ON c.relnamespace {EQ} n.oid AND c.relname {EQ} {name}::pg_catalog.name LIMIT 1",
        schema = schema(wanted),
        name = literal(&wanted.name),
    )
}

/// For which commands a policy of `c` lets this role have rows, as letters of `pg_policy`; NULL where row-level security does
/// not apply to it (PostgreSQL manual, 5.9). Which rows a policy lets through is the business of whoever wrote it.
const POLICIES: &str = "CASE WHEN pg_catalog.row_security_active(c.oid) THEN COALESCE((\
    SELECT pg_catalog.string_agg(y.polcmd::pg_catalog.text, '') FROM pg_catalog.pg_policy y \
    WHERE y.polrelid OPERATOR(pg_catalog.=) c.oid AND y.polpermissive \
    AND EXISTS (SELECT FROM pg_catalog.unnest(y.polroles) o (role) \
    WHERE CASE WHEN o.role OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN true ELSE pg_catalog.pg_has_role(o.role, 'USAGE') END)), '') END";

/// A schema of the search path that exists, and that this role may not use. Names that hold a comma or a quote are not
/// found, nor is what they are taken for if it may be used: this serves a message only.
fn unusable_schema() -> &'static str {
    r#"SELECT un.nspname FROM pg_catalog.pg_namespace un WHERE NOT pg_catalog.has_schema_privilege(un.oid, 'USAGE')
       AND un.nspname::pg_catalog.text OPERATOR(pg_catalog.=) ANY (pg_catalog.string_to_array(pg_catalog.replace(
       pg_catalog.replace(pg_catalog.replace(pg_catalog.current_setting('search_path'), '"$user"', current_user::pg_catalog.text), '"', ''),
       ', ', ','), ',')) LIMIT 1"#
}

/// Tables of the first schema that belong to no extension.
fn existing_tables() -> String {
    format!(
        "SELECT pg_catalog.string_agg(t.relname::pg_catalog.text, E'\\n') FROM (\
         SELECT r.relname FROM pg_catalog.pg_class r \
         WHERE r.relnamespace {EQ} \
         pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()::pg_catalog.text))::pg_catalog.oid \
         AND r.relkind {EQ} ANY (ARRAY['r', 'p', 'f', 'v', 'm']::pg_catalog.\"char\"[]) \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
         WHERE d.classid {EQ} 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid \
         AND d.objid {EQ} r.oid AND d.deptype {EQ} 'e') \
         ORDER BY r.relname LIMIT {SHOWN_TABLES}) t"
    )
}

fn rows(table: &str, namespace: &str, detail: Detail) -> String {
    let more = match detail {
        Detail::Plan => "",
        // In a form that no setting of the session changes: ISO 8601, in UTC.
        Detail::Full => {
            ", pg_catalog.to_char(h.applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), h.applied_by, \
             h.applied_as, EXTRACT(epoch FROM h.duration)::pg_catalog.float8::pg_catalog.text, h.run::pg_catalog.text, h.baseline"
        }
    };
    format!(
        "SELECT h.version, h.name, h.kind, pg_catalog.encode(h.checksum, 'hex'), h.state, h.statements_done, \
         h.statements_total, h.in_doubt, h.format, CASE WHEN h.state {EQ} 'started' THEN h.run END{more} \
         FROM {table} h WHERE h.namespace {EQ} {} ORDER BY h.version",
        literal(namespace)
    )
}

/// The other namespaces in which one of these migrations is recorded with the very same text.
pub(crate) fn same_elsewhere(table: &Table, set: &[Migration]) -> String {
    let these: Vec<String> = set
        .iter()
        .map(|migration| format!("('{}'::pg_catalog.text, {})", migration.version, bytes(&migration.checksum)))
        .collect();
    format!(
        "SELECT h.namespace FROM {} h WHERE h.namespace {NE} {} AND EXISTS (SELECT FROM (VALUES {}) m (id, checksum) \
         WHERE m.id {EQ} h.id AND m.checksum {EQ} h.checksum) \
         ORDER BY h.namespace LIMIT 1",
        table.qualified(),
        literal(&table.namespace),
        these.join(", ")
    )
}
