//! The table of locks, compared with what a real server locks: each example runs, and `pg_locks` says the rest.

use std::time::Duration;

use graven_source::statement::{ALTER_TABLE, KNOWN, LockMode, StatementKind, split};
use graven_testkit::Database;
use tokio_postgres::Client;

use crate::common::{fresh, lines, until, value};

/// What the examples are about.
const SCENE: &str = "CREATE TABLE a (x int PRIMARY KEY, y int); CREATE INDEX a_i ON a (y);\n\
    CREATE TABLE b (x int PRIMARY KEY, y int); ALTER TABLE b ADD CONSTRAINT b_c FOREIGN KEY (y) REFERENCES a NOT VALID;\n\
    CREATE TABLE c (x int NOT NULL, y int);\n\
    CREATE TABLE p (x int, y int) PARTITION BY LIST (x); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);\n\
    CREATE VIEW v AS SELECT x FROM c; CREATE MATERIALIZED VIEW m AS SELECT x FROM c; CREATE UNIQUE INDEX ON m (x);\n\
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';\n\
    CREATE TRIGGER b_t BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION f();\n\
    CREATE POLICY b_q ON b USING (true); CREATE RULE b_r AS ON DELETE TO b DO ALSO NOTHING;";

#[tokio::test]
async fn each_row_of_the_table_locks_on_a_server_what_it_says() {
    let (mut transactional, mut alone) = (0, 0);
    let (database, client) = fresh().await;
    database.execute(SCENE).unwrap();
    for (statement, wanted) in KNOWN.iter().flat_map(|known| known.examples).chain(ALTER_TABLE) {
        if statement.starts_with("MERGE") && database.server_version() < 15 {
            continue;
        }
        if needs_no_transaction(statement) {
            for (on, mode) in *wanted {
                waits(statement, on, *mode).await;
            }
            alone += 1;
        } else {
            holds(&client, statement, wanted).await;
            transactional += 1;
        }
    }
    assert!(transactional > 50 && alone >= 8, "{transactional} {alone}");
}

fn needs_no_transaction(statement: &str) -> bool {
    let statements = split(statement).unwrap();
    !matches!(statements[0].kind, StatementKind::Ordinary)
}

/// The relation that an example speaks of: `a`, `table of a_i`.
fn relation(on: &str) -> &str {
    if on == "table of a_i" { "a" } else { on }
}

fn mode_of(shown: &str) -> LockMode {
    let found = LockMode::ALL.into_iter().find(|mode| {
        shown == format!("{}Lock", mode.as_str().to_lowercase().split(' ').map(capital).collect::<String>())
    });
    found.unwrap_or_else(|| panic!("{shown}"))
}

fn capital(word: &str) -> String {
    format!("{}{}", word[..1].to_uppercase(), &word[1..])
}

/// Runs a statement in a transaction, and compares the strongest lock on each relation.
async fn holds(client: &Client, statement: &str, wanted: &[(&str, LockMode)]) {
    client.batch_execute("BEGIN").await.unwrap();
    // What it drops has no name any more.
    let mut oids = Vec::new();
    for (on, _) in wanted {
        let row = client.query_one("SELECT to_regclass($1)::oid", &[&relation(on)]).await.unwrap();
        oids.push(row.get::<_, u32>(0));
    }
    client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    for ((on, mode), oid) in wanted.iter().zip(oids) {
        // Whoever plans a query on a table locks its indexes too: a rebuild of one keeps them out by the lock on that.
        let indexes = if statement.starts_with("REINDEX") { "indrelid = $1" } else { "false" };
        let ask = format!(
            "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' \
             AND (relation = $1 OR relation IN (SELECT indexrelid FROM pg_index WHERE {indexes}))"
        );
        let held = client.query(&ask, &[&oid]).await.unwrap();
        let strongest = held.iter().map(|row| mode_of(row.get(0))).max();
        assert_eq!(strongest, Some(*mode), "{statement}: {on}");
    }
    client.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn a_rebuild_of_one_index_keeps_out_who_reads_the_table_without_it() {
    let (database, client) = fresh().await;
    database.execute(SCENE).unwrap();
    client.batch_execute("BEGIN; REINDEX INDEX a_i").await.unwrap();
    let reader = database.connect().await.unwrap();
    let refused = reader.batch_execute("SET lock_timeout = 100; SELECT x FROM a WHERE x = 1").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "55P03");
    client.batch_execute("ROLLBACK").await.unwrap();
    reader.batch_execute("SELECT x FROM a WHERE x = 1").await.unwrap();
}

/// Runs a statement while somebody else is in its way, and looks what it waits for.
async fn waits(statement: &'static str, on: &str, mode: LockMode) {
    let (database, client) = fresh().await;
    database.execute(SCENE).unwrap();
    let holder = database.connect().await.unwrap();
    // In the way of that lock, and of no weaker one that comes before it.
    let theirs = if mode == LockMode::AccessExclusive { "ACCESS SHARE" } else { "EXCLUSIVE" };
    holder.batch_execute(&format!("BEGIN; LOCK TABLE ONLY {} IN {theirs} MODE", relation(on))).await.unwrap();
    let pid = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get::<_, i32>(0);
    let running = tokio::spawn(async move { client.batch_execute(statement).await });
    let ask = format!(
        "SELECT mode FROM pg_locks WHERE pid = {pid} AND NOT granted AND relation = '{}'::regclass",
        relation(on)
    );
    until(&format!("{statement} waits for {on}"), || !asked(&database, &ask).is_empty()).await;
    assert_eq!(
        asked(&database, &ask).iter().map(|shown| mode_of(shown)).collect::<Vec<_>>(),
        [mode],
        "{statement}: {on}"
    );
    holder.batch_execute("ROLLBACK").await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), running).await.unwrap().unwrap().unwrap();
}

/// The first column: the name of a table that is locked is found without a lock on it.
fn asked(database: &Database, sql: &str) -> Vec<String> {
    assert_eq!(value(database, "SELECT 1"), "1");
    lines(database, sql)
}
