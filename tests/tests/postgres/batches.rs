//! Many migrations in one message: the outcome is that of one at a time.

use std::sync::{Arc, Mutex};

use graven::{Error, Event, Migrations};
use graven_testkit::Database;
use tokio_postgres::Client;

use crate::common::{exists, failed, fresh, history, lines, set, until, value, versions};

/// Ten migrations, of which the one at that place has this text.
fn ten(at: usize, text: &str) -> Migrations {
    let files: Vec<(String, String)> = (1..=10)
        .map(|number| {
            let text =
                if number == at { text.to_owned() } else { format!("CREATE TABLE t{number} (id int PRIMARY KEY)") };
            (format!("{number:04}_step.sql"), text)
        })
        .collect();
    set(&files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>())
}

/// The tables that there are.
fn tables(database: &Database) -> usize {
    (1..=10).filter(|number| exists(database, &format!("t{number}"))).count()
}

#[tokio::test]
async fn what_commits_before_a_failure_stays_and_what_comes_after_it_does_not_run() {
    let (database, mut client) = fresh().await;
    let migrations = ten(7, "-- ä\nCREATE TABLE half ();\nSELECT nothing FROM t1;");
    let failed = failed(migrations.run(&mut client).await);
    assert_eq!((failed.version.unwrap().value(), failed.line, failed.column), (7, Some(3), Some(8)));
    assert_eq!(
        failed.applied.iter().map(|applied| applied.version.unwrap().value()).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
    assert_eq!((tables(&database), exists(&database, "half")), (6, false));
    assert_eq!(history(&database).len(), 6);
    assert_eq!(versions(&ten(7, "SELECT 1").run(&mut client).await.unwrap()), [7, 8, 9, 10]);
}

#[tokio::test]
async fn an_error_without_a_position_is_found_in_its_own_file() {
    let (_database, mut client) = fresh().await;
    let migrations = ten(4, "INSERT INTO t1 VALUES (1);\n\nINSERT INTO t1\n  VALUES (1);");
    let failed = failed(migrations.run(&mut client).await);
    assert_eq!((failed.version.unwrap().value(), failed.line, failed.column), (4, Some(3), Some(1)), "{failed}");
}

#[tokio::test]
async fn a_syntax_error_neither_undoes_nor_hides_what_stands_before_it() {
    for at in [1, 2, 10] {
        let (database, mut client) = fresh().await;
        let migrations = ten(at, "SELECT 1;\nSELECT FROM WHERE;");
        let failed = failed(migrations.run(&mut client).await);
        assert_eq!(
            (failed.version.unwrap().value(), failed.line, failed.column),
            (at as i64, Some(2), Some(13)),
            "{failed}"
        );
        assert_eq!((failed.applied.len(), tables(&database), history(&database).len()), (at - 1, at - 1, at - 1));
    }
}

#[tokio::test]
async fn the_first_of_two_errors_is_the_one_that_is_told() {
    let (_database, mut client) = fresh().await;
    let files = [("1_a.sql", "SELECT 1"), ("2_b.sql", "SELECT nothing"), ("3_c.sql", "SELECT FROM WHERE")];
    let failed = failed(set(&files).run(&mut client).await);
    assert_eq!((failed.version.unwrap().value(), failed.applied.len()), (2, 1), "{failed}");
}

#[tokio::test]
async fn each_migration_has_the_settings_that_it_would_have_alone() {
    let (database, mut client) = fresh().await;
    let files = [
        ("1_a.sql", "CREATE SCHEMA app; SET search_path = app; SET work_mem = '7MB'; CREATE TABLE a ()"),
        ("2_b.sql", "CREATE TABLE b AS SELECT current_setting('work_mem') AS m, current_setting('search_path') AS p"),
        ("3_c.sql", "-- graven: lock_timeout = 3s\nCREATE TABLE c AS SELECT current_setting('lock_timeout') AS t"),
        ("4_d.sql", "CREATE TABLE d AS SELECT current_setting('lock_timeout') AS t"),
    ];
    set(&files).run(&mut client).await.unwrap();
    assert!(exists(&database, "app.a"));
    assert_eq!(lines(&database, "SELECT m || ' ' || p FROM public.b"), ["4MB \"$user\", public"]);
    assert_eq!(lines(&database, "SELECT t FROM c UNION ALL SELECT t FROM d"), ["3s", "5s"]);
}

#[tokio::test]
async fn only_the_last_commit_of_a_run_waits_for_the_disk() {
    let (database, mut client) = fresh().await;
    // The duration is written last before the commit: a trigger on the history sees the setting that the commit has.
    let files = [
        (
            "1_a.sql",
            "CREATE TABLE notes (v bigint, s text);
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO notes VALUES (NEW.version, current_setting('synchronous_commit')); RETURN NEW; END $$;
             CREATE TRIGGER note AFTER UPDATE ON graven_history FOR EACH ROW EXECUTE FUNCTION note();",
        ),
        ("2_b.sql", "SELECT 1"),
        ("3_c.sql", "SELECT 1"),
    ];
    set(&files).run(&mut client).await.unwrap();
    assert_eq!(lines(&database, "SELECT v || ' ' || s FROM notes ORDER BY v"), ["1 off", "2 off", "3 on"]);
}

#[tokio::test]
async fn a_run_that_fails_flushes_what_it_reports_as_applied() {
    let (database, mut client) = fresh().await;
    let files = [
        (
            "1_a.sql",
            "CREATE TABLE notes (n serial, v bigint, s text);
             CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO notes (v, s) VALUES (NEW.version, current_setting('synchronous_commit'));
             RETURN NEW; END $$;
             CREATE TRIGGER note AFTER UPDATE ON graven_history FOR EACH ROW EXECUTE FUNCTION note();",
        ),
        ("2_b.sql", "SELECT 1"),
        ("3_c.sql", "SELECT nothing"),
    ];
    failed(set(&files).run(&mut client).await);
    assert_eq!(lines(&database, "SELECT v || ' ' || s FROM notes ORDER BY n"), ["1 off", "2 off", "2 on"]);
}

#[tokio::test]
async fn a_migration_that_is_tried_again_takes_those_after_it_along() {
    let (database, mut client) = fresh().await;
    database.execute("CREATE SCHEMA app; CREATE TABLE app.held ()").unwrap();
    let text = "-- graven: lock_timeout = 100ms\n-- graven: retries = 100\nLOCK TABLE app.held";
    let migrations = ten(5, text);
    let other = database.connect().await.unwrap();
    other.batch_execute("BEGIN; LOCK TABLE app.held").await.unwrap();
    let retried = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&retried);
    let mut migrator = migrations.migrator().observe(move |event| {
        if let Event::Retrying { version, .. } = event {
            told.lock().unwrap().push(version.value());
        }
    });
    let let_go = async {
        until("it is tried again", || !retried.lock().unwrap().is_empty()).await;
        other.batch_execute("COMMIT").await.unwrap();
    };
    let (report, ()) = tokio::join!(migrator.run(&mut client), let_go);
    assert_eq!(versions(&report.unwrap()), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert!(retried.lock().unwrap().iter().all(|version| *version == 5), "{retried:?}");
    assert_eq!(value(&database, "SELECT count(*) FROM graven_history"), "10");
}

#[tokio::test]
async fn two_runs_at_once_share_nothing_and_lose_nothing() {
    let (database, mut client) = fresh().await;
    let migrations = ten(4, "SELECT pg_sleep(0.3)");
    let mut other = database.connect().await.unwrap();
    let both = async |client: &mut Client| migrations.run(client).await;
    let (one, two) = tokio::join!(both(&mut client), both(&mut other));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.applied.len() + two.applied.len(), 10);
    assert_eq!(tables(&database), 9);
}

#[tokio::test]
async fn a_thousand_migrations_and_a_large_one_go_through() {
    let (database, mut client) = fresh().await;
    let mut files: Vec<(String, String)> = (1..=1_200)
        .map(|number| (format!("{number}_n.sql"), format!("CREATE TABLE n{number} AS SELECT {number} AS n")))
        .collect();
    let rows: Vec<String> = (0..150_000).map(|row| format!("({row}, 'row {row}')")).collect();
    let large = format!("CREATE TABLE large (n int, t text); INSERT INTO large VALUES {};", rows.join(","));
    files.push(("5000_large.sql".to_owned(), large));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let migrations = set(&files);
    let report = migrations.run(&mut client).await.unwrap();
    assert_eq!(report.applied.len(), 1_201);
    assert_eq!(value(&database, "SELECT count(*) FROM large"), "150000");
    assert!(matches!(migrations.verify(&mut client).await, Ok(report) if report.applied.is_empty()));
    let gone = set(&files[..1_199]).migrator().strict().run(&mut client).await;
    assert!(matches!(gone, Err(Error::Conflicts { .. })));
}

#[tokio::test]
async fn a_file_without_a_transaction_waits_for_the_disk_at_its_commit_where_it_is_the_last() {
    let (database, _) = fresh().await;
    let name = database.name();
    // Whoever writes to the history says at the commit whether it waits.
    let notes = "CREATE TABLE notes (n serial, id text, s text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN IF NEW.state = 'applied' THEN
         INSERT INTO notes (id, s) VALUES (NEW.id, current_setting('synchronous_commit')); END IF; RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON graven_history DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION note();";
    let vacuum = "-- graven: transaction = off\nVACUUM notes;";
    let select = "-- graven: transaction = off\nDO $$ BEGIN END $$;";
    for (default, own) in [("off", ""), ("on", ""), ("off", "SET work_mem = '7MB'")] {
        database.execute("DROP TABLE IF EXISTS graven_history, notes; DROP FUNCTION IF EXISTS note").unwrap();
        database.execute(&format!("ALTER DATABASE {name} SET synchronous_commit = {default}")).unwrap();
        let mut client = database.connect().await.unwrap();
        client.batch_execute(own).await.unwrap();
        let files = [("1_a.sql", notes), ("2_b.sql", vacuum), ("3_c.sql", select), ("4_d.sql", vacuum)];
        set(&files[..1]).run(&mut client).await.unwrap();
        set(&files).run(&mut client).await.unwrap();
        let noted = lines(&database, "SELECT id || ' ' || s FROM notes WHERE id <> '1' ORDER BY n");
        // What the second did can be found in the catalog, and more comes after it; of the third nobody could tell.
        assert_eq!(noted, ["2 off", "3 on", "4 on"], "{default} {own}");
        let setting: String = client.query_one("SHOW synchronous_commit", &[]).await.unwrap().get(0);
        assert_eq!(setting, default);
    }
}

#[tokio::test]
async fn what_a_run_reports_is_on_disk_also_where_a_role_does_not_wait_for_it() {
    let (database, _) = fresh().await;
    database.execute(&format!("ALTER DATABASE {} SET synchronous_commit = off", database.name())).unwrap();
    let mut client = database.connect().await.unwrap();
    let notes = "CREATE TABLE notes (n serial, v bigint, s text);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN IF NEW.state = 'applied' THEN
         INSERT INTO notes (v, s) VALUES (NEW.version, current_setting('synchronous_commit')); END IF;
         RETURN NEW; END $$;
         CREATE TRIGGER note AFTER UPDATE ON graven_history FOR EACH ROW EXECUTE FUNCTION note();";
    let off = "-- graven: transaction = off\nSET synchronous_commit = off;\nSELECT 1;";
    let files = [("1_a.sql", notes), ("2_b.sql", "SELECT 1"), ("3_c.sql", off), ("4_d.sql", "SELECT nothing")];
    let noted = "SELECT v || ' ' || s FROM notes ORDER BY n";
    set(&files[..2]).run(&mut client).await.unwrap();
    assert_eq!(lines(&database, noted), ["1 off", "2 on"]);
    set(&files[..3]).run(&mut client).await.unwrap();
    assert_eq!(lines(&database, noted)[2..], ["3 on"]);
    failed(
        set(&[files[0], files[1], files[2], ("4_d.sql", "SELECT 1"), ("5_e.sql", "SELECT nothing")])
            .run(&mut client)
            .await,
    );
    // What had been applied before the failure is flushed.
    assert_eq!(lines(&database, noted)[3..], ["4 off", "4 on"]);
    let setting: String = client.query_one("SHOW synchronous_commit", &[]).await.unwrap().get(0);
    assert_eq!(setting, "off");
}

#[tokio::test]
async fn what_the_server_says_nothing_of_is_not_sent_again_and_not_called_unchanged() {
    let (database, _) = fresh().await;
    let proxy = graven_testkit::Proxy::to(database.url()).unwrap();
    // Whatever is between has swallowed the message and answered for the server.
    proxy.rewrite(|sql| sql.contains("CREATE TABLE t1 ").then(|| "SELECT 1".to_owned()));
    let error = ten(5, "SELECT 1").run(&mut proxy.connect().await.unwrap()).await.unwrap_err();
    assert_eq!(
        (error.to_string(), error.kind()),
        ("the server has said nothing of migration 1 step, which was sent".to_owned(), "unanswered")
    );
    assert!(matches!(&error, Error::Unanswered { .. }), "{error:?}");
    assert!(error.hint().unwrap().starts_with("`graven status` shows whether it was applied"), "{error:?}");
    assert_eq!(tables(&database), 0);
}
