//! `graven doctor`: what would stop a run is printed with its remedy, and told by the exit code.

use crate::world::{Ran, World};

const SQL: &[(&str, &str)] = &[("1_create_users.sql", "create table users (id bigint primary key);\n")];

fn doctor(world: &World, url: &str, arguments: &[&str]) -> Ran {
    let mut command = world.command(&["doctor"]);
    command.args(arguments).env("DATABASE_URL", url);
    world.finish(command)
}

#[test]
fn a_sound_database_is_told_to_be_so() {
    let world = World::with_database().with(SQL);
    for pending in ["the first run", "1 applied, 0 pending"] {
        let ran = world.done(&["doctor"]);
        assert_eq!(ran.stderr, "", "{}", ran.page());
        assert!(ran.stdout.contains(pending), "{}", ran.page());
        assert!(ran.stdout.lines().last().is_some_and(|line| line.starts_with("nothing st")), "{}", ran.page());
        let json = world.done(&["doctor", "--json"]).json();
        let findings = json["findings"].as_array().expect("findings");
        assert!(findings.len() >= 9, "{json}");
        assert!(findings.iter().all(|it| it["id"].is_string() && it["what"].is_string()), "{json}");
        world.done(&["apply"]);
    }
}

#[test]
fn a_remedy_is_what_can_be_typed() {
    let world = World::with_database().with(SQL);
    world.database().execute("CREATE TABLE users (id bigint PRIMARY KEY)").expect("a table");
    let ran = world.run(&["doctor"]);
    assert_eq!(ran.code, Some(1), "{}", ran.page());
    for typed in ["`graven stamp`", "`graven apply --into-existing`"] {
        assert!(ran.stdout.contains(typed), "{}", ran.page());
    }
}

#[test]
fn the_exit_code_says_what_is_in_the_way() {
    let world = World::with_database().with(SQL);
    world.done(&["apply"]);
    world.write("1_create_users.sql", "create table users (id int primary key);\n");
    let ran = world.run(&["doctor"]);
    assert_eq!(ran.code, Some(4), "{}", ran.page());
    assert!(ran.stdout.contains("error    conflict"), "{}", ran.page());
    assert!(ran.stdout.contains("remedy: it is not sealed"), "{}", ran.page());
    let ran = world.run(&["doctor", "--role", "nobody_at_all"]);
    assert_eq!(ran.code, Some(1), "{}", ran.page());
    let ran = doctor(&world, "postgres://me:hunter2@127.0.0.1:1/app", &[]);
    assert_eq!(ran.code, Some(7), "{}", ran.page());
    assert!(ran.stdout.contains("cannot connect to 127.0.0.1:1/app: nothing listens there"), "{}", ran.page());
    assert!(!ran.page().contains("hunter2"), "{}", ran.page());
    let ran = doctor(&world, "postgres://me:hunter2@127.0.0.1:1/app", &["--json"]);
    assert_eq!((ran.code, ran.json()["severity"].as_str()), (Some(7), Some("error")));
    let ran = doctor(&world, "mysql://me@h/app", &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.page());
}
