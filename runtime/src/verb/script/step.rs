//! One migration in the file: applied if the history lacks it, and taken up where it was cut off. Pure.

use std::time::Duration;

use graven_source::statement::split;
use graven_source::{Checksum, Kind};

use super::label;
use super::page::{STOP, fill_in};
use super::psql::{Reading, argument, by_value, comment, piece};
use crate::apply::head::covered;
use crate::apply::non_transactional::Trace;
use crate::apply::sent::{Pieces, changes_strings};
use crate::history::{self, Claimant, Doubt, Table};
use crate::migrations::{Effect, Migration, Migrations, Transaction, Unit};
use crate::options::Options;
use crate::sql::{EQ, NE, bytes, identifier, literal, milliseconds};

/// What all migrations of a file have in common.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) set: &'a Migrations,
    pub(super) options: &'a Options,
    pub(super) table: &'a Table,
    pub(super) claimant: &'a Claimant,
}

/// The statements that make the session what it was before a migration.
const RESTORE: &str = "SET SESSION AUTHORIZATION :'graven_user';\nRESET ALL;\n\
     SELECT ARRAY[:graven_settings]::pg_catalog.text[] AS graven_ignored, \
     pg_catalog.set_config('role', :'graven_role', false) AS graven_ignored_too \\gset\n";

/// Drops what the migration before has left in the temporary schema, where there was nothing in it at the beginning.
pub(super) const DISCARD: &str = "\\if :graven_discards\nDISCARD TEMP;\n\\endif\n";

/// Whether a file has set something for its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sets {
    Nothing,
    Some,
}

/// A migration's part of the file.
pub(super) fn step(context: &Context<'_>, migration: &'static Migration) -> String {
    let body = match migration.details().transaction {
        Transaction::On => context.in_transaction(migration),
        Transaction::Off => context.without_transaction(migration),
    };
    format!("\n-- {}  {}\n{}", comment(&label(migration)), migration.checksum(), body)
}

impl Context<'_> {
    /// Which rows are this migration's.
    fn is_recorded(&self, migration: &Migration) -> String {
        let (namespace, id) = (literal(&self.table.namespace), literal(&history::id(migration)));
        fill_in(&format!("FROM {} h WHERE h.namespace {EQ} {namespace} AND h.id {EQ} {id}", self.table.qualified()))
    }

    fn in_transaction(&self, migration: &'static Migration) -> String {
        let (ask, claim) = match migration.kind() {
            Kind::Repeatable => (self.is_pending_again(migration), self.claim_again(migration)),
            Kind::Baseline => {
                // Asked once for all that it stands for.
                let covered = covered(self.set.migrations, migration.version);
                let claim = history::claim_covered(self.table, covered, migration.version, self.claimant);
                ("SELECT true AS graven_pending \\gset\n".to_owned(), fill_in(&format!("{claim};\n")))
            }
            _ => {
                let ask =
                    format!("SELECT NOT EXISTS (SELECT {}) AS graven_pending \\gset\n", self.is_recorded(migration));
                (ask, fill_in(&format!("{};\n", history::claim(self.table, migration, self.claimant))))
            }
        };
        let Pieces { opening, sent } = Pieces::of(migration);
        let opening: String =
            opening.iter().map(|statement| format!("{}\n;\n", statement.trim_end_matches(';'))).collect();
        let reading = reading(migration.sql());
        let sql: String = sent.iter().map(|part| piece(&part.text, reading)).collect();
        let finish = history::finish_unheard(self.table, history::id(migration));
        format!(
            "{ask}\\if :graven_pending\n{echo}{DISCARD}BEGIN;\n{opening}SET LOCAL lock_timeout = {patience};\n{claim}{timeouts}\n{sql}\n\
             SET CONSTRAINTS ALL IMMEDIATE;\n{RESTORE}{finish} \\gset graven_ignored_\nCOMMIT;\n\\endif\n",
            echo = echo(migration),
            patience = self.patience(),
            timeouts = self.timeouts("SET LOCAL", migration),
            finish = fill_in(&finish),
        )
    }

    fn patience(&self) -> String {
        // Zero would be no limit.
        milliseconds(self.options.lock_timeout.max(Duration::from_millis(1)))
    }

    fn timeouts(&self, set: &str, migration: &Migration) -> String {
        let details = migration.details();
        let lock_timeout = match details.transaction {
            Transaction::On => details.lock_timeout.or(self.options.table_lock_timeout),
            Transaction::Off => details.lock_timeout,
        };
        let statement_timeout = details.statement_timeout.or(self.options.statement_timeout);
        format!(
            "{set} lock_timeout = {};\n{set} statement_timeout = {};\n",
            milliseconds(lock_timeout.unwrap_or_default()),
            milliseconds(statement_timeout.unwrap_or_default())
        )
    }

    /// Whether a repeatable is not recorded, or with another text.
    fn is_pending_again(&self, migration: &Migration) -> String {
        let was = migration.details().was.iter();
        let accepted: Vec<String> = was.chain([&migration.checksum]).map(|checksum| bytes(checksum)).collect();
        let from = self.is_recorded(migration);
        format!(
            "SELECT COALESCE(pg_catalog.encode((SELECT h.checksum {from}), 'hex'), '') AS graven_recorded,\n  \
             NOT EXISTS (SELECT {from}) AS graven_new,\n  \
             NOT EXISTS (SELECT {from} AND h.checksum {EQ} ANY (ARRAY[{}])) AS graven_pending \\gset\n",
            accepted.join(", ")
        )
    }

    fn claim_again(&self, migration: &Migration) -> String {
        let unknown = Checksum::from_bytes([0; 32]);
        let again = history::claim_again(self.table, migration, &unknown, self.claimant);
        let again = again.replace(&bytes(unknown.as_bytes()), "pg_catalog.decode(:'graven_recorded', 'hex')");
        let claim = history::claim(self.table, migration, self.claimant);
        // A query's only column has whatever name PostgreSQL gives it.
        fill_in(&format!("\\if :graven_new\n{claim};\n\\else\n{again} \\gset graven_ignored_\n\\endif\n"))
    }

    /// Each unit is recorded before it runs and after it, as a run does, but that nothing is noted of the catalog: what a run
    /// could tell by that is in doubt here.
    fn without_transaction(&self, migration: &'static Migration) -> String {
        let units = migration.details().units;
        let doubt = |at: usize| units.get(at).map_or(Doubt::Settled, |unit| doubt(migration, *unit));
        let (version, claimant) = (migration.version, self.claimant);
        let claim = returning(&history::claim_started(self.table, migration, claimant, doubt(0)));
        let from = self.is_recorded(migration);
        let take_over = format!(
            "UPDATE {} SET run = :'graven_run', applied_as = :'graven_as' WHERE namespace {EQ} {} AND id {EQ} '{version}' \
             AND state {EQ} 'started' AND statements_done {EQ} :graven_done \
             AND run::pg_catalog.text {EQ} :'graven_started_by' \
             RETURNING 1 AS graven_ignored \\gset\n",
            fill_in(&self.table.qualified()),
            literal(&self.table.namespace),
        );
        let mut text = format!(
            "SELECT COALESCE(pg_catalog.max(h.state), '') {NE} 'applied' AS graven_pending, \
             pg_catalog.count(*) {EQ} 0 AS graven_new,\n  \
             COALESCE(pg_catalog.max(h.statements_done), 0) AS graven_done, \
             COALESCE(pg_catalog.bool_or(h.in_doubt), false) AS \
             graven_in_doubt,\n  COALESCE(pg_catalog.max(h.run::pg_catalog.text), '') AS graven_started_by {from} \\gset\n\
             \\if :graven_pending\n{echo}{DISCARD}\\if :graven_new\nBEGIN;\nSET LOCAL lock_timeout = {patience};\n{claim}COMMIT;\n\
             \\else\n{take_over}\\endif\n{timeouts}",
            echo = echo(migration),
            patience = self.patience(),
            timeouts = self.timeouts("SET", migration),
        );
        let mut sets = Vec::new();
        for (at, unit) in units.iter().enumerate() {
            text.push_str(&format!("\n-- statement {} of {}\n", at + 1, units.len()));
            let done = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let record = if at + 1 == units.len() {
                history::complete(self.table, version, claimant)
            } else {
                history::progress(self.table, version, claimant, done, doubt(at + 1))
            };
            let again = returning(&history::unsettle(self.table, version, claimant, doubt(at)));
            let again = self.unset(migration, &sets, &again);
            if unit.effect == Effect::Session {
                sets.push(self.unit(migration, *unit));
            }
            let run = self.run_unit(migration, *unit, at, if sets.is_empty() { Sets::Nothing } else { Sets::Some });
            let record = self.unset(migration, &sets, &returning(&record));
            text.push_str(&format!(
                "SELECT :graven_done OPERATOR(pg_catalog.<=) {at} AS graven_now \\gset\n\\if :graven_now\n\
                 SELECT NOT :'graven_new'::pg_catalog.bool AND :graven_done {EQ} {at} AS graven_again \\gset\n\
                 \\if :graven_again\n{again}\\endif\n{run}{record}"
            ));
            if unit.effect == Effect::Session {
                text.push_str(&format!("\\else\n{}", self.unit(migration, *unit)));
            }
            text.push_str("\\endif\n");
        }
        text.push_str(&self.all_recorded(migration));
        text.push_str(&format!("{RESTORE}\\endif\n"));
        text
    }

    /// A change of the history. What the file has set must not reach it: that is put back, and made again after it.
    fn unset(&self, migration: &Migration, sets: &[String], change: &str) -> String {
        if sets.is_empty() {
            return change.to_owned();
        }
        format!("{RESTORE}{change}{}{}", self.timeouts("SET", migration), sets.concat())
    }

    /// A file without statements, or one of which all had run and only the last record was not written.
    fn all_recorded(&self, migration: &Migration) -> String {
        let complete = returning(&history::complete(self.table, migration.version, self.claimant));
        let total = migration.details().units.len();
        format!(
            "SELECT :graven_done OPERATOR(pg_catalog.>=) {total} AS graven_now \\gset\n\\if :graven_now\n{RESTORE}{complete}\\endif\n"
        )
    }

    /// A unit as psql is to send it.
    fn unit(&self, migration: &'static Migration, unit: Unit) -> String {
        let sql = unit.sql(migration);
        // In one message: sent one by one, the COMMIT after an error would succeed.
        if is_block(sql) { by_value(sql) } else { piece(sql, reading(migration.sql())) }
    }

    /// Runs a unit, and says what its failure leaves.
    fn run_unit(&self, migration: &'static Migration, unit: Unit, at: usize, sets: Sets) -> String {
        let of = format!("statement {} of {} of migration {}", at + 1, total(migration), label(migration));
        let index = NamedIndex::of(unit);
        let look = index.as_ref().map(NamedIndex::left_behind).unwrap_or_default();
        let (passed_over, look_end) = match &index {
            // IF NOT EXISTS asks for the name only.
            Some(index) if unit.sql(migration).to_ascii_lowercase().contains("exists") => {
                (index.passed_over(&of), "\\endif\n")
            }
            Some(_) => (String::new(), "\\endif\n"),
            None => (String::new(), ""),
        };
        let failed = self.failed(migration, unit, at, sets);
        let sql = self.unit(migration, unit);
        format!(
            "\\set graven_failed false\n{look}\\set ON_ERROR_STOP off\n{sql}\\set graven_failed :ERROR\n\
             \\set ON_ERROR_STOP on\n\\if :graven_failed\n{failed}\\endif\n{passed_over}{look_end}"
        )
    }

    /// Where a failure is known to leave nothing, the history says so.
    fn failed(&self, migration: &'static Migration, unit: Unit, at: usize, sets: Sets) -> String {
        let (version, run) = (migration.version, self.claimant);
        let done = u32::try_from(at).unwrap_or(u32::MAX);
        let record = returning(&match at {
            0 => history::unclaim(self.table, version, run),
            _ => history::settle(self.table, version, &run.run, done),
        });
        let what =
            format!("graven: statement {} of {} of migration {} failed", at + 1, total(migration), label(migration));
        let rollback = if is_block(unit.sql(migration)) { "ROLLBACK;\n" } else { "" };
        let restore = if sets == Sets::Some { RESTORE } else { "" };
        let stop = |record: &str, remedy: &str| format!("{restore}{record}{}", stop(&format!("{what}\n{remedy}")));
        let settled = stop(&record, "what was done before it is recorded: remove the cause, and run this again");
        let leaves_nothing = match Trace::of(migration, unit) {
            Trace::Repeatable => true,
            Trace::Nothing | Trace::Recorded(_) => unit.effect == Effect::Ordinary,
            _ => false,
        };
        match NamedIndex::of(unit) {
            Some(index) => format!(
                "{}\\if :graven_left\n{}\\endif\n{settled}",
                index.tidy(),
                stop(
                    "",
                    "it has left an invalid index, which the next run of this or of graven drops: remove the cause first"
                )
            ),
            None if leaves_nothing => format!("{rollback}{settled}"),
            None => {
                let remedy = format!("whether it has taken effect is for a person to say: graven resolve {version}");
                format!("{rollback}{}", stop("", &remedy))
            }
        }
    }
}

/// The index that a unit builds concurrently, as a part of a query that finds it.
struct NamedIndex(String);

impl NamedIndex {
    fn of(unit: Unit) -> Option<Self> {
        let Effect::ConcurrentIndex { name: Some(name), schema, table } = unit.effect else { return None };
        let table = match schema {
            Some(schema) => format!("{}.{}", identifier(schema), identifier(table)),
            None => identifier(table),
        };
        Some(Self(format!(
            "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid {EQ} i.indexrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid {EQ} c.relnamespace \
             WHERE c.relname {EQ} {}::pg_catalog.name AND c.relkind {EQ} 'i' AND i.indrelid {EQ} pg_catalog.to_regclass({})::pg_catalog.oid",
            literal(name),
            literal(&table)
        )))
    }

    /// Drops the invalid index that an earlier try has left, and asks whether a valid one is there: then it had succeeded.
    /// Notes what is there otherwise, which is not the unit's own.
    fn left_behind(&self) -> String {
        let Self(index) = self;
        let drop = self.drop("AND :'graven_again'::pg_catalog.bool AND :'graven_in_doubt'::pg_catalog.bool");
        format!(
            "{drop}SELECT NOT EXISTS (SELECT {index}\n  \
             AND i.indisvalid AND :'graven_again'::pg_catalog.bool \
             AND :'graven_in_doubt'::pg_catalog.bool) AS graven_build,\n  \
             (SELECT COALESCE(pg_catalog.max(c.oid), 0) {index}) AS graven_there \\gset\n\\if :graven_build\n"
        )
    }

    /// Drops what a failed build has left, and says whether that could not be done. One that failed has made no valid index,
    /// and after duplicate_table (42P07) whatever there is was there before: it is none of this migration's business.
    fn tidy(&self) -> String {
        const OWN: &str = "AND c.oid OPERATOR(pg_catalog.<>) :graven_there::pg_catalog.oid AND :'graven_sqlstate' OPERATOR(pg_catalog.<>) '42P07'";
        let Self(index) = self;
        // `:SQLSTATE` may be that of the query whose result `\gexec` ran. What cut the build short must not cut this short.
        format!(
            "\\set graven_sqlstate :LAST_ERROR_SQLSTATE\nSET statement_timeout = 0;\n\
             \\set ON_ERROR_STOP off\n{}\\set ON_ERROR_STOP on\n\
             SELECT EXISTS (SELECT {index}\n  AND NOT i.indisvalid {OWN}) AS graven_left \\gset\n",
            self.drop(OWN)
        )
    }

    /// Stops where a statement has succeeded and its index is invalid. It stays in doubt, so that the next run drops it.
    fn passed_over(&self, of: &str) -> String {
        let Self(index) = self;
        let message = format!(
            "graven: {of} has passed over an invalid index of that name\nrun this again: it drops the index and builds it"
        );
        format!(
            "SELECT EXISTS (SELECT {index}\n  AND NOT i.indisvalid) AS graven_invalid \\gset\n\\if :graven_invalid\n{}\\endif\n",
            stop(&message)
        )
    }

    fn drop(&self, which: &str) -> String {
        format!(
            "SELECT pg_catalog.format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', n.nspname, c.relname)\n  {}\n  \
             AND NOT i.indisvalid {which} \\gexec\n",
            self.0
        )
    }
}

/// Ends the file with that message, and its remedy on the next line.
fn stop(message: &str) -> String {
    format!("SELECT {} AS graven_stop \\gset\n{STOP}", literal(message))
}

/// What the history says of a unit before it runs: without a note of what there was, little can be told afterwards.
fn doubt(migration: &'static Migration, unit: Unit) -> Doubt {
    match Trace::of(migration, unit) {
        Trace::Repeatable => Doubt::Settled,
        _ => Doubt::InDoubt,
    }
}

/// A change of a row that psql stops at if it was not made.
fn returning(change: &str) -> String {
    let change = change.strip_suffix(" RETURNING 1").unwrap_or(change);
    fill_in(&format!("{change} RETURNING 1 AS graven_ignored \\gset\n"))
}

/// Whether a unit is a transaction of the file's own, or may be one: by itself, a unit cannot always be taken apart where its
/// file has changed how strings are read. A ROLLBACK too many does no harm.
fn is_block(sql: &str) -> bool {
    split(sql).map_or(true, |several| several.len() > 1)
}

fn total(migration: &Migration) -> usize {
    migration.details().units.len()
}

fn reading(sql: &str) -> Reading {
    if changes_strings(sql) { Reading::Changing } else { Reading::Standard }
}

fn echo(migration: &Migration) -> String {
    format!("\\echo {}\n", argument(&format!("graven: applying {}", label(migration))))
}
