//! Migrations outside of a transaction: statement by statement, with progress recorded after each.

mod records;
mod recovery;
mod trace;
mod undoes;
mod within;
mod words;

use crate::apply::index::before;
use crate::apply::keep::gives_up_locks;
use crate::apply::retry::Retries;
use crate::apply::sent::{Sent, changes_strings};
use crate::apply::{Applying, Outcome};
use crate::connection::{Connection, Failure};
use crate::error::conflict::first_line_of_unit;
use crate::error::failed::{Left, MigrationFailed};
use crate::error::{Cause, Error};
use crate::event::Event;
use crate::history::{self, Doubt};
use crate::migrations::{Effect, Migration, Unit};
use crate::plan::{Start, Step};
use crate::session::Reach;
use crate::session::settings::Reaches;
use crate::verb::run::Run;

use self::records::{PutBack, durability};
use self::recovery::{EarlierTry, Going, Settled};
pub(crate) use self::trace::{IfNotExists, NewIndex, Trace};
use self::undoes::makes_temporary;
pub(crate) use self::undoes::{Undoes, sets};
use self::within::{FailedWithin, Then};

const NOTING: &str = "noting what there is before a statement";
const PUTTING_BACK: &str = "putting the session's settings back";

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
            Ok(Begun::Elsewhere) => return Ok(Outcome::ClaimedElsewhere),
            Ok(Begun::Claimed(noted)) => self.statements(run, step, noted).await,
            Err(error) => Err(error),
        };
        if outcome.is_ok() {
            run.applied(step.migration, began.elapsed(), self.last);
            if self.completes_lazily(step.migration) {
                run.not_on_disk_yet(step.migration);
            }
        }
        if let (Err(error), Reach::Pooled) = (&outcome, run.session.reach())
            && is_at_its_end(error)
        {
            // If this fails, the next run waits for this one, in vain.
            let _ = run.session.send(&history::rest(self.table, step.migration.version, self.claimant)).await;
        }
        // What the file has set must not reach the next migration or the caller, however it ended.
        let restored = match (&outcome, run.session.reach()) {
            (Ok(PutBack::Yes), _) | (_, Reach::Pooled) => Ok(()),
            _ => run.session.expect(PUTTING_BACK, &self.state.restore()).await.map(drop),
        };
        outcome?;
        restored?;
        Ok(Outcome::Applied)
    }

    /// Claims the migration, or takes over what an earlier run left.
    ///
    /// Where it is fresh, all that must be before its first unit goes with the claim: the note of what there is, and the
    /// timeouts of the session. The statements of one message are one implicit transaction (PostgreSQL manual, 55.2.2.1):
    /// LOCAL is to it, and all of it is there or nothing.
    async fn begin<C: Connection>(self, run: &mut Run<'_, '_, C>, step: &Step) -> Result<Begun, Error> {
        let migration = step.migration;
        let is_fresh = matches!(step.start, Start::Fresh | Start::Again { .. });
        let before = if is_fresh { before_unit(migration, 0) } else { None };
        let claim = match &step.start {
            Start::Resume { done, started_by, .. } => {
                let next = doubt_about(migration, *done as usize);
                history::take_over(self.table, migration.version, self.claimant, *done, next, started_by)
            }
            Start::Fresh | Start::Again { .. } => {
                history::claim_started(self.table, migration, self.claimant, doubt_about(migration, 0))
            }
        };
        let done = if let Start::Resume { done, .. } = &step.start { *done as usize } else { 0 };
        let mut message: Vec<String> = self.state.discard().map(str::to_owned).into_iter().collect();
        message.extend(self.before_a_record(durability(migration, done)));
        message.extend(self.state.no_transaction_timeout(Reaches::Transaction).map(str::to_owned));
        // Each is one statement so far.
        let is_noted = before.is_some();
        let claimed = message.len();
        let answer = claimed + usize::from(is_noted);
        message.push(claim);
        message.extend(before.map(|before| self.claimant.note_found(self.table, migration.version, &before)));
        if is_fresh && run.session.reach() == Reach::Own {
            message.push(self.session_timeouts(migration));
        }
        let reply = run.session.send(&message.join(";\n")).await;
        match reply.failure {
            None => {}
            // It is what is asked of the catalog that was refused, or what that has to wait for.
            Some(failure) if is_noted && reply.completed.len() > claimed => {
                return Err(Error::from_failure(NOTING, failure));
            }
            Some(failure) => return self.claim_failed(failure).map(|_| Begun::Elsewhere),
        }
        let Some(row) = reply.completed.get(answer).and_then(|rows| rows.first()) else {
            return self.elsewhere_or_hidden(run, step).await;
        };
        let said = row.optional(0).map(str::to_owned);
        Ok(Begun::Claimed(match (is_fresh, is_noted) {
            (true, false) => Noted::Now(None),
            (true, true) => Noted::Now(said),
            (false, _) => Noted::Earlier(said),
        }))
    }

    /// Why a row could not be taken over: another run has done so meanwhile, or the row is as it was, and this role may see it
    /// but not change it. To look again would never end then.
    async fn elsewhere_or_hidden<C: Connection>(self, run: &mut Run<'_, '_, C>, step: &Step) -> Result<Begun, Error> {
        let Start::Resume { done, started_by, .. } = &step.start else { return Ok(Begun::Elsewhere) };
        let ask = history::is_left_by(self.table, step.migration.version, *done, started_by);
        let results = run.session.expect("looking at a row of the history", &ask).await?;
        match results.first().and_then(|rows| rows.first()) {
            Some(row) => Err(Error::HistoryHidden { role: row.text(0).to_owned(), history: self.table.shown() }),
            None => Ok(Begun::Elsewhere),
        }
    }

    /// Puts the row back to what it was before it was taken over, where nothing has run since.
    async fn give_back<C: Connection>(self, run: &mut Run<'_, '_, C>, step: &Step, doubt: Doubt) {
        let record = history::unsettle(self.table, step.migration.version, self.claimant, doubt);
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
        let mut message = vec![self.session_timeouts(migration)];
        for unit in session_units(migration, done) {
            message.push(unit.sql(migration).to_owned());
            if Undoes::of_unit(migration, *unit) == Undoes::Settings {
                message.push(self.session_timeouts(migration));
            }
        }
        let doing = match message.len() {
            1 => "setting the timeouts",
            _ => "setting again what the migration had set",
        };
        // The server reads the strings of a whole message by what says how to when it comes.
        if changes_strings(migration.sql()) {
            for statement in message {
                run.session.expect(doing, &statement).await?;
            }
            return Ok(());
        }
        run.session.expect(doing, &message.join("\n;\n")).await.map(drop)
    }

    async fn statements<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        step: &Step,
        noted: Noted,
    ) -> Result<PutBack, Error> {
        let migration = step.migration;
        let units = migration.details().units;
        let (first, mut doubt) = match &step.start {
            Start::Fresh | Start::Again { .. } => (0, None),
            Start::Resume { done, doubt, .. } => (*done as usize, Some(*doubt)),
        };
        let (mut earlier, mut now) = match noted {
            Noted::Earlier(noted) => (noted, None),
            Noted::Now(noted) => (None, noted),
        };
        if let Some(doubt) = doubt
            && let Err(error) = self.set_up(run, migration, first).await
        {
            self.give_back(run, step, doubt).await;
            return Err(error);
        }
        for (at, unit) in units.iter().enumerate().skip(first) {
            let (version, number, of) = (migration.version, at + 1, units.len());
            run.observers.tell(&Event::Statement {
                version,
                number,
                of,
                sql: &first_line_of_unit(unit.sql(migration)),
            });
            let before = now.take();
            let going = Going {
                doubt: doubt.take(),
                noted: earlier.take(),
                before,
                resumed: first,
                ..Going::new(migration, *unit, at)
            };
            let recorded = self.unit(run, going).await?;
            if gives_up_locks(unit.sql(migration)) {
                run.keep_the_lock(self.table).await;
            }
            now = match recorded {
                Recorded::NotYet if number < of => self.record_progress(run, migration, number).await?,
                Recorded::Within | Recorded::NotYet => None,
            };
        }
        self.complete(run, migration).await
    }

    /// Runs one unit until it has taken effect or failed for good.
    async fn unit<C: Connection>(self, run: &mut Run<'_, '_, C>, mut going: Going) -> Result<Recorded, Error> {
        let Going { migration, unit, at, .. } = going;
        let mut retries = Retries::new(self.options, migration);
        loop {
            let mut sent = Sent::unit(self.table, migration, unit);
            let within = self.within(migration, at, &going.trace);
            within.iter().for_each(|within| within.join(&mut sent));
            let reply = match self.earlier_try(run, &going).await? {
                EarlierTry::Finished => return Ok(Recorded::NotYet),
                EarlierTry::Gone => {
                    self.note(run, &mut going).await?;
                    run.execute(Some(migration), &sent.text).await
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
            let Some(mut failure) = reply.failure else {
                match within.as_ref().map(|within| within.then) {
                    Some(Then::GoOn) => return Ok(Recorded::Within),
                    Some(Then::Note) => return Ok(Recorded::NotYet),
                    None => {}
                }
                if !self.passed_over_invalid(run, &going).await? {
                    return Ok(Recorded::NotYet);
                }
                going.doubt = Some(Doubt::Settled);
                continue;
            };
            if completed > 0 {
                // A BEGIN of the file's own is open and aborted.
                let _ = run.session.send("ROLLBACK").await;
            }
            if let Some(within) = &within {
                match self.failed_within(run, &going, within, failure, completed).await? {
                    FailedWithin::Unit(its) => failure = its,
                    FailedWithin::StandsAlone => {
                        going.trace = Trace::Nothing;
                        continue;
                    }
                }
            }
            let Settled::Failed(left) = self.settle(run, &mut going, &failure).await else {
                // It goes on with the timeouts of the file.
                return self.set_up(run, migration, at).await.map(|()| Recorded::NotYet);
            };
            let completed = within.as_ref().map_or(completed, |within| within.its_own(completed));
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
        self.record(run, migration, going.at, record).await.map(drop)
    }
}

/// Whether nothing of a migration can be under way any more: the server has said why it failed.
fn is_at_its_end(error: &Error) -> bool {
    matches!(error, Error::MigrationFailed(failed) if matches!(failed.cause, Cause::Server(_)))
}

/// Whether all is recorded that there is to record of a unit that has run.
enum Recorded {
    /// In its own transaction.
    Within,
    NotYet,
}

/// What came of claiming.
enum Begun {
    /// The migration is this run's to run.
    Claimed(Noted),
    /// It is another run's.
    Elsewhere,
}

/// What there was before a unit was sent, where that must be known.
enum Noted {
    /// An earlier run had noted it, before it sent the unit at which it was cut off.
    Earlier(Option<String>),
    /// This run has, just now.
    Now(Option<String>),
}

/// The query for what must be known before a unit is sent.
fn before_unit(migration: &'static Migration, at: usize) -> Option<String> {
    let unit = *migration.details().units.get(at)?;
    before(unit.effect, &Trace::at(migration, at)?)
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
    let temporary = lost_temporary(going, &failure);
    let mut failed = MigrationFailed::new(run.set, going.migration, failure, place, left);
    failed.temporary = temporary;
    failed
}

/// Which of the statements that an earlier run has recorded made something temporary, from 1, where a unit does not find what it
/// names: that is gone with the other run.
fn lost_temporary(going: &Going, failure: &Failure) -> Option<usize> {
    // undefined_table, undefined_function, undefined_object, invalid_schema_name
    let is_not_there = matches!(failure, Failure::Server(error)
        if matches!(error.sqlstate.as_str(), "42P01" | "42883" | "42704" | "3F000"));
    if !is_not_there {
        return None;
    }
    let mut recorded = going.migration.details().units.iter().take(going.resumed);
    recorded.position(|unit| makes_temporary(unit.sql(going.migration))).map(|at| at + 1)
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
    Trace::at(migration, done).map_or(Doubt::Settled, |trace| trace.doubt())
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
