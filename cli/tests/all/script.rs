//! `graven script`: one file for psql. What the file does is tested where the engine is.

use std::fs;

use crate::world::{World, snapshot};

const SQL: &[(&str, &str)] = &[
    ("1_create_users.sql", "create table users (id bigint primary key);\n"),
    ("2_index.sql", "-- graven: transaction = off\ncreate index concurrently users_id on users (id);\n"),
    ("3_last.sql", "select 3"),
];

#[test]
fn it_needs_no_database_and_prints_the_file() {
    let world = World::new().with(SQL);
    let ran = world.done(&["script"]);
    let said: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(said[0].split(", as").next(), Some("-- Migrations 1 to 3 of migrations"));
    assert_eq!(said.last(), Some(&"\\echo 'graven: everything up to 3 is applied'"));
    assert!(ran.stdout.contains("create index concurrently users_id on users (id);"));
    let some = world.done(&["script", "--from", "2", "--to", "2", "--json"]);
    let json = some.json();
    assert_eq!(json["migrations"][0]["version"], 2);
    assert!(json["sql"].as_str().is_some_and(|sql| !sql.contains("create table users")));
}

#[test]
fn what_is_printed_is_the_file_byte_for_byte() {
    let world = World::new().with(&[("1_a.sql", "select '\u{1b}[31m \u{b}\u{7f}\u{7}';\n\n\n")]);
    let ran = world.done(&["script"]);
    assert!(ran.stdout.contains("'\u{1b}[31m \u{b}\u{7f}\u{7}'"), "{:?}", ran.stdout);
    world.done(&["script", "--output", "release.sql"]);
    assert_eq!(ran.stdout, fs::read_to_string(world.folder().join("release.sql")).expect("the file"));
}

#[test]
fn it_writes_a_file() {
    let world = World::new().with(SQL);
    snapshot!("script-output", world.run(&["script", "--output", "release.sql"]));
    let written = fs::read_to_string(world.folder().join("release.sql")).expect("the file");
    assert_eq!(written.trim_end(), world.done(&["script"]).stdout.trim_end());
    snapshot!("script-output-json", world.run(&["script", "--to", "1", "-o", "release.sql", "--json"]));
    let ran = world.run(&["script", "-o", "nowhere/release.sql"]);
    assert_eq!(ran.code, Some(1));
    snapshot!("script-output-nowhere", ran);
}

#[test]
fn a_range_that_makes_no_sense_is_a_mistake_of_who_types() {
    let world = World::new().with(SQL);
    let ran = world.run(&["script", "--from", "3", "--to", "2"]);
    assert_eq!(ran.code, Some(2));
    snapshot!("script-empty-range", ran);
    assert_eq!(world.run(&["script", "--from", "9"]).code, Some(2));
    assert_eq!(world.run(&["script", "--from", "3", "--to", "2", "--json"]).json()["error"]["kind"], "empty-range");
}

#[test]
fn a_refusal_of_what_is_out_of_order_names_the_option_that_lets_it_through() {
    let world = World::new().with(SQL);
    let ran = world.done(&["script"]);
    assert!(ran.stdout.contains("if no later migration depends on it, make the script with --out-of-order"));
    let ran = world.done(&["script", "--out-of-order"]);
    assert!(!ran.stdout.contains("is out of order"), "{}", ran.stdout);
}
