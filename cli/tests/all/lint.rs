//! Lints of `graven check`.

use crate::world::{self, Ran, World, snapshot};

const INDEX: &str = "create index users_email on users (email);\n";
const DROP: &str = "alter table users drop column nickname;\n";

/// A sealed migration that lints would find something in, and two that are not sealed.
fn world() -> World {
    let world = World::new().with(&[("1_old.sql", DROP)]);
    world.done(&["seal"]);
    world.write("2_index.sql", INDEX);
    world.write("3_drop.sql", &format!("-- graven: allow = renaming-table, ban-drop-colum\n{DROP}"));
    world
}

/// The lints that are warned of in JSON, each with its file.
fn warned(ran: &Ran) -> Vec<(String, String)> {
    let json = ran.json();
    let warnings = json["warnings"].as_array().expect("a list").iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    warnings.map(|warning| (text(&warning["rule"]), text(&warning["file"]))).collect()
}

/// Runs it where no workflow says which folder is the root.
fn run(world: &World, arguments: &[&str]) -> Ran {
    let mut command = world.command(arguments);
    for variable in ["GITHUB_WORKSPACE", "GITHUB_BASE_REF", "CI_MERGE_REQUEST_DIFF_BASE_SHA"] {
        command.env_remove(variable);
    }
    world.finish(command)
}

fn git(world: &World, arguments: &[&str]) {
    let mut command = world::git(world);
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]).args(arguments);
    let output = command.output().expect("git is there");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_a_lint_finds_is_shown_with_its_place_and_a_way_out_in_every_format() {
    let world = world();
    snapshot!("lint", run(&world, &["check"]));
    snapshot!("lint-json", run(&world, &["check", "--json"]));
    snapshot!("lint-github", run(&world, &["check", "--format", "github"]));
    let log = run(&world, &["check", "--format", "sarif"]).json();
    let results = log["runs"][0]["results"].as_array().expect("results").clone();
    let told: Vec<_> = results.iter().map(|it| (it["ruleId"].as_str(), it["level"].as_str())).collect();
    let expected = [
        ("squawk/require-concurrent-index-creation", "warning"),
        ("unused-allow", "note"),
        ("unknown-lint", "warning"),
        ("squawk/ban-drop-column", "warning"),
    ];
    assert_eq!(told, expected.map(|(rule, level)| (Some(rule), Some(level))));
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
    for result in &results {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("a number")).expect("a small one");
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert_eq!(rules[index]["defaultConfiguration"]["level"], result["level"]);
    }
}

#[test]
fn ten_of_them_fit_on_a_screen_and_the_others_are_counted() {
    let world = World::new().with(&[("1_a.sql", &DROP.repeat(12))]);
    let ran = world.done(&["check"]);
    assert!(ran.stderr.lines().count() <= 50 && ran.stderr.contains("and 2 more"), "{}", ran.page());
}

#[test]
fn ten_notes_are_shown_and_the_others_are_counted() {
    let allow = "-- graven: allow = ban-drop-column\n";
    let world = World::new().with(&[("1_a.sql", &format!("{}select 1;\n", allow.repeat(150)))]);
    let ran = world.done(&["check"]);
    assert_eq!(ran.stderr.lines().count(), 11, "{}", ran.page());
    assert!(ran.stderr.ends_with("\nnote: and 140 more\n"), "{}", ran.page());
    let world = World::new().with(&[("1_a.sql", &format!("{}select 1;\n", allow.repeat(10)))]);
    let ran = world.done(&["check"]);
    assert!(ran.stderr.lines().count() == 10 && !ran.stderr.contains("more"), "{}", ran.page());
}

#[test]
fn only_what_is_not_sealed_is_linted_unless_all_is_asked_for() {
    let world = world();
    let json = |arguments: &[&str]| run(&world, &[&["check", "--json"], arguments].concat());
    let files = |ran: &Ran| -> Vec<String> {
        let lints = warned(ran).into_iter().filter(|(rule, _)| rule.starts_with("squawk/"));
        lints.map(|(_, file)| file.replace("migrations/", "")).collect()
    };
    let ran = json(&[]);
    assert_eq!(
        (files(&ran), &ran.json()["linted"]),
        (vec!["2_index.sql".to_owned(), "3_drop.sql".to_owned()], &2.into())
    );
    assert_eq!(files(&json(&["--lint", "unsealed"])), ["2_index.sql", "3_drop.sql"]);
    assert_eq!(files(&json(&["--lint", "all"])), ["1_old.sql", "2_index.sql", "3_drop.sql"]);
    let ran = json(&["--lint", "none"]);
    assert_eq!((warned(&ran).len(), ran.json()["linted"].is_null()), (0, true));
    world.write("3_drop.sql", DROP);
    world.done(&["seal"]);
    assert_eq!(run(&world, &["check"]).stderr, "");
}

#[test]
fn baselines_and_reverses_are_never_linted_and_repeatables_with_all() {
    let world = World::new().with(&[
        ("1_a.sql", "create table users (id int);\n"),
        ("1_a.down.sql", "drop table users;\n"),
        ("1_all.baseline.sql", DROP),
        ("views.repeatable.sql", "drop view if exists readers cascade;\ncreate view readers as select 1 as id;\n"),
    ]);
    assert_eq!(world.done(&["check"]).stderr, "");
    let all = warned(&world.done(&["check", "--lint", "all", "--json"]));
    assert_eq!(all, [("squawk/ban-drop-view".to_owned(), "migrations/views.repeatable.sql".to_owned())]);
}

#[test]
fn denied_lints_fail_the_check_and_notes_do_not() {
    let world = world();
    assert_eq!(run(&world, &["check"]).code, Some(0));
    let ran = run(&world, &["check", "--deny-lints"]);
    assert_eq!(ran.code, Some(6), "{}", ran.page());
    assert!(ran.stderr.starts_with("note: ") && ran.stderr.contains("\nerror: 3 problems"), "{}", ran.page());
    let json = run(&world, &["check", "--deny-lints", "--json"]);
    assert_eq!((json.code, json.json()["problems"].as_array().map(Vec::len)), (Some(6), Some(3)));
    world.write("3_drop.sql", &format!("-- graven: allow = ban-drop-column\n{DROP}"));
    assert_eq!(run(&world, &["check", "--deny-lints", "--allow", "require-concurrent-index-creation"]).code, Some(0));
    // Notes alone are nothing to fail for.
    world.write("2_index.sql", "-- graven: allow = ban-drop-column\nselect 1;\n");
    assert_eq!(run(&world, &["check", "--deny-lints"]).code, Some(0));
}

#[test]
fn lints_are_left_out_and_asked_for_by_name() {
    let world =
        World::new().with(&[("1_a.sql", &format!("{DROP}create table posts (id bigserial, body varchar(80));\n"))]);
    let rules = |arguments: &[&str]| -> Vec<String> {
        let ran = world.done(&[&["check", "--json"], arguments].concat());
        warned(&ran).into_iter().map(|(rule, _)| rule.replace("squawk/", "")).collect()
    };
    assert_eq!(rules(&[]), ["ban-drop-column"]);
    assert_eq!(rules(&["--allow", "squawk/ban-drop-column"]), Vec::<String>::new());
    let wanted = ["ban-drop-column", "prefer-identity", "prefer-text-field"];
    assert_eq!(rules(&["--warn", "prefer-text-field,prefer-identity"]), wanted);
    assert_eq!(rules(&["--warn", "prefer-text-field", "--warn", "prefer-identity"]), wanted);
    snapshot!("lint-unknown", world.run(&["check", "--allow", "ban-drop-columns"]));
    snapshot!("lint-left-out", world.run(&["check", "--warn", "require-timeout-settings"]));
}

#[test]
fn what_a_branch_brings_is_linted_though_it_is_sealed() {
    let world = World::new().with(&[("1_old.sql", DROP)]);
    world.done(&["seal"]);
    let ran = run(&world, &["check", "--lint-since"]);
    assert_eq!(ran.code, Some(2), "{}", ran.page());
    git(&world, &["init", "--quiet", "--initial-branch", "main"]);
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "--quiet", "-m", "old"]);
    git(&world, &["switch", "--quiet", "-c", "branch"]);
    world.write("2_index.sql", INDEX);
    world.done(&["seal"]);
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "--quiet", "-m", "index"]);
    world.write("3_drop.sql", DROP);
    world.done(&["seal"]);
    assert_eq!(warned(&run(&world, &["check", "--json"])), []);
    for since in [&["--lint-since"][..], &["--lint-since", "main"]] {
        let files: Vec<_> = warned(&run(&world, &[&["check", "--sealed", "--json"], since].concat()));
        let files: Vec<&str> = files.iter().map(|(_, file)| file.as_str()).collect();
        assert_eq!(files, ["migrations/2_index.sql", "migrations/3_drop.sql"], "{since:?}");
    }
    assert_eq!(warned(&run(&world, &["check", "--json", "--lint-since", "HEAD"])).len(), 1);
    // What an edited file makes was there before it.
    let text = "create table posts (a int);\n";
    world.write("4_posts.sql", text);
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "--quiet", "-m", "posts"]);
    world.write("4_posts.sql", &format!("{text}alter table posts drop column a;\n"));
    let of_posts = |since: &str| {
        let found = warned(&run(&world, &["check", "--json", "--lint-since", since]));
        found.into_iter().filter(|(_, file)| file == "migrations/4_posts.sql").count()
    };
    assert_eq!((of_posts("HEAD"), of_posts("main")), (1, 0));
    snapshot!("lint-since-unknown", run(&world, &["check", "--lint-since", "no-such"]));
}

#[test]
fn a_gate_that_looks_at_nothing_is_refused_or_says_so() {
    let world = World::new().with(&[("1_old.sql", DROP)]);
    world.done(&["seal"]);
    snapshot!("lint-nothing-to-deny", run(&world, &["check", "--sealed", "--deny-lints"]));
    assert_eq!(run(&world, &["check", "--sealed", "--deny-lints", "--lint", "all"]).code, Some(6));
    // A hook may run where there is nothing to look at.
    let ran = run(&world, &["check", "--deny-lints"]);
    assert_eq!(ran.code, Some(0), "{}", ran.page());
    assert!(ran.stderr.contains("all migrations are sealed, and no file was linted"), "{}", ran.page());
    assert_eq!(run(&world, &["check"]).stderr, "");
}

#[test]
fn of_a_sealed_file_nothing_is_demanded_that_would_be_an_edit() {
    let world = World::new().with(&[("1_old.sql", "-- graven: allow = ban-drop-table, no-such-lint\nselect 1;\n")]);
    world.done(&["seal"]);
    let ran = run(&world, &["check", "--lint", "all", "--deny-lints"]);
    assert_eq!(ran.code, Some(0), "{}", ran.page());
    assert!(ran.stderr.contains("no-such-lint") && !ran.stderr.contains("ban-drop-table"), "{}", ran.page());
    git(&world, &["init", "--quiet", "--initial-branch", "main"]);
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "--quiet", "-m", "old"]);
    world.write("2_drop.sql", &format!("-- graven: allow = ban-drop-tables\n{DROP}"));
    world.done(&["seal"]);
    // What is sealed on the branch alone can be edited, and the edit accepted.
    snapshot!("lint-since-sealed", run(&world, &["check", "--lint-since", "HEAD", "--deny-lints"]));
    // As the message says.
    world.write("2_drop.sql", &format!("-- graven: allow = ban-drop-column\n{DROP}"));
    world.done(&["seal", "--accept-edit", "2"]);
    let ran = run(&world, &["check", "--lint-since", "HEAD", "--deny-lints"]);
    assert_eq!(ran.code, Some(0), "{}", ran.page());
}

#[test]
fn a_file_with_problems_is_not_linted_and_the_others_are() {
    let world = World::new().with(&[("1_a.sql", &format!("{DROP}select 'open;\n")), ("2_b.sql", INDEX)]);
    let ran = run(&world, &["check", "--json"]);
    assert_eq!(ran.code, Some(6));
    let found = [("squawk/require-concurrent-index-creation".to_owned(), "migrations/2_b.sql".to_owned())];
    assert_eq!(warned(&ran), found);
}

#[test]
fn an_allowed_rule_of_gravens_own_is_a_problem() {
    let world = World::new().with(&[("1_a.sql", "-- graven: allow = unterminated\nselect 1;\n")]);
    snapshot!("lint-own-rule", run(&world, &["check"]));
    // Nor does an `allow` change what a run does.
    let world =
        World::with_database().with(&[("1_a.sql", "-- graven: allow = no-such-lint\ncreate table t (a int);\n")]);
    assert!(world.done(&["check"]).stderr.contains("there is no lint `no-such-lint`"));
    world.done(&["apply"]);
}

#[test]
fn what_could_not_be_linted_is_told_before_notes_of_less_weight() {
    let unused = "-- graven: allow = ban-drop-table\n".repeat(20);
    let world =
        World::new().with(&[("1_a.sql", &format!("{unused}select 1;\n")), ("2_b.sql", "alter tabel t add a int;\n")]);
    let ran = run(&world, &["check"]);
    assert!(ran.stderr.contains("note: migrations/2_b.sql:1:1: the lints cannot read"), "{}", ran.page());
    assert!(ran.stderr.ends_with("\nnote: and 11 more\n"), "{}", ran.page());
}
