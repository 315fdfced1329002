//! What a message prints is typed as it stands, by a shell, in a real git repository: then it must have helped.

use std::path::Path;

use crate::team::{Team, seals};
use crate::world::{Ran, World};

impl Team {
    /// Types the commands of the first way out that begins so, as they are printed.
    fn follow(&self, ran: &Ran, way: &str) -> Ran {
        let lines = || ran.stderr.lines().map(str::trim);
        let begins = |line: &str| line.trim_start_matches("help: ").trim_start_matches("or ").starts_with(way);
        let is_over = |line: &str| ["or ", "rule: ", "note: "].iter().any(|next| line.starts_with(next));
        let commands: Vec<&str> =
            lines().skip_while(|line| !begins(line)).skip(1).take_while(|it| !is_over(it)).collect();
        assert!(!commands.is_empty(), "{way}\n{}", ran.page());
        self.types(&commands.join("\n"))
    }

    /// Types commands into a shell that stops at the first one that fails.
    fn types(&self, commands: &str) -> Ran {
        let folder = Path::new(env!("CARGO_BIN_EXE_graven")).parent().expect("a folder");
        let path = std::env::var("PATH").expect("a path");
        let mut shell = self.command("sh");
        shell.args(["-ec", commands]).env("PATH", format!("{}:{path}", folder.display()));
        let ran = self.world.ran(shell.output().expect("a shell"));
        assert_eq!(ran.code, Some(0), "{commands}\n{}", ran.page());
        ran
    }

    /// Lets a rebase go on, after what stopped it was mended.
    fn goes_on(&self) -> Ran {
        self.git(&["add", "--all"]);
        self.try_git(&["rebase", "--continue"])
    }
}

const KEEP: &str = "keep the seal file of ";

#[test]
fn a_rebase_that_stops_twice_at_versions_that_both_sealed_is_mended_twice_in_the_same_way() {
    let team = Team::new();
    team.branch("theirs", |world| {
        seals("0004_a4.sql", "select 'a4';\n")(world);
    });
    team.branch("own", seals("0004_b4.sql", "select 'b4';\n"));
    seals("0005_b5.sql", "select 'b5';\n")(&team.world);
    team.commit("b5");
    assert_eq!(team.try_git(&["rebase", "theirs"]).code, Some(1));
    team.follow(&team.world.run(&["check"]), KEEP);
    assert_eq!(team.lines(), ["0001 create_users", "0004 a4", "0005 b4"]);
    assert_eq!(team.goes_on().code, Some(1));
    team.follow(&team.world.run(&["check"]), KEEP);
    let ran = team.goes_on();
    assert_eq!(ran.code, Some(0), "{}", ran.page());
    // What is not sealed yet keeps its order.
    assert_eq!(team.lines(), ["0001 create_users", "0004 a4", "0005 b4", "0006 b5"]);
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn a_merge_of_several_versions_that_both_sealed_is_mended_by_what_is_printed() {
    let team = Team::new();
    team.branch("theirs", |world| {
        seals("0004_a4.sql", "select 'a4';\n")(world);
        seals("0006_a6.sql", "select 'a6';\n")(world);
    });
    team.branch("own", |world| {
        seals("0005_b5.sql", "select 'b5';\n")(world);
        seals("0006_b6.sql", "select 'b6';\n")(world);
    });
    team.git(&["checkout", "--quiet", "theirs"]);
    team.merge("own", "merge");
    team.follow(&team.world.run(&["seal"]), KEEP);
    assert_eq!(team.lines(), ["0001 create_users", "0004 a4", "0006 a6", "0007 b5", "0008 b6"]);
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn two_baselines_of_one_version_that_both_sealed_are_for_people_and_the_other_one_goes() {
    let team = Team::new();
    team.branch("theirs", seals("0001_all.baseline.sql", "create table users (id bigint);\n"));
    team.branch("own", seals("0001_whole.baseline.sql", "create table users (id bigint);\n"));
    team.merge("theirs", "merge");
    team.follow(&team.world.run(&["check"]), KEEP);
    assert_eq!(team.lines(), ["0001 create_users", "0001 whole.baseline"]);
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn a_cherry_pick_of_one_commit_of_several_seals_what_it_brought_and_no_more() {
    for (what, mains, wanted) in [
        ("its version is free", None, ["0001 create_users", "0005 b5"].as_slice()),
        ("its version is not", Some("0007_a7.sql"), &["0001 create_users", "0007 a7", "0008 b5"]),
        (
            "another one has the version that it does not bring",
            Some("0004_a4.sql"),
            &["0001 create_users", "0004 a4", "0005 b5"],
        ),
    ] {
        let team = Team::new();
        team.branch("own", seals("0004_b4.sql", "select 'b4';\n"));
        seals("0005_b5.sql", "select 'b5';\n")(&team.world);
        team.commit("b5");
        team.git(&["checkout", "--quiet", "main"]);
        if let Some(file) = mains {
            seals(file, "select 'main';\n")(&team.world);
            team.commit("main");
        }
        assert_eq!(team.try_git(&["cherry-pick", "own"]).code, Some(1), "{what}");
        let (conflict, checked) = (team.world.read("seal.lock"), team.world.run(&["check"]));
        for verb in ["seal", "renumber"] {
            let ran = team.world.run(&[verb]);
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(6), checked.stderr.as_str()), "{what}: {verb}");
            assert_eq!(team.world.read("seal.lock"), conflict, "{what}: {verb}");
        }
        team.follow(&checked, KEEP);
        assert_eq!(team.lines(), wanted, "{what}");
        team.world.done(&["check", "--sealed"]);
    }
}

#[test]
fn an_edit_is_undone_wherever_it_has_got_to() {
    for name in ["add_mail", "add mail and 'more'"] {
        let (file, text) = (format!("0002_{name}.sql"), "alter table users add mail text;\n");
        let team = Team::new();
        // Sealed under another version, as it came out of a merge.
        team.branch("own", seals("0003_other.sql", text));
        team.git(&["mv", "migrations/0003_other.sql", &format!("migrations/{file}")]);
        team.git(&["checkout", "begin", "--", "migrations/seal.lock"]);
        team.world.done(&["seal"]);
        team.commit("renumbered");
        for commits in 0..3 {
            team.world.write(&file, &format!("{text}-- edit {commits}\n"));
            team.git(&["add", "--all"]);
            for at in 0..commits {
                team.world.write(&file, &format!("{text}-- edit {commits}, {at}\n"));
                team.commit("edit");
            }
            let ran = team.world.run(&["check"]);
            assert!(ran.stderr.contains("sealed migration 2 was edited"), "{}", ran.page());
            team.follow(&ran, "undo the edit, committed or not");
            team.world.done(&["check", "--sealed"]);
        }
    }
}

#[test]
fn what_a_commit_deleted_comes_back_by_the_command_that_the_message_prints() {
    let team = Team::new();
    team.git(&["rm", "--quiet", "migrations/0001_create_users.sql"]);
    team.git(&["commit", "--quiet", "--message", "delete"]);
    team.follow(&team.world.run(&["check"]), "take it back from git, be it");
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn what_a_merge_has_dropped_comes_back() {
    for ending in [".sql", ".up.sql"] {
        let team = Team::new();
        let file = format!("0002_b{ending}");
        team.branch("own", seals(&file, "select 2;\n"));
        team.branch("other", |world| world.write("0003_c.up.sql", "select 3;\n"));
        team.git(&["merge", "--quiet", "--no-commit", "own"]);
        // Sets in which some are called `.up.sql` leave open what this one was called.
        team.git(&["rm", "--quiet", "-f", &format!("migrations/{file}")]);
        team.git(&["commit", "--quiet", "--message", "merge"]);
        team.git(&["commit", "--quiet", "--allow-empty", "--message", "more"]);
        let ran = team.world.run(&["check"]);
        assert!(ran.stderr.contains("sealed migration 2 is gone"), "{}", ran.page());
        team.follow(&ran, "take it back from git, be it");
        assert_eq!(team.world.read(&file), "select 2;\n");
        team.world.done(&["check"]);
        // Not committed yet.
        team.commit("back");
        team.world.delete(&file);
        let ran = team.world.run(&["check"]);
        let way = ran
            .stderr
            .split_once("take back one that no commit deleted with `")
            .and_then(|(_, way)| way.split_once('`'));
        team.types(way.unwrap_or_else(|| panic!("{}", ran.page())).0);
        team.world.done(&["check"]);
    }
}

#[test]
fn what_was_renamed_before_a_commit_deleted_it_comes_back_under_one_name() {
    let team = Team::new();
    // Sets in which some are called `.up.sql` leave open what this one was called.
    seals("0002_a.sql", "select 2;\n")(&team.world);
    seals("0003_b.up.sql", "select 3;\n")(&team.world);
    team.commit("sealed");
    team.git(&["mv", "migrations/0002_a.sql", "migrations/0002_a.up.sql"]);
    team.commit("renamed");
    team.git(&["rm", "--quiet", "migrations/0002_a.up.sql"]);
    team.commit("deleted");
    team.follow(&team.world.run(&["check"]), "take it back from git, be it");
    let back = team.world.files().iter().filter(|file| file.starts_with("0002_a.")).count();
    assert_eq!(back, 1, "{:?}", team.world.files());
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn what_was_committed_with_crlf_comes_back() {
    let team = Team::new();
    team.git(&["config", "core.autocrlf", "false"]);
    seals("0002_a.sql", "select 2;\r\nselect 3;\r\n")(&team.world);
    team.commit("sealed");
    team.world.write("0002_a.sql", "select 4;\r\n");
    team.commit("edited");
    team.follow(&team.world.run(&["check"]), "undo the edit, committed or not");
    assert_eq!(team.world.read("0002_a.sql"), "select 2;\r\nselect 3;\r\n");
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn what_was_committed_with_a_byte_order_mark_and_a_lone_carriage_return_comes_back() {
    let team = Team::new();
    team.git(&["config", "core.autocrlf", "false"]);
    let text = "\u{feff}select 'a\rb';\r\nselect 3;\n";
    seals("0002_a.sql", text)(&team.world);
    team.commit("sealed");
    team.world.write("0002_a.sql", "select 4;\n");
    team.commit("edited");
    team.follow(&team.world.run(&["check"]), "undo the edit, committed or not");
    assert_eq!(team.world.read("0002_a.sql"), text);
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn where_no_commit_has_the_sealed_text_that_is_said() {
    let team = Team::new();
    seals("0002_a.sql", "select 2;\n")(&team.world);
    for commits in 0..2 {
        team.world.write("0002_a.sql", &format!("select 2; -- edited {commits}\n"));
        let ran = team.follow(&team.world.run(&["check"]), "undo the edit, committed or not");
        assert_eq!(ran.stdout, "neither a commit nor the index has it as it was sealed\n", "{commits}");
        team.commit("edited");
        team.world.delete("0002_a.sql");
        let ran = team.follow(&team.world.run(&["check"]), "take it back from git, be it");
        assert_eq!(ran.stdout, "neither a commit nor the index has it as it was sealed\n", "{commits}");
    }
}

#[test]
fn what_is_staged_and_not_committed_yet_comes_back() {
    let team = Team::new();
    seals("0002_a.sql", "select 2;\n")(&team.world);
    team.git(&["add", "--all"]);
    team.world.write("0002_a.sql", "select 3;\n");
    team.follow(&team.world.run(&["check"]), "undo the edit, committed or not");
    assert_eq!(team.world.read("0002_a.sql"), "select 2;\n");
    team.world.delete("0002_a.sql");
    team.follow(&team.world.run(&["check"]), "take it back from git, be it");
    assert_eq!(team.world.read("0002_a.sql"), "select 2;\n");
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn an_empty_text_that_was_sealed_is_not_taken_for_what_another_branch_has() {
    let team = Team::new();
    team.branch("theirs", |world| world.write("0002_a.sql", "select 'theirs';\n"));
    team.git(&["checkout", "--quiet", "-b", "own", "begin"]);
    seals("0002_a.sql", "")(&team.world);
    team.world.write("0002_a.sql", "select 2;\n");
    let ran = team.follow(&team.world.run(&["check"]), "undo the edit, committed or not");
    assert_eq!(ran.stdout, "neither a commit nor the index has it as it was sealed\n");
    assert_eq!(team.world.read("0002_a.sql"), "select 2;\n");
    team.world.write("0002_a.sql", "");
    team.commit("sealed");
    team.world.write("0002_a.sql", "select 2;\n");
    team.commit("edited");
    team.follow(&team.world.run(&["check"]), "undo the edit, committed or not");
    assert_eq!(team.world.read("0002_a.sql"), "");
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn what_is_typed_for_another_directory_acts_on_that_one() {
    let team = Team::new();
    let billing = |arguments: &[&str]| team.world.run(&[arguments, &["--dir", "our billing"]].concat());
    let folder = team.world.folder().join("our billing");
    std::fs::create_dir(&folder).expect("a directory");
    let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).expect("a file");
    write("0001_a.sql", "select 1;\n");
    let ran = billing(&["check"]);
    team.types(quoted(&ran, "let `"));
    team.commit("sealed");
    write("0001_a.sql", "select 1; -- one\n");
    write("1_b.sql", "select 2;\n");
    let ran = billing(&["check"]);
    team.types(quoted(&ran, "or let `"));
    team.types(quoted(&ran, "accept a harmless edit with `"));
    assert_eq!(billing(&["check"]).code, Some(0));
    assert_eq!(team.lines(), ["0001 create_users"]);
    // What was made a moment ago is committed as well.
    let ran = billing(&["seal"]);
    assert!(ran.stdout.ends_with("\ncommit our billing\n"), "{}", ran.page());
}

#[test]
fn what_a_run_prints_for_another_directory_acts_on_that_one() {
    let world = World::with_database().with(&[("0001_other.sql", "select 'other';\n")]);
    let folder = world.folder().join("our billing");
    std::fs::create_dir(&folder).expect("a directory");
    let write = |file: &str, text: &str| std::fs::write(folder.join(file), text).expect("a file");
    write("seal.lock", "");
    write("0002_bills.sql", "create table bills (id bigint);\n");
    world.done(&["apply", "--dir", "our billing"]);
    write("0001_late.sql", "select 1;\n");
    for arguments in [
        ["apply", "--dir", "our billing"].as_slice(),
        &["apply", "--dir", "our billing", "--json"],
        &["status", "--dir", "our billing"],
        &["status", "--dir", "our billing", "--json"],
        &["check", "--dir", "our billing", "--against"],
        &["check", "--dir", "our billing", "--against", "--json"],
    ] {
        let ran = world.run(arguments);
        let page = ran.page();
        let commands: Vec<&str> = page.split('`').filter(|part| part.starts_with("graven apply")).collect();
        assert!(!commands.is_empty(), "{page}");
        assert!(commands.iter().all(|command| command.ends_with(" --dir 'our billing'")), "{page}");
    }
    write("0002_bills.sql", "create table bills (id int);\n");
    let ran = world.run(&["apply", "--dir", "our billing"]);
    assert!(ran.stderr.contains("(`git checkout -- 'our billing/0002_bills.sql'`)"), "{}", ran.page());
    // Where the directory is not there, nothing further up is taken for it.
    let ran = world.run(&["new", "--dir", "our billing", "a/b"]);
    assert!(ran.stderr.contains("`graven new add_email --dir 'our billing'`"), "{}", ran.page());
    let ran = world.run(&["check", "--dir", "none"]);
    assert!(ran.stderr.contains("let `graven new NAME --dir none` make it"), "{}", ran.page());
}

/// What stands in backquotes behind these words.
fn quoted<'a>(ran: &'a Ran, words: &str) -> &'a str {
    let rest = ran.stderr.split_once(words).and_then(|(_, rest)| rest.split_once('`'));
    rest.unwrap_or_else(|| panic!("{words}\n{}", ran.page())).0
}

#[test]
fn a_migration_with_conflict_markers_is_not_sealed() {
    let team = Team::new();
    team.branch("theirs", |world| world.write("0002_a.sql", "select 2;\n"));
    team.branch("own", |world| world.write("0002_a.sql", "select 3;\n"));
    assert_eq!(team.try_git(&["merge", "theirs"]).code, Some(1));
    let ran = team.world.run(&["seal"]);
    assert_eq!(ran.code, Some(6), "{}", ran.page());
    assert!(ran.stderr.starts_with("error: the file holds a merge conflict marker\n"), "{}", ran.page());
    let way = quoted(&ran, "while the merge is going on: `");
    team.types(way);
    team.world.done(&["seal"]);
    assert_eq!(team.world.read("0002_a.sql"), "select 3;\n");
}

#[test]
fn a_seal_file_that_git_merged_by_itself_is_mended_by_graven_seal_as_the_message_says() {
    let team = Team::new();
    std::fs::write(team.world.folder().join(".gitattributes"), "seal.lock merge=union\n").expect("a file");
    team.commit("attributes");
    team.git(&["tag", "--force", "begin"]);
    team.branch("theirs", seals("0002_a.sql", "select 2;\n"));
    team.branch("own", seals("0003_b.sql", "select 3;\n"));
    team.git(&["merge", "--quiet", "theirs"]);
    let ran = team.world.run(&["check"]);
    let damages = ran.stderr.matches("rule: seal-damaged").count();
    assert!(damages > 0 && ran.stderr.matches("let `graven seal` compare them").count() == damages, "{}", ran.page());
    team.world.done(&["seal"]);
    assert_eq!(team.lines(), ["0001 create_users", "0002 a", "0003 b"]);
    team.world.done(&["check", "--sealed"]);
}

#[test]
fn conflict_markers_of_another_width_are_known() {
    for style in ["merge", "diff3"] {
        let team = Team::new();
        std::fs::write(team.world.folder().join(".gitattributes"), "seal.lock conflict-marker-size=12\n")
            .expect("a file");
        team.commit("attributes");
        team.git(&["tag", "--force", "begin"]);
        team.branch("theirs", seals("0002_a.sql", "select 2;\n"));
        team.branch("own", seals("0003_b.sql", "select 3;\n"));
        team.merge("theirs", style);
        assert!(team.world.read("seal.lock").contains("\n<<<<<<<<<<<< HEAD\n"));
        let ran = team.world.done(&["seal"]);
        assert!(ran.stdout.contains("  of HEAD: 0003 b\n  of theirs: 0002 a\n"), "{}", ran.page());
        team.world.done(&["check", "--sealed"]);
    }
}
