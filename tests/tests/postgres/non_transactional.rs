//! Migrations outside of a transaction: what is recorded after each statement, and how a run takes up what another left.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use graven::{Cause, Conflict, Error, Event, IncompleteReason, Migrations, Outcome, Resolution, State};
use graven_testkit::Database;
use tokio_postgres::Client;

use crate::common::{Directory, exists, failed, fresh, history, lines, set, until, value, versions};

const TABLE: (&str, &str) =
    ("0001_t.sql", "CREATE TABLE t (id int, v int);\nINSERT INTO t SELECT n, n FROM generate_series(1, 100) n;");

#[tokio::test]
async fn what_postgresql_refuses_in_a_transaction_runs_outside_of_one() {
    let (database, mut client) = fresh().await;
    let files = [
        TABLE,
        ("0002_index.sql", "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY t_v ON t (v);\n"),
        ("0003_vacuum.sql", "-- no-transaction\nVACUUM t;\nREINDEX INDEX CONCURRENTLY t_v"),
        ("0004_enum.sql", "CREATE TYPE mood AS ENUM ('sad')"),
        ("0005_last.sql", "-- graven: transaction = off\nDROP INDEX CONCURRENTLY t_v; -- the end"),
    ];
    let migrations = set(&files);
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1, 2, 3, 4, 5]);
    assert_eq!(
        history(&database),
        ["1 t applied", "2 index applied", "3 vacuum applied", "4 enum applied", "5 last applied"]
    );
    let counts = "SELECT statements_done || '/' || statements_total FROM graven_history ORDER BY version";
    assert_eq!(lines(&database, counts), ["1/1", "1/1", "2/2", "1/1", "1/1"]);
    assert_eq!(value(&database, "SELECT count(*) FROM graven_history WHERE duration IS NULL OR in_doubt"), "0");
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn each_statement_commits_alone_and_a_block_of_the_files_own_as_one() {
    let (database, mut client) = fresh().await;
    let log = "INSERT INTO log (xid) VALUES (txid_current())";
    let text = format!("-- graven: transaction = off\n{log};\n{log};\nBEGIN;\n{log};\n{log};\nCOMMIT;\n{log}");
    let files = [("1_log.sql", "CREATE TABLE log (n serial, xid text)"), ("2_fill.sql", text.as_str())];
    set(&files).run(&mut client).await.unwrap();
    let xids = lines(&database, "SELECT dense_rank() OVER (ORDER BY xid::bigint) FROM log ORDER BY n");
    assert_eq!(xids, ["1", "2", "3", "3", "4"]);
    assert_eq!(value(&database, "SELECT statements_total FROM graven_history WHERE version = 2"), "4");
}

#[tokio::test]
async fn progress_is_recorded_after_each_statement() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE app.gate ()").unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE app.gate").await.unwrap();
    let text = "-- graven: transaction = off\nCREATE TABLE a ();\nCREATE TABLE b ();\nSELECT FROM app.gate;\n";
    let migrations = set(&[("1_a.sql", text)]);
    let look = async {
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.gate'::regclass";
        until("the third statement runs", || value(&database, waits) == "1").await;
        let seen = history(&database);
        gate.batch_execute("COMMIT").await.unwrap();
        seen
    };
    let (report, seen) = tokio::join!(migrations.run(&mut client), look);
    report.unwrap();
    assert_eq!(seen, ["1 a started 2/3"]);
}

#[tokio::test]
async fn a_failure_in_the_first_statement_leaves_nothing() {
    let (database, mut client) = fresh().await;
    let directory = Directory::new(&[(
        "1_a.sql",
        "-- graven: transaction = off\n\nCREATE TABLE a (x nothing);\nCREATE TABLE b ();\n",
    )]);
    let failed = failed(directory.load().run(&mut client).await);
    assert_eq!((failed.line, failed.column), (Some(3), Some(19)));
    assert!(failed.hint().contains("correct the file"), "{}", failed.hint());
    assert_eq!(history(&database), [""; 0]);
    directory.write("1_a.sql", "-- graven: transaction = off\nCREATE TABLE a (x int);\nCREATE TABLE b ();\n");
    assert_eq!(versions(&directory.load().run(&mut client).await.unwrap()), [1]);
}

#[tokio::test]
async fn after_a_failure_in_a_later_statement_the_next_run_goes_on_there() {
    let (database, mut client) = fresh().await;
    let files = [
        (
            "1_a.sql",
            "-- graven: transaction = off\nCREATE TABLE a ();\nINSERT INTO a DEFAULT VALUES;\nALTER TABLE later ADD COLUMN x int;\nINSERT INTO a DEFAULT VALUES;\n",
        ),
        ("2_b.sql", "CREATE TABLE b ()"),
    ];
    let migrations = set(&files);
    let failed = failed(migrations.run(&mut client).await);
    assert_eq!((failed.line, failed.column), (Some(4), Some(1)));
    assert_eq!(history(&database), ["1 a started 2/4"]);
    let hint = failed.hint();
    assert!(hint.contains("must stay as it is") && hint.contains("start again"), "{hint}");
    let page = Error::MigrationFailed(failed).explain();
    assert!(page.contains("left behind: the first 2 of its 4 statements; the next run goes on after them"), "{page}");

    database.execute("CREATE TABLE later ()").unwrap();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1, 2]);
    assert_eq!(value(&database, "SELECT count(*) FROM a"), "2");
    assert_eq!(history(&database), ["1 a applied", "2 b applied"]);
}

#[tokio::test]
async fn a_started_file_that_was_edited_is_not_taken_up() {
    let (database, mut client) = fresh().await;
    let directory =
        Directory::new(&[("1_a.sql", "-- graven: transaction = off\nCREATE TABLE a ();\nSELECT nothing;\n")]);
    failed(directory.load().run(&mut client).await);
    directory.write("1_a.sql", "-- graven: transaction = off\nCREATE TABLE a ();\nSELECT 1;\n");
    let error = directory.load().run(&mut client).await.unwrap_err();
    let Error::Conflicts { conflicts, .. } = &error else { panic!("{error:?}") };
    assert!(
        matches!(conflicts[..], [Conflict::Incomplete { done: 1, total: 2, reason: IncompleteReason::Modified, .. }]),
        "{error:?}"
    );
    assert_eq!(history(&database), ["1 a started 1/2"]);
}

#[tokio::test]
async fn settings_of_the_file_hold_for_its_later_statements_also_after_a_resume() {
    let (database, mut client) = fresh().await;
    let role = database.role("lesser").unwrap();
    database.execute(&format!("CREATE SCHEMA app AUTHORIZATION {}", role.name())).unwrap();
    let text = format!(
        "-- graven: transaction = off\nSET search_path = app;\nSET ROLE {};\nCREATE TABLE a ();\nSELECT count(*) FROM later;\nCREATE TABLE b ();\n",
        role.name()
    );
    let migrations = set(&[("1_a.sql", &text)]);
    let failed = failed(migrations.run(&mut client).await);
    assert_eq!(failed.line, Some(5), "{failed:?}");
    assert_eq!(history(&database), ["1 a started 3/5"]);
    database.execute(&format!("CREATE TABLE app.later (); GRANT SELECT ON app.later TO {}", role.name())).unwrap();
    migrations.run(&mut client).await.unwrap();
    let owners = "SELECT tablename || ' ' || tableowner FROM pg_tables WHERE schemaname = 'app' ORDER BY 1";
    assert_eq!(
        lines(&database, owners),
        [format!("a {}", role.name()), format!("b {}", role.name()), "later postgres".to_owned()]
    );
}

const UNIQUE: (&str, &str) = (
    "0002_unique.sql",
    "-- graven: transaction = off\nCREATE TABLE before ();\nCREATE UNIQUE INDEX CONCURRENTLY t_v ON t (v);\nCREATE TABLE after ();\n",
);

/// The index's state: `valid`, `invalid`, or `absent`.
fn index(database: &Database, name: &str) -> String {
    let sql = format!(
        "SELECT coalesce((SELECT CASE WHEN indisvalid THEN 'valid' ELSE 'invalid' END FROM pg_index \
         WHERE indexrelid = to_regclass('{name}')), 'absent')"
    );
    value(database, &sql)
}

#[tokio::test]
async fn a_unique_violation_in_a_concurrent_build_leaves_no_invalid_index() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[("0001_t.sql", "CREATE TABLE t (v int);\nINSERT INTO t VALUES (1), (1);"), UNIQUE]);
    let failed = failed(migrations.run(&mut client).await);
    let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
    assert_eq!((error.sqlstate.as_str(), failed.line), ("23505", Some(3)));
    assert_eq!(index(&database, "t_v"), "absent");
    assert_eq!(history(&database), ["1 t applied", "2 unique started 1/3"]);

    database.execute("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)").unwrap();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [2]);
    assert_eq!(index(&database, "t_v"), "valid");
    assert!(exists(&database, "after"));
}

/// A migration that was cut off during its second statement: the state that a crash leaves, put there by hand.
async fn cut_off(database: &Database, client: &mut Client) -> Migrations {
    set(&[TABLE]).run(client).await.unwrap();
    let migrations = set(&[TABLE, UNIQUE]);
    let checksum = migrations.by_version(2).unwrap().checksum().to_string();
    let row = format!(
        "CREATE TABLE before (); INSERT INTO graven_history (namespace, id, version, name, kind, checksum, state, \
         statements_done, statements_total, in_doubt, applied_at, applied_by, applied_as, run, format) \
         VALUES ('', '2', 2, 'unique', 'versioned', decode('{}', 'hex'), 'started', 1, 3, true, now(), current_user, \
         'crashed', gen_random_uuid(), 1)",
        checksum.trim_start_matches("sha256:")
    );
    database.execute(&row).unwrap();
    migrations
}

#[tokio::test]
async fn an_index_that_a_crash_left_invalid_is_dropped_and_built_again() {
    let (database, mut client) = fresh().await;
    let migrations = cut_off(&database, &mut client).await;
    // A real half-built index: its build fails on a duplicate, which is then removed.
    database.execute("INSERT INTO t VALUES (101, 1)").unwrap();
    database.execute("CREATE UNIQUE INDEX CONCURRENTLY t_v ON t (v)").unwrap_err();
    database.execute("DELETE FROM t WHERE id = 101").unwrap();
    assert_eq!(index(&database, "t_v"), "invalid");
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [2]);
    assert_eq!(index(&database, "t_v"), "valid");
    assert_eq!(history(&database), ["1 t applied", "2 unique applied"]);
}

/// Somebody with an old snapshot, for whose end every concurrent build waits as its last step.
async fn old_snapshot(database: &Database) -> Client {
    let client = database.connect().await.unwrap();
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t").await.unwrap();
    client
}

const LAST_STEP: &str = "SELECT count(*) FROM pg_stat_progress_create_index \
                         WHERE datname = current_database() AND phase = 'waiting for old snapshots'";

#[tokio::test]
async fn a_build_whose_connection_is_ended_is_begun_anew_by_the_next_run() {
    let (database, mut client) = fresh().await;
    let migrations = set(&[TABLE, UNIQUE]);
    set(&[TABLE]).run(&mut client).await.unwrap();
    let old = old_snapshot(&database).await;
    let kill = async {
        until("the index is nearly built", || value(&database, LAST_STEP) == "1").await;
        value(
            &database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index WHERE datname = current_database()",
        )
    };
    let (result, killed) = tokio::join!(migrations.run(&mut client), kill);
    assert_eq!(killed, "t");
    let failed = failed(result);
    assert!(failed.hint().contains("start again"), "{failed:?}");
    assert_eq!(history(&database), ["1 t applied", "2 unique started 1/3 in doubt"]);
    assert_eq!(index(&database, "t_v"), "invalid");
    old.batch_execute("COMMIT").await.unwrap();
    let mut client = database.connect().await.unwrap();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [2]);
    assert_eq!(index(&database, "t_v"), "valid");
}

#[tokio::test]
async fn a_build_that_gives_up_waiting_is_tried_again_from_a_clean_start() {
    let (database, mut client) = fresh().await;
    set(&[TABLE]).run(&mut client).await.unwrap();
    let text = "-- graven: transaction = off\n-- graven: lock_timeout = 100ms\n-- graven: retries = 100\nSELECT 1;\n\
                CREATE INDEX CONCURRENTLY t_v ON t (v);\n";
    let migrations = set(&[TABLE, ("0002_index.sql", text)]);
    let old = old_snapshot(&database).await;
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let mut migrator = migrations.migrator().observe(move |event| {
        if let Event::Retrying { error, .. } = event {
            seen.lock().unwrap().push(error.sqlstate.clone());
        }
    });
    let free = async {
        until("the third attempt", || attempts.lock().unwrap().len() == 2).await;
        old.batch_execute("COMMIT").await.unwrap();
    };
    let (report, ()) = tokio::join!(migrator.run(&mut client), free);
    assert_eq!(versions(&report.unwrap()), [2]);
    assert_eq!(attempts.lock().unwrap()[..2], ["55P03", "55P03"]);
    assert_eq!(index(&database, "t_v"), "valid");
    assert_eq!(value(&database, "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"), "1");
}

#[tokio::test]
async fn an_invalid_index_is_found_by_the_search_path_that_the_file_has_set() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE app.t (v int); INSERT INTO app.t VALUES (1), (1)").unwrap();
    let text = "-- graven: transaction = off\nSET search_path = app;\nCREATE UNIQUE INDEX CONCURRENTLY t_v ON t (v);\n";
    let migrations = set(&[("0001_index.sql", text)]);
    failed(migrations.run(&mut client).await);
    assert_eq!(index(&database, "app.t_v"), "absent");
    database.execute("TRUNCATE app.t").unwrap();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1]);
    assert_eq!(index(&database, "app.t_v"), "valid");
}

#[tokio::test]
async fn an_index_that_was_finished_and_not_recorded_is_taken_as_done() {
    let (database, mut client) = fresh().await;
    let migrations = cut_off(&database, &mut client).await;
    database.execute("CREATE UNIQUE INDEX CONCURRENTLY t_v ON t (v)").unwrap();
    let oid = value(&database, "SELECT 't_v'::regclass::oid");
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [2]);
    assert_eq!(value(&database, "SELECT 't_v'::regclass::oid"), oid);
    assert!(exists(&database, "after"));
}

#[tokio::test]
async fn an_index_that_was_never_begun_is_built() {
    let (database, mut client) = fresh().await;
    let migrations = cut_off(&database, &mut client).await;
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [2]);
    assert_eq!(index(&database, "t_v"), "valid");
}

#[tokio::test]
async fn an_index_of_that_name_that_is_not_the_migrations_own_stays() {
    let (database, mut client) = fresh().await;
    set(&[TABLE]).run(&mut client).await.unwrap();
    database.execute("CREATE INDEX t_v ON t (id)").unwrap();
    let oid = value(&database, "SELECT 't_v'::regclass::oid");
    let failed = failed(set(&[TABLE, UNIQUE]).run(&mut client).await);
    let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
    assert_eq!(error.sqlstate, "42P07");
    assert_eq!(value(&database, "SELECT 't_v'::regclass::oid"), oid);
    assert_eq!(history(&database), ["1 t applied", "2 unique started 1/3"]);
}

/// A migration whose third statement was under way when its connection was ended: nobody can know whether it ran. What the file
/// has set for the session keeps it from taking its record along.
async fn in_doubt(database: &Database) -> Migrations {
    let files = [
        (
            "1_a.sql",
            "-- graven: transaction = off\nSET search_path = public; CREATE TABLE a (n int);\nINSERT INTO a SELECT 1\nFROM (SELECT pg_sleep(60)) s;\nINSERT INTO a VALUES (2);\n",
        ),
        ("2_b.sql", "CREATE TABLE b ()"),
    ];
    let migrations = set(&files);
    let mut client = database.connect().await.unwrap();
    let kill = async {
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                    WHERE datname = current_database() AND wait_event = 'PgSleep'";
        until("the third statement runs", || value(database, kill) == "1").await;
    };
    let (result, ()) = tokio::join!(migrations.run(&mut client), kill);
    let failed = failed(result);
    assert!(matches!(failed.cause, Cause::ConnectionLost(_)), "{failed:?}");
    assert!(failed.hint().contains("`graven resolve 1 --retry`"), "{}", failed.hint());
    assert_eq!(history(database), ["1 a started 2/4 in doubt"]);
    migrations
}

#[tokio::test]
async fn a_statement_in_doubt_waits_for_an_operators_word() {
    let (database, mut client) = fresh().await;
    let migrations = in_doubt(&database).await;
    for _ in 0..2 {
        let error = migrations.run(&mut client).await.unwrap_err();
        let Error::Conflicts { conflicts, .. } = &error else { panic!("{error:?}") };
        let [
            Conflict::Incomplete {
                done: 2, total: 4, reason: IncompleteReason::InDoubt { line, statement, .. }, ..
            },
        ] = &conflicts[..]
        else {
            panic!("{error:?}")
        };
        assert_eq!((*line, statement.as_str()), (3, "INSERT INTO a SELECT 1"));
        assert!(conflicts[0].remedy().contains("`graven resolve 1 --applied`"), "{error:?}");
    }
    let status = migrations.status(&mut client).await.unwrap();
    assert_eq!(status.migrations[0].state, State::Incomplete);
    assert_eq!((status.migrations[0].statements_done, status.migrations[0].statements_total), (Some(2), Some(4)));
    assert_eq!(migrations.health(&mut client).await.unwrap().state.as_str(), "unhealthy");
    assert!(!exists(&database, "b"));
}

#[tokio::test]
async fn resolved_as_applied_the_run_goes_on_after_the_statement() {
    let (database, mut client) = fresh().await;
    let migrations = in_doubt(&database).await;
    let resolved = migrations.migrator().resolve(&mut client, 1, Resolution::Applied).await.unwrap();
    assert_eq!((resolved.version.value(), resolved.statements_done, resolved.statements_total), (1, 3, 4));
    assert_eq!(history(&database), ["1 a started 3/4"]);
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1, 2]);
    assert_eq!(lines(&database, "SELECT n FROM a"), ["2"]);
}

#[tokio::test]
async fn resolved_to_retry_the_run_repeats_the_statement() {
    let (database, mut client) = fresh().await;
    let migrations = in_doubt(&database).await;
    migrations.migrator().resolve(&mut client, 1, Resolution::Retry).await.unwrap();
    assert_eq!(history(&database), ["1 a started 2/4"]);
    // It would sleep again: a timeout shows that it runs, and that its failure is known this time.
    let mut migrator = migrations.migrator().statement_timeout(Duration::from_millis(300));
    assert_eq!(failed(migrator.run(&mut client).await).line, Some(3));
    assert_eq!(history(&database), ["1 a started 2/4"]);
}

#[tokio::test]
async fn what_is_not_incomplete_cannot_be_resolved() {
    let (_database, mut client) = fresh().await;
    let migrations = set(&[TABLE, UNIQUE]);
    for version in [1, 2] {
        let error = migrations.migrator().resolve(&mut client, version, Resolution::Applied).await.unwrap_err();
        assert!(matches!(error, Error::NotIncomplete { .. }), "{error:?}");
    }
    for version in [3, -1] {
        let error = migrations.migrator().resolve(&mut client, version, Resolution::Applied).await.unwrap_err();
        assert!(matches!(&error, Error::NoSuchVersion { nearest, .. } if !nearest.is_empty()), "{error:?}");
    }
    migrations.run(&mut client).await.unwrap();
    let error = migrations.migrator().resolve(&mut client, 2, Resolution::Retry).await.unwrap_err();
    assert!(matches!(error, Error::NotIncomplete { version: 2, .. }), "{error:?}");
}

#[tokio::test]
async fn a_transient_failure_of_a_statement_is_tried_again_alone() {
    let (database, mut client) = fresh().await;
    let text = "-- graven: transaction = off\nCREATE SEQUENCE tries;\nCREATE TABLE a ();\nDO $$ BEGIN IF nextval('tries') < 3 THEN \
                RAISE 'not now' USING ERRCODE = 'lock_not_available'; END IF; END $$;\nCREATE TABLE b ();";
    assert_eq!(versions(&set(&[("1_a.sql", text)]).run(&mut client).await.unwrap()), [1]);
    assert_eq!(value(&database, "SELECT last_value FROM tries"), "3");
    assert_eq!(history(&database), ["1 a applied"]);
}
