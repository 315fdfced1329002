//! Units of a file without a transaction that take their record along, in one transaction.
//!
//! The failures guarded against: an operator who is asked what the history could have said, work of a run that was overtaken,
//! and a failure that is blamed on the record.

use graven::Cause;

use crate::common::{exists, failed, fresh, history, value};
use crate::recovery::{around, cut_off, overtaken};

/// What takes its record along leaves nobody in doubt: it has run, or it has not.
#[tokio::test]
async fn a_unit_that_was_cut_off_before_its_commit_runs_again_and_takes_effect_once() {
    for unit in [
        "INSERT INTO a SELECT count(*) FROM t;",
        "WITH one AS (SELECT count(*) AS n FROM t) INSERT INTO a SELECT n FROM one",
        "BEGIN;\nINSERT INTO a VALUES (1);\nSET LOCAL search_path = pg_catalog;\nSELECT count(*) FROM public.t;\nCOMMIT;",
        "start transaction isolation level serializable;\nINSERT INTO a SELECT count(*) FROM t;\nend",
        "CREATE TABLE b AS SELECT count(*) AS n FROM t; INSERT INTO a SELECT n FROM b;",
    ] {
        let (database, _) = fresh().await;
        let migrations = around(&format!("CREATE TABLE a (n int);\n{unit}"));
        let waits =
            "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
        cut_off(&database, migrations, "LOCK TABLE t", waits).await;
        let recorded = history(&database)[1].clone();
        assert!(recorded.starts_with("2 off started 1/") && !recorded.contains("doubt"), "{unit}: {recorded}");
        migrations.run(&mut database.connect().await.unwrap()).await.unwrap();
        assert_eq!(history(&database)[1], "2 off applied", "{unit}");
        assert_eq!(value(&database, "SELECT count(*) FROM a"), "1", "{unit}");
    }
}

#[tokio::test]
async fn what_a_run_that_was_overtaken_has_under_way_is_rolled_back() {
    for unit in ["INSERT INTO a SELECT count(*) FROM t;", "BEGIN; INSERT INTO a SELECT count(*) FROM t; COMMIT;"] {
        let (database, mut client) = fresh().await;
        let migrations = around(&format!("CREATE TABLE a (n int);\n{unit}"));
        let failed = overtaken(&database, &mut client, migrations).await;
        assert!(matches!(failed.cause, Cause::TakenOver), "{unit}");
        assert_eq!(value(&database, "SELECT count(*) FROM a"), "0", "{unit}");
        // Who has taken it over runs it.
        migrations.run(&mut client).await.unwrap();
        assert_eq!(value(&database, "SELECT count(*) FROM a"), "1", "{unit}");
    }
}

/// A transaction that may only read writes no record.
#[tokio::test]
async fn a_unit_that_takes_no_record_along_stands_alone() {
    for unit in ["BEGIN READ ONLY; SELECT 1; COMMIT;", "BEGIN; SET TRANSACTION READ ONLY; SELECT 1; COMMIT;"] {
        let (database, mut client) = fresh().await;
        around(&format!("CREATE TABLE a ();\n{unit}\nCREATE TABLE b ();")).run(&mut client).await.unwrap();
        assert_eq!(history(&database)[1], "2 off applied", "{unit}");
        assert!(exists(&database, "a") && exists(&database, "b"), "{unit}");
    }
}

#[tokio::test]
async fn what_fails_only_at_its_commit_is_the_units_own_failure() {
    let deferred = "CREATE TABLE c (id int REFERENCES k DEFERRABLE INITIALLY DEFERRED);";
    for (unit, line) in [("INSERT INTO c VALUES (7);", 4), ("BEGIN;\nINSERT INTO c VALUES (7);\nCOMMIT;", 6)] {
        let (database, mut client) = fresh().await;
        let failed = failed(
            around(&format!("CREATE TABLE k (id int PRIMARY KEY);\n{deferred}\n{unit}\nCREATE TABLE b ();"))
                .run(&mut client)
                .await,
        );
        let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
        assert_eq!((error.sqlstate.as_str(), failed.line), ("23503", Some(line)), "{failed}");
        assert_eq!(history(&database)[1], "2 off started 2/4", "{unit}");
        assert_eq!(value(&database, "SELECT count(*) FROM c"), "0");
    }
}

/// What a block has set for itself says nothing of the unit behind it.
#[tokio::test]
async fn what_is_noted_before_the_next_unit_is_noted_after_the_transaction() {
    for block in [
        "BEGIN; SET LOCAL search_path = other; INSERT INTO t VALUES (1); COMMIT;",
        "BEGIN; CREATE TEMP TABLE t (id int, v int) ON COMMIT DROP; COMMIT;",
    ] {
        let (database, mut client) = fresh().await;
        let head = "CREATE SCHEMA other; CREATE TABLE other.t (v int);";
        let migrations = around(&format!("{head}\n{block}\nCREATE INDEX CONCURRENTLY t_v ON t (v, id);\nSELECT 1;"));
        let failed = failed(migrations.run(&mut client).await);
        let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
        assert_eq!(error.sqlstate, "42P07", "{block}: {failed}");
        assert_eq!(history(&database)[1], "2 off started 3/5", "{block}");
    }
}

#[tokio::test]
async fn a_unit_of_somebody_elses_transaction_stands_alone() {
    let (database, mut client) = fresh().await;
    let role = database.role("app").unwrap();
    let block = format!("BEGIN; SET LOCAL SESSION AUTHORIZATION {}; INSERT INTO a VALUES (1); COMMIT;", role.name());
    let head = format!("CREATE TABLE a (n int); GRANT INSERT ON a TO {};", role.name());
    around(&format!("{head}\n{block}\nCREATE TABLE b ();")).run(&mut client).await.unwrap();
    assert_eq!(history(&database)[1], "2 off applied");
    assert_eq!(value(&database, "SELECT count(*) FROM a"), "1");
}
