//! How long a migration took, which is the last thing that its transaction writes. One statement, or one that is prepared for many.

use std::fmt::Display;

use super::write::update_of;
use super::{Claimant, NOT_THERE, Table};
use crate::error::server_error::ServerError;
use crate::sql::{EQ, identifier, literal};

/// With what the answer to [`finish`] begins, before the run.
const FINISHED: &str = "graven finished ";

/// Sets the duration of a migration that was claimed in this transaction, and has the server say so. Fails where the row is
/// not there any more, so that nothing commits which no history knows of: see [`is_row_gone`].
pub(crate) fn finish(table: &Table, id: impl Display, claimant: &Claimant) -> String {
    finishing(table, id, &literal(&claimant.mark()))
}

/// The same, for a caller that needs no word of it.
pub(crate) fn finish_unheard(table: &Table, id: impl Display) -> String {
    finishing(table, id, "NULL")
}

fn finishing(table: &Table, id: impl Display, mark: &str) -> String {
    finishing_of(table, &literal(&id.to_string()), mark)
}

/// Prepares [`finish`] for any migration.
pub(crate) fn prepare_finish(table: &Table, claimant: &Claimant) -> String {
    let finish = finishing_of(table, "$1", &literal(&claimant.mark()));
    format!("PREPARE {} (pg_catalog.text) AS {finish}", claimant.prepared())
}

/// [`finish`] by what was prepared.
pub(crate) fn finish_as_prepared(id: &str, claimant: &Claimant) -> String {
    format!("EXECUTE {} ({})", claimant.prepared(), literal(id))
}

/// Forgets what was prepared.
pub(crate) fn deallocate_finish(claimant: &Claimant) -> String {
    format!("DEALLOCATE {}", claimant.prepared())
}

/// The same where it may not be there.
pub(crate) fn deallocate_finish_if_there(claimant: &Claimant) -> String {
    let name = literal(&claimant.mark());
    format!(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_catalog.pg_prepared_statements p WHERE p.name {EQ} {name}) \
         THEN EXECUTE {}; END IF; END $$",
        literal(&deallocate_finish(claimant))
    )
}

/// Whether an error says that what was prepared is not there any more.
pub(crate) fn is_deallocated(error: &ServerError, claimant: &Claimant) -> bool {
    // invalid_sql_statement_name
    error.sqlstate == "26000" && error.message.contains(&claimant.run)
}

fn finishing_of(table: &Table, id: &str, mark: &str) -> String {
    // By functions instead of operators: a session that has just begun looks each of those up among all of its name.
    let set = "duration = pg_catalog.timestamptz_mi(pg_catalog.clock_timestamp(), applied_at)";
    format!(
        "WITH done AS ({} RETURNING pg_catalog.date_part('epoch', duration)::pg_catalog.text AS seconds) \
         SELECT {mark} AS finished, COALESCE((SELECT d.seconds FROM done d), {})::pg_catalog.float8 AS seconds",
        update_of(table, id, set),
        literal(ROW_GONE),
    )
}

/// What [`finish`] puts where a number belongs. The server repeats it in its error, whose other words may be translated.
const ROW_GONE: &str = "graven: the migration has taken its own row in the history away";

/// Whether an error is that of a [`finish`] which found no row.
pub(crate) fn is_row_gone(error: &ServerError) -> bool {
    error.sqlstate == NOT_THERE && error.message.contains(ROW_GONE)
}

impl Claimant {
    /// What the server says when it has written a duration, and what is prepared is called: no other run's in the same session.
    pub(crate) fn mark(&self) -> String {
        format!("{FINISHED}{}", self.run)
    }

    fn prepared(&self) -> String {
        identifier(&self.mark())
    }
}
