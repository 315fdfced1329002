//! A run whose future is dropped in the middle: `select!` with a signal, a timeout around it, a task that is aborted.
//!
//! The failure guarded against: a connection that nobody holds any more goes on with a statement, and keeps the lock from
//! every instance that starts after it.

use std::time::Duration;

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
    let began = std::time::Instant::now();
    until("its connection has ended", || value(&database, SESSIONS) == "0").await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(history(&database), ["1 a applied"]);
    let quick = set(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", "CREATE TABLE b ()")]);
    assert_eq!(versions(&quick.run(&mut client).await.unwrap()), [2]);
}
