//! What the verbs under the lock have in common: how an operator's verb comes by it, and how every verb gives it back.

use std::time::Duration;

use crate::connection::Connection;
use crate::error::Error;
use crate::event::Event;
use crate::history::{self, Detail, Record, Table};
use crate::lock::{self, Waiting};
use crate::look::{Locked, Look, may_write, table_or_refuse};
use crate::plan::Plan;
use crate::session::Reach;
use crate::sql::milliseconds;
use crate::verb::run::{Run, set_role};

impl<C: Connection> Run<'_, '_, C> {
    /// Waits for the lock and looks under it, after a first look. `refused` says at each look what cannot be done, so that
    /// nobody waits for that.
    pub(crate) async fn hold(
        &mut self,
        mut seen: Look,
        mut refused: impl FnMut(&Self, &Look) -> Result<(), Error>,
    ) -> Result<Held, Error> {
        if seen.server.in_recovery {
            return Err(Error::Standby { pending: Vec::new() });
        }
        let table = table_or_refuse(self.question(Detail::Plan), &seen.server)?;
        may_write(&table, &seen.server)?;
        self.refuse_pooled_role()?;
        let role_before = seen.role_before.take();
        let mut waiting = Waiting::new(self.options.lock_timeout);
        loop {
            refused(self, &seen)?;
            let (locked, now) = self.try_lock(&table, &seen).await?;
            self.waited = waiting.so_far();
            seen = now;
            if locked == Locked::Yes {
                self.session.answer_whenever();
                self.observers.tell(&Event::LockAcquired { waited: self.waited });
                return Ok(Held { table, seen, role_before });
            }
            self.wait(&table, &mut waiting).await?;
        }
    }

    /// Waits for the lock, looking again at each try, unless somebody else applies everything meanwhile.
    pub(crate) async fn acquire(&mut self, table: &Table, mut seen: Look) -> Result<Acquired, Error> {
        let mut waiting = Waiting::new(self.options.lock_timeout);
        loop {
            let (locked, now) = self.try_lock(table, &seen).await?;
            self.waited = waiting.so_far();
            if locked == Locked::Yes {
                self.session.answer_whenever();
                self.observers.tell(&Event::LockAcquired { waited: self.waited });
                return Ok(Acquired::Lock(Box::new(now)));
            }
            // Only who holds the lock knows that nobody is at what is incomplete.
            if let Ok(plan) = self.plan_beside_others(&now)
                && plan.steps.is_empty()
            {
                self.session.answer_whenever();
                return Ok(Acquired::Elsewhere(plan));
            }
            // Who may not write need not wait for the lock to hear of it.
            may_write(table, &now.server)?;
            if now.records.iter().any(Record::was_begun_behind_a_pooler) {
                // Who holds the lock may have to wait for that as long, before it begins.
                waiting.timeout = self.options.lock_timeout.saturating_mul(2);
            }
            seen = now;
            self.wait(table, &mut waiting).await?;
        }
    }

    /// Waits until the next try for the lock, or gives up.
    pub(crate) async fn wait(&mut self, table: &Table, waiting: &mut Waiting) -> Result<(), Error> {
        let waited = waiting.began.elapsed();
        let left = waiting.timeout.saturating_sub(waited);
        if left.is_zero() {
            let holder = lock::holder(&mut self.session, table, &waiting.begun).await.map(Box::new);
            return Err(Error::LockTimeout { waited, holder });
        }
        self.session.answer_by(waiting.until());
        if !waiting.announced {
            waiting.announced = true;
            let holder = lock::holder(&mut self.session, table, &waiting.begun).await;
            self.observers.tell(&Event::LockWaiting { holder: holder.as_ref(), timeout: waiting.timeout });
        }
        self.session.pause(waiting.backoff.pause(left)).await;
        Ok(())
    }

    /// What a message begins with that changes the history, by an operator's word or beside the migrations, and is one transaction:
    /// the role, no limit but that to its waiting for somebody who has locked the history, and a commit that is on disk when it is
    /// answered.
    pub(crate) fn by_word(&self) -> String {
        let become_role = self.options.role.as_deref().map(|role| format!("{};\n", history::become_role(role)));
        // Zero would be no limit.
        let patience = self.options.lock_timeout.max(Duration::from_millis(1));
        format!(
            "{}SET LOCAL statement_timeout = 0;\nSET LOCAL lock_timeout = {};\n{};\n",
            become_role.unwrap_or_default(),
            milliseconds(patience),
            history::ON_DISK,
        )
    }

    /// What sets its session's role for more than one message needs a session of its own.
    pub(crate) fn refuse_pooled_role(&self) -> Result<(), Error> {
        match (self.session.reach(), &self.options.role) {
            (Reach::Pooled, Some(role)) => Err(Error::Pooled { what: format!("a run as role {role}") }),
            _ => Ok(()),
        }
    }

    /// Puts the session's role back and gives the lock back, on every path: an error must not leave them with a connection
    /// that goes back to a pool. Hands back what had come of the verb.
    pub(crate) async fn leave<T>(
        &mut self,
        table: &Table,
        role_before: Option<String>,
        outcome: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Some(before) = role_before {
            let put_back = self.session.send(&set_role(&before)).await;
            if let Some(failure) = put_back.failure {
                tracing::warn!(target: "graven", ?failure, "the session's role could not be put back");
            }
        }
        match (lock::release(&mut self.session, table).await, &outcome) {
            (Ok(()), _) => self.session.owes_nothing(),
            // What was to be done is done and recorded. Whoever uses the connection next will hear of its end.
            (Err(error @ Error::ConnectionLost { .. }), Ok(_)) => {
                tracing::warn!(target: "graven", %error, "everything is done; the lock went with the connection");
            }
            (Err(error @ Error::ConnectionLost { .. }), Err(_)) => {
                tracing::debug!(target: "graven", %error, "the lock went with the connection");
            }
            // What is owed still is sent once more when the session is dropped, behind a ROLLBACK.
            (Err(error), _) => {
                tracing::warn!(target: "graven", ?error, "the lock could not be given back; it is tried once more");
            }
        }
        outcome
    }
}

/// The lock is held, and this was seen under it.
pub(crate) struct Held {
    pub(crate) table: Table,
    pub(crate) seen: Look,
    /// What to put the session's role back to.
    pub(crate) role_before: Option<String>,
}

/// What came of waiting for the lock.
pub(crate) enum Acquired {
    /// It is held, and this was seen under it.
    Lock(Box<Look>),
    /// It is not needed: everything is applied that was to be.
    Elsewhere(Plan),
}
