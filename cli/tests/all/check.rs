//! `graven check`: the directory alone.

use crate::world::{World, snapshot};

#[test]
fn a_good_directory_is_counted() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n"), ("2_b.sql", "select 2;\n")]);
    snapshot!("check-good", world.run(&["check"]));
    snapshot!("check-good-json", world.run(&["check", "--json"]));
}

#[test]
fn all_problems_are_shown_at_once_with_their_places() {
    let world = World::new().with(&[
        ("1_a.sql", "select 'open;\n"),
        ("0001_b.sql", "select 1;\n"),
        ("seed.sql", "select 1;\n"),
        ("3_c.sql", "select 1;\ncreate index concurrently i on a (id);\n"),
    ]);
    snapshot!("check-problems", world.run(&["check"]));
    let ran = world.run(&["check", "--json"]);
    assert_eq!(ran.code, Some(6));
    let json = ran.json();
    let mut rules: Vec<_> = json["problems"].as_array().expect("a list").iter().map(|it| it["rule"].as_str()).collect();
    rules.sort_unstable();
    let wanted = ["duplicate-version", "file-name", "needs-no-transaction", "unterminated"].map(Some);
    assert_eq!(rules, wanted);
    assert_eq!(world.run(&["check", "--format", "json"]).json(), json);
}

#[test]
fn a_problem_has_a_place_in_json() {
    let world = World::new().with(&[("1_a.sql", "select 1;\nselect 'open;\n")]);
    snapshot!("check-problem-json", world.run(&["check", "--json"]));
}

#[test]
fn a_directory_that_is_not_there_is_named_in_full_with_its_likely_name() {
    let world = World::new();
    snapshot!("check-no-directory", world.run(&["check"]));
    std::fs::create_dir(world.folder().join("migration")).expect("a directory");
    snapshot!("check-nearly-the-directory", world.run(&["check"]));
}

#[test]
fn a_migration_that_was_made_and_not_written_yet_is_pointed_out_until_it_is() {
    let world = World::with_database();
    world.done(&["new", "create_users"]);
    snapshot!("check-stub", world.run(&["check"]));
    let json = world.done(&["check", "--json"]);
    assert_eq!(
        (json.stderr.as_str(), &json.json()["without_statements"][0]),
        ("", &"migrations/0001_create_users.sql".into())
    );
    let ran = world.done(&["apply"]);
    assert!(ran.stderr.contains("migrations/0001_create_users.sql holds no statement"), "{}", ran.page());
    assert!(world.done(&["seal"]).stderr.contains("holds no statement"));
    // Who seals it has seen it.
    assert_eq!(world.done(&["check"]).stderr, "");
    assert_eq!(world.done(&["apply"]).stderr, "");
}

#[test]
fn a_directory_without_a_seal_file_is_a_problem() {
    let world = World::new();
    world.write("1_a.sql", "select 1;\n");
    snapshot!("check-no-seal", world.run(&["check"]));
}

#[test]
fn sealed_demands_that_all_be_sealed() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n"), ("2_b.sql", "select 2;\n")]);
    snapshot!("check-unsealed", world.run(&["check", "--sealed"]));
    world.done(&["seal"]);
    world.done(&["check", "--sealed"]);
}

#[cfg(unix)]
#[test]
fn a_seal_file_that_is_a_pipe_is_in_the_way_of_all_that_goes_by_it_and_is_not_waited_for() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    let file = world.folder().join("migrations/seal.lock");
    std::fs::remove_file(&file).expect("it is there");
    let made = std::process::Command::new("mkfifo").arg(&file).status().expect("mkfifo is there");
    assert!(made.success());
    for verb in [&["check"][..], &["seal"], &["new", "b"], &["renumber"]] {
        let ran = world.run(verb);
        assert_eq!(ran.code, Some(6), "{verb:?}: {}", ran.page());
        let said = "error: `seal.lock` is a pipe, a socket or a device, and no file\n";
        assert!(ran.stderr.starts_with(said), "{verb:?}: {}", ran.page());
    }
}
