//! `graven apply` and `graven verify` on real databases, when all goes well.

use crate::world::{World, snapshot};

const SQL: &[(&str, &str)] = &[
    ("1_create_users.sql", "create table users (id bigint primary key);\n"),
    ("2_add_email.sql", "alter table users add column email text;\n"),
    (
        "3_index_email.sql",
        "-- graven: transaction = off\ncreate index concurrently users_email on users (email);\nanalyze users;\n",
    ),
];

#[test]
fn what_is_pending_is_applied_in_order_and_the_second_time_nothing_is() {
    let world = World::with_database().with(SQL);
    snapshot!("verify-pending", world.run(&["verify"]));
    snapshot!("verify-pending-json", world.run(&["verify", "--json"]));
    snapshot!("apply", world.run(&["apply"]));
    snapshot!("apply-nothing", world.run(&["apply"]));
    snapshot!("apply-nothing-json", world.run(&["apply", "--json"]));
    snapshot!("verify", world.run(&["verify"]));
    snapshot!("verify-json", world.run(&["verify", "--json"]));
    let rows = world.database().rows("SELECT version, state FROM graven_history ORDER BY version").expect("a history");
    let rows: Vec<_> = rows.iter().map(|row| (row[0].as_deref(), row[1].as_deref())).collect();
    assert_eq!(rows, ["1", "2", "3"].map(|version| (Some(version), Some("applied"))));
}

#[test]
fn what_was_applied_is_told_in_json() {
    snapshot!("apply-json", World::with_database().with(SQL).run(&["apply", "--json"]));
}

#[test]
fn what_postgresql_warns_of_is_shown_with_the_migration() {
    let warns = "do $$ begin raise notice 'quiet'; raise warning 'careful' using hint = 'look'; end $$;\n";
    for arguments in [&["apply"][..], &["apply", "--json"]] {
        let world = World::with_database().with(&[("1_a.sql", "select 1;\n"), ("2_b.sql", warns)]);
        let ran = world.done(arguments);
        assert!(ran.stderr.contains("warning: 2 b: careful\n  hint: look\n"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("quiet"), "{}", ran.stderr);
    }
}

#[test]
fn a_directory_without_a_seal_file_is_applied_with_a_warning() {
    let world = World::with_database();
    world.write("1_a.sql", "select 1;\n");
    snapshot!("apply-no-seal", world.run(&["apply"]));
    assert_eq!(world.run(&["apply", "--sealed"]).code, Some(6));
}

#[test]
fn sealed_refuses_to_apply_what_is_not() {
    let world = World::with_database().with(SQL);
    snapshot!("apply-unsealed", world.run(&["apply", "--sealed"]));
    world.done(&["seal"]);
    world.done(&["apply", "--sealed"]);
}

#[test]
fn the_history_table_and_the_namespace_can_be_chosen() {
    let world = World::with_database().with(&[("1_a.sql", "select 1;\n")]);
    world.database().execute("CREATE SCHEMA ops").expect("a schema");
    let ours = ["--history", "ops.done", "--namespace", "app"];
    world.done(&[&["apply"], &ours[..]].concat());
    world.done(&[&["verify"], &ours[..]].concat());
    assert_eq!(world.run(&["verify", "--history", "ops.done"]).code, Some(8));
    let value = world.database().value("SELECT namespace FROM ops.done").expect("a history");
    assert_eq!(value.as_deref(), Some("app"));
}

#[test]
fn a_newer_version_is_warned_about_and_strict_refuses_it() {
    let world = World::with_database().with(SQL);
    world.done(&["apply"]);
    world.delete("3_index_email.sql");
    snapshot!("apply-future", world.run(&["apply"]));
    snapshot!("verify-future", world.run(&["verify"]));
    snapshot!("apply-future-strict", world.run(&["apply", "--strict"]));
    assert_eq!(world.run(&["verify", "--strict"]).code, Some(4));
}

#[test]
fn an_older_migration_is_applied_late_where_that_is_asked_for() {
    let world = World::with_database().with(&[("2_b.sql", "select 2;\n")]);
    world.done(&["apply"]);
    world.write("1_a.sql", "select 1;\n");
    assert_eq!(world.run(&["apply"]).code, Some(4));
    assert!(world.done(&["apply", "--out-of-order"]).stdout.starts_with("applied 1 migration in "));
}

#[test]
fn the_mode_of_services_means_nothing_to_the_command() {
    let world = World::with_database().with(&[("1_a.sql", "select 1;\n")]);
    let mut command = world.command(&["apply"]);
    command.env("GRAVEN_MODE", "skip");
    assert!(world.finish(command).stdout.starts_with("applied 1 migration"));
}

#[test]
fn a_first_run_beside_tables_of_others_must_be_asked_for() {
    let world = World::with_database().with(&[("1_a.sql", "select 1;\n")]);
    world.database().execute("CREATE TABLE theirs ()").expect("a table");
    snapshot!("apply-not-empty", world.run(&["apply"]));
    world.done(&["apply", "--into-existing"]);
}
