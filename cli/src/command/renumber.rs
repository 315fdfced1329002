//! `graven renumber`: gives a migration that is not sealed another version.

use std::fs;
use std::io;
use std::path::Path;

use graven_source::file_name::SEAL_FILE;
use graven_source::problem::Problem;
use graven_source::set::{Loaded, Renamed, Renumbering, Sealing, Set, quote};
use graven_source::{Kind, Version};
use serde_json::{Value, json};

use crate::arguments::{Common, Renumber};
use crate::command::mended;
use crate::directory::{Directory, may_begin_a_seal, write_seal};
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{GOOD, Output};

pub(crate) fn run(common: &Common, renumber: &Renumber, output: &Output) -> Result<Exit, Failure> {
    let directory = Directory::of(common)?;
    let _locked = directory.lock(output)?;
    let (Loaded { set, problems, .. }, mended) = directory.load_to_write();
    let (in_the_way, others): (Vec<_>, Vec<_>) = problems.into_iter().partition(|problem| is_in_the_way(problem, &set));
    if !in_the_way.is_empty() {
        return Err(Failure::Problems(in_the_way));
    }
    let renumberings = match renumber.version {
        Some(version) => of_version(&set, version, renumber.to)?,
        None => set.renumberings.clone(),
    };
    let left: Vec<Problem> = others.into_iter().filter(is_for_people).collect();
    if renumberings.is_empty() && !left.is_empty() {
        return Err(Failure::Problems(left));
    }
    let warnings = overtaking(&set, &renumberings);
    rename(&set, &renumberings)?;
    // The seal file comes last: a line of it that is not sealed and has no file means nothing.
    let seal = renumberings.iter().try_fold(set.seal.clone(), |seal, one| match seal {
        Some(seal) => seal.with_renumbered(one.version, &one.name, &one.spelling).map(Some),
        None => Ok(None),
    });
    let seal =
        seal.map_err(|error| Failure::Failed(error.to_string(), "choose another version with `--to`".to_owned()))?;
    if let Some(seal) = seal.filter(|seal| mended.is_some() || Some(seal) != set.seal.as_ref()) {
        write_seal(&set, &seal)?;
    }
    let json = json!({
        "renumbered": renumberings.iter().map(|one| renumbering_json(&set, one)).collect::<Vec<_>>(),
        "mended": mended.as_ref().map(|mended| mended::json(mended, &set)),
        "warnings": warnings,
    });
    output.result(&json, || {
        let mended = mended.as_ref().map(|mended| mended::text(mended, &set.path_of(SEAL_FILE)));
        text(&set, &renumberings, &mended.unwrap_or_default())
    })?;
    if let Some(mended) = &mended {
        mended::warn(mended, &set, output);
    }
    warnings.iter().filter(|_| !output.is_json()).for_each(|warning| output.warning(warning));
    Ok(exit::DONE)
}

/// Only what leaves open which versions are taken, or what is sealed, keeps a migration from another version.
fn is_in_the_way(problem: &Problem, set: &Set) -> bool {
    match problem.rule.id {
        "seal-absent" => !may_begin_a_seal(set, problem),
        "directory-absent" => problem.path == set.directory || problem.path == set.path_of(SEAL_FILE),
        _ => problem.path == set.path_of(SEAL_FILE),
    }
}

/// Whether a problem would be solved by another version, where none is given: only people know which file is meant.
fn is_for_people(problem: &Problem) -> bool {
    matches!(problem.rule.id, "duplicate-version" | "inserted-before-seal")
}

/// Warns of migrations that are not sealed and change their order: what goes by itself keeps it, what somebody asks for
/// need not.
fn overtaking(set: &Set, renumberings: &[Renumbering]) -> Vec<String> {
    let moved = |file: &str| renumberings.iter().any(|one| one.files.iter().any(|renamed| renamed.from == file));
    let staying: Vec<_> =
        set.migrations.iter().filter(|one| one.sealing == Sealing::Unsealed && !moved(&one.file)).collect();
    let mut warnings = Vec::new();
    for one in renumberings {
        let Ok(to) = one.spelling.parse::<Version>() else { continue };
        let shown = format!("{} {}", one.spelling, one.name);
        let between = |low: Version, high: Version| {
            let between = staying.iter().filter(|other| low < other.version && other.version < high);
            between.map(|other| format!("{} {}", other.spelling, other.name)).collect::<Vec<_>>().join(", ")
        };
        for (others, now) in [(between(one.version, to), "after"), (between(to, one.version), "before")] {
            if !others.is_empty() {
                warnings.push(format!("{shown} comes {now} {others} now, the other way round than before"));
            }
        }
    }
    warnings
}

/// What becomes of the migrations of one version: of several, those that cannot keep it; and with them what goes along.
fn of_version(set: &Set, version: i64, to: Option<i64>) -> Result<Vec<Renumbering>, Failure> {
    let refused = |message: String, hint: &str| Err(Failure::Usage(message, hint.to_owned()));
    let new = set.graven("new NAME");
    let found: Vec<_> = set.migrations.iter().filter(|found| found.version.value() == version).collect();
    let planned: Vec<_> = set.renumberings.iter().filter(|one| one.version.value() == version).cloned().collect();
    let moving = match (planned.as_slice(), found.as_slice()) {
        (_, []) => {
            return refused(
                format!("there is no migration {version} in {}", set.directory),
                "without a version, all that need another one get it",
            );
        }
        ([], [one]) if one.sealing == Sealing::Sealed || is_sealed(set, one.version, &one.name) => {
            return refused(
                format!("migration {version} is sealed, and keeps its version"),
                &format!(
                    "databases that ran it remember it by its version, and under another one it would run again; put \
                     what is new into a new migration (`{new}`)"
                ),
            );
        }
        ([], [one]) => *one,
        ([one], _) => match found.iter().find(|found| one.files.iter().any(|file| file.from == found.file)) {
            Some(found) => found,
            None => return Ok(from_version(set, version)),
        },
        ([], _) => {
            return refused(
                format!("two files have version {version}, and one name or one text"),
                "delete the one that is not meant",
            );
        }
        _ if to.is_some() => {
            return refused(
                format!("{} migrations of version {version} need another one", planned.len()),
                "without `--to`, each gets the next free one",
            );
        }
        _ => return Ok(from_version(set, version)),
    };
    let spelling = match to {
        Some(to) => Some(spell(set, moving.version, moving.spelling.len(), to)?),
        None => None,
    };
    match (spelling.or_else(|| set.next_version.clone()), planned.is_empty() || to.is_some()) {
        (_, false) => Ok(from_version(set, version)),
        (Some(spelling), true) => Ok(vec![set.renumbering(moving, &spelling)]),
        (None, true) => refused("there is no version above the last one".to_owned(), "choose one with `--to`"),
    }
}

/// The migrations of one version that need another one, and those behind them that go along.
fn from_version(set: &Set, version: i64) -> Vec<Renumbering> {
    let start = set.renumberings.partition_point(|one| one.version.value() < version);
    let rest = set.renumberings.get(start..).unwrap_or_default().iter().enumerate();
    let all = rest.take_while(|(at, one)| *at == 0 || one.version.value() == version || one.behind.is_some());
    all.map(|(_, one)| one.clone()).collect()
}

fn is_sealed(set: &Set, version: Version, name: &str) -> bool {
    let line = set.seal.as_ref().and_then(|seal| seal.line(version, Kind::Versioned));
    line.is_some_and(|line| line.checksum().is_some() && line.name == name)
}

/// A version that was asked for, with as many digits as its neighbours have, if it is free.
fn spell(set: &Set, from: Version, digits: usize, to: i64) -> Result<String, Failure> {
    let refused = |message: String| {
        let free = set.next_version.as_deref().unwrap_or("none");
        Err(Failure::Usage(message, format!("the next free version is {free}")))
    };
    let Some(version) = Version::new(to) else { return refused(format!("{to} is no version")) };
    if version == from {
        return refused(format!("migration {to} has version {to} already"));
    }
    if let Some(taken) = set.migrations.iter().find(|found| found.version == version) {
        return refused(format!("version {to} is taken: {}", set.path_of(&taken.file)));
    }
    let line = set.seal.as_ref().and_then(|seal| seal.line(version, Kind::Versioned));
    if let Some(line) = line.filter(|line| line.checksum().is_some()) {
        return refused(format!("version {to} is that of the sealed migration {}", line.name));
    }
    let head = set.seal.as_ref().and_then(|seal| seal.sealed_head());
    if let Some(head) = head.filter(|head| version < *head) {
        return refused(format!("version {to} lies below the sealed head {head}"));
    }
    let width = set.next_version.as_ref().map_or(digits, String::len);
    Ok(format!("{to:0width$}"))
}

/// Renames all files, or none.
///
/// The last migration goes first: wherever this is cut off, what is not sealed is in its order still, by which the same
/// command, typed again, finds the rest. A reverse goes before its migration: left alone, it is named by the next build,
/// and its migration is sent after it.
fn rename(set: &Set, renumberings: &[Renumbering]) -> Result<(), Failure> {
    let mut done: Vec<&Renamed> = Vec::new();
    for file in renumberings.iter().rev().flat_map(|one| one.files.iter().rev()) {
        let (from, to) = (set.location.join(&file.from), set.location.join(&file.to));
        if let Err(error) = rename_one(&from, &to) {
            for file in done.iter().rev() {
                // They were renamed a moment ago, and their names are free.
                let _ = fs::rename(set.location.join(&file.to), set.location.join(&file.from));
            }
            return Err(Failure::io("make", Path::new(&set.path_of(&file.to)), &error));
        }
        done.push(file);
    }
    Ok(())
}

/// Renames a file. What has the new name already is not replaced.
fn rename_one(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

fn text(set: &Set, renumberings: &[Renumbering], mended: &str) -> String {
    let mut text = mended.to_owned();
    if renumberings.is_empty() {
        text.push_str("nothing to renumber: each migration has a version of its own, above what is sealed");
        return if mended.is_empty() { text } else { format!("{text}\ncommit {}", set.path_of(SEAL_FILE)) };
    }
    for one in renumberings {
        let why = match &one.behind {
            Some(before) if one.is_overtaken => format!(", to stay behind {before}"),
            _ => String::new(),
        };
        for file in &one.files {
            let (from, to) = (set.path_of(&file.from), set.path_of(&file.to));
            text.push_str(&format!("{GOOD}renamed{GOOD:#} {from} to {to}{why}\n"));
        }
    }
    format!("{text}tell git: `git add -A {}`", quote(&set.directory))
}

fn renumbering_json(set: &Set, one: &Renumbering) -> Value {
    let file = |file: &Renamed| json!({ "from": set.path_of(&file.from), "to": set.path_of(&file.to) });
    json!({
        "name": one.name,
        "from": one.version.value(),
        "to": one.spelling.parse::<i64>().ok(),
        "behind": one.behind.as_ref().filter(|_| one.is_overtaken),
        "files": one.files.iter().map(file).collect::<Vec<_>>(),
    })
}
