//! Going on after a unit that was cut off or has failed: what it left behind is looked for, cleaned up, and recorded.

use super::NOTING;
use super::records::disturbs_records;
use super::trace::{IfNotExists, Trace};
use crate::apply::Applying;
use crate::apply::index::{Fate, Found, Index, NONE, before, found, index};
use crate::connection::{Connection, Failure, Reply};
use crate::error::Error;
use crate::error::failed::Left;
use crate::history::{self, Doubt};
use crate::lock::Waiting;
use crate::migrations::{Effect, Migration, Unit};
use crate::session::Reach;
use crate::verb::run::Run;

/// A unit on its way.
#[derive(Clone, Debug)]
pub(super) struct Going {
    pub(super) migration: &'static Migration,
    pub(super) unit: Unit,
    /// How many stand before it.
    pub(super) at: usize,
    pub(super) trace: Trace,
    /// Whether an earlier try may have done it; `None` where there was none.
    pub(super) doubt: Option<Doubt>,
    /// What there was before it was sent, where an earlier try has noted that.
    pub(super) noted: Option<String>,
    /// What there is, where that was noted just now, before the first try.
    pub(super) before: Option<String>,
    /// How many an earlier run has recorded, on another connection.
    pub(super) resumed: usize,
}

/// What is left of an earlier try.
pub(super) enum EarlierTry {
    /// Nothing that is in the way, or there was none.
    Gone,
    /// All of it: it had succeeded.
    Finished,
    /// All of it but this statement, which ends it.
    Unfinished(String),
    /// An invalid index that could not be dropped, as the reply says.
    Stays(Reply),
    /// What nobody but a person can judge.
    Untold(Failure),
}

/// What came of a unit that the server refused.
pub(super) enum Settled {
    /// This is left of it.
    Failed(Left),
    /// It has taken effect all the same: an earlier try, of which nobody knew whether it was alive, has come to its end.
    Finished,
}

impl Going {
    pub(super) fn new(migration: &'static Migration, unit: Unit, at: usize) -> Self {
        Self {
            migration,
            unit,
            at,
            trace: Trace::at(migration, at).unwrap_or(Trace::Nothing),
            doubt: None,
            noted: None,
            before: None,
            resumed: 0,
        }
    }

    pub(super) fn done(&self) -> u32 {
        u32::try_from(self.at).unwrap_or(u32::MAX)
    }

    fn total(&self) -> u32 {
        u32::try_from(self.migration.details().units.len()).unwrap_or(u32::MAX)
    }

    /// How it stands where nothing is known of it but that it was sent.
    fn left(&self) -> Left {
        match self.trace {
            Trace::Nothing => Left::InDoubt { done: self.done(), total: self.total() },
            Trace::Recorded(_) => Left::Recorded { done: self.done(), total: self.total() },
            // The next run needs nobody's word.
            _ => Left::Statements { done: self.done(), total: self.total() },
        }
    }
}

impl Applying<'_> {
    /// Looks what became of an earlier try, and drops the invalid indexes that it has left.
    pub(super) async fn earlier_try<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        going: &Going,
    ) -> Result<EarlierTry, Error> {
        let Some(doubt) = going.doubt else { return Ok(EarlierTry::Gone) };
        let Found { invalid, fate } = self.found_at_rest(run, going, doubt).await?;
        for index in invalid {
            // It serves no query, every write pays for it, and its name may be taken.
            let reply = run.session.send(&drop_index(&index)).await;
            if reply.failure.is_some() {
                return Ok(EarlierTry::Stays(reply));
            }
        }
        Ok(match fate {
            Fate::Again => EarlierTry::Gone,
            Fate::Finished => EarlierTry::Finished,
            Fate::Unfinished(rest) => EarlierTry::Unfinished(rest),
            Fate::Untold(failure) => EarlierTry::Untold(failure),
            Fate::UnderWay => return Err(Error::LockTimeout { waited: self.options.lock_timeout, holder: None }),
        })
    }

    /// What an earlier try has left, once nobody is at it any more: behind a pooler, where no lock can be held, the earlier
    /// run may be, and anybody may build an index.
    async fn found_at_rest<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        going: &Going,
        doubt: Doubt,
    ) -> Result<Found, Error> {
        let mut waiting = Waiting::new(self.options.lock_timeout);
        loop {
            let effect = going.unit.effect;
            let found = found(&mut run.session, effect, &going.trace, doubt, going.noted.as_deref()).await?;
            let left = waiting.timeout.saturating_sub(waiting.began.elapsed());
            if !matches!(found.fate, Fate::UnderWay) || left.is_zero() {
                return Ok(found);
            }
            let pause = waiting.backoff.pause(left);
            run.session.pause(pause).await;
        }
    }

    /// Whether a statement that succeeded has passed over an index of its name that is invalid: IF NOT EXISTS asks for the
    /// name only.
    pub(super) async fn passed_over_invalid<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        going: &Going,
    ) -> Result<bool, Error> {
        // Where there was none of its name, it has made one. What an earlier try has noted says nothing of this one.
        let made_one = going.doubt.is_none() && going.noted.as_deref() == Some(NONE);
        if going.trace != (Trace::NamedIndex { on: IfNotExists::Said }) || made_one {
            return Ok(false);
        }
        let index = index(&mut run.session, going.unit.effect, going.noted.as_deref()).await?;
        Ok(matches!(index, Index::Invalid(..) | Index::UnderWay))
    }

    /// Cleans up after a unit that failed, and records how things stand.
    pub(super) async fn settle<C: Connection>(
        self,
        run: &mut Run<'_, '_, C>,
        going: &mut Going,
        failure: &Failure,
    ) -> Settled {
        let Failure::Server(error) = failure else { return Settled::Failed(going.left()) };
        // An error with a place in the text is from before it began. duplicate_table: what was there before is none of this
        // migration's business, and only a note tells it from what an earlier try has made.
        if error.position.is_none() && (error.sqlstate != "42P07" || going.noted.is_some()) {
            match self.clean_up(run, going).await {
                Ok(CleanedUp::Wholly) => {}
                Ok(CleanedUp::Finished) => return Settled::Finished,
                // The note is what the next try goes on from.
                Ok(CleanedUp::AllButTheRest) | Err(_) => return Settled::Failed(going.left()),
                Ok(CleanedUp::Untold) => return Settled::Failed(self.leave_to_a_person(run, going).await),
            }
        }
        going.noted = None;
        let record = if going.at == 0 {
            history::unclaim(self.table, going.migration.version, self.claimant)
        } else {
            history::settle(self.table, going.migration.version, &self.claimant.run, going.done())
        };
        Settled::Failed(match self.record(run, going.migration, going.at, record).await {
            Err(_) => going.left(),
            Ok(_) if going.at == 0 => Left::Nothing,
            Ok(_) => Left::Statements { done: going.done(), total: going.total() },
        })
    }

    /// Drops what a unit that failed has left (PostgreSQL manual, CREATE INDEX and REINDEX).
    async fn clean_up<C: Connection>(self, run: &mut Run<'_, '_, C>, going: &Going) -> Result<CleanedUp, Error> {
        match going.trace {
            Trace::Repeatable | Trace::Recorded(_) => return Ok(CleanedUp::Wholly),
            Trace::Nothing => {
                return Ok(match going.unit.effect {
                    Effect::CommitsMidway | Effect::ConcurrentIndex { .. } => CleanedUp::Untold,
                    Effect::Ordinary | Effect::Session => CleanedUp::Wholly,
                });
            }
            _ => {}
        }
        if run.session.reach() == Reach::Own {
            // What cut the unit short must not cut this short as well.
            run.session.expect("setting the timeouts", "SET statement_timeout = 0").await?;
        }
        let Found { invalid, fate } = self.found_at_rest(run, going, Doubt::Settled).await?;
        for index in invalid {
            run.session.expect("dropping the invalid index", &drop_index(&index)).await?;
        }
        match fate {
            Fate::Again => Ok(CleanedUp::Wholly),
            Fate::Finished => Ok(CleanedUp::Finished),
            Fate::Unfinished(_) => Ok(CleanedUp::AllButTheRest),
            Fate::Untold(_) => Ok(CleanedUp::Untold),
            Fate::UnderWay => Err(Error::LockTimeout { waited: self.options.lock_timeout, holder: None }),
        }
    }

    /// Records that only a person can say what became of a unit.
    pub(super) async fn leave_to_a_person<C: Connection>(self, run: &mut Run<'_, '_, C>, going: &Going) -> Left {
        if going.trace != Trace::Nothing {
            let record = history::unsettle(self.table, going.migration.version, self.claimant, Doubt::InDoubt);
            // If this fails, the next run will ask the same questions once more.
            let _ = self.record(run, going.migration, going.at, record).await;
        }
        Left::InDoubt { done: going.done(), total: going.total() }
    }

    /// Notes what there is before a unit is sent, where that must be known to tell later what became of it.
    pub(super) async fn note<C: Connection>(self, run: &mut Run<'_, '_, C>, going: &mut Going) -> Result<(), Error> {
        let (migration, at, version) = (going.migration, going.at, going.migration.version);
        let Some(before) = before(going.unit.effect, &going.trace) else { return Ok(()) };
        going.noted = match going.before.take() {
            Some(noted) => Some(noted),
            None if disturbs_records(migration, at) => {
                let results = run.session.expect(NOTING, &before).await?;
                let found = results.first().and_then(|rows| rows.first()).map_or(NONE, |row| row.text(0)).to_owned();
                let note = self.claimant.note(self.table, version, &found);
                self.record(run, migration, at, note).await?;
                Some(found)
            }
            None => {
                let note = self.claimant.note_found(self.table, version, &before);
                self.record(run, migration, at, note).await?
            }
        };
        Ok(())
    }
}

/// What came of cleaning up.
enum CleanedUp {
    /// Nothing is left.
    Wholly,
    /// Nothing had to be done: it has taken effect after all.
    Finished,
    /// What is left is finished by the next try.
    AllButTheRest,
    /// Only a person can tell.
    Untold,
}

fn drop_index(qualified: &str) -> String {
    format!("DROP INDEX CONCURRENTLY IF EXISTS {qualified}")
}
