//! A unit that takes its record along: one transaction, so that the history never lags behind what has run, and a run that
//! has been overtaken changes nothing any more.

use super::records::{Noting, RECORDING};
use super::recovery::Going;
use super::trace::{Record, Trace};
use crate::apply::Applying;
use crate::apply::sent::Sent;
use crate::connection::{Connection, Failure, Row};
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
    noting: Noting,
}

/// What has failed of a unit with its record.
pub(super) enum FailedWithin {
    /// The unit, with its record.
    Unit(Failure),
    /// It takes no record along: PostgreSQL refuses it in a transaction block, or its transaction may only read.
    StandsAlone,
}

impl Applying<'_> {
    /// The record of the unit after the first `at`, if it takes it along.
    pub(super) fn within(self, migration: &'static Migration, at: usize, trace: &Trace) -> Option<Within> {
        let Trace::Recorded(record) = *trace else { return None };
        let (progress, noting) = self.progress(migration, at + 1);
        // Constraints that wait for the commit must be checked as the file would have them checked.
        let mut statements = vec!["SET CONSTRAINTS ALL IMMEDIATE".to_owned()];
        statements.extend(self.as_itself(migration, at, at + 1));
        statements.extend(self.patience());
        statements.push(history::or_fail(&progress));
        let own = match record {
            Record::Behind => 1,
            Record::BeforeCommit { statements, .. } => statements,
        };
        Some(Within {
            text: format!("{};\n", statements.join(";\n")),
            record,
            own,
            statements: statements.len(),
            noting,
        })
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
        // active_sql_transaction, read_only_sql_transaction
        if matches!(error.sqlstate.as_str(), "25001" | "25006") {
            let record = history::unsettle(self.table, going.migration.version, self.claimant, Doubt::InDoubt);
            self.record(run, going.migration, going.at, record).await?;
            return Ok(FailedWithin::StandsAlone);
        }
        // The first of them only makes the file's own constraints speak up.
        let is_record = completed > within.own && completed < within.own + within.statements;
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

    /// What was noted before the next unit.
    pub(super) fn noted(&self, completed: &[Vec<Row>]) -> Option<String> {
        let answer = completed.get((self.own + self.statements).checked_sub(1)?)?.first()?;
        answer.optional(0).filter(|_| self.noting == Noting::Next).map(str::to_owned)
    }
}
