//! The verbs `revert` and `redo`: an operator takes migrations back.

use graven_source::Version;

use crate::apply::{Applying, Outcome};
use crate::connection::Connection;
use crate::error::conflict::Rows;
use crate::error::obstacle::Obstacle;
use crate::error::{Conflict, Error};
use crate::event::{Event, MigrationName};
use crate::guard;
use crate::history::{Record, Table};
use crate::look::Look;
use crate::migrations::{Migration, Repeatable};
use crate::migrator::Migrator;
use crate::observe::verb;
use crate::plan::revert::{Extent, Refused, Reversal, Target, redoable, reversals};
use crate::plan::{Plan, Policy, Start, Step, plan};
use crate::report::{Redone, RevertReport};
use crate::session::settings::SessionState;
use crate::verb::run::{Overtaken, Round, Run, is_incomplete};
use crate::verb::under_lock::Held;

/// How often a verb starts over because another one changed, without the lock, what this one was about to.
const MOST_ROUNDS: usize = 1000;

impl Migrator {
    /// Takes migrations back, the highest version first, each by its reverse file, `<version>_<name>.down.sql`. They are
    /// pending again: the next [`run`](Self::run) applies them.
    ///
    /// ```no_run
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # async fn take_back(client: &mut tokio_postgres::Client) -> Result<(), graven::Error> {
    /// use graven::Target;
    ///
    /// let report = MIGRATIONS.migrator().revert(client, Target::To(1)).await?;
    /// for reverted in &report.reverted {
    ///     println!("{} {} is pending again", reverted.version, reverted.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A migration that a baseline stands for is taken back as any other. Repeatables have no reverses, and what they made is
    /// left as it is; but a reverse may have taken it along (`DROP TABLE … CASCADE`), so that they are pending again with the
    /// first migration that is reverted.
    ///
    /// Replace the instances whose binary has these migrations first: the next one of them to start applies them again.
    ///
    /// `GRAVEN_LOCK_TIMEOUT` is heeded and `GRAVEN_MODE` is not: who reverts has said what to do.
    ///
    /// # Errors
    ///
    /// [`Error::NotRevertible`], before anything is touched, with everything that stands in the way: a migration without a
    /// reverse, and what is modified, orphaned, incomplete or future among those to revert. What conflicts below them is no
    /// obstacle. [`Error::MigrationFailed`] for a reverse that failed, with the place in its file;
    /// [`Error::reverted`] says what had been reverted before. [`Error::NoSuchVersion`] for a version that nobody knows, and
    /// [`Error::LockTimeout`] while another instance is migrating.
    ///
    /// # Transactions
    ///
    /// Each reverse and the removal of its row are one transaction. It removes the row first, and only as it was seen: of
    /// two that revert the same migration at once, one does, even where no lock holds.
    ///
    /// A reverse with `-- graven: transaction = off` runs statement by statement, and the row is removed after the last one.
    /// Cut off in between, the migration still counts as applied, and the next revert runs the whole reverse again: write
    /// `IF EXISTS`. All its statements but the last must be `DROP … IF EXISTS` or settings; others are refused. Behind a
    /// transaction pooler there is no lock to keep two such reverses apart, and [`Error::Pooled`] refuses it.
    ///
    /// # Cancellation
    ///
    /// As for [`Migrations::run`](crate::Migrations::run): a reverse in a transaction takes effect whole or not at all. Close the connection, and look
    /// at the status before you count steps again.
    pub async fn revert<C: Connection>(&mut self, connection: &mut C, target: Target) -> Result<RevertReport, Error> {
        let options = self.options()?.with_environment()?;
        guard::check(self.migrations())?;
        verb("revert", &options.namespace, self.over(connection, &options).revert(target)).await
    }

    /// Takes the highest applied migration back and applies it again, for one that is still being written: it may have been
    /// edited since it was applied. Both happen under one lock, by its reverse and its text as they are now. The repeatables,
    /// whose work its reverse may have taken along, are applied after it, unless another migration is pending: then they are,
    /// too.
    ///
    /// ```no_run
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # async fn again(client: &mut tokio_postgres::Client) -> Result<(), graven::Error> {
    /// let redone = MIGRATIONS.migrator().redo(client, 2).await?;
    /// println!("{} {} is applied as it is now", redone.version, redone.name);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Before anything is touched: [`Error::NothingToRedo`] where it is not applied, [`Error::NotHighest`] where something is
    /// applied above it, [`Error::RedoSealed`] where it is sealed (see [`redo_sealed`](Self::redo_sealed)), and
    /// [`Error::NotRevertible`] where it has no reverse, is incomplete, or anything else conflicts. Later, as for
    /// [`revert`](Self::revert) and [`run`](Self::run): [`Error::reverted`] says whether it had been reverted.
    ///
    /// # Transactions
    ///
    /// Two: one takes it back, the other applies it; and one for each repeatable. Where one fails, it is pending, and the next
    /// run applies it.
    ///
    /// # Cancellation
    ///
    /// As for [`revert`](Self::revert).
    pub async fn redo<C: Connection>(&mut self, connection: &mut C, version: i64) -> Result<Redone, Error> {
        let options = self.options()?.with_environment()?;
        guard::check(self.migrations())?;
        verb("redo", &options.namespace, self.over(connection, &options).redo(version)).await
    }
}

impl<C: Connection> Run<'_, '_, C> {
    /// The verb `revert`.
    pub(crate) async fn revert(mut self, target: Target) -> Result<RevertReport, Error> {
        let seen = self.look().await?;
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
        let repeatables = self.finish(&table, state, role_before, outcome).await?;
        Ok(RevertReport { repeatables, ..self.revert_report() })
    }

    /// Hands back the repeatables that are pending again.
    async fn revert_rounds(
        &mut self,
        table: &Table,
        mut seen: Look,
        extent: Extent,
        state: &mut Option<SessionState>,
    ) -> Result<Vec<String>, Error> {
        let mut again = Vec::new();
        let mut overtaken = Overtaken::default();
        for _ in 0..MOST_ROUNDS {
            let reversals = self.reversals(&seen, extent);
            let reversals = reversals.map_err(|obstacles| self.not_revertible(&seen, obstacles))?;
            if reversals.is_empty() {
                return Ok(again);
            }
            let migrations: Vec<MigrationName<'_>> = reversals.iter().map(Reversal::named).collect();
            let (database, history) = (&seen.server.database, &table.shown());
            let repeatables = self.recorded_repeatables(&seen);
            let to_revert = Event::ToRevert { database, history, migrations: &migrations, repeatables: &repeatables };
            self.observers.tell(&to_revert);
            let outcome = self.take_back(table, &seen, &reversals, state).await?;
            if self.has_reverted() {
                again.extend(repeatables);
            }
            if outcome == Outcome::Applied {
                return Ok(again);
            }
            let now = self.look().await?;
            overtaken.by(table, &seen, &now)?;
            seen = now;
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
        guard::refuse_torn(&self.set, reversals.iter().map(|reversal| reversal.reverse))?;
        let claimant = self.claimant(seen);
        let state = match state {
            Some(state) => state,
            None => state.insert(self.prepare(table, seen).await?),
        };
        self.refuse_pooled_role()?;
        state.reaches(self.session.reach());
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
        let seen = self.look().await?;
        let held = self.hold(seen, |run, seen| match run.redoable(seen, version) {
            // Incomplete may only mean that another instance is at it right now: the lock will tell.
            Err(Refused::Obstacles(obstacles)) if obstacles.iter().any(is_under_way) => Ok(()),
            Err(refused) => Err(run.not_redoable(seen, version, refused)),
            Ok(_) => Ok(()),
        });
        let Held { table, seen, role_before } = held.await?;
        let mut state = None;
        let outcome = self.redo_under_lock(&table, seen, version, &mut state).await;
        self.flush(&table).await;
        self.finish(&table, state, role_before, outcome).await
    }

    async fn redo_under_lock(
        &mut self,
        table: &Table,
        mut seen: Look,
        version: i64,
        state: &mut Option<SessionState>,
    ) -> Result<Redone, Error> {
        let mut overtaken = Overtaken::default();
        for _ in 0..MOST_ROUNDS {
            let reversal = self.redoable(&seen, version);
            let reversal = reversal.map_err(|refused| self.not_redoable(&seen, version, refused))?;
            // What cannot be applied again is not taken back.
            let again = self.again(&seen, reversal.migration);
            guard::refuse_torn(&self.set, again.steps.iter().map(|step| step.migration))?;
            if self.take_back(table, &seen, &[reversal], state).await? == Outcome::Applied {
                return self.apply_again(table, &seen, reversal, state).await;
            }
            let now = self.look().await?;
            overtaken.by(table, &seen, &now)?;
            seen = now;
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
        let plan = self.again(seen, migration);
        let last = plan.steps.last().map_or(migration, |step| step.migration);
        let claimant = self.claimant(seen);
        let state = match state {
            Some(state) => state,
            None => state.insert(self.prepare(table, seen).await?),
        };
        let (options, versioned) = (self.options, self.set.migrations);
        let applying = Applying { table, claimant: &claimant, state, options, versioned, last };
        // Where no lock holds, another instance may have been faster: then it is applied as well.
        let (Round::Finished | Round::Overtaken) = self.steps(applying, &plan).await?;
        let (redone, repeatables) = self.take_applied().into_iter().partition::<Vec<_>, _>(|it| it.version.is_some());
        let left = if plan.steps.len() > 1 { Vec::new() } else { self.recorded_repeatables(seen) };
        Ok(Redone {
            version: migration.version,
            name: migration.name().to_owned(),
            reverting: self.take_reverted().last().map(|reverted| reverted.duration).unwrap_or_default(),
            applying: redone.last().map(|applied| applied.duration).unwrap_or_default(),
            repeatables,
            pending: left,
        })
    }

    /// What is to be applied after a migration was taken back: itself, and the repeatables if nothing else is pending, for
    /// which they would wait.
    fn again(&self, seen: &Look, migration: &'static Migration) -> Plan {
        let others: Vec<Record> =
            seen.records.iter().filter(|record| record.version != Some(migration.version)).cloned().collect();
        let is_alone = plan(self.set.migrations, &others, Policy { to: None, ..self.options.policy })
            .is_ok_and(|plan| plan.steps.len() == 1);
        let repeatables = self.set.repeatables.iter().filter(|_| is_alone).map(|repeatable| &repeatable.0);
        let steps = std::iter::once(migration).chain(repeatables);
        Plan { steps: steps.map(|migration| Step { migration, start: Start::Fresh }).collect(), ..Plan::default() }
    }

    /// The repeatables of the set that a look has seen as applied, whatever their texts: a reverse makes them pending.
    fn recorded_repeatables(&self, seen: &Look) -> Vec<String> {
        let is_recorded = |name: &str| seen.records.iter().any(|it| it.version.is_none() && it.name == name);
        let names = self.set.repeatables.iter().map(Repeatable::name);
        names.filter(|name| is_recorded(name)).map(str::to_owned).collect()
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
        let (waited, duration) = (self.waited, self.started.elapsed());
        RevertReport { reverted: self.take_reverted(), repeatables: Vec::new(), waited, duration }
    }
}

fn is_under_way(obstacle: &Obstacle) -> bool {
    matches!(obstacle, Obstacle::Conflict(conflict @ Conflict::Incomplete { .. }) if is_incomplete(conflict))
}

pub(crate) fn changing(table: &Table) -> Error {
    Error::HistoryChanging { history: table.shown() }
}
