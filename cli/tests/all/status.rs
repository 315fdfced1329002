//! `graven status`.

use crate::world::{World, snapshot};

#[test]
fn each_migration_is_shown_in_its_state() {
    let world = World::with_database().with(&[
        ("2_b.sql", "select 2;\n"),
        ("3_c.sql", "select 3;\n"),
        ("5_e.sql", "select 5;\n"),
        ("9_i.sql", "select 9;\n"),
    ]);
    snapshot!("status-pending", world.run(&["status"]));
    world.done(&["apply"]);
    world.write("1_a.sql", "select 1;\n");
    world.write("3_c.sql", "select 3; -- edited\n");
    world.delete("5_e.sql");
    world.delete("9_i.sql");
    world.write("7_g.sql", "select 7;\n");
    snapshot!("status", world.run(&["status"]));
    snapshot!("status-json", world.run(&["status", "--json"]));
}

#[test]
fn no_line_ends_in_spaces() {
    let world = World::with_database().with(&[("1_a.sql", "select 1;\n"), ("2_longer.sql", "select 2;\n")]);
    let pending = world.done(&["status"]).stdout;
    world.done(&["apply"]);
    for text in [pending, world.done(&["status"]).stdout] {
        assert!(text.lines().count() > 3, "{text}");
        assert!(text.lines().all(|line| line == line.trim_end()), "{text:?}");
    }
}

#[test]
fn another_history_further_along_the_search_path_is_pointed_out() {
    let world = World::with_database().with(&[("1_a.sql", "select 1;\n")]);
    world.done(&["apply"]);
    let sql = "create schema app; do $$ begin execute format('alter database %I set search_path = app, public', current_database()); end $$";
    world.database().execute(sql).unwrap();
    snapshot!("status-elsewhere", world.run(&["status"]));
}

#[test]
fn an_empty_directory_and_an_empty_database_have_a_status() {
    snapshot!("status-empty", World::with_database().with(&[]).run(&["status"]));
}
