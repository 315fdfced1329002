//! `graven seal`: seals what is not sealed yet, or accepts an edit, and mends a seal file that a merge left damaged.

use graven_source::file_name::SEAL_FILE;
use graven_source::problem::Problem;
use graven_source::seal::{Seal, SealLine};
use graven_source::set::{Loaded, Set};
use graven_source::{Kind, Version, read};
use serde_json::{Value, json};

use crate::arguments::{self, Common};
use crate::command::plural;
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

/// What the seal file said, and what it says now.
struct Written {
    set: Set,
    before: Seal,
    after: Seal,
}

pub(crate) fn run(common: &Common, seal: &arguments::Seal, output: &Output) -> Result<Exit, Failure> {
    let loaded = load(common);
    let (written, mending) = match mended_seal(&loaded.set) {
        Some(mended) => (mend(common, seal, loaded, &mended)?, Mending::Mended),
        None => (write(seal, loaded)?, Mending::NotNeeded),
    };
    Changes::between(&written.before, &written.after, mending).report(&written.set, output)?;
    Ok(exit::DONE)
}

/// Mends the seal file and seals what is to be sealed; or does neither, and tells of all that is in the way.
///
/// What is mended is written first: without a seal file nobody can tell what in the directory was edited or is gone.
fn mend(common: &Common, seal: &arguments::Seal, loaded: Loaded, mended: &Seal) -> Result<Written, Failure> {
    let path = loaded.set.location.join(SEAL_FILE);
    let damaged = read::read(&path).map_err(|error| Failure::io("read", &path, &error))?;
    write_seal(&loaded.set, mended)?;
    write(seal, load(common)).map_err(|failure| {
        // It held text a moment ago, or nothing could have been mended. If it cannot be put back, what is mended stays.
        let _ = read::write(&path, &String::from_utf8_lossy(&damaged));
        match failure {
            Failure::Problems(mut problems) => {
                problems.extend(loaded.problems.into_iter().filter(|problem| problem.rule.id == "seal-damaged"));
                Failure::Problems(problems)
            }
            other => other,
        }
    })
}

fn write(seal: &arguments::Seal, loaded: Loaded) -> Result<Written, Failure> {
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
    Ok(Written { set, before, after })
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
    /// Announced, and never made or deleted again before it was sealed.
    dropped: Vec<&'a SealLine>,
    lines: usize,
    mending: Mending,
}

impl<'a> Changes<'a> {
    fn between(before: &'a Seal, after: &'a Seal, mending: Mending) -> Self {
        let checksum_before = |line: &SealLine| before.line(line.version, line.kind).and_then(SealLine::checksum);
        let changed =
            after.lines().filter(|line| line.checksum().is_some() && line.checksum() != checksum_before(line));
        let (accepted, sealed) = changed.partition(|line| checksum_before(line).is_some());
        let dropped = before.lines().filter(|line| after.line(line.version, line.kind).is_none()).collect();
        Self { sealed, accepted, dropped, lines: after.lines().count(), mending }
    }

    fn report(&self, set: &Set, output: &Output) -> Result<(), Failure> {
        let file = set.path_of(SEAL_FILE);
        let json = json!({
            "file": file,
            "mended": self.mending == Mending::Mended,
            "sealed": self.sealed.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
            "accepted": self.accepted.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
            "dropped": self.dropped.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
        });
        output.result(&json, || self.text(&file))
    }

    fn text(&self, file: &str) -> String {
        let mut text = String::new();
        if self.mending == Mending::Mended {
            text.push_str(&format!(
                "{GOOD}mended{GOOD:#} {file}: all its lines are kept, and its `head` matches them; \
                 `git diff` shows what changed\n"
            ));
        }
        for line in &self.sealed {
            text.push_str(&format!("{GOOD}sealed{GOOD:#} {}\n", shown(line)));
        }
        for line in &self.accepted {
            text.push_str(&format!("{GOOD}accepted{GOOD:#} the edit of {}\n", shown(line)));
        }
        for line in &self.dropped {
            text.push_str(&format!("dropped {}, which has no file\n", shown(line)));
        }
        if text.is_empty() {
            return format!("nothing to seal: {file} matches the files, {}", plural(self.lines, "line"));
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
