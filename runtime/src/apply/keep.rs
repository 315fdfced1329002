//! Keeping the lock through a file that gives away the locks of its session, with `DISCARD ALL` say.
//!
//! For a moment it is free. Who has taken it then is waited for, and after that the history says whose the migration is.

use crate::apply::sent::contains_ignoring_case;
use crate::connection::Connection;
use crate::history::Table;
use crate::lock::{Waiting, held};
use crate::session::Reach;
use crate::sql::EQ;
use crate::verb::run::Run;

/// Whether a text may give away the locks of its session, as far as it says so itself.
pub(crate) fn gives_up_locks(sql: &str) -> bool {
    ["pg_advisory_unlock", "discard"].iter().any(|word| contains_ignoring_case(sql, word))
}

impl<C: Connection> Run<'_, '_, C> {
    /// Takes the lock again, if it is not held any more.
    ///
    /// It never fails: the lock is for politeness, and without it each migration runs once all the same, by its claim.
    pub(crate) async fn keep_the_lock(&mut self, table: &Table) {
        if self.session.reach() == Reach::Pooled {
            return;
        }
        let key = table.lock_key();
        // Each time that it is taken it has to be given back.
        let sql = format!(
            "SELECT CASE WHEN EXISTS (SELECT {} WHERE l.pid {EQ} pg_catalog.pg_backend_pid()) THEN true \
             ELSE pg_catalog.pg_try_advisory_lock({key}) END",
            held(&key)
        );
        let mut waiting = Waiting::new(self.options.lock_timeout);
        loop {
            let reply = self.session.send(&sql).await;
            let is_held = reply.completed.first().and_then(|rows| rows.first()).is_some_and(|row| row.is_true(0));
            let left = waiting.timeout.saturating_sub(waiting.began.elapsed());
            if is_held || reply.failure.is_some() || left.is_zero() {
                return;
            }
            let pause = waiting.backoff.pause(left);
            self.session.pause(pause).await;
        }
    }
}
