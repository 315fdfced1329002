//! `graven check --since`: what git knows to have been sealed, and no build can.

use crate::team::{Team, seals};
use crate::world::{World, snapshot};

/// A repository with a second migration, which is sealed in a commit of its own.
fn team() -> Team {
    let team = Team::new();
    seals("0002_b.sql", "select 2;\n")(&team.world);
    team.commit("b");
    team
}

#[test]
fn a_sealed_migration_that_is_gone_with_its_line_is_a_problem() {
    let team = team();
    team.git(&["revert", "--no-edit", "HEAD"]);
    // Of the commit itself the build knows nothing.
    team.world.done(&["check", "--sealed"]);
    let ran = team.world.run(&["check", "--sealed", "--since", "HEAD~1"]);
    assert_eq!(ran.code, Some(6), "{}", ran.page());
    let commit = team.try_git(&["rev-parse", "HEAD~1"]).stdout;
    let commit = &commit[..12];
    assert!(ran.stderr.starts_with("error: migration 2 is gone, which HEAD~1 has sealed\n"), "{}", ran.page());
    let way = format!("git checkout {commit} -- migrations/0002_b.sql migrations/seal.lock");
    assert!(ran.stderr.contains(&way), "{}", ran.page());
    let json = team.world.run(&["check", "--since", "HEAD~1", "--json"]).json();
    assert_eq!(json["problems"][0]["rule"], "seal-changed");
    let github = team.world.run(&["check", "--since", "HEAD~1", "--format", "github"]);
    assert!(github.stdout.starts_with("::error file=migrations/seal.lock,"), "{}", github.page());
    // As the message says.
    team.git(&["checkout", commit, "--", "migrations/0002_b.sql", "migrations/seal.lock"]);
    team.world.done(&["seal"]);
    team.world.done(&["check", "--sealed", "--since", "HEAD~1"]);
}

#[test]
fn a_seal_file_that_was_begun_anew_is_a_problem() {
    let team = Team::new();
    team.world.write("0001_create_users.sql", "-- Users.\ncreate table users (id bigint);\n");
    team.world.done(&["seal", "--accept-edit", "1"]);
    team.commit("say what it is for");
    let lock = team.world.read("seal.lock");
    // The text is what was accepted, and the older checksum is lost.
    team.world.write("seal.lock", "");
    team.world.done(&["seal"]);
    let ran = team.world.run(&["check", "--since", "HEAD"]);
    assert_eq!(ran.code, Some(6), "{}", ran.page());
    assert!(ran.stderr.starts_with("error: migration 1 has lost older checksums that HEAD knows\n"), "{}", ran.page());
    // The text is another, and nobody has accepted it.
    team.world.write("0001_create_users.sql", "create table users (id int);\n");
    team.world.write("seal.lock", "");
    team.world.done(&["seal"]);
    let mut ran = team.world.run(&["check", "--since", "HEAD"]);
    ran.stderr = ran.stderr.replace(&team.try_git(&["rev-parse", "HEAD"]).stdout[..12], "[COMMIT]");
    snapshot!("since-edited", ran);
    team.world.write("seal.lock", &lock);
    team.world.done(&["seal", "--accept-edit", "1"]);
    team.world.done(&["check", "--since", "HEAD"]);
}

#[test]
fn a_line_that_is_another_or_not_sealed_any_more_is_a_problem() {
    let team = team();
    team.git(&["mv", "migrations/0002_b.sql", "migrations/0002_c.sql"]);
    team.git(&["checkout", "begin", "--", "migrations/seal.lock"]);
    team.world.done(&["check", "--since", "begin"]);
    team.world.done(&["seal"]);
    let ran = team.world.run(&["check", "--since", "HEAD"]);
    assert!(ran.stderr.starts_with("error: migration 2 is another one than HEAD has sealed\n"), "{}", ran.page());
    team.git(&["checkout", "begin", "--", "migrations/seal.lock"]);
    team.world.delete("0002_c.sql");
    team.world.done(&["new", "b"]);
    let ran = team.world.run(&["check", "--since", "HEAD"]);
    assert!(ran.stderr.contains("error: migration 2 is not sealed any more, as HEAD has it\n"), "{}", ran.page());
}

#[test]
fn what_the_other_branch_has_sealed_since_is_no_business_of_this_one() {
    let team = team();
    team.git(&["checkout", "--quiet", "-b", "branch", "begin"]);
    seals("0003_c.sql", "select 3;\n")(&team.world);
    team.commit("c");
    for since in [&["--since"][..], &["--since", "main"]] {
        team.world.done(&[&["check", "--sealed"], since].concat());
    }
    let ran = team.world.run(&["check", "--since", "nowhere"]);
    assert_eq!(ran.code, Some(2), "{}", ran.page());
    assert!(ran.stderr.starts_with("error: git knows no commit `nowhere`"), "{}", ran.page());
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    world.done(&["seal"]);
    let ran = world.run(&["check", "--since"]);
    assert_eq!(ran.code, Some(2), "{}", ran.page());
}

#[test]
fn what_cannot_be_compared_is_not_passed_over() {
    let team = Team::new();
    let lock = team.world.read("seal.lock");
    team.git(&["rm", "--quiet", "migrations/seal.lock"]);
    team.commit("no seal");
    team.world.write("seal.lock", &lock);
    // The first pull request with migrations is right.
    let ran = team.world.done(&["check", "--since", "HEAD"]);
    let warning = "warning: migrations/seal.lock: HEAD has no seal file there: nothing was compared\n";
    assert_eq!(ran.stderr, warning, "{}", ran.page());
    team.world.write("seal.lock", "no line of one\n");
    team.commit("a damaged seal");
    team.world.write("seal.lock", &lock);
    let ran = team.world.run(&["check", "--since", "HEAD"]);
    assert_eq!(ran.code, Some(1), "{}", ran.page());
    assert!(ran.stderr.lines().next().is_some_and(|line| line.ends_with(" at HEAD is damaged")), "{}", ran.page());
}

#[test]
fn several_edits_are_taken_back_and_accepted_in_one_go() {
    let team = team();
    team.world.write("0001_create_users.sql", "create table users (id int);\n");
    team.world.write("0002_b.sql", "select 22;\n");
    team.world.write("seal.lock", "");
    team.world.done(&["seal"]);
    let ran = team.world.run(&["check", "--since", "HEAD"]);
    let commit = team.try_git(&["rev-parse", "HEAD"]).stdout[..12].to_owned();
    let way = [
        &format!("git checkout {commit} -- migrations/seal.lock"),
        "graven seal --accept-edit 1 --accept-edit 2",
        "graven seal\n",
    ];
    assert_eq!(ran.stderr.matches(&way.join("\n      ")).count(), 2, "{}", ran.page());
    // As the message says.
    team.git(&["checkout", &commit, "--", "migrations/seal.lock"]);
    team.world.done(&["seal", "--accept-edit", "1", "--accept-edit", "2"]);
    team.world.done(&["seal"]);
    team.world.done(&["check", "--sealed", "--since", "HEAD"]);
}

/// Git gives the hooks of a linked worktree GIT_DIR, and no GIT_WORK_TREE.
#[test]
fn a_hook_in_a_linked_worktree_is_told_what_was_sealed() {
    let team = team();
    let git_dir = team.world.folder().join(".git");
    let graven = |arguments: &[&str]| {
        let mut command = team.command(env!("CARGO_BIN_EXE_graven"));
        team.world.ran(command.args(arguments).env("GIT_DIR", &git_dir).env("GIT_PREFIX", "").output().expect("starts"))
    };
    team.git(&["rm", "--quiet", "migrations/0002_b.sql"]);
    team.git(&["checkout", "begin", "--", "migrations/seal.lock"]);
    let ran = graven(&["check", "--since", "HEAD"]);
    assert!(ran.stderr.starts_with("error: migration 2 is gone, which HEAD has sealed\n"), "{}", ran.page());
    team.world.delete("seal.lock");
    let ran = graven(&["seal"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("git checkout HEAD -- migrations/seal.lock"), "{}", ran.page());
}
