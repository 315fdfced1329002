//! The histories of other migration tools: whose a table is, and how to ask it what that tool has applied.
//!
//! It only names them. What such a history says is for an operator to judge, and to say with a stamp.

use crate::sql::{EQ, NE, literal, plain};

/// The history of another migration tool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignHistory {
    /// The table, qualified.
    pub table: String,
    /// Whose it is.
    pub tool: &'static str,
    /// What asks it for all that the tool has applied; of golang-migrate, which keeps no more than that, for the version that
    /// the schema is at.
    pub query: String,
    /// The schema that the table is in.
    pub(crate) schema: String,
}

struct Known {
    table: &'static str,
    tool: &'static str,
    /// What of the table names a migration.
    columns: &'static str,
    /// Which rows, and in what order.
    rows: &'static str,
}

const fn known(table: &'static str, tool: &'static str, columns: &'static str, rows: &'static str) -> Known {
    Known { table, tool, columns, rows }
}

/// The highest version alone would hide a gap: most of these tools apply what comes late.
const KNOWN: [Known; 10] = [
    known("_sqlx_migrations", "sqlx", "version", "WHERE success ORDER BY version"),
    known("refinery_schema_history", "refinery", "version", "ORDER BY version"),
    known("__diesel_schema_migrations", "diesel", "version", "ORDER BY version"),
    // A repeatable's version is NULL.
    known(
        "flyway_schema_history",
        "Flyway",
        "version",
        "WHERE success AND version IS NOT NULL ORDER BY installed_rank",
    ),
    known("schema_migrations", "dbmate or Rails", "version", "ORDER BY version"),
    known("goose_db_version", "goose", "version_id", "WHERE is_applied AND version_id > 0 ORDER BY version_id"),
    known("seaql_migrations", "SeaORM", "version", "ORDER BY version"),
    // What failed halfway has applied less than it holds; what begins with a dot is Atlas's own.
    known(ATLAS, "Atlas", "version", "WHERE applied = total AND version NOT LIKE '.%' ORDER BY version"),
    known(
        "databasechangelog",
        "Liquibase",
        "id, author, filename",
        "WHERE exectype <> 'FAILED' ORDER BY orderexecuted",
    ),
    known(
        "_prisma_migrations",
        "Prisma",
        "migration_name",
        "WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name",
    ),
];

/// Its table has the name of those of dbmate and Rails, and a column of its own: whether the version failed halfway.
const GOLANG_MIGRATE: Known = known("schema_migrations", "golang-migrate", "version, \"dirty\"", "");

/// Atlas's table, and the schema in which it is as a rule.
const ATLAS: &str = "atlas_schema_revisions";

impl ForeignHistory {
    /// What the server has answered to [`existing`].
    pub(super) fn parse(answer: &str) -> Option<Self> {
        let [name, has_column, schema] = answer.splitn(3, ' ').collect::<Vec<_>>().try_into().ok()?;
        let mut known = KNOWN.iter().find(|known| known.table == name)?;
        if known.table == GOLANG_MIGRATE.table && has_column == "t" {
            known = &GOLANG_MIGRATE;
        }
        let table = format!("{}.{}", plain(schema), plain(name));
        let query = format!("SELECT {} FROM {table} {}", known.columns, known.rows).trim_end().to_owned();
        Some(Self { query, table, tool: known.tool, schema: schema.to_owned() })
    }

    /// Whether it is in a schema of its own, which says nothing of which schema it is about.
    pub(crate) fn is_apart(&self) -> bool {
        self.schema == ATLAS
    }

    /// What to do with a schema that such a tool has made: read its history, and record that by this command.
    pub(crate) fn stamp(&self, command: &str) -> String {
        let Self { table, tool, query, .. } = self;
        if *tool == GOLANG_MIGRATE.tool {
            return format!(
                "{table} is the history of {tool}: `{query}` says which version the schema is at; where \"dirty\" is true, that \
                 one has failed halfway, and is to be mended with {tool} first; {command} records the version as applied, and \
                 all before it"
            );
        }
        format!(
            "{table} is the history of {tool}: `{query}` lists what is applied; {command} records all up to VERSION as \
             applied: where the list lacks one of them, apply that with its tool first"
        )
    }
}

/// The tables that other tools keep their histories in.
fn tables() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().map(|known| known.table)
}

/// Whether the search path leads to a table of such a name, as an expression: NULL if not.
pub(super) fn any() -> String {
    let each: Vec<String> = tables().map(|table| format!("pg_catalog.to_regclass({})", literal(table))).collect();
    format!("COALESCE({})", each.join(", "))
}

/// Which such table the search path leads to, or lies in Atlas's schema, as an expression: one in the first schema before any
/// other.
pub(super) fn existing() -> String {
    let each: Vec<String> =
        tables().map(|table| format!("pg_catalog.to_regclass({})::pg_catalog.oid", literal(table))).collect();
    // A name that is qualified, to_regclass refuses to look up in a schema that the role may not use.
    format!(
        "(SELECT pg_catalog.concat(hc.relname, ' ', EXISTS (SELECT FROM pg_catalog.pg_attribute ha \
         WHERE ha.attrelid {EQ} hc.oid AND ha.attname {EQ} 'dirty' AND NOT ha.attisdropped), ' ', hn.nspname) \
         FROM pg_catalog.pg_class hc JOIN pg_catalog.pg_namespace hn ON hn.oid {EQ} hc.relnamespace \
         WHERE (hc.oid {EQ} ANY (ARRAY[{}]) OR (hn.nspname {EQ} '{ATLAS}' AND hc.relname {EQ} '{ATLAS}')) \
         AND hc.relkind {EQ} ANY (ARRAY['r', 'p']::pg_catalog.\"char\"[]) AND hc.relpersistence {NE} 't' \
         ORDER BY hn.nspname {NE} pg_catalog.current_schema(), hn.nspname {EQ} '{ATLAS}' LIMIT 1)",
        each.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::ForeignHistory;

    #[test]
    fn a_schema_may_be_called_anything() {
        let of = |answer| ForeignHistory::parse(answer).map(|found| (found.table, found.tool));
        assert_eq!(of("seaql_migrations f my app"), Some(("\"my app\".seaql_migrations".to_owned(), "SeaORM")));
        assert_eq!(of("schema_migrations f app"), Some(("app.schema_migrations".to_owned(), "dbmate or Rails")));
        assert_eq!(of("schema_migrations t app"), Some(("app.schema_migrations".to_owned(), "golang-migrate")));
        assert_eq!(of("users f app"), None);
    }
}
