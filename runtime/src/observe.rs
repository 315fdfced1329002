//! What an operator's tools are told: spans for `tracing`, and metrics. This module holds no code to call: it is their
//! reference. To be told in types while a run goes on, give [`Migrator::observe`](crate::Migrator::observe) an observer.
//!
//! # Events
//!
//! Each [`Event`] is a `tracing` event with the target `graven`, mostly at the level INFO.
//!
//! # Spans
//!
//! They are made for OpenTelemetry, by `tracing-opentelemetry` or whatever else understands its fields, and follow its
//! semantic conventions for PostgreSQL. Their target is `graven::span` and their level DEBUG, so that a log at INFO reads as
//! if there were none: let the layer that exports them have `graven::span=debug`.
//!
//! | span | from … to | its parent |
//! |---|---|---|
//! | `verb` | the first message of a verb to its end: `run`, `verify`, `status`, `health`, `plan`, `revert`, `redo`, `stamp`, `resolve`, `repair`, `reset` | the caller's |
//! | `migration` | the moment a migration or its reverse is sent to that at which the server's answer is read | its verb's |
//!
//! A verb's span does not hold what comes before its first message: what is said without a database (options, a build that is
//! stale), the connecting of `run_url`, and of `reset` all but the applying.
//!
//! Many migrations travel in one message, and then their spans begin and end together: `graven.duration` is what the server
//! says that each took. One that was sent and never came to run, because another before it had failed, says so by
//! `graven.outcome`.
//!
//! | field | on | |
//! |---|---|---|
//! | `otel.name` | both | `graven run`, `graven apply 7 add_index`, `graven apply repeatable views`, `graven revert 7 add_index` |
//! | `otel.kind` | both | `client` |
//! | `otel.status_code` | both | `ERROR` where it failed; otherwise it is not set, as the conventions want it |
//! | `otel.status_description` | both | the error, as one line |
//! | `db.system.name` | both | `postgresql` |
//! | `db.namespace` | both | `database\|schema`, once the server has said which: the first schema of the search path, or that of the history where one is named |
//! | `db.operation.name` | both | the verb; of a migration `apply` or `revert` |
//! | `db.response.status_code` | both | where the server has said so: the SQLSTATE |
//! | `error.type` | both | where it failed: the SQLSTATE, or else [`Error::kind`](crate::Error::kind); of a migration [`Cause::kind`](crate::Cause::kind) |
//! | `graven.namespace` | `verb` | the namespace within the history, empty unless one was chosen |
//! | `graven.version`, `graven.name` | `migration` | of the migration; a repeatable has no version |
//! | `graven.duration` | `migration` | seconds, by the server's clock where migrations travel together |
//! | `graven.outcome` | `migration` | `applied`, `reverted`, `failed`, `not-run`, or `unknown` where the connection was lost; not set where another instance was first |
//!
//! # Metrics
//!
//! With the feature `metrics`, through the facade of that name: whichever recorder the program has installed gets them, and
//! without one they cost next to nothing. Each has the label `namespace`, so that several sets of one program are kept apart.
//!
//! | metric | kind | unit | further labels | |
//! |---|---|---|---|---|
//! | `graven_verb_duration_seconds` | histogram | seconds | `verb`, `outcome`: `ok` or `failed` | how long a verb took, waiting included |
//! | `graven_failures_total` | counter | | `verb`, `error`: as `error.type` above | verbs that ended in an error |
//! | `graven_migration_duration_seconds` | histogram | seconds | `direction`: `apply` or `revert` | how long one migration took |
//! | `graven_applied_total` | counter | | | migrations that this process has applied |
//! | `graven_reverted_total` | counter | | | migrations that this process has reverted |
//! | `graven_retries_total` | counter | | | tries after a lock timeout, a deadlock or a serialization failure |
//! | `graven_lock_wait_seconds` | histogram | seconds | | waits for another instance's lock, those in vain included |
//! | `graven_migrations` | gauge | | `state`: `applied`, `pending`, `out-of-order`, `modified`, `incomplete`, `orphaned`, `future` | how many are in that state, as the last verb saw or left it: see below |
//! | `graven_ready` | gauge | | | 1 where [`Health::is_ready`](crate::Health::is_ready) said so last, else 0 |
//!
//! `graven_migrations` counts what [`Health`] and `graven status` count, whichever verb it was: versioned
//! migrations, those that a baseline stands for among them, and repeatables, of the set and of the history. It is set by each
//! look at the history, and moves with each migration that this process applies, reverts or records. What
//! [`Migrator::to`](crate::Migrator::to) tells a run to leave alone is pending. What other processes do is seen at the next look.
//!
//! No metric has a label for the version or the name: each migration runs once in the life of a database, so that each
//! would leave a time series behind that never moves again, and the set only grows. Which migration took long, the spans say,
//! and the history.
//!
//! A future that is dropped before it ends leaves a span without an outcome, and no metric.

mod failure;
mod span;

#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "observe/metrics_off.rs"]
mod metrics;
#[cfg(feature = "metrics")]
mod tally;

use std::time::Instant;

use graven_source::Version;
use tracing::Instrument as _;

use crate::error::Error;
use crate::event::Event;
use crate::history::{Record, Server};
use crate::migrations::Migrations;
use crate::verb::health::Health;

/// Does the work of a verb within its span, and counts what came of it.
///
/// The span is entered whenever the future is polled and left whenever it waits: held across a wait, it would be that of
/// whatever else its thread turns to.
pub(crate) async fn verb<T>(
    verb: &'static str,
    namespace: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let began = Instant::now();
    let span = span::of_verb(verb, namespace);
    let result = work.instrument(span.clone()).await;
    if let Err(error) = &result {
        span::failed(&span, error);
    }
    metrics::ended(verb, namespace, began.elapsed(), result.as_ref().err());
    result
}

/// Notes what a database's health was found to be.
pub(crate) fn health(namespace: &str, health: &Health) {
    metrics::health(namespace, health);
}

/// Watches one verb by its events: the spans of its migrations, and what is counted.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    spans: span::Spans,
    counts: metrics::Counts,
}

impl Watch {
    pub(crate) fn of(namespace: &str) -> Self {
        Self { spans: span::Spans::default(), counts: metrics::Counts::of(namespace) }
    }

    /// Passes an event on, within the span of the migration that it is about.
    pub(crate) fn told(&mut self, event: &Event<'_>, tell: impl FnOnce()) {
        self.counts.count(event);
        self.spans.within(event, tell);
    }

    /// Notes which database it is about.
    pub(crate) fn reached(&mut self, server: &Server) {
        self.spans.reached(server);
    }

    /// Notes what the history was seen to hold.
    pub(crate) fn saw(&mut self, set: &Migrations, records: &[Record]) {
        self.counts.saw(set, records);
    }

    /// Notes that the history holds just what the set does.
    pub(crate) fn saw_all_applied(&mut self, set: &Migrations) {
        self.counts.saw_all_applied(set);
    }

    /// Notes that the history says of a migration that it is applied as the set has it, by an operator's word.
    pub(crate) fn applied_by_word(&mut self, version: Version) {
        self.counts.applied(version);
    }

    /// Notes that a verb ends with an error, and which migrations it leaves behind.
    pub(crate) fn failed(&mut self, error: &Error) {
        self.spans.failed(error);
        self.counts.failed(error);
    }
}
