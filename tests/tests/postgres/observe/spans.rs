//! The spans: one a verb, one a migration within it, with the fields that OpenTelemetry wants.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use graven::{Error, Target};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Instrument as _, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::is_documented;
use crate::common::{fresh, listen, set};

/// Everything that a subscriber was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Contents>>);

#[derive(Default)]
struct Contents {
    spans: Vec<Span>,
    /// The message of each event and the number of the span that it happened in.
    events: Vec<(Option<u64>, String)>,
}

#[derive(Clone, Debug)]
struct Span {
    id: u64,
    parent: Option<u64>,
    target: &'static str,
    name: &'static str,
    fields: BTreeMap<&'static str, String>,
    is_closed: bool,
}

impl Span {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Told {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        attributes.record(&mut Fields(&mut fields));
        let parent = context.span(id).and_then(|span| span.parent()).map(|parent| parent.id().into_u64());
        let metadata = attributes.metadata();
        let (target, name) = (metadata.target(), metadata.name());
        let span = Span { id: id.into_u64(), parent, target, name, fields, is_closed: false };
        self.0.lock().unwrap().spans.push(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut contents = self.0.lock().unwrap();
        // Numbers are used again once a span is closed.
        let span = contents.spans.iter_mut().rfind(|span| span.id == id.into_u64()).unwrap();
        values.record(&mut Fields(&mut span.fields));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let span = context.event_span(event).map(|span| span.id().into_u64());
        let message = fields.remove("message").unwrap_or_default();
        self.0.lock().unwrap().events.push((span, message));
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut contents = self.0.lock().unwrap();
        contents.spans.iter_mut().rfind(|span| span.id == id.into_u64()).unwrap().is_closed = true;
    }
}

impl Told {
    /// Collects what this thread tells from now on.
    fn from(level: LevelFilter) -> (Self, DefaultGuard) {
        let told = Self::default();
        let subscriber = tracing_subscriber::registry().with(told.clone().with_filter(level));
        (told, listen(subscriber))
    }

    fn spans(&self, name: &str) -> Vec<Span> {
        self.0.lock().unwrap().spans.iter().filter(|span| span.name == name).cloned().collect()
    }

    /// The only span of a verb.
    fn verb(&self) -> Span {
        let spans = self.spans("verb");
        assert_eq!(spans.len(), 1, "{spans:#?}");
        spans.into_iter().next().unwrap()
    }

    /// The migrations and what became of each.
    fn outcomes(&self) -> Vec<(String, String)> {
        let outcome = |span: &Span| (span.field("otel.name").to_owned(), span.field("graven.outcome").to_owned());
        self.spans("migration").iter().map(outcome).collect()
    }
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())).to_vec()
}

const FILES: [(&str, &str); 3] = [
    ("0001_a.sql", "CREATE TABLE a (v int)"),
    ("0002_b.sql", "CREATE TABLE b (v int)"),
    ("0003_c.sql", "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY a_v ON a (v)"),
];

#[tokio::test]
async fn a_run_is_a_span_and_each_migration_one_within_it() {
    let (database, mut client) = fresh().await;
    let (told, _guard) = Told::from(LevelFilter::DEBUG);
    set(&FILES).run(&mut client).await.unwrap();
    let verb = told.verb();
    let namespace = format!("{}|public", database.name());
    for (field, value) in [
        ("otel.name", "graven run"),
        ("otel.kind", "client"),
        ("db.system.name", "postgresql"),
        ("db.namespace", &namespace),
        ("db.operation.name", "run"),
        ("graven.namespace", ""),
        ("otel.status_code", ""),
        ("error.type", ""),
    ] {
        assert_eq!(verb.field(field), value, "{field}");
    }
    assert_eq!((verb.parent, verb.target, verb.is_closed), (None, "graven::span", true));

    let applied = [("graven apply 1 a", "applied"), ("graven apply 2 b", "applied"), ("graven apply 3 c", "applied")];
    assert_eq!(told.outcomes(), pairs(applied));
    for (span, number) in told.spans("migration").iter().zip(1..) {
        assert_eq!((span.parent, span.target, span.is_closed), (Some(verb.id), "graven::span", true), "{span:?}");
        assert_eq!(span.field("db.namespace"), namespace, "{span:?}");
        assert_eq!((span.field("db.operation.name"), span.field("otel.kind")), ("apply", "client"), "{span:?}");
        assert_eq!(span.field("graven.version"), number.to_string(), "{span:?}");
        assert!(span.field("graven.duration").parse::<f64>().is_ok_and(|seconds| seconds > 0.0), "{span:?}");
    }
}

#[tokio::test]
async fn an_event_happens_in_the_span_of_its_migration() {
    let (_database, mut client) = fresh().await;
    let (told, _guard) = Told::from(LevelFilter::DEBUG);
    set(&FILES).run(&mut client).await.unwrap();
    let contents = told.0.lock().unwrap();
    let name = |id: Option<u64>| {
        let span = contents.spans.iter().find(|span| Some(span.id) == id);
        span.map_or("", |span| span.field("otel.name")).to_owned()
    };
    let of = |wanted: &str| -> Vec<String> {
        contents.events.iter().filter(|(_, message)| message == wanted).map(|(span, _)| name(*span)).collect()
    };
    assert_eq!(of("applied"), ["graven apply 1 a", "graven apply 2 b", "graven apply 3 c"]);
    assert_eq!(of("running a statement"), ["graven apply 3 c"]);
    assert_eq!(of("looked at the history"), ["graven run"]);
    assert_eq!(of("done"), ["graven run"]);
}

#[tokio::test]
async fn every_field_is_documented() {
    let (_database, mut client) = fresh().await;
    let (told, _guard) = Told::from(LevelFilter::DEBUG);
    set(&[FILES[0], ("0002_bad.sql", "SELECT nothing")]).run(&mut client).await.unwrap_err();
    let contents = told.0.lock().unwrap();
    let names: std::collections::BTreeSet<_> = contents.spans.iter().flat_map(|span| span.fields.keys()).collect();
    assert!(names.len() >= 14, "{names:?}");
    for name in names {
        assert!(is_documented(name), "{name}");
    }
}

#[tokio::test]
async fn a_failure_marks_its_migration_and_the_run_and_not_what_never_ran() {
    let (_database, mut client) = fresh().await;
    let (told, _guard) = Told::from(LevelFilter::DEBUG);
    let files = [FILES[0], ("0002_bad.sql", "SELECT nothing"), ("0003_c.sql", "CREATE TABLE c ()")];
    set(&files).run(&mut client).await.unwrap_err();
    let outcomes = [("graven apply 1 a", "applied"), ("graven apply 2 bad", "failed"), ("graven apply 3 c", "not-run")];
    assert_eq!(told.outcomes(), pairs(outcomes));
    let migrations = told.spans("migration");
    for failed in [&told.verb(), &migrations[1]] {
        assert_eq!(failed.field("otel.status_code"), "ERROR", "{failed:?}");
        assert_eq!((failed.field("error.type"), failed.field("db.response.status_code")), ("42703", "42703"));
        assert!(failed.field("otel.status_description").contains('2'), "{failed:?}");
    }
    for other in [&migrations[0], &migrations[2]] {
        assert_eq!((other.field("otel.status_code"), other.field("error.type")), ("", ""), "{other:?}");
    }
    assert!(migrations.iter().all(|span| span.is_closed));
}

#[tokio::test]
async fn a_failure_that_is_not_the_servers_word_has_a_word_for_it() {
    let (database, mut client) = fresh().await;
    let holder = database.connect().await.unwrap();
    let lock = "SELECT pg_advisory_lock(hashtextextended('graven \"public\".\"graven_history\"', 0))";
    holder.batch_execute(lock).await.unwrap();
    let (told, _guard) = Told::from(LevelFilter::DEBUG);
    let error = set(&FILES).migrator().lock_timeout(Duration::ZERO).run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::LockTimeout { .. }), "{error:?}");
    let verb = told.verb();
    assert_eq!((verb.field("error.type"), verb.field("db.response.status_code")), ("lock-timeout", ""));
    assert_eq!(told.outcomes(), pairs([]));
}

#[tokio::test]
async fn a_revert_has_its_own() {
    let (_database, mut client) = fresh().await;
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()"), ("1_a.down.sql", "DROP TABLE a")]);
    migrations.run(&mut client).await.unwrap();
    let (told, _guard) = Told::from(LevelFilter::DEBUG);
    migrations.migrator().revert(&mut client, Target::Steps(1)).await.unwrap();
    assert_eq!(told.verb().field("otel.name"), "graven revert");
    assert_eq!(told.outcomes(), pairs([("graven revert 1 a", "reverted")]));
}

#[tokio::test]
async fn a_baseline_and_a_repeatable_have_theirs_as_well() {
    let (_database, mut client) = fresh().await;
    let (told, _guard) = Told::from(LevelFilter::DEBUG);
    let files = [
        ("1_a.sql", "CREATE TABLE a ()"),
        ("1_all.baseline.sql", "CREATE TABLE a ()"),
        ("views.repeatable.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS one"),
    ];
    set(&files).run(&mut client).await.unwrap();
    let applied = [("graven apply 1 all", "applied"), ("graven apply repeatable views", "applied")];
    assert_eq!(told.outcomes(), pairs(applied));
    assert_eq!(told.spans("migration")[1].field("graven.version"), "");
}

/// A span that were held across an await would be that of whatever its thread does meanwhile.
#[tokio::test]
async fn two_runs_on_one_thread_keep_their_spans_apart_and_within_their_callers() {
    let (first, mut one) = fresh().await;
    let (second, mut two) = fresh().await;
    let (told, _guard) = Told::from(LevelFilter::DEBUG);
    let slow = [("1_a.sql", "-- graven: transaction = off\nSELECT pg_sleep(0.05);\nSELECT pg_sleep(0.05);\n")];
    let migrations = set(&slow);
    let outer = |name: &'static str| tracing::info_span!("caller", who = name);
    let (ran, also) = tokio::join!(
        migrations.run(&mut one).instrument(outer("first")),
        migrations.run(&mut two).instrument(outer("second")),
    );
    assert_eq!((ran.unwrap().applied.len(), also.unwrap().applied.len()), (1, 1));
    let callers = told.spans("caller");
    let verbs = told.spans("verb");
    for (database, who) in [(&first, "first"), (&second, "second")] {
        let caller = callers.iter().find(|span| span.field("who") == who).unwrap();
        let verb = verbs.iter().find(|span| span.parent == Some(caller.id)).unwrap();
        assert_eq!(verb.field("db.namespace"), format!("{}|public", database.name()));
        let within = told.spans("migration").into_iter().filter(|span| span.parent == Some(verb.id));
        assert_eq!(within.count(), 1);
        assert_eq!(caller.fields.len(), 1, "{caller:?}");
    }
    assert_eq!((callers.len(), verbs.len()), (2, 2));
}

#[tokio::test]
async fn at_info_there_are_events_and_no_spans_and_the_callers_is_left_alone() {
    let (_database, mut client) = fresh().await;
    let (told, _guard) = Told::from(LevelFilter::INFO);
    let caller = tracing::info_span!("caller", db.namespace = tracing::field::Empty);
    set(&FILES).run(&mut client).instrument(caller).await.unwrap();
    let contents = told.0.lock().unwrap();
    assert_eq!(contents.spans.iter().map(|span| span.name).collect::<Vec<_>>(), ["caller"]);
    assert_eq!(contents.spans[0].fields.len(), 0, "{:?}", contents.spans[0]);
    let caller = Some(contents.spans[0].id);
    assert_eq!(contents.events.iter().filter(|event| **event == (caller, "applied".to_owned())).count(), 3);
}
