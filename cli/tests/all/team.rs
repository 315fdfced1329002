//! The seal in a team's life: branches, merges and rebases of a real git repository.

use std::process::Command;

use crate::world::{self, Ran, World, snapshot};

/// A repository with one sealed migration, from which branches begin.
pub(crate) struct Team {
    pub(crate) world: World,
}

impl Team {
    pub(crate) fn new() -> Self {
        Self::on(World::new())
    }

    pub(crate) fn on(world: World) -> Self {
        let team = Self { world: world.with(&[("0001_create_users.sql", "create table users (id bigint);\n")]) };
        team.git(&["init", "--quiet", "--initial-branch", "main"]);
        team.world.done(&["seal"]);
        team.commit("begin");
        team.git(&["tag", "begin"]);
        team
    }

    /// A program in the repository, whose git knows who it is and asks nothing.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = world::in_world(&self.world, program);
        command.env("GIT_EDITOR", "true").env("LC_ALL", "C");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example.org");
        }
        command
    }

    pub(crate) fn try_git(&self, arguments: &[&str]) -> Ran {
        self.world.ran(self.command("git").args(arguments).output().expect("git starts"))
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let ran = self.try_git(arguments);
        assert_eq!(ran.code, Some(0), "git {arguments:?}\n{}", ran.page());
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Makes a branch off the first commit of all, with what `work` does as its one commit.
    pub(crate) fn branch(&self, name: &str, work: impl Fn(&World)) {
        self.git(&["checkout", "--quiet", "-b", name, "begin"]);
        work(&self.world);
        self.commit(name);
    }

    /// Merges a branch into the one that is checked out, and expects git to stop at the seal file.
    pub(crate) fn merge(&self, branch: &str, style: &str) {
        let ran = self.try_git(&["-c", &format!("merge.conflictStyle={style}"), "merge", branch]);
        assert_eq!(ran.code, Some(1), "{}", ran.page());
        assert!(ran.stdout.contains("CONFLICT (content): Merge conflict in migrations/seal.lock"), "{}", ran.page());
    }

    /// The lines of the seal file, without its head and their checksums.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lock = self.world.read("seal.lock");
        let lines = lock.lines().skip_while(|line| !line.starts_with("head ")).skip(1);
        lines.map(|line| line.split(" sha256:").next().unwrap_or_default().to_owned()).collect()
    }
}

/// What somebody does who writes a migration and seals it.
pub(crate) fn seals<'a>(file: &'a str, text: &'a str) -> impl Fn(&World) + use<'a> {
    move |world| {
        world.write(file, text);
        world.done(&["seal"]);
    }
}

/// What somebody does who makes a migration and is not done with it.
fn begins<'a>(name: &'a str, text: &'a str) -> impl Fn(&World) + use<'a> {
    move |world| {
        let json = world.done(&["new", name, "--json"]).json();
        let file = json["file"].as_str().expect("a file").trim_start_matches("migrations/").to_owned();
        world.write(&file, text);
    }
}

#[test]
fn two_branches_that_both_seal_conflict_and_graven_seal_keeps_the_lines_of_both() {
    for style in ["merge", "diff3", "zdiff3"] {
        let team = Team::new();
        team.branch("mail", seals("0003_add_mail.sql", "alter table users add mail text;\n"));
        team.branch("phone", seals("0002_add_phone.sql", "alter table users add phone text;\n"));
        team.merge("mail", style);
        let checked = team.world.run(&["check"]);
        let sealed = team.world.done(&["seal"]);
        if style == "merge" {
            snapshot!("team-conflict", checked);
            snapshot!("team-resolved", sealed);
        } else {
            assert!(checked.stderr.starts_with("error: the seal file holds a merge conflict marker\n"), "{style}");
        }
        assert_eq!(team.lines(), ["0001 create_users", "0002 add_phone", "0003 add_mail"], "{style}");
        team.world.done(&["check", "--sealed"]);
        team.commit("merge");
        assert!(team.world.done(&["seal"]).stdout.starts_with("nothing to seal"));
    }
}

#[test]
fn what_was_resolved_is_told_in_json() {
    let team = Team::new();
    team.branch("mail", seals("0003_add_mail.sql", "alter table users add mail text;\n"));
    team.branch("phone", seals("0002_add_phone.sql", "alter table users add phone text;\n"));
    team.merge("mail", "merge");
    let ran = team.world.done(&["seal", "--json"]);
    let (json, sides) = (ran.json(), &ran.json()["mended"]["sides"]);
    assert_eq!((&sides[0]["side"], &sides[1]["side"]), (&"HEAD".into(), &"mail".into()));
    assert_eq!((&sides[0]["lines"][0]["version"], &sides[1]["lines"][0]["version"]), (&2.into(), &3.into()));
    assert_eq!(json["mended"]["warnings"].as_array().map(Vec::len), Some(1));
    assert_eq!((json["sealed"].as_array().map(Vec::len), ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_version_that_both_sealed_is_for_people_and_either_side_can_be_kept() {
    for (side, kept) in [
        ("ours", ["0001_create_users.sql", "0002_add_phone.sql", "0003_add_mail.sql", "seal.lock"]),
        ("theirs", ["0001_create_users.sql", "0002_add_mail.sql", "0003_add_phone.sql", "seal.lock"]),
    ] {
        let team = Team::new();
        team.branch("mail", seals("0002_add_mail.sql", "alter table users add mail text;\n"));
        team.branch("phone", seals("0002_add_phone.sql", "alter table users add phone text;\n"));
        team.merge("mail", "merge");
        let conflict = team.world.read("seal.lock");
        let refused = team.world.run(&["seal"]);
        for arguments in [&["check"][..], &["renumber"], &["renumber", "2"], &["new", "x"]] {
            assert_eq!(team.world.run(arguments).code, Some(6), "{arguments:?}");
        }
        assert_eq!(team.world.read("seal.lock"), conflict);
        if side == "ours" {
            snapshot!("team-both-sealed", refused);
        }
        // As the message says.
        team.git(&["checkout", &format!("--{side}"), "--", "migrations/seal.lock"]);
        assert!(team.world.run(&["check"]).stderr.starts_with("error: two migrations have version 2\n"));
        team.world.done(&["renumber"]);
        assert_eq!(team.world.files(), kept);
        team.world.done(&["seal"]);
        team.world.done(&["check", "--sealed"]);
        team.commit("merge");
    }
}

#[test]
fn a_version_that_both_began_is_never_renumbered_in_silence() {
    let team = Team::new();
    team.branch("mail", begins("add_mail", "alter table users add mail text;\n"));
    team.branch("phone", begins("add_phone", "alter table users add phone text;\n"));
    team.merge("mail", "merge");
    let conflict = team.world.read("seal.lock");
    snapshot!("team-both-began", team.world.run(&["seal"]));
    assert_eq!(team.world.read("seal.lock"), conflict);
    assert_eq!(team.world.files().len(), 4);
    snapshot!("team-renumbered", team.world.done(&["renumber"]));
    // Whoever merges keeps the version.
    let files = ["0001_create_users.sql", "0002_add_phone.sql", "0003_add_mail.sql", "seal.lock"];
    assert_eq!(team.world.files(), files);
    team.world.done(&["seal"]);
    assert_eq!(team.lines(), ["0001 create_users", "0002 add_phone", "0003 add_mail"]);
    team.commit("merge");
}

#[test]
fn a_rebase_that_lands_an_older_number_is_caught_and_renumbered() {
    let team = Team::new();
    team.branch("mail", seals("0003_add_mail.sql", "alter table users add mail text;\n"));
    team.branch("phone", |world| {
        world.write("0002_add_phone.sql", "alter table users add phone text;\n");
        world.write("0002_add_phone.down.sql", "alter table users drop phone;\n");
    });
    // Nothing of it is in git's way: the branch has not touched the seal file.
    team.git(&["rebase", "--quiet", "mail"]);
    snapshot!("team-inserted", team.world.run(&["check"]));
    assert_eq!(team.world.run(&["seal"]).code, Some(6));
    team.world.done(&["renumber"]);
    let files =
        ["0001_create_users.sql", "0003_add_mail.sql", "0004_add_phone.down.sql", "0004_add_phone.sql", "seal.lock"];
    assert_eq!(team.world.files(), files);
    team.world.done(&["check"]);
    team.world.done(&["seal"]);
    team.commit("phone, after mail");
}

#[test]
fn a_branch_keeps_the_order_of_its_own_migrations_after_a_rebase() {
    let mails = ["create table mails (n int);\n", "insert into mails values (10);\n", "update mails set n = n * 2;\n"];
    for (what, mains, branchs, files) in [
        (
            "no room between",
            &["0002_a.sql"][..],
            ["0002_mails.sql", "0003_ins.sql", "0004_upd.sql"],
            ["0005_mails.sql", "0006_ins.sql", "0007_upd.sql"],
        ),
        (
            "room between",
            &["0002_a.sql", "0004_b.sql"],
            ["0003_mails.sql", "0006_ins.sql", "0007_upd.sql"],
            ["0005_mails.sql", "0006_ins.sql", "0007_upd.sql"],
        ),
    ] {
        let team = Team::on(World::with_database());
        team.branch("mains", |world| {
            for file in mains {
                world.write(file, "select 1;\n");
            }
            world.done(&["seal"]);
        });
        team.branch("mails", |world| {
            for (file, text) in branchs.iter().zip(mails) {
                world.write(file, text);
            }
        });
        // Nothing of it is in git's way.
        team.git(&["rebase", "--quiet", "mains"]);
        team.world.done(&["renumber"]);
        let there = team.world.files();
        let own: Vec<&String> = there.iter().filter(|file| files.contains(&file.as_str())).collect();
        assert_eq!((own.len(), there.len()), (3, mains.len() + 5), "{what}: {there:?}");
        team.world.done(&["check"]);
        team.world.done(&["seal"]);
        team.world.done(&["apply"]);
        assert_eq!(
            team.world.database().value("select n::text from mails").expect("a row").as_deref(),
            Some("20"),
            "{what}"
        );
    }
}

#[test]
fn what_the_message_of_a_version_that_both_sealed_says_keeps_the_order_of_the_branch() {
    let team = Team::new();
    team.branch("mail", seals("0002_add_mail.sql", "alter table users add mail text;\n"));
    team.branch("phone", |world| {
        world.write("0002_create_phones.sql", "create table phones ();\n");
        world.write("0003_alter_phones.sql", "alter table phones add number text;\n");
        world.done(&["seal"]);
    });
    team.merge("mail", "merge");
    team.git(&["checkout", "--theirs", "--", "migrations/seal.lock"]);
    snapshot!("team-behind", team.world.run(&["check"]));
    snapshot!("team-behind-renumbered", team.world.done(&["renumber"]));
    let files =
        ["0001_create_users.sql", "0002_add_mail.sql", "0004_create_phones.sql", "0005_alter_phones.sql", "seal.lock"];
    assert_eq!(team.world.files(), files);
    team.world.done(&["seal"]);
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn a_rebase_that_stops_at_the_seal_file_goes_on_after_a_renumber() {
    let team = Team::new();
    team.branch("mail", seals("0002_add_mail.sql", "alter table users add mail text;\n"));
    team.branch("phone", begins("add_phone", "alter table users add phone text;\n"));
    let ran = team.try_git(&["rebase", "mail"]);
    assert_eq!(ran.code, Some(1), "{}", ran.page());
    assert!(team.world.run(&["check"]).stderr.contains("merge conflict marker"));
    let ran = team.world.done(&["renumber"]);
    assert!(
        ran.stdout.contains("renamed migrations/0002_add_phone.sql to migrations/0003_add_phone.sql"),
        "{}",
        ran.page()
    );
    team.git(&["add", "--all", "migrations"]);
    team.git(&["rebase", "--continue"]);
    team.world.done(&["check"]);
    team.world.done(&["seal"]);
    assert_eq!(team.lines(), ["0001 create_users", "0002 add_mail", "0003 add_phone"]);
}

#[test]
fn an_accepted_edit_and_a_new_migration_meet_in_a_merge() {
    let sql: Vec<(String, String)> =
        (2..12).map(|at| (format!("{at:04}_m.sql"), format!("create table m{at} ();\n"))).collect();
    let team = Team::new();
    for (file, text) in &sql {
        team.world.write(file, text);
    }
    team.world.done(&["seal"]);
    team.commit("more");
    team.git(&["tag", "more"]);
    team.git(&["checkout", "--quiet", "-b", "comment", "more"]);
    team.world.write("0003_m.sql", "-- The third.\ncreate table m3 ();\n");
    team.world.done(&["seal", "--accept-edit", "3"]);
    team.commit("comment");
    team.git(&["checkout", "--quiet", "-b", "new", "more"]);
    team.world.write("0012_n.sql", "create table n ();\n");
    team.world.done(&["seal"]);
    team.commit("new");
    // Git merges both lines by itself and stops at the head alone, so that neither side is seen whole.
    team.merge("comment", "merge");
    let ran = team.world.done(&["seal"]);
    assert!(ran.stdout.contains("of HEAD: 0003 m, 0012 n\n  of comment: 0003 m\n"), "{}", ran.page());
    assert_eq!(ran.stderr, "");
    let lock = team.world.read("seal.lock");
    assert_eq!(lock.matches(" was sha256:").count(), 1);
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn a_sealed_migration_that_got_another_version_is_known_by_its_text() {
    let team = Team::new();
    team.git(&["mv", "migrations/0001_create_users.sql", "migrations/0009_users.sql"]);
    snapshot!("team-moved", team.world.run(&["check"]));
    assert_eq!(team.world.run(&["seal"]).code, Some(6));
    team.git(&["mv", "migrations/0009_users.sql", "migrations/0001_create_users.sql"]);
    team.world.done(&["check"]);
}

#[test]
fn a_database_with_the_text_before_an_accepted_edit_goes_on() {
    let world = World::with_database().with(&[("1_a.sql", "create table a (id bigint);\n")]);
    world.done(&["seal"]);
    world.done(&["apply"]);
    world.write("1_a.sql", "-- What it is for.\ncreate table a (id bigint);\n");
    assert_eq!(world.run(&["apply"]).code, Some(6));
    world.done(&["seal", "--accept-edit", "1"]);
    world.write("2_b.sql", "create table b (id bigint);\n");
    world.done(&["seal"]);
    let status = world.done(&["status", "--json"]).json();
    let states: Vec<_> =
        status["migrations"].as_array().expect("a list").iter().map(|it| it["state"].as_str()).collect();
    assert_eq!(states, [Some("applied"), Some("pending")]);
    assert_eq!(status["conflicts"].as_array().map(Vec::len), Some(0));
    assert!(world.done(&["apply", "--sealed"]).stdout.starts_with("applied 1 migration in "));
    world.done(&["verify", "--strict"]);
    // An edit of the edit is known to neither.
    world.write("1_a.sql", "create table a (id bigint, name text);\n");
    assert_eq!(world.run(&["verify"]).code, Some(6));
}
