//! `graven plan`: what `graven apply` would do, and what would stop it.

use crate::world::{World, snapshot};

const SQL: &[(&str, &str)] = &[
    (
        "1_create_users.sql",
        "create table users (id bigint primary key);\ncreate table teams (id bigint primary key);\n",
    ),
    (
        "2_add_team.sql",
        "alter table users add column team bigint references teams;\ncreate index on users (team);\nupdate users set team = 1;\n",
    ),
    (
        "3_index.sql",
        "-- graven: transaction = off\ncreate index concurrently users_team on users (team);\nvacuum users;\n",
    ),
    ("4_view.sql", "create view members as select id from users;\n"),
];

#[test]
fn it_shows_steps_batches_and_locks_and_changes_nothing() {
    let world = World::with_database().with(SQL);
    snapshot!("plan", world.run(&["plan"]));
    world.done(&["apply", "--to", "1"]);
    snapshot!("plan-existing", world.run(&["plan"]));
    snapshot!("plan-to", world.run(&["plan", "--to", "2"]));
    let json = world.done(&["plan", "--to", "2", "--json"]).json();
    assert_eq!((&json["applied_count"], &json["left"], &json["total"]), (&1.into(), &2.into(), &4.into()));
    let step = &json["steps"][0];
    assert_eq!(
        (&step["version"], &step["transaction"], &step["lock_timeout_seconds"]),
        (&2.into(), &"on".into(), &5.0.into())
    );
    let locks: Vec<_> = step["locks"].as_array().into_iter().flatten().map(|it| (&it["mode"], &it["on"])).collect();
    assert_eq!(locks[1], (&"SHARE ROW EXCLUSIVE".into(), &"teams".into()));
    world.done(&["apply"]);
    snapshot!("plan-nothing", world.run(&["plan"]));
}

#[test]
fn limits_that_are_typed_hold_for_the_plan_and_the_run_and_a_files_own_go_before_them() {
    let world = World::with_database().with(&[
        ("1_own.sql", "-- graven: statement_timeout = 1min\n-- graven: retries = 2\nselect 1;\n"),
        ("2_slow.sql", "select pg_sleep(60);\n"),
    ]);
    let limits = ["--table-lock-timeout", "2s", "--statement-timeout", "100ms", "--retries", "0"];
    let planned = world.done(&[&["plan", "--json"][..], &limits].concat()).json();
    let of_step = |step: usize| {
        let step = &planned["steps"][step];
        let seconds = |key: &str| step[key].as_f64().expect("a number of seconds");
        (seconds("lock_timeout_seconds"), seconds("statement_timeout_seconds"), step["retries"].as_u64())
    };
    assert_eq!((of_step(0), of_step(1)), ((2.0, 60.0, Some(2)), (2.0, 0.1, Some(0))));
    let ran = world.run(&[&["apply"][..], &limits].concat());
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("canceling statement due to statement timeout"), "{}", ran.stderr);
    let script = world.done(&[&["script"][..], &limits].concat()).stdout;
    assert!(script.contains("statement_timeout = '100ms'") && script.contains("lock_timeout = '2000ms'"), "{script}");
}

#[test]
fn conflicts_and_refusals_are_those_of_apply_with_their_exit_codes() {
    let world = World::with_database().with(SQL);
    world.database().execute("create table theirs ()").expect("a table");
    let ran = world.run(&["plan"]);
    assert_eq!(ran.code, Some(1));
    snapshot!("plan-not-empty", ran);
    assert_eq!(world.run(&["plan", "--json"]).json()["refusal"]["kind"], "not-empty");
    world.done(&["plan", "--into-existing"]);
    world.done(&["apply", "--into-existing", "--to", "2"]);
    world.write("1_create_users.sql", "create table users (id int primary key);\n");
    let ran = world.run(&["plan"]);
    assert_eq!(ran.code, Some(4));
    snapshot!("plan-conflict", ran);
    let ran = world.run(&["plan", "--json"]);
    assert_eq!((ran.code, ran.json()["conflicts"][0]["state"].as_str()), (Some(4), Some("modified")));
}

#[test]
fn a_version_that_is_not_there_is_a_mistake_of_who_types() {
    let world = World::with_database().with(SQL);
    assert_eq!(world.run(&["plan", "--to", "9"]).code, Some(2));
}
