//! The metrics: what is counted, under which names, units and labels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use graven::{Error, Event, Repair, Resolution, StampTo, State, Target};
use metrics::Unit;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use super::{DOCUMENTED, is_documented};
use crate::common::{fresh, set, until};

/// What a recorder was told, by `name{label=value,…}` without an empty namespace.
struct Counted(BTreeMap<String, DebugValue>);

impl Counted {
    fn by(snapshotter: &Snapshotter) -> Self {
        let entries = snapshotter.snapshot().into_vec().into_iter().map(|(key, unit, description, value)| {
            let key = key.key();
            assert!(is_documented(key.name()), "{key:?}");
            let expected = match key.name() {
                "graven_ready" => None,
                name if name.ends_with("_seconds") => Some(Unit::Seconds),
                _ => Some(Unit::Count),
            };
            assert_eq!(unit, expected, "{key:?}");
            assert!(description.is_some_and(|text| text.ends_with('.')), "{key:?}");
            let mut labels: Vec<_> = key.labels().map(|label| (label.key(), label.value())).collect();
            assert!(labels.iter().all(|(name, _)| is_documented(name) || *name == "namespace"), "{key:?}");
            assert!(labels.iter().any(|(name, _)| *name == "namespace"), "{key:?}");
            labels.retain(|(name, value)| !(*name == "namespace" && value.is_empty()));
            labels.sort_unstable();
            let labels: Vec<String> = labels.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
            (format!("{}{{{}}}", key.name(), labels.join(",")), value)
        });
        Self(entries.collect())
    }

    fn counter(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(DebugValue::Counter(count)) => *count,
            None => 0,
            other => panic!("{name}: {other:?}"),
        }
    }

    fn gauge(&self, name: &str) -> Option<f64> {
        match self.0.get(name) {
            Some(DebugValue::Gauge(value)) => Some(value.into_inner()),
            None => None,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// What a histogram was given since the last look.
    fn histogram(&self, name: &str) -> Vec<f64> {
        match self.0.get(name) {
            Some(DebugValue::Histogram(values)) => values.iter().map(|value| value.into_inner()).collect(),
            None => Vec::new(),
            other => panic!("{name}: {other:?}"),
        }
    }

    fn states(&self) -> [Option<f64>; 7] {
        ["applied", "pending", "out-of-order", "modified", "incomplete", "orphaned", "future"]
            .map(|state| self.gauge(&format!("graven_migrations{{state={state}}}")))
    }
}

/// Runs a test on this thread alone, with a recorder for it.
fn recorded(test: impl AsyncFnOnce(Snapshotter)) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(test(snapshotter)));
}

const TWO: [(&str, &str); 2] = [("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", "CREATE TABLE b ()")];

#[test]
fn a_run_counts_what_it_applied_and_how_long_it_took() {
    recorded(async |snapshotter| {
        let (_database, mut client) = fresh().await;
        set(&TWO).run(&mut client).await.unwrap();
        let counted = Counted::by(&snapshotter);
        assert_eq!(counted.counter("graven_applied_total{}"), 2);
        assert_eq!(counted.histogram("graven_migration_duration_seconds{direction=apply}").len(), 2);
        let took = counted.histogram("graven_verb_duration_seconds{outcome=ok,verb=run}");
        assert!(took.len() == 1 && took[0] > 0.0, "{took:?}");
        assert_eq!(counted.states(), [2, 0, 0, 0, 0, 0, 0].map(|count| Some(f64::from(count))));
        assert_eq!(counted.histogram("graven_lock_wait_seconds{}").len(), 0, "nobody was waited for");
        assert_eq!(counted.gauge("graven_ready{}"), None, "only health says so");
    });
}

#[test]
fn health_sets_the_state_and_whether_it_is_ready() {
    recorded(async |snapshotter| {
        let (database, mut client) = fresh().await;
        set(&TWO).run(&mut client).await.unwrap();
        set(&TWO).health(&mut client).await.unwrap();
        assert_eq!(Counted::by(&snapshotter).gauge("graven_ready{}"), Some(1.0));
        database.execute("UPDATE graven_history SET checksum = sha256('edited') WHERE version = 2").unwrap();
        set(&TWO).health(&mut client).await.unwrap();
        let counted = Counted::by(&snapshotter);
        assert_eq!(counted.gauge("graven_ready{}"), Some(0.0));
        assert_eq!(counted.states(), [1, 0, 0, 1, 0, 0, 0].map(|count| Some(f64::from(count))));
        assert_eq!(counted.histogram("graven_verb_duration_seconds{outcome=ok,verb=health}").len(), 1);
    });
}

#[test]
fn the_gauge_of_states_means_the_same_after_each_verb() {
    let files = [
        ("1_a.sql", "CREATE TABLE a ()"),
        ("2_b.sql", "CREATE TABLE b ()"),
        ("2_all.baseline.sql", "CREATE TABLE a (); CREATE TABLE b ()"),
        ("3_c.sql", "CREATE TABLE c ()"),
        ("3_c.down.sql", "DROP TABLE c"),
        ("4_d.sql", "-- graven: transaction = off\nSELECT 1;\nSELECT * FROM later;"),
        ("rows.repeatable.sql", "CREATE OR REPLACE VIEW rows AS SELECT 1"),
    ];
    recorded(async |snapshotter| {
        let (database, mut client) = fresh().await;
        let mut migrator = set(&files).migrator().into_existing();
        // Whatever the verb, what `status` says right after it is what the gauge was.
        let check = async |after: &str, wanted: [u32; 7]| {
            let gauge = Counted::by(&snapshotter).states();
            assert_eq!(gauge, wanted.map(|count| Some(f64::from(count))), "after {after}");
            let mut other = database.connect().await.unwrap();
            let status = set(&files).status(&mut other).await.unwrap();
            let states = [
                State::Applied,
                State::Pending,
                State::OutOfOrder,
                State::Modified,
                State::Incomplete,
                State::Orphaned,
                State::Future,
            ];
            assert_eq!(
                states.map(|state| status.count(state)),
                wanted.map(|count| count as usize),
                "status after {after}"
            );
            // A snapshot leaves every gauge at 0: what the next verb does not set, it has not said.
            Counted::by(&snapshotter);
        };
        migrator.health(&mut client).await.unwrap();
        check("health", [0, 5, 0, 0, 0, 0, 0]).await;
        migrator.plan(&mut client).await.unwrap();
        check("plan", [0, 5, 0, 0, 0, 0, 0]).await;
        // The baseline stands for two, and what lies above where the run was to stop is pending.
        set(&files).migrator().to(3).run(&mut client).await.unwrap();
        check("run to 3", [3, 2, 0, 0, 0, 0, 0]).await;
        migrator.verify(&mut client).await.unwrap_err();
        check("verify", [3, 2, 0, 0, 0, 0, 0]).await;
        migrator.run(&mut client).await.unwrap_err();
        check("a run that fails", [3, 1, 0, 0, 1, 0, 0]).await;
        migrator.resolve(&mut client, 4, Resolution::Applied).await.unwrap();
        check("resolve", [4, 1, 0, 0, 0, 0, 0]).await;
        migrator.run(&mut client).await.unwrap();
        check("run", [5, 0, 0, 0, 0, 0, 0]).await;
        migrator.run(&mut client).await.unwrap();
        check("an up-to-date run", [5, 0, 0, 0, 0, 0, 0]).await;
        database.execute("DELETE FROM graven_history WHERE version = 4").unwrap();
        migrator.revert(&mut client, Target::Steps(1)).await.unwrap();
        // The repeatable is pending with it.
        check("revert", [2, 3, 0, 0, 0, 0, 0]).await;
        migrator.stamp(&mut client, StampTo::Version(3)).await.unwrap();
        check("stamp", [3, 2, 0, 0, 0, 0, 0]).await;
        database.execute("UPDATE graven_history SET checksum = sha256('other') WHERE version = 3").unwrap();
        migrator.run(&mut client).await.unwrap_err();
        check("a run with a conflict", [2, 2, 0, 1, 0, 0, 0]).await;
        migrator.repair(&mut client, Repair::All).await.unwrap();
        check("repair", [3, 2, 0, 0, 0, 0, 0]).await;
        database.execute("CREATE TABLE c ()").unwrap();
        migrator.redo(&mut client, 3).await.unwrap();
        check("redo", [3, 2, 0, 0, 0, 0, 0]).await;
        database.execute("CREATE TABLE later ()").unwrap();
        migrator.run(&mut client).await.unwrap();
        check("a run again", [5, 0, 0, 0, 0, 0, 0]).await;
        database.execute("UPDATE graven_history SET checksum = sha256('other') WHERE version IS NULL").unwrap();
        migrator.health(&mut client).await.unwrap();
        check("health", [4, 1, 0, 0, 0, 0, 0]).await;
        migrator.run(&mut client).await.unwrap();
        check("the last run", [5, 0, 0, 0, 0, 0, 0]).await;
        // What is resolved may have been edited since it was begun.
        let edit = "UPDATE graven_history SET state = 'started', statements_done = 1, statements_total = 2, \
                    in_doubt = true, checksum = sha256('other') WHERE version = 4";
        database.execute(edit).unwrap();
        migrator.resolve(&mut client, 4, Resolution::Applied).await.unwrap();
        check("resolve of what was edited", [4, 0, 0, 1, 0, 0, 0]).await;
    });
}

#[test]
fn namespaces_are_kept_apart() {
    recorded(async |snapshotter| {
        let (_database, mut client) = fresh().await;
        set(&TWO).migrator().namespace("web").run(&mut client).await.unwrap();
        set(&TWO[..1]).migrator().namespace("jobs").into_existing().health(&mut client).await.unwrap();
        let counted = Counted::by(&snapshotter);
        assert_eq!(counted.counter("graven_applied_total{namespace=web}"), 2);
        assert_eq!(counted.gauge("graven_migrations{namespace=web,state=applied}"), Some(2.0));
        assert_eq!(counted.gauge("graven_migrations{namespace=jobs,state=pending}"), Some(1.0));
    });
}

#[test]
fn failures_are_counted_by_their_kind_and_conflicts_by_their_state() {
    recorded(async |snapshotter| {
        let (_database, mut client) = fresh().await;
        set(&[TWO[0], ("2_b.sql", "SELECT nothing")]).run(&mut client).await.unwrap_err();
        set(&[("1_a.sql", "CREATE TABLE a (edited int)")]).run(&mut client).await.unwrap_err();
        let counted = Counted::by(&snapshotter);
        assert_eq!(counted.gauge("graven_migrations{state=modified}"), Some(1.0));
        assert_eq!(counted.histogram("graven_verb_duration_seconds{outcome=failed,verb=run}").len(), 2);
        assert_eq!(counted.counter("graven_failures_total{error=42703,verb=run}"), 1);
        assert_eq!(counted.counter("graven_failures_total{error=conflicts,verb=run}"), 1);
        assert_eq!(counted.counter("graven_applied_total{}"), 1);
        set(&TWO).verify(&mut client).await.unwrap_err();
        let counted = Counted::by(&snapshotter);
        assert_eq!(counted.counter("graven_failures_total{error=not-applied,verb=verify}"), 1);
        assert_eq!(counted.gauge("graven_migrations{state=modified}"), Some(0.0));
    });
}

#[test]
fn retries_and_reverts_are_counted() {
    recorded(async |snapshotter| {
        let (database, mut client) = fresh().await;
        let files = [("1_a.sql", "CREATE TABLE a ()"), ("1_a.down.sql", "DROP TABLE a")];
        set(&files).run(&mut client).await.unwrap();
        set(&files).migrator().revert(&mut client, Target::Steps(1)).await.unwrap();
        let gate = database.connect().await.unwrap();
        gate.batch_execute("CREATE SCHEMA gates; CREATE TABLE gates.gate ()").await.unwrap();
        gate.batch_execute("BEGIN; LOCK TABLE gates.gate").await.unwrap();
        let patience = Duration::from_millis(20);
        let files = [("1_a.sql", "LOCK TABLE gates.gate")];
        let mut migrator = set(&files).migrator().table_lock_timeout(patience).retries(2);
        migrator.run(&mut client).await.unwrap_err();
        let counted = Counted::by(&snapshotter);
        assert_eq!(counted.counter("graven_reverted_total{}"), 1);
        assert_eq!(counted.histogram("graven_migration_duration_seconds{direction=revert}").len(), 1);
        assert_eq!(counted.counter("graven_retries_total{}"), 2);
        assert_eq!(counted.counter("graven_failures_total{error=55P03,verb=run}"), 1);
    });
}

#[test]
fn waits_for_the_lock_are_counted_also_those_in_vain() {
    recorded(async |snapshotter| {
        let (database, mut client) = fresh().await;
        let holder = database.connect().await.unwrap();
        let key = "hashtextextended('graven \"public\".\"graven_history\"', 0)";
        holder.batch_execute(&format!("SELECT pg_advisory_lock({key})")).await.unwrap();
        let timeout = Duration::from_millis(50);
        let error = set(&TWO).migrator().lock_timeout(timeout).run(&mut client).await.unwrap_err();
        assert!(matches!(error, Error::LockTimeout { .. }), "{error:?}");
        let counted = Counted::by(&snapshotter);
        let waits = counted.histogram("graven_lock_wait_seconds{}");
        assert!(waits.len() == 1 && waits[0] >= 0.05, "{waits:?}");

        let waits = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&waits);
        let mut migrator = set(&TWO).migrator().observe(move |event| {
            told.fetch_or(matches!(event, Event::LockWaiting { .. }), Ordering::Relaxed);
        });
        let give_back = async {
            until("it waits", || waits.load(Ordering::Relaxed)).await;
            holder.batch_execute(&format!("SELECT pg_advisory_unlock({key})")).await.unwrap();
        };
        let (ran, ()) = tokio::join!(migrator.run(&mut client), give_back);
        assert_eq!(ran.unwrap().applied.len(), 2);
        let waits = Counted::by(&snapshotter).histogram("graven_lock_wait_seconds{}");
        assert!(waits.len() == 1 && waits[0] > 0.0, "{waits:?}");
    });
}

#[test]
fn whatever_the_table_lists_is_there() {
    let listed: Vec<&str> =
        DOCUMENTED.lines().filter_map(|line| line.strip_prefix("//! | `graven_")?.split('`').next()).collect();
    assert_eq!(listed.len(), 9, "{listed:?}");
    let code = include_str!("../../../../runtime/src/observe/metrics.rs");
    for name in listed {
        assert!(code.contains(&format!("\"graven_{name}\"")), "{name}");
    }
}
