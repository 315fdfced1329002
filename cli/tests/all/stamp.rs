//! `graven stamp`, and what `graven apply` says of a schema that others have made.

use crate::world::{World, snapshot};

const SQL: &[(&str, &str)] = &[
    ("1_create_users.sql", "create table users (id bigint primary key);\n"),
    ("2_add_email.sql", "alter table users add column email text;\n"),
    ("3_index_email.sql", "-- graven: transaction = off\ncreate index concurrently on users (email);\n"),
];

/// A database that another tool has brought to version 2.
fn made_by_sqlx() -> World {
    let world = World::with_database().with(SQL);
    let sql = "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, success boolean NOT NULL); \
               INSERT INTO _sqlx_migrations VALUES (1, true), (2, true); \
               CREATE TABLE users (id bigint PRIMARY KEY, email text)";
    world.database().execute(sql).expect("tables");
    world
}

#[test]
fn another_tools_history_is_named_with_what_asks_it_and_a_stamp_goes_on_from_there() {
    let world = made_by_sqlx();
    let ran = world.run(&["apply"]);
    assert_eq!(ran.code, Some(1));
    snapshot!("stamp-needed", ran);
    let ran = world.run(&["apply", "--json"]);
    snapshot!("stamp-needed-json", ran);
    let query = ran.json()["error"]["foreign"]["query"].as_str().expect("a query").to_owned();
    assert_eq!(world.database().rows(&query).expect("it can be asked").len(), 2);

    let ran = world.run(&["verify"]);
    assert!(
        ran.code == Some(8) && ran.stderr.contains("hint: a run would refuse to apply them: schema public"),
        "{}",
        ran.page()
    );
    let ran = world.run(&["status"]);
    assert!(ran.stdout.contains("a run would refuse: schema public has no migration history"), "{}", ran.page());
    assert_eq!(world.run(&["status", "--json"]).json()["refusal"]["kind"], "not-empty");

    snapshot!("stamp", world.run(&["stamp", "--to", "2"]));
    snapshot!("stamp-again-json", world.run(&["stamp", "--to", "2", "--json"]));
    snapshot!("stamp-status", world.run(&["status"]));
    world.done(&["apply"]);
    world.done(&["verify"]);
    snapshot!("stamp-nothing", world.run(&["stamp"]));
}

#[test]
fn without_a_version_all_is_stamped_and_nothing_runs() {
    let world = World::with_database().with(SQL);
    snapshot!("stamp-json", world.run(&["stamp", "--json"]));
    let tables = "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(world.database().value(tables).expect("a database").as_deref(), Some("graven_history"));
    world.done(&["verify"]);
}

#[test]
fn what_was_stamped_is_called_so_whatever_its_kind() {
    let world = World::with_database().with(SQL);
    world.done(&["stamp"]);
    let status = world.done(&["status"]).stdout;
    let ends = |version: &str, word: &str| {
        let mut lines = status.lines().filter(|line| line.trim_start().starts_with(version));
        assert!(lines.next().is_some_and(|line| line.ends_with(word)), "{version}: {word}\n{status}");
    };
    ends("1 ", ")  stamped");
    ends("2 ", ")  stamped");
    // One outside of a transaction, which may also be applied by an operator's word.
    ends("3 ", ")  stamped");
}

#[test]
fn a_stamp_up_to_a_version_that_is_not_there_records_nothing() {
    let world = made_by_sqlx();
    let ran = world.run(&["stamp", "--to", "7"]);
    assert_eq!(ran.code, Some(2), "{}", ran.page());
    assert!(ran.stderr.contains("there is no migration 7\n  hint: the nearest that the set has: 3;"), "{}", ran.stderr);
    let history = world.database().value("SELECT to_regclass('graven_history')").expect("an answer");
    assert_eq!(history, None);
}

#[test]
fn conflicts_are_listed_before_anything_is_stamped() {
    let world = World::with_database().with(SQL);
    world.done(&["stamp", "--to", "2"]);
    world.write("2_add_email.sql", "alter table users add column email varchar;\n");
    let ran = world.run(&["stamp"]);
    assert_eq!(ran.code, Some(4), "{}", ran.page());
    assert!(ran.stderr.starts_with("error: 1 conflict between the directory and public.graven_history; nothing was "));
    let count = world.database().value("SELECT count(*) FROM graven_history").expect("a history");
    assert_eq!(count.as_deref(), Some("2"));
}
