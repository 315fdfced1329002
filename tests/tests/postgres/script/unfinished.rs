//! A file for psql that ends early, by a failure or by a kill: what it leaves, and that the next go or a run ends what it began.

use std::path::Path;

use graven::{Outcome, ScriptRange};
use graven_testkit::Database;

use super::psql::{psql, run, script, start};
use crate::common::{Directory, exists, fresh, history, lines, set, until, value, versions};

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_and_ends_it() {
    let Some(psql) = psql() else { return };
    let (database, mut client) = fresh().await;
    let directory =
        Directory::new(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", "CREATE TABLE b ();\nSELECT nothing;")]);
    let said = run(&psql, &database, &script(&directory.load())).stopped();
    assert!(said.contains("column \"nothing\" does not exist"), "{said}");
    assert_eq!(history(&database), ["1 a applied"]);
    assert!(!exists(&database, "b"));
    directory.write("2_b.sql", "CREATE TABLE b ();");
    run(&psql, &database, &script(&directory.load())).succeeded();
    assert_eq!(directory.load().run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn a_statement_that_fails_outside_of_a_transaction_is_where_the_next_go_begins() {
    let Some(psql) = psql() else { return };
    let (database, mut client) = fresh().await;
    let file = "-- graven: transaction = off\nCREATE TABLE a (x int);\nSET work_mem = '5MB';\n\
                INSERT INTO later VALUES (current_setting('work_mem'));\nVACUUM a;";
    let migrations = set(&[("1_a.sql", file)]);
    let script = script(&migrations);
    let said = run(&psql, &database, &script).stopped();
    assert!(said.contains("graven: statement 3 of 4 of migration 1 a failed"), "{said}");
    assert_eq!(history(&database), ["1 a started 2/4"]);
    database.execute("CREATE TABLE later (x text)").unwrap();
    run(&psql, &database, &script).succeeded();
    assert_eq!(lines(&database, "SELECT x FROM later"), ["5MB"]);
    assert_eq!(history(&database), ["1 a applied"]);
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

#[tokio::test]
async fn a_first_statement_that_fails_leaves_no_claim() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    let block = "-- graven: transaction = off\nBEGIN;\nCREATE TABLE a ();\nSELECT 1/0;\nCOMMIT;\nCREATE TABLE b ();";
    let said = run(&psql, &database, &script(&set(&[("1_a.sql", block)]))).stopped();
    assert!(said.contains("statement 1 of 2 of migration 1 a failed"), "{said}");
    assert_eq!(history(&database), [""; 0]);
    assert!(!exists(&database, "a") && !exists(&database, "b"));
}

#[tokio::test]
async fn a_concurrent_index_whose_name_is_taken_is_tried_again_and_not_taken_as_done() {
    let Some(psql) = psql() else { return };
    // The second fails before its name is looked at, and psql sends the third as a value.
    for (build, before) in [
        ("CREATE UNIQUE INDEX CONCURRENTLY a_n ON a (n)", &[""; 0][..]),
        ("CREATE UNIQUE INDEX CONCURRENTLY a_n ON a (nothing)", &[]),
        ("CREATE UNIQUE INDEX CONCURRENTLY a_n ON a ((l[1:n]))", &[]),
        ("VACUUM a;\nCREATE UNIQUE INDEX CONCURRENTLY a_n ON a (n)", &["1 a started 1/3"]),
    ] {
        let (database, mut client) = fresh().await;
        database.execute("CREATE TABLE a (n int, l int[]); CREATE INDEX a_n ON a (n)").unwrap();
        let migrations = set(&[("1_a.sql", &format!("-- graven: transaction = off\n{build};\nCREATE TABLE b ();"))]);
        let script = migrations.migrator().into_existing().script(ScriptRange::all()).unwrap().sql;
        for _ in 0..2 {
            run(&psql, &database, &script).stopped();
            assert_eq!(history(&database), before, "{build}");
        }
        let theirs = "SELECT indisunique::text || indisvalid FROM pg_index WHERE indexrelid = 'a_n'::regclass";
        assert_eq!(value(&database, theirs), "falsetrue");
        database.execute("DROP INDEX a_n; ALTER TABLE a ADD nothing int").unwrap();
        run(&psql, &database, &script).succeeded();
        assert_eq!(value(&database, theirs), "truetrue");
        assert_eq!(history(&database), ["1 a applied"]);
        let report = migrations.run(&mut client).await.unwrap();
        assert_eq!(report.outcome, Outcome::UpToDate);
    }
}

#[tokio::test]
async fn a_concurrent_build_that_fails_leaves_no_invalid_index_and_is_tried_again() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    database.execute("CREATE TABLE a (n int); INSERT INTO a VALUES (1), (1)").unwrap();
    let build = "-- graven: transaction = off\nCREATE UNIQUE INDEX CONCURRENTLY a_n ON a (n);\nCREATE TABLE b ();";
    let migrations = set(&[("1_a.sql", build)]);
    let script = migrations.migrator().into_existing().script(ScriptRange::all()).unwrap().sql;
    let said = run(&psql, &database, &script).stopped();
    assert!(said.contains("could not create unique index"), "{said}");
    assert!(said.contains("remove the cause, and run this again"), "{said}");
    assert_eq!(history(&database), [""; 0]);
    assert!(!exists(&database, "a_n"));
    database.execute("TRUNCATE a").unwrap();
    run(&psql, &database, &script).succeeded();
    assert_eq!(history(&database), ["1 a applied"]);
}

#[tokio::test]
async fn an_invalid_index_that_is_passed_over_is_not_recorded_as_built() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    database.execute("CREATE TABLE a (n int); INSERT INTO a VALUES (1), (1)").unwrap();
    database.execute("CREATE UNIQUE INDEX CONCURRENTLY a_n ON a (n)").unwrap_err();
    database.execute("TRUNCATE a").unwrap();
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_n'::regclass";
    assert_eq!(value(&database, valid), "f");
    let build = "-- graven: transaction = off\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_n ON a (n);";
    let script = set(&[("1_a.sql", build)]).migrator().into_existing().script(ScriptRange::all()).unwrap().sql;
    let said = run(&psql, &database, &script).stopped();
    assert!(said.contains("statement 1 of 1 of migration 1 a has passed over an invalid index"), "{said}");
    assert_eq!(history(&database), ["1 a started 0/1 in doubt"]);
    run(&psql, &database, &script).succeeded();
    assert_eq!(value(&database, valid), "t");
    assert_eq!(history(&database), ["1 a applied"]);
}

#[tokio::test]
async fn a_role_that_the_file_has_set_does_not_write_the_history_when_it_goes_on() {
    let Some(psql) = psql() else { return };
    let (database, _client) = fresh().await;
    let app = database.role("app").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", app.name())).unwrap();
    let file = format!(
        "-- graven: transaction = off\nSET ROLE {};\nCREATE TABLE a ();\nCREATE TABLE nothing.b ();\nCREATE TABLE c ();",
        app.name()
    );
    let script = script(&set(&[("1_a.sql", &file)]));
    for _ in 0..2 {
        let said = run(&psql, &database, &script).stopped();
        assert!(said.contains("statement 3 of 4 of migration 1 a failed"), "{said}");
        assert_eq!(history(&database), ["1 a started 2/4"]);
    }
    database.execute(&format!("CREATE SCHEMA nothing AUTHORIZATION {}", app.name())).unwrap();
    run(&psql, &database, &script).succeeded();
    assert_eq!(history(&database), ["1 a applied"]);
    let owners = format!("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relowner = '{}'::regrole", app.name());
    assert_eq!(value(&database, &owners), "3");
}

#[tokio::test]
async fn psql_killed_midway_a_second_go_or_a_run_ends_what_it_began() {
    let Some(psql) = psql() else { return };
    let files = [
        ("1_t.sql", "CREATE TABLE t (v int); CREATE TABLE u (v int); INSERT INTO t SELECT generate_series(1, 1000)"),
        ("2_t.sql", "UPDATE t SET v = 2; SELECT pg_sleep(600) FROM u LIMIT 1;"),
        (
            "3_off.sql",
            "-- graven: transaction = off\nCREATE INDEX CONCURRENTLY t_v ON t (v);\nVACUUM t;\nINSERT INTO t VALUES (3);\n\
             CREATE INDEX CONCURRENTLY t_w ON t (v) WHERE v IS NOT NULL",
        ),
    ];
    for finished_by_a_run in [false, true] {
        let (database, mut client) = fresh().await;
        let migrations = set(&files);
        let script = script(&migrations);
        // It hangs in a transaction.
        let before = migrations.migrator().script(ScriptRange::all().to(1)).unwrap();
        run(&psql, &database, &before.sql).succeeded();
        database.execute("INSERT INTO u VALUES (1)").unwrap();
        kill_in(&psql, &database, &script, "PgSleep").await;
        assert_eq!(history(&database), ["1 t applied"]);
        database.execute("TRUNCATE u").unwrap();
        // It hangs in a concurrent build, which waits for whoever has written to the table.
        let holder = database.connect().await.unwrap();
        holder.batch_execute("BEGIN; INSERT INTO t VALUES (0)").await.unwrap();
        kill_in(&psql, &database, &script, "virtualxid").await;
        holder.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(history(&database), ["1 t applied", "2 t applied", "3 off started 0/4 in doubt"]);
        assert_eq!(value(&database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_v'::regclass"), "f");
        if finished_by_a_run {
            assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [3]);
        } else {
            run(&psql, &database, &script).succeeded();
        }
        assert_eq!(history(&database), ["1 t applied", "2 t applied", "3 off applied"]);
        assert_eq!(value(&database, "SELECT count(*) FROM t WHERE v = 3"), "1");
        let valid = "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND indisvalid";
        assert_eq!(value(&database, valid), "2");
        assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    }
}

/// Kills psql, and its server process with it, once that waits for something.
async fn kill_in(psql: &Path, database: &Database, script: &str, wait: &str) {
    let mut running = start(psql, database.url(), script, &[]);
    let waiting = format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'psql' \
         AND wait_event = '{wait}'"
    );
    until("psql is at it", || !lines(database, &waiting).is_empty()).await;
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    for pid in lines(database, &waiting) {
        database.execute(&format!("SELECT pg_terminate_backend({pid})")).unwrap();
    }
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'psql' AND datname = current_database()";
    until("its server process is gone", || value(database, left) == "0").await;
}
