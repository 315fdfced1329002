//! Accepting a row: what the set has takes the place of what was recorded.

use super::{Record, Table};
use crate::migrations::Migration;
use crate::sql::{EQ, bytes, literal};

/// Gives the row of an applied migration the set's name and checksum, and fails with [`NOT_THERE`](super::NOT_THERE) where
/// the row is not as it was seen any more.
///
/// When it was applied, by whom and in which run stays: the database was not changed.
pub(crate) fn accept(table: &Table, migration: &Migration, seen: &Record) -> String {
    format!(
        "WITH accepted AS (UPDATE {} SET name = {}, checksum = {} WHERE namespace {EQ} {} AND id {EQ} '{}' \
         AND state {EQ} 'applied' AND name {EQ} {} AND checksum {EQ} {} RETURNING 1) \
         SELECT CASE WHEN pg_catalog.int8eq(pg_catalog.count(*), '1') \
         THEN '1' ELSE 'not as it was seen any more' END::pg_catalog.int4 \
         FROM accepted",
        table.qualified(),
        literal(migration.name()),
        bytes(&migration.checksum),
        literal(&table.namespace),
        migration.version,
        literal(&seen.name),
        bytes(seen.checksum.as_bytes()),
    )
}
