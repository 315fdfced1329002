//! What a session of the server is at is left to it, where no lock tells that anybody is: behind a pooler, and beside one.
//!
//! The failures guarded against: a statement that is sent a second time while the first try of it runs, a migration that ran
//! and has no row, and one that is recorded although its index is not there.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use graven::{Conflict, Error, Event, IncompleteReason, Migrations, Outcome, Resolution};
use graven_testkit::{Database, Proxy};
use tokio_postgres::{Client, NoTls};

use crate::common::{Pooler, exists, fresh, history, set, until, value, versions};

const TABLE: (&str, &str) = ("1_t.sql", "CREATE TABLE t (id int, v int);\nCREATE INDEX t_v ON t (v);");

/// A database with a table, a pooler before its server, and a set with a file without a transaction. `None` where there is no
/// pgbouncer.
async fn pooled(statements: &str) -> Option<(Database, Pooler, Migrations)> {
    let database = Database::create().unwrap();
    let pooler = Pooler::before(&database, "transaction", 5)?;
    set(&[TABLE]).run_url(database.url()).await.unwrap();
    let off = format!("-- graven: transaction = off\n{statements}\n");
    Some((database, pooler, set(&[TABLE, ("2_off.sql", &off)])))
}

/// Somebody who holds up what needs the table, until they commit.
async fn in_the_way(database: &Database, work: &str) -> Client {
    let client = database.connect().await.unwrap();
    client.batch_execute(&format!("BEGIN; {work}")).await.unwrap();
    client
}

const READ: &str = "SELECT count(*) FROM t";
const WRITE: &str = "INSERT INTO t VALUES (0, 0)";
/// A session of the server waits in a statement of the migration.
const HELD_UP: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND wait_event_type = 'Lock' AND query LIKE '/* graven: migration 2 off %'";

/// Starts a run over a URL, and waits until it is held up.
async fn held_up(
    database: &Database,
    migrations: Migrations,
    url: String,
) -> tokio::task::JoinHandle<Result<usize, Error>> {
    let run = tokio::spawn(async move { Ok(migrations.run_url(&url).await?.applied.len()) });
    until("the statement is held up", || value(database, HELD_UP) == "1").await;
    run
}

async fn impatient(migrations: Migrations, url: &str) -> Error {
    migrations.migrator().lock_timeout(Duration::from_millis(500)).run_url(url).await.unwrap_err()
}

fn names_who_is_at_it(error: &Error) -> bool {
    let Error::LockTimeout { holder: Some(holder), .. } = error else { return false };
    holder.statement.as_deref() == Some("migration 2 off")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_runs_behind_a_pooler_is_sent_by_nobody_else() {
    let Some((database, pooler, migrations)) = pooled("DROP INDEX CONCURRENTLY t_v;").await else { return };
    let reader = in_the_way(&database, READ).await;
    let run = held_up(&database, migrations, pooler.url(&database)).await;
    // Neither by who comes through the pooler as well, nor by who does not.
    for url in [pooler.url(&database), database.url().to_owned()] {
        let error = impatient(migrations, &url).await;
        assert!(names_who_is_at_it(&error), "{error:?}");
    }
    reader.batch_execute("COMMIT").await.unwrap();
    assert_eq!(run.await.unwrap().unwrap(), 1);
    assert_eq!(history(&database), ["1 t applied", "2 off applied"]);
    assert!(!exists(&database, "t_v"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_that_is_gone_has_left_running_is_waited_for_and_then_taken_as_done() {
    let Some((database, pooler, migrations)) = pooled("DROP INDEX CONCURRENTLY t_v;").await else { return };
    let reader = in_the_way(&database, READ).await;
    let url = pooler.url(&database);
    let mut client = graven::connect(&url).await.unwrap();
    let run = tokio::spawn(async move { migrations.run(&mut client).await });
    until("the statement is held up", || value(&database, HELD_UP) == "1").await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    let error = impatient(migrations, &url).await;
    assert!(names_who_is_at_it(&error), "{error:?}");
    reader.batch_execute("COMMIT").await.unwrap();
    until("it is done", || !exists(&database, "t_v")).await;
    let mut migrator = migrations.migrator().lock_timeout(Duration::from_millis(500));
    assert_eq!(versions(&migrator.run_url(&url).await.unwrap()), [2]);
    assert_eq!(history(&database), ["1 t applied", "2 off applied"]);
}

/// Between two statements of a run no session is at it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_behind_a_pooler_is_waited_for_by_who_comes_past_it() {
    let file = "SELECT pg_sleep(0.4);\nINSERT INTO t VALUES (1);\nSELECT pg_sleep(0.4);\nINSERT INTO t VALUES (2);";
    let Some((database, pooler, migrations)) = pooled(file).await else { return };
    let proxy = Proxy::to(&pooler.url(&database).replace('@', ":any@")).unwrap();
    proxy.latency(Duration::from_millis(300));
    let url = proxy.url().to_owned();
    let run = tokio::spawn(async move { migrations.run_url(&url).await });
    until("it has begun", || history(&database).len() == 2).await;
    let report = migrations.run_url(database.url()).await.unwrap();
    assert_eq!(report.outcome, Outcome::UpToDate);
    assert_eq!(versions(&run.await.unwrap().unwrap()), [2]);
    assert_eq!(value(&database, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM t"), "1 2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_at_this_moment_is_nobodys_to_resolve() {
    let Some((database, pooler, migrations)) =
        pooled("DO $$ BEGIN INSERT INTO t SELECT count(*) FROM t; END $$;").await
    else {
        return;
    };
    let locked = in_the_way(&database, "LOCK TABLE t").await;
    let run = held_up(&database, migrations, pooler.url(&database)).await;
    let mut client = database.connect().await.unwrap();
    let status = migrations.status(&mut client).await.unwrap();
    let [Conflict::Incomplete { reason: IncompleteReason::Running { by, .. }, .. }] = &status.conflicts[..] else {
        panic!("{:?}", status.conflicts)
    };
    assert!(by.contains("migration 2 off"), "{by}");
    for mut client in [client, graven::connect(&pooler.url(&database)).await.unwrap()] {
        let mut migrator = migrations.migrator().lock_timeout(Duration::from_millis(200));
        let error = migrator.resolve(&mut client, 2, Resolution::Retry).await.unwrap_err();
        assert!(names_who_is_at_it(&error), "{error:?}");
    }
    assert_eq!(history(&database)[1], "2 off started 0/1 in doubt");
    locked.batch_execute("COMMIT").await.unwrap();
    assert_eq!(run.await.unwrap().unwrap(), 1);
    assert_eq!(value(&database, "SELECT count(*) FROM t"), "1");
}

/// As for a role that may not see what the sessions of others are at.
async fn nobody_sees_what_others_are_at(database: &Database) {
    database.execute(&format!("ALTER DATABASE {} SET track_activities = off", database.name())).unwrap();
}

/// The second run takes over what the first one is at, and both send it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_two_have_sent_is_recorded_and_its_row_stays() {
    for (file, work, held_up) in [
        ("DROP INDEX CONCURRENTLY t_v;", READ, "NOT indisvalid FROM pg_index WHERE indexrelid = 't_v'::regclass"),
        ("CREATE INDEX CONCURRENTLY t_w ON t (v);", WRITE, "to_regclass('t_w') IS NOT NULL"),
        ("CREATE INDEX CONCURRENTLY ON t (id);", WRITE, "to_regclass('t_id_idx') IS NOT NULL"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS t_w ON t (v);", WRITE, "to_regclass('t_w') IS NOT NULL"),
    ] {
        let Some((database, pooler, migrations)) = pooled(file).await else { return };
        nobody_sees_what_others_are_at(&database).await;
        let somebody = in_the_way(&database, work).await;
        let url = pooler.url(&database);
        let first = tokio::spawn(async move { migrations.run_url(&url).await });
        until("the statement is held up", || value(&database, &format!("SELECT {held_up}")) == "t").await;
        let owner = || value(&database, "SELECT run FROM graven_history WHERE version = 2");
        let (before, url) = (owner(), pooler.url(&database));
        let taking_over =
            tokio::spawn(
                async move { migrations.migrator().lock_timeout(Duration::from_millis(300)).run_url(&url).await },
            );
        until("it is taken over", || owner() != before).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        somebody.batch_execute("COMMIT").await.unwrap();
        let outcomes = [first.await.unwrap(), taking_over.await.unwrap()];
        let mut rows = history(&database);
        if rows != ["1 t applied", "2 off applied"] {
            // One of the two may have been the victim of a deadlock between them: then the next run knows how to go on.
            migrations.migrator().lock_timeout(Duration::from_millis(300)).run_url(database.url()).await.unwrap();
            rows = history(&database);
        }
        assert_eq!(rows, ["1 t applied", "2 off applied"], "{file} {outcomes:?}");
        let indexes = value(
            &database,
            "SELECT string_agg(indexrelid::regclass::text || ' ' || indisvalid, ', ' ORDER BY indexrelid::regclass::text) \
             FROM pg_index WHERE indrelid = 't'::regclass",
        );
        let expected = match file {
            "DROP INDEX CONCURRENTLY t_v;" => "NULL",
            "CREATE INDEX CONCURRENTLY ON t (id);" => "t_id_idx true, t_v true",
            _ => "t_v true, t_w true",
        };
        assert_eq!(indexes, expected, "{file} {outcomes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_asks_for_the_lock_is_in_nobodys_way_and_is_named_by_nobody() {
    let Some((database, pooler, migrations)) = pooled("VACUUM t;").await else { return };
    let asks = database.connect().await.unwrap();
    let key = "hashtextextended('graven \"public\".\"graven_history\"', 0)";
    let ask = format!("BEGIN; SELECT pg_try_advisory_xact_lock_shared({key})");
    asks.batch_execute(&ask).await.unwrap();
    let error = impatient(migrations, database.url()).await;
    assert!(matches!(error, Error::LockTimeout { holder: None, .. }), "{error:?}");
    let mut migrator = migrations.migrator().lock_timeout(Duration::ZERO);
    assert_eq!(versions(&migrator.run_url(&pooler.url(&database)).await.unwrap()), [2]);
}

/// A run that waits for the lock, behind a proxy, and what it said last.
struct Waits {
    proxy: Proxy,
    lock: Client,
    run: tokio::task::JoinHandle<Result<graven::Report, Error>>,
}

async fn waits_for_the_lock(database: &Database, lock_timeout: Duration) -> Waits {
    let lock = database.connect().await.unwrap();
    lock.batch_execute("SELECT pg_advisory_lock(hashtextextended('graven \"public\".\"graven_history\"', 0))")
        .await
        .unwrap();
    let proxy = Proxy::to(database.url()).unwrap();
    let url = proxy.url().to_owned();
    let said = Arc::new(Mutex::new(false));
    let waiting = Arc::clone(&said);
    let run = tokio::spawn(async move {
        let migrations = set(&[("1_a.sql", "CREATE TABLE a ()")]);
        let observer = move |event: &Event<'_>| *waiting.lock().unwrap() |= matches!(event, Event::LockWaiting { .. });
        migrations.migrator().lock_timeout(lock_timeout).observe(observer).run_url(&url).await
    });
    until("it waits", || *said.lock().unwrap()).await;
    Waits { proxy, lock, run }
}

#[tokio::test]
async fn who_waits_for_the_lock_ends_in_time_although_the_network_is_gone() {
    let (database, _) = fresh().await;
    let waits = waits_for_the_lock(&database, Duration::from_secs(5)).await;
    // As if every packet were lost from now on.
    waits.proxy.latency(Duration::from_secs(3600));
    let began = Instant::now();
    let error = waits.run.await.unwrap().unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert!(error.explain().contains("has not answered in time"), "{error:?}");
    drop(waits.lock);
}

#[tokio::test]
async fn why_the_server_has_ended_a_run_that_waited_is_said() {
    let (database, _) = fresh().await;
    let waits = waits_for_the_lock(&database, Duration::from_secs(30)).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'graven' \
               AND datname = current_database() AND state = 'idle'";
    // Its pauses have grown by then: it is idle but for a moment at each of its looks.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    until("it is ended", || !database.rows(end).unwrap().is_empty()).await;
    let error = waits.run.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert!(error.explain().contains("SQLSTATE 57P01"), "{error:?}");
    drop(waits.lock);
}

#[tokio::test]
async fn of_statements_that_take_effect_together_the_first_that_does_something_is_named() {
    let (database, mut client) = fresh().await;
    // With what it sets they take no record along.
    let file = "-- graven: transaction = off\nSET search_path = public;\nBEGIN;\n\n-- All of them.\nINSERT INTO app.gate VALUES (1);\n\
                INSERT INTO app.gate VALUES (2);\nCOMMIT;\n";
    let migrations = set(&[("1_a.sql", file)]);
    database.execute("CREATE SCHEMA app; CREATE TABLE app.gate (v int)").unwrap();
    let gate = in_the_way(&database, "LOCK TABLE app.gate").await;
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let end = async {
        let waits = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND wait_event_type = 'Lock'");
        until("it waits", || value(&database, &waits) == "1").await;
        assert_eq!(value(&database, &format!("SELECT pg_terminate_backend({pid})")), "t");
    };
    let (_, ()) = tokio::join!(migrations.run(&mut client), end);
    gate.batch_execute("COMMIT").await.unwrap();
    until("it is gone", || {
        value(&database, &format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}")) == "0"
    })
    .await;
    let (mut client, connection) = tokio_postgres::connect(database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let Err(Error::Conflicts { conflicts, .. }) = migrations.run(&mut client).await else { panic!() };
    let [Conflict::Incomplete { reason: IncompleteReason::InDoubt { line, statement, .. }, .. }] = &conflicts[..]
    else {
        panic!("{conflicts:?}")
    };
    assert_eq!((*line, statement.as_str()), (6, "INSERT INTO app.gate VALUES (1);"));
}

const RUN: &str = "0b7ab3c6-7f0b-8a55-9a6b-0f5be9b0a7c1";

/// A set whose second migration a run behind a pooler has begun, of which nobody knows whether it is alive: this statement
/// is left.
async fn begun_behind_a_pooler(database: &Database, last: &str) -> Migrations {
    let off = format!("-- graven: transaction = off\nVACUUM t;\n{last};\n");
    let migrations = set(&[TABLE, ("2_off.sql", &off)]);
    migrations.run_url(database.url()).await.unwrap();
    unfinish(database, "public.graven_history", RUN);
    migrations
}

fn unfinish(database: &Database, history: &str, run: &str) {
    let sql = format!(
        "UPDATE {history} SET state = 'started', statements_done = statements_total - 1, duration = NULL, run = '{run}' \
         WHERE version = 2"
    );
    database.execute(&sql).unwrap();
}

const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_comes_back_to_life_does_not_keep_the_lock() {
    let (database, _) = fresh().await;
    let migrations = begun_behind_a_pooler(&database, "VACUUM t").await;
    let proxy = Arc::new(Proxy::to(database.url()).unwrap());
    let mut client = proxy.connect().await.unwrap();
    let slow = Arc::clone(&proxy);
    // It waits under the lock, for the run that has begun the migration, when the network is gone.
    let observer = move |event: &Event<'_>| {
        if matches!(event, Event::LockWaiting { .. }) {
            slow.latency(Duration::from_secs(16));
        }
    };
    let mut migrator = migrations.migrator().lock_timeout(Duration::from_millis(500)).observe(observer);
    let error = migrator.run(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    assert_eq!(value(&database, LOCKS), "1");
    proxy.latency(Duration::ZERO);
    client.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(value(&database, LOCKS), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_over_what_was_begun_is_given_as_much_time_again() {
    let (database, _) = fresh().await;
    let migrations = begun_behind_a_pooler(&database, "VACUUM t").await;
    let url = database.url().to_owned();
    let waits =
        tokio::spawn(async move { migrations.migrator().lock_timeout(Duration::from_secs(3)).run_url(&url).await });
    tokio::time::sleep(Duration::from_millis(1800)).await;
    let run = "UPDATE graven_history SET run = '5d0c4a0e-2b7e-8f4b-8a43-0d7b9cbb11aa' WHERE version = 2";
    database.execute(run).unwrap();
    tokio::time::sleep(Duration::from_millis(2200)).await;
    database.execute("UPDATE graven_history SET state = 'applied', statements_done = 2 WHERE version = 2").unwrap();
    assert_eq!(waits.await.unwrap().unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_the_lock_outlasts_who_waits_under_it_for_a_run_behind_a_pooler() {
    let (database, _) = fresh().await;
    let migrations = begun_behind_a_pooler(&database, "SELECT pg_sleep(1)").await;
    database.execute("UPDATE graven_history SET in_doubt = false").unwrap();
    let run = || {
        let url = database.url().to_owned();
        tokio::spawn(async move { migrations.migrator().lock_timeout(Duration::from_secs(2)).run_url(&url).await })
    };
    let (one, another) = (run(), run());
    let applied = [one.await.unwrap().unwrap(), another.await.unwrap().unwrap()].map(|report| versions(&report).len());
    assert_eq!(applied.iter().sum::<usize>(), 1);
    assert_eq!(history(&database), ["1 t applied", "2 off applied"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_behind_a_pooler_has_given_up_is_waited_for_by_nobody() {
    let file = "VACUUM t;\nINSERT INTO t SELECT 7 FROM later;";
    for is_pooled in [false, true] {
        let Some((database, pooler, migrations)) = pooled(file).await else { return };
        let url = if is_pooled { pooler.url(&database) } else { database.url().to_owned() };
        migrations.run_url(&pooler.url(&database)).await.unwrap_err();
        assert_eq!(history(&database)[1], "2 off started 1/2");
        database.execute("CREATE TABLE later AS SELECT 1 AS n").unwrap();
        let began = Instant::now();
        assert_eq!(versions(&migrations.run_url(&url).await.unwrap()), [2]);
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        assert_eq!(value(&database, "SELECT count(*) FROM t"), "1");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_has_spoken_of_is_waited_for_by_nobody() {
    let (database, mut client) = fresh().await;
    let migrations = begun_behind_a_pooler(&database, "INSERT INTO t VALUES (7)").await;
    database.execute("UPDATE graven_history SET in_doubt = true WHERE version = 2").unwrap();
    let began = Instant::now();
    migrations.migrator().resolve(&mut client, 2, Resolution::Retry).await.unwrap();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [2]);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

/// As where each customer has a schema.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_of_the_same_name_in_another_history_is_not_taken_for_this_one() {
    let Some((database, pooler, migrations)) = pooled("VACUUM t;").await else { return };
    database.execute("CREATE SCHEMA other").unwrap();
    let mut client = database.connect().await.unwrap();
    client.batch_execute("SET search_path = other").await.unwrap();
    migrations.run(&mut client).await.unwrap();
    unfinish(&database, "other.graven_history", "0b7ab3c6-7f0b-4a55-9a6b-0f5be9b0a7c1");
    let locked = in_the_way(&database, "LOCK TABLE public.t").await;
    let run = held_up(&database, migrations, pooler.url(&database)).await;
    let mut migrator = migrations.migrator().lock_timeout(Duration::from_secs(5));
    assert_eq!(versions(&migrator.run(&mut client).await.unwrap()), [2]);
    let error = impatient(migrations, database.url()).await;
    assert!(names_who_is_at_it(&error), "{error:?}");
    locked.batch_execute("COMMIT").await.unwrap();
    assert_eq!(run.await.unwrap().unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_the_history_ends_in_time_although_the_network_is_gone() {
    let (database, _) = fresh().await;
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()")]);
    migrations.run_url(database.url()).await.unwrap();
    let locked = in_the_way(&database, "LOCK TABLE graven_history").await;
    let proxy = Proxy::to(database.url()).unwrap();
    let url = proxy.url().to_owned();
    let run =
        tokio::spawn(async move { migrations.migrator().lock_timeout(Duration::from_secs(5)).run_url(&url).await });
    until("it has looked twice", || proxy.traffic().messages.len() > 1).await;
    proxy.latency(Duration::from_secs(3600));
    let began = Instant::now();
    let error = run.await.unwrap().unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(matches!(error, Error::ConnectionLost { .. }), "{error:?}");
    drop(locked);
}
