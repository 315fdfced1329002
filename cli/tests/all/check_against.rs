//! `graven check --against`: what a run would do to a database, without doing it.

use crate::world::{World, snapshot};

fn tables(world: &World) -> usize {
    world.database().rows("SELECT FROM pg_tables WHERE schemaname = 'public'").expect("rows").len()
}

#[test]
fn what_is_pending_is_named_and_nothing_is_written() {
    let world =
        World::with_database().with(&[("1_a.sql", "create table a ();\n"), ("2_b.sql", "create table b ();\n")]);
    snapshot!("check-against-empty", world.run(&["check", "--against"]));
    assert_eq!(tables(&world), 0);
    world.done(&["apply"]);
    world.write("3_c.sql", "create table c ();\nalter table a add b int;\n");
    let url = world.database().url().to_owned();
    let mut command = world.command(&["check", "--against", &url]);
    command.env_remove("DATABASE_URL");
    snapshot!("check-against", world.finish(command));
    assert_eq!(tables(&world), 3);
    let json = world.done(&["check", "--against", "--json"]).json();
    let states: Vec<_> =
        json["against"]["migrations"].as_array().expect("a list").iter().map(|it| it["state"].clone()).collect();
    assert_eq!(states, ["applied", "applied", "pending"]);
    assert_eq!(
        (&json["against"]["steps"][0]["name"], &json["against"]["refusal"]),
        (&"c".into(), &serde_json::Value::Null)
    );
}

#[test]
fn a_conflict_is_an_error_with_its_remedy() {
    let world = World::with_database().with(&[("1_a.sql", "create table a ();\n")]);
    world.done(&["apply"]);
    world.write("1_a.sql", "create table other ();\n");
    snapshot!("check-against-conflict", world.run(&["check", "--against"]));
    let ran = world.run(&["check", "--against", "--json"]);
    assert_eq!((ran.code, &ran.json()["problems"][0]["file"]), (Some(4), &"migrations/1_a.sql".into()));
    assert_eq!(ran.json()["against"]["conflicts"][0]["state"], "modified");
}

#[test]
fn a_database_that_a_run_would_refuse_is_an_error_too() {
    let world = World::with_database().with(&[("1_a.sql", "create table a ();\n")]);
    world.database().execute("create table of_others ()").expect("a table");
    let ran = world.run(&["check", "--against", "--json"]);
    assert_eq!((ran.code, &ran.json()["problems"][0]["rule"]), (Some(4), &"conflict".into()), "{}", ran.page());
    assert!(ran.stdout.contains("--into-existing") || ran.stdout.contains("into_existing"), "{}", ran.page());
}

#[test]
fn a_database_that_cannot_be_asked_is_no_database_without_conflicts() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    let ran = world.run(&["check", "--against"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("no database was named"), "{}", ran.page());
    assert_eq!(world.run(&["check", "--against", "postgres://nobody@127.0.0.1:1/none"]).code, Some(7));
    assert_eq!(world.run(&["check", "--history", "h"]).code, Some(2));
}

#[test]
fn the_history_is_looked_for_where_it_was_said_to_be() {
    let world = World::with_database().with(&[("1_a.sql", "create table a ();\n")]);
    world.done(&["apply", "--history", "kept", "--namespace", "web"]);
    let json = world.done(&["check", "--against", "--history", "kept", "--namespace", "web", "--json"]).json();
    assert_eq!(json["against"]["migrations"][0]["state"], "applied");
}
