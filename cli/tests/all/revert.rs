//! `graven revert` and `graven redo` on real databases.

use crate::world::{World, snapshot};

/// Three migrations with reverses, the last of them outside of a transaction.
const SQL: &[(&str, &str)] = &[
    ("1_create_users.sql", "create table users (id bigint primary key);\n"),
    ("1_create_users.down.sql", "drop table users;\n"),
    ("2_add_email.sql", "alter table users add column email text;\n"),
    ("2_add_email.down.sql", "alter table users drop column email;\n"),
    (
        "3_index_email.sql",
        "-- graven: transaction = off\ncreate index concurrently users_email on users (email);\nanalyze users;\n",
    ),
    (
        "3_index_email.down.sql",
        "-- graven: transaction = off\ndrop index concurrently if exists users_email;\nanalyze users;\n",
    ),
];

fn applied() -> World {
    let world = World::with_database().with(SQL);
    world.done(&["apply"]);
    world
}

/// The versions that the history has, ascending.
fn recorded(world: &World) -> String {
    let sql = "SELECT coalesce(string_agg(version::text, ' ' ORDER BY version), '') FROM graven_history";
    world.database().value(sql).expect("a history").expect("a text")
}

fn columns(world: &World) -> Option<String> {
    let sql = "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns \
               WHERE table_name = 'users'";
    world.database().value(sql).expect("a database")
}

#[test]
fn the_last_one_is_reverted_and_then_what_was_asked_for() {
    let world = applied();
    snapshot!("revert", world.run(&["revert"]));
    assert_eq!(recorded(&world), "1 2");
    snapshot!("revert-json", world.run(&["revert", "--json"]));
    assert_eq!((recorded(&world), columns(&world)), ("1".to_owned(), Some("id".to_owned())));
    world.done(&["apply"]);
    snapshot!("revert-steps", world.run(&["revert", "--steps", "2"]));
    assert_eq!(recorded(&world), "1");
    world.done(&["apply"]);
    assert_eq!(recorded(&world), "1 2 3");
    world.done(&["revert", "--to", "2"]);
    assert_eq!(recorded(&world), "1 2");
    world.done(&["revert", "--all"]);
    assert_eq!((recorded(&world), columns(&world)), (String::new(), None));
    snapshot!("revert-nothing", world.run(&["revert"]));
}

#[test]
fn of_many_the_first_are_named_and_the_last() {
    let world = World::with_database().with(&[]);
    for version in 1..=12 {
        world.write(&format!("{version}_t.sql"), &format!("create table t{version} ();\n"));
        world.write(&format!("{version}_t.down.sql"), &format!("drop table t{version};\n"));
    }
    world.done(&["apply"]);
    let ran = world.done(&["revert", "--to", "0"]);
    let first = ran.stderr.lines().next().expect("a line");
    assert!(first.ends_with(": to revert 12 t, 11 t, 10 t, 9 t, 8 t, 7 t, 6 t and 5 more, down to 1 t"), "{first}");
    assert_eq!(ran.stderr.lines().count(), 13, "{}", ran.stderr);
    assert_eq!(recorded(&world), "");
}

#[test]
fn where_one_cannot_be_reverted_none_is_and_all_that_stands_in_the_way_is_listed() {
    let world = applied();
    world.delete("2_add_email.down.sql");
    world.write("1_create_users.sql", "create table users (id bigint primary key); -- edited\n");
    let ran = world.run(&["revert", "--all"]);
    assert_eq!(ran.code, Some(4));
    snapshot!("revert-obstacles", ran);
    let ran = world.run(&["revert", "--all", "--json"]);
    assert_eq!(ran.code, Some(4));
    snapshot!("revert-obstacles-json", ran);
    assert_eq!(recorded(&world), "1 2 3");
    // What conflicts below does not matter.
    world.done(&["revert"]);
    assert_eq!(recorded(&world), "1 2");
}

#[test]
fn a_reverse_that_fails_is_shown_with_its_place_and_those_before_it_stay_reverted() {
    let world = applied();
    world.write("2_add_email.down.sql", "select 1;\nselect nope;\n");
    let ran = world.run(&["revert", "--steps", "2"]);
    assert_eq!(ran.code, Some(3));
    snapshot!("revert-failed", ran);
    assert_eq!((recorded(&world), columns(&world)), ("1 2".to_owned(), Some("id email".to_owned())));
    let error = world.run(&["revert", "--json"]).json()["error"].clone();
    assert_eq!(error["kind"], "migration-failed");
    assert_eq!(error["migration_kind"], "reverse");
    assert_eq!((&error["line"], &error["reverted"]), (&2.into(), &serde_json::json!([])));
}

#[test]
fn a_version_that_nobody_has_exits_with_2_and_names_the_nearest() {
    let world = applied();
    snapshot!("revert-no-version", world.run(&["revert", "--to", "9"]));
    let error = world.run(&["revert", "--to", "9", "--json"]).json()["error"].clone();
    assert_eq!((&error["kind"], &error["nearest"]), (&"no-such-version".into(), &serde_json::json!([3])));
    assert_eq!(world.run(&["redo", "9"]).code, Some(2));
    assert_eq!(recorded(&world), "1 2 3");
}

#[test]
fn the_history_and_the_namespace_that_are_named_are_the_ones_reverted() {
    let world = World::with_database().with(SQL);
    world.database().execute("CREATE SCHEMA ops").expect("a schema");
    let ours = ["--history", "ops.done", "--namespace", "app"];
    world.done(&[&["apply"], &ours[..]].concat());
    let ran = world.done(&[&["revert"], &ours[..]].concat());
    assert!(ran.stderr.starts_with("history ops.done of database "), "{}", ran.stderr);
    let count = world.database().value("SELECT count(*) FROM ops.done WHERE namespace = 'app'").expect("a history");
    assert_eq!(count.as_deref(), Some("2"));
}

#[test]
fn another_role_reverts_what_it_owns() {
    let world = World::with_database().with(SQL);
    let role = world.database().role("owner").expect("a role");
    let rights = format!("GRANT CREATE ON SCHEMA public TO {}", role.name());
    world.database().execute(&rights).expect("rights");
    for arguments in [&["apply"][..], &["revert", "--steps", "2"], &["apply"], &["redo", "3"], &["revert", "--all"]] {
        world.done(&[arguments, &["--role", role.name()]].concat());
    }
    assert_eq!((recorded(&world), columns(&world)), (String::new(), None));
}

#[test]
fn a_migration_that_is_being_written_is_redone_as_it_is_now() {
    let world = applied();
    world.done(&["revert"]);
    world.write("2_add_email.sql", "alter table users add column email text, add column name text;\n");
    world.write("2_add_email.down.sql", "alter table users drop column email, drop column if exists name;\n");
    snapshot!("redo", world.run(&["redo", "2"]));
    assert_eq!(columns(&world).as_deref(), Some("id email name"));
    snapshot!("redo-json", world.run(&["redo", "2", "--json"]));
    assert_eq!(recorded(&world), "1 2");
}

#[test]
fn a_redo_that_fails_when_it_applies_says_that_it_had_been_reverted() {
    let world = applied();
    world.done(&["revert"]);
    world.write("2_add_email.sql", "alter table users add column email nope;\n");
    let ran = world.run(&["redo", "2"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("\n  reverted before it: 2 add_email\n"), "{}", ran.stderr);
    assert_eq!(recorded(&world), "1");
}

#[test]
fn what_is_not_the_last_or_not_applied_or_sealed_is_not_redone() {
    let world = applied();
    snapshot!("redo-not-highest", world.run(&["redo", "1"]));
    let error = world.run(&["redo", "1", "--json"]).json()["error"].clone();
    assert_eq!((&error["kind"], &error["above"]), (&"not-highest".into(), &serde_json::json!([2, 3])));
    world.done(&["seal"]);
    snapshot!("redo-sealed", world.run(&["redo", "3"]));
    assert_eq!(world.run(&["redo", "3", "--json"]).json()["error"]["kind"], "redo-sealed");
    assert_eq!(recorded(&world), "1 2 3");
    world.done(&["redo", "3", "--although-sealed"]);
    world.done(&["revert"]);
    let ran = world.run(&["redo", "3", "--json"]);
    assert_eq!((ran.code, &ran.json()["error"]["kind"]), (Some(4), &"nothing-to-redo".into()));
    assert_eq!(recorded(&world), "1 2");
}
