//! Statements that PostgreSQL works off in several transactions of its own, cut off in the middle of one: the next run tells
//! from the catalog how far they came, cleans up, and goes on without asking anybody.
//!
//! The failures guarded against: an operator who is asked what the catalog knows, an invalid index that stays behind, and
//! two runs that both believe a migration to be theirs.

use graven::{Cause, Conflict, Error, IncompleteReason, MigrationFailed, Migrations, Outcome, Resolution};
use graven_testkit::Database;
use tokio_postgres::Client;

use crate::common::{Directory, exists, failed, fresh, history, lines, set, until, value, versions};

const TABLES: (&str, &str) = (
    "1_t.sql",
    "CREATE TABLE t (id int, v int);\nINSERT INTO t SELECT n, n FROM generate_series(1, 100) n;\n\
     CREATE INDEX t_v ON t (v);\nCREATE TABLE p (id int) PARTITION BY RANGE (id);\n\
     CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);",
);

/// A file without a transaction between two others.
pub(crate) fn around(statements: &str) -> Migrations {
    let off = format!("-- graven: transaction = off\n{statements}\n");
    set(&[TABLES, ("2_off.sql", &off), ("3_last.sql", "CREATE TABLE last ()")])
}

/// Runs it until `when` is true, while somebody is in the way with `work` in an open transaction; then ends its session.
pub(crate) async fn cut_off(database: &Database, migrations: Migrations, work: &str, when: &str) {
    let mut client = database.connect().await.unwrap();
    set(&[TABLES]).run(&mut client).await.unwrap();
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let somebody = database.connect().await.unwrap();
    somebody.batch_execute(&format!("BEGIN; {work}")).await.unwrap();
    let kill = async {
        until("the statement is held up", || value(database, &format!("SELECT {when}")) == "t").await;
        assert_eq!(value(database, &format!("SELECT pg_terminate_backend({pid})")), "t");
    };
    let (result, ()) = tokio::join!(migrations.run(&mut client), kill);
    let failed = failed(result);
    assert!(matches!(failed.cause, Cause::ConnectionLost(_)), "{failed:?}");
    assert!(!failed.hint().contains("graven resolve"), "{}", failed.hint());
    somebody.batch_execute("COMMIT").await.unwrap();
    let gone = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    until("the session has ended", || value(database, &gone) == "0").await;
}

/// The failure of a run whose migration another one takes over while a statement of it waits for `t`.
pub(crate) async fn overtaken(
    database: &Database,
    client: &mut Client,
    migrations: Migrations,
) -> Box<MigrationFailed> {
    set(&[TABLES]).run(client).await.unwrap();
    let somebody = database.connect().await.unwrap();
    somebody.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
    let take_over = async {
        let waits =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("the statement waits", || value(database, waits) == "1").await;
        database.execute("UPDATE graven_history SET run = gen_random_uuid() WHERE version = 2").unwrap();
        somebody.batch_execute("COMMIT").await.unwrap();
    };
    let (result, ()) = tokio::join!(migrations.run(client), take_over);
    failed(result)
}

/// The next run finishes it alone.
async fn goes_on(database: &Database, migrations: Migrations) {
    let mut client = database.connect().await.unwrap();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [2, 3]);
    assert_eq!(history(database), ["1 t applied", "2 off applied", "3 last applied"]);
    assert_eq!(invalid(database), [""; 0]);
    assert_eq!(value(database, "SELECT count(*) FROM graven_history WHERE was_there IS NOT NULL"), "0");
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
}

/// Every index that is not valid, whoever made it.
fn invalid(database: &Database) -> Vec<String> {
    lines(database, "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
}

fn indexes(database: &Database) -> Vec<String> {
    lines(
        database,
        "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 't'::regclass ORDER BY indexrelid::regclass::text",
    )
}

/// Where the build of an index waits for who has written to its table.
const BUILDING: &str = "EXISTS (SELECT FROM pg_stat_progress_create_index WHERE datname = current_database() \
                        AND phase LIKE 'waiting for %')";
const WRITE: &str = "INSERT INTO t VALUES (0, 0)";

#[tokio::test]
async fn a_drop_that_was_cut_off_is_run_again() {
    let (database, _) = fresh().await;
    let migrations = around("CREATE TABLE a ();\nDROP INDEX CONCURRENTLY t_v;");
    let half = "NOT indisvalid FROM pg_index WHERE indexrelid = 't_v'::regclass";
    cut_off(&database, migrations, "SELECT count(*) FROM t", half).await;
    assert_eq!((invalid(&database).len(), history(&database)[1].as_str()), (1, "2 off started 1/2"));
    goes_on(&database, migrations).await;
    assert!(!exists(&database, "t_v"));
}

#[tokio::test]
async fn a_drop_that_finished_unrecorded_is_taken_as_done() {
    let (database, _) = fresh().await;
    let migrations = around("DROP INDEX CONCURRENTLY t_v;");
    let half = "NOT indisvalid FROM pg_index WHERE indexrelid = 't_v'::regclass";
    cut_off(&database, migrations, "SELECT count(*) FROM t", half).await;
    // The end of what the session had begun.
    database.execute("DROP INDEX t_v").unwrap();
    goes_on(&database, migrations).await;
}

#[tokio::test]
async fn a_drop_of_an_index_that_never_was_fails_each_time() {
    let (database, mut client) = fresh().await;
    let migrations = around("CREATE TABLE a ();\nDROP INDEX CONCURRENTLY nosuch;");
    for _ in 0..2 {
        let failed = failed(migrations.run(&mut client).await);
        let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
        assert_eq!((error.sqlstate.as_str(), failed.line), ("42704", Some(3)));
        assert_eq!(history(&database), ["1 t applied", "2 off started 1/2"]);
    }
}

#[tokio::test]
async fn a_rebuild_that_was_cut_off_leaves_no_index_behind() {
    for statement in [
        "REINDEX INDEX CONCURRENTLY t_v;",
        "REINDEX (VERBOSE) TABLE CONCURRENTLY t;",
        "SET search_path = public;\nREINDEX (CONCURRENTLY) TABLE \"t\";",
    ] {
        let (database, _) = fresh().await;
        // What somebody else has left is none of the migrations' business.
        let migrations = around(statement);
        cut_off(&database, migrations, WRITE, &format!("{BUILDING} AND to_regclass('t_v_ccnew') IS NOT NULL")).await;
        assert_eq!(invalid(&database), ["t_v_ccnew"], "{statement}");
        goes_on(&database, migrations).await;
        assert_eq!(indexes(&database), ["t_v"], "{statement}");
    }
}

#[tokio::test]
async fn a_rebuild_that_failed_leaves_no_index_behind_and_none_of_anothers_is_dropped() {
    let (database, mut client) = fresh().await;
    set(&[TABLES]).run(&mut client).await.unwrap();
    database.execute("INSERT INTO t VALUES (101, 1)").unwrap();
    database.execute("CREATE UNIQUE INDEX CONCURRENTLY other_ccnew ON t (v)").unwrap_err();
    let migrations = around("REINDEX TABLE CONCURRENTLY t;");
    let mut migrator = migrations.migrator().statement_timeout(std::time::Duration::from_secs(1));
    let somebody = database.connect().await.unwrap();
    somebody.batch_execute(&format!("BEGIN; {WRITE}")).await.unwrap();
    // Dropping what is left has no such limit, and waits for the same transaction.
    let free = async {
        let dropping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' \
                        AND query LIKE 'DROP INDEX CONCURRENTLY%'";
        until("what is left is dropped", || value(&database, dropping) == "1").await;
        somebody.batch_execute("COMMIT").await.unwrap();
    };
    let (result, ()) = tokio::join!(migrator.run(&mut client), free);
    let failed = failed(result);
    let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
    assert_eq!(error.sqlstate, "57014");
    // Nothing of it is left, not even its row.
    assert_eq!(
        (invalid(&database), history(&database)),
        (vec!["other_ccnew".to_owned()], vec!["1 t applied".to_owned()])
    );
    migrations.run(&mut client).await.unwrap();
    assert_eq!(invalid(&database), ["other_ccnew"]);
}

const PENDING: &str = "inhdetachpending FROM pg_inherits WHERE inhrelid = 'p1'::regclass";

#[tokio::test]
async fn a_partition_whose_detaching_was_cut_off_is_detached() {
    let (database, _) = fresh().await;
    let migrations = around("ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;");
    cut_off(&database, migrations, "SELECT count(*) FROM p", PENDING).await;
    assert_eq!(history(&database), ["1 t applied", "2 off started 0/1"]);
    goes_on(&database, migrations).await;
    assert_eq!(value(&database, "SELECT count(*) FROM pg_inherits WHERE inhrelid = 'p1'::regclass"), "0");
}

#[tokio::test]
async fn a_partition_that_was_detached_unrecorded_is_not_detached_again() {
    let (database, _) = fresh().await;
    let migrations = around("CREATE TABLE a ();\nALTER TABLE public.p DETACH PARTITION p1 CONCURRENTLY;");
    cut_off(&database, migrations, "SELECT count(*) FROM p", PENDING).await;
    database.execute("ALTER TABLE p DETACH PARTITION p1 FINALIZE").unwrap();
    goes_on(&database, migrations).await;
}

#[tokio::test]
async fn a_detaching_that_gives_up_in_its_middle_is_finished_by_the_next_try() {
    let (database, mut client) = fresh().await;
    set(&[TABLES]).run(&mut client).await.unwrap();
    let somebody = database.connect().await.unwrap();
    somebody.batch_execute("BEGIN; SELECT count(*) FROM p").await.unwrap();
    let off = "-- graven: transaction = off\n-- graven: retries = 0\n-- graven: lock_timeout = 200ms\n\
               ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;\n";
    let migrations = set(&[TABLES, ("2_off.sql", off), ("3_last.sql", "CREATE TABLE last ()")]);
    let failed = failed(migrations.run(&mut client).await);
    let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
    assert_eq!(error.sqlstate, "55P03");
    assert_eq!(value(&database, &format!("SELECT {PENDING}")), "t");
    assert_eq!(history(&database), ["1 t applied", "2 off started 0/1"]);
    somebody.batch_execute("COMMIT").await.unwrap();
    goes_on(&database, migrations).await;
}

#[tokio::test]
async fn what_may_be_repeated_needs_nobodys_word() {
    for statement in ["VACUUM t;", "ANALYZE t;", "CREATE INDEX IF NOT EXISTS t_id ON t (id);", "REINDEX TABLE t;"] {
        let (database, _) = fresh().await;
        let migrations = around(&format!("CREATE TABLE a ();\n{statement}"));
        let waits = "count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() \
                     AND wait_event_type = 'Lock' AND query LIKE '/* graven: migration 2 off %'";
        cut_off(&database, migrations, "LOCK TABLE t", waits).await;
        assert_eq!(history(&database), ["1 t applied", "2 off started 1/2"], "{statement}");
        goes_on(&database, migrations).await;
    }
}

#[tokio::test]
async fn an_index_that_postgresql_names_is_told_from_what_others_have_made_since() {
    let (database, _) = fresh().await;
    let migrations = around("CREATE TABLE a ();\nCREATE INDEX CONCURRENTLY ON t (lower(v::text)) WHERE id > 0;");
    cut_off(&database, migrations, WRITE, BUILDING).await;
    assert_eq!(
        (invalid(&database), history(&database)[1].as_str()),
        (vec!["t_lower_idx".to_owned()], "2 off started 1/2")
    );
    database.execute("CREATE INDEX others ON t (lower(v::text)) WHERE id > 1; INSERT INTO t VALUES (0, 0)").unwrap();
    database.execute("CREATE UNIQUE INDEX CONCURRENTLY others_too ON t (id)").unwrap_err();
    let mut client = database.connect().await.unwrap();
    assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [2, 3]);
    assert_eq!(indexes(&database), ["others", "others_too", "t_lower_idx", "t_v"]);
    assert_eq!(invalid(&database), ["others_too"]);
}

#[tokio::test]
async fn a_failed_build_of_an_index_that_postgresql_names_leaves_nothing_and_the_file_may_be_corrected() {
    let (database, mut client) = fresh().await;
    let file = |statement: &str| format!("-- graven: transaction = off\n{statement}\n");
    let unique = file("CREATE UNIQUE INDEX CONCURRENTLY ON public.t ((id % 10));");
    let directory = Directory::new(&[TABLES, ("2_off.sql", &unique)]);
    for _ in 0..2 {
        let failed = failed(directory.load().run(&mut client).await);
        let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
        assert_eq!((error.sqlstate.as_str(), failed.line), ("23505", Some(2)));
        assert!(failed.hint().contains("correct them, or the file"), "{}", failed.hint());
        assert_eq!((invalid(&database), history(&database)), (vec![], vec!["1 t applied".to_owned()]));
    }
    directory.write("2_off.sql", &file("CREATE INDEX CONCURRENTLY ON public.t (nosuch);"));
    let with_place = failed(directory.load().run(&mut client).await);
    assert_eq!(history(&database), ["1 t applied"], "{with_place:?}");
    directory.write("2_off.sql", &file("CREATE UNIQUE INDEX CONCURRENTLY ON public.t ((id % 1000));"));
    assert_eq!(versions(&directory.load().run(&mut client).await.unwrap()), [2]);
    assert_eq!(indexes(&database), ["t_expr_idx", "t_v"]);
}

/// The copy of the table by which an index is recognised cannot be made: then nothing is guessed.
#[tokio::test]
async fn an_index_that_cannot_be_recognised_waits_for_an_operators_word() {
    let (database, mut client) = fresh().await;
    let role = database.role("owner").unwrap();
    let (name, owner) = (database.name(), role.name());
    database
        .execute(&format!("GRANT CREATE ON SCHEMA public TO {owner}; REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC"))
        .unwrap();
    let migrations = around(&format!(
        "SET ROLE {owner};\nCREATE TABLE a (v int);\nINSERT INTO a VALUES (1), (1);\n\
                                      CREATE UNIQUE INDEX CONCURRENTLY ON a (v);"
    ));
    let failed = failed(migrations.run(&mut client).await);
    assert!(failed.hint().contains("`graven resolve 2 --retry`"), "{}", failed.hint());
    assert_eq!(history(&database), ["1 t applied", "2 off started 3/4 in doubt"]);
    let error = migrations.run(&mut client).await.unwrap_err();
    let Error::Conflicts { conflicts, .. } = &error else { panic!("{error:?}") };
    assert!(
        matches!(&conflicts[..], [Conflict::Incomplete { reason: IncompleteReason::InDoubt { line: 5, .. }, .. }]),
        "{error:?}"
    );
    database.execute("DROP INDEX a_v_idx; DELETE FROM a WHERE ctid = (SELECT min(ctid) FROM a)").unwrap();
    migrations.migrator().resolve(&mut client, 2, Resolution::Retry).await.unwrap();
    goes_on(&database, migrations).await;
}

#[tokio::test]
async fn an_invalid_index_that_if_not_exists_passes_over_is_built_anew() {
    let (database, mut client) = fresh().await;
    set(&[TABLES]).run(&mut client).await.unwrap();
    database.execute("INSERT INTO t VALUES (101, 1)").unwrap();
    database.execute("CREATE UNIQUE INDEX CONCURRENTLY t_u ON t (v)").unwrap_err();
    assert_eq!(invalid(&database), ["t_u"]);
    let migrations = around("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_u ON t (v);");
    // It is really built: the duplicate is still there.
    let failed = failed(migrations.run(&mut client).await);
    let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
    assert_eq!(error.sqlstate, "23505");
    assert_eq!((invalid(&database), history(&database)), (vec![], vec!["1 t applied".to_owned()]));
    database.execute("CREATE UNIQUE INDEX CONCURRENTLY t_u ON t (v)").unwrap_err();
    database.execute("DELETE FROM t WHERE id = 101").unwrap();
    goes_on(&database, migrations).await;
    assert_eq!(indexes(&database), ["t_u", "t_v"]);
}

#[tokio::test]
async fn a_valid_index_that_if_not_exists_passes_over_stays() {
    let (database, mut client) = fresh().await;
    let migrations = around("CREATE INDEX CONCURRENTLY IF NOT EXISTS t_v ON t (v);");
    set(&[TABLES]).run(&mut client).await.unwrap();
    let oid = value(&database, "SELECT 't_v'::regclass::oid");
    goes_on(&database, migrations).await;
    assert_eq!(value(&database, "SELECT 't_v'::regclass::oid"), oid);
}

/// Another run takes a migration over while this one, whose connection was taken for dead, is still at a statement.
#[tokio::test]
async fn a_run_whose_migration_another_has_taken_over_records_nothing_and_sends_nothing_more() {
    for (statements, left) in [
        ("SELECT count(*) FROM t;\nCREATE TABLE after ();", "2 off started 0/2"),
        ("CREATE TABLE a ();\nSELECT count(*) FROM t;\nCREATE TABLE after ();", "2 off started 1/3"),
        // Its last statement.
        ("CREATE TABLE a ();\nSELECT count(*) FROM t;", "2 off started 1/2"),
        // One that is noted, and one that fails.
        ("SELECT count(*) FROM t;\nDROP INDEX CONCURRENTLY t_v;\nCREATE TABLE after ();", "2 off started 0/3"),
        ("CREATE TABLE a ();\nSELECT nosuch FROM t;\nCREATE TABLE after ();", "2 off started 1/3"),
        // One that takes no record along.
        ("DO $$ BEGIN PERFORM FROM t; END $$;\nCREATE TABLE after ();", "2 off started 0/2 in doubt"),
    ] {
        let (database, mut client) = fresh().await;
        let failed = overtaken(&database, &mut client, around(statements)).await;
        if statements.contains("nosuch") {
            assert!(matches!(failed.cause, Cause::Server(_)), "{failed:?}");
        } else {
            assert!(matches!(failed.cause, Cause::TakenOver), "{failed:?}");
            assert!(failed.to_string().contains("another run has taken it over"), "{failed}");
        }
        assert_eq!(history(&database)[1], left, "{statements}");
        assert!(!exists(&database, "after") && exists(&database, "t_v"), "{statements}");
    }
}

#[tokio::test]
async fn an_index_that_had_the_name_before_is_not_taken_for_the_one_that_was_cut_off() {
    let (database, _) = fresh().await;
    let migrations = around("CREATE UNIQUE INDEX CONCURRENTLY t_v ON t (id);");
    let waits = "EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
    cut_off(&database, migrations, "LOCK TABLE t", waits).await;
    let oid = value(&database, "SELECT 't_v'::regclass::oid");
    for _ in 0..2 {
        let mut client = database.connect().await.unwrap();
        let failed = failed(migrations.run(&mut client).await);
        let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
        assert_eq!(error.sqlstate, "42P07", "{failed}");
        assert_eq!(value(&database, "SELECT 't_v'::regclass::oid"), oid);
    }
    assert_eq!(history(&database), ["1 t applied"]);
    // One that is invalid, and was before, is another's business as well.
    database.execute("DROP INDEX t_v; INSERT INTO t VALUES (1, 1)").unwrap();
    database.execute("CREATE UNIQUE INDEX CONCURRENTLY t_v ON t (id)").unwrap_err();
    failed(migrations.run(&mut database.connect().await.unwrap()).await);
    assert_eq!(invalid(&database), ["t_v"]);
    database.execute("DROP INDEX t_v; DELETE FROM t WHERE ctid = (SELECT max(ctid) FROM t)").unwrap();
    goes_on(&database, migrations).await;
}
