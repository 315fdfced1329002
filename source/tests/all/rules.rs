//! The registry of rules: each has examples that hold what they promise, and `docs/rules.md` says what it says.
//!
//! `GRAVEN_BLESS=1 cargo test -p graven-source --test all` writes `docs/rules.md` anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use graven_source::problem::Problem;
use graven_source::rule::{self, Example, RULES, Rule};
use graven_source::set::unsealed_release;

use crate::package::Package;

/// What a release build would be told of an example.
fn problems(package: &Package, rule: &Rule, example: &Example) -> Vec<Problem> {
    let loaded = package.load_at(example.path);
    let release = unsealed_release(&loaded.set).filter(|_| *rule == rule::UNSEALED_RELEASE);
    loaded.problems.into_iter().chain(release).collect()
}

#[test]
fn each_bad_example_breaks_its_rule_and_no_other() {
    for rule in RULES {
        let problems = problems(&Package::of(&rule.bad), rule, &rule.bad);
        let broken: Vec<_> = problems.iter().map(|problem| problem.rule.id).collect();
        assert_eq!(broken, [rule.id], "{problems:#?}");
    }
}

#[test]
fn each_good_example_breaks_nothing() {
    for rule in RULES {
        assert!(!rule.good.files.is_empty(), "{}", rule.id);
        let problems = problems(&Package::of(&rule.good), rule, &rule.good);
        assert_eq!(problems, [], "{}", rule.id);
    }
}

#[test]
fn every_problem_says_what_to_do() {
    for rule in RULES {
        for problem in problems(&Package::of(&rule.bad), rule, &rule.bad) {
            assert!(!problem.help.is_empty(), "{problem:?}");
            assert!(!problem.message.ends_with('.'), "{problem:?}");
        }
    }
}

#[test]
fn ids_are_unique_and_found_and_the_prose_is_whole() {
    for rule in RULES {
        assert_eq!(rule::by_id(rule.id), Some(*rule));
        assert_eq!(RULES.iter().filter(|other| other.id == rule.id).count(), 1, "{}", rule.id);
        assert!(rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        assert!(!rule.finds.is_empty() && !rule.finds.ends_with('.'), "{}", rule.id);
        assert!(rule.why.ends_with('.') && rule.remedy.ends_with('.'), "{}", rule.id);
    }
    assert_eq!(rule::by_id("no-such-rule"), None);
}

#[test]
fn the_documentation_says_what_the_registry_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rules.md");
    let wanted = page();
    if std::env::var_os("GRAVEN_BLESS").is_some() {
        fs::write(&file, &wanted).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        found == wanted,
        "docs/rules.md is out of date: run `GRAVEN_BLESS=1 cargo test -p graven-source --test all`"
    );
}

fn page() -> String {
    let mut page = String::from(
        "<!-- Written by `GRAVEN_BLESS=1 cargo test -p graven-source --test all` from source/src/rule.rs. -->\n\n\
         # The rules\n\n\
         What `embed_migrations!` refuses to build and `graven check` reports. All problems of a directory are \
         reported at once.\n\n\
         | rule | an error when |\n|---|---|\n",
    );
    for rule in RULES {
        let _ = writeln!(page, "| [`{}`](#{0}) | {} |", rule.id, rule.finds);
    }
    for rule in RULES {
        let _ = write!(page, "\n## {}\n\nAn error when {}.\n\n", rule.id, rule.finds);
        let _ = write!(page, "**Why:** {}\n\n**What to do:** {}\n\n", rule.why, rule.remedy);
        let package = Package::of(&rule.bad);
        let messages: Vec<_> =
            problems(&package, rule, &rule.bad).iter().map(|problem| package.render(problem)).collect();
        let _ = write!(page, "Refused:\n\n{}", show(&rule.bad));
        let _ = write!(page, "\n```text\nerror: {}\n```\n", messages.join("\n\n"));
        let _ = write!(page, "\nGood:\n\n{}", show(&rule.good));
    }
    page
}

/// An example as Markdown: each file under its path.
fn show(example: &Example) -> String {
    let mut text = String::new();
    if example.files.is_empty() {
        let _ = writeln!(text, "`{}/`, which is not there", example.path);
    }
    for (file, content) in example.files {
        let path = format!("{}/{file}", example.path);
        let content = content.utf8_chunks().fold(String::new(), |text, chunk| {
            let strange: String = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")).collect();
            text + &chunk.valid().replace('\0', "\\0") + &strange
        });
        if content.is_empty() {
            let _ = writeln!(text, "`{path}`, empty\n");
        } else {
            let language = if file.ends_with(".sql") { "sql" } else { "text" };
            let _ = writeln!(text, "`{path}`\n\n```{language}\n{}\n```\n", content.trim_end());
        }
    }
    text.trim_end().to_owned() + "\n"
}
