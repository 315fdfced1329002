//! Leaving to others what they have begun: behind a pooler no lock tells whether anybody is at it.

use std::time::Instant;

use crate::connection::Connection;
use crate::error::Error;
use crate::history::{Record, Table};
use crate::lock::{Holder, Waiting, at_work, holder};
use crate::look::Look;
use crate::migrations::Migration;
use crate::session::Reach;
use crate::verb::run::Run;

const LOOKING: &str = "looking who is at a migration";

impl<C: Connection> Run<'_, '_, C> {
    /// Waits while others may be at a migration that is incomplete.
    ///
    /// Where no lock is held, by this run or by the one that has begun it, only time tells whether that one is alive: it is given
    /// as much as a lock would be. Afterwards, what it was seen to go on with, or what a session of the server is at, is left to
    /// it all the same: this run gives up then.
    pub(super) async fn let_others_finish(&mut self, table: &Table, mut seen: Look) -> Result<Look, Error> {
        let mut waiting = Waiting::new(self.options.lock_timeout);
        // Who has waited for the lock, or here before, has said so.
        waiting.announced = !self.waited.is_zero();
        let outcome = self.others_finished(table, &mut seen, &mut waiting).await;
        self.session.answer_whenever();
        outcome.map(|()| seen)
    }

    async fn others_finished(&mut self, table: &Table, seen: &mut Look, waiting: &mut Waiting) -> Result<(), Error> {
        let to = self.options.policy.to;
        let is_awaited = |record: &&Record| record.is_started() && to.is_none_or(|to| record.version <= Some(to));
        let awaited = |seen: &Look| seen.records.iter().filter(is_awaited).cloned().collect::<Vec<_>>();
        let mut first = awaited(seen);
        loop {
            let now = awaited(seen);
            if now.is_empty() {
                return Ok(());
            }
            if is_taken_over(&first, &now) {
                // Whoever has done that is alive, and is given as much time as the one before.
                waiting.began = Instant::now();
                first.clone_from(&now);
            }
            let is_timed = match self.session.reach() {
                Reach::Pooled => !now.iter().all(Record::is_at_rest),
                Reach::Own => now.iter().any(Record::was_begun_behind_a_pooler),
            };
            let is_given_time = is_timed && waiting.began.elapsed() < waiting.timeout;
            waiting.begun = self.of_set(&now);
            if !is_given_time && !has_moved(&first, &now) && self.at_work(table, &waiting.begun).await?.is_none() {
                return Ok(());
            }
            let waited = self.waited;
            let before = waiting.began.elapsed();
            self.wait(table, waiting).await?;
            *seen = self.look().await?;
            self.waited = waited + waiting.began.elapsed().saturating_sub(before);
        }
    }

    /// Waits while a session of the server is at a migration of that version: what becomes of it, nobody can say yet.
    pub(crate) async fn until_at_rest(&mut self, table: &Table, mut seen: Look, version: i64) -> Result<Look, Error> {
        let mut waiting = Waiting::new(self.options.lock_timeout);
        waiting.announced = !self.waited.is_zero();
        waiting.begun = self.set.by_version(version).into_iter().collect();
        while self.at_work(table, &waiting.begun).await?.is_some() {
            self.wait(table, &mut waiting).await?;
            seen = self.look().await?;
        }
        self.session.answer_whenever();
        Ok(seen)
    }

    /// Who else is at one of these migrations at this moment, as far as this role may see.
    async fn at_work(&mut self, table: &Table, begun: &[&'static Migration]) -> Result<Option<Holder>, Error> {
        if begun.is_empty() {
            return Ok(None);
        }
        let results = self.session.expect(LOOKING, &at_work(table, begun)).await?;
        Ok(results.first().and_then(|rows| rows.first()).and_then(Holder::parse))
    }

    /// Who holds the lock, or is at what the history says was begun. Never fails: it only serves a message.
    pub(crate) async fn holder(&mut self, table: &Table, seen: &Look) -> Option<Holder> {
        let begun = self.begun(seen);
        holder(&mut self.session, table, &begun).await
    }

    /// The migrations of the set that are incomplete.
    fn begun(&self, seen: &Look) -> Vec<&'static Migration> {
        self.of_set(seen.records.iter().filter(|record| record.is_started()))
    }

    fn of_set<'a>(&self, records: impl IntoIterator<Item = &'a Record>) -> Vec<&'static Migration> {
        let versions = records.into_iter().filter_map(|record| record.version);
        versions.filter_map(|version| self.set.by_version(version.value())).collect()
    }
}

/// Whether another run has taken over what was begun.
fn is_taken_over(first: &[Record], now: &[Record]) -> bool {
    let is_anothers = |now: &Record, was: &Record| now.version == was.version && now.started_by != was.started_by;
    now.iter().any(|now| first.iter().any(|was| is_anothers(now, was)))
}

/// Whether somebody has gone on with what was begun, or has taken it over.
fn has_moved(first: &[Record], now: &[Record]) -> bool {
    let at = |record: &Record| (record.version, record.progress.done(), record.started_by.clone());
    !first.iter().map(at).eq(now.iter().map(at))
}
