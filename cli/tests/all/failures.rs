//! How commands fail: the page, the JSON, and the exit code that scripts go by.

use std::time::{Duration, Instant};

use crate::world::{World, snapshot};

#[test]
fn a_migration_that_fails_is_shown_with_its_place_and_those_before_it_stay_applied() {
    let world = World::with_database().with(&[
        ("1_a.sql", "create table a (id bigint);\n"),
        ("2_b.sql", "create table b (id bigint);\nselect nope\n  from b;\n"),
        ("3_c.sql", "create table c (id bigint);\n"),
    ]);
    let ran = world.run(&["apply"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("migrations/2_b.sql:2:8"), "{}", ran.stderr);
    assert!(ran.stderr.contains("^^^^"), "{}", ran.stderr);
    snapshot!("failed", ran);
    snapshot!("failed-json", world.run(&["apply", "--json"]));
    let tables = "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(world.database().value(tables).expect("a database").as_deref(), Some("a graven_history"));

    world.write("2_b.sql", "create table b (id bigint);\n");
    world.done(&["apply"]);
    world.done(&["verify"]);
}

#[test]
fn conflicts_are_all_listed_and_nothing_is_applied() {
    let world = World::with_database().with(&[
        ("2_b.sql", "select 2;\n"),
        ("3_c.sql", "select 3;\n"),
        ("4_d.sql", "select 4;\n"),
    ]);
    world.done(&["apply"]);
    world.write("1_a.sql", "create table a ();\n");
    world.write("2_b.sql", "select 2; -- edited\n");
    world.delete("3_c.sql");
    world.write("5_e.sql", "create table e ();\n");
    let ran = world.run(&["apply"]);
    assert_eq!(ran.code, Some(4));
    snapshot!("conflicts", ran);
    snapshot!("conflicts-json", world.run(&["apply", "--json"]));
    assert_eq!(world.run(&["verify"]).code, Some(4));
    let count = world.database().value("SELECT count(*) FROM graven_history").expect("a history");
    assert_eq!(count.as_deref(), Some("3"));
}

#[test]
fn a_lock_that_another_holds_for_too_long_is_given_up_with_the_holders_name() {
    let world = World::with_database().with(&[("1_a.sql", "select 1;\n")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = world.database().connect().await.expect("a connection");
        // As another instance takes it: the key follows from the name of the history table.
        let lock = r#"SET application_name = 'other instance';
            SELECT pg_advisory_lock(hashtextextended('graven "public"."graven_history"', 0))"#;
        client.batch_execute(lock).await.expect("the lock is free");
        let ran = world.run(&["apply", "--lock-timeout", "200ms"]);
        assert_eq!(ran.code, Some(5));
        snapshot!("lock", ran);
        let ran = world.run(&["apply", "--lock-timeout", "0", "--json"]);
        let error = &ran.json()["error"];
        assert_eq!((ran.code, error["kind"].as_str()), (Some(5), Some("lock-timeout")));
        // The holder has one form, wherever it stands.
        let planned = world.done(&["plan", "--json"]).json();
        let keys =
            |holder: &serde_json::Value| holder.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&error["holder"]), keys(&planned["holder"]));
        for holder in [&error["holder"], &planned["holder"]] {
            assert_eq!(holder["application_name"], "other instance", "{holder}");
            assert!(holder["pid"].is_i64() && holder["connected_seconds"].is_f64(), "{holder}");
        }

        let mut waiting = world.command(&["apply"]);
        waiting.env("GRAVEN_LOCK_TIMEOUT", "1min").stdout(std::process::Stdio::piped());
        let waiting = waiting.stderr(std::process::Stdio::piped()).spawn().expect("it starts");
        let asks = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'graven' AND query LIKE '%pg_try_advisory_lock(%'";
        let began = Instant::now();
        while world.database().value(asks).expect("an answer").as_deref() == Some("0") {
            assert!(began.elapsed() < Duration::from_secs(60), "it does not ask for the lock");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        client.batch_execute("SELECT pg_advisory_unlock_all()").await.expect("a connection");
        let ran = world.ran(waiting.wait_with_output().expect("it ends"));
        assert_eq!(ran.code, Some(0), "{}", ran.page());
        assert!(ran.stdout.starts_with("applied 1 migration in "), "{}", ran.page());
    });
}

#[test]
fn no_connection_is_an_exit_code_of_its_own() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    // Nobody answers there.
    let url = "postgres://me:hunter2@127.0.0.1:1/app";
    for command in ["apply", "status", "verify"] {
        assert_eq!(world.run(&[command, "--database-url", url]).code, Some(7), "{command}");
    }
    snapshot!("no-server", world.run(&["apply", "--database-url", url]));
    let error = &world.run(&["apply", "--database-url", url, "--json"]).json()["error"];
    assert!(error["causes"].as_array().is_some_and(|causes| !causes.is_empty()), "{error}");
}

#[test]
fn a_database_or_a_password_that_is_wrong_is_said_to_be() {
    let world = World::with_database().with(&[("1_a.sql", "select 1;\n")]);
    let url = world.database().url();
    let (name, (front, address)) = (world.database().name(), url.rsplit_once('@').expect("a password"));
    let other_database = url.replace(name, "no_such_database");
    snapshot!("no-database", world.run(&["status", "--database-url", &other_database]));
    let user = front.rsplit_once(':').expect("a password").0;
    let other_password = format!("{user}:hunter2@{address}");
    let ran = world.run(&["status", "--database-url", &other_password]);
    assert!(!ran.page().contains("hunter2"), "{}", ran.page());
    snapshot!("wrong-password", ran);
}

#[test]
fn without_a_url_nothing_is_guessed() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    snapshot!("no-url", world.run(&["apply"]));
    let mut command = world.command(&["apply"]);
    command.env("DATABASE_URL", "").env("PGHOST", "localhost");
    assert_eq!(world.finish(command).code, Some(2));
}

#[test]
fn a_history_table_that_cannot_be_is_refused() {
    let world = World::with_database().with(&[("1_a.sql", "select 1;\n")]);
    snapshot!("history-name", world.run(&["apply", "--history", "a.b.c"]));
    snapshot!("history-schema", world.run(&["apply", "--history", "nowhere.history"]));
}

#[test]
fn a_directory_with_problems_never_reaches_the_database() {
    let world =
        World::with_database().with(&[("1_a.sql", "create table a ();\n"), ("1_b.sql", "create table b ();\n")]);
    for command in ["apply", "status", "verify"] {
        let ran = world.run(&[command]);
        assert_eq!(ran.code, Some(6), "{command}");
        assert!(ran.stderr.starts_with("error: two migrations have version 1\n"), "{}", ran.stderr);
    }
    let tables = world.database().rows("SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'public'");
    assert_eq!(tables.expect("a database").len(), 0);
}
