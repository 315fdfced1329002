//! The action for GitHub and the recipe for GitLab, their steps run as they stand.

use std::fmt::Write as _;

use yaml_rust2::Yaml;

use crate::page::Page;
use crate::server::Server;
use crate::world::World;
use crate::yaml::{action, parse};

const GOOD: (&str, &str) = ("migrations/0001_create_users.sql", "CREATE TABLE users (id bigint);\n");

/// Stands in for cargo: says what it was asked for, and puts the command where it was asked to.
const CARGO: &str = "\
#!/bin/sh
echo \"$@\" >> \"$HOME/cargo\"
if [ \"$8\" ]; then
    echo \"too much: $*\"
    exit 1
fi
case \"$*\" in
*--root*) mkdir -p .graven/bin && ln -s \"$(command -v graven)\" .graven/bin/graven ;;
esac
";

/// Stands in for GitHub's command: knows the comments that `$HOME/comments` lists, and says what else it was asked for.
const GH: &str = "\
#!/bin/sh
case \"$*\" in
*--paginate*)
    echo \"$2\" >> \"$HOME/asked\"
    cat \"$HOME/comments\" 2>/dev/null || true
    exit ;;
esac
echo \"$@\" >> \"$HOME/gh\"
for last; do :; done
cat \"${last#body=@}\" >> \"$HOME/gh\"
";

/// Stands in for curl at GitLab's notes: knows those that `$HOME/notes` lists, and says what it was to write.
const CURL: &str = "\
#!/bin/sh
case \"$*\" in
*--data-urlencode*)
    echo \"$@\" >> \"$HOME/curl\"
    cat note.md >> \"$HOME/curl\" ;;
*) cat \"$HOME/notes\" ;;
esac
";

/// A repository with migrations, whose `cargo`, `curl` and `gh` only say what they were asked for.
fn world(server: &Server, files: &[(&str, &str)]) -> World {
    let mut world = World::new(server);
    for (file, text) in files {
        world.write(file, text);
    }
    world.write("cargo", CARGO);
    world.write("curl", CURL);
    world.write("gh", GH);
    // Copies, since the system runs no file that somebody has open for writing: what this process writes, any other that it
    // starts at the same moment has open, too.
    let ran = world.run(
        "chmod +x cargo curl gh && cp cargo curl gh \"$HOME/../bin/\" && rm cargo curl gh && export GITHUB_STEP_SUMMARY=\"$HOME/summary\" RUNNER_TEMP=\"$HOME\"",
    );
    assert_eq!(ran.code, 0, "{}", ran.output);
    world
}

/// What an expression of the action's is worth.
fn value(action: &Yaml, given: &[(&str, &str)], expression: &str) -> String {
    let expression = expression.trim();
    let Some(name) = expression.strip_prefix("inputs.") else {
        return match expression {
            "github.token" => "a token".to_owned(),
            "github.repository" | "github.event.pull_request.head.repo.full_name" => "owner/app".to_owned(),
            "github.event.pull_request.number" => "7".to_owned(),
            _ => panic!("{expression} is not known here"),
        };
    };
    let given = given.iter().find(|(input, _)| *input == name).map(|(_, value)| *value);
    let default = action["inputs"][name]["default"].as_str();
    given.or(default).unwrap_or_else(|| panic!("{name} is no input")).to_owned()
}

/// Whether a step is run: `inputs.x == 'true'`, `github.x == github.y`, and such joined by `&&`; after a failure only with
/// `always()`.
fn is_wanted(action: &Yaml, given: &[(&str, &str)], step: &Yaml, has_failed: bool) -> bool {
    let condition = step["if"].as_str().unwrap_or_default();
    let mut parts: Vec<&str> = condition.split("&&").map(str::trim).filter(|part| !part.is_empty()).collect();
    let always = parts.first() == Some(&"always()");
    if always {
        parts.remove(0);
    }
    let holds = |part: &&str| {
        let (left, right) = part.split_once("== ").or(part.split_once("!= ")).expect("a condition");
        let right = match right.strip_prefix('\'') {
            Some(text) => text.trim_end_matches('\'').to_owned(),
            None => value(action, given, right),
        };
        (value(action, given, left) == right) == part.contains("==")
    };
    (always || !has_failed) && parts.iter().all(holds)
}

/// Runs the steps of the action one after another. Gives back what they printed, and the name of the first one that failed.
fn run_action(world: &mut World, given: &[(&str, &str)]) -> (String, Option<String>) {
    let action = action();
    let (mut printed, mut failed) = (String::new(), None);
    for step in action["runs"]["steps"].as_vec().expect("steps") {
        if !is_wanted(&action, given, step, failed.is_some()) {
            continue;
        }
        let Some(script) = step["run"].as_str() else {
            assert!(step["uses"].as_str().is_some_and(|uses| uses.contains("@v")), "{step:?}");
            continue;
        };
        assert_eq!(step["shell"].as_str(), Some("bash"), "a step of a composite action names its shell");
        assert!(!script.contains("${{"), "what comes from outside is a variable, never part of a script");
        let mut exports = String::new();
        for (name, text) in step["env"].as_hash().into_iter().flatten() {
            let (name, text) = (name.as_str().expect("a name"), text.as_str().expect("a text"));
            let expression = text.trim_start_matches("${{").trim_end_matches("}}");
            let _ = writeln!(exports, "export {name}='{}'", value(&action, given, expression).replace('\'', r"'\''"));
        }
        world.write("step.sh", script);
        let ran = world.run(&format!("(\n{exports}bash --noprofile --norc -eo pipefail step.sh\n)"));
        printed.push_str(&ran.output);
        if ran.code != 0 {
            failed.get_or_insert_with(|| step["name"].as_str().expect("a name").to_owned());
        }
    }
    (printed, failed)
}

/// The database of the world, for an input.
fn database_url(world: &mut World) -> String {
    world.run("printf %s \"$DATABASE_URL\"").output
}

#[test]
fn the_action_installs_checks_applies_and_says_what_is_new() {
    let Some(server) = Server::start() else { return };
    let mut world = world(&server, &[]);
    let began = world.run("git add -A && git commit -qm Begin && git switch -qc users");
    assert_eq!(began.code, 0, "{}", began.output);
    world.write(GOOD.0, GOOD.1);
    let ran = world.run("graven seal && git add -A && git commit -qm Users");
    assert_eq!(ran.code, 0, "{}", ran.output);
    let url = database_url(&mut world);
    let mut given = vec![("database", url.as_str()), ("version", "9.9.9"), ("reverse", "true"), ("comment", "true")];
    given.push(("script", "migrations"));
    let (printed, failed) = run_action(&mut world, &given);
    assert_eq!(failed, None, "{printed}");
    assert!(!printed.contains("::error"), "{printed}");
    assert_eq!(world.run("cat \"$HOME/cargo\"").output, "install --locked graven-cli --version 9.9.9\n");
    let summary = world.run("cat \"$HOME/summary\"").output;
    assert!(summary.contains("CREATE TABLE users"), "{summary}");
    assert_eq!(world.run("cat \"$HOME/asked\"").output, "repos/owner/app/issues/7/comments?per_page=100\n");
    let comment = world.run("cat \"$HOME/gh\"").output;
    let (asked, body) = comment.split_once('\n').expect("a line");
    assert!(asked.starts_with("api --silent --method POST repos/owner/app/issues/7/comments "), "{asked}");
    assert_eq!(body, format!("<!-- graven: migrations -->\n{summary}"));
    let script = world.run("cat \"$RUNNER_TEMP/migrations.sql\"").output;
    assert!(script.contains("CREATE TABLE users"), "{script}");
    // It was another database that everything was applied to.
    assert_eq!(world.run("graven verify").code, 8);
}

#[test]
fn the_action_renews_its_own_comment_and_installs_nothing_that_is_there() {
    let Some(server) = Server::start() else { return };
    let mut world = world(&server, &[GOOD]);
    assert_eq!(world.run("graven seal").code, 0);
    world.write(
        "comments",
        "11 Another workflow's\n12 <!-- graven: migrations -->\n13 <!-- graven: shop/migrations -->\n",
    );
    assert_eq!(world.run("mv comments \"$HOME/comments\"").code, 0);
    let given = [("version", env!("CARGO_PKG_VERSION")), ("database", "none"), ("comment", "true")];
    let (printed, failed) = run_action(&mut world, &given);
    assert_eq!(failed, None, "{printed}");
    assert!(!world.run("cat \"$HOME/cargo\"").output.contains("install"), "it is there, in this version");
    let comment = world.run("cat \"$HOME/gh\"").output;
    assert!(comment.starts_with("api --silent --method PATCH repos/owner/app/issues/comments/12 "), "{comment}");
    assert!(comment.contains("\n<!-- graven: migrations -->\n### Migrations"), "{comment}");
    assert!(
        world.run("ls \"$RUNNER_TEMP\"").output.lines().all(|file| !file.ends_with(".sql")),
        "no script was asked for"
    );
}

#[test]
fn the_action_fails_at_what_is_not_sealed_unless_told_otherwise() {
    let Some(server) = Server::start() else { return };
    let mut world = world(&server, &[GOOD]);
    let (printed, failed) = run_action(&mut world, &[("install", "false"), ("database", "none")]);
    assert_eq!(failed.as_deref(), Some("Check the migrations"), "{printed}");
    assert!(printed.contains("::error file=migrations/seal.lock"), "{printed}");
    assert!(world.run("cat \"$HOME/summary\"").output.contains("create"), "the summary is written all the same");
    let given = [("install", "false"), ("database", "none"), ("sealed", "false"), ("summary", "false")];
    let (printed, failed) = run_action(&mut world, &given);
    assert_eq!(failed, None, "{printed}");
    assert!(!world.run("cat \"$HOME/cargo\"").output.contains("install"), "it was told not to");
}

#[test]
fn the_action_lints_what_a_pull_request_brings_as_it_is_told() {
    let Some(server) = Server::start() else { return };
    let mut world = world(&server, &[GOOD]);
    let ran = world.run(
        "graven seal && git add -A && git commit -qm Users && git update-ref refs/remotes/origin/main HEAD && \
         git switch -qc drop && export GITHUB_BASE_REF=main",
    );
    assert_eq!(ran.code, 0, "{}", ran.output);
    world.write("migrations/0002_drop_users.sql", "DROP TABLE users;\n");
    let ran = world.run("graven seal && git add -A && git commit -qm Drop");
    assert_eq!(ran.code, 0, "{}", ran.output);
    let lint = |world: &mut World, lint: &str| {
        run_action(world, &[("install", "false"), ("database", "none"), ("summary", "false"), ("lint", lint)])
    };
    let at = "file=migrations/0002_drop_users.sql";
    let (printed, failed) = lint(&mut world, "warn");
    assert_eq!((failed, printed.contains(&format!("::warning {at}"))), (None, true), "{printed}");
    let (printed, failed) = lint(&mut world, "deny");
    assert_eq!((failed.is_some(), printed.contains(&format!("::error {at}"))), (true, true), "{printed}");
    let (printed, failed) = lint(&mut world, "none");
    assert_eq!((failed, printed.contains("::")), (None, false), "{printed}");
    let (printed, failed) = lint(&mut world, "some");
    assert_eq!((failed.is_some(), printed.contains("::error title")), (true, true), "{printed}");
    // As in a checkout without history.
    assert_eq!(world.run("git update-ref -d refs/remotes/origin/main").code, 0);
    let (printed, failed) = lint(&mut world, "warn");
    assert_eq!((failed, printed.contains("nothing was linted")), (None, true), "{printed}");
}

#[test]
fn the_action_finds_a_sealed_migration_that_is_gone_with_its_line() {
    let Some(server) = Server::start() else { return };
    let mut world = world(&server, &[GOOD]);
    assert_eq!(world.run("graven seal && git add -A && git commit -qm Users").code, 0);
    world.write("migrations/0002_b.sql", "SELECT 2;\n");
    let ran = world.run(
        "graven seal && git add -A && git commit -qm b && git update-ref refs/remotes/origin/main HEAD && \
         git switch -qc undo && git revert --no-edit HEAD && export GITHUB_BASE_REF=main",
    );
    assert_eq!(ran.code, 0, "{}", ran.output);
    let check = |world: &mut World, since: &str| {
        run_action(world, &[("install", "false"), ("database", "none"), ("summary", "false"), ("since", since)])
    };
    let (printed, failed) = check(&mut world, "true");
    assert_eq!(failed.as_deref(), Some("Check the migrations"), "{printed}");
    assert!(printed.contains("::error file=migrations/seal.lock") && printed.contains("seal-changed"), "{printed}");
    let (printed, failed) = check(&mut world, "false");
    assert_eq!(failed, None, "{printed}");
    assert_eq!(world.run("git update-ref -d refs/remotes/origin/main").code, 0);
    let (printed, failed) = check(&mut world, "true");
    assert_eq!((failed, printed.contains("what was sealed before was not looked at")), (None, true), "{printed}");
}

#[test]
fn the_action_fails_at_sql_that_the_server_refuses() {
    let Some(server) = Server::start() else { return };
    let mut world = world(&server, &[("shop/sql/1_a.sql", "SELECT nothing;\n"), ("shop/sql/seal.lock", "")]);
    let url = database_url(&mut world);
    let given = [("path", "../graven"), ("directory", "shop/sql"), ("sealed", "false"), ("database", url.as_str())];
    let (printed, failed) = run_action(&mut world, &given);
    assert_eq!(failed.as_deref(), Some("Check the migrations"), "{printed}");
    assert!(printed.contains("::error file=shop/sql/1_a.sql,line=1,col=8"), "{printed}");
    assert_eq!(world.run("cat \"$HOME/cargo\"").output, "install --locked --path ../graven/cli\n");
}

#[test]
fn the_action_compares_a_baseline_where_it_is_told_to() {
    let Some(server) = Server::start() else { return };
    let baseline = ("migrations/0001_all.baseline.sql", "CREATE TABLE users (id integer);\n");
    let mut world = world(&server, &[GOOD, baseline]);
    assert_eq!(world.run("graven seal").code, 0);
    let url = database_url(&mut world);
    let mut given = vec![("install", "false"), ("database", url.as_str()), ("summary", "false")];
    let (printed, failed) = run_action(&mut world, &given);
    assert_eq!(failed, None, "{printed}");
    given.push(("baseline", "true"));
    let (printed, failed) = run_action(&mut world, &given);
    assert_eq!(failed.as_deref(), Some("Check the migrations"), "{printed}");
    assert!(printed.contains("::error file=migrations/0001_all.baseline.sql"), "{printed}");
    world.write(baseline.0, GOOD.1);
    assert_eq!(world.run("graven seal --accept-edit 1.baseline").code, 0);
    let (printed, failed) = run_action(&mut world, &given);
    assert_eq!(failed, None, "{printed}");
    assert!(printed.contains("baseline 1 all: as all migrations one by one"), "{printed}");
}

/// The script of the recipe for GitLab.
fn gitlab() -> String {
    let page = Page::read("ci.md");
    let recipes: Vec<&str> = page.fences("yaml").filter(|text| text.starts_with("migrations:")).collect();
    let [recipe] = recipes[..] else { panic!("one recipe, not {}", recipes.len()) };
    let recipe = parse("docs/ci.md", recipe);
    let script = recipe["migrations"]["script"].as_vec().expect("a script");
    let lines: Vec<&str> = script.iter().map(|line| line.as_str().expect("a line")).collect();
    lines.join("\n")
}

#[test]
fn the_recipe_for_gitlab_installs_once_checks_and_applies() {
    let Some(server) = Server::start() else { return };
    let script = gitlab();
    let mut world = world(&server, &[GOOD]);
    assert_eq!(world.run("graven seal && git add -A && git commit -qm base && git tag base").code, 0);
    world.write("migrations/0002_index.sql", "CREATE INDEX users_id ON users (id);\n");
    assert_eq!(world.run("graven seal && git add -A && git commit -qm index").code, 0);
    for _ in 0..2 {
        let since = "export CI_MERGE_REQUEST_DIFF_BASE_SHA=$(git rev-parse base)";
        let ran = world.run(&format!("(\nset -e\n{since}\n{script}\n)"));
        assert_eq!(ran.code, 0, "{}", ran.output);
        assert!(ran.output.contains("require-concurrent-index-creation"), "{}", ran.output);
    }
    assert_ne!(world.run("cat \"$HOME/curl\"").code, 0, "without a token nothing is written");
    let installed = world.run("cat \"$HOME/cargo\"").output;
    assert_eq!(installed, "install graven-cli --locked --version 0.1.0 --root .graven\n");
    world.write(GOOD.0, "CREATE TABLE users (id int);\n");
    assert_eq!(world.run(&format!("(\nset -e\n{script}\n)")).code, 6);
}

#[test]
fn the_recipe_for_gitlab_comments_once_and_renews_its_comment() {
    let Some(server) = Server::start() else { return };
    let script = gitlab();
    let mut world = world(&server, &[GOOD]);
    let ran = world.run(
        "graven seal && git add -A && git commit -qm users && \
         export CI_MERGE_REQUEST_DIFF_BASE_SHA=$(git rev-parse HEAD) GRAVEN_TOKEN=secret && \
         export CI_API_V4_URL=https://gitlab.example.com/api/v4 CI_PROJECT_ID=5 \
         CI_MERGE_REQUEST_IID=7",
    );
    assert_eq!(ran.code, 0, "{}", ran.output);
    let notes = "https://gitlab.example.com/api/v4/projects/5/merge_requests/7/notes";
    let other = r#"{"id":11,"type":null,"body":"see \"id\":5 {graven: migrations}","author":{"id":1,"name":"Ada"}}"#;
    let ours = r#"{"id":12,"type":null,"body":"\u003c!-- graven: migrations --\u003e\n### {","author":{"id":2}}"#;
    let neighbour = ours.replace("12", "13").replace("migrations --", "migrations-billing --");
    let person = r#"{"id":14,"type":null,"body":"graven: migrations 3 and 4 look fine","author":{"id":1}}"#;
    for (there, method, to) in [
        ("[]".to_owned(), "POST", notes.to_owned()),
        (format!("[{other}]"), "POST", notes.to_owned()),
        (format!("[{ours},{neighbour},{person}]"), "PUT", format!("{notes}/12")),
        (format!("[{other},{ours},{other}]"), "PUT", format!("{notes}/12")),
        (format!("[{other},{}]", ours.replace("\\u003c", "<")), "PUT", format!("{notes}/12")),
    ] {
        world.write("notes", &there);
        world.write("script.sh", &script);
        let ran = world.run("mv notes \"$HOME/notes\" && rm -f \"$HOME/curl\" && bash -eo pipefail script.sh");
        assert_eq!(ran.code, 0, "{}", ran.output);
        let written = world.run("cat \"$HOME/curl\"").output;
        let (asked, body) = written.split_once('\n').expect("a line");
        assert!(asked.contains(&format!("-X {method} ")) && asked.ends_with(&format!(" {to}")), "{asked}");
        assert!(body.starts_with("<!-- graven: migrations -->\n### Migrations: "), "{body}");
    }
}
