//! What a failed run does for what it has applied, where that is not on disk yet: its last message before it gives the lock back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use graven_testkit::Proxy;
use tokio_postgres::Client;

use crate::common::{failed, fresh, set, until, value, versions};

const A: (&str, &str) = ("1_a.sql", "CREATE TABLE a ()");
const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// What somebody does to the row that is to be written once more, until it is to end.
enum InTheWay {
    Holds,
    /// Only until the statement that waits was cancelled.
    Cancels,
}

async fn cannot_be_written(in_the_way: InTheWay) {
    let (database, mut client) = fresh().await;
    database.execute("CREATE TABLE gate ()").unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE gate").await.unwrap();
    let fails = ("2_b.sql", "-- graven: lock_timeout = 0\nLOCK TABLE gate;\nSELECT 1 / 0;");
    let mut migrator = set(&[A, fails]).migrator().into_existing().lock_timeout(match in_the_way {
        InTheWay::Holds => Duration::from_millis(300),
        InTheWay::Cancels => Duration::from_secs(30),
    });
    let began = Instant::now();
    let run = tokio::spawn(async move { (migrator.run(&mut client).await, client) });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('relation', 'transactionid') \
                 AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    until("the run is at the gate", || value(&database, waits) == "1").await;
    let other = database.connect().await.unwrap();
    other.batch_execute("BEGIN; SELECT FROM graven_history FOR UPDATE").await.unwrap();
    gate.batch_execute("COMMIT").await.unwrap();
    if let InTheWay::Cancels = in_the_way {
        let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity \
                      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%duration = duration%'";
        until("the flush was cancelled", || value(&database, cancel) == "1").await;
    }

    let (outcome, client): (_, Client) = run.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    let failed = failed(outcome);
    assert_eq!((failed.version.unwrap().value(), failed.applied.len()), (2, 1));
    // The caller still has the connection.
    assert_eq!(value(&database, LOCKS), "0");
    client.batch_execute("SELECT 1").await.unwrap();
    drop(other);
    let mut second = database.connect().await.unwrap();
    assert_eq!(versions(&set(&[A, ("2_b.sql", "")]).run(&mut second).await.unwrap()), [2]);
}

#[tokio::test]
async fn somebody_who_has_locked_the_row_is_waited_for_no_longer_than_the_lock_would_be() {
    cannot_be_written(InTheWay::Holds).await;
}

#[tokio::test]
async fn a_flush_that_is_cancelled_leaves_the_connection_in_order() {
    cannot_be_written(InTheWay::Cancels).await;
}

/// Whatever has happened to the session, the lock does not stay with a caller's connection.
#[tokio::test]
async fn a_lock_that_cannot_be_given_back_at_once_is_given_back_when_the_run_ends() {
    let (database, mut client) = fresh().await;
    set(&[A]).run(&mut client).await.unwrap();
    let proxy = Proxy::to(database.url()).unwrap();
    let mut through = proxy.connect().await.unwrap();
    // The transaction of the migration that fails stays open, once.
    let is_first = AtomicBool::new(true);
    proxy.rewrite(move |sql| {
        let is_lost = sql == "ROLLBACK" && is_first.swap(false, Ordering::Relaxed);
        is_lost.then(|| "SHOW server_version".to_owned())
    });
    failed(set(&[A, ("2_b.sql", "SELECT 1 / 0")]).run(&mut through).await);
    through.batch_execute("SELECT 1").await.unwrap();
    assert_eq!(value(&database, LOCKS), "0");
}
