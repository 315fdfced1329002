//! A seal file, or a whole directory, that is gone and that git has: a new one would seal whatever the files say by now.

use crate::team::Team;
use crate::world::{World, snapshot};

const CREATE: &str = "create table users (id bigint);\n";
const VERBS: [&[&str]; 3] = [&["seal"], &["new", "add_email"], &["renumber", "1", "--to", "7"]];

#[test]
fn a_seal_file_that_git_has_is_taken_back_and_not_begun_anew() {
    let team = Team::new();
    let sealed = team.world.read("seal.lock");
    team.git(&["rm", "--quiet", "migrations/seal.lock"]);
    let edited = format!("{CREATE}-- edited\n");
    team.world.write("0001_create_users.sql", &edited);
    snapshot!("lost-seal", team.world.run(&["check"]));
    for verb in VERBS {
        let ran = team.world.run(verb);
        assert_eq!(ran.code, Some(6), "{verb:?}\n{}", ran.page());
        assert!(ran.stderr.contains("help: take it back from git: `git checkout HEAD -- migrations/seal.lock`"));
        assert_eq!(team.world.files(), ["0001_create_users.sql"], "{verb:?}");
    }
    // Whoever means it says so.
    team.world.write("seal.lock", "");
    team.world.done(&["seal"]);
    assert_ne!(team.world.read("seal.lock"), sealed);

    team.git(&["checkout", "HEAD", "--", "migrations/seal.lock"]);
    assert!(team.world.run(&["check"]).stderr.starts_with("error: sealed migration 1 was edited\n"));
}

#[test]
fn a_directory_that_git_has_is_taken_back_and_not_made_anew() {
    let team = Team::new();
    team.git(&["mv", "migrations", "db"]);
    snapshot!("lost-directory", team.world.run(&["check"]));
    for verb in VERBS {
        let ran = team.world.run(verb);
        assert_eq!(ran.code, Some(6), "{verb:?}\n{}", ran.page());
        assert!(!team.world.folder().join("migrations").exists(), "{verb:?}");
    }
    team.world.done(&["check", "--dir", "db"]);
    // Once the move is committed, it is meant.
    team.commit("move");
    team.world.done(&["new", "create_teams"]);
}

#[test]
fn without_git_and_where_git_never_had_one_a_seal_file_is_begun() {
    for is_repository in [false, true] {
        let world = World::new().with(&[("0001_create_users.sql", CREATE)]);
        world.delete("seal.lock");
        if is_repository {
            let ran = crate::world::git(&world).args(["init", "--quiet"]).output().expect("git starts");
            assert!(ran.status.success());
        }
        let checked = world.run(&["check"]);
        assert!(!checked.stderr.contains("git checkout"), "{}", checked.page());
        world.done(&["seal"]);
        world.done(&["check", "--sealed"]);
    }
}
