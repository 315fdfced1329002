//! `graven seal`, and a migration's life from `new` to a database.

use crate::world::{World, snapshot};

#[test]
fn a_migration_is_written_applied_sealed_and_then_may_not_change() {
    let world = World::with_database();
    world.done(&["new", "create", "users"]);
    world.write("0001_create_users.sql", "create table users (id bigint);\n");
    world.done(&["apply"]);

    snapshot!("seal", world.run(&["seal"]));
    snapshot!("seal-nothing", world.run(&["seal"]));
    snapshot!("seal-nothing-json", world.run(&["seal", "--json"]));
    world.done(&["check", "--sealed"]);

    world.write("0001_create_users.sql", "-- Who may sign in.\ncreate table users (id bigint);\n");
    snapshot!("seal-edited", world.run(&["check"]));
    for refused in [&["seal"][..], &["apply"], &["status"], &["verify"]] {
        assert_eq!(world.run(refused).code, Some(6), "{refused:?}");
    }

    snapshot!("seal-accept", world.run(&["seal", "--accept-edit", "1"]));
    snapshot!("seal-accept-nothing", world.run(&["seal", "--accept-edit", "1"]));
    world.done(&["check", "--sealed"]);
    // The database holds the old checksum, and goes on.
    assert!(world.done(&["apply"]).stdout.starts_with("up to date"));
    world.done(&["verify"]);

    let other = World::with_database().with(&[]);
    for file in world.files() {
        other.write(&file, &world.read(&file));
    }
    other.done(&["apply", "--sealed"]);
}

#[test]
fn accepting_an_edit_seals_nothing_else() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    world.done(&["seal"]);
    world.write("1_a.sql", "select 1; -- one\n");
    world.write("2_b.sql", "select 2;\n");
    let ran = world.done(&["seal", "--accept-edit", "1", "--json"]);
    let json = ran.json();
    assert_eq!((json["sealed"].as_array().map(Vec::len), json["accepted"][0]["version"].as_i64()), (Some(0), Some(1)));
    assert_eq!(json["accepted"][0]["was"].as_array().map(Vec::len), Some(1));
    assert_eq!(world.run(&["check", "--sealed"]).code, Some(6));
}

#[test]
fn an_edit_can_be_accepted_of_a_sealed_migration_only() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    world.done(&["seal"]);
    world.write("2_b.sql", "select 2;\n");
    snapshot!("seal-accept-unsealed", world.run(&["seal", "--accept-edit", "2"]));
    snapshot!("seal-accept-unknown", world.run(&["seal", "--accept-edit", "3"]));
    snapshot!("seal-accept-unknown-json", world.run(&["seal", "--accept-edit", "3", "--json"]));
}

#[test]
fn each_edit_is_accepted_by_itself_and_another_stays_a_problem() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n"), ("2_b.sql", "select 2;\n"), ("3_c.sql", "")]);
    world.done(&["seal"]);
    let sealed = world.read("seal.lock");
    world.write("1_a.sql", "select 1; -- edited\n");
    world.write("2_b.sql", "select 2; -- edited\n");
    // Of the two that were edited, this is none.
    assert_eq!(world.run(&["seal", "--accept-edit", "3"]).code, Some(6));
    assert_eq!(world.read("seal.lock"), sealed);
    let ran = world.done(&["seal", "--accept-edit", "2"]);
    // The edit that is left is not to be committed along with it.
    let commit = "commit migrations/seal.lock and migrations/2_b.sql";
    assert_eq!(ran.stdout, format!("accepted the edit of 2 b\n{commit}\n"));
    let warning =
        "warning: sealed migration 1 was edited, too, and that is not accepted: `graven check` says what to do\n";
    assert_eq!(ran.stderr, warning);
    let ran = world.run(&["check"]);
    assert_eq!(ran.code, Some(6), "{}", ran.page());
    assert!(ran.stderr.starts_with("error: sealed migration 1 was edited"), "{}", ran.stderr);
    world.write("2_b.sql", "select 2; -- edited again\n");
    let json = world.done(&["seal", "--accept-edit", "2", "--json"]).json();
    let said = warning.trim().trim_start_matches("warning: ");
    assert_eq!(json["warnings"], serde_json::json!([said]));
    assert_eq!(world.done(&["seal", "--accept-edit", "1"]).stderr, "");
    world.done(&["check", "--sealed"]);
}

#[test]
fn several_edits_are_accepted_at_once() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n"), ("2_b.sql", "select 2;\n")]);
    world.done(&["seal"]);
    world.write("1_a.sql", "select 1; -- edited\n");
    world.write("2_b.sql", "select 2; -- edited\n");
    world.done(&["seal", "--accept-edit", "1", "--accept-edit", "2"]);
    world.done(&["check", "--sealed"]);
}

#[test]
fn a_migration_that_a_merge_left_behind_under_its_old_version_is_warned_of() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    world.done(&["seal"]);
    for (file, text) in [("5_b.sql", "select 2;\n"), ("6_b.sql", "select 2;\n"), ("7_b.sql", "select 3;\n")] {
        world.write(file, text);
    }
    let ran = world.done(&["seal"]);
    let warning = "warning: migrations/5_b.sql and migrations/6_b.sql have one name and one text, and both would run: ";
    assert!(ran.stderr.starts_with(warning) && ran.stderr.lines().count() == 1, "{}", ran.page());
    world.delete("seal.lock");
    let json = world.done(&["seal", "--json"]).json();
    assert_eq!(json["warnings"][0].as_str(), ran.stderr.trim().strip_prefix("warning: "));
    // What is sealed is as it was meant to be.
    world.write("8_d.sql", "select 4;\n");
    assert_eq!(world.done(&["seal"]).stderr, "");
    // A copy that a merge tool or a desktop made, and that was given a version of its own.
    world.write("9_d_LOCAL_1234.sql", "select 4;\n");
    let warning =
        "warning: migrations/8_d.sql and migrations/9_d_LOCAL_1234.sql have nearly one name and one text, and ";
    assert!(world.done(&["seal"]).stderr.starts_with(warning));
    world.write("10_e.sql", "select 4;\n");
    assert_eq!(world.done(&["seal"]).stderr, "");
    // What holds no statement does nothing twice.
    world.write("11_f.sql", "-- Later.\n");
    world.write("12_f.sql", "-- Later.\n");
    let ran = world.done(&["seal"]);
    assert!(!ran.stderr.contains("one text") && ran.stderr.contains("11_f.sql holds no statement"), "{}", ran.page());
}

#[test]
fn an_edit_of_a_sealed_baseline_can_be_accepted() {
    let world =
        World::new().with(&[("1_a.sql", "select 1;\n"), ("1_all.baseline.sql", "select 1;\n"), ("2_b.sql", "")]);
    world.done(&["seal"]);
    world.write("1_all.baseline.sql", "select 1; -- all\n");
    let ran = world.run(&["check"]);
    assert_eq!(ran.code, Some(6), "{}", ran.page());
    assert!(ran.stderr.contains("`graven seal --accept-edit 1.baseline`"), "{}", ran.page());
    // The migration of that version is another file.
    assert_eq!(world.run(&["seal", "--accept-edit", "1"]).code, Some(6));
    let ran = world.done(&["seal", "--accept-edit", "1.baseline"]);
    assert_eq!(ran.stdout, "accepted the edit of 1 all.baseline\ncommit migrations\n");
    world.done(&["check", "--sealed"]);
    for (none, said) in [("2.baseline", "there is no baseline 2 in migrations"), ("baseline", "3.baseline")] {
        let ran = world.run(&["seal", "--accept-edit", none]);
        assert_eq!(ran.code, Some(2), "{}", ran.page());
        assert!(ran.stderr.contains(said), "{}", ran.page());
    }
}

#[test]
fn a_directory_without_a_seal_file_gets_one() {
    let world = World::new();
    world.write("1_a.sql", "select 1;\n");
    let ran = world.done(&["seal"]);
    assert_eq!(ran.stdout, "sealed 1 a\ncommit migrations\n");
    world.done(&["check", "--sealed"]);
}

#[test]
fn an_announced_migration_whose_file_is_gone_is_dropped_from_the_seal_file() {
    let world = World::new();
    world.done(&["new", "a"]);
    world.done(&["new", "b"]);
    world.delete("0002_b.sql");
    let ran = world.done(&["seal"]);
    assert_eq!(ran.stdout, "sealed 0001 a\ndropped 0002 b, which has no file\ncommit migrations\n");
    assert!(!world.read("seal.lock").contains(" b "));
}

#[test]
fn nothing_is_sealed_while_a_file_breaks_a_rule() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n"), ("2_b.sql", "select 'open\n")]);
    assert_eq!(world.run(&["seal"]).code, Some(6));
    assert_eq!(world.read("seal.lock"), "");
}

#[test]
fn a_directory_that_another_process_has_locked_is_not_waited_for_without_end() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    let locked = std::fs::File::open(world.folder().join("migrations")).expect("the directory");
    locked.lock().expect("locked");
    let ran = world.run(&["seal"]);
    assert_eq!(ran.code, Some(1), "{}", ran.page());
    let told = "waiting for another graven that is writing to migrations\nerror: another process has had migrations locked for 10s";
    assert!(ran.stderr.starts_with(told), "{}", ran.page());
    drop(locked);
    world.done(&["seal"]);
}
