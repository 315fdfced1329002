//! `graven summary`: what a change brings.

use crate::world::{self, Ran, World, snapshot};

/// A repository with one sealed and one unsealed migration on `main`, and a branch.
fn repository() -> World {
    let world = World::new().with(&[("1_users.sql", "create table users (id bigint primary key);\n")]);
    world.done(&["seal"]);
    world.write("2_email.sql", "alter table users add email text;\n");
    git(&world, &["init", "-q", "-b", "main"]);
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-qm", "main"]);
    git(&world, &["switch", "-qc", "branch"]);
    world
}

fn git(world: &World, arguments: &[&str]) {
    let mut command = world::git(world);
    command.args(arguments);
    for person in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{person}_NAME"), "Ada").env(format!("GIT_{person}_EMAIL"), "ada@example.org");
        // So that commits have the same names each time.
        command.env(format!("GIT_{person}_DATE"), "2026-01-31T12:00:00Z");
    }
    let output = command.output().expect("git starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs it where no pipeline says what the base is.
fn run(world: &World, arguments: &[&str]) -> Ran {
    let mut command = world.command(arguments);
    command.env_remove("GITHUB_BASE_REF").env_remove("CI_MERGE_REQUEST_DIFF_BASE_SHA").env("GIT_CONFIG_NOSYSTEM", "1");
    world.finish(command)
}

fn changes(ran: &Ran) -> Vec<String> {
    let json = ran.json();
    let changes = json["changes"].as_array().expect("a list");
    changes
        .iter()
        .map(|it| format!("{} {}", it["change"].as_str().unwrap_or("?"), it["file"].as_str().unwrap_or("?")))
        .collect()
}

#[test]
fn a_branch_tells_what_it_brings_whether_it_is_committed_or_not() {
    let world = repository();
    assert_eq!(changes(&run(&world, &["summary", "--json"])), Vec::<String>::new());
    world
        .write("3_posts.sql", "create table posts (id bigint);\n\n-- Why not.\ncreate index posts_id on posts (id);\n");
    world.write("3_posts.down.sql", "drop table posts;\n");
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-qm", "posts"]);
    world.write("4_fast.sql", "-- graven: transaction = off\ncreate index concurrently fast on users (email);\n");
    snapshot!("summary", run(&world, &["summary"]));
    snapshot!("summary-json", run(&world, &["summary", "--json"]));
}

#[test]
fn what_is_edited_sealed_or_deleted_is_told_apart() {
    let world = repository();
    world.write("2_email.sql", "alter table users add email text not null;\n");
    assert_eq!(changes(&run(&world, &["summary", "--json"])), ["edited migrations/2_email.sql"]);
    world.write("2_email.sql", "alter table users add email text;\n");
    world.done(&["seal"]);
    assert_eq!(changes(&run(&world, &["summary", "--json"])), ["sealed migrations/2_email.sql"]);
    world.delete("1_users.sql");
    let ran = run(&world, &["summary", "--json"]);
    assert_eq!(changes(&ran), ["deleted migrations/1_users.sql", "sealed migrations/2_email.sql"]);
    assert_eq!(ran.json()["problems"][0]["rule"], "sealed-deleted");
    assert_eq!(ran.code, Some(0));
    assert!(run(&world, &["summary"]).stdout.contains("**1 problem**"), "{}", run(&world, &["summary"]).page());
}

#[test]
fn what_an_edited_migration_made_was_there_before() {
    let world = repository();
    world.write("1_users.sql", "-- Who may log in.\ncreate table users (id bigint primary key);\n");
    world.done(&["seal", "--accept-edit", "1"]);
    world.write("3_fast.sql", "create index fast on users (email);\n");
    world.write("4_posts.sql", "create table posts (id bigint);\n");
    world.write("5_posts_id.sql", "create index posts_id on posts (id);\n");
    let json = run(&world, &["summary", "--json"]).json();
    let locks = |at: usize| (json["changes"][at]["version"].clone(), json["changes"][at]["locks"].to_string());
    let held = r#"[{"mode":"SHARE","on":"users","others":"others read, nobody writes"}]"#;
    let expected = [(1, "[]"), (3, held), (4, "[]"), (5, "[]")];
    assert_eq!([0, 1, 2, 3].map(locks), expected.map(|(version, held)| (version.into(), held.to_owned())), "{json}");
}

#[test]
fn it_compares_with_where_the_branch_left_and_not_with_what_came_there_since() {
    let world = repository();
    git(&world, &["switch", "-q", "main"]);
    world.write("3_main.sql", "select 1;\n");
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-qm", "more"]);
    git(&world, &["switch", "-q", "branch"]);
    world.write("4_mine.sql", "select 1;\n");
    assert_eq!(changes(&run(&world, &["summary", "--json"])), ["new migrations/4_mine.sql"]);
    let since = run(&world, &["summary", "--json", "--since", "main"]);
    assert_eq!(changes(&since), ["deleted migrations/3_main.sql", "new migrations/4_mine.sql"]);
    assert_eq!(since.json()["since"]["named"], "main");
}

#[test]
fn without_git_all_that_is_not_sealed_is_told() {
    let world = World::new().with(&[("1_a.sql", "select 1;\n")]);
    world.done(&["seal"]);
    world.write("2_b.sql", "select 2;\n");
    snapshot!("summary-without-git", run(&world, &["summary"]));
    let ran = run(&world, &["summary", "--since", "main"]);
    assert_eq!(ran.code, Some(2), "{}", ran.page());
    assert!(ran.stderr.contains("no git repository"), "{}", ran.page());
}

#[test]
fn a_page_fits_into_a_comment_however_much_there_is_to_say() {
    let world = World::new().with(&[]);
    let long = "column_after_column, ".repeat(1000);
    for version in 1..=300 {
        world.write(
            &format!("{version}_{}.sql", "a_long_name_".repeat(15)),
            &format!("select {long}\n{long} 1;\n").repeat(9),
        );
        world.write(&format!("stray_{version}.txt"), "");
    }
    let ran = run(&world, &["summary"]);
    assert_eq!(ran.code, Some(0), "{}", ran.page());
    let page = &ran.stdout;
    assert!(page.chars().count() < 60_000, "{}", page.chars().count());
    let rows = page.lines().filter(|line| line.starts_with("| new |")).count();
    let details = page.matches("<details>").count();
    assert!(rows > 20 && details > 1, "{rows} rows, {details} details");
    assert!(page.contains(&format!("\nand {} more migrations\n", 300 - rows)), "{page}");
    assert!(page.contains(&format!("The statements of {} more migrations are not shown.", 300 - details)), "{page}");
    assert!(page.contains(" more problems\n"), "{page}");
    assert!(
        page.trim_end()
            .ends_with("<sub>All that is not sealed: there was no commit to compare with. `graven summary`</sub>")
    );
}

#[test]
fn a_commit_that_git_does_not_know_is_refused_and_never_taken_for_an_option() {
    let world = repository();
    for since in ["nowhere", "--output=x", "-"] {
        let ran = run(&world, &["summary", &format!("--since={since}")]);
        assert_eq!(ran.code, Some(2), "{}", ran.page());
        assert!(ran.stderr.contains("git knows no commit"), "{}", ran.page());
    }
    assert!(!world.folder().join("migrations/x").exists());
}
