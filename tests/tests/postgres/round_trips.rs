//! What each verb costs in round trips once it is connected. The counts are promises: every one is written down.

use std::time::Duration;

use graven::{Error, HealthState, Migrations, Outcome};
use graven_testkit::{Cluster, Database, Error as TestkitError, Message, Mode, Proxy, Traffic};

use crate::common::{fresh, set, until, value};
use crate::glance;

const TWO: [(&str, &str); 2] = [("0001_a.sql", "CREATE TABLE a (v int)"), ("0002_b.sql", "INSERT INTO a VALUES (1)")];

/// A database on which both of [`TWO`] are applied.
async fn applied() -> (Database, Migrations) {
    let (database, mut client) = fresh().await;
    let migrations = set(&TWO);
    assert_eq!(migrations.run(&mut client).await.unwrap().applied.len(), 2);
    (database, migrations)
}

/// Runs the set through a proxy, and says what it came to and what that took.
async fn run(url: &str, migrations: Migrations) -> (Outcome, usize, Traffic) {
    let proxy = Proxy::to(url).unwrap();
    let mut client = proxy.connect().await.unwrap();
    let report = migrations.run(&mut client).await.unwrap();
    let traffic = proxy.traffic();
    assert_eq!(traffic.messages.len(), traffic.round_trips, "each message is waited for: {traffic:#?}");
    (report.outcome, report.applied.len(), traffic)
}

async fn is_up_to_date_in_one_round_trip(url: &str, migrations: Migrations) {
    let (outcome, applied, traffic) = run(url, migrations).await;
    assert_eq!((outcome, applied, traffic.round_trips), (Outcome::UpToDate, 0, 1), "{traffic:#?}");
}

#[tokio::test]
async fn a_run_with_nothing_pending_is_one_round_trip_each_time() {
    let (database, migrations) = applied().await;
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    for _ in 0..3 {
        let mark = proxy.mark();
        assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
        let traffic = proxy.since(mark);
        assert_eq!((traffic.round_trips, traffic.messages.len()), (1, 1), "{traffic:#?}");
    }
}

#[tokio::test]
async fn a_run_by_url_with_nothing_pending_is_one_connection_and_one_round_trip() {
    let (database, migrations) = applied().await;
    let proxy = Proxy::to(database.url()).unwrap();
    assert_eq!(migrations.run_url(proxy.url()).await.unwrap().outcome, Outcome::UpToDate);
    let traffic = proxy.traffic();
    assert_eq!((traffic.connections, traffic.round_trips), (1, 1), "{traffic:#?}");
}

#[tokio::test]
async fn a_role_that_may_only_read_starts_in_one_round_trip() {
    let (database, migrations) = applied().await;
    let reader = database.role("reader").unwrap();
    // Before PostgreSQL 15 everybody could create in the schema public.
    let rights =
        format!("REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT SELECT ON graven_history TO {}", reader.name());
    database.execute(&rights).unwrap();
    let may_create = format!("SELECT has_schema_privilege('{}', 'public', 'CREATE')", reader.name());
    assert_eq!(value(&database, &may_create), "f");
    is_up_to_date_in_one_round_trip(reader.url(), migrations).await;
}

#[tokio::test]
async fn a_start_on_a_standby_is_one_round_trip() {
    let primary = Cluster::builder().start().unwrap();
    let database = primary.database().unwrap();
    let migrations = set(&TWO);
    migrations.run(&mut database.connect().await.unwrap()).await.unwrap();
    match Cluster::builder().standby_of(&primary).start() {
        Ok(standby) => {
            standby.catch_up_with(&primary).unwrap();
            is_up_to_date_in_one_round_trip(&standby.url_of(&database), migrations).await;
        }
        // A PostgreSQL that was fetched has no pg_basebackup. With this file, and nobody to follow, a server is a
        // standby of its own past.
        Err(TestkitError::ProgramAbsent { .. }) => {
            primary.stop(Mode::Fast).unwrap();
            std::fs::write(primary.data_directory().join("standby.signal"), "").unwrap();
            primary.start_again().unwrap();
            assert_eq!(value(&database, "SELECT pg_is_in_recovery()"), "t");
            is_up_to_date_in_one_round_trip(database.url(), migrations).await;
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_start_with_ten_thousand_migrations_applied_is_one_round_trip_and_one_row() {
    let (database, migrations) = glance::applied(10_000).await;
    is_up_to_date_in_one_round_trip(database.url(), migrations).await;
    let mut client = database.connect().await.unwrap();
    assert_eq!(migrations.health(&mut client).await.unwrap().applied, 10_000);
    database.execute("DELETE FROM graven_history WHERE version = 50000").unwrap();
    let health = migrations.health(&mut client).await.unwrap();
    assert_eq!((health.applied, health.out_of_order), (9_999, 1));
}

#[tokio::test]
async fn verify_is_one_round_trip() {
    let (database, migrations) = applied().await;
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    assert_eq!(migrations.verify(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(proxy.traffic().round_trips, 1, "{:#?}", proxy.traffic());
}

#[tokio::test]
async fn verify_with_something_pending_is_one_round_trip() {
    let (database, _) = applied().await;
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    let error = set(&[TWO[0], TWO[1], ("0003_c.sql", "")]).verify(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::NotApplied { .. }), "{error:?}");
    assert_eq!(proxy.traffic().round_trips, 1, "{:#?}", proxy.traffic());
}

#[tokio::test]
async fn status_is_one_round_trip() {
    let (database, migrations) = applied().await;
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    assert_eq!(migrations.status(&mut client).await.unwrap().migrations.len(), 2);
    assert_eq!(proxy.traffic().round_trips, 1, "{:#?}", proxy.traffic());
}

#[tokio::test]
async fn health_is_one_round_trip() {
    let (database, migrations) = applied().await;
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    assert_eq!(migrations.health(&mut client).await.unwrap().state, HealthState::Healthy);
    assert_eq!(proxy.traffic().round_trips, 1, "{:#?}", proxy.traffic());
}

#[tokio::test]
async fn verify_status_and_health_ask_again_only_where_they_have_to() {
    let cases = [
        ("everything is applied", "SELECT", [1, 1, 1]),
        ("one is pending", "DELETE FROM graven_history WHERE version = 2", [1, 1, 1]),
        // Who is running it is asked for, by a probe in the same message.
        ("one is incomplete", "UPDATE graven_history SET state = 'started' WHERE version = 2", [3, 2, 1]),
        // Its rows might be hidden, or another history be meant.
        ("the history has no row", "DELETE FROM graven_history", [2, 2, 1]),
        ("another table stands before it", "CREATE TEMP TABLE graven_history (v int)", [2, 1, 3]),
        ("no schema of the search path can be used", "SET search_path = nowhere", [4, 3, 3]),
    ];
    for (what, sql, expected) in cases {
        let (database, migrations) = applied().await;
        let proxy = Proxy::to(database.url()).unwrap();
        let mut client = proxy.connect().await.unwrap();
        client.batch_execute(sql).await.unwrap();
        let mut counted = Vec::new();
        let mark = proxy.mark();
        let _ = migrations.verify(&mut client).await;
        counted.push(proxy.since(mark).round_trips);
        let mark = proxy.mark();
        let _ = migrations.status(&mut client).await;
        counted.push(proxy.since(mark).round_trips);
        let mark = proxy.mark();
        let _ = migrations.health(&mut client).await;
        counted.push(proxy.since(mark).round_trips);
        assert_eq!(counted, expected, "{what}: {:#?}", proxy.traffic());
    }
}

#[tokio::test]
async fn a_conflict_is_told_after_one_round_trip() {
    let (database, _) = applied().await;
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    let error = set(&[TWO[0], ("0002_b.sql", "SELECT 2")]).run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::Conflicts { .. }), "{error:?}");
    assert_eq!(proxy.traffic().round_trips, 1, "{:#?}", proxy.traffic());
}

/// A glance; the lock with a look; what the session has set; the migration, and the lock given back.
#[tokio::test]
async fn one_pending_is_four_round_trips() {
    let (database, _) = applied().await;
    let migrations = set(&[TWO[0], TWO[1], ("0003_c.sql", "INSERT INTO a VALUES (3)")]);
    let (outcome, applied, traffic) = run(database.url(), migrations).await;
    assert_eq!((outcome, applied, traffic.round_trips), (Outcome::Applied, 1, 4), "{traffic:#?}");
}

/// A glance; the lock with a look; the history table; all of the set, and the lock given back.
#[tokio::test]
async fn a_hundred_and_twenty_pending_on_a_fresh_database_are_four_round_trips() {
    let (database, _) = fresh().await;
    let (outcome, applied, traffic) = run(database.url(), a_hundred_and_twenty("")).await;
    assert_eq!((outcome, applied), (Outcome::Applied, 120));
    assert_eq!(traffic.round_trips, 4, "{traffic:#?}");
    assert_eq!(value(&database, "SELECT count(*) FROM pg_tables WHERE tablename ~ '^t[0-9]+$'"), "120");
}

/// Each makes a table; the first one begins with that.
fn a_hundred_and_twenty(head: &str) -> Migrations {
    let file = |version: usize| {
        let text =
            format!("CREATE TABLE t{version} (id bigint PRIMARY KEY);\nINSERT INTO t{version} VALUES ({version});\n");
        let head = if version == 1 { head } else { "" };
        (format!("{version:04}_t{version}.sql"), format!("{head}{text}"))
    };
    let files: Vec<_> = (1..=120).map(file).collect();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    set(&files)
}

/// The head of a dump turns on what is on: its strings, and those of all after it, are read as they were.
#[tokio::test]
async fn a_file_with_the_head_of_a_dump_goes_out_with_the_others() {
    let (database, _) = fresh().await;
    let head = "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\
                SELECT pg_catalog.set_config('search_path', '', false);\nSET search_path = public;\n\
                CREATE TABLE path AS SELECT 'C:\\' || E'\\\\' AS p;\n";
    let (outcome, applied, traffic) = run(database.url(), a_hundred_and_twenty(head)).await;
    assert_eq!((outcome, applied, traffic.round_trips), (Outcome::Applied, 120, 4), "{traffic:#?}");
    assert_eq!(value(&database, "SELECT p FROM path"), r"C:\\");
}

/// However long each message takes on its way: a second connection is for a migration that itself takes long.
#[tokio::test]
async fn far_from_the_server_a_run_by_url_makes_one_connection_and_no_more_round_trips() {
    let far = Duration::from_millis(300);
    let (database, migrations) = glance::applied(10_000).await;
    let proxy = Proxy::to(database.url()).unwrap();
    proxy.latency(far);
    assert_eq!(migrations.run_url(proxy.url()).await.unwrap().outcome, Outcome::UpToDate);
    let traffic = proxy.traffic();
    assert_eq!((traffic.connections, traffic.round_trips), (1, 1), "{traffic:#?}");

    // On a busy machine the migrations themselves may take so long that it is looked whom they wait for.
    let mut counted = Vec::new();
    while counted.len() < 5 {
        let (database, _) = fresh().await;
        let proxy = Proxy::to(database.url()).unwrap();
        proxy.latency(far);
        let report = a_hundred_and_twenty("").run_url(proxy.url()).await.unwrap();
        assert_eq!(report.applied.len(), 120);
        let traffic = proxy.traffic();
        counted.push((traffic.connections, traffic.round_trips));
        if counted.last() == Some(&(1, 4)) {
            return;
        }
    }
    panic!("{counted:?}");
}

/// The pauses are 5 ms, then double up to 500 ms, and jitter takes at most half of each: ten of them fit into a second,
/// with eleven tries around them. Before the tries there is a look, and twice it is asked who holds the lock.
#[tokio::test]
async fn who_waits_for_the_lock_asks_no_more_than_its_pauses_say() {
    let (database, mut holder) = fresh().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE app.gate ()").unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE app.gate").await.unwrap();
    let migrations = set(&[("0001_a.sql", "-- graven: lock_timeout = 0\nLOCK TABLE app.gate")]);
    let held = tokio::spawn(async move { migrations.run(&mut holder).await });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.gate'::regclass";
    until("the holder is at the gate", || value(&database, waits) == "1").await;

    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    let error = migrations.migrator().lock_timeout(Duration::from_secs(1)).run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::LockTimeout { .. }), "{error:?}");
    let traffic = proxy.traffic();
    let of = |part: &str| traffic.messages.iter().filter_map(Message::sql).filter(|sql| sql.contains(part)).count();
    let (tries, asked) = (of("pg_try_advisory_lock"), of("pg_locks"));
    assert!((2..=11).contains(&tries), "{tries} tries: {traffic:#?}");
    assert_eq!((asked, traffic.round_trips), (2, 1 + tries + 2), "{traffic:#?}");

    gate.batch_execute("COMMIT").await.unwrap();
    held.await.unwrap().unwrap();
}
