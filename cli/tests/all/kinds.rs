//! Baselines and repeatables on the command line.

use crate::world::{World, snapshot};

const SQL: &[(&str, &str)] = &[
    ("1_create_users.sql", "create table users (id bigint primary key);\n"),
    ("2_add_email.sql", "alter table users add column email text;\n"),
    ("2_all.baseline.sql", "create table users (id bigint primary key, email text);\n"),
    ("3_create_teams.sql", "create table teams (id bigint primary key);\n"),
    ("views.repeatable.sql", "create or replace view emails as select email from users;\n"),
];

#[test]
fn a_fresh_database_gets_the_baseline_and_repeatables_come_last_and_again() {
    let world = World::with_database().with(SQL);
    world.done(&["check"]);
    snapshot!("kinds-apply", world.run(&["apply"]));
    snapshot!("kinds-nothing", world.run(&["apply"]));
    snapshot!("kinds-status", world.run(&["status"]));
    world.write("views.repeatable.sql", "create or replace view emails as select email, id from users;\n");
    snapshot!("kinds-verify-changed", world.run(&["verify"]));
    snapshot!("kinds-status-changed", world.run(&["status"]));
    snapshot!("kinds-apply-changed", world.run(&["apply"]));
    world.delete("views.repeatable.sql");
    snapshot!("kinds-apply-orphaned", world.run(&["apply"]));
    world.done(&["verify"]);
}

#[test]
fn all_verbs_count_the_same_migrations() {
    let world = World::with_database().with(SQL);
    let pending = |world: &World| {
        let (verified, status) = (world.run(&["verify", "--json"]).json(), world.run(&["status", "--json"]).json());
        let in_status = status["migrations"].as_array().into_iter().flatten().filter(|it| it["state"] == "pending");
        let in_status: Vec<_> = in_status.map(|it| it["name"].clone()).collect();
        let verified = verified["error"]["pending"].as_array().cloned().unwrap_or_default();
        assert_eq!(verified.iter().map(|it| it["name"].clone()).collect::<Vec<_>>(), in_status);
        in_status.len()
    };
    let planned = |arguments: &[&str]| {
        let json = world.done(&[&["plan", "--json"][..], arguments].concat()).json();
        ["applied_count", "left", "total"].map(|key| json[key].as_u64())
    };
    assert_eq!(pending(&world), 4);
    assert!(world.run(&["verify"]).stderr.contains("4 migrations are not applied"));
    assert_eq!(planned(&[]), [Some(0), Some(0), Some(4)]);
    assert_eq!(planned(&["--to", "2"]), [Some(0), Some(2), Some(4)]);
    world.done(&["apply", "--to", "2"]);
    assert_eq!(pending(&world), 2);
    assert_eq!(planned(&[]), [Some(2), Some(0), Some(4)]);
    assert_eq!(planned(&["--to", "2"]), [Some(2), Some(2), Some(4)]);
    assert!(world.done(&["apply"]).stdout.ends_with(", 4 in all\n"));
    assert_eq!(planned(&[]), [Some(4), Some(0), Some(4)]);
    assert_eq!(world.done(&["verify"]).stdout, "everything is applied: 4 migrations\n");
}

#[test]
fn what_a_baseline_and_a_repeatable_are_is_told_in_json() {
    let world = World::with_database().with(SQL);
    snapshot!("kinds-apply-json", world.run(&["apply", "--json"]));
    snapshot!("kinds-status-json", world.run(&["status", "--json"]));
}

#[test]
fn without_a_baseline_and_up_to_a_version_each_migration_is_run() {
    let world = World::with_database().with(SQL);
    snapshot!("kinds-to", world.run(&["apply", "--to", "1", "--no-baseline"]));
    snapshot!("kinds-to-again", world.run(&["apply", "--to", "1"]));
    snapshot!("kinds-to-unknown", world.run(&["apply", "--to", "7"]));
    snapshot!("kinds-rest", world.run(&["apply"]));
}

#[test]
fn a_repeatable_that_fails_is_told_by_its_name() {
    let world = World::with_database().with(SQL);
    world.write("views.repeatable.sql", "create view emails as\nselect address from users;\n");
    let ran = world.run(&["apply"]);
    assert!(ran.stderr.contains("repeatable views failed at migrations/views.repeatable.sql:2:8"), "{}", ran.page());
    let json = world.run(&["apply", "--json"]).json();
    assert_eq!((&json["error"]["version"], &json["error"]["migration_kind"]), (&().into(), &"repeatable".into()));
}
