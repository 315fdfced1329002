//! `graven seal`: seals what is not sealed yet, or accepts an edit.

use graven_source::Version;
use graven_source::read;
use graven_source::seal::Seal;
use graven_source::set::{Loaded, Set};
use serde_json::json;

use crate::arguments::{self, Common};
use crate::command::apply::plural;
use crate::directory::load;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{GOOD, Output};

/// What `graven seal` itself mends.
const MENDED: [&str; 1] = ["seal-absent"];

pub(crate) fn run(common: &Common, seal: &arguments::Seal, output: &Output) -> Result<Exit, Failure> {
    let Loaded { set, mut problems, .. } = load(common);
    problems.retain(|problem| {
        let accepted = problem.rule.id == "sealed-edited"
            && seal.accept_edit.iter().any(|version| is_about(&set, *version, &problem.path));
        !MENDED.contains(&problem.rule.id) && !accepted
    });
    if !problems.is_empty() {
        return Err(Failure::Problems(problems));
    }
    let before = set.seal.clone().unwrap_or_default();
    let mut after = before.clone();
    for version in &seal.accept_edit {
        after = accept(&set, &after, *version)?;
    }
    // Who accepts an edit has reviewed that edit, and nothing else.
    if seal.accept_edit.is_empty() {
        after = after.seal_all(&set);
    }
    if set.seal.is_none() || after != before {
        let path = set.location.join(graven_source::file_name::SEAL_FILE);
        read::write(&path, &after.render()).map_err(|error| Failure::io("write", &path, &error))?;
    }
    report(&set, &before, &after, output);
    Ok(exit::DONE)
}

fn is_about(set: &Set, version: i64, path: &str) -> bool {
    Version::new(version)
        .and_then(|version| set.by_version(version))
        .is_some_and(|migration| set.path_of(&migration.file) == path)
}

fn accept(set: &Set, seal: &Seal, version: i64) -> Result<Seal, Failure> {
    let found = Version::new(version).and_then(|version| set.by_version(version));
    found.and_then(|migration| seal.accept_edit(migration.version, migration.checksum)).ok_or_else(|| {
        Failure::Usage(
            format!("migration {version} is not sealed"),
            "an edit is accepted of a sealed migration; one that is not sealed may simply be edited".to_owned(),
        )
    })
}

fn report(set: &Set, before: &Seal, after: &Seal, output: &Output) {
    let changed: Vec<_> = after
        .lines()
        .filter(|line| {
            let old = before.line(line.version, line.kind);
            line.checksum().is_some() && old.and_then(|old| old.checksum()) != line.checksum()
        })
        .collect();
    let path = set.path_of(graven_source::file_name::SEAL_FILE);
    let json = json!({
        "file": path,
        "sealed": changed.iter().map(|line| json!({
            "version": line.version.value(),
            "name": line.name,
            "checksum": line.checksum().map(|checksum| checksum.to_string()),
            "was": line.was().iter().map(ToString::to_string).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    output.result(&json, || {
        let mut text = String::new();
        for line in &changed {
            text.push_str(&format!("{GOOD}sealed{GOOD:#} {} {}\n", line.spelling, line.name));
        }
        if changed.is_empty() {
            format!("nothing to seal: {} in {path}", plural(after.lines().count(), "line"))
        } else {
            format!("{text}commit {path}")
        }
    });
}
