//! The metrics. They are listed in the documentation of [`observe`](crate::observe), with their units and labels.

use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::failure;
use crate::error::Error;
use crate::event::Event;
use crate::health::Health;
use crate::status::State;

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
    /// How many are applied and pending, where the verb has told.
    seen: Option<(usize, usize)>,
}

impl Counts {
    pub(super) fn of(namespace: &str) -> Self {
        describe();
        Self { namespace: namespace.to_owned(), ..Self::default() }
    }

    pub(super) fn count(&mut self, event: &Event<'_>) {
        match event {
            Event::Looked { applied, pending, .. } => {
                // Where anything else were the matter, there would be an error in its place.
                for state in State::ALL {
                    self.gauge(state, 0);
                }
                self.seen(*applied, *pending);
            }
            Event::Future { versions } => self.gauge(State::Future, versions.len()),
            Event::LockWaiting { .. } => self.waiting = true,
            Event::LockAcquired { waited } => self.waited(*waited),
            Event::AppliedElsewhere { waited } => {
                self.waited(*waited);
                if let Some((applied, pending)) = self.seen {
                    self.seen(applied + pending, 0);
                }
            }
            Event::Retrying { .. } | Event::RetryingRepeatable { .. } => {
                counter!(RETRIES, "namespace" => self.namespace.clone()).increment(1)
            }
            Event::Applied { duration, .. } | Event::AppliedRepeatable { duration, .. } => {
                counter!(APPLIED, "namespace" => self.namespace.clone()).increment(1);
                self.migration("apply", *duration);
                if let Some((applied, pending)) = self.seen {
                    self.seen(applied + 1, pending.saturating_sub(1));
                }
            }
            Event::Reverted { duration, .. } => {
                counter!(REVERTED, "namespace" => self.namespace.clone()).increment(1);
                self.migration("revert", *duration);
            }
            _ => {}
        }
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

    fn seen(&mut self, applied: usize, pending: usize) {
        self.seen = Some((applied, pending));
        self.gauge(State::Applied, applied);
        self.gauge(State::Pending, pending);
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
    match error {
        Error::LockTimeout { waited, .. } => waited_for_lock(namespace, *waited),
        Error::Conflicts { conflicts, .. } => {
            for state in [State::Modified, State::Orphaned, State::OutOfOrder, State::Incomplete] {
                set(namespace, state, conflicts.iter().filter(|conflict| conflict.state() == state).count());
            }
        }
        _ => {}
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
    describe_gauge!(MIGRATIONS, Unit::Count, "Migrations by state, as last seen.");
    describe_gauge!(READY, "1 where a service may take traffic on this database, else 0.");
}
