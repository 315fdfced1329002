//! Who is named where a migration gives up waiting: nobody who is innocent, and whoever held the lock; and that a lock on the
//! history itself stops nobody for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use graven::{Error, Event, MigrationFailed, Migrations, Outcome};
use graven_testkit::{Cluster, Database};
use tokio_postgres::Client;

use crate::common::{failed, fresh, lines, set, until, value};

/// A session with an open transaction, in which it has done this.
async fn at_work(database: &Database, name: &str, work: &str) -> Client {
    let client = database.connect().await.unwrap();
    client.batch_execute(&format!("SET application_name = '{name}'; BEGIN; {work}")).await.unwrap();
    client
}

/// Applies one file on a client of the test's own, which gives up waiting.
async fn gives_up(database: &Database, sql: &str) -> Box<MigrationFailed> {
    let sql = format!("-- graven: lock_timeout = 200ms\n-- graven: retries = 0\n{sql}");
    let mut client = database.connect().await.unwrap();
    failed(set(&[("1_m.sql", &sql)]).migrator().into_existing().run(&mut client).await)
}

/// The same on a connection of graven's own.
async fn gives_up_by_url(database: &Database, sql: &str) -> Box<MigrationFailed> {
    let sql = format!("-- graven: lock_timeout = 3s\n-- graven: retries = 0\n{sql}");
    failed(set(&[("1_m.sql", &sql)]).migrator().into_existing().run_url(database.url()).await)
}

fn names(failed: &MigrationFailed) -> Vec<&str> {
    failed.in_the_way.iter().map(graven::Holder::name).collect()
}

const ORD: &str = "CREATE TABLE ord (id int, x int); CREATE TABLE e (id int); INSERT INTO ord VALUES (1, 1)";

#[tokio::test]
async fn who_only_reads_is_not_in_the_way_of_an_index_and_who_writes_is() {
    let (database, _) = fresh().await;
    database.execute(ORD).unwrap();
    let mut open = Vec::new();
    for at in 1..=3 {
        open.push(at_work(&database, &format!("reader{at}"), "SELECT FROM ord; SELECT FROM e").await);
    }
    // One letter of the file is its name, and nothing more.
    open.push(at_work(&database, "of e", "LOCK TABLE e IN EXCLUSIVE MODE").await);
    open.push(at_work(&database, "WRITER", "INSERT INTO ord VALUES (2, 2)").await);
    for failed in [
        gives_up(&database, "CREATE INDEX ord_x ON ord (x);").await,
        gives_up(&database, "DO $$ BEGIN EXECUTE 'CREATE INDEX ord_x ON public.' || 'ord (x)'; END $$;").await,
        gives_up_by_url(&database, "CREATE INDEX ord_x ON ord (x);").await,
    ] {
        assert_eq!(names(&failed), ["WRITER"], "{failed:?}");
        assert_eq!(failed.in_the_way[0].holds.as_deref(), Some("ROW EXCLUSIVE on ord"));
        let page = Error::MigrationFailed(failed).explain();
        assert!(page.contains(", holding ROW EXCLUSIVE on ord, since "), "{page}");
    }
}

#[tokio::test]
async fn who_holds_a_partition_or_a_table_of_a_schema_that_is_dropped_is_named() {
    let (database, _) = fresh().await;
    database
        .execute(
            "CREATE TABLE p (x int) PARTITION BY LIST (x); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); \
             CREATE SCHEMA \"Old\"; CREATE TABLE \"Old\".t ()",
        )
        .unwrap();
    let _partition = at_work(&database, "of p1", "SELECT FROM p1").await;
    let _table = at_work(&database, "of t", "SELECT FROM \"Old\".t").await;
    let failed = gives_up(&database, "ALTER TABLE p ADD COLUMN y int;").await;
    assert_eq!((names(&failed), failed.in_the_way[0].holds.as_deref()), (vec!["of p1"], Some("ACCESS SHARE on p1")));
    let failed = gives_up(&database, "DROP SCHEMA IF EXISTS \"Old\" CASCADE;").await;
    assert_eq!(
        (names(&failed), failed.in_the_way[0].holds.as_deref()),
        (vec!["of t"], Some("ACCESS SHARE on \"Old\".t"))
    );
}

#[tokio::test]
async fn a_prepared_transaction_is_named_by_its_identifier() {
    let cluster = Cluster::builder().setting("max_prepared_transactions", "2").start().unwrap();
    let database = cluster.database().unwrap();
    database.execute(ORD).unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("BEGIN; INSERT INTO ord VALUES (3, 3); PREPARE TRANSACTION 'it''s lost'").await.unwrap();
    for failed in [
        gives_up(&database, "CREATE INDEX ord_x ON ord (x);").await,
        gives_up_by_url(&database, "CREATE INDEX ord_x ON ord (x);").await,
    ] {
        let [holder] = failed.in_the_way.as_slice() else { panic!("{failed:?}") };
        assert_eq!((holder.pid, holder.prepared.as_deref()), (0, Some("it's lost")));
        assert_eq!(
            holder.to_string(),
            "the prepared transaction 'it''s lost', holding ROW EXCLUSIVE on ord, for which `ROLLBACK PREPARED` or \
             `COMMIT PREPARED` is the end"
        );
    }
    client.batch_execute("ROLLBACK PREPARED 'it''s lost'").await.unwrap();
}

#[tokio::test]
async fn an_old_snapshot_is_in_the_way_of_what_is_built_concurrently() {
    let (database, _) = fresh().await;
    database.execute(ORD).unwrap();
    let _reader = at_work(&database, "reader", "SELECT FROM ord").await;
    let _report = at_work(&database, "report", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT FROM e").await;
    let sql = "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY ord_x ON ord (x);";
    let failed = gives_up(&database, sql).await;
    assert_eq!(names(&failed), ["report"], "{failed:?}");
    assert_eq!(failed.in_the_way[0].holds.as_deref(), Some("an old snapshot"));
}

/// Many others use the table, and one of them holds the row.
#[tokio::test]
async fn who_holds_a_row_is_named_while_it_is_waited_for_and_right_after() {
    let (database, _) = fresh().await;
    database.execute(ORD).unwrap();
    let _other = at_work(&database, "other", "INSERT INTO ord VALUES (7, 7)").await;
    let savepoint = "SAVEPOINT s; UPDATE ord SET x = 2 WHERE id = 1";
    for (work, sql) in [
        (savepoint, "UPDATE ord SET x = 3 WHERE id = 1;"),
        ("DELETE FROM ord WHERE id = 1", "SELECT FROM ord FOR UPDATE;"),
        ("SELECT FROM ord WHERE id = 1 FOR UPDATE", "DO $$ BEGIN UPDATE public.ord SET x = 3 WHERE id = 1; END $$;"),
    ] {
        let _row = at_work(&database, "of the row", work).await;
        for failed in [gives_up_by_url(&database, sql).await, gives_up(&database, sql).await] {
            assert_eq!(names(&failed), ["of the row"], "{work}, {sql}: {failed:?}");
            assert_eq!(failed.in_the_way[0].holds.as_deref(), Some("a row"));
        }
    }
    // The server does not say which of two tables of that name it means.
    database.execute("CREATE SCHEMA other; CREATE TABLE other.ord AS SELECT * FROM ord").unwrap();
    let _innocent = at_work(&database, "innocent", "UPDATE other.ord SET x = 1").await;
    let _row = at_work(&database, "of the row", savepoint).await;
    let failed = gives_up(&database, "UPDATE ord SET x = 3 WHERE id = 1;").await;
    assert_eq!(names(&failed), [""; 0], "{failed:?}");
}

/// Of several that share a row, its table tells no transaction's number. Rather nobody is named than somebody else.
#[tokio::test]
async fn who_shares_a_row_is_named_only_while_it_is_waited_for() {
    let (database, _) = fresh().await;
    database.execute(ORD).unwrap();
    let share = "SELECT FROM ord WHERE id = 1 FOR SHARE";
    let _one = at_work(&database, "one", share).await;
    let _two = at_work(&database, "two", share).await;
    let failed = gives_up_by_url(&database, "DELETE FROM ord WHERE id = 1;").await;
    assert!(!failed.in_the_way.is_empty(), "{failed:?}");
    assert!(names(&failed).iter().all(|name| ["one", "two"].contains(name)), "{failed:?}");
    let failed = gives_up(&database, "DELETE FROM ord WHERE id = 1;").await;
    assert_eq!(names(&failed), [""; 0], "{failed:?}");
}

/// A second would be too late.
#[tokio::test]
async fn who_holds_a_row_is_named_although_the_file_soon_gives_up() {
    let (database, _) = fresh().await;
    database.execute(ORD).unwrap();
    let _other = at_work(&database, "other", "INSERT INTO ord VALUES (7, 7)").await;
    let _row = at_work(&database, "of the row", "UPDATE ord SET x = 2 WHERE id = 1").await;
    let sql = "-- graven: lock_timeout = 800ms\n-- graven: retries = 0\nUPDATE ord SET x = 3 WHERE id = 1;";
    let failed = failed(set(&[("1_m.sql", sql)]).migrator().into_existing().run_url(database.url()).await);
    assert_eq!(names(&failed), ["of the row"], "{failed:?}");
}

/// Only while a migration's own SQL is under way, and no longer than that: a fleet that waits for the lock, or for a server
/// that is slow to answer, must not use up the connections that others need.
#[tokio::test]
async fn the_second_connection_ends_with_the_message_for_which_it_was_made() {
    let (database, _) = fresh().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE app.first (); CREATE TABLE app.second ()").unwrap();
    let first = at_work(&database, "first", "LOCK TABLE app.first").await;
    let second = at_work(&database, "second", "LOCK TABLE app.second").await;
    let sql = "-- graven: transaction = off\nSELECT FROM app.first;\nSELECT FROM app.second;";
    let url = database.url().to_owned();
    let running = tokio::spawn(async move { set(&[("1_a.sql", sql)]).run_url(&url).await });
    let mut seen = Vec::new();
    let beside = "SELECT pid FROM pg_stat_activity \
                  WHERE datname = current_database() AND query LIKE '/* graven: looking whom%'";
    until("somebody looks on", || {
        seen = lines(&database, beside);
        !seen.is_empty()
    })
    .await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    first.batch_execute("COMMIT").await.unwrap();
    let next = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.second'::regclass";
    until("the second statement is under way", || value(&database, next) == "1").await;
    let still = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", seen[0]);
    until("the connection has ended", || value(&database, &still) == "0").await;
    second.batch_execute("COMMIT").await.unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_look_that_takes_long_makes_one_connection() {
    let (database, migrations, _client) = applied().await;
    let dba = at_work(&database, "the dba", "LOCK TABLE graven_history").await;
    let proxy = graven_testkit::Proxy::to(database.url()).unwrap();
    let run = async { migrations.run_url(proxy.url()).await.unwrap().outcome };
    let ends = async {
        // A message with a migration's own SQL is looked at after a second.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        dba.batch_execute("COMMIT").await.unwrap();
    };
    assert_eq!(tokio::join!(run, ends).0, Outcome::UpToDate);
    assert_eq!(proxy.traffic().connections, 1, "{:#?}", proxy.traffic());
}

#[tokio::test]
async fn who_waits_for_another_instance_makes_one_connection() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE app.gate ()").unwrap();
    let gate = at_work(&database, "the gate", "LOCK TABLE app.gate").await;
    let migrations = set(&[("1_a.sql", "-- graven: lock_timeout = 0\nSELECT FROM app.gate")]);
    let running = tokio::spawn(async move { migrations.run(&mut client).await });
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.gate'::regclass";
    until("it runs", || value(&database, waiting) == "1").await;
    let proxy = graven_testkit::Proxy::to(database.url()).unwrap();
    // Each message takes longer than that of a migration after which somebody looks on.
    proxy.latency(Duration::from_millis(1500));
    let waits = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&waits);
    let mut migrator = migrations.migrator().lock_timeout(Duration::from_secs(60)).observe(move |event| {
        told.fetch_or(matches!(event, Event::LockWaiting { .. }), Ordering::Relaxed);
    });
    let open = async {
        until("it waits", || waits.load(Ordering::Relaxed)).await;
        gate.batch_execute("COMMIT").await.unwrap();
    };
    let (report, ()) = tokio::join!(migrator.run_url(proxy.url()), open);
    assert_eq!(report.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(proxy.traffic().connections, 1, "{:#?}", proxy.traffic());
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_run_that_waits_for_nobody_makes_one_connection() {
    // On a busy machine any message may take so long that it is looked who is waited for.
    let mut connections = Vec::new();
    for _ in 0..10 {
        let (database, _) = fresh().await;
        let proxy = graven_testkit::Proxy::to(database.url()).unwrap();
        set(&[("1_a.sql", "CREATE TABLE a ()")]).run_url(proxy.url()).await.unwrap();
        connections.push(proxy.traffic().connections);
        if connections.last() == Some(&1) {
            return;
        }
    }
    panic!("{connections:?}");
}

const A: (&str, &str) = ("1_a.sql", "CREATE TABLE a ()");
const B: (&str, &str) = ("2_b.sql", "CREATE TABLE b ()");

async fn applied() -> (Database, Migrations, Client) {
    let (database, mut client) = fresh().await;
    let migrations = set(&[A]);
    migrations.run(&mut client).await.unwrap();
    (database, migrations, client)
}

/// A look waits for a second in the server, then looks again.
#[tokio::test]
async fn a_roles_own_statement_timeout_does_not_end_the_wait_for_a_locked_history() {
    let (database, migrations, mut client) = applied().await;
    client.batch_execute("SET statement_timeout = '100ms'").await.unwrap();
    for verb in ["run", "more", "verify", "status"] {
        let holder = at_work(&database, "the dba", "LOCK TABLE graven_history").await;
        let ends = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            drop(holder);
        };
        let verb = async {
            match verb {
                "run" => migrations.run(&mut client).await.map(drop),
                "more" => set(&[A, B]).run(&mut client).await.map(drop),
                "verify" => migrations.migrator().verify(&mut client).await.map(drop),
                _ => migrations.migrator().status(&mut client).await.map(drop),
            }
        };
        let (outcome, ()) = tokio::join!(verb, ends);
        outcome.unwrap();
    }
    assert_eq!(client.query_one("SHOW statement_timeout", &[]).await.unwrap().get::<_, String>(0), "100ms");
}

#[tokio::test]
async fn a_lock_on_the_history_itself_ends_each_verb_in_time_and_its_holder_is_named() {
    let (database, migrations, mut client) = applied().await;
    let holder = at_work(&database, "the dba", "LOCK TABLE graven_history").await;
    for verb in ["run", "more", "verify", "status"] {
        let began = Instant::now();
        let mut migrator = migrations.migrator().lock_timeout(Duration::from_millis(300));
        let error = match verb {
            "run" => migrator.run(&mut client).await.map(drop),
            "more" => set(&[A, B]).migrator().lock_timeout(Duration::from_millis(300)).run(&mut client).await.map(drop),
            "verify" => migrator.verify(&mut client).await.map(drop),
            _ => migrator.status(&mut client).await.map(drop),
        };
        let error = error.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        let Error::HistoryLocked { history, holder: Some(holder), .. } = &error else { panic!("{error:?}") };
        assert_eq!((history.as_str(), holder.name()), ("graven_history", "the dba"));
        assert_eq!(holder.holds.as_deref(), Some("ACCESS EXCLUSIVE on graven_history"));
        assert!(error.hint().unwrap().contains("pg_terminate_backend("), "{error:?}");
    }
    // Who waits long enough goes on, with the deadline of its own set back.
    let waits = tokio::spawn(async move {
        let report = migrations.run(&mut client).await.unwrap();
        let row = client.query_one("SHOW lock_timeout", &[]).await.unwrap();
        (report.outcome, row.get::<_, String>(0))
    });
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'graven_history'::regclass";
    until("it waits", || value(&database, waiting) == "1").await;
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(waits.await.unwrap(), (Outcome::UpToDate, "0".to_owned()));
}

#[tokio::test]
async fn no_verb_changes_the_timeouts_of_a_transaction_of_the_callers_own() {
    let (_database, migrations, mut client) = applied().await;
    client.batch_execute("SET statement_timeout = '90s'").await.unwrap();
    for verb in ["run", "verify", "status", "health"] {
        client.batch_execute("BEGIN; SET LOCAL lock_timeout = 7654; SAVEPOINT a").await.unwrap();
        let error = match verb {
            "run" => migrations.run(&mut client).await.map(drop),
            "verify" => migrations.verify(&mut client).await.map(drop),
            "status" => migrations.status(&mut client).await.map(drop),
            _ => migrations.migrator().health(&mut client).await.map(drop),
        };
        assert!(matches!(error, Err(Error::InTransaction)), "{verb}: {error:?}");
        for (then, lock_timeout) in [("", "7654ms"), ("ROLLBACK TO SAVEPOINT a", "7654ms"), ("COMMIT", "0")] {
            client.batch_execute(then).await.unwrap();
            for (name, before) in [("lock_timeout", lock_timeout), ("statement_timeout", "90s")] {
                let row = client.query_one(&format!("SHOW {name}"), &[]).await.unwrap();
                assert_eq!(row.get::<_, &str>(0), before, "{verb}, {then}: {name}");
            }
        }
    }
}

#[tokio::test]
async fn a_history_whose_rows_are_hidden_or_that_lies_elsewhere_is_not_taken_for_an_empty_one() {
    let (database, migrations, mut client) = applied().await;
    database.execute("CREATE SCHEMA app").unwrap();
    client.batch_execute("SET search_path = app, public").await.unwrap();
    let error = migrations.verify(&mut client).await.unwrap_err();
    assert!(matches!(&error, Error::HistoryElsewhere { found, .. } if found == "public.graven_history"), "{error:?}");

    let role = database.role("app").unwrap();
    database
        .execute(&format!(
            "GRANT CREATE ON SCHEMA public TO {0}; GRANT ALL ON graven_history TO {0}; \
             ALTER TABLE graven_history ENABLE ROW LEVEL SECURITY",
            role.name()
        ))
        .unwrap();
    let mut client = role.connect().await.unwrap();
    for verb in ["run", "verify", "status", "more"] {
        let error = match verb {
            "run" => migrations.run(&mut client).await.map(drop),
            "verify" => migrations.verify(&mut client).await.map(drop),
            "status" => migrations.status(&mut client).await.map(drop),
            _ => set(&[A, B]).run(&mut client).await.map(drop),
        };
        let error = error.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "row-level security keeps role {} from rows of the history table public.graven_history",
                role.name()
            )
        );
    }
    let error = migrations.verify(&mut client).await.unwrap_err();
    database.execute(error.hint().unwrap().split('`').nth(1).unwrap()).unwrap();
    assert_eq!(migrations.verify(&mut client).await.unwrap().total, 1);
    assert_eq!(set(&[A, B]).run(&mut client).await.unwrap().applied.len(), 1);
}
