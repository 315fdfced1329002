//! `graven seal`: seals what is not sealed yet, or accepts an edit, and mends a seal file that a merge left damaged.

use std::collections::HashMap;

use graven_source::file_name::SEAL_FILE;
use graven_source::problem::Problem;
use graven_source::seal::{Mended, Seal, SealLine};
use graven_source::set::{Loaded, Migration, Set};
use graven_source::{Checksum, Kind, Version};
use serde_json::{Value, json};

use crate::arguments::{self, Common, Edited};
use crate::command::{mended, plural};
use crate::directory::{Directory, may_begin_a_seal, of_stub, write_seal};
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{GOOD, Output};

pub(crate) fn run(common: &Common, seal: &arguments::Seal, output: &Output) -> Result<Exit, Failure> {
    let directory = Directory::of(common)?;
    let _locked = directory.lock(output)?;
    let (Loaded { set, problems, .. }, mended) = directory.load_to_write();
    let is_accepted = |problem: &Problem| is_accepted(problem, &set, &seal.accept_edit);
    // Each edit is accepted by itself: another one stays, and is a problem still.
    let are_accepted = problems.iter().any(is_accepted);
    let left: Vec<&Problem> =
        problems.iter().filter(|problem| are_accepted && is_edit(problem) && !is_accepted(problem)).collect();
    let in_the_way: Vec<Problem> = problems
        .iter()
        .filter(|problem| !(may_begin_a_seal(&set, problem) || (are_accepted && is_edit(problem))))
        .cloned()
        .collect();
    let before = set.seal.clone().unwrap_or_default();
    let mut after = before.clone();
    for edited in &seal.accept_edit {
        after = accept(&set, &after, *edited)?;
    }
    // All of it or nothing: what is mended is not written either.
    if !in_the_way.is_empty() {
        return Err(Failure::Problems(in_the_way));
    }
    // Who accepts an edit has reviewed that edit, and nothing else; and who merges may have before him what others are not
    // done with.
    if seal.accept_edit.is_empty() && !is_of_a_merge(mended.as_ref()) {
        after = after.seal_all(&set);
    }
    if set.seal.is_none() || mended.is_some() || after != before {
        write_seal(&set, &after)?;
    }
    let mut changes = Changes::between(&before, &after, mended.as_ref(), left);
    changes.unsealed = set.migrations.iter().chain(&set.baselines).filter(|found| !is_sealed(&after, found)).collect();
    let warnings = changes.warnings(&set);
    changes.report(&set, &warnings, output)?;
    if let Some(mended) = &mended {
        mended::warn(mended, &set, output);
    }
    warnings.iter().filter(|_| !output.is_json()).for_each(|warning| output.warning(warning));
    Ok(exit::DONE)
}

/// Whether it was the conflict of a merge that is mended.
fn is_of_a_merge(mended: Option<&Mended>) -> bool {
    mended.is_some_and(|mended| !mended.sides.is_empty())
}

fn is_edit(problem: &Problem) -> bool {
    problem.rule.id == "sealed-edited"
}

/// Whether a problem is an edit that is accepted.
fn is_accepted(problem: &Problem, set: &Set, accepted: &[Edited]) -> bool {
    let is_of = |edited: &Edited| found(set, *edited).is_some_and(|found| set.path_of(&found.file) == problem.path);
    is_edit(problem) && accepted.iter().any(is_of)
}

/// The migration or the baseline that was edited.
fn found(set: &Set, edited: Edited) -> Option<&Migration> {
    match edited.kind {
        Kind::Baseline => set.baselines.iter().find(|baseline| baseline.version == edited.version),
        _ => set.by_version(edited.version),
    }
}

fn is_sealed(seal: &Seal, found: &Migration) -> bool {
    seal.line(found.version, found.kind).is_some_and(|line| line.checksum().is_some())
}

fn accept(set: &Set, seal: &Seal, edited: Edited) -> Result<Seal, Failure> {
    let refused = |message: String, hint: &str| Err(Failure::Usage(message, hint.to_owned()));
    let Some(found) = found(set, edited) else {
        return refused(
            format!("there is no {edited} in {}", set.directory),
            &format!("`{}` names the ones that were edited", set.graven("check")),
        );
    };
    match seal.accept_edit(found.version, found.kind, found.checksum) {
        Some(seal) => Ok(seal),
        // Of a damaged seal file the problems tell.
        None if set.seal.is_none() => Ok(seal.clone()),
        None => refused(
            format!("{edited} is not sealed"),
            &format!("one that is not sealed may simply be edited; `{}` seals it as it is", set.graven("seal")),
        ),
    }
}

/// What became of the seal file.
struct Changes<'a> {
    sealed: Vec<&'a SealLine>,
    accepted: Vec<&'a SealLine>,
    /// Announced, and never made or deleted again before it was sealed.
    dropped: Vec<&'a SealLine>,
    /// Left as they are.
    unsealed: Vec<&'a Migration>,
    lines: usize,
    mended: Option<&'a Mended>,
    /// Edits that are not accepted.
    left: Vec<&'a Problem>,
}

impl<'a> Changes<'a> {
    fn between(before: &'a Seal, after: &'a Seal, mended: Option<&'a Mended>, left: Vec<&'a Problem>) -> Self {
        let checksum_before = |line: &SealLine| before.line(line.version, line.kind).and_then(SealLine::checksum);
        let changed =
            after.lines().filter(|line| line.checksum().is_some() && line.checksum() != checksum_before(line));
        let (accepted, sealed) = changed.partition(|line| checksum_before(line).is_some());
        let dropped = before.lines().filter(|line| after.line(line.version, line.kind).is_none()).collect();
        Self { sealed, accepted, dropped, unsealed: Vec::new(), lines: after.lines().count(), mended, left }
    }

    fn report(&self, set: &Set, warnings: &[String], output: &Output) -> Result<(), Failure> {
        let file = set.path_of(SEAL_FILE);
        let json = json!({
            "file": file,
            "mended": self.mended.map(|mended| mended::json(mended, set)),
            "sealed": self.sealed.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
            "accepted": self.accepted.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
            "dropped": self.dropped.iter().map(|line| line_json(line)).collect::<Vec<_>>(),
            "unsealed": self.unsealed.iter().map(|found| set.path_of(&found.file)).collect::<Vec<_>>(),
            "warnings": warnings,
        });
        Ok(output.result(&json, || self.text(set, &file))?)
    }

    fn text(&self, set: &Set, file: &str) -> String {
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
        text.push_str(&format!("commit {}", self.to_commit(set, file)));
        if is_of_a_merge(self.mended) && !self.unsealed.is_empty() {
            let unsealed: Vec<String> = self.unsealed.iter().map(|found| set.path_of(&found.file)).collect();
            let seal = set.graven("seal");
            text.push_str(&format!("\nleft unsealed: {}; once all is done, run `{seal}` again", unsealed.join(", ")));
        }
        text
    }

    fn to_commit(&self, set: &Set, file: &str) -> String {
        if !self.left.is_empty() {
            // The whole directory would take along what is not accepted.
            let accepted =
                self.accepted.iter().filter_map(|line| found(set, Edited { version: line.version, kind: line.kind }));
            let accepted: Vec<String> = accepted.map(|found| set.path_of(&found.file)).collect();
            return format!("{file} and {}", accepted.join(" and "));
        }
        // A migration that is sealed and not committed would be gone for everybody else.
        let is_with_migrations = !(self.sealed.is_empty() && self.accepted.is_empty());
        if is_with_migrations { set.directory.clone() } else { file.to_owned() }
    }

    /// What is done, and may not be what was meant, beside what is mended.
    fn warnings(&self, set: &Set) -> Vec<String> {
        let is_sealed_now = |version: Version| self.sealed.iter().any(|line| line.version == version);
        let copies = copies(set, is_sealed_now).into_iter().map(|(one, other)| {
            format!(
                "{} and {} have {} and one text, and both would run: if a merge left one of them behind, take \
                 the seal file back from git, delete that one, and seal again",
                set.path_of(&one.file),
                set.path_of(&other.file),
                if one.name == other.name { "one name" } else { "nearly one name" },
            )
        });
        let stubs = set.migrations.iter().filter(|found| is_sealed_now(found.version) && found.holds_no_statement());
        let left = self.left.iter().map(|problem| {
            let check = set.graven("check");
            format!("{}, too, and that is not accepted: `{check}` says what to do", problem.message)
        });
        copies.chain(stubs.map(|stub| of_stub(set, stub))).chain(left).collect()
    }
}

/// Migrations that are sealed now, each with another one of the same text and the same name, or a name that only adds to
/// the other's, as that of a copy does.
fn copies(set: &Set, is_sealed_now: impl Fn(Version) -> bool) -> Vec<(&Migration, &Migration)> {
    let mut of_text: HashMap<Checksum, Vec<&Migration>> = HashMap::new();
    let mut copies = Vec::new();
    // Those that hold no statement are all alike, and do nothing twice.
    for found in set.migrations.iter().filter(|found| !found.holds_no_statement()) {
        let is_one_of = |first: &&Migration| first.name.starts_with(&found.name) || found.name.starts_with(&first.name);
        let firsts = of_text.entry(found.checksum).or_default();
        match firsts.iter().copied().find(is_one_of) {
            None => firsts.push(found),
            Some(first) if first.version == found.version => {}
            Some(first) if is_sealed_now(first.version) || is_sealed_now(found.version) => copies.push((first, found)),
            Some(_) => {}
        }
    }
    copies
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
