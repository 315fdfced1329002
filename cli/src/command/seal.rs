//! `graven seal`: seals what is not sealed yet, or accepts an edit, and mends a seal file that a merge left damaged.

use graven_source::file_name::SEAL_FILE;
use graven_source::problem::Problem;
use graven_source::seal::{Mended, Seal, SealLine};
use graven_source::set::{Loaded, Migration, Set};
use graven_source::{Kind, Version};
use serde_json::{Value, json};

use crate::arguments::{self, Common, Edited};
use crate::command::{mended, plural};
use crate::directory::{Directory, warn_of_stubs, write_seal};
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{GOOD, Output};

pub(crate) fn run(common: &Common, seal: &arguments::Seal, output: &Output) -> Result<Exit, Failure> {
    let (Loaded { set, problems, .. }, mended) = Directory::of(common)?.load_to_write();
    let in_the_way: Vec<Problem> =
        problems.into_iter().filter(|problem| !is_settled(problem, &set, &seal.accept_edit)).collect();
    let before = set.seal.clone().unwrap_or_default();
    let mut after = before.clone();
    for edited in &seal.accept_edit {
        after = accept(&set, &after, *edited)?;
    }
    // All of it or nothing: what is mended is not written either.
    if !in_the_way.is_empty() {
        return Err(Failure::Problems(in_the_way));
    }
    // Who accepts an edit has reviewed that edit, and nothing else.
    if seal.accept_edit.is_empty() {
        after = after.seal_all(&set);
    }
    if set.seal.is_none() || mended.is_some() || after != before {
        write_seal(&set, &after)?;
    }
    let changes = Changes::between(&before, &after, mended.as_ref());
    changes.report(&set, output)?;
    changes.warn(&set, output);
    Ok(exit::DONE)
}

/// Whether `graven seal` settles a problem.
fn is_settled(problem: &Problem, set: &Set, accepted: &[Edited]) -> bool {
    let is_accepted =
        |edited: &Edited| found(set, *edited).is_some_and(|found| set.path_of(&found.file) == problem.path);
    match problem.rule.id {
        "seal-absent" => true,
        "sealed-edited" => accepted.iter().any(is_accepted),
        _ => false,
    }
}

/// The migration or the baseline that was edited.
fn found(set: &Set, edited: Edited) -> Option<&Migration> {
    match edited.kind {
        Kind::Baseline => set.baselines.iter().find(|baseline| baseline.version == edited.version),
        _ => set.by_version(edited.version),
    }
}

fn accept(set: &Set, seal: &Seal, edited: Edited) -> Result<Seal, Failure> {
    let refused = |message: String, hint: &str| Err(Failure::Usage(message, hint.to_owned()));
    let Some(found) = found(set, edited) else {
        return refused(
            format!("there is no {edited} in {}", set.directory),
            "`graven check` names the ones that were edited",
        );
    };
    match seal.accept_edit(found.version, found.kind, found.checksum) {
        Some(seal) => Ok(seal),
        // Of a damaged seal file the problems tell.
        None if set.seal.is_none() => Ok(seal.clone()),
        None => refused(
            format!("{edited} is not sealed"),
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
    mended: Option<&'a Mended>,
}

impl<'a> Changes<'a> {
    fn between(before: &'a Seal, after: &'a Seal, mended: Option<&'a Mended>) -> Self {
        let checksum_before = |line: &SealLine| before.line(line.version, line.kind).and_then(SealLine::checksum);
        let changed =
            after.lines().filter(|line| line.checksum().is_some() && line.checksum() != checksum_before(line));
        let (accepted, sealed) = changed.partition(|line| checksum_before(line).is_some());
        let dropped = before.lines().filter(|line| after.line(line.version, line.kind).is_none()).collect();
        Self { sealed, accepted, dropped, lines: after.lines().count(), mended }
    }

    fn report(&self, set: &Set, output: &Output) -> Result<(), Failure> {
        let file = set.path_of(SEAL_FILE);
        let json = json!({
            "file": file,
            "mended": self.mended.map(|mended| mended::json(mended, &file)),
            "sealed": self.sealed.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
            "accepted": self.accepted.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
            "dropped": self.dropped.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
        });
        Ok(output.result(&json, || self.text(&file))?)
    }

    fn text(&self, file: &str) -> String {
        let mut text = self.mended.map(|mended| mended::text(mended, file)).unwrap_or_default();
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

    /// What is done, and may not be what was meant.
    fn warn(&self, set: &Set, output: &Output) {
        if let Some(mended) = self.mended {
            mended::warn(mended, &set.path_of(SEAL_FILE), output);
        }
        let is_sealed_now = |version: Version| self.sealed.iter().any(|line| line.version == version);
        let stubs = set.migrations.iter().filter(|found| is_sealed_now(found.version) && found.holds_no_statement());
        warn_of_stubs(set, stubs, output);
    }
}

/// A line of the seal file, as its migration's file is called.
pub(super) fn shown(line: &SealLine) -> String {
    let suffix = if line.kind == Kind::Baseline { Kind::Baseline.suffix() } else { "" };
    format!("{} {}{suffix}", line.spelling, line.name)
}

/// A line of the seal file for machines.
pub(super) fn line_json(line: &SealLine) -> Value {
    json!({
        "version": line.version.value(),
        "name": line.name,
        "kind": line.kind.to_string(),
        "checksum": line.checksum().map(|checksum| checksum.to_string()),
        "was": line.was().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
