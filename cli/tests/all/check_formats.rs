//! `graven check --format`: for GitHub and for code scanning.

use serde_json::Value;

use crate::world::{Ran, World, snapshot};

fn world() -> World {
    World::new().with(&[
        ("1_a.sql", "select 1;\nselect 'open;\n"),
        ("0001_b.sql", "select 1;\n"),
        ("3_c.sql", "create index concurrently i on a (id);\n"),
    ])
}

/// Runs it where no workflow says which folder is the root.
fn run(world: &World, arguments: &[&str]) -> Ran {
    let mut command = world.command(arguments);
    command.env_remove("GITHUB_WORKSPACE");
    world.finish(command)
}

fn results(ran: &Ran) -> Vec<Value> {
    let log = ran.json();
    assert_eq!(log["version"], "2.1.0");
    log["runs"][0]["results"].as_array().expect("results").clone()
}

#[test]
fn in_github_each_problem_is_an_annotation_at_its_line() {
    snapshot!("check-github", run(&world(), &["check", "--format", "github"]));
    let good = World::new().with(&[("1_a.sql", "select 1;\n"), ("2_b.sql", "-- later\n")]);
    snapshot!("check-github-good", run(&good, &["check", "--format", "github"]));
}

#[test]
fn what_a_server_refuses_is_an_annotation_too() {
    let world = World::new().with(&[("1_a.sql", "select 1;\nselect nothing_there;\n")]);
    let ran = run(&world, &["check", "--database", "--format", "github"]);
    assert_eq!(ran.code, Some(3), "{}", ran.page());
    assert!(
        ran.stdout
            .starts_with("::error file=migrations/1_a.sql,line=2,col=8,title=graven%3A migration-fails::1 a fails: "),
        "{}",
        ran.page()
    );
    let ran = run(&world, &["check", "--database", "postgres://nobody@127.0.0.1:1/none", "--format", "github"]);
    assert_eq!(ran.code, Some(7));
    assert!(ran.stdout.starts_with("::error title=graven::"), "{}", ran.page());
}

#[test]
fn paths_start_at_the_root_of_the_repository_also_in_a_folder_of_it() {
    let world = World::new().with(&[("1_a.sql", "select 'open;\n")]);
    std::fs::create_dir(world.folder().join(".git")).expect("a folder");
    std::fs::create_dir_all(world.folder().join("services/web")).expect("a folder");
    let mut command = world.command(&["check", "--format", "github", "--dir", "../../migrations"]);
    command.env_remove("GITHUB_WORKSPACE").current_dir(world.folder().join("services/web"));
    let ran = world.finish(command);
    assert!(ran.stdout.starts_with("::error file=migrations/1_a.sql,line=1,"), "{}", ran.page());
}

#[test]
fn in_sarif_each_problem_is_a_result_and_every_rule_is_described() {
    let ran = run(&world(), &["check", "--format", "sarif"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(6), ""), "{}", ran.page());
    let results = results(&ran);
    let mut rules: Vec<_> = results.iter().filter_map(|result| result["ruleId"].as_str()).collect();
    rules.sort_unstable();
    assert_eq!(rules, ["duplicate-version", "needs-no-transaction", "unterminated"]);
    let unterminated = results.iter().find(|result| result["ruleId"] == "unterminated").expect("it is there");
    let place = &unterminated["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&"migrations/1_a.sql".into(), &2.into())
    );
    let described = ran.json()["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules").len();
    let listed = World::new().done(&["explain", "--json"]).json();
    let is_rule = |rule: &&Value| rule["id"].as_str().is_some_and(|id| !id.starts_with("squawk/"));
    assert_eq!(described, listed.as_array().expect("a list").iter().filter(is_rule).count());
}

#[test]
fn a_sound_directory_has_a_log_without_results() {
    let good = World::new().with(&[("1_a.sql", "select 1;\n")]);
    let ran = run(&good, &["check", "--format", "sarif"]);
    assert_eq!((ran.code, results(&ran).len()), (Some(0), 0));
}

#[test]
fn a_failure_is_json_where_the_format_is_json() {
    let ran = World::new().with(&[("1_a.sql", "select 1;\n")]).run(&["check", "--format", "json", "--against"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""), "{}", ran.page());
    assert_eq!(ran.json()["error"]["kind"], "usage");
}
