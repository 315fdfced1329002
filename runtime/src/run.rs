//! The engine: look, lock, look again, apply, unlock. Written once, for every driver.

use std::time::{Duration, Instant};

use graven_source::Kind;

use crate::apply::{Applying, Outcome as StepOutcome, Way, covered};
use crate::conflict::Rows;
use crate::connection::Connection;
use crate::error::{Conflict, Error, Pending};
use crate::event::{Event, Observers};
use crate::foreign;
use crate::glance::{Glance, glance};
use crate::history::{self, Claimant, Detail, Record, Server, Table};
use crate::lock::{self, Waiting};
use crate::look::{IntoExisting, Locked, Look, Question, admit, look, may_write, table, try_lock_and_look};
use crate::migrations::{Migration, Migrations, Transaction};
use crate::options::Options;
use crate::plan::{Plan, Step, plan_all};
use crate::report::{Applied, Outcome, Report, Reverted};
use crate::session::{Reach, Session};
use crate::sql::literal;
use crate::state::SessionState;
use crate::status::Status;

/// How often a run starts over because another one applied, without the lock, what this one was about to.
///
/// Each time at least one migration was applied, so that this bounds nothing that makes progress but a bug.
const MOST_ROUNDS: usize = 10_000;

/// One verb's run over one connection.
pub(crate) struct Run<'r, 'c, C> {
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
        Self {
            session: Session::new(connection),
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

    pub(crate) fn question(&self, detail: Detail) -> Question<'r> {
        self.options.question(detail)
    }

    /// The verb `run`.
    pub(crate) async fn apply(mut self) -> Result<Report, Error> {
        let seen = match self.glance().await? {
            Glance::Agrees(server) => return Ok(self.up_to_date(server)),
            Glance::Differs(seen) => seen,
        };
        let plan = self.plan(&seen);
        if let Ok(plan) = &plan {
            self.looked(&seen, plan);
        }
        match plan {
            Ok(plan) if plan.steps.is_empty() => return Ok(self.report(Outcome::UpToDate, plan)),
            Ok(plan) if seen.server.in_recovery => return Err(Error::Standby { pending: pending(&plan) }),
            Ok(_) => {}
            // Incomplete may only mean that another instance is at it right now: the lock will tell.
            Err(conflicts) if seen.server.in_recovery || !conflicts.iter().any(is_incomplete) => {
                return Err(self.conflicts(&seen, conflicts));
            }
            Err(_) => {}
        }
        let table = table(self.question(Detail::Plan), &seen.server).ok_or(Error::NoSchema)?;
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
                return Err(self.conflicts(&seen, conflicts));
            }
        };
        if plan.steps.is_empty() {
            return Ok(self.report(Outcome::UpToDate, plan));
        }
        Err(Error::NotApplied { pending: pending(&plan) })
    }

    async fn glance(&mut self) -> Result<Glance, Error> {
        let question = self.question(Detail::Plan);
        let seen = glance(&mut self.session, question, &self.set).await?;
        let (Glance::Agrees(server) | Glance::Differs(Look { server, .. })) = &seen;
        self.introduce(server);
        Ok(seen)
    }

    pub(crate) async fn first_look(&mut self) -> Result<Look, Error> {
        let question = self.question(Detail::Plan);
        let seen = look(&mut self.session, question).await?;
        self.introduce(&seen.server);
        Ok(seen)
    }

    /// Remembers who this is, for the log and the history.
    fn introduce(&mut self, server: &Server) {
        if self.observers.instance.is_empty() {
            self.observers.instance = instance(&server.application);
            self.observers.watch.reached(server);
        }
    }

    fn all_applied(&self) -> Plan {
        Plan { applied: self.set.len(), ..Plan::default() }
    }

    /// What a run reports that had nothing to do.
    fn up_to_date(&mut self, server: Server) -> Report {
        let plan = self.all_applied();
        self.looked(&Look { server, ..Look::default() }, &plan);
        self.report(Outcome::UpToDate, plan)
    }

    /// The verb `status`.
    pub(crate) async fn status(mut self) -> Result<Status, Error> {
        let question = self.question(Detail::Full);
        let seen = look(&mut self.session, question).await?;
        let history = table(question, &seen.server).map(|table| table.shown());
        let conflicts = self.plan(&seen).err().unwrap_or_default();
        let conflicts = self.with_holder(&seen, conflicts).await;
        Ok(Status::new(history, &self.options.namespace, &self.set, &seen.records, conflicts))
    }

    /// Conflicts with who is at an incomplete migration right now, if anybody is: one more round trip, then only.
    async fn with_holder(&mut self, seen: &Look, conflicts: Vec<Conflict>) -> Vec<Conflict> {
        let table = table(self.question(Detail::Plan), &seen.server);
        let (Some(table), true) = (table, conflicts.iter().any(is_incomplete)) else { return conflicts };
        match lock::holder(&mut self.session, &table).await {
            Some(holder) => conflicts.into_iter().map(|conflict| conflict.running(&holder)).collect(),
            None => conflicts,
        }
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

    /// Waits for the lock, looking again at each try.
    async fn acquire(&mut self, table: &Table, mut seen: Look) -> Result<Acquired, Error> {
        let mut waiting = Waiting::new(self.options.lock_timeout);
        loop {
            let question = self.question(Detail::Plan);
            let (locked, now) = try_lock_and_look(&mut self.session, question, table, &seen).await?;
            self.waited = waiting.so_far();
            if locked == Locked::Yes {
                self.observers.tell(&Event::LockAcquired { waited: self.waited });
                return Ok(Acquired::Lock(Box::new(now)));
            }
            if let Ok(plan) = self.plan(&now)
                && plan.steps.is_empty()
            {
                return Ok(Acquired::Elsewhere(plan));
            }
            // Who may not write need not wait for the lock to hear of it.
            may_write(table, &now.server)?;
            seen = now;
            self.wait(table, &mut waiting).await?;
        }
    }

    /// Waits until the next try for the lock, or gives up.
    pub(crate) async fn wait(&mut self, table: &Table, waiting: &mut Waiting) -> Result<(), Error> {
        let waited = waiting.began.elapsed();
        let left = waiting.timeout.saturating_sub(waited);
        if left.is_zero() {
            let holder = lock::holder(&mut self.session, table).await.map(Box::new);
            return Err(Error::LockTimeout { waited, holder });
        }
        if !waiting.announced {
            waiting.announced = true;
            let holder = lock::holder(&mut self.session, table).await;
            self.observers.tell(&Event::LockWaiting { holder: holder.as_ref(), timeout: waiting.timeout });
        }
        self.session.pause(waiting.backoff.pause(left)).await;
        Ok(())
    }

    /// Everything that happens under the lock. An error of any kind says what had been applied before it.
    async fn locked(&mut self, table: &Table, seen: Look) -> Result<Report, Error> {
        let mut state = None;
        let outcome = self.rounds(table, seen, &mut state).await;
        let flush = self.unflushed.take().map(|migration| history::flush(table, history::id(migration)));
        if let Some(flush) = flush
            && let Err(error) = self.session.expect("flushing what was applied", &flush).await
        {
            // Only if the server crashes at this moment is any of it lost, and then applied again by the next run.
            tracing::warn!(target: "graven", %error, "what was applied may not be on disk yet");
        }
        if let Some(state) = &state {
            state.finish(&mut self.session).await;
        }
        outcome.map_err(|error| self.after_what_was_done(error))
    }

    /// An error with what had been done before it.
    pub(crate) fn after_what_was_done(&mut self, error: Error) -> Error {
        self.observers.watch.failed(&error);
        let (applied, reverted) = (std::mem::take(&mut self.applied), self.take_reverted());
        match error {
            Error::MigrationFailed(mut failed) => {
                (failed.applied, failed.reverted) = (applied, reverted);
                Error::MigrationFailed(failed.with_flags(self.options.flags()))
            }
            error if applied.is_empty() && reverted.is_empty() => error,
            error => Error::Stopped { applied, reverted, source: Box::new(error) },
        }
    }

    /// Plans and applies until nothing is left to do.
    async fn rounds(
        &mut self,
        table: &Table,
        mut seen: Look,
        state: &mut Option<SessionState>,
    ) -> Result<Report, Error> {
        for _ in 0..MOST_ROUNDS {
            seen = self.let_others_finish(table, seen).await?;
            let plan = self.plan(&seen).map_err(|conflicts| self.conflicts(&seen, conflicts))?;
            let Some(last) = plan.steps.last().map(|step| step.migration) else {
                if self.applied.is_empty() {
                    self.observers.tell(&Event::AppliedElsewhere { waited: self.waited });
                    return Ok(self.report(Outcome::UpToDate, plan));
                }
                return Ok(self.report(Outcome::Applied, plan));
            };
            if let Err(error) = admit(self.question(Detail::Plan), &seen.server, self.options.into_existing) {
                return Err(foreign::named(&mut self.session, error).await);
            }
            self.refuse_forgotten_namespace(table, &seen).await?;
            let state = match state {
                Some(state) => state,
                None => state.insert(self.prepare(table, &seen).await?),
            };
            let claimant = Claimant { run: seen.server.run.clone(), applied_as: self.observers.instance.clone() };
            let (options, versioned) = (self.options, self.set.migrations);
            let applying = Applying { table, claimant: &claimant, state, options, versioned, last };
            match self.steps(applying, &plan).await? {
                Round::Finished => return Ok(self.report(Outcome::Applied, plan)),
                Round::Overtaken => {
                    let question = self.question(Detail::Plan);
                    seen = look(&mut self.session, question).await?;
                }
            }
        }
        Err(Error::HistoryUnreadable {
            history: table.shown(),
            reason: "its rows change faster than they can be read".to_owned(),
        })
    }

    /// Where no lock can be held, only time tells whether a migration that is incomplete is being run at this moment: it is
    /// given as much as a lock would be.
    async fn let_others_finish(&mut self, table: &Table, mut seen: Look) -> Result<Look, Error> {
        if self.session.reach() == Reach::Own {
            return Ok(seen);
        }
        let mut waiting = Waiting::new(self.options.lock_timeout);
        while seen.records.iter().any(Record::is_started) && waiting.began.elapsed() < waiting.timeout {
            self.wait(table, &mut waiting).await?;
            let question = self.question(Detail::Plan);
            seen = look(&mut self.session, question).await?;
        }
        Ok(seen)
    }

    /// Makes the history table where there is none, and reads the session's settings, in one message.
    pub(crate) async fn prepare(&mut self, table: &Table, seen: &Look) -> Result<SessionState, Error> {
        let become_role = self.options.role.as_deref().map(set_role);
        let become_role = become_role.as_deref();
        if seen.server.table_exists {
            return SessionState::capture(&mut self.session, become_role, None).await;
        }
        // It is on disk when the first that is applied is.
        let create = format!("SET LOCAL synchronous_commit = off;\n{}", history::create(table));
        let made = SessionState::capture(&mut self.session, become_role, Some(&create)).await;
        let Err(error) = made else { return made };
        // Another run may have made it at this very moment, where no lock holds: IF NOT EXISTS does not cover that, and one
        // of the two trips over one of the catalog's own keys.
        let question = self.question(Detail::Plan);
        match look(&mut self.session, question).await {
            Ok(seen) if seen.server.table_exists => SessionState::capture(&mut self.session, become_role, None).await,
            _ => Err(error),
        }
    }

    fn looked(&mut self, seen: &Look, plan: &Plan) {
        let history = self.history(seen);
        let (applied, pending) = (plan.applied, plan.steps.len());
        self.observers.tell(&Event::Looked { database: &seen.server.database, history: &history, applied, pending });
    }

    /// Runs the steps of a plan, until one was claimed by somebody else.
    pub(crate) async fn steps(&mut self, applying: Applying<'_>, plan: &Plan) -> Result<Round, Error> {
        let of = plan.steps.len();
        let mut left = plan.steps.as_slice();
        while let Some(first) = left.first() {
            let way = Way::of(left);
            let (steps, rest) = left.split_at_checked(way.steps()).unwrap_or((left, &[]));
            for (at, step) in steps.iter().enumerate() {
                self.applying(step, of - left.len() + at + 1, of);
            }
            let outcome = match way {
                Way::Together(_) => applying.together(self, steps).await?,
                Way::InPieces => applying.in_pieces(self, first).await?,
                Way::StatementByStatement => applying.statement_by_statement(self, first).await?,
            };
            if outcome == StepOutcome::ClaimedElsewhere {
                return Ok(Round::Overtaken);
            }
            left = rest;
        }
        Ok(Round::Finished)
    }

    /// Tells that a migration is about to be sent.
    fn applying(&mut self, step: &Step, number: usize, of: usize) {
        let (version, name) = (step.migration.version, step.migration.name());
        match step.migration.kind() {
            Kind::Repeatable => self.observers.tell(&Event::ApplyingRepeatable { name, number, of }),
            kind => {
                if kind == Kind::Baseline {
                    let covers = covered(self.set.migrations, version).len();
                    self.observers.tell(&Event::Baseline { version, name, covers });
                }
                self.observers.tell(&Event::Applying { version, name, number, of });
            }
        }
    }

    /// Notes and tells that a migration is applied.
    pub(crate) fn applied(&mut self, migration: &'static Migration, duration: Duration, last: &'static Migration) {
        let (version, name) = (migration.version, migration.name());
        // Outside of a transaction every statement waits for the disk, and with it for all before it.
        let waited = std::ptr::eq(migration, last) || migration.details().transaction == Transaction::Off;
        self.unflushed = (!waited).then_some(migration);
        self.observers.tell(&match migration.kind() {
            Kind::Repeatable => Event::AppliedRepeatable { name, duration },
            _ => Event::Applied { version, name, duration },
        });
        let (version, kind) = (migration.number(), migration.kind());
        self.applied.push(Applied { version, name: name.to_owned(), kind, duration });
    }

    /// Notes and tells that a migration is reverted.
    pub(crate) fn reverted(&mut self, migration: &Migration, duration: Duration) {
        let (version, name) = (migration.version, migration.name());
        self.observers.tell(&Event::Reverted { version, name, duration });
        self.reverted.push(Reverted { version, name: name.to_owned(), duration });
    }

    pub(crate) fn take_reverted(&mut self) -> Vec<Reverted> {
        std::mem::take(&mut self.reverted)
    }

    pub(crate) fn last_applied(&self) -> Option<&Applied> {
        self.applied.last()
    }

    /// What a run would do, or the conflicts that it would refuse.
    pub(crate) fn plan(&self, seen: &Look) -> Result<Plan, Vec<Conflict>> {
        plan_all(&self.set, &seen.records, self.options.policy)
            .map_err(|conflicts| conflicts.into_iter().map(|it| self.located(seen, it)).collect())
    }

    /// A conflict with what makes its remedy one that can be typed as it stands.
    pub(crate) fn located(&self, seen: &Look, conflict: Conflict) -> Conflict {
        let rows = Rows { history: &self.history(seen), namespace: &self.options.namespace };
        conflict.located(self.set.directory, rows, &self.options.flags())
    }

    /// The history table as people write it.
    pub(crate) fn history(&self, seen: &Look) -> String {
        table(self.question(Detail::Plan), &seen.server).map_or_else(String::new, |table| table.shown())
    }

    pub(crate) fn conflicts(&self, seen: &Look, conflicts: Vec<Conflict>) -> Error {
        Error::Conflicts { conflicts, history: self.history(seen) }
    }

    fn report(&mut self, outcome: Outcome, plan: Plan) -> Report {
        let applied = std::mem::take(&mut self.applied);
        if !plan.future.is_empty() {
            self.observers.tell(&Event::Future { versions: &plan.future });
        }
        if !plan.orphaned.is_empty() {
            self.observers.tell(&Event::OrphanedRepeatables { names: &plan.orphaned });
        }
        let duration = self.started.elapsed();
        self.observers.tell(&Event::Done { applied: applied.len(), duration });
        let (future, orphaned) = (plan.future, plan.orphaned);
        Report { outcome, applied, total: self.set.len(), future, orphaned, waited: self.waited, duration }
    }
}

/// The statement that makes the session run as a role until another is set.
pub(crate) fn set_role(role: &str) -> String {
    format!("SELECT pg_catalog.set_config('role', {}, false)", literal(role))
}

/// What came of waiting for the lock.
enum Acquired {
    /// It is held, and this was seen under it.
    Lock(Box<Look>),
    /// It is not needed: everything is applied.
    Elsewhere(Plan),
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

fn pending(plan: &Plan) -> Vec<Pending> {
    let pending = |step: &Step| Pending { version: step.migration.number(), name: step.migration.name().to_owned() };
    plan.steps.iter().map(pending).collect()
}

/// Who applies, for the history and the log: application name and host.
fn instance(application: &str) -> String {
    let host = whoami::hostname().unwrap_or_else(|_| "unknown host".to_owned());
    let application = if application.is_empty() { "unnamed" } else { application };
    format!("{application}/{host}")
}
