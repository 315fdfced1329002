//! Writing the history: the table, claims, progress. Each is one statement, whose text is made here and sent elsewhere.

use graven_source::Version;

use super::{FORMAT, Table};
use crate::migrations::Migration;
use crate::sql::{bytes, literal};

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
         PRIMARY KEY (namespace, id), \
         CHECK (id = CASE WHEN version IS NULL THEN name || '.repeatable' ELSE version::text END)\
         )",
    )
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

/// With what the answer to [`finish`] begins, before the run.
pub(crate) const FINISHED: &str = "graven finished ";

/// Sets the duration of a migration that was claimed in this transaction, and has the server say so.
pub(crate) fn finish(table: &Table, version: Version, claimant: &Claimant) -> String {
    format!(
        "{} RETURNING {}, EXTRACT(epoch FROM duration)::float8::text",
        update(table, version, "duration = pg_catalog.clock_timestamp() - applied_at"),
        literal(&format!("{FINISHED}{}", claimant.run)),
    )
}

/// Changes nothing, in a commit that waits until it and all before it are on disk.
pub(crate) fn flush(table: &Table, version: Version) -> String {
    // A transaction that writes nothing would not wait.
    format!("BEGIN;\nSET LOCAL synchronous_commit = on;\n{};\nCOMMIT", update(table, version, "duration = duration"))
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
