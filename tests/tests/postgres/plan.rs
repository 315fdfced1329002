//! The verb `plan`: what it says is what a run then does, and it changes nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use graven::{Error, Event, LockMode, Migrations, Planned, Sending, Transaction};
use graven_testkit::Proxy;
use tokio_postgres::Client;

use crate::common::{Directory, exists, failed, fresh, set};

async fn planned(migrations: &Migrations, client: &mut Client) -> Planned {
    migrations.migrator().plan(client).await.unwrap()
}

const FILES: &[(&str, &str)] = &[
    ("0001_t.sql", "CREATE TABLE t (id int PRIMARY KEY);\nINSERT INTO t VALUES (1);"),
    ("0001_t.down.sql", "DROP TABLE t"),
    ("0002_add.sql", "-- graven: lock_timeout = 2s\n-- graven: retries = 9\nBEGIN;\nALTER TABLE t ADD v int;\nCOMMIT;"),
    (
        "0003_index.sql",
        "-- graven: transaction = off\n-- graven: statement_timeout = 1min\nCREATE INDEX CONCURRENTLY t_v ON t (v);\nBEGIN;\nLOCK t;\nUPDATE t SET v = 1;\nCOMMIT;",
    ),
    ("0004_strings.sql", "SET standard_conforming_strings = off;\nSELECT 1;"),
    ("0005_last.sql", "TRUNCATE other;"),
];

#[tokio::test]
async fn on_a_fresh_database_every_step_is_described() {
    let (database, mut client) = fresh().await;
    let migrations = set(FILES);
    let planned = planned(&migrations, &mut client).await;
    assert_eq!((planned.applied, planned.total, planned.left), (0, 5, 0));
    assert_eq!(planned.history.as_deref(), Some("public.graven_history"));
    assert_eq!(planned.database, database.name());
    assert!(planned.makes_history && !planned.is_up_to_date() && !planned.is_refused());
    let told: Vec<_> = planned
        .steps
        .iter()
        .map(|step| (step.version.unwrap().value(), step.statements, step.batch, step.sending, step.transaction))
        .collect();
    assert_eq!(
        told,
        [
            (1, 2, 1, Sending::Together, Transaction::On),
            (2, 1, 1, Sending::Together, Transaction::On),
            (3, 2, 2, Sending::StatementByStatement, Transaction::Off),
            (4, 2, 3, Sending::InPieces(2), Transaction::On),
            (5, 1, 4, Sending::Together, Transaction::On),
        ]
    );
    let timeouts: Vec<_> =
        planned.steps.iter().map(|step| (step.lock_timeout, step.statement_timeout, step.retries)).collect();
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(timeouts[..3], [(seconds(5), None, 5), (seconds(2), None, 9), (None, seconds(60), 5)]);
    assert_eq!(planned.steps[0].file, "migrations/0001_t.sql");
    assert!(planned.steps[0].reversible && !planned.steps[1].reversible);
    let locks: Vec<_> = planned
        .steps
        .iter()
        .flat_map(|step| &step.locks)
        .map(|lock| (lock.statement, lock.line, lock.mode, lock.on.as_str(), lock.is_new))
        .collect();
    assert_eq!(
        locks,
        [
            (2, 2, LockMode::RowExclusive, "t", true),
            (1, 4, LockMode::AccessExclusive, "t", true),
            (1, 3, LockMode::ShareUpdateExclusive, "t", true),
            (2, 5, LockMode::AccessExclusive, "t", true),
            (2, 6, LockMode::RowExclusive, "t", true),
            (1, 1, LockMode::AccessExclusive, "other", false),
        ]
    );
    assert_eq!(planned.steps[4].strongest_lock().unwrap().on, "other");
    assert!(!exists(&database, "graven_history"));
}

#[tokio::test]
async fn the_batches_are_those_of_the_run() {
    let (_database, mut client) = fresh().await;
    let files: Vec<_> = FILES[..5].to_vec();
    let migrations = set(&files);
    let batches: Vec<_> = planned(&migrations, &mut client).await.steps.iter().map(|step| step.batch).collect();
    let told = Arc::new(Mutex::new(Vec::new()));
    let observer = Arc::clone(&told);
    let mut migrator = migrations.migrator().observe(move |event| {
        let mut told = observer.lock().unwrap();
        match event {
            // Those of one batch are told together before any of them is applied.
            Event::Applying { .. } => told.push('>'),
            Event::Applied { .. } => told.push('.'),
            _ => {}
        }
    });
    migrator.run(&mut client).await.unwrap();
    assert_eq!(batches, [1, 1, 2, 3]);
    assert_eq!(told.lock().unwrap().iter().collect::<String>(), ">>..>.>.");
    let after = planned(&migrations, &mut client).await;
    assert!(after.is_up_to_date() && !after.makes_history);
    assert_eq!(after.applied, 4);
}

#[tokio::test]
async fn up_to_date_it_costs_one_round_trip_and_with_something_pending_two() {
    let (database, mut client) = fresh().await;
    set(&FILES[..2]).run(&mut client).await.unwrap();
    let proxy = Proxy::to(database.url()).unwrap();
    for (files, trips) in [(&FILES[..2], 1), (&FILES[..3], 2)] {
        let mut client = graven::connect(proxy.url()).await.unwrap();
        let before = proxy.mark();
        planned(&set(files), &mut client).await;
        let traffic = proxy.since(before);
        assert_eq!(traffic.round_trips, trips, "{traffic:#?}");
    }
}

#[tokio::test]
async fn conflicts_are_those_that_a_run_refuses() {
    let (_database, mut client) = fresh().await;
    let directory = Directory::new(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", "CREATE TABLE b ()")]);
    directory.load().run(&mut client).await.unwrap();
    directory.write("1_a.sql", "CREATE TABLE a (x int)");
    let migrations = directory.load();
    let planned = planned(&migrations, &mut client).await;
    let Err(Error::Conflicts { conflicts, .. }) = migrations.run(&mut client).await else { panic!("no conflict") };
    assert_eq!(planned.conflicts, conflicts);
    assert!(planned.is_refused() && planned.steps.is_empty() && planned.refusal.is_none());
    assert_eq!(planned.applied, 1);
    let json = serde_json::to_value(&planned).unwrap();
    assert_eq!(json["conflicts"][0]["state"], "modified");
    assert_eq!(json["conflicts"][0]["version"], 1);
}

#[tokio::test]
async fn what_would_stop_a_first_run_is_said() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE TABLE theirs ()").unwrap();
    let migrations = set(&FILES[..2]);
    let there = planned(&migrations, &mut client).await;
    assert!(matches!(there.refusal, Some(Error::NotEmpty { .. })), "{there:?}");
    assert!(there.is_refused() && !there.makes_history);
    assert_eq!(there.steps.len(), 1);
    let json = serde_json::to_value(&there).unwrap();
    assert!(json["refusal"]["hint"].as_str().unwrap().contains("stamp"), "{json}");
    let beside = migrations.migrator().into_existing().plan(&mut client).await.unwrap();
    assert!(beside.refusal.is_none() && beside.makes_history);
}

#[tokio::test]
async fn a_role_that_may_not_write_hears_of_it() {
    let (database, mut client) = fresh().await;
    set(&FILES[..1]).run(&mut client).await.unwrap();
    let role = database.role("reader").unwrap();
    database.execute(&format!("GRANT SELECT ON graven_history TO {}", role.name())).unwrap();
    let mut reader = graven::connect(role.url()).await.unwrap();
    assert!(planned(&set(&FILES[..1]), &mut reader).await.is_up_to_date());
    let planned = planned(&set(&FILES[..3]), &mut reader).await;
    assert!(matches!(planned.refusal, Some(Error::HistoryDenied { .. })), "{planned:?}");
}

#[tokio::test]
async fn who_is_migrating_is_named() {
    let (database, mut client) = fresh().await;
    let holder = database.connect().await.unwrap();
    let key = "hashtextextended('graven \"public\".\"graven_history\"', 0)";
    holder.batch_execute(&format!("SET application_name = 'them'; SELECT pg_advisory_lock({key})")).await.unwrap();
    let planned = planned(&set(FILES), &mut client).await;
    assert_eq!(planned.holder.unwrap().application_name.as_deref(), Some("them"));
    assert_eq!(planned.steps.len(), 5);
}

#[tokio::test]
async fn what_was_cut_off_is_taken_up_where_it_was_left() {
    let (database, mut client) = fresh().await;
    let file = "-- graven: transaction = off\nCREATE TABLE a ();\nCREATE TABLE b (x nothing);\nTRUNCATE a;";
    let migrations = set(&[("1_a.sql", file)]);
    failed(migrations.run(&mut client).await);
    let planned = planned(&migrations, &mut client).await;
    assert_eq!(planned.steps[0].resumes_after, Some(1));
    // It was made by an earlier run, but nobody else uses it before this migration is done.
    assert_eq!(
        planned.steps[0].locks.iter().map(|lock| (lock.statement, lock.is_new)).collect::<Vec<_>>(),
        [(3, true)]
    );
    assert!(exists(&database, "a"));
}

#[tokio::test]
async fn baselines_repeatables_and_a_last_version_are_told() {
    let (_database, mut client) = fresh().await;
    let directory = Directory::new(&[
        ("1_a.sql", "CREATE TABLE a ()"),
        ("2_b.sql", "CREATE TABLE b ()"),
        ("2_all.baseline.sql", "CREATE TABLE a (); CREATE TABLE b ()"),
        ("3_c.sql", "CREATE TABLE c ()"),
        ("views.repeatable.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS x"),
    ]);
    let told = |planned: &Planned| -> Vec<String> {
        planned.steps.iter().map(|step| format!("{} {} {} {}", step.kind, step.name, step.covers, step.again)).collect()
    };
    let migrations = directory.load();
    let all = planned(&migrations, &mut client).await;
    assert_eq!(told(&all), ["baseline all 2 false", "versioned c 0 false", "repeatable views 0 false"]);
    let some = migrations.migrator().to(2).plan(&mut client).await.unwrap();
    // The repeatable waits for what lies above.
    assert_eq!((told(&some), some.left), (vec!["baseline all 2 false".to_owned()], 2));
    migrations.run(&mut client).await.unwrap();
    directory.write("views.repeatable.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS x, 2 AS y");
    assert_eq!(told(&planned(&directory.load(), &mut client).await), ["repeatable views 0 true"]);
}
