//! Applying one migration: the claim, its SQL, and the retries.

use std::time::Duration;

use crate::connection::{Connection, Failure};
use crate::error::Error;
use crate::event::Event;
use crate::failed::{self, Left, MigrationFailed};
use crate::history::{self, Claimant, Table};
use crate::migrations::{Migration, Transaction};
use crate::options::Options;
use crate::plan::{Start, Step};
use crate::run::Run;
use crate::sent::{Pieces, name_for_dba};
use crate::server_error::ServerError;
use crate::sql::milliseconds;
use crate::state::SessionState;

/// The pause before the first retry; it doubles from one to the next.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const LONGEST_RETRY: Duration = Duration::from_secs(10);

/// What came of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Applied,
    /// Another run was first. The plan is out of date.
    ClaimedElsewhere,
}

/// What all steps of a run have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applying<'a> {
    pub(crate) table: &'a Table,
    pub(crate) claimant: &'a Claimant,
    pub(crate) state: &'a SessionState,
    pub(crate) options: &'a Options,
}

impl Applying<'_> {
    /// Runs one migration, or what is left of it, until it is applied, claimed elsewhere or has failed for good.
    pub(crate) async fn step<C: Connection>(self, run: &mut Run<'_, '_, C>, step: &Step) -> Result<Outcome, Error> {
        let migration = step.migration;
        if migration.details.transaction == Transaction::Off || step.start != Start::Fresh {
            return self.statement_by_statement(run, step).await;
        }
        let mut retries = Retries::new(self.options, migration);
        loop {
            match self.transaction(run, migration).await? {
                Attempt::Over(outcome) => return Ok(outcome),
                Attempt::Failed(failed) => retries.pause_or_give_up(run, migration, failed).await?,
            }
        }
    }

    /// Sends claim, SQL and duration as one transaction.
    async fn transaction<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
    ) -> Result<Attempt, Error> {
        let Pieces { opening, sent } = Pieces::of(migration);
        let claim = opening.len() + CLAIM;
        let last = sent.len().saturating_sub(1);
        for (at, mut sent) in sent.into_iter().enumerate() {
            if at == 0 {
                sent.precede(&self.head(migration, &opening), opening.len() + HEAD_STATEMENTS);
            }
            if at == last {
                sent.follow(&self.tail(migration));
            }
            let reply = run.session.send(&sent.text).await;
            let Some(failure) = reply.failure else { continue };
            let completed = reply.completed.len();
            if at > 0 || completed > 0 {
                // The error left the transaction open and aborted. That this fails as well would say nothing new.
                let _ = run.session.send("ROLLBACK").await;
            }
            if at == 0 && completed == claim {
                return self.claim_failed(failure).map(Attempt::Over);
            }
            let place = sent.locate(migration, &failure, completed);
            return Ok(Attempt::Failed(MigrationFailed::new(run.set, migration, failure, place, Left::Nothing)));
        }
        Ok(Attempt::Over(Outcome::Applied))
    }

    /// What stands before the SQL of a transactional migration.
    fn head(self, migration: &Migration, opening: &[&str]) -> String {
        let opening: String =
            opening.iter().map(|statement| format!("{}\n;\n", statement.trim_end_matches(';'))).collect();
        let lock_timeout = migration.details.lock_timeout.or(self.options.table_lock_timeout).unwrap_or_default();
        let statement_timeout =
            migration.details.statement_timeout.or(self.options.statement_timeout).unwrap_or_default();
        format!(
            "{name}BEGIN;\n{opening}{NO_TRANSACTION_TIMEOUT};\n{};\n{};\nSET LOCAL lock_timeout = {};\nSET LOCAL statement_timeout = {};\n",
            self.patience("SET LOCAL"),
            history::claim(self.table, migration, self.claimant),
            milliseconds(lock_timeout),
            milliseconds(statement_timeout),
            name = name_for_dba(migration),
        )
    }

    /// The timeouts for a claim, in two statements. It may have to wait for another run's transaction, which is no table
    /// lock that blocks a service; and a role's own limit is meant for queries.
    pub(crate) fn patience(self, set: &str) -> String {
        // Zero would be no limit.
        let lock_timeout = self.options.lock_timeout.max(Duration::from_millis(1));
        format!("{set} statement_timeout = 0;\n{set} lock_timeout = {}", milliseconds(lock_timeout))
    }

    /// What stands after it. The newline ends a comment on the last line, the semicolon a statement without one.
    fn tail(self, migration: &Migration) -> String {
        // Constraint triggers that wait for the commit must run with the settings that the file made for them.
        format!(
            "\n;\nSET CONSTRAINTS ALL IMMEDIATE;\n{};\n{};\nCOMMIT",
            self.state.restore(),
            history::finish(self.table, migration.version)
        )
    }

    /// What the failure of a claim means.
    pub(crate) fn claim_failed(self, failure: Failure) -> Result<Outcome, Error> {
        if let Failure::Server(error) = &failure {
            match error.sqlstate.as_str() {
                "23505" if self.table.is_named_in(error) => return Ok(Outcome::ClaimedElsewhere),
                // Another run's claim is not committed yet, and takes longer than this one may wait.
                "55P03" => return Err(Error::LockTimeout { waited: self.options.lock_timeout, holder: None }),
                _ => {}
            }
        }
        Err(Error::from_failure("claiming a migration in the history", failure))
    }
}

/// A role's own limit to the length of a transaction, which PostgreSQL 17 brought, is meant for services.
const NO_TRANSACTION_TIMEOUT: &str = "SELECT pg_catalog.set_config('transaction_timeout', '0', true) \
     WHERE pg_catalog.current_setting('server_version_num')::int >= 170000";

/// How many statements [`Applying::head`] has.
const HEAD_STATEMENTS: usize = 7;
/// How many of them have completed where the claim fails.
const CLAIM: usize = 4;

/// What came of one try.
enum Attempt {
    Over(Outcome),
    Failed(Box<MigrationFailed>),
}

/// How often what may pass is tried again.
pub(crate) struct Retries {
    left: u32,
    attempt: u32,
    pause: Duration,
}

impl Retries {
    pub(crate) fn new(options: &Options, migration: &Migration) -> Self {
        Self { left: migration.details.retries.unwrap_or(options.retries), attempt: 1, pause: FIRST_RETRY }
    }

    /// Waits for the next try, or hands the failure back where there is to be none.
    pub(crate) async fn pause_or_give_up<C: Connection>(
        &mut self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        mut failed: Box<MigrationFailed>,
    ) -> Result<(), Error> {
        failed.attempts = self.attempt;
        let transient = match &failed.cause {
            failed::Cause::Server(error) if error.is_transient() => error.clone(),
            _ => return Err(Error::MigrationFailed(failed)),
        };
        if self.left == 0 {
            return Err(Error::MigrationFailed(failed));
        }
        self.left -= 1;
        self.attempt += 1;
        self.wait(run, migration, &transient).await;
        Ok(())
    }

    async fn wait<C: Connection>(&mut self, run: &mut Run<'_, '_, C>, migration: &Migration, error: &ServerError) {
        // Jitter, so that two that got into each other's way do not do so again.
        let pause = self.pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.pause = (self.pause * 2).min(LONGEST_RETRY);
        let (version, name, attempt) = (migration.version, migration.name(), self.attempt);
        run.observers.tell(&Event::Retrying { version, name, attempt, pause, error });
        run.session.pause(pause).await;
    }
}
