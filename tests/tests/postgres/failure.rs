//! A migration that fails: what stays, what the error says, and how the next run goes on.

use std::time::Duration;

use graven::__private as private;
use graven::{Cause, Error, Event, Migrations, Outcome, Resolution, Sealing};
use graven_source::Checksum;
use std::sync::{Arc, Mutex};

use crate::common::{Directory, exists, failed, fresh, history, lines, listen, set, until, value, versions};

#[tokio::test]
async fn a_failure_in_the_middle_leaves_nothing_of_its_file_and_all_before_it() {
    let (database, mut client) = fresh().await;
    let directory = Directory::new(&[
        ("0001_a.sql", "CREATE TABLE a (id int)"),
        (
            "0002_b.sql",
            "CREATE TABLE b (id int);\nINSERT INTO a VALUES (1);\nINSERT INTO b SELECT\n    nowhere.id;\nCREATE TABLE c ();\n",
        ),
        ("0003_c.sql", "CREATE TABLE d ()"),
    ]);
    let error = directory.load().run(&mut client).await.unwrap_err();
    assert_eq!(error.applied().iter().map(|applied| applied.version.unwrap().value()).collect::<Vec<_>>(), [1]);
    let failed = failed(Err(error));
    assert_eq!((failed.version.unwrap().value(), failed.name.as_str(), failed.attempts), (2, "b", 1));
    assert_eq!((failed.file.as_str(), failed.line, failed.column), ("migrations/0002_b.sql", Some(4), Some(5)));
    assert_eq!(
        failed.to_string(),
        "migration 2 b failed at migrations/0002_b.sql:4:5: missing FROM-clause entry for table \"nowhere\" (SQLSTATE 42P01)"
    );
    assert_eq!(history(&database), ["1 a applied"]);
    assert_eq!(["b", "c", "d"].map(|table| exists(&database, table)), [false; 3]);
    assert_eq!(value(&database, "SELECT count(*) FROM a"), "0");

    directory.write("0002_b.sql", "CREATE TABLE b (id int);\n");
    let report = directory.load().run(&mut client).await.unwrap();
    assert_eq!(versions(&report), [2, 3]);
}

#[tokio::test]
async fn the_error_shows_the_line_with_a_caret_and_all_that_postgresql_says() {
    let (_database, mut client) = fresh().await;
    let files = [
        ("1_a.sql", "CREATE TABLE a (id int PRIMARY KEY)"),
        (
            "2_b.sql",
            "-- \u{fc}\u{1f40c}: characters before the error\nINSERT INTO a\nSELECT '\u{fc}\u{1f40c}', lenght('x');\n",
        ),
    ];
    let failed = failed(set(&files).run(&mut client).await);
    assert_eq!((failed.line, failed.column), (Some(3), Some(14)));
    let excerpt = failed.excerpt().unwrap();
    let caret = excerpt.lines().find(|line| line.contains('^')).unwrap();
    let source = excerpt.lines().find(|line| line.contains("lenght")).unwrap();
    // The snail is two columns wide.
    assert_eq!(caret.find('^').unwrap(), source.split("lenght").next().unwrap().chars().count() + 1, "{excerpt}");
    let page = Error::MigrationFailed(failed).explain();
    for part in [
        "migration 2 b failed at migrations/2_b.sql:3:14",
        "function lenght(unknown) does not exist",
        "SQLSTATE 42883",
        "server's hint: No function matches the given name and argument types.",
        "left behind: nothing of this migration",
        "applied before it in this run: 1 a",
        "hint: correct the file and start again",
    ] {
        assert!(page.contains(part), "no {part:?} in:\n{page}");
    }
}

#[tokio::test]
async fn detail_and_constraint_of_a_violation_are_shown() {
    let (_database, mut client) = fresh().await;
    let files = [(
        "1_a.sql",
        "CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a VALUES (1);\n\nINSERT INTO a\n  VALUES (1);\n",
    )];
    let failed = failed(set(&files).run(&mut client).await);
    let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
    assert_eq!((error.sqlstate.as_str(), error.constraint.as_deref()), ("23505", Some("a_pkey")));
    assert_eq!(error.detail.as_deref(), Some("Key (id)=(1) already exists."));
    // PostgreSQL gives no position: the statement is found by counting.
    assert_eq!((failed.line, failed.column), (Some(4), Some(1)));
    let page = Error::MigrationFailed(failed).explain();
    assert!(page.contains("detail: Key (id)=(1) already exists."), "{page}");
}

/// A migration's text and where its error is.
const PLACES: [(&str, &str, (usize, usize)); 10] = [
    ("in the first word", "CREAT TABLE a ()", (1, 1)),
    ("in the body of a function", "SELECT 1;\n\nSELECT 2; DO $$\nBEGIN\n  PERFORM 1/0;\nEND $$;\nSELECT 3;", (3, 11)),
    (
        "in a function that is called",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1/(random()*0)::int';\n-- call it\nSELECT f();\n",
        (3, 1),
    ),
    ("at the very end", "CREATE TABLE a ();\nCREATE TABLE b (", (2, 17)),
    ("at the end, after a line comment", "SELECT 1;\nSELECT (1 -- open\n", (2, 18)),
    ("after absorbed words", "BEGIN;\nCREATE TABLE a ();\nCOMMIT;\nSELECT * FROM nowhere;", (4, 15)),
    ("after an absorbed comment in between", "START /* \u{fc} */ TRANSACTION; SELECT * FROM nowhere; COMMIT;", (1, 42)),
    ("without a position after absorbed words", "BEGIN;\nSELECT 1;\nCOMMIT;\nSELECT 1/(random()*0)::int;", (4, 1)),
    ("after empty statements", ";;\n;SELECT 1;;\n;SELECT 1/(random()*0)::int;", (3, 2)),
    ("in a quoted name", "SELECT 1 AS \"a;b\"; SELECT \"a;c\" FROM pg_class", (1, 27)),
];

#[tokio::test]
async fn the_place_of_an_error_is_found_wherever_it_is() {
    for (what, text, place) in PLACES {
        let (database, mut client) = fresh().await;
        let failed = failed(set(&[("1_a.sql", text)]).run(&mut client).await);
        let found = failed.line.zip(failed.column);
        assert_eq!(found, Some(place), "{what}: {failed:?}");
        assert!(!exists(&database, "a"), "{what}");
        assert_eq!(history(&database), [""; 0], "{what}");
        // The session serves on.
        assert_eq!(client.query_one("SELECT 7", &[]).await.unwrap().get::<_, i32>(0), 7, "{what}");
    }
}

#[tokio::test]
async fn a_syntax_error_in_a_file_spares_those_before_and_the_lock() {
    let (database, mut client) = fresh().await;
    let files = [
        ("1_a.sql", "CREATE TABLE a ()"),
        ("2_b.sql", "CREATE TABLE b ();\nCREATE TABLE c (("),
        ("3_d.sql", "CREATE TABLE d ()"),
    ];
    let failed = failed(set(&files).run(&mut client).await);
    assert_eq!((failed.version.unwrap().value(), failed.applied.len(), failed.line), (2, 1, Some(2)));
    assert_eq!(history(&database), ["1 a applied"]);
    assert_eq!(
        value(
            &database,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ),
        "0"
    );
}

#[tokio::test]
async fn a_deferred_constraint_that_fails_at_commit_takes_the_migration_back() {
    let (database, mut client) = fresh().await;
    let files = [
        (
            "1_a.sql",
            "CREATE TABLE a (id int PRIMARY KEY);\nCREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);",
        ),
        ("2_b.sql", "CREATE TABLE c ();\nINSERT INTO b VALUES (1);\n"),
    ];
    let failed = failed(set(&files).run(&mut client).await);
    let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
    assert_eq!((failed.version.unwrap().value(), error.sqlstate.as_str()), (2, "23503"));
    // It is no statement's fault that could be shown.
    assert_eq!(failed.line, None);
    assert_eq!(history(&database), ["1 a applied"]);
    assert!(!exists(&database, "c"));
    assert_eq!(value(&database, "SELECT count(*) FROM b"), "0");
}

#[tokio::test]
async fn a_commit_inside_a_procedure_call_cannot_smuggle_half_a_migration() {
    let (database, mut client) = fresh().await;
    let files = [
        (
            "1_a.sql",
            "CREATE TABLE a ();\nCREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO a DEFAULT VALUES; COMMIT; END $$;",
        ),
        ("2_b.sql", "CREATE TABLE b ();\nCALL p();\nSELECT 1/0;"),
    ];
    let failed = failed(set(&files).run(&mut client).await);
    let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
    assert_eq!((error.sqlstate.as_str(), failed.line), ("2D000", Some(2)));
    assert!(failed.hint().contains("-- graven: transaction = off"), "{}", failed.hint());
    assert_eq!(history(&database), ["1 a applied"]);
    assert!(!exists(&database, "b"));
}

#[tokio::test]
async fn a_statement_that_needs_no_transaction_is_told_how_to_get_it() {
    let (_database, mut client) = fresh().await;
    // Hidden from the rules in a function's text.
    let failed = failed(set(&[("1_a.sql", "DO $$ BEGIN EXECUTE 'VACUUM'; END $$")]).run(&mut client).await);
    assert!(failed.hint().contains("-- graven: transaction = off"), "{}", failed.hint());
}

#[tokio::test]
async fn a_table_that_somebody_has_locked_is_tried_again_until_it_is_free() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE app.busy ()").unwrap();
    let holder = database.connect().await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE app.busy IN ACCESS SHARE MODE").await.unwrap();
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let files = [(
        "1_a.sql",
        "-- graven: lock_timeout = 50ms\n-- graven: retries = 100\nCREATE TABLE a ();\nALTER TABLE app.busy ADD COLUMN x int;",
    )];
    let mut migrator = set(&files).migrator().observe(move |event| {
        if let Event::Retrying { attempt, error, .. } = event {
            seen.lock().unwrap().push((*attempt, error.sqlstate.clone()));
        }
    });
    let free = async {
        until("a second attempt", || attempts.lock().unwrap().len() == 2).await;
        holder.batch_execute("COMMIT").await.unwrap();
    };
    let (report, ()) = tokio::join!(migrator.run(&mut client), free);
    assert_eq!(versions(&report.unwrap()), [1]);
    assert_eq!(attempts.lock().unwrap()[..2], [(2, "55P03".to_owned()), (3, "55P03".to_owned())]);
    assert_eq!(
        value(&database, "SELECT count(*) FROM pg_attribute WHERE attrelid = 'app.busy'::regclass AND attname = 'x'"),
        "1"
    );
}

#[tokio::test]
async fn a_table_that_stays_locked_fails_after_the_retries_with_nothing_done() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE app.busy ()").unwrap();
    let holder = database.connect().await.unwrap();
    holder.batch_execute("BEGIN; LOCK TABLE app.busy").await.unwrap();
    let files = [("1_a.sql", "-- graven: retries = 1\nCREATE TABLE a ();\nALTER TABLE app.busy ADD COLUMN x int;")];
    let began = std::time::Instant::now();
    let mut migrator = set(&files).migrator().table_lock_timeout(Duration::from_millis(50));
    let failed = failed(migrator.run(&mut client).await);
    assert!(began.elapsed() < Duration::from_secs(10), "it did not wait for as long as is usual");
    assert_eq!((failed.attempts, failed.line), (2, Some(3)));
    assert!(failed.to_string().contains("after 2 attempts"), "{failed}");
    assert!(failed.hint().contains("lock_timeout"), "{}", failed.hint());
    let pid: i32 = holder.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    assert_eq!(failed.in_the_way.iter().map(|session| session.pid).collect::<Vec<_>>(), [pid]);
    assert!(!exists(&database, "a"));
    assert_eq!(history(&database), [""; 0]);
}

#[tokio::test]
async fn a_statement_timeout_of_the_file_goes_before_the_option() {
    let (_database, mut client) = fresh().await;
    let files = [("1_a.sql", "-- graven: statement_timeout = 200ms\nSELECT pg_sleep(10)")];
    let mut migrator = set(&files).migrator().statement_timeout(Duration::from_secs(60));
    let failed = failed(migrator.run(&mut client).await);
    let Cause::Server(error) = &failed.cause else { panic!("{failed:?}") };
    // Not transient: what is too slow once is so again.
    assert_eq!((error.sqlstate.as_str(), failed.attempts, failed.line), ("57014", 1, Some(2)));
    assert!(failed.hint().contains("statement_timeout"), "{}", failed.hint());
}

#[tokio::test]
async fn a_serialization_failure_is_tried_again() {
    let (database, mut client) = fresh().await;
    // A sequence is not taken back with the transaction: the second attempt sees it further on.
    let files = [
        ("1_a.sql", "CREATE SEQUENCE tries"),
        (
            "2_b.sql",
            "CREATE TABLE b ();\nDO $$ BEGIN IF nextval('tries') < 3 THEN RAISE 'not now' USING ERRCODE = 'serialization_failure'; END IF; END $$;",
        ),
    ];
    let report = set(&files).run(&mut client).await.unwrap();
    assert_eq!(versions(&report), [1, 2]);
    assert_eq!(lines(&database, "SELECT last_value FROM tries"), ["3"]);
    assert!(exists(&database, "b"));
}

#[tokio::test]
async fn a_deadlock_is_tried_again() {
    let (database, mut client) = fresh().await;
    database
        .execute("CREATE SCHEMA app; CREATE TABLE app.one (); CREATE TABLE app.two (); CREATE TABLE app.gate ()")
        .unwrap();
    let gate = database.connect().await.unwrap();
    gate.batch_execute("BEGIN; LOCK TABLE app.gate").await.unwrap();
    let rival = database.connect().await.unwrap();
    // Whoever waits longest for the other notices: that is to be the migration. It looks once for each wait, and comes to
    // the second table when the rival waits already.
    rival.batch_execute("SET deadlock_timeout = '1min'; BEGIN; LOCK TABLE app.two").await.unwrap();
    client.batch_execute("SET deadlock_timeout = '100ms'").await.unwrap();
    let files = [(
        "1_a.sql",
        "-- graven: lock_timeout = 0\nLOCK TABLE app.one;\nLOCK TABLE app.gate;\nLOCK TABLE app.two;\nCREATE TABLE a ();",
    )];
    let retried = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&retried);
    let mut migrator = set(&files).migrator().observe(move |event| {
        if let Event::Retrying { error, .. } = event {
            seen.lock().unwrap().push(error.sqlstate.clone());
        }
    });
    let waits = |table: &str| {
        let sql = format!("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'app.{table}'::regclass");
        value(&database, &sql) == "1"
    };
    let cross = async {
        until("the migration is at the gate", || waits("gate")).await;
        rival.batch_execute("LOCK TABLE app.one; COMMIT").await.unwrap();
    };
    let open = async {
        until("the rival waits for the migration", || waits("one")).await;
        gate.batch_execute("COMMIT").await.unwrap();
    };
    let (report, (), ()) = tokio::join!(migrator.run(&mut client), cross, open);
    assert_eq!(versions(&report.unwrap()), [1]);
    assert_eq!(*retried.lock().unwrap(), ["40P01"]);
}

#[tokio::test]
async fn a_connection_that_is_ended_in_the_middle_leaves_nothing_and_a_rerun_goes_on() {
    let (database, mut client) = fresh().await;
    let directory =
        Directory::new(&[("1_a.sql", "CREATE TABLE a ()"), ("2_b.sql", "CREATE TABLE b ();\nSELECT pg_sleep(60);")]);
    let kill = async {
        let sleeping =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        until("the migration sleeps", || value(&database, sleeping) == "1").await;
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                    WHERE datname = current_database() AND wait_event = 'PgSleep'";
        assert_eq!(value(&database, kill), "1");
    };
    let migrations = directory.load();
    let (result, ()) = tokio::join!(migrations.run(&mut client), kill);
    let failed = failed(result);
    assert_eq!((failed.version.unwrap().value(), failed.applied.len()), (2, 1));
    let page = Error::MigrationFailed(failed).explain();
    assert!(page.contains("57P01") || page.contains("the connection was lost"), "{page}");
    assert!(page.contains("start again") && !page.contains("correct the file"), "{page}");
    assert_eq!(history(&database), ["1 a applied"]);
    assert!(!exists(&database, "b"));

    directory.write("2_b.sql", "CREATE TABLE b ();\n");
    let mut client = database.connect().await.unwrap();
    let report = directory.load().run(&mut client).await.unwrap();
    assert_eq!((report.outcome, versions(&report)), (Outcome::Applied, vec![2]));
}

/// A set that neither the macro nor the command line would make.
fn past_the_rules(texts: &[&'static str]) -> Migrations {
    let migrations = (1..).zip(texts).map(|(version, text)| {
        let file = format!("{version}_m.sql");
        let checksum = Checksum::of_text(text);
        private::migration(version, file, (2, 3), Sealing::Unsealed, *text, checksum.as_bytes(), &private::DEFAULT)
    });
    private::migrations(migrations.collect::<Vec<_>>().leak(), "migrations", None, None, "")
}

#[tokio::test]
async fn a_copy_that_came_past_the_rules_is_named_with_its_place() {
    let texts = ["CREATE TABLE a (v int)", "INSERT INTO a VALUES (1);\n  COPY a TO STDOUT;", "CREATE TABLE b ()"];
    let (database, mut client) = fresh().await;
    let migrations = past_the_rules(&texts);
    let log = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(Arc::new(log.reopen().unwrap())).finish();
    let logged = listen(subscriber);
    let failed = failed(migrations.run(&mut client).await);
    drop(logged);
    assert!(matches!(failed.cause, Cause::Copy), "{failed:?}");
    // The message had given the lock back before its end was known: no migration has.
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("name=\"m\"") && !log.contains("given up the locks"), "{log}");
    assert_eq!((failed.version.map(|it| it.value()), failed.line, failed.column), (Some(2), Some(2), Some(3)));
    let page = Error::MigrationFailed(failed).explain();
    assert!(page.contains(": a COPY sends its rows to the client or waits for rows from it"), "{page}");
    assert!(page.contains("hint: take COPY … TO STDOUT and COPY … FROM STDIN out of the file"), "{page}");
    assert!(!page.contains("connection was lost"), "{page}");
    // The server had the whole message. The connection serves on, and nothing holds the lock.
    assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate);
    assert_eq!(value(&database, "SELECT count(*) FROM a"), "1");
}

#[tokio::test]
async fn a_copy_that_waits_for_rows_holds_nobody_up() {
    let (database, mut client) = fresh().await;
    let migrations = past_the_rules(&["CREATE TABLE a (v int)", "COPY a FROM STDIN;"]);
    let failed = failed(migrations.run(&mut client).await);
    assert!(matches!(failed.cause, Cause::Copy), "{failed:?}");
    // The first connection stays open.
    let mut other = database.connect().await.unwrap();
    let migrations = past_the_rules(&["CREATE TABLE a (v int)", "CREATE TABLE b ()"]);
    let mut migrator = migrations.migrator().lock_timeout(Duration::from_secs(20));
    assert_eq!(migrator.run(&mut other).await.unwrap().outcome, Outcome::Applied);
    assert_eq!(history(&database), ["1 m applied", "2 m applied"]);
    drop(client);
}

#[tokio::test]
async fn a_copy_outside_of_a_transaction_is_resolved_as_the_hint_says() {
    let sql = "CREATE TABLE a (v int);\nCOPY a TO STDOUT;\nCREATE TABLE b ();";
    let unit = |statement: &str| {
        let start = sql.find(statement).unwrap();
        private::unit(start as u32, (start + statement.len()) as u32, private::Effect::Ordinary)
    };
    let units: &'static [_] =
        vec![unit("CREATE TABLE a (v int);"), unit("COPY a TO STDOUT;"), unit("CREATE TABLE b ();")].leak();
    let details: &'static _ =
        Box::leak(Box::new(private::details(private::Transaction::Off, None, None, None, &[], &[], units)));
    let checksum = Checksum::of_text(sql);
    let migration = private::migration(1, "1_m.sql", (2, 3), Sealing::Unsealed, sql, checksum.as_bytes(), details);
    let migrations = private::migrations(vec![migration].leak(), "migrations", None, None, "");
    let (database, mut client) = fresh().await;
    let failed = failed(migrations.run(&mut client).await);
    assert!(matches!(failed.cause, Cause::Copy), "{failed:?}");
    assert_eq!(history(&database), ["1 m started 1/3 in doubt"]);
    let hint = failed.hint();
    assert!(hint.contains("`graven resolve 1 --applied` goes on after it") && !hint.contains("--retry"), "{hint}");
    migrations.migrator().resolve(&mut client, 1, Resolution::Applied).await.unwrap();
    migrations.run(&mut client).await.unwrap();
    assert_eq!(history(&database), ["1 m applied"]);
    assert!(exists(&database, "b"));
}
