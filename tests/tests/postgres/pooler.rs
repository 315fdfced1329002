//! Behind a pooler in transaction mode, where each message reaches another session of the server.
//!
//! The failures guarded against: a lock that stays behind in the pool, where nobody gives it back and every later run waits
//! for it; settings that stay behind with strangers; a migration that runs twice because no lock holds.

use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use graven::{Error, Event, Migrations, Outcome};
use graven_testkit::Database;
use tokio_postgres::{Client, NoTls};

use crate::common::{Ended, Instance, Pooler, exists, history, lines, named, set, until, value, versions};

const POOL: usize = 3;

/// A database and a pooler before its server. `None` where there is no pgbouncer.
fn pooled(mode: &str) -> Option<(Database, Pooler)> {
    let database = Database::create().unwrap();
    let pooler = Pooler::before(&database, mode, POOL)?;
    Some((database, pooler))
}

fn locks(database: &Database) -> Vec<String> {
    let sql = "SELECT l.pid || ' ' || coalesce(a.query, '') FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) \
               WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    lines(database, sql)
}

/// What the sessions of the pool have set that a new one has not.
async fn left_in_the_pool(pooler: &Pooler, database: &Database) -> Vec<String> {
    let mut left = Vec::new();
    let mut open = Vec::new();
    for _ in 0..POOL {
        let (client, connection) = tokio_postgres::connect(&pooler.url(database), NoTls).await.unwrap();
        tokio::spawn(connection);
        // An open transaction keeps its session, so that the next client gets another one.
        client.batch_execute("BEGIN").await.unwrap();
        let sql = "SELECT pg_backend_pid()::text, name, setting FROM pg_settings \
                   WHERE setting <> reset_val AND name <> 'application_name' \
                   UNION ALL SELECT pg_backend_pid()::text, 'role', current_user WHERE current_user <> session_user";
        for row in client.query(sql, &[]).await.unwrap() {
            left.push(format!("{} {}", row.get::<_, String>(1), row.get::<_, String>(2)));
        }
        open.push(client);
    }
    left.sort();
    left.dedup();
    left
}

async fn twenty_at_once(set: &str) {
    let Some((database, pooler)) = pooled("transaction") else { return };
    let before = left_in_the_pool(&pooler, &database).await;
    let children: Vec<Child> = (0..20).map(|_| Instance::of(set, &pooler.url(&database)).start()).collect();
    let applied = children.into_iter().map(|child| Ended::of(child).result.unwrap().1);
    assert_eq!(applied.sum::<usize>(), 8);
    let counts = lines(&database, "SELECT version || ':' || count(*) FROM counts GROUP BY version ORDER BY version");
    assert_eq!(counts, ["1:1", "2:1", "3:1", "4:1", "5:1", "6:1", "7:1", "8:1"]);
    assert_eq!(history(&database).len(), 8);
    assert_eq!(value(&database, "SELECT count(*) FROM graven_history WHERE state <> 'applied'"), "0");
    assert_eq!(locks(&database), [""; 0]);
    assert_eq!(left_in_the_pool(&pooler, &database).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_instances_at_once_apply_each_migration_once_and_leave_no_lock_in_the_pool() {
    twenty_at_once("plain").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_instances_at_once_do_not_hang_over_a_concurrent_index() {
    twenty_at_once("concurrently").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_killed_leaves_no_lock_and_the_next_one_goes_on_at_once() {
    let Some((database, pooler)) = pooled("transaction") else { return };
    database.execute("CREATE SCHEMA app; CREATE TABLE app.gate ()").unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE app.gate").await.unwrap();
    let migrations = gated();
    let mut client = graven::connect(&pooler.url(&database)).await.unwrap();
    let run = tokio::spawn(async move { migrations.run(&mut client).await });
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.gate'::regclass";
    until("the run is at the gate", || value(&database, waiting) == "1").await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    gate.batch_execute("COMMIT").await.unwrap();

    let began = Instant::now();
    let report = migrations.run_url(&pooler.url(&database)).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{report:?}");
    assert_eq!(history(&database), ["1 a applied", "2 b applied"]);
    assert_eq!(locks(&database), [""; 0]);
}

fn gated() -> Migrations {
    set(&[
        ("0001_a.sql", "CREATE TABLE a ()"),
        ("0002_b.sql", "-- graven: lock_timeout = 0\nLOCK TABLE app.gate;\nCREATE TABLE b ()"),
    ])
}

/// Who connects to the server itself holds the lock, and is waited for by who comes through the pooler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_without_the_pooler_is_waited_for() {
    let Some((database, pooler)) = pooled("transaction") else { return };
    database.execute("CREATE SCHEMA app; CREATE TABLE app.gate ()").unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE app.gate").await.unwrap();
    let mut client = database.connect().await.unwrap();
    let run = tokio::spawn(async move { gated().run(&mut client).await });
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.gate'::regclass";
    until("the run is at the gate", || value(&database, waiting) == "1").await;
    let mut impatient = graven::connect(&pooler.url(&database)).await.unwrap();
    let error = gated().migrator().lock_timeout(Duration::from_millis(200)).run(&mut impatient).await.unwrap_err();
    assert!(matches!(&error, Error::LockTimeout { holder: Some(_), .. }), "{error:?}");
    let open = async { gate.batch_execute("COMMIT").await.unwrap() };
    let migrations = gated();
    let (report, ()) = tokio::join!(migrations.run(&mut impatient), open);
    assert_eq!(report.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(versions(&run.await.unwrap().unwrap()), [1, 2]);
    assert_eq!(locks(&database), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_file_sets_does_not_stay_behind_in_the_pool() {
    let Some((database, pooler)) = pooled("transaction") else { return };
    let before = left_in_the_pool(&pooler, &database).await;
    let files = [
        ("1_a.sql", "SET search_path = pg_catalog; SET work_mem = '5MB'; CREATE TABLE public.a (id int)"),
        ("2_b.sql", "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY a_id ON a (id);\nVACUUM a;"),
        ("3_c.sql", "CREATE TABLE c ()"),
    ];
    assert_eq!(versions(&set(&files).run_url(&pooler.url(&database)).await.unwrap()), [1, 2, 3]);
    assert_eq!(left_in_the_pool(&pooler, &database).await, before);
    assert!(exists(&database, "public.c"));
}

/// Its settings would reach strangers, and not its own statements.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_a_transaction_that_needs_its_session_is_refused_before_it_begins() {
    let Some((_, pooler)) = pooled("transaction") else { return };
    for text in [
        "-- graven: transaction = off\nSET search_path = app;\nCREATE TABLE b ();",
        "-- graven: transaction = off\n-- graven: statement_timeout = 1s\nCREATE TABLE b ();",
    ] {
        let database = Database::create().unwrap();
        let migrations = set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", text)]);
        let error = migrations.run_url(&pooler.url(&database)).await.unwrap_err();
        let page = error.explain();
        assert!(page.contains("migration 2 b needs a session of its own, and a pooler stands between"), "{page}");
        assert!(page.contains("past the pooler"), "{page}");
        assert_eq!(history(&database), ["1 a applied"]);
        assert_eq!(migrations.run_url(database.url()).await.is_ok(), text.contains("timeout"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_in_session_mode_everything_is_applied_once() {
    let Some((database, pooler)) = pooled("session") else { return };
    let url = pooler.url(&database);
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let url = url.clone();
        runs.spawn(async move { named("concurrently").run_url(&url).await.unwrap().applied.len() });
    }
    assert_eq!(runs.join_all().await.iter().sum::<usize>(), 8);
    assert_eq!(value(&database, "SELECT count(*) FROM counts"), "8");
    assert_eq!(locks(&database), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_may_be_at_above_where_to_stop_is_left_to_it_at_once() {
    let Some((database, pooler)) = pooled("transaction") else { return };
    let b = ("2_b.sql", "-- graven: transaction = off\nCREATE TABLE b ();\nSELECT * FROM later;");
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()"), b]);
    migrations.run_url(database.url()).await.unwrap_err();
    let began = Instant::now();
    let mut below = migrations.migrator().to(1).lock_timeout(Duration::from_secs(30));
    assert_eq!(below.run_url(&pooler.url(&database)).await.unwrap().outcome, Outcome::UpToDate);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// Who has waited for the lock of somebody without a pooler, and then waits for what that one has begun, waits once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_another_instance_is_waited_for_is_told_once() {
    let Some((database, pooler)) = pooled("transaction") else { return };
    database.execute("CREATE TABLE gate ()").unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE gate").await.unwrap();
    let b = "-- graven: transaction = off\nCREATE TABLE b ();\nDO $$ BEGIN PERFORM FROM gate; END $$;";
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", b)]);
    let mut client = database.connect().await.unwrap();
    let first = tokio::spawn(async move { migrations.migrator().into_existing().run(&mut client).await });
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'gate'::regclass";
    until("the run is at the gate", || value(&database, waiting) == "1").await;

    let told = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = told.clone();
    let observer = move |event: &graven::Event<'_>| {
        if matches!(event, graven::Event::LockWaiting { .. }) {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let mut migrator = migrations.migrator().into_existing().lock_timeout(Duration::from_secs(2)).observe(observer);
    let ends = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        // The lock goes, and what was begun stays as it is.
        first.abort();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        database.execute(end).unwrap();
    };
    let url = pooler.url(&database);
    let (outcome, ()) = tokio::join!(migrator.run_url(&url), ends);
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(told.load(std::sync::atomic::Ordering::Relaxed), 1);
    drop(gate);
}

/// Such a pooler ends a transaction that is open at the end of a message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_statement_mode_is_blamed_and_not_the_file() {
    let Some((database, pooler)) = pooled("statement") else { return };
    let sql = "CREATE TABLE a ();\nSET standard_conforming_strings = off;\nCREATE TABLE b ();";
    let error = set(&[("1_a.sql", sql)]).run_url(&pooler.url(&database)).await.unwrap_err();
    assert!(error.hint().unwrap().starts_with("a pooler in statement mode allows no transaction"), "{error:?}");
    assert_eq!(set(&[("1_a.sql", sql)]).run_url(database.url()).await.unwrap().outcome, Outcome::Applied);
}

#[tokio::test]
async fn temporary_tables_of_others_in_the_pool_stay() {
    let Some((database, pooler)) = pooled("transaction") else { return };
    let mut open = Vec::new();
    for _ in 0..POOL {
        let (client, connection) = tokio_postgres::connect(&pooler.url(&database), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("BEGIN; CREATE TEMP TABLE mine (id int)").await.unwrap();
        open.push(client);
    }
    for client in &open {
        client.batch_execute("COMMIT").await.unwrap();
    }
    let (mut client, connection) = tokio_postgres::connect(&pooler.url(&database), NoTls).await.unwrap();
    tokio::spawn(connection);
    let off = "-- graven: transaction = off\nCREATE TABLE b ();\nCREATE TABLE c ();";
    set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", off)]).run(&mut client).await.unwrap();
    assert_eq!(value(&database, "SELECT count(*) FROM pg_class WHERE relname = 'mine'"), POOL.to_string());
}

/// Connections through the pooler, each in a session of its own while its transaction is open.
async fn all_of_the_pool(pooler: &Pooler, database: &Database) -> Vec<Client> {
    let mut all = Vec::new();
    for _ in 0..POOL {
        let (client, connection) = tokio_postgres::connect(&pooler.url(database), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("BEGIN").await.unwrap();
        all.push(client);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_has_left_in_a_session_of_the_pool_is_not_carried_into_another() {
    let Some((database, pooler)) = pooled("transaction") else { return };
    let stranger = database.role("stranger").unwrap();
    database.execute(&format!("GRANT ALL ON SCHEMA public TO \"{}\"", stranger.name())).unwrap();
    let pool = all_of_the_pool(&pooler, &database).await;
    let leave = format!("SET work_mem = '77MB'; SET ROLE \"{}\"; COMMIT", stranger.name());
    pool[0].batch_execute(&leave).await.unwrap();
    // The run looks in the session that was left so, and its migrations reach another.
    let others = Arc::new(pool);
    let switch = Arc::clone(&others);
    let observer = move |event: &Event<'_>| {
        if matches!(event, Event::Applying { number: 1, .. }) {
            let switching = async {
                switch[0].batch_execute("BEGIN").await.unwrap();
                switch[1].batch_execute("COMMIT").await.unwrap();
            };
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(switching));
        }
    };
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", "CREATE TABLE b ()")]);
    let report = migrations.migrator().observe(observer).run_url(&pooler.url(&database)).await.unwrap();
    assert_eq!(versions(&report), [1, 2]);
    others[0].batch_execute("COMMIT").await.unwrap();
    others[2].batch_execute("COMMIT").await.unwrap();

    let mut left = Vec::new();
    for client in &all_of_the_pool(&pooler, &database).await {
        let row = client.query_one("SELECT current_setting('work_mem'), current_user::text", &[]).await.unwrap();
        left.push((row.get::<_, String>(0), row.get::<_, String>(1)));
    }
    assert_eq!(left.iter().filter(|(memory, _)| memory == "77MB").count(), 1, "{left:?}");
    assert_eq!(left.iter().filter(|(_, role)| role == stranger.name()).count(), 1, "{left:?}");
}

/// What the pooler makes for each client stays the caller's in either mode; all that the caller has set, where its session is its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_caller_has_set_is_as_it_was_after_a_run() {
    for mode in ["transaction", "session"] {
        let Some((database, pooler)) = pooled(mode) else { return };
        database.execute("CREATE SCHEMA tenant").unwrap();
        let (mut client, connection) = tokio_postgres::connect(&pooler.url(&database), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("SET timezone = 'Asia/Tokyo'; SET standard_conforming_strings = off").await.unwrap();
        if mode == "session" {
            client.batch_execute("SET search_path = tenant").await.unwrap();
        }
        let files = [("1_a.sql", "SET timezone = 'UTC'; CREATE TABLE a ()"), ("2_b.sql", "CREATE TABLE b ()")];
        assert_eq!(versions(&set(&files).run(&mut client).await.unwrap()), [1, 2]);
        let ask = "SELECT current_setting('timezone'), current_setting('standard_conforming_strings'), \
                   current_setting('search_path')";
        let row = client.query_one(ask, &[]).await.unwrap();
        let [zone, strings, path] = [0, 1, 2].map(|at| row.get::<_, String>(at));
        assert_eq!((zone.as_str(), strings.as_str()), ("Asia/Tokyo", "off"), "{mode}");
        assert_eq!((path == "tenant", exists(&database, "tenant.b")), (mode == "session", mode == "session"));
    }
}
