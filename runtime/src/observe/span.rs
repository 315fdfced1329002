//! The spans: one a verb, one a migration. The fields are listed in the documentation of [`observe`](crate::observe).

use std::collections::BTreeMap;
use std::time::Duration;

use graven_source::Version;
use tracing::Span;
use tracing::field::Empty;

use super::failure;
use crate::error::Error;
use crate::event::Event;
use crate::history::Server;

/// The target of all spans.
const TARGET: &str = "graven::span";
/// The name of a verb's span.
const VERB: &str = "verb";

pub(super) fn of_verb(verb: &'static str, namespace: &str) -> Span {
    tracing::debug_span!(
        target: TARGET,
        VERB,
        otel.name = %format_args!("graven {verb}"),
        otel.kind = "client",
        otel.status_code = Empty,
        otel.status_description = Empty,
        db.system.name = "postgresql",
        db.namespace = Empty,
        db.operation.name = verb,
        db.response.status_code = Empty,
        "error.type" = Empty,
        graven.namespace = namespace,
    )
}

fn of_migration(operation: &'static str, version: Option<Version>, name: &str, database: Option<&str>) -> Span {
    let what = version.map_or_else(|| "repeatable".to_owned(), |version| version.to_string());
    tracing::debug_span!(
        target: TARGET,
        "migration",
        otel.name = %format_args!("graven {operation} {what} {name}"),
        otel.kind = "client",
        otel.status_code = Empty,
        otel.status_description = Empty,
        db.system.name = "postgresql",
        db.namespace = database,
        db.operation.name = operation,
        db.response.status_code = Empty,
        "error.type" = Empty,
        graven.version = version.map(Version::value),
        graven.name = name,
        graven.duration = Empty,
        graven.outcome = Empty,
    )
}

/// Notes a failure. A status that is not set means that there was none.
pub(super) fn failed(span: &Span, error: &Error) {
    if span.is_disabled() {
        return;
    }
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", tracing::field::display(error));
    span.record("error.type", failure::kind(error));
    if let Some(server) = failure::server(error) {
        span.record("db.response.status_code", server.sqlstate.as_str());
    }
}

/// Which migration a span is of.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Version(Version),
    /// By its name.
    Repeatable(String),
}

/// The spans of the migrations that are under way, within that of their verb.
#[derive(Debug, Default)]
pub(super) struct Spans {
    open: BTreeMap<Key, Span>,
    /// `db.namespace`, once it is known.
    database: Option<String>,
}

impl Spans {
    /// Notes which database it is about.
    pub(super) fn reached(&mut self, server: &Server) {
        let verb = Span::current();
        // Where the verb's own span is not wanted, the current one is the caller's.
        if verb.metadata().is_none_or(|metadata| metadata.target() != TARGET || metadata.name() != VERB) {
            return;
        }
        let database = match &server.schema {
            Some(schema) => format!("{}|{schema}", server.database),
            None => server.database.clone(),
        };
        verb.record("db.namespace", database.as_str());
        self.database = Some(database);
    }

    /// Tells an event within the span of its migration.
    pub(super) fn within(&mut self, event: &Event<'_>, tell: impl FnOnce()) {
        match event {
            Event::Applying { version, name, .. } => self.begin("apply", Some(*version), name),
            Event::ApplyingRepeatable { name, .. } => self.begin("apply", None, name),
            Event::Reverting { version, name, .. } => self.begin("revert", Some(*version), name),
            _ => {}
        }
        // Most runs have nothing to apply, and mostly nobody wants spans.
        let Some(key) = key(event).filter(|_| !self.open.is_empty()) else { return tell() };
        match self.open.get(&key) {
            Some(span) => span.in_scope(tell),
            None => tell(),
        }
        match event {
            Event::Applied { duration, .. } | Event::AppliedRepeatable { duration, .. } => {
                self.end(&key, *duration, "applied");
            }
            Event::Reverted { duration, .. } => self.end(&key, *duration, "reverted"),
            _ => {}
        }
    }

    /// Notes the failure of one, and what became of those that were sent with it.
    pub(super) fn failed(&mut self, error: &Error) {
        let culprit = match error {
            Error::MigrationFailed(failed) => Some(Key::of(failed.version, &failed.name)),
            _ => None,
        };
        let others = if failure::leaves_open(error) { "unknown" } else { "not-run" };
        for (key, span) in std::mem::take(&mut self.open) {
            if Some(&key) == culprit.as_ref() {
                failed(&span, error);
                span.record("graven.outcome", "failed");
            } else {
                span.record("graven.outcome", others);
            }
        }
    }

    fn begin(&mut self, operation: &'static str, version: Option<Version>, name: &str) {
        let span = of_migration(operation, version, name, self.database.as_deref());
        if !span.is_disabled() {
            self.open.insert(Key::of(version, name), span);
        }
    }

    fn end(&mut self, key: &Key, duration: Duration, outcome: &str) {
        if let Some(span) = self.open.remove(key) {
            span.record("graven.duration", duration.as_secs_f64());
            span.record("graven.outcome", outcome);
        }
    }
}

impl Key {
    fn of(version: Option<Version>, name: &str) -> Self {
        version.map_or_else(|| Self::Repeatable(name.to_owned()), Self::Version)
    }
}

/// The migration that an event is about.
fn key(event: &Event<'_>) -> Option<Key> {
    match event {
        Event::Applying { version, .. }
        | Event::Statement { version, .. }
        | Event::Retrying { version, .. }
        | Event::Applied { version, .. }
        | Event::Reverting { version, .. }
        | Event::Reverted { version, .. } => Some(Key::Version(*version)),
        Event::ApplyingRepeatable { name, .. }
        | Event::AppliedRepeatable { name, .. }
        | Event::RetryingRepeatable { name, .. } => Some(Key::Repeatable((*name).to_owned())),
        _ => None,
    }
}
