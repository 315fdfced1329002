//! The connection is cut at every single message of a run, and what comes after converges all the same.
//!
//! The failure guarded against is a migration that runs twice or is passed over, because the answer that it was done
//! got lost on the way. A first run without a cut counts the messages; then there is one run a message, cut there.

use graven::{Applied, Migrations, Outcome};
use graven_testkit::{Cut, Database, Message, Proxy};
use tokio_postgres::Client;

use crate::common::{connect_in, set};

/// Every part leaves a row in `counts`, which has no key: what ran twice is there twice.
fn migrations() -> Migrations {
    set(&[
        ("0001_counts.sql", "CREATE TABLE counts (v int);\nINSERT INTO counts VALUES (1);"),
        ("0002_two.sql", "BEGIN;\nINSERT INTO counts VALUES (2);\nCREATE TABLE two (v int);\nCOMMIT;"),
        (
            "0003_off.sql",
            "-- graven: transaction = off\nINSERT INTO counts VALUES (30);\n\
             CREATE INDEX CONCURRENTLY counts_v ON counts (v);\nBEGIN;\nINSERT INTO counts VALUES (32);\n\
             CREATE TABLE three (v int);\nCOMMIT;\nSET work_mem = '5MB';\nINSERT INTO counts VALUES (34);\n\
             CREATE INDEX CONCURRENTLY ON counts (abs(v));\nDROP INDEX CONCURRENTLY counts_v;\n\
             REINDEX TABLE CONCURRENTLY counts;\nVACUUM counts;\n",
        ),
        ("0004_four.sql", "INSERT INTO counts VALUES (4);\nALTER TABLE two ADD COLUMN w int;"),
        ("0005_five.sql", "INSERT INTO counts VALUES (5);\nALTER TABLE two ADD COLUMN x int;"),
        ("0006_six.sql", "ALTER TABLE two DROP COLUMN w;\nINSERT INTO counts VALUES (6);"),
    ])
}

/// A schema of its own for each case: a database of its own would cost more than all the rest.
struct Case<'a> {
    database: &'a Database,
    proxy: Proxy,
    schema: String,
}

impl<'a> Case<'a> {
    fn new(database: &'a Database, cut: Cut, schema: String) -> Self {
        database.execute(&format!("CREATE SCHEMA {schema}")).unwrap();
        let proxy = Proxy::to(database.url()).unwrap();
        proxy.cut(cut);
        Self { database, proxy, schema }
    }

    async fn cut_client(&self) -> Client {
        connect_in(self.proxy.url(), &self.schema).await
    }

    /// One that nothing cuts.
    async fn client(&self) -> Client {
        connect_in(self.database.url(), &self.schema).await
    }
}

/// The first column of a query.
async fn lines(client: &Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Everything that a run leaves behind but times: tables, columns, indexes, rows, history.
async fn left_behind(client: &Client) -> Vec<String> {
    lines(
        client,
        "(SELECT c.relname || '.' || a.attname || ' ' || coalesce(i.indisvalid::text, 'table') FROM pg_class c \
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_index i ON i.indexrelid = c.oid \
         WHERE c.relnamespace = current_schema()::regnamespace ORDER BY 1) \
         UNION ALL (SELECT v::text FROM counts ORDER BY v) \
         UNION ALL (SELECT version || encode(checksum, 'hex') || state || statements_done || statements_total || in_doubt \
         FROM graven_history ORDER BY version)",
    )
    .await
}

/// The next run finishes what was begun, and asks nobody.
async fn converge(client: &mut Client, migrations: Migrations, case: &str) {
    if let Err(error) = migrations.run(client).await {
        panic!("{case}: {error:?}");
    }
}

/// What the run said that it had applied is in the history, and nothing else but what was in the message that was cut.
async fn was_told(client: &Client, applied: &[Applied], case: &str) {
    if lines(client, "SELECT 'there' WHERE to_regclass('graven_history') IS NOT NULL").await.is_empty() {
        assert!(applied.is_empty(), "{case}: {applied:?}");
        return;
    }
    let there =
        lines(client, "SELECT version::text FROM graven_history WHERE state = 'applied' ORDER BY version").await;
    let told: Vec<String> = applied.iter().map(|applied| applied.version.unwrap().to_string()).collect();
    assert!(there.starts_with(&told), "{case}: {told:?} were told, {there:?} are there");
    let sent = case.matches("/* graven: migration ").count().max(1);
    assert!(there.len() <= told.len() + sent, "{case}: {told:?} were told, {there:?} are there");
}

async fn cut_at_every_message(cut: fn(usize) -> Cut) {
    let migrations = migrations();
    let database = Database::create().unwrap();
    let whole = Case::new(&database, Cut::Never, "whole".to_owned());
    migrations.run(&mut whole.cut_client().await).await.unwrap();
    let traffic = whole.proxy.traffic();
    let messages: Vec<&str> = traffic.messages.iter().filter_map(Message::sql).collect();
    assert_eq!(messages.len(), traffic.messages.len(), "every message is a simple query");
    // Once the lock is all that is left to give back, the run has succeeded: a lost connection has given it back, too.
    assert!(messages.len() >= 10 && messages.last().unwrap().contains("pg_advisory_unlock"), "{messages:#?}");
    let expected = left_behind(&whole.client().await).await;
    assert!(expected.contains(&"counts_abs_idx.abs true".to_owned()), "{expected:#?}");
    assert_eq!(expected.iter().filter(|line| line.parse::<i32>().is_ok()).count(), 8, "{expected:#?}");

    for (at, message) in messages.iter().enumerate() {
        let name = format!("{:?} of {}: {message}", cut(at + 1), messages.len());
        let case = Case::new(&database, cut(at + 1), format!("case_{at}"));
        let result = migrations.run(&mut case.cut_client().await).await;
        let mut client = case.client().await;
        match &result {
            Ok(report) => {
                assert_eq!((report.applied.len(), at + 1), (migrations.len(), messages.len()), "{name}: {report:?}");
            }
            Err(error) => was_told(&client, error.applied(), &name).await,
        }
        converge(&mut client, migrations, &name).await;
        assert_eq!(left_behind(&client).await, expected, "{name}");
        assert_eq!(migrations.run(&mut client).await.unwrap().outcome, Outcome::UpToDate, "{name}");
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
