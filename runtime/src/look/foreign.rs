//! The histories of other migration tools: whose a table is, and how to ask it which version its schema is at.
//!
//! It only names them. What such a history says is for an operator to judge, and to say with a stamp.

use crate::connection::Connection;
use crate::error::Error;
use crate::session::Session;
use crate::sql::{literal, plain};

/// The history of another migration tool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignHistory {
    /// The table, qualified where it must be.
    pub table: String,
    /// Whose it is.
    pub tool: &'static str,
    /// What asks it for the version that the schema is at.
    pub query: String,
}

/// Table, tool, what of the table is the version, and of which rows.
const KNOWN: [(&str, &str, &str, &str); 7] = [
    ("_sqlx_migrations", "sqlx", "max(version)", " WHERE success"),
    ("refinery_schema_history", "refinery", "max(version)", ""),
    ("__diesel_schema_migrations", "diesel", "max(version)", ""),
    ("flyway_schema_history", "Flyway", "version", " WHERE success ORDER BY installed_rank DESC LIMIT 1"),
    ("schema_migrations", "golang-migrate, dbmate or Rails", "max(version)", ""),
    ("goose_db_version", "goose", "max(version_id)", " WHERE is_applied"),
    ("seaql_migrations", "SeaORM", "max(version)", ""),
];

impl ForeignHistory {
    /// What to do with a schema that such a tool has made.
    pub(crate) fn stamp(&self) -> String {
        format!(
            "{} is the history of {}: ask it with `{}` which version the schema is at, and record that with \
             `graven stamp --to VERSION` (in code, `Migrator::stamp`); ",
            self.table, self.tool, self.query
        )
    }

    fn of(schema: &str, table: &str) -> Option<Self> {
        let (name, tool, version, rows) = KNOWN.iter().find(|(name, ..)| *name == table)?;
        let qualified = format!("{}.{}", plain(schema), plain(name));
        Some(Self { query: format!("SELECT {version} FROM {qualified}{rows}"), table: qualified, tool })
    }
}

/// The error of a first run into a schema with tables, with whose history is among them. Any other error as it is.
pub(crate) async fn named<C: Connection>(session: &mut Session<'_, C>, mut error: Error) -> Error {
    if let Error::NotEmpty { schema, foreign, .. } = &mut error {
        let names: Vec<String> = KNOWN.iter().map(|(name, ..)| literal(name)).collect();
        let ask = format!(
            "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = {}::name AND c.relname::text IN ({}) AND c.relkind IN ('r', 'p') ORDER BY c.relname LIMIT 1",
            literal(schema),
            names.join(", ")
        );
        // It only serves a message, and never fails.
        let reply = session.send(&ask).await;
        let found = reply.completed.first().and_then(|rows| rows.first());
        *foreign = found.and_then(|row| ForeignHistory::of(schema, row.text(0)).map(Box::new));
    }
    error
}
