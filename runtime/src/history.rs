//! The history table: all of graven's own SQL about it stands here.
//!
//! Format 1 is the only one so far; ARCHITECTURE.md lists the formats. The table's name is always qualified and quoted,
//! but for the first look, which confines the search path to the one schema instead (see [`look`]).

mod accept;
mod finish;
mod foreign;
mod glance;
mod number;
mod read;
mod write;

use graven_source::{Checksum, Version};

pub(crate) use self::accept::accept;
pub(crate) use self::finish::{
    deallocate_finish, deallocate_finish_if_there, finish, finish_as_prepared, finish_unheard, is_deallocated,
    is_row_gone, prepare_finish,
};
pub use self::foreign::ForeignHistory;
pub(crate) use self::glance::{Asking, GLANCE, glance, put_back};
pub(crate) use self::read::{Schema, become_role, first, look, same_elsewhere, schema, state};
pub(crate) use self::write::{
    Claimant, NOT_THERE, ON_DISK, claim, claim_again, claim_covered, claim_started, complete, complete_by_word, create,
    flush, id, is_left_by, is_not_held, is_there, noted, or_fail, progress, progress_and_note, rest, settle,
    settle_by_word, stamp, take_back, take_over, unclaim, unsettle,
};
use crate::connection::Row;
use crate::error::server_error::ServerError;
use crate::sql::{identifier, literal, plain};

/// The format that this version of graven reads and writes.
pub(crate) const FORMAT: i16 = 1;

/// The table's name where none is given.
pub(crate) const DEFAULT_NAME: &str = "graven_history";

/// How long a look waits in the server for a table that somebody has locked. Who may wait for longer looks again.
pub(crate) const PATIENCE: &str = "1s";

/// Which history table is wanted, before the server was asked which schema that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

impl Wanted {
    /// As a person would write it.
    pub(crate) fn shown(&self) -> String {
        let schema = self.schema.as_ref().map_or_else(String::new, |schema| format!("{}.", plain(schema)));
        format!("{schema}{}", plain(&self.name))
    }
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

    /// The same where the server is to say which schema it is: by an expression for its name, as it stands between quotes,
    /// and the quoted name of the table.
    pub(crate) fn lock_key_in(schema: &str, table: &str) -> String {
        format!("pg_catalog.hashtextextended(pg_catalog.concat('graven \"', {schema}, '\".', {}), 0)", literal(table))
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
    /// Another tool's history, where there is none: one that the search path leads to, or Atlas's.
    pub(crate) foreign: Option<ForeignHistory>,
    /// Tables in the first schema of the search path, where there is no history yet.
    pub(crate) tables: Vec<String>,
    /// That schema: migrations work in it, wherever the history is.
    pub(crate) current_schema: String,
    /// Something else than a table has the name of the history: a view, say.
    pub(crate) occupied: bool,
    pub(crate) database: String,
    /// The process that has answered.
    pub(crate) process: Option<i32>,
    /// USAGE on that schema; SELECT on the table; INSERT, UPDATE and DELETE.
    pub(crate) may_use: bool,
    pub(crate) may_read: bool,
    pub(crate) may_write: bool,
    /// A schema of the search path that this role may not use, where there is none that it may.
    pub(crate) unusable: Option<String>,
    /// The search path, where no schema of it exists that this role may use.
    pub(crate) search_path: Option<String>,
    /// Row-level security lets this role see no row, whatever there is.
    pub(crate) hides_rows: bool,
    /// It lets this role add none, change none, or delete none.
    pub(crate) protects_rows: bool,
}

impl Server {
    /// The temporary schema in which migrations would work, or the history be: where the search path begins with it.
    pub(crate) fn temporary_schema(&self) -> Option<&str> {
        let schemas = [self.schema.as_deref(), Some(self.current_schema.as_str())];
        schemas.into_iter().flatten().find(|schema| is_temporary(schema))
    }

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
            database: row.text(13).to_owned(),
            process: row.number(14),
            may_use: row.is_true(15),
            may_read: row.is_true(16),
            may_write: row.is_true(17),
            unusable: row.optional(18).map(str::to_owned),
            search_path: row.optional(19).map(str::to_owned),
            hides_rows: lacks_policy(row, &['r']),
            protects_rows: lacks_policy(row, &['a', 'w', 'd']),
            foreign: row.optional(21).and_then(ForeignHistory::parse),
        }
    }
}

/// Whether row-level security applies to this role, and no policy is for one of these commands.
fn lacks_policy(row: &Row, commands: &[char]) -> bool {
    let policies = row.optional(20);
    policies.is_some_and(|policies| !policies.contains('*') && commands.iter().any(|it| !policies.contains(*it)))
}

/// What the answer to [`first`] says.
#[derive(Debug)]
pub(crate) enum First {
    /// There is no history, nor anything else, and all the rights to begin one.
    Empty(Box<Server>),
    /// Something has the name of the history by now.
    Table,
    /// It takes [`state`] to say.
    Unclear,
}

impl First {
    pub(crate) fn parse(row: &Row) -> Self {
        let (table, elsewhere, foreign) = (row.optional(3), row.optional(4), row.optional(14));
        if table.is_some() {
            return Self::Table;
        }
        let server = Server {
            in_recovery: row.is_true(0),
            in_transaction: row.is_true(1),
            schema: row.optional(2).map(str::to_owned),
            schema_exists: true,
            may_create: row.is_true(5),
            may_use: row.is_true(6),
            user: row.text(7).to_owned(),
            run: row.text(8).to_owned(),
            application: row.text(9).to_owned(),
            current_schema: row.text(10).to_owned(),
            database: row.text(12).to_owned(),
            process: row.number(13),
            ..Server::default()
        };
        let is_usual = server.may_create && server.may_use && !server.in_transaction;
        let is_alone = elsewhere.is_none() && foreign.is_none();
        let is_empty = row.text(11) == "f" && !server.current_schema.is_empty();
        match is_usual && is_alone && is_empty && server.temporary_schema().is_none() {
            true => Self::Empty(Box::new(server)),
            false => Self::Unclear,
        }
    }
}

/// Whether a schema is a session's own for temporary objects: nobody can make another of such a name (PostgreSQL manual,
/// 5.10.5).
fn is_temporary(schema: &str) -> bool {
    schema.starts_with("pg_temp_")
}

/// How much of each row is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What a plan needs.
    Plan,
    /// When, by whom and how long as well.
    Full,
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

impl Progress {
    /// How many statements are recorded as done, of one that is not applied.
    pub(crate) fn done(self) -> Option<u32> {
        match self {
            Self::Started { done, .. } => Some(done),
            Self::Applied => None,
        }
    }
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
    /// Whether it was recorded without being run.
    pub(crate) stamped: bool,
    /// The baseline that stands for it.
    pub(crate) baseline: Option<Version>,
}

impl Record {
    /// Whether a run has begun it, and none has finished it.
    pub(crate) fn is_started(&self) -> bool {
        matches!(self.progress, Progress::Started { .. })
    }

    /// Whether the run that has begun it went through a pooler, so that no lock tells whether that run goes on.
    pub(crate) fn was_begun_behind_a_pooler(&self) -> bool {
        self.started_by.as_deref().is_some_and(number::is_behind_a_pooler)
    }

    /// Whether nobody is at it: the run that had begun it has said that it has given up, or an operator has.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.started_by.as_deref().is_some_and(number::is_at_rest)
    }

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
                    // What ran has a duration, and what was resolved by word has statements.
                    stamped: row.text(4) == "applied"
                        && row.optional(13).is_none()
                        && row.text(5) == "0"
                        && row.optional(15).is_none(),
                    baseline: row.number(15).and_then(Version::new),
                }),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Claimant, Table};
    use crate::session::Reach;

    #[test]
    fn a_run_that_goes_through_a_pooler_is_known_by_its_number() {
        let made_up = "0b7ab3c6-7f0b-4a55-9a6b-0f5be9b0a7c1";
        for (reach, run, is_behind) in
            [(Reach::Own, made_up, false), (Reach::Pooled, "0b7ab3c6-7f0b-8a55-9a6b-0f5be9b0a7c1", true)]
        {
            let claimant = Claimant::new(made_up, "app/host", reach);
            assert_eq!((claimant.run.as_str(), super::number::is_behind_a_pooler(&claimant.run)), (run, is_behind));
        }
        assert_eq!(Claimant::new("none", "app/host", Reach::Pooled).run, "none");
    }

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
}
