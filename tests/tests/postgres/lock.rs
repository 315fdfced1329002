//! The advisory lock: who waits, for how long, what it learns meanwhile, and that the lock is given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use graven::{Error, Event, Migrations, Migrator, Outcome, Report};
use graven_testkit::Database;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::common::{exists, failed, fresh, history, set, until, value, versions};

/// A run that holds the lock until the gate is opened: its second migration waits for a table.
struct Held {
    gate: Client,
    run: JoinHandle<Result<Report, Error>>,
    pid: i32,
}

const GATED: [(&str, &str); 2] = [
    ("0001_a.sql", "CREATE TABLE a ()"),
    ("0002_b.sql", "-- graven: lock_timeout = 0\nLOCK TABLE app.gate;\nCREATE TABLE b ()"),
];

async fn hold(database: &Database, migrations: Migrations) -> Held {
    database.execute("CREATE SCHEMA app; CREATE TABLE app.gate ()").unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE app.gate").await.unwrap();
    let mut client = database.connect().await.unwrap();
    client.batch_execute("SET application_name = 'the holder'").await.unwrap();
    let pid = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let run = tokio::spawn(async move { migrations.run(&mut client).await });
    until("the holder is at the gate", || waiting(database) == "1").await;
    Held { gate, run, pid }
}

/// A migrator, and what becomes true once it waits for the lock.
fn telling(migrations: Migrations) -> (Migrator, Arc<AtomicBool>) {
    let waits = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&waits);
    let migrator = migrations.migrator().observe(move |event| {
        told.fetch_or(matches!(event, Event::LockWaiting { .. }), Ordering::Relaxed);
    });
    (migrator, waits)
}

fn waiting(database: &Database) -> String {
    value(database, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.gate'::regclass")
}

fn locks(database: &Database) -> String {
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    value(database, sql)
}

#[tokio::test]
async fn who_waits_finds_everything_applied_and_goes_on_without_the_lock() {
    let (database, mut client) = fresh().await;
    let migrations = set(&GATED);
    let held = hold(&database, migrations).await;
    let (mut migrator, waits) = telling(migrations);
    let open = async {
        until("it waits", || waits.load(Ordering::Relaxed)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        held.gate.batch_execute("COMMIT").await.unwrap();
    };
    let (report, ()) = tokio::join!(migrator.run(&mut client), open);
    let report = report.unwrap();
    assert_eq!((report.outcome, report.applied.len(), report.total), (Outcome::UpToDate, 0, 2));
    assert!(report.waited >= Duration::from_millis(100), "{report:?}");
    assert_eq!(versions(&held.run.await.unwrap().unwrap()), [1, 2]);
    assert_eq!(history(&database), ["1 a applied", "2 b applied"]);
    assert_eq!(locks(&database), "0");
}

#[tokio::test]
async fn who_waits_applies_what_the_holder_did_not() {
    let (database, mut client) = fresh().await;
    let held = hold(&database, set(&GATED)).await;
    let newer = set(&[GATED[0], GATED[1], ("0003_c.sql", "CREATE TABLE c ()")]);
    let (mut migrator, waits) = telling(newer);
    let open = async {
        until("it waits", || waits.load(Ordering::Relaxed)).await;
        held.gate.batch_execute("COMMIT").await.unwrap();
    };
    let (report, ()) = tokio::join!(migrator.run(&mut client), open);
    assert_eq!(versions(&report.unwrap()), [3]);
    assert_eq!(versions(&held.run.await.unwrap().unwrap()), [1, 2]);
}

#[tokio::test]
async fn who_waits_takes_over_when_the_holder_dies() {
    let (database, mut client) = fresh().await;
    let migrations = set(&GATED);
    let held = hold(&database, migrations).await;
    let (mut migrator, waits) = telling(migrations);
    let kill = async {
        until("it waits", || waits.load(Ordering::Relaxed)).await;
        assert_eq!(value(&database, &format!("SELECT pg_terminate_backend({})", held.pid)), "t");
        held.gate.batch_execute("COMMIT").await.unwrap();
    };
    let (report, ()) = tokio::join!(migrator.run(&mut client), kill);
    assert_eq!(versions(&report.unwrap()), [2]);
    assert_eq!(failed(held.run.await.unwrap()).version.unwrap().value(), 2);
}

#[tokio::test]
async fn on_timeout_the_error_names_the_holder() {
    let (database, mut client) = fresh().await;
    let migrations = set(&GATED);
    let held = hold(&database, migrations).await;
    let began = Instant::now();
    let error = migrations.migrator().lock_timeout(Duration::from_millis(300)).run(&mut client).await.unwrap_err();
    assert!((Duration::from_millis(300)..Duration::from_secs(20)).contains(&began.elapsed()), "{:?}", began.elapsed());
    let Error::LockTimeout { waited, holder: Some(holder), .. } = &error else { panic!("{error:?}") };
    assert!(*waited >= Duration::from_millis(300));
    assert_eq!((holder.pid, holder.application_name.as_deref()), (held.pid, Some("the holder")));
    assert_eq!((holder.role.as_deref(), holder.client.as_deref()), (Some("postgres"), Some("127.0.0.1")));
    assert_eq!(holder.statement.as_deref(), Some("migrations 1 to 2"));
    assert!(holder.statement_for <= holder.connected_for, "{holder:?}");
    assert!(error.to_string().contains(&format!("(pid {}, the holder)", held.pid)), "{error}");
    assert!(error.hint().unwrap().contains("GRAVEN_LOCK_TIMEOUT"), "{error:?}");
    held.gate.batch_execute("COMMIT").await.unwrap();
    held.run.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_lesser_role_learns_of_the_holder_what_it_may() {
    let (database, _) = fresh().await;
    let migrations = set(&GATED);
    let held = hold(&database, migrations).await;
    let role = database.role("app").unwrap();
    database
        .execute(&format!("GRANT ALL ON SCHEMA public, app TO {0}; GRANT ALL ON graven_history TO {0}", role.name()))
        .unwrap();
    let mut client = role.connect().await.unwrap();
    let error = migrations.migrator().lock_timeout(Duration::ZERO).run(&mut client).await.unwrap_err();
    let Error::LockTimeout { holder: Some(holder), .. } = &error else { panic!("{error:?}") };
    assert_eq!(holder.pid, held.pid);
    held.gate.batch_execute("COMMIT").await.unwrap();
    held.run.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_timeout_of_zero_tries_once() {
    let (database, mut client) = fresh().await;
    let migrations = set(&GATED);
    assert_eq!(
        versions(&set(&GATED[..1]).migrator().lock_timeout(Duration::ZERO).run(&mut client).await.unwrap()),
        [1]
    );
    let held = hold(&database, migrations).await;
    let began = Instant::now();
    let error = migrations.migrator().lock_timeout(Duration::ZERO).run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::LockTimeout { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    held.gate.batch_execute("COMMIT").await.unwrap();
    held.run.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_lock_is_given_back_on_success_on_failure_and_on_conflict() {
    let (database, mut client) = fresh().await;
    set(&GATED[..1]).run(&mut client).await.unwrap();
    assert_eq!(locks(&database), "0");
    for text in ["SELECT nothing", "SELECT (", "-- graven: transaction = off\nSELECT nothing"] {
        failed(set(&[GATED[0], ("0002_bad.sql", text)]).run(&mut client).await);
        assert_eq!(locks(&database), "0", "{text}");
    }
    let settled = set(&[GATED[0], ("0002_bad.sql", "-- graven: transaction = off\nSELECT 1;\nSELECT nothing")]);
    failed(settled.run(&mut client).await);
    let edited = set(&[GATED[0], ("0002_bad.sql", "-- graven: transaction = off\nSELECT 1;\nSELECT 2")]);
    let error = edited.run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::Conflicts { .. }), "{error:?}");
    assert_eq!(locks(&database), "0");
}

#[tokio::test]
async fn separate_histories_do_not_wait_for_each_other() {
    let (database, mut client) = fresh().await;
    let held = hold(&database, set(&GATED)).await;
    let other = set(&[("0001_other.sql", "CREATE TABLE app.other ()")]);
    let mut migrator = other.migrator().history("app.history").into_existing().lock_timeout(Duration::ZERO);
    assert_eq!(versions(&migrator.run(&mut client).await.unwrap()), [1]);
    assert_eq!(waiting(&database), "1");
    held.gate.batch_execute("COMMIT").await.unwrap();
    held.run.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_needs_nothing_does_not_wait_for_the_holder() {
    let (database, mut client) = fresh().await;
    set(&GATED[..1]).run(&mut client).await.unwrap();
    let held = hold(&database, set(&GATED)).await;
    let report = set(&GATED[..1]).migrator().lock_timeout(Duration::ZERO).run(&mut client).await.unwrap();
    assert_eq!((report.outcome, report.waited), (Outcome::UpToDate, Duration::ZERO));
    held.gate.batch_execute("COMMIT").await.unwrap();
    held.run.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_incomplete_migration_of_a_live_run_is_waited_for_and_no_conflict() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[
        GATED[0],
        (
            "0002_b.sql",
            "-- graven: transaction = off\nSELECT 1;\nDO $$ BEGIN LOCK TABLE app.gate; END $$;\nCREATE TABLE b ()",
        ),
    ]);
    let held = hold(&database, migrations).await;
    assert_eq!(history(&database), ["1 a applied", "2 b started 1/3 in doubt"]);
    let error = migrations.migrator().lock_timeout(Duration::ZERO).run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::LockTimeout { .. }), "{error:?}");
    let open = async { held.gate.batch_execute("COMMIT").await.unwrap() };
    let (report, ()) = tokio::join!(migrations.run(&mut client), open);
    assert_eq!(report.unwrap().outcome, Outcome::UpToDate);
    held.run.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_run_that_is_dropped_frees_the_lock_with_its_connection() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[GATED[0], GATED[1], ("0003_c.sql", "CREATE TABLE c ()")]);
    let held = hold(&database, migrations).await;
    held.run.abort();
    assert!(held.run.await.unwrap_err().is_cancelled());
    held.gate.batch_execute("COMMIT").await.unwrap();
    // Of what was under way each is there whole or not at all; the message that was sent may run to its end.
    let report = migrations.run(&mut client).await.unwrap();
    assert!(matches!(versions(&report)[..], [] | [3] | [2, 3]), "{report:?}");
    assert_eq!(history(&database), ["1 a applied", "2 b applied", "3 c applied"]);
    assert!(["a", "b", "c"].iter().all(|table| exists(&database, table)));
    // Who found everything applied did not wait for the lock, and what was dropped gives it back a moment later.
    until("nobody has the lock", || locks(&database) == "0").await;
}

#[tokio::test]
async fn a_file_that_gives_up_every_lock_of_its_session_does_no_harm() {
    let (database, mut client) = fresh().await;
    let files = [
        ("0001_a.sql", "CREATE TABLE a ();\nSELECT pg_advisory_unlock_all()"),
        ("0002_b.sql", "-- graven: transaction = off\nDISCARD ALL;\nCREATE TABLE b ()"),
        ("0003_c.sql", "CREATE TABLE c ()"),
    ];
    assert_eq!(versions(&set(&files).run(&mut client).await.unwrap()), [1, 2, 3]);
    assert_eq!(history(&database).len(), 3);
    assert_eq!(locks(&database), "0");
}

#[tokio::test]
async fn a_file_that_gives_up_every_lock_has_the_others_wait_for_it_all_the_same() {
    let off = "-- graven: transaction = off\n";
    let rest = "DO $$ BEGIN LOCK TABLE app.gate; END $$;\nCREATE TABLE b ()";
    for (first, second) in [
        ("CREATE TABLE a ()", format!("{off}DISCARD ALL;\n{rest}")),
        ("CREATE TABLE a ()", format!("{off}SELECT pg_advisory_unlock_all();\n{rest}")),
        ("SELECT pg_advisory_unlock_all()", format!("{off}SELECT 1;\n{rest}")),
    ] {
        let (database, mut client) = fresh().await;
        let migrations = set(&[("0001_a.sql", first), ("0002_b.sql", &second)]);
        let held = hold(&database, migrations).await;
        assert_eq!((history(&database)[1].as_str(), locks(&database).as_str()), ("2 b started 1/3 in doubt", "1"));
        let error = migrations.migrator().lock_timeout(Duration::ZERO).run(&mut client).await.unwrap_err();
        assert!(matches!(error, Error::LockTimeout { .. }), "{first} {second}: {error:?}");
        let open = async { held.gate.batch_execute("COMMIT").await.unwrap() };
        let (report, ()) = tokio::join!(migrations.run(&mut client), open);
        assert_eq!(report.unwrap().outcome, Outcome::UpToDate);
        held.run.await.unwrap().unwrap();
        assert_eq!(locks(&database), "0");
    }
}
