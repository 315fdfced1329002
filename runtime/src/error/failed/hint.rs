//! What to do about a migration that failed.

use graven_source::Kind;
use graven_source::statement::split;

use super::{Behind, Cause, Left, MigrationFailed};
use crate::apply::non_transactional::sets;
use crate::apply::sent::contains_ignoring_case;
use crate::error::server_error::DISK_FULL;
use crate::migrations::Migration;

const CORRECT: &str = "correct the file and start again";
const RECORD_IT: &str = "if the schema has what the migrations would make, made by other means, `graven stamp --to VERSION` records \
                         that up to VERSION, and nothing runs (in code, `Migrator::stamp`); if not, correct the file and start \
                         again";
const SPARE_THE_HISTORY: &str = "the file deletes, changes or hides rows of graven's own table, as what empties all tables \
                                 does, or a policy keeps this role from changing them: have it leave that table out";

const SPARE_THE_TABLE: &str = "the file drops graven's own table, moves it, or takes away the rights to it: have it leave that \
                               table and its schema out";
const SPARE_THE_SETTINGS: &str = "before the file, the connection had that set, or graven was told to take that role: have the \
                                  file leave what the setting names, or connect without it";

impl MigrationFailed {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let correct = match &self.cause {
            Cause::ConnectionLost(_) if self.kind == Kind::Reverse => {
                "`graven status` shows whether the migration is still applied: look before you count steps again"
            }
            Cause::ConnectionLost(_) => "start again: what had committed is in the history and does not run twice",
            Cause::Copy => {
                "take COPY … TO STDOUT and COPY … FROM STDIN out of the file, psql is for them; `graven status` shows \
                 whether it was applied all the same"
            }
            Cause::TakenOver => "start again, which waits for that run: it goes on after the last recorded statement",
            Cause::RowGone => SPARE_THE_HISTORY,
            Cause::Server(error)
                if self.behind == Some(Behind::Recording)
                    && matches!(error.sqlstate.as_str(), "42P01" | "3F000" | "42501") =>
            {
                SPARE_THE_TABLE
            }
            Cause::Server(_) if self.behind == Some(Behind::PuttingBack) => SPARE_THE_SETTINGS,
            Cause::Server(error) if error.sqlstate == "55P03" && self.limit == Limit::File => {
                "another session held a lock on what the migration changes, and the file's own `SET lock_timeout` has ended \
                 the wait, which nothing said elsewhere overrides: start again when that session is done, or have the file wait \
                 longer"
            }
            Cause::Server(error) if error.sqlstate == "57014" && self.limit == Limit::File => {
                "if the file's own `SET statement_timeout` has cut it short, have the file give it more: nothing said elsewhere \
                 overrides that; then start again"
            }
            Cause::Server(error) if error.sqlstate == "55P03" && self.concurrent => {
                "what is done concurrently waits for every transaction that uses the table, and for every snapshot from \
                 before it: start again when those are done, or let this file wait longer with `-- graven: lock_timeout = \
                 10min`"
            }
            Cause::Server(error) if error.sqlstate == "55P03" => {
                "another session held a lock on what the migration changes, and waiting on would have held up everybody \
                 behind it: start again when that session is done, or let this file wait longer with `-- graven: \
                 lock_timeout = 1min`"
            }
            Cause::Server(error) if error.is_transient() => "another session was in the way: start again",
            Cause::Server(error) if error.sqlstate == "57014" => {
                "if a timeout cut it short, give this file more with `-- graven: statement_timeout = 10min`; then \
                 start again"
            }
            Cause::Server(error) if error.sqlstate == "42501" && self.grant.is_some() => {
                self.grant.as_deref().unwrap_or_default()
            }
            Cause::Server(error) if error.sqlstate == "42501" => {
                "run migrations with the role that owns these objects, or grant it the right"
            }
            Cause::Server(error) if error.sqlstate == "25001" => {
                "give the statement a file of its own with `-- graven: transaction = off` as its first line"
            }
            // invalid_transaction_termination
            Cause::Server(error) if error.sqlstate == "2D000" => {
                "a DO or CALL that commits cannot run within a transaction: give it a file of its own with `-- graven: \
                 transaction = off` as its first line"
            }
            Cause::Server(error) if error.sqlstate == "53100" => DISK_FULL,
            // pgbouncer's words: a pooler translates nothing.
            Cause::Server(error) if error.sqlstate == "08P01" && error.message.contains("statement pooling") => {
                "a pooler in statement mode allows no transaction of several messages: run migrations over a connection that \
                 goes to the server itself, or through a pooler in transaction mode"
            }
            // insufficient_resources: memory, or a limit that the server's own hint names.
            Cause::Server(error) if error.sqlstate.starts_with("53") => {
                "the server has run out of a resource: give it more of what it names, then start again"
            }
            // unsafe_new_enum_value_usage
            Cause::Server(error) if error.sqlstate == "55P04" => {
                "an enum value can be used only after the migration that adds it: give it one of its own before this"
            }
            // dependent_objects_still_exist
            Cause::Server(error) if error.sqlstate == "2BP01" && self.kind == Kind::Reverse => {
                "let the reverse drop what depends on it first, what a repeatable made as well (`DROP VIEW IF EXISTS …`): \
                 repeatables are applied again after a revert"
            }
            // integrity_constraint_violation
            Cause::Server(error) if error.sqlstate.starts_with("23") => {
                "rows that are there are in the way: correct them, or the file, and start again"
            }
            // duplicate_table, duplicate_object, duplicate_schema and duplicate_function
            Cause::Server(error)
                if self.is_first && matches!(error.sqlstate.as_str(), "42P07" | "42710" | "42P06" | "42723") =>
            {
                RECORD_IT
            }
            Cause::Server(_) => CORRECT,
        };
        match self.left {
            Left::Reversed => {
                let again = "as long as `graven status` shows the migration as applied, a revert runs the whole reverse \
                             again: what of it has taken effect must bear that (`IF EXISTS`)";
                match &self.cause {
                    Cause::ConnectionLost(_) | Cause::TakenOver => again.to_owned(),
                    Cause::Copy | Cause::Server(_) | Cause::RowGone => format!("{correct}; {again}"),
                }
            }
            // The file must stay as it is, and would fail there again.
            Left::InDoubt { .. } if matches!(self.cause, Cause::Copy) => format!(
                "no run gets past that statement: `graven resolve {} --applied{}` goes on after it (a COPY … TO STDOUT would \
                 change nothing; what a COPY … FROM STDIN was to load, load with psql first)",
                self.number(),
                self.flags
            ),
            Left::InDoubt { .. } => format!(
                "look whether the statement took effect; then `graven resolve {0} --applied{1}` goes on after it, \
                 `graven resolve {0} --retry{1}` runs it again",
                self.number(),
                self.flags
            ),
            Left::Nothing | Left::Unsaid { .. } if self.is_sealed() && matches!(correct, CORRECT | SPARE_THE_HISTORY | SPARE_THE_TABLE) => match self.kind {
                Kind::Baseline => {
                    "start without it, with `graven apply --no-baseline` (in code, `Migrator::no_baseline`), and write a \
                                   new baseline of a later version"
                        .to_owned()
                }
                _ => format!(
                    "{}, accept the edit with `graven seal --accept-edit {}`, and start again",
                    if correct == CORRECT { "correct the file" } else { correct },
                    self.number()
                ),
            },
            Left::Nothing | Left::Unsaid { .. } | Left::Elsewhere => correct.to_owned(),
            Left::Unrecorded => format!(
                "{correct}, unless somebody else has deleted the row meanwhile; what of the file has taken effect would run \
                 again: `graven stamp` records what has, if all of it has"
            ),
            Left::Statements { .. } if self.temporary.is_some() => format!(
                "statement {0} of the file made something temporary, which was gone with the run that was cut off: do by hand \
                 what this statement was to do, say so with `graven resolve {1} --applied{2}`, and start again; in a file of \
                 your next migration, what needs it belongs in one `BEGIN … COMMIT` with what makes it",
                self.temporary.unwrap_or_default(),
                self.number(),
                self.flags
            ),
            // The file is recorded under its checksum, and must stay as it is.
            Left::Statements { .. } | Left::Recorded { .. } => match &self.cause {
                Cause::ConnectionLost(_) | Cause::Copy | Cause::TakenOver | Cause::RowGone => correct.to_owned(),
                Cause::Server(error) if error.sqlstate.starts_with("53") => correct.to_owned(),
                Cause::Server(error) if error.sqlstate == "42501" => format!("{correct}, and start again"),
                Cause::Server(error) if error.sqlstate == "55P03" => {
                    let who = if self.limit == Limit::File { ", also with its own `SET lock_timeout`" } else { "" };
                    format!(
                        "the file must stay as it is{who}, now that its first statements are recorded: start again when what \
                         was in the way is gone"
                    )
                }
                Cause::Server(error) if error.sqlstate == "57014" && self.limit == Limit::Elsewhere => {
                    "the file must stay as it is now that its first statements are recorded: start again when what was \
                     in the way is gone, or with a longer `--statement-timeout` (in code, `Migrator::statement_timeout`)"
                        .to_owned()
                }
                Cause::Server(_) => format!(
                    "the file must stay as it is now that its first statements are recorded: remove the cause in the \
                     database and start again, or do by hand what the statement was to do and say so with `graven \
                     resolve {} --applied{}`",
                    self.number(),
                    self.flags
                ),
            },
        }
    }
}

/// Who says how long a statement may wait or take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// A `SET` in the file, which overrides what is said elsewhere.
    File,
    Elsewhere,
}

impl Limit {
    /// Whose a limit is: the file's where one of its statements makes the setting.
    pub(super) fn of(migration: &Migration, setting: &str) -> Self {
        let sql = migration.sql();
        // Most say nothing of it, and need not be taken apart.
        let statements = if contains_ignoring_case(sql, setting) { split(sql).unwrap_or_default() } else { Vec::new() };
        let mut texts = statements.into_iter().filter_map(|statement| sql.get(statement.span));
        match texts.any(|text| sets(text, setting)) {
            true => Self::File,
            false => Self::Elsewhere,
        }
    }
}
