//! `graven repair`: what differs is shown with the text that git has of it, and accepted where that is said.

use crate::world::{self, World, snapshot};

const APPLIED: &str = "create table users (\n    id bigint primary key\n);\n";
const EDITED: &str = "-- Who may log in.\ncreate table users (\n    id bigint primary key\n);\n";

fn git(world: &World, arguments: &[&str]) {
    let mut command = world::git(world);
    command.args(["-c", "user.name=Anna", "-c", "user.email=anna@example.com", "-c", "init.defaultBranch=main"]);
    let output = command.args(arguments).output().expect("git is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A migration that was committed and applied, and then edited.
fn edited() -> World {
    let world = World::with_database().with(&[("0001_create_users.sql", APPLIED), ("0002_b.sql", "select 1;\n")]);
    git(&world, &["init", "--quiet"]);
    git(&world, &["add", "."]);
    git(&world, &["commit", "--quiet", "--message", "Create users"]);
    world.done(&["apply"]);
    world.write("0001_create_users.sql", EDITED);
    world
}

#[test]
fn it_is_reviewed_with_a_diff_and_accepted_by_its_version() {
    let world = edited();
    assert_eq!(world.run(&["apply"]).code, Some(4));
    snapshot!("repair-review", world.run(&["repair"]));
    let ran = world.run(&["repair", "--json"]);
    assert_eq!(ran.code, Some(4));
    let json = ran.json();
    assert_eq!(json["left"][0]["version"], 1);
    assert!(json["left"][0]["diff"].as_str().expect("a diff").contains("\n+-- Who may log in.\n"), "{json}");
    assert_eq!(json["conflicts"][0]["state"], "modified");
    assert_eq!(json["accepted"], serde_json::json!([]));

    snapshot!("repair-accept", world.run(&["repair", "1"]));
    snapshot!("repair-nothing", world.run(&["repair"]));
    world.done(&["apply"]);
    world.done(&["verify"]);
}

#[test]
fn what_a_terminal_would_obey_is_shown_and_not_done() {
    let control = "-- \u{1b}[31mred \u{1b}[8mhidden \u{1b}]0;owned\u{7}\n";
    let world =
        World::with_database().with(&[("0001_a.sql", &format!("{control}select 1;\n")), ("0002_b.sql", APPLIED)]);
    git(&world, &["init", "--quiet"]);
    git(&world, &["add", "."]);
    world.done(&["apply"]);
    world.write("0001_a.sql", &format!("{control}select 2;\n"));
    let name = "UPDATE graven_history SET name = E'b\\x1b[2J' WHERE version = 2";
    world.database().execute(name).expect("a name from elsewhere");
    let on_a_terminal = |verb: &str| {
        let mut command = world.command(&[verb]);
        command.env("CLICOLOR_FORCE", "1");
        world.finish(command).stdout
    };
    let page = on_a_terminal("repair");
    assert!(page.contains("   -- ␛[31mred ␛[8mhidden ␛]0;owned␇\n"), "{page:?}");
    // An orphaned one is called what the history calls it.
    world.delete("0002_b.sql");
    for page in [page, on_a_terminal("status")] {
        assert!(page.contains("b␛[2J") && page.contains("\u{1b}[1m"), "{page:?}");
    }
}

#[test]
fn all_are_accepted_at_once_where_that_is_said() {
    let world = edited();
    world.write("0002_b.sql", "select 2;\n");
    let json = world.done(&["repair", "--all", "--json"]).json();
    assert_eq!(json["accepted"].as_array().map(Vec::len), Some(2), "{json}");
    assert_eq!((&json["left"], &json["conflicts"]), (&serde_json::json!([]), &serde_json::json!([])));
    world.done(&["verify"]);
}

/// A commit that was amended since, and a file of another name in another directory.
#[test]
fn the_text_is_found_wherever_git_still_has_it() {
    let world = World::with_database().with(&[("0001_create_users.sql", APPLIED)]);
    git(&world, &["init", "--quiet"]);
    git(&world, &["add", "."]);
    git(&world, &["commit", "--quiet", "--message", "Create users"]);
    world.done(&["apply"]);
    world.write("0001_create_users.sql", EDITED);
    git(&world, &["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    std::fs::rename(world.folder().join("migrations"), world.folder().join("sql")).expect("a directory");
    std::fs::rename(world.folder().join("sql/0001_create_users.sql"), world.folder().join("sql/1_users.sql"))
        .expect("a file");
    let ran = world.run(&["repair", "--dir", "sql"]);
    assert_eq!(ran.code, Some(4));
    assert!(ran.stdout.contains("  +-- Who may log in.\n"), "{}", ran.page());
    assert!(ran.stdout.contains("the history means another migration"), "{}", ran.page());
    let ran = world.run(&["repair", "--dir", "sql", "--all"]);
    assert_eq!(ran.code, Some(4), "{}", ran.page());
    world.done(&["repair", "--dir", "sql", "1"]);
}

#[test]
fn without_a_text_in_git_the_checksums_are_all_there_is_and_it_is_said_why() {
    let world = World::with_database().with(&[("0001_create_users.sql", APPLIED)]);
    world.done(&["apply"]);
    world.write("0001_create_users.sql", EDITED);
    let ran = world.run(&["repair"]);
    assert_eq!(ran.code, Some(4));
    assert!(ran.stdout.contains("git cannot be asked for the text: not a git repository"), "{}", ran.page());
    git(&world, &["init", "--quiet"]);
    git(&world, &["add", "."]);
    let ran = world.run(&["repair"]);
    assert!(ran.stdout.contains("git knows no text with the recorded checksum"), "{}", ran.page());
}

#[test]
fn what_cannot_be_accepted_changes_nothing() {
    let world = edited();
    world.delete("0002_b.sql");
    world.write("0003_c.sql", "select 3;\n");
    let ran = world.run(&["repair", "1", "2"]);
    assert_eq!(ran.code, Some(4), "{}", ran.page());
    assert!(ran.stderr.contains("2 b is orphaned"), "{}", ran.page());
    let ran = world.run(&["repair", "7"]);
    assert_eq!(ran.code, Some(2), "{}", ran.page());
    let ran = world.run(&["repair", "7", "--all"]);
    assert_eq!(ran.code, Some(2), "{}", ran.page());
    let ran = world.done(&["repair", "--all"]);
    assert!(ran.stdout.contains("conflict: 2 b is orphaned"), "{}", ran.page());
}
