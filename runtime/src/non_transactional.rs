//! Migrations outside of a transaction: statement by statement, with progress recorded after each.

use crate::apply::{Applying, Outcome};
use crate::conflict::first_line;
use crate::connection::{Connection, Failure, Reply};
use crate::error::Error;
use crate::event::Event;
use crate::failed::{Left, MigrationFailed};
use crate::history::{self, Doubt};
use crate::index::{Index, index};
use crate::migrations::{Effect, Migration, Unit};
use crate::plan::{Start, Step};
use crate::retry::Retries;
use crate::run::Run;
use crate::sent::Sent;
use crate::session::Reach;
use crate::sql::milliseconds;

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
            Ok(Begun::Claimed) => self.statements(run, step).await.map(|()| Outcome::Applied),
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
            Start::Fresh => history::claim_started(self.table, migration, self.claimant),
            Start::Resume { done, started_by, .. } => {
                history::take_over(self.table, migration.version, self.claimant, *done, started_by)
            }
        };
        // The statements of one message are one implicit transaction (PostgreSQL manual, 55.2.2.1): LOCAL is to it.
        let reply = run.session.send(&format!("{};\n{claim}", self.patience("SET LOCAL"))).await;
        if let Some(failure) = reply.failure {
            return self.claim_failed(failure).map(|_| Begun::Elsewhere);
        }
        let taken_over = reply.completed.last().is_some_and(|rows| !rows.is_empty());
        Ok(if step.start == Start::Fresh || taken_over { Begun::Claimed } else { Begun::Elsewhere })
    }

    /// Puts the row back to what it was before the claim, where nothing has run since.
    async fn give_back<C: Connection>(self, run: &mut Run<'_, '_, C>, step: &Step) {
        let version = step.migration.version;
        let record = match &step.start {
            Start::Fresh => history::unclaim(self.table, version),
            Start::Resume { done, doubt: Doubt::Settled, .. } => history::settle(self.table, version, *done),
            Start::Resume { doubt: Doubt::InDoubt, .. } => return,
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
        let timeouts = format!(
            "SET lock_timeout = {};\nSET statement_timeout = {}",
            milliseconds(migration.details.lock_timeout.unwrap_or_default()),
            milliseconds(migration.details.statement_timeout.or(self.options.statement_timeout).unwrap_or_default()),
        );
        run.session.expect("setting the timeouts", &timeouts).await?;
        for unit in session_units(migration, done) {
            run.session.expect("setting again what the migration had set", unit.sql(migration)).await?;
        }
        Ok(())
    }

    /// Writes to the history before the unit `at`, as the role that runs migrations, which may be another than the file
    /// has chosen for its own statements.
    async fn record<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        at: usize,
        sql: &str,
    ) -> Result<(), Error> {
        if session_units(migration, at).next().is_none() {
            return run.session.expect(RECORDING, sql).await.map(drop);
        }
        run.session.expect(RECORDING, &format!("{};\n{sql}", self.state.restore())).await?;
        self.set_up(run, migration, at).await
    }

    async fn statements<C: Connection>(self, run: &mut Run<'_, '_, C>, step: &Step) -> Result<(), Error> {
        let migration = step.migration;
        let units = migration.details.units;
        let (first, mut doubt) = match &step.start {
            Start::Fresh => (0, None),
            Start::Resume { done, doubt, .. } => (*done as usize, Some(*doubt)),
        };
        if let Err(error) = self.set_up(run, migration, first).await {
            self.give_back(run, step).await;
            return Err(error);
        }
        for (at, unit) in units.iter().enumerate().skip(first) {
            let (version, number, of) = (migration.version, at + 1, units.len());
            run.observers.tell(&Event::Statement { version, number, of, sql: &first_line(unit.sql(migration)) });
            self.unit(run, migration, *unit, at, doubt.take()).await?;
            let done = u32::try_from(number).unwrap_or(u32::MAX);
            let record = if number == of {
                history::complete(self.table, version)
            } else {
                history::progress(self.table, version, done)
            };
            self.record(run, migration, number, &record).await?;
        }
        if first >= units.len() {
            self.record(run, migration, first, &history::complete(self.table, migration.version)).await?;
        }
        Ok(())
    }

    /// Runs one unit until it has taken effect or failed for good.
    async fn unit<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        unit: Unit,
        at: usize,
        mut doubt: Option<Doubt>,
    ) -> Result<(), Error> {
        let mut retries = Retries::new(self.options, migration);
        loop {
            let sent = Sent::unit(migration, unit);
            let reply = match self.earlier_try(run, unit, doubt).await? {
                EarlierTry::Finished => return Ok(()),
                EarlierTry::Gone => run.session.send(&sent.text).await,
                EarlierTry::Stays(reply) => reply,
            };
            let completed = reply.completed.len();
            let Some(failure) = reply.failure else { return Ok(()) };
            if completed > 0 {
                // A BEGIN of the file's own is open and aborted.
                let _ = run.session.send("ROLLBACK").await;
            }
            let left = self.settle(run, migration, unit, at, &failure).await;
            let place = sent.locate(migration, &failure, completed);
            let failed = MigrationFailed::new(run.set, migration, failure, place, left);
            if matches!(left, Left::InDoubt { .. }) {
                return Err(Error::MigrationFailed(failed));
            }
            let taken_back = left == Left::Nothing;
            retries.pause_or_give_up(run, migration, failed).await?;
            self.doubt_again(run, migration, at, taken_back).await?;
            self.set_up(run, migration, at).await?;
            doubt = Some(Doubt::Settled);
        }
    }

    /// Looks what became of the index that an earlier try was building, and drops it where it is invalid.
    async fn earlier_try<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        unit: Unit,
        doubt: Option<Doubt>,
    ) -> Result<EarlierTry, Error> {
        let Some(doubt) = doubt else { return Ok(EarlierTry::Gone) };
        Ok(match index(&mut run.session, unit.effect).await? {
            // It serves no query, every write pays for it, and the name is taken.
            Index::Invalid(index) => {
                let reply = run.session.send(&drop_index(&index)).await;
                if reply.failure.is_some() { EarlierTry::Stays(reply) } else { EarlierTry::Gone }
            }
            // The earlier run was cut off before it could say so.
            Index::Valid if doubt == Doubt::InDoubt => EarlierTry::Finished,
            // Behind a pooler, where no lock can be held, the earlier run may be at it still.
            Index::UnderWay => return Err(Error::LockTimeout { waited: self.options.lock_timeout, holder: None }),
            Index::Valid | Index::Absent => EarlierTry::Gone,
        })
    }

    /// Cleans up after a unit that failed, and records how things stand.
    async fn settle<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        unit: Unit,
        at: usize,
        failure: &Failure,
    ) -> Left {
        let done = u32::try_from(at).unwrap_or(u32::MAX);
        let total = u32::try_from(migration.details.units.len()).unwrap_or(u32::MAX);
        let in_doubt = Left::InDoubt { done, total };
        let Failure::Server(error) = failure else {
            // A named index can be looked for, and a setting made again: the next run needs nobody's word.
            return match unit.effect {
                Effect::ConcurrentIndex { name: Some(_), .. } | Effect::Session => Left::Statements { done, total },
                _ => in_doubt,
            };
        };
        match unit.effect {
            Effect::ConcurrentIndex { name: None, .. } => return in_doubt,
            // An error with a place in the text is from before it began.
            Effect::CommitsMidway if error.position.is_none() => return in_doubt,
            // duplicate_table: an index of that name was there before, and is none of this migration's business.
            Effect::ConcurrentIndex { .. }
                if error.sqlstate != "42P07" && self.drop_invalid(run, unit).await.is_err() =>
            {
                return Left::Statements { done, total };
            }
            _ => {}
        }
        let record = if at == 0 {
            history::unclaim(self.table, migration.version)
        } else {
            history::settle(self.table, migration.version, done)
        };
        match self.record(run, migration, at, &record).await {
            Err(_) => in_doubt,
            Ok(()) if at == 0 => Left::Nothing,
            Ok(()) => Left::Statements { done, total },
        }
    }

    /// Drops the invalid index that a failed build leaves behind (PostgreSQL manual, CREATE INDEX).
    async fn drop_invalid<C: Connection>(self, run: &mut Run<'_, '_, C>, unit: Unit) -> Result<(), Error> {
        if let Index::Invalid(index) = index(&mut run.session, unit.effect).await? {
            if run.session.reach() == Reach::Own {
                // What cut the build short must not cut this short as well.
                run.session.expect("setting the timeouts", "SET statement_timeout = 0").await?;
            }
            run.session.expect("dropping the invalid index", &drop_index(&index)).await?;
        }
        Ok(())
    }

    /// Records, before another try, that the unit may run again; with the claim itself where that was given back.
    async fn doubt_again<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        migration: &'static Migration,
        at: usize,
        taken_back: bool,
    ) -> Result<(), Error> {
        let record = if taken_back {
            history::claim_started(self.table, migration, self.claimant)
        } else {
            history::unsettle(self.table, migration.version, u32::try_from(at).unwrap_or(u32::MAX))
        };
        self.record(run, migration, at, &record).await
    }
}

/// What came of claiming.
enum Begun {
    /// The migration is this run's to run.
    Claimed,
    /// It is another run's.
    Elsewhere,
}

/// What is left of an earlier try.
enum EarlierTry {
    /// Nothing that is in the way, or there was none.
    Gone,
    /// All of it: it had succeeded.
    Finished,
    /// An invalid index that could not be dropped, as the reply says.
    Stays(Reply),
}

/// The first units that change the session only.
fn session_units(migration: &'static Migration, first: usize) -> impl Iterator<Item = &'static Unit> {
    migration.details.units.iter().take(first).filter(|unit| unit.effect == Effect::Session)
}

/// Whether a migration relies on what it sets for its session.
fn needs_its_own_session(migration: &'static Migration) -> bool {
    let details = &migration.details;
    details.lock_timeout.is_some()
        || details.statement_timeout.is_some()
        || session_units(migration, details.units.len()).next().is_some()
}

fn drop_index(qualified: &str) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {qualified}")
}
