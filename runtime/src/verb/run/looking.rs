//! How a verb comes by what it knows: it looks at the history, with or without a try for the lock, and compares.
//!
//! Every look of a verb passes here, so that whoever watches is told of each. Health alone looks for itself: it plans nothing,
//! and tells what it has found.

use std::time::Instant;

use crate::connection::Connection;
use crate::error::Error;
use crate::error::conflict::{Conflict, Rows};
use crate::history::{Detail, Server, Table};
use crate::lock::{self, Waiting};
use crate::look::glance::{Glance, glance};
use crate::look::{Locked, Look, look, look_for_history, not_elsewhere, not_into_existing, table, try_lock_and_look};
use crate::plan::{Begun, Plan, Policy, plan_all};
use crate::verb::run::{Run, is_incomplete};

impl<C: Connection> Run<'_, '_, C> {
    /// The first look of a verb that mostly has nothing to do.
    pub(super) async fn glance(&mut self) -> Result<Glance, Error> {
        let question = self.question(Detail::Plan);
        let mut waiting = AwaitingHistory::new(self);
        let seen = loop {
            match glance(&mut self.session, question, &self.set).await {
                Err(error) if is_history_locked(&error) => self.await_history(&mut waiting).await?,
                seen => break seen?,
            }
        };
        self.session.answer_by(waiting.answer_by);
        match &seen {
            Glance::Agrees(server) => {
                self.introduce(server);
                self.observers.watch.saw_all_applied(&self.set);
            }
            Glance::Differs(seen) => {
                self.introduce(&seen.server);
                self.saw(seen);
            }
        }
        Ok(seen)
    }

    /// What a first run would stop at, where no row was seen: another history that the search path leads to, or what others
    /// have made. Refuses where the rows are hidden.
    pub(super) async fn doubt(&mut self, seen: &Look) -> Result<Option<Error>, Error> {
        if !seen.records.is_empty() {
            return Ok(None);
        }
        let question = self.question(Detail::Plan);
        let now = look_for_history(&mut self.session, question).await?;
        let Some(table) = table(question, &now.server) else { return Ok(None) };
        let beginning = not_elsewhere(&table, &now.server);
        Ok(beginning.and_then(|()| not_into_existing(&table, &now.server, self.options.into_existing)).err())
    }

    /// A look at what a plan needs to know.
    pub(crate) async fn look(&mut self) -> Result<Look, Error> {
        self.look_at(Detail::Plan).await
    }

    pub(crate) async fn look_at(&mut self, detail: Detail) -> Result<Look, Error> {
        let question = self.question(detail);
        let mut waiting = AwaitingHistory::new(self);
        let seen = loop {
            match look(&mut self.session, question).await {
                Err(error) if is_history_locked(&error) => self.await_history(&mut waiting).await?,
                seen => break seen?,
            }
        };
        self.session.answer_by(waiting.answer_by);
        self.introduce(&seen.server);
        self.saw(&seen);
        Ok(seen)
    }

    /// Tries to get the lock, and looks.
    pub(crate) async fn try_lock(&mut self, table: &Table, seen: &Look) -> Result<(Locked, Look), Error> {
        let question = self.question(Detail::Plan);
        let mut waiting = AwaitingHistory::new(self);
        let (locked, now) = loop {
            match try_lock_and_look(&mut self.session, question, table, seen).await {
                Err(error) if is_history_locked(&error) => self.await_history(&mut waiting).await?,
                tried => break tried?,
            }
        };
        self.session.answer_by(waiting.answer_by);
        self.saw(&now);
        Ok((locked, now))
    }

    /// Waits until the next look, since somebody has locked the history table itself, or gives up.
    async fn await_history(&mut self, awaiting: &mut AwaitingHistory) -> Result<(), Error> {
        let waiting = &mut awaiting.waiting;
        let waited = waiting.began.elapsed();
        let left = waiting.timeout.saturating_sub(waited);
        if left.is_zero() {
            let wanted = &self.options.wanted;
            let holder = lock::holder_of_history(&mut self.session, wanted).await;
            let history = wanted.shown();
            return Err(Error::HistoryLocked { history, waited, holder: holder.map(Box::new) });
        }
        if !waiting.announced {
            waiting.announced = true;
            tracing::info!(target: "graven", "another session has locked the history table: waiting for it");
        }
        self.session.answer_by(waiting.until());
        self.session.pause(waiting.backoff.pause(left)).await;
        Ok(())
    }

    fn saw(&mut self, seen: &Look) {
        self.observers.watch.saw(&self.set, &seen.records);
    }

    /// Remembers who this is, for the log and the history.
    fn introduce(&mut self, server: &Server) {
        if self.observers.instance.is_empty() {
            self.observers.instance = instance(&server.application);
            self.observers.watch.reached(server);
        }
    }

    /// Conflicts with who is at an incomplete migration right now, if anybody is: one more round trip, then only.
    pub(super) async fn with_holder(&mut self, seen: &Look, conflicts: Vec<Conflict>) -> Vec<Conflict> {
        let table = table(self.question(Detail::Plan), &seen.server);
        let (Some(table), true) = (table, conflicts.iter().any(is_incomplete)) else { return conflicts };
        match self.holder(&table, seen).await {
            Some(holder) => conflicts.into_iter().map(|conflict| conflict.running(&holder)).collect(),
            None => conflicts,
        }
    }

    /// What a run would do, or the conflicts that it would refuse.
    pub(crate) fn plan(&self, seen: &Look) -> Result<Plan, Vec<Conflict>> {
        self.plan_by(seen, self.options.policy)
    }

    /// The same, for a caller that cannot rule out that another instance is running what is incomplete: an old one must start
    /// while a newer one goes on above the version after which the old one stops.
    pub(crate) fn plan_beside_others(&self, seen: &Look) -> Result<Plan, Vec<Conflict>> {
        self.plan_by(seen, Policy { begun: Begun::Leave, ..self.options.policy })
    }

    fn plan_by(&self, seen: &Look, policy: Policy) -> Result<Plan, Vec<Conflict>> {
        plan_all(&self.set, &seen.records, policy)
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
}

/// Keeps count while a run waits until the history can be read.
struct AwaitingHistory {
    waiting: Waiting,
    /// Until when answers are waited for as soon as that is over: a run may be waiting for the lock as well.
    answer_by: Option<Instant>,
}

impl AwaitingHistory {
    fn new<C: Connection>(run: &Run<'_, '_, C>) -> Self {
        Self { waiting: Waiting::new(run.options.lock_timeout), answer_by: run.session.answered_by() }
    }
}

/// Whether somebody has locked the history table itself: a look waits for nothing else.
fn is_history_locked(error: &Error) -> bool {
    matches!(error, Error::Server { source, .. } if source.sqlstate == "55P03")
}

/// Who applies, for the history and the log: application name and host.
fn instance(application: &str) -> String {
    let host = whoami::hostname().unwrap_or_else(|_| "unknown host".to_owned());
    let application = if application.is_empty() { "unnamed" } else { application };
    format!("{application}/{host}")
}
