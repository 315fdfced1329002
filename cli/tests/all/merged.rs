//! What a merge of two branches leaves unsealed, and what it comes too late with.

use crate::team::{Team, seals};
use crate::world::World;

/// Two branches on each of which somebody is still at work. Git stops at the head, which covers both.
fn both_at_work() -> Team {
    let team = Team::new();
    for (branch, version) in [("mail", "3"), ("phone", "4")] {
        team.branch(branch, |world| {
            world.done(&["new", branch]);
            world.done(&["renumber", "2", "--to", version]);
        });
    }
    team.merge("mail", "merge");
    team
}

#[test]
fn a_merge_seals_nobodys_unfinished_work() {
    let team = both_at_work();
    let ran = team.world.done(&["seal"]);
    assert!(
        ran.stdout.ends_with(
            "commit migrations/seal.lock\nleft unsealed: migrations/0003_mail.sql, migrations/0004_phone.sql; once all is \
             done, run `graven seal` again\n"
        ),
        "{}",
        ran.page()
    );
    assert_eq!(team.lines(), ["0001 create_users", "0003 mail unsealed", "0004 phone unsealed"]);
    team.commit("merge");
    let json = team.world.done(&["seal", "--json"]).json();
    assert_eq!((json["sealed"].as_array().map(Vec::len), &json["unsealed"]), (Some(2), &serde_json::json!([])));
    assert_eq!(team.lines(), ["0001 create_users", "0003 mail", "0004 phone"]);
}

#[test]
fn a_merge_without_anything_to_renumber_is_resolved_by_renumber_as_well() {
    let team = both_at_work();
    let ran = team.world.done(&["renumber"]);
    assert!(ran.stdout.starts_with("resolved the merge conflict in migrations/seal.lock"), "{}", ran.page());
    assert!(ran.stdout.contains("nothing to renumber"), "{}", ran.page());
    assert!(team.world.done(&["check"]).stdout.contains("3 migrations, 1 sealed, no problems"));
}

#[test]
fn what_comes_late_to_a_branch_that_has_picked_another_is_warned_of() {
    let team = Team::new();
    team.git(&["checkout", "--quiet", "-b", "long", "begin"]);
    for (file, text) in
        [("0005_five.sql", "select 5;\n"), ("0006_six.sql", "select 6;\n"), ("0007_seven.sql", "select 7;\n")]
    {
        seals(file, text)(&team.world);
        team.commit(file);
    }
    team.branch("pick", seals("0006_six.sql", "select 6;\n"));
    team.merge("long", "merge");
    let ran = team.world.done(&["seal"]);
    assert!(ran.stdout.contains("of HEAD: nothing\n  of long: 0005 five, 0007 seven\n"), "{}", ran.page());
    assert!(
        ran.stderr
            .starts_with("warning: 0005 five of long lies below 0006 six of HEAD: a database that ran the latter"),
        "{}",
        ran.page()
    );
}

#[test]
fn a_baseline_comes_late_to_nobody() {
    let team = Team::on(World::new().with(&[("0002_b.sql", "select 2;\n"), ("0003_c.sql", "select 3;\n")]));
    team.branch("baseline", seals("0003_all.baseline.sql", "create table users (id bigint);\n"));
    team.branch("z", seals("0004_z.sql", "select 4;\n"));
    team.merge("baseline", "merge");
    let ran = team.world.done(&["seal"]);
    assert!(ran.stdout.contains("  of baseline: 0003 all.baseline\n"), "{}", ran.page());
    assert_eq!(ran.stderr, "");
}

#[test]
fn two_accepted_edits_of_one_migration_keep_the_checksums_of_both() {
    let lines: Vec<String> = (0..20).map(|at| format!("-- {at}\n")).collect();
    let text = format!("select 2;\n{}select 3;\n", lines.concat());
    let team = Team::on(World::new().with(&[("0002_long.sql", &text)]));
    for (branch, edited) in [("first", format!("-- First.\n{text}")), ("last", format!("{text}-- Last.\n"))] {
        team.branch(branch, |world| {
            world.write("0002_long.sql", &edited);
            world.done(&["seal", "--accept-edit", "2"]);
        });
    }
    team.merge("first", "merge");
    // Git has merged the texts to a third one by itself.
    let merged = team.world.read("0002_long.sql");
    assert!(merged.starts_with("-- First.\n") && merged.ends_with("-- Last.\n"), "{merged}");
    let refused = team.world.run(&["seal"]);
    assert!(refused.stderr.contains("`graven seal --accept-edit 2`"), "{}", refused.page());
    team.world.done(&["seal", "--accept-edit", "2"]);
    team.world.done(&["check", "--sealed"]);
    let lock = team.world.read("seal.lock");
    for text in [text.clone(), format!("-- First.\n{text}"), format!("{text}-- Last.\n"), merged] {
        let checksum = graven_source::Checksum::of_text(&text).to_string();
        assert_eq!(lock.matches(&checksum).count(), 1, "{lock}");
    }
}

#[test]
fn the_seal_file_comes_back_from_git_in_the_middle_of_a_merge_too() {
    let team = Team::new();
    team.branch("mail", seals("0003_add_mail.sql", "alter table users add mail text;\n"));
    team.branch("phone", seals("0002_add_phone.sql", "alter table users add phone text;\n"));
    let take_back = ["checkout", "-m", "--", "migrations/seal.lock"];
    let damage = |team: &Team| {
        let lock = team.world.read("seal.lock");
        let is_marker = |line: &&str| !["<<<<<<<", "=======", ">>>>>>>"].iter().any(|sign| line.starts_with(sign));
        let lines: Vec<&str> = lock.lines().filter(is_marker).collect();
        let head = lines[1];
        team.world.write("seal.lock", &format!("{}\n{head}\n9 x unsealed\n", lines.join("\n")));
        let ran = team.world.run(&["check"]);
        assert!(ran.stderr.contains(&format!("`git {}`", take_back.join(" "))), "{}", ran.page());
        team.git(&take_back);
    };
    damage(&team);
    team.world.done(&["check", "--sealed"]);
    team.merge("mail", "merge");
    damage(&team);
    team.world.done(&["seal"]);
    team.world.done(&["check", "--sealed"]);
}
