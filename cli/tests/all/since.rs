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
