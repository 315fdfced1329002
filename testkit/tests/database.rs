//! A database is fresh, of its own name, and gone afterwards, whatever the test did.

use graven_testkit::{Database, Error};

#[tokio::test]
async fn a_database_is_fresh_and_takes_connections() {
    let database = Database::create().unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE t (x int); INSERT INTO t VALUES (1), (NULL)").await.unwrap();
    let row = client.query_one("SELECT current_database()::text, count(*) FROM t", &[]).await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i64>(1)), (database.name(), 2));
    let rows = database.rows("SELECT x, 'y' FROM t ORDER BY x").unwrap();
    let y = || Some("y".to_owned());
    assert_eq!(rows, [vec![Some("1".to_owned()), y()], vec![None, y()]]);
}

#[test]
fn databases_of_one_test_do_not_see_each_other() {
    let (one, other) = (Database::create().unwrap(), Database::create().unwrap());
    assert_ne!(one.name(), other.name());
    one.execute("CREATE TABLE only_here ()").unwrap();
    let count = "SELECT count(*) FROM pg_class WHERE relname = 'only_here'";
    assert_eq!(one.value(count).unwrap().as_deref(), Some("1"));
    assert_eq!(other.value(count).unwrap().as_deref(), Some("0"));
}

#[tokio::test]
async fn dropping_the_value_drops_the_database_and_disconnects_who_uses_it() {
    let observer = Database::create().unwrap();
    let database = Database::create().unwrap();
    let client = database.connect().await.unwrap();
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", database.name());
    assert_eq!(observer.value(&count).unwrap().as_deref(), Some("1"));
    drop(database);
    assert_eq!(observer.value(&count).unwrap().as_deref(), Some("0"));
    assert!(client.batch_execute("SELECT 1").await.is_err());
}

#[test]
fn a_panic_drops_the_database() {
    let observer = Database::create().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let database = Database::create().unwrap();
        sender.send(database.name().to_owned()).unwrap();
        panic!("on purpose");
    })
    .join();
    assert!(panicked.is_err());
    let name = receiver.recv().unwrap();
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(observer.value(&count).unwrap().as_deref(), Some("0"));
}

#[test]
fn a_panic_inside_a_runtime_drops_the_database_too() {
    let observer = Database::create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async {
            let database = Database::create().unwrap();
            let _client = database.connect().await.unwrap();
            sender.send(database.name().to_owned()).unwrap();
            panic!("on purpose");
        });
    }));
    assert!(panicked.is_err());
    let name = receiver.recv().unwrap();
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(observer.value(&count).unwrap().as_deref(), Some("0"));
}

#[tokio::test]
async fn the_urls_are_those_of_the_database() {
    let database = Database::create().unwrap();
    for url in [database.url().to_owned(), database.socket_url()] {
        let (client, connection) =
            graven_testkit::tokio_postgres::connect(&url, graven_testkit::tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let row = client.query_one("SELECT current_database()::text, current_user::text", &[]).await.unwrap();
        assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), (database.name(), "postgres"));
    }
}

#[tokio::test]
async fn the_password_keeps_others_out() {
    let database = Database::create().unwrap();
    let password = database.url().split([':', '@']).nth(2).unwrap();
    assert!(password.len() >= 32, "{password}");
    let wrong = database.url().replace(password, "guess");
    let refused = graven_testkit::tokio_postgres::connect(&wrong, graven_testkit::tokio_postgres::NoTls).await;
    assert_eq!(
        refused.err().and_then(|error| error.code().map(|code| code.code().to_owned())).as_deref(),
        Some("28P01")
    );
}

#[tokio::test]
async fn a_role_can_do_what_it_was_granted_and_goes_with_the_database() {
    let observer = Database::create().unwrap();
    let database = Database::create().unwrap();
    let role = database.role("Read Only").unwrap();
    assert!(role.name().ends_with("_read_only"), "{}", role.name());
    database.execute(&format!("CREATE TABLE t (x int); GRANT SELECT ON t TO {}", role.name())).unwrap();
    let client = role.connect().await.unwrap();
    assert_eq!(client.query("SELECT * FROM t", &[]).await.unwrap().len(), 0);
    let refused = client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
    assert!(role.url().contains(role.name()) && role.url().ends_with(database.name()));

    let count = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{}'", role.name());
    assert_eq!(observer.value(&count).unwrap().as_deref(), Some("1"));
    drop(database);
    assert_eq!(observer.value(&count).unwrap().as_deref(), Some("0"));
}

#[test]
fn a_refused_statement_is_an_error_that_names_it_and_says_why() {
    let database = Database::create().unwrap();
    let error = database.execute("SELECT nothing_of_that_name").unwrap_err();
    assert!(matches!(error, Error::Postgres { .. }));
    assert_eq!(error.to_string(), "could not run \"SELECT nothing_of_that_name\"");
    assert!(format!("{error:?}").contains("column \"nothing_of_that_name\" does not exist"), "{error:?}");
}

#[test]
fn the_value_of_no_row_and_of_null_is_none() {
    let database = Database::create().unwrap();
    assert_eq!(database.value("SELECT 1 WHERE false").unwrap(), None);
    assert_eq!(database.value("SELECT NULL").unwrap(), None);
    assert_eq!(database.value("SELECT ''").unwrap().as_deref(), Some(""));
}

#[test]
fn dumps_of_one_schema_are_one_text() {
    let (one, other) = (Database::create().unwrap(), Database::create().unwrap());
    for database in [&one, &other] {
        database.execute("CREATE TABLE people (id bigint PRIMARY KEY)").unwrap();
    }
    match one.dump_schema() {
        Ok(text) => {
            assert!(text.contains("CREATE TABLE public.people"), "{text}");
            assert_eq!(text, other.dump_schema().unwrap());
        }
        Err(Error::ProgramAbsent { program, .. }) => assert_eq!(program, "pg_dump"),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn settings_and_encoding_are_those_of_a_server_of_today() {
    let database = Database::create().unwrap();
    for (name, expected) in
        [("server_encoding", "UTF8"), ("synchronous_commit", "on"), ("TimeZone", "UTC"), ("lc_collate", "C")]
    {
        let setting = format!("SELECT current_setting('{name}', true)");
        let collate = "SELECT datcollate FROM pg_database WHERE datname = current_database()".to_owned();
        let query = if name == "lc_collate" { collate } else { setting };
        assert_eq!(database.value(&query).unwrap().as_deref(), Some(expected), "{name}");
    }
}
