//! What a migration makes in the temporary schema is gone before the next one, and what the caller has there stays.

use graven::Target;
use graven_testkit::{Database, Proxy};
use tokio_postgres::Client;

use crate::common::{Directory, fresh, lines, set, value, versions};

const SECOND: &str = "CREATE TEMP TABLE IF NOT EXISTS ids AS SELECT 2 AS id;\nINSERT INTO seen SELECT id FROM ids;";
const THIRD: &str = "CREATE TEMP TABLE IF NOT EXISTS ids AS SELECT 3 AS id;\nINSERT INTO seen SELECT id FROM ids;";
const FILES: [(&str, &str); 3] =
    [("1_seen.sql", "CREATE TABLE seen (id int)"), ("2_second.sql", SECOND), ("3_third.sql", THIRD)];

fn seen(database: &Database) -> Vec<String> {
    lines(database, "SELECT id FROM seen ORDER BY id")
}

/// What is in the temporary schema of a session.
async fn temporary(client: &Client) -> i64 {
    let ask =
        "SELECT count(*) FROM pg_depend WHERE refobjid = pg_my_temp_schema() AND refclassid = 'pg_namespace'::regclass";
    client.query_one(ask, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_temporary_table_is_not_there_for_the_next_migration_nor_for_the_caller() {
    let (database, mut client) = fresh().await;
    assert_eq!(versions(&set(&FILES).run(&mut client).await.unwrap()), [1, 2, 3]);
    assert_eq!(seen(&database), ["2", "3"]);
    assert_eq!(temporary(&client).await, 0);
}

#[tokio::test]
async fn a_second_run_on_the_connection_keeps_them_apart_as_well() {
    let (database, mut client) = fresh().await;
    set(&FILES[..2]).run(&mut client).await.unwrap();
    let fourth = ("4_fourth.sql", THIRD);
    assert_eq!(versions(&set(&[FILES[0], FILES[1], FILES[2], fourth]).run(&mut client).await.unwrap()), [3, 4]);
    assert_eq!(seen(&database), ["2", "3", "3"]);
    assert_eq!(temporary(&client).await, 0);
}

#[tokio::test]
async fn a_temporary_table_hides_no_table_from_the_next_file() {
    let (database, mut client) = fresh().await;
    let files = [
        ("1_users.sql", "CREATE TABLE users (name text);\nINSERT INTO users VALUES ('real');"),
        ("2_copy.sql", "CREATE TEMP TABLE users AS SELECT 'copy' AS name;"),
        ("3_count.sql", "CREATE TABLE found AS SELECT name FROM users;"),
    ];
    set(&files).run(&mut client).await.unwrap();
    assert_eq!(value(&database, "SELECT name FROM found"), "real");
}

#[tokio::test]
async fn functions_and_types_of_a_file_are_gone_with_its_tables() {
    let (_database, mut client) = fresh().await;
    let file = "CREATE FUNCTION pg_temp.one() RETURNS int LANGUAGE sql AS 'SELECT 1';\n\
                CREATE TYPE pg_temp.mood AS ENUM ('glad');\nCREATE TEMP SEQUENCE s;\nCREATE TEMP VIEW v AS SELECT 1;";
    let files = [("1_a.sql", file), ("2_b.sql", file)];
    assert_eq!(versions(&set(&files).run(&mut client).await.unwrap()), [1, 2]);
    assert_eq!(temporary(&client).await, 0);
}

#[tokio::test]
async fn a_cursor_that_a_file_leaves_open_on_one_is_not_in_the_way() {
    let (_database, mut client) = fresh().await;
    let file = |name: &str| {
        format!(
            "CREATE TEMP TABLE t AS SELECT 1 AS a;\nDECLARE {name} CURSOR WITH HOLD FOR SELECT * FROM t;\n\
             DECLARE {name}_short CURSOR FOR SELECT * FROM t;\nFETCH 1 FROM {name};"
        )
    };
    let (one, two) = (file("one"), file("two"));
    let files = [("1_a.sql", one.as_str()), ("2_b.sql", two.as_str())];
    assert_eq!(versions(&set(&files).run(&mut client).await.unwrap()), [1, 2]);
    assert_eq!(temporary(&client).await, 0);
}

#[tokio::test]
async fn without_a_transaction_one_lasts_to_the_end_of_its_file() {
    let (database, mut client) = fresh().await;
    let (second, third) =
        (format!("-- graven: transaction = off\n{SECOND}"), format!("-- graven: transaction = off\n{THIRD}"));
    let files = [FILES[0], ("2_second.sql", second.as_str()), ("3_third.sql", third.as_str())];
    assert_eq!(versions(&set(&files).run(&mut client).await.unwrap()), [1, 2, 3]);
    assert_eq!(seen(&database), ["2", "3"]);
    assert_eq!(temporary(&client).await, 0);
}

#[tokio::test]
async fn a_file_that_fails_leaves_none_to_the_caller() {
    let (_database, mut client) = fresh().await;
    let off = "-- graven: transaction = off\nCREATE TEMP TABLE kept (id int);\nSELECT 1 / 0;";
    for files in [
        vec![("1_a.sql", "CREATE TEMP TABLE kept (id int);"), ("2_b.sql", "SELECT 1 / 0;")],
        vec![("1_a.sql", "CREATE TEMP TABLE kept (id int);"), ("2_b.sql", off)],
    ] {
        set(&files).run(&mut client).await.unwrap_err();
        assert_eq!(temporary(&client).await, 0);
    }
}

#[tokio::test]
async fn those_of_the_caller_stay() {
    let (database, mut client) = fresh().await;
    client.batch_execute("CREATE TEMP TABLE mine AS SELECT 7 AS id").await.unwrap();
    set(&FILES[..2]).run(&mut client).await.unwrap();
    assert_eq!(seen(&database), ["2"]);
    let mine: i32 = client.query_one("SELECT id FROM mine", &[]).await.unwrap().get(0);
    assert_eq!(mine, 7);
}

#[tokio::test]
async fn reverses_keep_them_apart_with_a_transaction_and_without() {
    for head in ["", "-- graven: transaction = off\n"] {
        let (database, mut client) = fresh().await;
        let one = format!("{head}DROP TABLE IF EXISTS a;");
        let two = "CREATE TEMP TABLE a (id int);";
        let directory = Directory::new(&[
            ("1_a.sql", "CREATE TABLE a (id int)"),
            ("1_a.down.sql", &one),
            ("2_b.sql", "CREATE TABLE b (id int)"),
            ("2_b.down.sql", two),
        ]);
        let migrations = directory.load();
        migrations.run(&mut client).await.unwrap();
        migrations.migrator().revert(&mut client, Target::Steps(2)).await.unwrap();
        assert_eq!(value(&database, "SELECT to_regclass('public.a') IS NULL"), "t");
        assert_eq!(temporary(&client).await, 0);
    }
}

#[tokio::test]
async fn nothing_is_asked_more_for_a_connection_that_has_had_none() {
    let (database, _client) = fresh().await;
    let proxy = Proxy::to(database.url()).unwrap();
    let mut client = proxy.connect().await.unwrap();
    let mark = proxy.mark();
    set(&FILES).run(&mut client).await.unwrap();
    let messages = proxy.since(mark).messages;
    assert_eq!(messages.len(), 4, "{messages:#?}");
}
