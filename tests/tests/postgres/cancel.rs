//! A run whose future is dropped in the middle: `select!` with a signal, a timeout around it, a task that is aborted, a panic.
//!
//! The failure guarded against: a connection that nobody holds any more goes on with a statement, and keeps the lock from
//! every instance that starts after it.

use std::time::Duration;

use graven::Event;

use crate::common::{fresh, history, set, until, value, versions};

const RUNNING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
const SESSIONS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'graven'";

#[tokio::test]
async fn a_dropped_run_on_a_connection_of_its_own_ends_its_statement_and_its_connection() {
    let (database, mut client) = fresh().await;
    let slow = "CREATE TABLE b ();\nSELECT pg_sleep(60);";
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", slow)]);
    {
        let run = migrations.run_url(database.url());
        let running = until("the statement runs", || value(&database, RUNNING) == "1");
        tokio::select! {
            result = run => panic!("{result:?}"),
            () = running => {}
        }
    }
    until("its connection has ended", || value(&database, SESSIONS) == "0").await;
    assert_eq!(history(&database), ["1 a applied"]);
    let quick = set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", "CREATE TABLE b ()")]);
    assert_eq!(versions(&quick.run(&mut client).await.unwrap()), [2]);
}

const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
const HELD: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// What a session has set, and whether a transaction is open in it.
async fn state(client: &tokio_postgres::Client) -> Vec<String> {
    let ask = "SELECT current_setting('search_path'), current_setting('standard_conforming_strings'), current_user, \
               (now() = statement_timestamp())::text";
    let row = client.query_one(ask, &[]).await.unwrap();
    (0..row.len()).map(|at| row.get::<_, String>(at)).collect()
}

#[tokio::test]
async fn after_a_run_that_was_dropped_the_callers_connection_is_as_it_was() {
    let (database, mut client) = fresh().await;
    let owner = database.role("owner").unwrap();
    let scene = "GRANT CREATE, USAGE ON SCHEMA public TO {owner}; CREATE SCHEMA gates; CREATE TABLE gates.gate (); \
                 GRANT USAGE ON SCHEMA gates TO {owner}; GRANT SELECT ON gates.gate TO {owner}";
    database.execute(&scene.replace("{owner}", owner.name())).unwrap();
    let gate = database.connect().await.unwrap();
    client.batch_execute("SET search_path = public, pg_temp; SET standard_conforming_strings = off").await.unwrap();
    let before = state(&client).await;
    let waits = "SET search_path = pg_catalog, public;\nSELECT FROM gates.gate;\n";
    // Statement by statement, in one message with others, and in a transaction of many messages.
    let statements = format!("-- graven: transaction = off\n{waits}");
    let large = format!("CREATE TABLE d ();\nSELECT 1 -- {}\n;\n{waits}", "x".repeat(5 << 20));
    for text in [&statements, waits, &large] {
        gate.batch_execute("BEGIN; LOCK TABLE gates.gate").await.unwrap();
        let migrations = set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", text)]);
        {
            let mut migrator = migrations.migrator().role(owner.name()).table_lock_timeout(Duration::ZERO);
            let waiting = until("it waits at the gate", || value(&database, WAITING) == "1");
            tokio::select! {
                result = migrator.run(&mut client) => panic!("{result:?}"),
                () = waiting => {}
            }
        }
        assert_eq!(value(&database, HELD), "1");
        // The next statement waits behind what is under way, and behind what is owed.
        let (after, opened) = tokio::join!(state(&client), gate.batch_execute("COMMIT"));
        opened.unwrap();
        assert_eq!(after, before);
        assert_eq!(value(&database, HELD), "0");
        database.execute("DROP TABLE IF EXISTS a, d, graven_history").unwrap();
    }
}

#[tokio::test]
async fn a_panic_of_the_observer_leaves_neither_the_lock_nor_settings_with_the_connection() {
    let (database, client) = fresh().await;
    client.batch_execute("SET search_path = public, pg_temp").await.unwrap();
    let before = state(&client).await;
    let migrations = set(&[("1_a.sql", "SET search_path = pg_catalog; CREATE TABLE public.a ()")]);
    let handle = tokio::runtime::Handle::current();
    let running = tokio::task::spawn_blocking(move || {
        let mut client = client;
        let panics = |event: &Event<'_>| assert!(!matches!(event, Event::Applying { .. }), "on purpose");
        let mut migrator = migrations.migrator().observe(panics);
        let run = std::panic::AssertUnwindSafe(|| handle.block_on(migrator.run(&mut client)));
        let panicked = std::panic::catch_unwind(run).is_err();
        (panicked, client)
    });
    let (panicked, client) = running.await.unwrap();
    assert!(panicked);
    assert_eq!(state(&client).await, before);
    assert_eq!(value(&database, HELD), "0");
}
