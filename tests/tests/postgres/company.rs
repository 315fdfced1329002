//! `CREATE INDEX CONCURRENTLY` with company: other instances at the same moment, a long transaction of somebody else, and
//! a build that is cut off in the middle.
//!
//! The failures guarded against: a deadlock between the build and whoever waits for the migrations to end, and an invalid
//! index that is left behind and taken for a good one.

use std::process::Child;

use graven::Migrations;
use graven_testkit::Database;
use tokio_postgres::Client;

use crate::common::{Ended, Instance, lines, set, until, value};

const INSTANCES: usize = 8;
const ROWS: &str = "1000000";

const BUILD: &str = "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()";
/// The build waits for a transaction of somebody else: at its beginning, in its middle or at its end.
const HELD_UP: &str = "SELECT count(*) FROM pg_stat_progress_create_index \
                       WHERE datname = current_database() AND phase LIKE 'waiting for %'";

/// One index in company: what stands in the file, and what comes of it.
struct Case {
    /// What others have made before: the tables.
    before: &'static str,
    /// The statements of the file.
    file: &'static str,
    /// The table of the build, and its index.
    table: &'static str,
    index: &'static str,
}

const PLAIN: Case = Case {
    before: "CREATE TABLE app.orders (id int, customer int)",
    file: "CREATE INDEX CONCURRENTLY orders_customer ON app.orders (customer);",
    table: "app.orders",
    index: "app.orders_customer",
};

/// PostgreSQL chooses the name.
const UNNAMED: Case = Case {
    before: "CREATE TABLE app.orders (id int, customer int)",
    file: "CREATE INDEX CONCURRENTLY ON app.orders (customer);",
    table: "app.orders",
    index: "app.orders_customer_idx",
};

const CASES: [Case; 10] = [
    PLAIN,
    UNNAMED,
    Case {
        before: "CREATE TABLE app.\"The \"\"Orders\"\"\" (id int, customer int)",
        file: "CREATE INDEX CONCURRENTLY \"By Customer\" ON app.\"The \"\"Orders\"\"\" USING btree (customer);",
        table: "app.\"The \"\"Orders\"\"\"",
        index: "app.\"By Customer\"",
    },
    Case {
        before: "CREATE TABLE app.orders (id int, customer int)",
        file: "SET search_path = app, public;\nCREATE UNIQUE INDEX CONCURRENTLY orders_id ON orders (id);\nRESET search_path;",
        table: "app.orders",
        index: "app.orders_id",
    },
    Case {
        before: "CREATE TABLE app.orders (id int, customer int)",
        file: "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_customer ON app.orders (customer);",
        table: "app.orders",
        index: "app.orders_customer",
    },
    // A parent's index cannot be built concurrently: first without the partitions, then each of them, then attached.
    Case {
        before: "CREATE TABLE app.orders (id int, customer int) PARTITION BY RANGE (id);\n\
                 CREATE TABLE app.orders_1 PARTITION OF app.orders FOR VALUES FROM (0) TO (10000000)",
        file: "CREATE INDEX orders_customer ON ONLY app.orders (customer);\n\
               CREATE INDEX CONCURRENTLY orders_1_customer ON app.orders_1 (customer);\n\
               ALTER INDEX app.orders_customer ATTACH PARTITION app.orders_1_customer;",
        table: "app.orders_1",
        index: "app.orders_customer",
    },
    Case {
        before: "CREATE TABLE app.\"The \"\"Orders\"\"\" (id int, customer int)",
        file: "SET search_path = app, public;\n\
               CREATE UNIQUE INDEX CONCURRENTLY ON \"The \"\"Orders\"\"\" USING btree (abs(id), lower(customer::text) DESC)\n\
               INCLUDE (customer) WHERE \"The \"\"Orders\"\"\".id > 0 -- all\n;\nRESET search_path;",
        table: "app.\"The \"\"Orders\"\"\"",
        index: "app.\"The \"\"Orders\"\"_abs_lower_customer_idx\"",
    },
    Case {
        before: "CREATE TABLE app.orders (id int, customer int) PARTITION BY RANGE (id);\n\
                 CREATE TABLE app.orders_1 PARTITION OF app.orders FOR VALUES FROM (0) TO (10000000)",
        file: "CREATE INDEX CONCURRENTLY ON ONLY app.orders_1 (customer);",
        table: "app.orders_1",
        index: "app.orders_1_customer_idx",
    },
    // One that is to take the place of another, which is the very same.
    Case {
        before: "CREATE TABLE app.orders (id int, customer int); CREATE INDEX ON app.orders (customer)",
        file: "CREATE INDEX CONCURRENTLY ON app.orders (customer);",
        table: "app.orders",
        index: "app.orders_customer_idx1",
    },
    // The same name in another schema is another index.
    Case {
        before: "CREATE TABLE orders (customer int); CREATE INDEX orders_customer ON orders (customer);\n\
                 CREATE TABLE app.orders (id int, customer int)",
        file: "CREATE INDEX CONCURRENTLY orders_customer ON app.orders (customer);",
        table: "app.orders",
        index: "app.orders_customer",
    },
];

impl Case {
    fn migrations(&self) -> Migrations {
        let file = format!("-- graven: transaction = off\n{}\n", self.file);
        set(&[("0001_a.sql", "CREATE TABLE a ()"), ("0002_index.sql", &file), ("0003_b.sql", "CREATE TABLE b ()")])
    }

    /// A database with the tables, filled.
    fn database(&self, rows: &str) -> Database {
        let database = Database::create().unwrap();
        database
            .execute(&format!(
                "CREATE SCHEMA app; {}; INSERT INTO {} SELECT i, i % 1000 FROM generate_series(1, {rows}) i",
                self.before, self.table
            ))
            .unwrap();
        database
    }

    fn index(&self, database: &Database) -> String {
        let name = self.index.replace('\'', "''");
        let sql = format!(
            "SELECT coalesce((SELECT CASE WHEN indisvalid AND indisready THEN 'valid' ELSE 'invalid' END \
             FROM pg_index WHERE indexrelid = to_regclass('{name}')), 'absent')"
        );
        value(database, &sql)
    }

    /// Somebody who has written, and has not committed for a long time.
    async fn somebody(&self, database: &Database) -> Client {
        let client = database.connect().await.unwrap();
        let write = format!("BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO {} VALUES (0, 0)", self.table);
        client.batch_execute(&write).await.unwrap();
        client
    }
}

/// The set of an instance, which is another process: `company 3` is that of the case 3.
pub(crate) fn migrations(number: &str) -> Migrations {
    CASES[number.parse::<usize>().unwrap()].migrations()
}

fn instance(number: usize, database: &Database) -> Instance {
    // What was there before is none of the migrations' business: the history lies in a schema of its own.
    let url = format!("{}?options=-c%20search_path%3Dhistory", database.url());
    // A large index may take a slow machine a while, and all others wait for it.
    Instance::of(&format!("company {number}"), &url).env("GRAVEN_LOCK_TIMEOUT", "3min")
}

/// Every index that is not valid, whoever made it.
fn invalid(database: &Database) -> Vec<String> {
    lines(database, "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
}

fn locks(database: &Database) -> String {
    let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    value(database, sql)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_instances_and_somebodys_long_transaction_do_not_deadlock_over_a_large_index() {
    let database = PLAIN.database(ROWS);
    database.execute("CREATE SCHEMA history").unwrap();
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    let somebody = PLAIN.somebody(&database).await;
    let children: Vec<Child> = (0..INSTANCES).map(|_| instance(0, &database).start()).collect();
    until("the build is held up", || value(&database, HELD_UP) == "1").await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND application_name = 'graven' AND state = 'idle'";
    until("all others wait with nothing open", || value(&database, waiting) == (INSTANCES - 1).to_string()).await;
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(value(&database, BUILD), "1");
    somebody.batch_execute("COMMIT").await.unwrap();

    let applied = children.into_iter().map(|child| Ended::of(child).result.unwrap().1);
    assert_eq!(applied.sum::<usize>(), 3);
    assert_eq!(PLAIN.index(&database), "valid");
    assert_eq!(value(&database, "SELECT count(*) FROM history.graven_history WHERE state = 'applied'"), "3");
    assert_eq!((value(&database, deadlocks), locks(&database)), ("0".to_owned(), "0".to_owned()));
}

/// Ends a build in its middle: the program by SIGKILL, and then the server's side of it, which goes on otherwise.
async fn cut_off(case: &Case, number: usize, database: &Database) {
    database.execute("CREATE SCHEMA history").unwrap();
    let somebody = case.somebody(database).await;
    let mut child = instance(number, database).start();
    until("the build is held up", || value(database, HELD_UP) == "1").await;
    child.kill().unwrap();
    child.wait().unwrap();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_progress_create_index \
               WHERE datname = current_database()";
    assert_eq!(value(database, end), "1");
    until("the build has ended", || value(database, BUILD) == "0").await;
    somebody.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn a_build_that_was_cut_off_is_begun_anew_whatever_the_index_and_its_table_are_called() {
    for (number, case) in CASES.iter().enumerate() {
        let database = case.database("1000");
        cut_off(case, number, &database).await;
        assert!(!invalid(&database).is_empty(), "{}", case.file);
        let (outcome, applied) = instance(number, &database).run().result.unwrap();
        assert_eq!((outcome.as_str(), applied), ("Applied", 2), "{}", case.file);
        assert_eq!(case.index(&database), "valid", "{}", case.file);
        assert_eq!(invalid(&database), [""; 0], "{}", case.file);
        // The one that was there before under the same name, in another schema, is still there.
        let indexes = "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                       WHERE c.relnamespace IN ('public'::regnamespace, 'app'::regnamespace)";
        let expected = if case.before.contains("CREATE INDEX") || case.file.contains("ATTACH") { "2" } else { "1" };
        assert_eq!(value(&database, indexes), expected, "{}", case.file);
    }
}

#[tokio::test]
async fn a_program_that_is_killed_does_not_end_the_build_and_the_next_waits_for_it() {
    for (number, case) in [PLAIN, UNNAMED].iter().enumerate() {
        let database = case.database("1000");
        database.execute("CREATE SCHEMA history").unwrap();
        let somebody = case.somebody(&database).await;
        let mut child = instance(number, &database).start();
        until("the build is held up", || value(&database, HELD_UP) == "1").await;
        child.kill().unwrap();
        child.wait().unwrap();
        let next = instance(number, &database).start();
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND pid <> pg_backend_pid() AND query LIKE '%pg_try_advisory_lock(%'";
        until("the next one asks for the lock", || value(&database, waits) != "0").await;
        // The server goes on with what it was told, and holds the lock until it is done.
        assert_eq!(value(&database, BUILD), "1");
        let indexes = "SELECT indexrelid FROM pg_index WHERE indrelid = 'app.orders'::regclass";
        let oid = value(&database, indexes);
        somebody.batch_execute("COMMIT").await.unwrap();
        assert_eq!(Ended::of(next).result.unwrap(), ("Applied".to_owned(), 2));
        assert_eq!(case.index(&database), "valid");
        assert_eq!(value(&database, indexes), oid);
    }
}
