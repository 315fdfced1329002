//! `graven reset`: a development database is made anew, and nothing else is touched.

use crate::world::{Ran, World};

const SQL: &[(&str, &str)] = &[("1_create_users.sql", "create table users (id bigint primary key);\n")];

fn reset(world: &World, environment: &str, arguments: &[&str]) -> Ran {
    let mut command = world.command(&["reset"]);
    command.args(arguments).env("GRAVEN_ENV", environment);
    world.finish(command)
}

fn used() -> World {
    let world = World::with_database().with(SQL);
    world.done(&["apply"]);
    world.database().execute("insert into users values (1)").expect("a row");
    world
}

fn rows(world: &World) -> Option<String> {
    world.database().value("select count(*) from users").expect("a table")
}

#[test]
fn it_is_made_anew_where_both_words_are_said() {
    let world = used();
    let ran = reset(&world, "development", &["--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.page());
    let expected = format!("dropped and made database {}, and applied 1 migration in ", world.database().name());
    assert!(ran.stdout.starts_with(&expected), "{}", ran.page());
    assert_eq!(rows(&world).as_deref(), Some("0"));
    let ran = reset(&world, "development", &["--yes", "--json"]);
    let json = ran.json();
    assert_eq!((&json["was_there"], &json["run"]["applied"][0]["version"]), (&true.into(), &1.into()), "{json}");
    assert_eq!(json["not_restored"], serde_json::json!([]));
}

#[test]
fn without_them_nothing_is_touched() {
    let world = used();
    let ran = reset(&world, "development", &[]);
    assert_eq!(ran.code, Some(2), "{}", ran.page());
    assert!(ran.stderr.contains("say `graven reset --yes`"), "{}", ran.page());
    let ran = reset(&world, "production", &["--yes"]);
    assert_eq!(ran.code, Some(4), "{}", ran.page());
    let refusal = "GRAVEN_ENV is \"production\", and not `development`";
    assert_eq!(ran.stderr.matches(refusal).count(), 1, "{}", ran.page());
    assert!(ran.stderr.contains(&format!("{refusal}\n  remedy: set it where")), "{}", ran.page());
    let ran = reset(&world, "", &["--yes", "--json"]);
    let json = ran.json();
    assert_eq!((ran.code, &json["error"]["kind"]), (Some(4), &"reset-refused".into()), "{json}");
    assert_eq!(json["error"]["refusals"][0]["rule"], "environment", "{json}");
    assert_eq!(rows(&world).as_deref(), Some("1"));
}

#[test]
fn who_is_connected_is_ended_by_an_option_that_can_be_typed() {
    let world = used();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _client = runtime.block_on(world.database().connect()).expect("a connection");
    for json in [None, Some("--json")] {
        let ran = reset(&world, "development", &["--yes"].into_iter().chain(json).collect::<Vec<_>>());
        assert_eq!(ran.code, Some(4), "{}", ran.page());
        assert!(ran.page().contains("`graven reset --yes --force`"), "{}", ran.page());
        assert!(!ran.page().contains("Sessions::"), "{}", ran.page());
    }
}

#[test]
fn everything_that_speaks_against_it_is_named_with_what_to_do() {
    let world = World::new().with(SQL);
    let mut command = world.command(&["reset", "--yes"]);
    command.env_remove("GRAVEN_ENV").env("DATABASE_URL", "postgres://app:hunter2@db.example.com/app_prod");
    let ran = world.finish(command);
    assert_eq!(ran.code, Some(4), "{}", ran.page());
    for said in ["GRAVEN_ENV is not set", "another machine: db.example.com", "called app_prod"] {
        assert!(ran.stderr.contains(said), "{}", ran.page());
    }
    assert_eq!(ran.stderr.matches("remedy: ").count(), 3, "{}", ran.page());
    assert!(!ran.page().contains("hunter2"), "{}", ran.page());
}
