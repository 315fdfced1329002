//! The verbs `revert` and `redo`: an operator takes migrations back.

use graven_source::Version;

use crate::apply::{Applying, Outcome};
use crate::conflict::Rows;
use crate::connection::Connection;
use crate::error::{Conflict, Error};
use crate::event::Event;
use crate::history::{Claimant, Detail, Table};
use crate::look::{Look, look};
use crate::obstacle::Obstacle;
use crate::plan::{Plan, Start, Step};
use crate::plan_revert::{Extent, Refused, Reversal, Target, redoable, reversals};
use crate::report::{Redone, RevertReport};
use crate::run::{Round, Run, is_incomplete};
use crate::state::SessionState;
use crate::under_lock::Held;

/// How often a verb starts over because another one changed, without the lock, what this one was about to.
const MOST_ROUNDS: usize = 1000;

impl<C: Connection> Run<'_, '_, C> {
    /// The verb `revert`.
    pub(crate) async fn revert(mut self, target: Target) -> Result<RevertReport, Error> {
        let seen = self.first_look().await?;
        let extent = Extent::of(self.set.migrations, &seen.records, target);
        let extent = extent.map_err(|version| self.no_such_version(version))?;
        if let Ok(nothing) = self.reversals(&seen, extent)
            && nothing.is_empty()
        {
            return Ok(self.revert_report());
        }
        let Held { table, seen, role_before } = self
            .hold(seen, |run, seen| match run.reversals(seen, extent) {
                // Incomplete may only mean that another instance is at it right now: the lock will tell.
                Err(obstacles) if !obstacles.iter().any(is_under_way) => Err(run.not_revertible(seen, obstacles)),
                _ => Ok(()),
            })
            .await?;
        let mut state = None;
        let outcome = self.revert_rounds(&table, seen, extent, &mut state).await;
        self.finish(&table, state, role_before, outcome).await?;
        Ok(self.revert_report())
    }

    async fn revert_rounds(
        &mut self,
        table: &Table,
        mut seen: Look,
        extent: Extent,
        state: &mut Option<SessionState>,
    ) -> Result<(), Error> {
        for _ in 0..MOST_ROUNDS {
            let reversals = self.reversals(&seen, extent);
            let reversals = reversals.map_err(|obstacles| self.not_revertible(&seen, obstacles))?;
            if reversals.is_empty() {
                return Ok(());
            }
            if self.take_back(table, &seen, &reversals, state).await? == Outcome::Applied {
                return Ok(());
            }
            let question = self.question(Detail::Plan);
            seen = look(&mut self.session, question).await?;
        }
        Err(changing(table))
    }

    /// Takes migrations back, until all are or one is not there any more as it was seen.
    async fn take_back(
        &mut self,
        table: &Table,
        seen: &Look,
        reversals: &[Reversal],
        state: &mut Option<SessionState>,
    ) -> Result<Outcome, Error> {
        let claimant = self.claimant(seen);
        let state = match state {
            Some(state) => state,
            None => state.insert(self.prepare(table, seen).await?),
        };
        for (at, reversal) in reversals.iter().enumerate() {
            let migration = reversal.migration;
            let (version, name, number, of) = (migration.version, migration.name(), at + 1, reversals.len());
            self.observers.tell(&Event::Reverting { version, name, number, of });
            let options = self.options;
            let versioned = self.set.migrations;
            let applying = Applying { table, claimant: &claimant, state, options, versioned, last: migration };
            if applying.take_back(self, *reversal).await? == Outcome::ClaimedElsewhere {
                return Ok(Outcome::ClaimedElsewhere);
            }
        }
        Ok(Outcome::Applied)
    }

    /// The verb `redo`.
    pub(crate) async fn redo(mut self, version: i64) -> Result<Redone, Error> {
        let seen = self.first_look().await?;
        let held = self.hold(seen, |run, seen| match run.redoable(seen, version) {
            // Incomplete may only mean that another instance is at it right now: the lock will tell.
            Err(Refused::Obstacles(obstacles)) if obstacles.iter().any(is_under_way) => Ok(()),
            Err(refused) => Err(run.not_redoable(seen, version, refused)),
            Ok(_) => Ok(()),
        });
        let Held { table, seen, role_before } = held.await?;
        let mut state = None;
        let outcome = self.redo_under_lock(&table, seen, version, &mut state).await;
        self.finish(&table, state, role_before, outcome).await
    }

    async fn redo_under_lock(
        &mut self,
        table: &Table,
        mut seen: Look,
        version: i64,
        state: &mut Option<SessionState>,
    ) -> Result<Redone, Error> {
        for _ in 0..MOST_ROUNDS {
            let reversal = self.redoable(&seen, version);
            let reversal = reversal.map_err(|refused| self.not_redoable(&seen, version, refused))?;
            if self.take_back(table, &seen, &[reversal], state).await? == Outcome::Applied {
                return self.apply_again(table, &seen, reversal, state).await;
            }
            let question = self.question(Detail::Plan);
            seen = look(&mut self.session, question).await?;
        }
        Err(changing(table))
    }

    async fn apply_again(
        &mut self,
        table: &Table,
        seen: &Look,
        reversal: Reversal,
        state: &mut Option<SessionState>,
    ) -> Result<Redone, Error> {
        let migration = reversal.migration;
        let step = Step { migration, start: Start::Fresh };
        let plan = Plan { steps: vec![step], ..Plan::default() };
        let claimant = self.claimant(seen);
        let state = match state {
            Some(state) => state,
            None => state.insert(self.prepare(table, seen).await?),
        };
        let (options, versioned) = (self.options, self.set.migrations);
        let applying = Applying { table, claimant: &claimant, state, options, versioned, last: migration };
        // Where no lock holds, another instance may have been faster: then it is applied as well.
        let (Round::Finished | Round::Overtaken) = self.steps(applying, &plan).await?;
        Ok(Redone {
            version: migration.version,
            name: migration.name().to_owned(),
            reverting: self.take_reverted().last().map(|reverted| reverted.duration).unwrap_or_default(),
            applying: self.last_applied().map(|applied| applied.duration).unwrap_or_default(),
        })
    }

    /// Puts everything back that the verb has changed for itself. An error says what had been done before it.
    async fn finish<T>(
        &mut self,
        table: &Table,
        state: Option<SessionState>,
        role_before: Option<String>,
        outcome: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(state) = state {
            state.finish(&mut self.session).await;
        }
        self.leave(table, role_before, outcome).await.map_err(|error| self.after_what_was_done(error))
    }

    fn claimant(&self, seen: &Look) -> Claimant {
        Claimant { run: seen.server.run.clone(), applied_as: self.observers.instance.clone() }
    }

    fn reversals(&self, seen: &Look, extent: Extent) -> Result<Vec<Reversal>, Vec<Obstacle>> {
        reversals(self.set.migrations, &seen.records, extent)
    }

    fn redoable(&self, seen: &Look, version: i64) -> Result<Reversal, Refused> {
        let sealed = self.options.redo_sealed;
        redoable(self.set.migrations, &seen.records, version, self.options.policy, sealed)
    }

    fn not_redoable(&self, seen: &Look, number: i64, refused: Refused) -> Error {
        let Some(version) = Version::new(number) else { return self.no_such_version(number) };
        match refused {
            Refused::Unknown => self.no_such_version(number),
            Refused::NotApplied => Error::NothingToRedo { version },
            Refused::NotHighest(above) => Error::NotHighest { version, above },
            Refused::Sealed(migration) => Error::RedoSealed { version, name: migration.name().to_owned() },
            Refused::Obstacles(obstacles) => self.not_revertible(seen, obstacles),
        }
    }

    fn not_revertible(&self, seen: &Look, obstacles: Vec<Obstacle>) -> Error {
        let (history, flags) = (self.history(seen), self.options.flags());
        let rows = Rows { history: &history, namespace: &self.options.namespace };
        let located = |obstacle: Obstacle| obstacle.located(self.set.directory, rows, &flags);
        Error::NotRevertible { obstacles: obstacles.into_iter().map(located).collect(), history: history.clone() }
    }

    /// With the nearest versions of the set, below and above.
    pub(crate) fn no_such_version(&self, version: i64) -> Error {
        self.set.no_such_version(version)
    }

    fn revert_report(&mut self) -> RevertReport {
        RevertReport { reverted: self.take_reverted(), waited: self.waited, duration: self.started.elapsed() }
    }
}

fn is_under_way(obstacle: &Obstacle) -> bool {
    matches!(obstacle, Obstacle::Conflict(conflict @ Conflict::Incomplete { .. }) if is_incomplete(conflict))
}

pub(crate) fn changing(table: &Table) -> Error {
    let reason = "its rows change faster than they can be read".to_owned();
    Error::HistoryUnreadable { history: table.shown(), reason }
}
