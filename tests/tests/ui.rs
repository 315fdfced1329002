//! What a mistake looks like to whoever makes it: a case a mistake, and beside it what the compiler then prints.
//!
//! The case `ui/x.rs` embeds the directory `x/migrations`. Where `x` is a rule, that is the rule's bad example from the
//! registry, and otherwise it is `ui/x/migrations`. All of it is laid out in a package of its own: trybuild checks the
//! dependencies of the package that it is told of, and this one has many more than a case needs.
//!
//! `TRYBUILD=overwrite cargo test -p graven-tests --test ui` writes what is printed anew.
// Within `cfg(test)` clippy knows even the functions that are no tests themselves for what they are.
#![cfg(test)]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use graven_source::rule::{RULES, Rule};
use tempfile::TempDir;

/// What the macro takes the package's folder from, before `CARGO_MANIFEST_DIR`.
const OVERRIDE: &str = "GRAVEN_MANIFEST_DIR";

#[test]
fn each_mistake_is_told_of_as_it_was_agreed() {
    // The environment of a process cannot be changed safely: this test starts itself again in another one.
    if env::var_os(OVERRIDE).is_none() {
        start_again(&stage());
        assert_eq!(names("stderr"), names("rs"), "a case is gone, and what it printed is still there");
        return;
    }
    let cases = trybuild::TestCases::new();
    for case in names("rs") {
        let whole = RULES.iter().find(|rule| stem(rule) == case).is_none_or(|rule| is_staged(rule));
        if whole {
            cases.compile_fail(format!("ui/{case}.rs"));
        }
    }
}

#[test]
fn every_rule_has_a_case() {
    let cases = names("rs");
    for rule in RULES {
        let case = stem(rule);
        assert!(cases.contains(&case), "the rule {} has no case ui/{case}.rs", rule.id);
        let text = fs::read_to_string(format!("ui/{case}.rs")).unwrap();
        let is_absolute = rule.bad.path.starts_with('/');
        let path = if is_absolute { rule.bad.path.to_owned() } else { format!("{case}/{}", rule.bad.path) };
        assert!(text.contains(&format!("{path:?}")), "ui/{case}.rs does not embed {path}");
    }
}

/// The names of the cases, by their files of one kind.
fn names(extension: &str) -> BTreeSet<String> {
    let entries = fs::read_dir("ui").unwrap().map(|entry| entry.unwrap().path());
    let of_kind = entries.filter(|path| path.extension().is_some_and(|found| found == extension));
    of_kind.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The name of a rule's case.
fn stem(rule: &Rule) -> String {
    rule.id.replace('-', "_")
}

/// Lays out the package of the cases. It lies outside of the target directory, whose paths trybuild does not shorten.
fn stage() -> TempDir {
    let stage = TempDir::new().unwrap();
    let write = |file: &str, content: &[u8]| {
        let file = stage.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    };
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
    let dependency = format!("graven = {{ path = {runtime:?}, default-features = false }}");
    let manifest = format!("[package]\nname = \"graven-ui\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\n");
    write("Cargo.toml", manifest.as_bytes());
    write("src/lib.rs", b"");
    for case in names("rs") {
        write(&format!("ui/{case}.rs"), &fs::read(format!("ui/{case}.rs")).unwrap());
        for file in fs::read_dir(format!("ui/{case}/migrations")).into_iter().flatten() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            write(&format!("{case}/migrations/{name}"), &fs::read(file.path()).unwrap());
        }
    }
    for rule in RULES {
        for (file, content) in rule.bad.files {
            write(&format!("{}/{}/{file}", stem(rule), rule.bad.path), content);
        }
    }
    stage
}

/// Whether a rule's directory could be laid out. Where upper and lower case are one, two of its files may be.
fn is_staged(rule: &Rule) -> bool {
    let directory = Path::new(&env::var_os(OVERRIDE).unwrap()).join(stem(rule)).join(rule.bad.path);
    rule.bad.files.len() == fs::read_dir(directory).map_or(0, Iterator::count)
}

/// Runs the cases, in the package of the cases.
fn start_again(stage: &TempDir) {
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["each_mistake_is_told_of_as_it_was_agreed", "--exact", "--nocapture"]);
    // `cargo test --test ui -- mistake trybuild=sealed` runs some of the cases.
    again.args(env::args().filter(|argument| argument.starts_with("trybuild=")));
    again.env(OVERRIDE, stage.path()).env("CARGO_MANIFEST_DIR", stage.path());
    // As a release is built: one rule has something to say only there, and what the others say is the same.
    again.env("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", "false");
    let output = again.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    print!("{}", String::from_utf8_lossy(&printed));
    assert!(output.status.success(), "not every mistake is told of as it was agreed: see above");
}
