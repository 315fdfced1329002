//! A unit that takes its record along: one transaction, so that the history never lags behind what has run, and a run that
//! has been overtaken changes nothing any more.

use super::records::RECORDING;
use super::recovery::Going;
use super::trace::{Record, Trace};
use super::{before_unit, doubt_about};
use crate::apply::Applying;
use crate::apply::sent::Sent;
use crate::connection::{Connection, Failure};
use crate::error::Error;
use crate::history::{self, Doubt};
use crate::migrations::Migration;
use crate::verb::run::Run;

/// The statements that record a unit, and where in its message they stand.
pub(super) struct Within {
    text: String,
    record: Record,
    /// How many of the file's own are before them.
    own: usize,
    /// How many they are.
    statements: usize,
    pub(super) then: Then,
}

/// What is to be recorded once such a unit has committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// What there is before the next unit.
    Note,
    /// Nothing.
    GoOn,
}

/// What has failed of a unit with its record.
pub(super) enum FailedWithin {
    /// The unit, with its record.
    Unit(Failure),
    /// It takes no record along: PostgreSQL refuses it in a transaction block, or its transaction may not write one.
    StandsAlone,
}

impl Applying<'_> {
    /// The record of the unit after the first `at`, if it takes it along.
    pub(super) fn within(self, migration: &'static Migration, at: usize, trace: &Trace) -> Option<Within> {
        let Trace::Recorded(record) = *trace else { return None };
        let done = u32::try_from(at + 1).unwrap_or(u32::MAX);
        // Within the unit's transaction a name may mean something else than after it: what must be noted before the next unit
        // is noted then, and until then the next has not been sent.
        let (then, doubt) = match before_unit(migration, at + 1) {
            Some(_) => (Then::Note, Doubt::Settled),
            None => (Then::GoOn, doubt_about(migration, at + 1)),
        };
        let progress = history::progress(self.table, migration.version, self.claimant, done, doubt);
        // Constraints that wait for the commit must be checked as the file would have them checked.
        let mut statements = vec!["SET CONSTRAINTS ALL IMMEDIATE".to_owned()];
        statements.extend(self.as_itself(migration, at, at + 1));
        statements.extend(self.patience());
        statements.push(history::or_fail(&progress));
        let count = statements.len();
        let own = match record {
            Record::Behind => {
                // What is wrong at the commit is told of the last statement, which the record must not be.
                statements.push("SELECT".to_owned());
                1
            }
            Record::BeforeCommit { statements, .. } => statements,
        };
        Some(Within { text: format!("{};\n", statements.join(";\n")), record, own, statements: count, then })
    }

    /// What has failed, after so many statements of the message. Records that a unit is about to run alone.
    pub(super) async fn failed_within<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        going: &Going,
        within: &Within,
        failure: Failure,
        completed: usize,
    ) -> Result<FailedWithin, Error> {
        let Failure::Server(error) = &failure else { return Ok(FailedWithin::Unit(failure)) };
        // The first of them only makes the file's own constraints speak up.
        let is_record = completed > within.own && completed < within.own + within.statements;
        let stands_alone = match error.sqlstate.as_str() {
            // active_sql_transaction, read_only_sql_transaction
            "25001" | "25006" => true,
            // insufficient_privilege: the unit's transaction is somebody else's.
            "42501" => is_record,
            _ => false,
        };
        if stands_alone {
            let record = history::unsettle(self.table, going.migration.version, self.claimant, Doubt::InDoubt);
            self.record(run, going.migration, going.at, record).await?;
            return Ok(FailedWithin::StandsAlone);
        }
        match is_record && !error.is_transient() {
            true if history::is_not_held(error) => match self.is_held(run, going).await? {
                // It has taken its own row away, which has come back with its transaction.
                true => Ok(FailedWithin::Unit(failure)),
                false => Err(self.not_ours(run, going.migration).await),
            },
            true => Err(Error::from_failure(RECORDING, failure)),
            false => Ok(FailedWithin::Unit(failure)),
        }
    }

    /// Whether the row is as this run has left it.
    async fn is_held<C: Connection>(self, run: &mut Run<'_, '_, C>, going: &Going) -> Result<bool, Error> {
        let ask = history::is_left_by(self.table, going.migration.version, going.done(), &self.claimant.run);
        let results = run.session.expect(RECORDING, &ask).await?;
        Ok(results.first().is_some_and(|rows| !rows.is_empty()))
    }
}

impl Within {
    /// Puts it where it belongs.
    pub(super) fn join(&self, sent: &mut Sent) {
        match self.record {
            // The newline ends a comment, the semicolon a statement without one.
            Record::Behind => sent.follow(&format!("\n;\n{}", self.text)),
            Record::BeforeCommit { at, .. } => sent.insert(at, &self.text),
        }
    }

    /// How many of the file's own statements had completed before the one that failed, where so many of the message had: what
    /// the record makes speak up is the last one's.
    pub(super) fn its_own(&self, completed: usize) -> usize {
        completed.min(match self.record {
            Record::Behind => 0,
            Record::BeforeCommit { statements, .. } => statements,
        })
    }
}
