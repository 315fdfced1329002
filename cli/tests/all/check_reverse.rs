//! `graven check --reverse`: that what was reverted is as it was before.

use serde_json::{Value, json};

use crate::world::{Ran, World, snapshot};

fn rules(ran: &Ran) -> Vec<String> {
    let problems = ran.json()["problems"].as_array().expect("a list").clone();
    problems.iter().filter_map(|problem| problem["rule"].as_str().map(str::to_owned)).collect()
}

fn tally(ran: &Ran) -> Value {
    ran.json()["database"]["reverses"].clone()
}

#[test]
fn reverses_that_restore_the_schema_are_counted() {
    let world = World::new().with(&[
        ("1_users.sql", "create table users (id bigint primary key);\n"),
        ("1_users.down.sql", "drop table users;\n"),
        ("2_seed.sql", "insert into users values (1);\n"),
        ("3_index.sql", "-- graven: transaction = off\ncreate index concurrently i on users (id);\n"),
        ("3_index.down.sql", "-- graven: transaction = off\ndrop index concurrently if exists i;\n"),
    ]);
    snapshot!("check-reverse", world.run(&["check", "--reverse"]));
    let ran = world.done(&["check", "--reverse", "--json"]);
    assert_eq!(tally(&ran), json!({ "restored": [1, 3], "failed": [], "without": [2], "untried": [] }));
    assert_eq!(ran.json()["database"]["applied_count"], 3);
}

#[test]
fn what_a_reverse_leaves_behind_or_takes_along_is_shown_line_by_line() {
    let world = World::new().with(&[
        ("1_users.sql", "create table users (id bigint primary key, name text default 'x');\n"),
        ("2_role.sql", "create type role as enum ('admin');\nalter table users add role role;\n"),
        ("2_role.down.sql", "alter table users drop role, alter name drop default;\n"),
        ("3_posts.sql", "create table posts (id bigint);\n"),
        ("3_posts.down.sql", "drop table posts;\n"),
    ]);
    snapshot!("check-reverse-differs", world.run(&["check", "--reverse"]));
    let ran = world.run(&["check", "--reverse", "--json"]);
    assert_eq!((ran.code, rules(&ran)), (Some(6), vec!["reverse-differs".to_owned(), "reverse-repeats".to_owned()]));
    assert_eq!(tally(&ran), json!({ "restored": [3], "failed": [2], "without": [1], "untried": [] }));
}

#[test]
fn a_reverse_that_fails_is_shown_at_its_place_and_the_others_are_tried_all_the_same() {
    let world = World::new().with(&[
        ("1_users.sql", "create table users (id bigint primary key);\n"),
        ("1_users.down.sql", "drop table users;\ndrop table accounts;\n"),
        ("2_posts.sql", "create table posts (id bigint);\n"),
        ("2_posts.down.sql", "drop table posts;\n"),
    ]);
    snapshot!("check-reverse-fails", world.run(&["check", "--reverse"]));
    let ran = world.run(&["check", "--reverse", "--json"]);
    assert_eq!((ran.code, rules(&ran)), (Some(6), vec!["reverse-fails".to_owned()]));
    assert_eq!(tally(&ran), json!({ "restored": [2], "failed": [1], "without": [], "untried": [] }));
}

#[test]
fn a_migration_that_cannot_be_applied_again_is_found_and_the_next_ones_are_tried_on_another_database() {
    let world = World::new().with(&[
        ("1_role.sql", "create role graven_check_reader;\n"),
        ("1_role.down.sql", "select 1;\n"),
        ("2_posts.sql", "create table posts (id bigint);\n"),
        ("2_posts.down.sql", "drop table posts;\n"),
    ]);
    let ran = world.run(&["check", "--reverse", "--json"]);
    assert_eq!((ran.code, rules(&ran)), (Some(6), vec!["reverse-repeats".to_owned()]), "{}", ran.page());
    assert_eq!(tally(&ran), json!({ "restored": [2], "failed": [1], "without": [], "untried": [] }));
    assert!(ran.stdout.contains("graven_check_reader"), "{}", ran.page());
}

#[test]
fn columns_that_come_back_in_another_order_are_only_a_warning() {
    let world = World::new().with(&[
        ("1_users.sql", "create table users (a int, b int);\n"),
        ("2_less.sql", "alter table users drop a;\n"),
        ("2_less.down.sql", "alter table users add a int;\n"),
    ]);
    let ran = world.done(&["check", "--reverse"]);
    assert!(ran.stderr.contains("brings columns back in another order"), "{}", ran.page());
    let json = world.done(&["check", "--reverse", "--json"]).json();
    assert_eq!((&json["warnings"][0]["rule"], &json["problems"]), (&"reverse-differs".into(), &json!([])));
}

#[test]
fn a_migration_that_fails_on_the_way_ends_the_check_with_its_place() {
    let world = World::new().with(&[
        ("1_a.sql", "create table a ();\n"),
        ("1_a.down.sql", "drop table a;\n"),
        ("2_b.sql", "alter table nowhere add b int;\n"),
        ("2_b.down.sql", "select 1;\n"),
    ]);
    let ran = world.run(&["check", "--reverse"]);
    assert_eq!(ran.code, Some(3), "{}", ran.page());
    assert!(ran.stderr.contains("migrations/2_b.sql:1:1"), "{}", ran.page());
    assert!(ran.stdout.contains("reverses: 1 restores the schema"), "{}", ran.page());
}

#[test]
fn on_a_server_that_is_named_it_works_alike() {
    let world = World::with_database()
        .with(&[("1_a.sql", "create schema s;\ncreate table s.a ();\n"), ("1_a.down.sql", "drop table s.a;\n")]);
    let role = world.database().role("maker").expect("a role");
    world.database().execute(&format!("ALTER ROLE {} CREATEDB", role.name())).expect("the right");
    let ran = world.run(&["check", "--reverse", "--json", "--database", role.url()]);
    // The schema is left behind, and in the way: another database is made for what comes after.
    assert_eq!((ran.code, rules(&ran)), (Some(6), vec!["reverse-differs".to_owned(), "reverse-repeats".to_owned()]));
    let left = format!("SELECT FROM pg_database WHERE pg_get_userbyid(datdba) = '{}'", role.name());
    assert_eq!(world.database().rows(&left).expect("rows").len(), 0);
}

/// What `graven explain` shows of a rule, as files.
fn example(rule: &str, side: &str) -> World {
    let world = World::with_database();
    let json = world.done(&["explain", rule, "--json"]).json();
    let files = json[side].as_array().expect("a list");
    assert!(!files.is_empty(), "{rule}");
    for file in files {
        let path = file["file"].as_str().and_then(|path| path.strip_prefix("migrations/")).expect("a path");
        world.write(path, file["content"].as_str().expect("a text"));
    }
    world
}

#[test]
fn each_example_of_a_rule_breaks_that_rule_and_no_other() {
    for rule in ["migration-fails", "reverse-fails", "reverse-differs", "reverse-repeats"] {
        let bad = example(rule, "bad").run(&["check", "--reverse", "--json"]);
        let mut found = rules(&bad);
        // What is left behind mostly is in the way, too.
        if rule == "reverse-differs" {
            found.retain(|found| found != "reverse-repeats");
        }
        assert_eq!(found, [rule], "{}", bad.page());
        example(rule, "good").done(&["check", "--reverse"]);
    }
    let stub = example("no-statement", "bad").done(&["check", "--json"]).json();
    assert_eq!(stub["warnings"][0]["rule"], "no-statement");
    let world = example("conflict", "good");
    world.done(&["apply"]);
    let bad = world.done(&["explain", "conflict", "--json"]).json();
    world.write("0001_users.sql", bad["bad"][0]["content"].as_str().expect("a text"));
    let ran = world.run(&["check", "--against", "--json"]);
    assert_eq!((ran.code, rules(&ran)), (Some(4), vec!["conflict".to_owned()]), "{}", ran.page());
}

#[test]
fn a_role_that_another_database_has_made_already_is_no_fault_of_its_migration() {
    let world = World::with_database();
    let maker = world.database().role("maker").expect("a role");
    let made = format!("{}_made", maker.name());
    world.database().execute(&format!("ALTER ROLE {} CREATEDB CREATEROLE", maker.name())).expect("the rights");
    let world = world.with(&[
        ("1_role.sql", &format!("create role {made};\n")),
        ("2_users.sql", "create table users (id bigint);\n"),
        ("2_users.down.sql", "-- graven: transaction = off\ndrop table nowhere;\n"),
        ("3_posts.sql", "create table posts (id bigint);\n"),
    ]);
    let ran = world.run(&["check", "--reverse", "--json", "--database", maker.url()]);
    world.database().execute(&format!("DROP ROLE {made}")).expect("what is left on the server");
    // No other database can be brought to where the third begins, and that is nobody's fault.
    assert_eq!((ran.code, rules(&ran)), (Some(6), vec!["reverse-fails".to_owned()]), "{}", ran.page());
}
