//! The engine: look, lock, look again, apply, unlock. Written once, for every driver.

mod account;
mod looking;
mod others;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use self::account::pending;
use crate::apply::keep::gives_up_locks;
use crate::apply::{Applying, Outcome as StepOutcome, Way};
use crate::connection::{Connection, Reply};
#[cfg(feature = "tokio-postgres")]
use crate::driver::{Listening, Warnings};
use crate::error::conflict::IncompleteReason;
use crate::error::{Conflict, Error};
use crate::event::{Event, Observers};
use crate::guard;
use crate::history::{self, Claimant, Detail, Record, Table};
use crate::look::glance::Glance;
use crate::look::{IntoExisting, Look, Question, admit, table, table_or_refuse};
use crate::migrations::{Migration, Migrations, Transaction};
use crate::options::Options;
use crate::plan::{Plan, Step};
use crate::report::{Applied, Outcome, Report, Reverted};
use crate::session::settings::SessionState;
use crate::session::{Reach, Session};
use crate::sql::literal;
use crate::verb::status::Status;
use crate::verb::under_lock::Acquired;

/// How often a run starts over because another one applied, without the lock, what this one was about to.
///
/// Each time at least one migration was applied, so that this bounds nothing that makes progress but a bug.
const MOST_ROUNDS: usize = 10_000;

/// How often in a row a claim has failed though the history is as it was.
#[derive(Debug, Default)]
pub(crate) struct Overtaken(usize);

impl Overtaken {
    /// Refuses where nobody else has changed the history again and again: this role sees a row that a policy keeps it from
    /// changing.
    pub(crate) fn by(&mut self, table: &Table, seen: &Look, now: &Look) -> Result<(), Error> {
        const MOST: usize = 3;
        self.0 = if now.records == seen.records { self.0 + 1 } else { 0 };
        match self.0 {
            MOST.. => Err(Error::HistoryHidden { role: now.server.user.clone(), history: table.shown() }),
            _ => Ok(()),
        }
    }
}

/// One verb's run over one connection.
pub(crate) struct Run<'r, 'c, C: Connection> {
    pub(crate) session: Session<'c, C>,
    pub(crate) set: Migrations,
    pub(crate) options: &'r Options,
    pub(crate) observers: Observers<'r>,
    pub(crate) started: Instant,
    pub(crate) waited: Duration,
    /// What it has applied.
    applied: Vec<Applied>,
    /// What it has reverted.
    reverted: Vec<Reverted>,
    /// The last migration that was committed without waiting for the disk, unless one has waited since.
    unflushed: Option<&'static Migration>,
}

impl<'r, 'c, C: Connection> Run<'r, 'c, C> {
    pub(crate) fn new(connection: &'c mut C, set: Migrations, options: &'r Options, observers: Observers<'r>) -> Self {
        let session = Session::new(connection);
        #[cfg(feature = "tokio-postgres")]
        let session = session.beside(options.beside.clone());
        Self {
            session,
            set,
            options,
            observers,
            started: Instant::now(),
            waited: Duration::ZERO,
            applied: Vec::new(),
            reverted: Vec::new(),
            unflushed: None,
        }
    }

    /// Sends a message that holds what people have written, and tells what PostgreSQL has warned of meanwhile. A migration that
    /// has the message to itself is named.
    pub(crate) async fn execute(&mut self, alone: Option<&Migration>, sql: &str) -> Reply {
        #[cfg(feature = "tokio-postgres")]
        let listening = self.options.warnings.as_ref().map(Warnings::listen);
        let reply = self.session.execute(sql).await;
        #[cfg(feature = "tokio-postgres")]
        for warning in listening.map(Listening::heard).unwrap_or_default() {
            let version = alone.filter(|it| it.kind() != graven_source::Kind::Repeatable).map(|it| it.version);
            self.observers.tell(&Event::Warned { version, name: alone.map(Migration::name), warning: &warning });
        }
        #[cfg(not(feature = "tokio-postgres"))]
        let _ = alone;
        reply
    }

    pub(crate) fn question(&self, detail: Detail) -> Question<'r> {
        self.options.question(detail)
    }

    /// The verb `run`.
    pub(crate) async fn apply(mut self) -> Result<Report, Error> {
        let seen = match self.glance().await? {
            Glance::Agrees(server) => return Ok(self.up_to_date(server)),
            Glance::Differs(seen) => seen,
        };
        // The lock of a primary cannot be seen from its standby.
        let plan = match seen.server.in_recovery {
            true => self.plan_beside_others(&seen),
            false => self.plan(&seen),
        };
        if let Ok(plan) = &plan {
            self.looked(&seen, plan);
        }
        match plan {
            Ok(plan) if plan.steps.is_empty() => return Ok(self.report(Outcome::UpToDate, plan)),
            Ok(plan) if seen.server.in_recovery => return Err(Error::Standby { pending: pending(&self.set, &plan) }),
            Ok(_) => {}
            // Incomplete may only mean that another instance is at it right now: the lock will tell.
            Err(conflicts) if seen.server.in_recovery || !conflicts.iter().any(is_incomplete) => {
                return Err(self.conflicts(&seen, conflicts));
            }
            Err(_) => {}
        }
        let table = table_or_refuse(self.question(Detail::Plan), &seen.server)?;
        let role_before = seen.role_before.clone();
        match self.acquire(&table, seen).await? {
            Acquired::Elsewhere(plan) => {
                self.observers.tell(&Event::AppliedElsewhere { waited: self.waited });
                Ok(self.report(Outcome::UpToDate, plan))
            }
            Acquired::Lock(seen) => {
                let outcome = match self.refuse_pooled_role() {
                    Ok(()) => self.locked(&table, *seen).await,
                    Err(error) => Err(error),
                };
                self.leave(&table, role_before, outcome).await
            }
        }
    }

    /// The verb `verify`.
    pub(crate) async fn verify(mut self) -> Result<Report, Error> {
        let seen = match self.glance().await? {
            Glance::Agrees(_) => return Ok(self.report(Outcome::UpToDate, self.all_applied())),
            Glance::Differs(seen) => seen,
        };
        let plan = match self.plan(&seen) {
            Ok(plan) => plan,
            Err(conflicts) => {
                let conflicts = self.with_holder(&seen, conflicts).await;
                let is_others = seen.server.in_recovery || conflicts.iter().any(is_running);
                match self.plan_beside_others(&seen) {
                    Ok(plan) if is_others => plan,
                    _ => return Err(self.conflicts(&seen, conflicts)),
                }
            }
        };
        if plan.steps.is_empty() {
            return Ok(self.report(Outcome::UpToDate, plan));
        }
        match self.doubt(&seen).await? {
            // No proof that nothing is applied.
            Some(error @ Error::HistoryElsewhere { foreign: None, .. }) => Err(error),
            refusal => Err(Error::NotApplied { pending: pending(&self.set, &plan), refusal: refusal.map(Box::new) }),
        }
    }

    /// The verb `status`.
    pub(crate) async fn status(mut self) -> Result<Status, Error> {
        let seen = self.look_at(Detail::Full).await?;
        let history = table(self.question(Detail::Full), &seen.server).map(|table| table.shown());
        let (elsewhere, refusal) = match self.doubt(&seen).await? {
            Some(Error::HistoryElsewhere { found, foreign: None, .. }) => (Some(found), None),
            // With nothing to apply, a run has nothing to refuse.
            refusal => (None, refusal.filter(|_| !self.set.is_empty())),
        };
        let conflicts = self.plan(&seen).err().unwrap_or_default();
        let conflicts = self.with_holder(&seen, conflicts).await;
        let status = Status::new(history, &self.options.namespace, &self.set, &seen.records, conflicts);
        Ok(Status { elsewhere, refusal: refusal.map(Arc::new), ..status })
    }

    /// Refuses to begin under the default namespace what is applied under another: whoever forgot to name it would run
    /// everything again.
    pub(crate) async fn refuse_forgotten_namespace(&mut self, table: &Table, seen: &Look) -> Result<(), Error> {
        let beginning = seen.server.table_exists && seen.records.is_empty() && table.namespace.is_empty();
        if !beginning || self.set.is_empty() || self.options.into_existing == IntoExisting::Allow {
            return Ok(());
        }
        let ask = history::same_elsewhere(table, self.set.migrations);
        let results = self.session.expect("looking at other namespaces", &ask).await?;
        match results.first().and_then(|rows| rows.first()) {
            Some(row) => Err(Error::AppliedUnder { namespace: row.text(0).to_owned(), history: table.shown() }),
            None => Ok(()),
        }
    }

    /// Everything that happens under the lock. An error of any kind says what had been applied before it.
    async fn locked(&mut self, table: &Table, seen: Look) -> Result<Report, Error> {
        let mut state = None;
        let outcome = self.rounds(table, seen, &mut state).await;
        self.flush(table).await;
        if let Some(state) = &state {
            state.finish(&mut self.session).await;
        }
        outcome.map_err(|error| self.after_what_was_done(error))
    }

    /// Sees to it that what was applied is on disk, where the last commit that waits for it did not come.
    pub(crate) async fn flush(&mut self, table: &Table) {
        let Some(migration) = self.unflushed.take() else { return };
        // Without a BEGIN: a message that fails leaves no transaction open (PostgreSQL manual, 55.2.2.1).
        let flush = format!("{}{}", self.by_word(), history::flush(table, history::id(migration)));
        if let Err(error) = self.session.expect("flushing what was applied", &flush).await {
            // Only if the server crashes at this moment is any of it lost, and then applied again by the next run.
            tracing::warn!(target: "graven", %error, "what was applied may not be on disk yet");
        }
    }

    /// Plans and applies until nothing is left to do.
    async fn rounds(
        &mut self,
        table: &Table,
        mut seen: Look,
        state: &mut Option<SessionState>,
    ) -> Result<Report, Error> {
        let mut overtaken = Overtaken::default();
        for _ in 0..MOST_ROUNDS {
            seen = self.let_others_finish(table, seen).await?;
            // Of what was begun behind a pooler nobody can know that nobody is at it.
            let is_beside_others = seen.records.iter().any(Record::was_begun_behind_a_pooler);
            let plan = match self.session.reach() {
                Reach::Own if !is_beside_others => self.plan(&seen),
                _ => self.plan_beside_others(&seen),
            };
            let plan = plan.map_err(|conflicts| self.conflicts(&seen, conflicts))?;
            let Some(last) = plan.steps.last().map(|step| step.migration) else {
                if self.applied.is_empty() {
                    self.observers.tell(&Event::AppliedElsewhere { waited: self.waited });
                    return Ok(self.report(Outcome::UpToDate, plan));
                }
                return Ok(self.report(Outcome::Applied, plan));
            };
            admit(self.question(Detail::Plan), &seen.server, self.options.into_existing)?;
            self.refuse_forgotten_namespace(table, &seen).await?;
            let state = match state {
                Some(state) => state,
                None => state.insert(self.prepare(table, &seen).await?),
            };
            // Each look may have been the one that met a pooler.
            self.refuse_pooled_role()?;
            state.reaches(self.session.reach());
            let claimant = self.claimant(&seen);
            let (options, versioned) = (self.options, self.set.migrations);
            let applying = Applying { table, claimant: &claimant, state, options, versioned, last };
            let round = self.steps(applying, &plan).await;
            let is_first = seen.records.is_empty() && self.applied.is_empty();
            match round.map_err(|error| if is_first { at_the_first(error) } else { error })? {
                Round::Finished => return Ok(self.report(Outcome::Applied, plan)),
                Round::Overtaken => {
                    let now = self.look().await?;
                    overtaken.by(table, &seen, &now)?;
                    seen = now;
                }
            }
        }
        Err(Error::HistoryChanging { history: table.shown() })
    }

    /// Who this is to the history.
    pub(crate) fn claimant(&self, seen: &Look) -> Claimant {
        Claimant::new(&seen.server.run, &self.observers.instance, self.session.reach())
    }

    /// Makes the history table where there is none, and reads the session's settings, in one message.
    pub(crate) async fn prepare(&mut self, table: &Table, seen: &Look) -> Result<SessionState, Error> {
        let become_role = self.options.role.as_deref().map(set_role);
        let become_role = become_role.as_deref();
        if become_role.is_some() {
            self.session.owes_role();
        }
        if seen.server.table_exists {
            return SessionState::capture(&mut self.session, become_role, None).await;
        }
        // It is on disk when the first that is applied is.
        let create = format!("SET LOCAL synchronous_commit = off;\n{}", history::create(table));
        let made = SessionState::capture(&mut self.session, become_role, Some(&create)).await;
        let Err(error) = made else { return made };
        // Another run may have made it at this very moment, where no lock holds: IF NOT EXISTS does not cover that, and one
        // of the two trips over one of the catalog's own keys.
        match self.look().await {
            Ok(seen) if seen.server.table_exists => SessionState::capture(&mut self.session, become_role, None).await,
            _ => Err(error),
        }
    }

    /// Runs the steps of a plan, until one was claimed by somebody else.
    pub(crate) async fn steps(&mut self, applying: Applying<'_>, plan: &Plan) -> Result<Round, Error> {
        guard::refuse_torn(&self.set, plan.steps.iter().map(|step| step.migration))?;
        let of = plan.steps.len();
        let mut left = plan.steps.as_slice();
        while let Some(first) = left.first() {
            let way = Way::of(left);
            let (steps, rest) = left.split_at_checked(way.steps()).unwrap_or((left, &[]));
            for (at, step) in steps.iter().enumerate() {
                self.applying(step, of - left.len() + at + 1, of);
            }
            self.session.gives_up_after(steps.iter().filter_map(|step| self.options.lock_timeout_of(step.migration)));
            let outcome = match way {
                Way::Together(_) => applying.together(self, steps).await?,
                Way::InPieces => applying.in_pieces(self, first).await?,
                Way::StatementByStatement => applying.statement_by_statement(self, first).await?,
            };
            if outcome == StepOutcome::ClaimedElsewhere {
                return Ok(Round::Overtaken);
            }
            let transactional = |step: &&Step| step.migration.details().transaction == Transaction::On;
            if !rest.is_empty() && steps.iter().filter(transactional).any(|step| gives_up_locks(step.migration.sql())) {
                self.keep_the_lock(applying.table).await;
            }
            left = rest;
        }
        Ok(Round::Finished)
    }
}

/// The error of a migration before which nothing was applied, neither by this run nor by another.
fn at_the_first(error: Error) -> Error {
    match error {
        Error::MigrationFailed(mut failed) => {
            failed.is_first = true;
            Error::MigrationFailed(failed)
        }
        other => other,
    }
}

/// The statement that makes the session run as a role until another is set.
pub(crate) fn set_role(role: &str) -> String {
    format!("SELECT pg_catalog.set_config('role', {}, false)", literal(role))
}

/// What came of running the steps of a plan.
pub(crate) enum Round {
    /// All have run.
    Finished,
    /// Somebody else has claimed one: the plan is out of date.
    Overtaken,
}

pub(crate) fn is_incomplete(conflict: &Conflict) -> bool {
    matches!(conflict, Conflict::Incomplete { .. })
}

fn is_running(conflict: &Conflict) -> bool {
    matches!(conflict, Conflict::Incomplete { reason: IncompleteReason::Running { .. }, .. })
}
