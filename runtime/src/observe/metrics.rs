//! The metrics. They are listed in the documentation of [`observe`](crate::observe), with their units and labels.

use std::time::Duration;

use graven_source::{Kind, Version};

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::failure;
use super::tally::Tally;
use crate::error::Error;
use crate::error::failed::Left;
use crate::event::Event;
use crate::history::Record;
use crate::migrations::Migrations;
use crate::verb::health::Health;
use crate::verb::status::State;

const VERB: &str = "graven_verb_duration_seconds";
const FAILURES: &str = "graven_failures_total";
const MIGRATION: &str = "graven_migration_duration_seconds";
const APPLIED: &str = "graven_applied_total";
const REVERTED: &str = "graven_reverted_total";
const RETRIES: &str = "graven_retries_total";
const LOCK_WAIT: &str = "graven_lock_wait_seconds";
const MIGRATIONS: &str = "graven_migrations";
const READY: &str = "graven_ready";

/// What one verb counts as its events come.
#[derive(Debug, Default)]
pub(super) struct Counts {
    namespace: String,
    /// Whether it waits for the lock, or has waited and that was not counted yet.
    waiting: bool,
    /// How many are in which state, once the history was looked at.
    tally: Option<Tally>,
    /// The baseline that is being applied.
    baseline: Option<Version>,
    /// What is being reverted.
    reverting: Option<Version>,
}

impl Counts {
    pub(super) fn of(namespace: &str) -> Self {
        describe();
        Self { namespace: namespace.to_owned(), ..Self::default() }
    }

    /// The history was looked at.
    pub(super) fn saw(&mut self, set: &Migrations, records: &[Record]) {
        self.begin(Tally::of(set, records));
    }

    /// The history has just what the set has.
    pub(super) fn saw_all_applied(&mut self, set: &Migrations) {
        self.begin(Tally::all_applied(set));
    }

    fn begin(&mut self, tally: Tally) {
        tally.counts().into_iter().for_each(|(state, count)| self.gauge(state, count));
        (self.tally, self.baseline, self.reverting) = (Some(tally), None, None);
    }

    pub(super) fn count(&mut self, event: &Event<'_>) {
        match event {
            Event::LockWaiting { .. } => self.waiting = true,
            Event::LockAcquired { waited } | Event::AppliedElsewhere { waited } => self.waited(*waited),
            Event::Retrying { .. } | Event::RetryingRepeatable { .. } => {
                counter!(RETRIES, "namespace" => self.namespace.clone()).increment(1)
            }
            Event::Baseline { version, .. } => self.baseline = Some(*version),
            Event::Statement { version, .. } if self.reverting != Some(*version) => {
                self.change(|tally| tally.begun(*version));
            }
            Event::Applied { version, duration, .. } => {
                self.one_applied(*duration);
                match self.baseline {
                    Some(baseline) if baseline == *version => self.change(|tally| tally.covered(baseline)),
                    _ => self.applied(*version),
                }
            }
            Event::AppliedRepeatable { name, duration } => {
                self.one_applied(*duration);
                self.change(|tally| tally.applied_repeatable(name));
            }
            Event::Stamped { version, .. } => self.applied(*version),
            Event::Reverting { version, .. } => self.reverting = Some(*version),
            Event::Reverted { version, duration, .. } => {
                self.reverting = None;
                counter!(REVERTED, "namespace" => self.namespace.clone()).increment(1);
                self.migration("revert", *duration);
                self.change(|tally| tally.reverted(*version));
            }
            _ => {}
        }
    }

    /// The history says that a migration is applied as the set has it: it was run, or that was somebody's word.
    pub(super) fn applied(&mut self, version: Version) {
        self.change(|tally| tally.applied(version));
    }

    /// A verb ends with an error. A migration that had begun and of which nothing is left is as if it had not.
    pub(super) fn failed(&mut self, error: &Error) {
        if let Error::MigrationFailed(failed) = error
            && let (Some(version), Kind::Versioned, Left::Nothing) = (failed.version, failed.kind, failed.left)
            && self.tally.as_ref().is_some_and(|tally| tally.is_begun(version))
        {
            self.change(|tally| tally.forgotten(version));
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Tally)) {
        let Some(mut tally) = self.tally.take() else { return };
        let before = tally.counts();
        change(&mut tally);
        for (now, before) in tally.counts().into_iter().zip(before) {
            if now != before {
                self.gauge(now.0, now.1);
            }
        }
        self.tally = Some(tally);
    }

    fn one_applied(&self, duration: Duration) {
        counter!(APPLIED, "namespace" => self.namespace.clone()).increment(1);
        self.migration("apply", duration);
    }

    fn waited(&mut self, waited: Duration) {
        if std::mem::take(&mut self.waiting) {
            waited_for_lock(&self.namespace, waited);
        }
    }

    fn migration(&self, direction: &'static str, duration: Duration) {
        let namespace = self.namespace.clone();
        histogram!(MIGRATION, "direction" => direction, "namespace" => namespace).record(duration.as_secs_f64());
    }

    fn gauge(&self, state: State, count: usize) {
        set(&self.namespace, state, count);
    }
}

/// A verb has come to its end.
pub(super) fn ended(verb: &'static str, namespace: &str, duration: Duration, error: Option<&Error>) {
    let outcome = if error.is_some() { "failed" } else { "ok" };
    let labels = [("verb", verb.to_owned()), ("outcome", outcome.to_owned()), ("namespace", namespace.to_owned())];
    histogram!(VERB, &labels).record(duration.as_secs_f64());
    let Some(error) = error else { return };
    let labels =
        [("verb", verb.to_owned()), ("error", failure::kind(error).to_owned()), ("namespace", namespace.to_owned())];
    counter!(FAILURES, &labels).increment(1);
    if let Error::LockTimeout { waited, .. } = error {
        waited_for_lock(namespace, *waited);
    }
}

/// A database's health was found to be this.
pub(super) fn health(namespace: &str, health: &Health) {
    for (state, count) in [
        (State::Applied, health.applied),
        (State::Pending, health.pending),
        (State::OutOfOrder, health.out_of_order),
        (State::Modified, health.modified),
        (State::Incomplete, health.incomplete),
        (State::Orphaned, health.orphaned),
        (State::Future, health.future),
    ] {
        set(namespace, state, count);
    }
    gauge!(READY, "namespace" => namespace.to_owned()).set(if health.is_ready() { 1.0 } else { 0.0 });
}

fn waited_for_lock(namespace: &str, waited: Duration) {
    histogram!(LOCK_WAIT, "namespace" => namespace.to_owned()).record(waited.as_secs_f64());
}

fn set(namespace: &str, state: State, count: usize) {
    let labels = [("state", state.as_str().replace(' ', "-")), ("namespace", namespace.to_owned())];
    gauge!(MIGRATIONS, &labels).set(u32::try_from(count).unwrap_or(u32::MAX));
}

/// Tells the recorder what each metric is. At each verb anew: nobody knows when a recorder is installed.
fn describe() {
    describe_histogram!(VERB, Unit::Seconds, "How long a verb of graven took, waiting included.");
    describe_counter!(FAILURES, Unit::Count, "Verbs of graven that ended in an error.");
    describe_histogram!(MIGRATION, Unit::Seconds, "How long one migration or its reverse took.");
    describe_counter!(APPLIED, Unit::Count, "Migrations that this process has applied.");
    describe_counter!(REVERTED, Unit::Count, "Migrations that this process has reverted.");
    describe_counter!(RETRIES, Unit::Count, "Tries after a lock timeout, a deadlock or a serialization failure.");
    describe_histogram!(LOCK_WAIT, Unit::Seconds, "Waits for another instance's lock.");
    describe_gauge!(MIGRATIONS, Unit::Count, "Migrations by state, repeatables included, as last seen or left.");
    describe_gauge!(READY, "1 where a service may take traffic on this database, else 0.");
}
