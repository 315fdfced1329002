//! What graven writes between the statements of a file without a transaction: in how few messages, and under which settings.

use graven::Migrations;
use graven_testkit::{Database, Proxy};

use crate::common::{fresh, history, set, value, versions};

const INDEXES: &str = "-- graven: transaction = off\n\
    CREATE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a);\n\
    CREATE INDEX CONCURRENTLY ON t (b);\n\
    DROP INDEX CONCURRENTLY t_a;\n";

/// The messages of a run beyond those of a run of the same files but this one.
async fn messages_of(file: &str, before: &[&str]) -> usize {
    let (database, mut client) = fresh().await;
    client.batch_execute("SET client_min_messages = warning").await.unwrap();
    let table = ("1_t.sql", "CREATE TABLE t (a int, b int)");
    set(&[table]).run(&mut client).await.unwrap();
    let run = |migrations: Migrations| count(&database, before, migrations);
    let last = ("3_last.sql", "CREATE TABLE last ()");
    let with = run(set(&[table, ("2_it.sql", file), last])).await;
    assert_eq!(history(&database).len(), 3);
    // One transactional migration more, for the same look, lock and batch.
    let without = run(set(&[table, ("2_it.sql", file), last, ("4_more.sql", "CREATE TABLE more ()")])).await;
    with - without
}

async fn count(database: &Database, before: &[&str], migrations: Migrations) -> usize {
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    for sql in before {
        client.batch_execute(sql).await.unwrap();
    }
    let mark = proxy.mark();
    migrations.run(&mut client).await.unwrap();
    proxy.since(mark).messages.len()
}

#[tokio::test]
async fn a_statement_is_two_messages_and_its_file_one_more() {
    assert_eq!(messages_of(INDEXES, &[]).await, 1 + 3 * 2);
}

#[tokio::test]
async fn limits_that_a_file_sets_cost_no_more_than_other_statements() {
    let limits = INDEXES.replace(
        "off\n",
        "off\nSET lock_timeout = '2s';\nSET SESSION statement_timeout TO '30s';\nset work_mem = '5MB';\n",
    );
    assert_eq!(messages_of(&limits, &[]).await, 1 + 6 * 2);
}

#[tokio::test]
async fn settings_of_the_callers_own_are_put_back_in_a_message_of_their_own() {
    assert_eq!(messages_of(INDEXES, &["SET work_mem = '7MB'"]).await, 1 + 3 * 2 + 1);
}

#[tokio::test]
async fn a_limit_that_a_file_sets_does_not_reach_what_is_recorded_nor_the_next_file() {
    let (database, mut client) = fresh().await;
    let limits = "-- graven: transaction = off\nSET statement_timeout = '1s';\nSET lock_timeout = '1ms';\n\
                  CREATE TABLE a ();\nCREATE TABLE b ();\n";
    let next =
        "CREATE TABLE c AS SELECT current_setting('statement_timeout') AS s, current_setting('lock_timeout') AS l";
    // Whoever holds the history for a moment keeps no record from being written.
    let trigger = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
                   $$ BEGIN PERFORM pg_sleep(1.2); RETURN NEW; END $$;\n\
                   CREATE TRIGGER slow BEFORE UPDATE ON graven_history FOR EACH ROW \
                   WHEN (NEW.statements_done = 3) EXECUTE FUNCTION slow()";
    let files = [("1_slow.sql", trigger), ("2_limits.sql", limits), ("3_next.sql", next)];
    assert_eq!(versions(&set(&files).run(&mut client).await.unwrap()), [1, 2, 3]);
    assert_eq!(value(&database, "SELECT s || ' ' || l FROM c"), "0 5s");
    let own: String = client.query_one("SHOW lock_timeout", &[]).await.unwrap().get(0);
    assert_eq!(own, "0");
}

#[tokio::test]
async fn a_role_that_a_file_takes_does_not_write_its_records() {
    let (database, mut client) = fresh().await;
    let role = database.role("lesser").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", role.name())).unwrap();
    let text = format!(
        "-- graven: transaction = off\nSET lock_timeout = '2s';\nSET ROLE {};\nCREATE TABLE a ();\n\
         CREATE INDEX CONCURRENTLY ON a ((1));\n",
        role.name()
    );
    assert_eq!(versions(&set(&[("1_a.sql", &text)]).run(&mut client).await.unwrap()), [1]);
    let owner = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'a'::regclass";
    assert_eq!(value(&database, owner), role.name());
    let mine: String = client.query_one("SHOW role", &[]).await.unwrap().get(0);
    assert_eq!(mine, "none");
}

#[tokio::test]
async fn a_file_that_makes_its_session_read_only_is_recorded_all_the_same() {
    for sets in ["SET default_transaction_read_only = on", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"] {
        let (database, mut client) = fresh().await;
        let text = format!(
            "-- graven: transaction = off\nCREATE TABLE a ();\n{sets};\nSELECT count(*) FROM a;\n\
             SET default_transaction_read_only = off;\nCREATE TABLE b ();\n{sets};\n"
        );
        let migrations = set(&[("1_a.sql", text.as_str()), ("2_c.sql", "CREATE TABLE c ()")]);
        assert_eq!(versions(&migrations.run(&mut client).await.unwrap()), [1, 2], "{sets}");
        assert_eq!(history(&database), ["1 a applied", "2 c applied"]);
        let own: String = client.query_one("SHOW transaction_read_only", &[]).await.unwrap().get(0);
        assert_eq!(own, "off");
    }
}

#[tokio::test]
async fn what_a_function_sets_for_the_session_does_not_reach_the_records_and_stays_for_the_file() {
    let (database, mut client) = fresh().await;
    let role = database.role("lesser").unwrap();
    database.execute(&format!("GRANT CREATE ON SCHEMA public TO {}", role.name())).unwrap();
    let text = format!(
        "-- graven: transaction = off\n\
         DO $$ BEGIN PERFORM set_config('role', '{}', false); END $$;\n\
         SET work_mem = '5MB';\n\
         CREATE TABLE a ();\n\
         DO $$ BEGIN PERFORM set_config('default_transaction_read_only', 'on', false); END $$;\n",
        role.name()
    );
    assert_eq!(versions(&set(&[("1_a.sql", &text)]).run(&mut client).await.unwrap()), [1]);
    let owner = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'a'::regclass";
    assert_eq!(value(&database, owner), role.name());
    assert_eq!(history(&database), ["1 a applied"]);
    let mine: String =
        client.query_one("SELECT current_user || current_setting('transaction_read_only')", &[]).await.unwrap().get(0);
    assert_eq!(mine, "postgresoff");
}

/// What a SET behind it sets would be put back for the record, and is not there yet.
#[tokio::test]
async fn a_role_that_a_function_sets_before_a_setting_does_not_reach_the_record_between_them() {
    let (database, mut client) = fresh().await;
    let role = database.role("lesser").unwrap();
    let sets = format!(
        "-- graven: transaction = off\nDO $$ BEGIN PERFORM set_config('role', '{}', false); END $$;\n\
         SET search_path = pg_catalog;\nSELECT 1;",
        role.name()
    );
    assert_eq!(versions(&set(&[("1_a.sql", &sets)]).run(&mut client).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_reverse_that_makes_its_session_read_only_takes_its_row_away_all_the_same() {
    let (database, mut client) = fresh().await;
    let down = "-- graven: transaction = off\nDROP TABLE IF EXISTS a;\nSET default_transaction_read_only = on;\n";
    let migrations = set(&[("1_a.sql", "CREATE TABLE a ()"), ("1_a.down.sql", down)]);
    migrations.run(&mut client).await.unwrap();
    migrations.migrator().revert(&mut client, graven::Target::All).await.unwrap();
    assert_eq!(history(&database).len(), 0);
}
