//! `graven seal`: seals what is not sealed yet, or accepts an edit, and mends a seal file that a merge left damaged.

use graven_source::Kind;
use graven_source::Version;
use graven_source::file_name::SEAL_FILE;
use graven_source::problem::Problem;
use graven_source::seal::{Seal, SealLine};
use graven_source::set::{Loaded, Set};
use serde_json::{Value, json};

use crate::arguments::{self, Common};
use crate::command::apply::plural;
use crate::directory::{load, mended_seal, write_seal};
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{GOOD, Output};

/// What is done about a seal file before anything is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mending {
    /// All its lines were kept, and its `head` was written anew.
    Mended,
    NotNeeded,
}

pub(crate) fn run(common: &Common, seal: &arguments::Seal, output: &Output) -> Result<Exit, Failure> {
    let (loaded, mending) = mend(load(common), common, output)?;
    let Loaded { set, problems, .. } = loaded;
    let in_the_way: Vec<Problem> =
        problems.into_iter().filter(|problem| !is_settled(problem, &set, &seal.accept_edit)).collect();
    let before = set.seal.clone().unwrap_or_default();
    let mut after = before.clone();
    for version in &seal.accept_edit {
        after = accept(&set, &after, *version)?;
    }
    if !in_the_way.is_empty() {
        return Err(Failure::Problems(in_the_way));
    }
    // Who accepts an edit has reviewed that edit, and nothing else.
    if seal.accept_edit.is_empty() {
        after = after.seal_all(&set);
    }
    if set.seal.is_none() || after != before {
        write_seal(&set, &after)?;
    }
    Changes::between(&before, &after, mending).report(&set, output)?;
    Ok(exit::DONE)
}

/// Mends the seal file where that makes sense, which is done before anything else is said of the directory: without a
/// seal file nobody can tell what in it was edited or is gone.
fn mend(loaded: Loaded, common: &Common, output: &Output) -> Result<(Loaded, Mending), Failure> {
    let is_damaged = loaded.problems.iter().any(|problem| problem.rule.id == "seal-damaged");
    let Some(seal) = mended_seal(&loaded.set).filter(|_| is_damaged) else {
        return Ok((loaded, Mending::NotNeeded));
    };
    write_seal(&loaded.set, &seal)?;
    output.progress(format_args!(
        "{GOOD}mended{GOOD:#} {}: all its lines are kept, and its `head` matches them (`git diff` shows what changed)",
        loaded.set.path_of(SEAL_FILE)
    ));
    Ok((load(common), Mending::Mended))
}

/// Whether `graven seal` settles a problem.
fn is_settled(problem: &Problem, set: &Set, accepted: &[i64]) -> bool {
    let is_accepted = |version: &i64| {
        let found = Version::new(*version).and_then(|version| set.by_version(version));
        found.is_some_and(|migration| set.path_of(&migration.file) == problem.path)
    };
    match problem.rule.id {
        "seal-absent" => true,
        "sealed-edited" => accepted.iter().any(is_accepted),
        _ => false,
    }
}

fn accept(set: &Set, seal: &Seal, version: i64) -> Result<Seal, Failure> {
    let found = Version::new(version).and_then(|version| set.by_version(version));
    let refused = |message: String, hint: &str| Err(Failure::Usage(message, hint.to_owned()));
    let Some(found) = found else {
        return refused(
            format!("there is no migration {version} in {}", set.directory),
            "`graven check` names the ones that were edited",
        );
    };
    match seal.accept_edit(found.version, found.checksum) {
        Some(seal) => Ok(seal),
        // Of a damaged seal file the problems tell.
        None if set.seal.is_none() => Ok(seal.clone()),
        None => refused(
            format!("migration {version} is not sealed"),
            "one that is not sealed may simply be edited; `graven seal` seals it as it is",
        ),
    }
}

/// What became of the seal file.
struct Changes<'a> {
    sealed: Vec<&'a SealLine>,
    accepted: Vec<&'a SealLine>,
    lines: usize,
    mending: Mending,
}

impl<'a> Changes<'a> {
    fn between(before: &Seal, after: &'a Seal, mending: Mending) -> Self {
        let checksum_before = |line: &SealLine| before.line(line.version, line.kind).and_then(SealLine::checksum);
        let changed = after.lines().filter(|line| line.checksum().is_some() && line.checksum() != checksum_before(line));
        let (accepted, sealed) = changed.partition(|line| checksum_before(line).is_some());
        Self { sealed, accepted, lines: after.lines().count(), mending }
    }

    fn report(&self, set: &Set, output: &Output) -> Result<(), Failure> {
        let file = set.path_of(SEAL_FILE);
        let json = json!({
            "file": file,
            "mended": self.mending == Mending::Mended,
            "sealed": self.sealed.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
            "accepted": self.accepted.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
        });
        output.result(&json, || self.text(&file))
    }

    fn text(&self, file: &str) -> String {
        let mut text = String::new();
        for line in &self.sealed {
            text.push_str(&format!("{GOOD}sealed{GOOD:#} {}\n", shown(line)));
        }
        for line in &self.accepted {
            text.push_str(&format!("{GOOD}accepted{GOOD:#} the edit of {}\n", shown(line)));
        }
        if text.is_empty() && self.mending == Mending::NotNeeded {
            return format!("nothing to seal: {file} has {}", plural(self.lines, "migration"));
        }
        format!("{text}commit {file}")
    }
}

fn shown(line: &SealLine) -> String {
    let suffix = if line.kind == Kind::Baseline { Kind::Baseline.suffix() } else { "" };
    format!("{} {}{suffix}", line.spelling, line.name)
}

fn line_json(line: &SealLine) -> Value {
    json!({
        "version": line.version.value(),
        "name": line.name,
        "kind": line.kind.to_string(),
        "checksum": line.checksum().map(|checksum| checksum.to_string()),
        "was": line.was().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
