//! Migrations outside of a transaction: statement by statement, with progress recorded after each.

mod recovery;
mod trace;

use crate::apply::{Applying, Outcome};
use crate::conflict::first_line;
use crate::connection::{Connection, Failure};
use crate::error::Error;
use crate::event::Event;
use crate::failed::{Left, MigrationFailed};
use crate::history::{self, Doubt};
use crate::keep::gives_up_locks;
use crate::migrations::{Effect, Migration, Unit};
use crate::plan::{Start, Step};
use crate::retry::Retries;
use crate::run::Run;
use crate::sent::Sent;
use crate::session::Reach;
use crate::state::Reaches;

use self::recovery::{EarlierTry, Going};
pub(crate) use self::trace::{IfNotExists, NewIndex, Trace, Undoes};

const RECORDING: &str = "recording progress in the history";

impl Applying<'_> {
    /// Runs the statements that are not recorded as done.
    pub(crate) async fn statement_by_statement<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        step: &Step,
    ) -> Result<Outcome, Error> {
        let began = std::time::Instant::now();
        if run.session.reach() == Reach::Pooled && needs_its_own_session(step.migration) {
            let what = format!("migration {} {}", step.migration.version, step.migration.name());
            return Err(Error::Pooled { what });
        }
        let outcome = match self.begin(run, step).await {
            Ok(Begun::Claimed { noted }) => self.statements(run, step, noted).await.map(|()| Outcome::Applied),
            Ok(Begun::Elsewhere) => Ok(Outcome::ClaimedElsewhere),
            Err(error) => Err(error),
        };
        // What the file has set must not reach the next migration or the caller, however it ended.
        let restored = match run.session.reach() {
            Reach::Own => {
                run.session.expect("putting the session's settings back", self.state.restore()).await.map(drop)
            }
            Reach::Pooled => Ok(()),
        };
        let outcome = outcome?;
        if outcome == Outcome::Applied {
            run.applied(step.migration, began.elapsed(), self.last);
        }
        restored?;
        Ok(outcome)
    }

    /// Claims the migration, or takes over what an earlier run left.
    async fn begin<C: Connection>(self, run: &mut Run<'_, '_, C>, step: &Step) -> Result<Begun, Error> {
        let migration = step.migration;
        let claim = match &step.start {
            Start::Fresh | Start::Again { .. } => {
                history::claim_started(self.table, migration, self.claimant, doubt_about(migration, 0))
            }
            Start::Resume { done, started_by, .. } => {
                let next = doubt_about(migration, *done as usize);
                history::take_over(self.table, migration.version, self.claimant, *done, next, started_by)
            }
        };
        // The statements of one message are one implicit transaction (PostgreSQL manual, 55.2.2.1): LOCAL is to it.
        let mut statements: Vec<&str> = self.state.no_transaction_timeout(Reaches::Transaction).into_iter().collect();
        let patience = self.patience();
        statements.extend(patience.iter().map(String::as_str).chain([claim.as_str()]));
        let reply = run.session.send(&statements.join(";\n")).await;
        if let Some(failure) = reply.failure {
            return self.claim_failed(failure).map(|_| Begun::Elsewhere);
        }
        Ok(match (reply.completed.last().and_then(|rows| rows.first()), &step.start) {
            (None, _) => Begun::Elsewhere,
            (Some(_), Start::Fresh | Start::Again { .. }) => Begun::Claimed { noted: None },
            (Some(row), Start::Resume { .. }) => Begun::Claimed { noted: row.optional(0).map(str::to_owned) },
        })
    }

    /// Puts the row back to what it was before the claim, where nothing has run since.
    async fn give_back<C: Connection>(self, run: &mut Run<'_, '_, C>, step: &Step) {
        let version = step.migration.version;
        let record = match &step.start {
            Start::Fresh | Start::Again { .. } => history::unclaim(self.table, version, self.claimant),
            Start::Resume { doubt, .. } => history::unsettle(self.table, version, self.claimant, *doubt),
        };
        // If this fails too, the row says that the statement is in doubt: people will find that it has not run.
        let _ = match run.session.reach() {
            Reach::Own => run.session.send(&format!("{};\n{record}", self.state.restore())).await,
            Reach::Pooled => run.session.send(&record).await,
        };
    }

    /// Makes the session what it is to be after so many units: the timeouts, and what the file itself has set.
    async fn set_up<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        done: usize,
    ) -> Result<(), Error> {
        if run.session.reach() == Reach::Pooled {
            // What is set would stay behind with whoever gets the pooler's session next.
            return Ok(());
        }
        let timeouts = self.session_timeouts(migration);
        run.session.expect("setting the timeouts", &timeouts).await?;
        for unit in session_units(migration, done) {
            run.session.expect("setting again what the migration had set", unit.sql(migration)).await?;
            if Undoes::of_unit(migration, *unit) == Undoes::Settings {
                run.session.expect("setting the timeouts", &timeouts).await?;
            }
        }
        Ok(())
    }

    /// Writes to the history before the unit `at`, as the role that runs migrations, which may be another than the file
    /// has chosen for its own statements. It fails where another run has taken the migration over.
    async fn record<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        at: usize,
        sql: &str,
    ) -> Result<(), Error> {
        let sets = changes_the_session(migration, at);
        let results = if sets {
            run.session.expect(RECORDING, &format!("{};\n{sql}", self.state.restore())).await?
        } else {
            run.session.expect(RECORDING, sql).await?
        };
        if results.last().is_none_or(Vec::is_empty) {
            return Err(self.not_ours(run, migration).await);
        }
        if sets { self.set_up(run, migration, at).await } else { Ok(()) }
    }

    /// Why a row could not be changed: another run has it, or nobody.
    async fn not_ours<C: Connection>(self, run: &mut Run<'_, '_, C>, migration: &'static Migration) -> Error {
        let ask = history::is_there(self.table, migration.version);
        match run.session.expect(RECORDING, &ask).await {
            Ok(results) => {
                let is_there = results.first().and_then(|rows| rows.first()).is_some_and(|row| row.is_true(0));
                let failed = if is_there { MigrationFailed::taken_over } else { MigrationFailed::row_gone };
                Error::MigrationFailed(failed(run.set, migration))
            }
            Err(error) => error,
        }
    }

    async fn statements<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        step: &Step,
        mut noted: Option<String>,
    ) -> Result<(), Error> {
        let migration = step.migration;
        let units = migration.details().units;
        let (first, mut doubt) = match &step.start {
            Start::Fresh | Start::Again { .. } => (0, None),
            Start::Resume { done, doubt, .. } => (*done as usize, Some(*doubt)),
        };
        if let Err(error) = self.set_up(run, migration, first).await {
            self.give_back(run, step).await;
            return Err(error);
        }
        for (at, unit) in units.iter().enumerate().skip(first) {
            let (version, number, of) = (migration.version, at + 1, units.len());
            run.observers.tell(&Event::Statement { version, number, of, sql: &first_line(unit.sql(migration)) });
            let going = Going { doubt: doubt.take(), noted: noted.take(), ..Going::new(migration, *unit, at) };
            self.unit(run, going).await?;
            if gives_up_locks(unit.sql(migration)) {
                run.keep_the_lock(self.table).await;
            }
            let done = u32::try_from(number).unwrap_or(u32::MAX);
            let record = if number == of {
                history::complete_on_disk(self.table, version, self.claimant)
            } else {
                history::progress(self.table, version, self.claimant, done, doubt_about(migration, number))
            };
            self.record(run, migration, number, &record).await?;
        }
        if first >= units.len() {
            let record = history::complete_on_disk(self.table, migration.version, self.claimant);
            self.record(run, migration, first, &record).await?;
        }
        Ok(())
    }

    /// Runs one unit until it has taken effect or failed for good.
    async fn unit<C: Connection>(self, run: &mut Run<'_, '_, C>, mut going: Going) -> Result<(), Error> {
        let Going { migration, unit, at, .. } = going;
        let mut retries = Retries::new(self.options, migration);
        loop {
            let sent = Sent::unit(migration, unit);
            let reply = match self.earlier_try(run, &going).await? {
                EarlierTry::Finished => return Ok(()),
                EarlierTry::Gone => {
                    self.note(run, &mut going).await?;
                    run.session.execute(&sent.text).await
                }
                EarlierTry::Unfinished(rest) => run.session.send(&rest).await,
                EarlierTry::Stays(reply) => reply,
                EarlierTry::Untold(failure) => {
                    let left = self.leave_to_a_person(run, &going).await;
                    let failed = failed(run, &going, &sent, about_the_whole(failure), 0, left);
                    return Err(Error::MigrationFailed(failed));
                }
            };
            let completed = reply.completed.len();
            let Some(failure) = reply.failure else {
                if !self.passed_over_invalid(run, &going).await? {
                    return Ok(());
                }
                going.doubt = Some(Doubt::Settled);
                continue;
            };
            if completed > 0 {
                // A BEGIN of the file's own is open and aborted.
                let _ = run.session.send("ROLLBACK").await;
            }
            let left = self.settle(run, &mut going, &failure).await;
            let failed = failed(run, &going, &sent, failure, completed, left);
            if matches!(left, Left::InDoubt { .. }) {
                return Err(Error::MigrationFailed(failed));
            }
            retries.pause_or_give_up(run, migration, failed).await?;
            self.claim_again(run, &going, left).await?;
            self.set_up(run, migration, at).await?;
            going.doubt = Some(Doubt::Settled);
        }
    }

    /// Records, before another try, that the unit may run again; with the claim itself where that was given back.
    async fn claim_again<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        going: &Going,
        left: Left,
    ) -> Result<(), Error> {
        let (migration, doubt) = (going.migration, going.trace.doubt());
        let record = if left == Left::Nothing {
            history::claim_started(self.table, migration, self.claimant, doubt)
        } else {
            history::unsettle(self.table, migration.version, self.claimant, doubt)
        };
        self.record(run, migration, going.at, &record).await
    }
}

/// What came of claiming.
enum Begun {
    /// The migration is this run's to run.
    Claimed {
        /// What an earlier run had noted before it sent the unit at which it was cut off.
        noted: Option<String>,
    },
    /// It is another run's.
    Elsewhere,
}

/// The error of a unit.
fn failed<C: Connection>(
    run: &Run<'_, '_, C>,
    going: &Going,
    sent: &Sent,
    failure: Failure,
    completed: usize,
    left: Left,
) -> Box<MigrationFailed> {
    let place = sent.locate(going.migration, &failure, completed);
    MigrationFailed::new(run.set, going.migration, failure, place, left)
}

/// A failure of a question about a unit, whose place is none in the unit's own text.
fn about_the_whole(mut failure: Failure) -> Failure {
    if let Failure::Server(error) = &mut failure {
        error.position = None;
    }
    failure
}

/// What the history is to say of the unit after the first `done`, before it runs.
fn doubt_about(migration: &'static Migration, done: usize) -> Doubt {
    let next = migration.details().units.get(done);
    next.map_or(Doubt::Settled, |unit| Trace::of(migration, *unit).doubt())
}

/// Those of the first units that change the session only, and whose doing no DISCARD ALL has undone since.
fn session_units(migration: &'static Migration, first: usize) -> impl Iterator<Item = &'static Unit> {
    let units = migration.details().units;
    let undone = units.iter().take(first).rposition(|unit| Undoes::of_unit(migration, *unit) == Undoes::Session);
    let from = undone.map_or(0, |at| at + 1);
    units.iter().take(first).skip(from).filter(|unit| unit.effect == Effect::Session)
}

/// Whether one of the first units has made another session of it.
fn changes_the_session(migration: &'static Migration, first: usize) -> bool {
    let mut units = migration.details().units.iter().take(first);
    units.any(|unit| unit.effect == Effect::Session || Undoes::of_unit(migration, *unit) == Undoes::Session)
}

/// Whether a migration relies on what it sets for its session.
fn needs_its_own_session(migration: &'static Migration) -> bool {
    let details = migration.details();
    details.lock_timeout.is_some()
        || details.statement_timeout.is_some()
        || changes_the_session(migration, details.units.len())
}
