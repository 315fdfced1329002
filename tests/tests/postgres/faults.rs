//! The connection is cut at every single message of a run, and what comes after converges all the same.
//!
//! The failure guarded against is a migration that runs twice or is passed over, because the answer that it was done
//! got lost on the way. A first run without a cut counts the messages; then there is one run a message, cut there.

use graven::{Conflict, Error, IncompleteReason, Migrations, Outcome, Resolution};
use graven_testkit::Database;

use crate::common::{Cut, Proxy, exists, lines, set, value};

/// Every part leaves a row in `counts`, which has no key: what ran twice is there twice.
fn migrations() -> Migrations {
    set(&[
        ("0001_counts.sql", "CREATE TABLE counts (v int);\nINSERT INTO counts VALUES (1);"),
        ("0002_two.sql", "BEGIN;\nINSERT INTO counts VALUES (2);\nCREATE TABLE two (v int);\nCOMMIT;"),
        (
            "0003_off.sql",
            "-- graven: transaction = off\nINSERT INTO counts VALUES (30);\n\
             CREATE INDEX CONCURRENTLY counts_v ON counts (v);\nBEGIN;\nINSERT INTO counts VALUES (32);\n\
             CREATE TABLE three (v int);\nCOMMIT;\nSET work_mem = '5MB';\nINSERT INTO counts VALUES (34);\n",
        ),
        ("0004_four.sql", "INSERT INTO counts VALUES (4);\nALTER TABLE two ADD COLUMN w int;"),
    ])
}

/// Everything that a run leaves behind but times: tables, columns, indexes, rows, history.
fn left_behind(database: &Database) -> Vec<String> {
    let mut found = lines(
        database,
        "SELECT c.relname || '.' || a.attname || ' ' || coalesce(i.indisvalid::text, 'table') FROM pg_class c \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_index i ON i.indexrelid = c.oid \
         WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1",
    );
    found.extend(lines(database, "SELECT v FROM counts ORDER BY v"));
    found.extend(lines(
        database,
        "SELECT version || encode(checksum, 'hex') || state || statements_done || statements_total || in_doubt \
         FROM graven_history ORDER BY version",
    ));
    found
}

/// Runs until everything is applied, answering for statements in doubt as an operator would: after a look.
async fn converge(database: &Database, migrations: Migrations, case: &str) {
    for _ in 0..3 {
        let mut client = database.connect().await.unwrap();
        let error = match migrations.run(&mut client).await {
            Ok(_) => return,
            Err(error) => error,
        };
        let Error::Conflicts { conflicts, .. } = &error else { panic!("{case}: {error:?}") };
        let [Conflict::Incomplete { version, done, reason: IncompleteReason::InDoubt { .. }, .. }] = &conflicts[..]
        else {
            panic!("{case}: {error:?}")
        };
        let there = value(database, &format!("SELECT count(*) FROM counts WHERE v = 30 + {done}"));
        let resolution = if there == "0" { Resolution::Retry } else { Resolution::Applied };
        migrations.migrator().resolve(&mut client, version.value(), resolution).await.unwrap();
    }
    panic!("{case}: in doubt more than once");
}

async fn cut_at_every_message(cut: fn(usize) -> Cut) {
    let migrations = migrations();
    let whole = Database::create().unwrap();
    let proxy = Proxy::before(&whole, Cut::Never).await;
    migrations.run(&mut proxy.connect(&whole).await).await.unwrap();
    let expected = left_behind(&whole);
    assert!(expected.contains(&"counts_v.v true".to_owned()), "{expected:#?}");
    assert_eq!(expected.iter().filter(|line| line.parse::<i32>().is_ok()).count(), 6, "{expected:#?}");
    let messages = proxy.texts();
    assert!(messages.len() > 15, "{messages:#?}");
    // Once the lock is all that is left to give back, the run has succeeded: a lost connection has given it back, too.
    assert!(messages.last().unwrap().contains("pg_advisory_unlock"), "{messages:#?}");

    for (at, message) in messages.iter().enumerate() {
        let case = format!("{:?} of {}: {message}", cut(at + 1), messages.len());
        let database = Database::create().unwrap();
        let proxy = Proxy::before(&database, cut(at + 1)).await;
        let result = migrations.run(&mut proxy.connect(&database).await).await;
        let applied = match &result {
            Ok(report) => {
                assert_eq!((report.applied.len(), at + 1), (migrations.len(), messages.len()), "{case}: {report:?}");
                &report.applied[..]
            }
            Err(error) => error.applied(),
        };
        if exists(&database, "graven_history") {
            let stays = lines(&database, "SELECT version FROM graven_history WHERE state = 'applied' ORDER BY version");
            let told: Vec<String> = applied.iter().map(|applied| applied.version.to_string()).collect();
            assert!(stays.starts_with(&told), "{case}: {told:?} were told, {stays:?} are there");
            // All but the one whose commit was under way.
            assert!(stays.len() <= told.len() + 1, "{case}: {told:?} were told, {stays:?} are there");
        }
        converge(&database, migrations, &case).await;
        assert_eq!(left_behind(&database), expected, "{case}");
        let mut client = database.connect().await.unwrap();
        assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate, "{case}");
    }
}

#[tokio::test]
async fn a_message_that_never_arrives_is_made_good_by_the_next_run() {
    cut_at_every_message(Cut::Before).await;
}

#[tokio::test]
async fn a_message_whose_answer_never_arrives_is_not_repeated_by_the_next_run() {
    cut_at_every_message(Cut::After).await;
}

#[tokio::test]
async fn a_message_that_the_server_is_still_busy_with_is_waited_for_by_the_next_run() {
    cut_at_every_message(Cut::During).await;
}
