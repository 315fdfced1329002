//! What became of a `CREATE INDEX CONCURRENTLY`: the catalog knows.

use crate::connection::Connection;
use crate::error::Error;
use crate::migrations::Effect;
use crate::session::Session;
use crate::sql::{identifier, literal};

/// What the catalog says about an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Index {
    /// There is none of that name on that table, or the unit makes none that can be named.
    Absent,
    /// It is there and serves.
    Valid,
    /// It is there and serves no query: its build was cut off or failed. Holds its name, qualified and quoted.
    Invalid(String),
    /// It is there and serves no query yet: another session is building it at this moment.
    UnderWay,
}

/// Looks for the index that a unit builds.
pub(crate) async fn index<C: Connection>(session: &mut Session<'_, C>, effect: Effect) -> Result<Index, Error> {
    let Effect::ConcurrentIndex { name: Some(name), schema, table } = effect else { return Ok(Index::Absent) };
    let table = match schema {
        Some(schema) => format!("{}.{}", identifier(schema), identifier(table)),
        None => identifier(table),
    };
    // An index lies in its table's schema. `indisvalid` turns true as the last step of a concurrent build (PostgreSQL
    // manual, 52.26).
    let sql = format!(
        "SELECT i.indisvalid, pg_catalog.quote_ident(n.nspname::text) || '.' || pg_catalog.quote_ident(c.relname::text), \
         EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid) \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname = {name}::name AND i.indrelid = pg_catalog.to_regclass({table})::oid",
        name = literal(name),
        table = literal(&table),
    );
    let results = session.expect("looking for an index", &sql).await?;
    Ok(match results.first().and_then(|rows| rows.first()) {
        None => Index::Absent,
        Some(row) if row.is_true(0) => Index::Valid,
        Some(row) if row.is_true(2) => Index::UnderWay,
        Some(row) => Index::Invalid(row.text(1).to_owned()),
    })
}
