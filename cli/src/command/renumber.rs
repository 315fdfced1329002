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
use crate::directory::{Directory, write_seal};
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{GOOD, Output};

pub(crate) fn run(common: &Common, renumber: &Renumber, output: &Output) -> Result<Exit, Failure> {
    let (Loaded { set, problems, .. }, mended) = Directory::of(common)?.load_to_write();
    let in_the_way: Vec<Problem> = problems.into_iter().filter(|problem| is_in_the_way(problem, &set)).collect();
    if !in_the_way.is_empty() {
        return Err(Failure::Problems(in_the_way));
    }
    let renumberings = match renumber.version {
        Some(version) => of_version(&set, version, renumber.to)?,
        None => set.renumberings.clone(),
    };
    if !renumberings.is_empty() {
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
    }
    let mended = mended.filter(|_| !renumberings.is_empty());
    let json = json!({
        "renumbered": renumberings.iter().map(|one| renumbering_json(&set, one)).collect::<Vec<_>>(),
        "mended": mended.as_ref().map(|mended| mended::json(mended, &set.path_of(SEAL_FILE))),
    });
    output.result(&json, || {
        let mended = mended.as_ref().map(|mended| mended::text(mended, &set.path_of(SEAL_FILE)));
        text(&set, &renumberings, &mended.unwrap_or_default())
    })?;
    if let Some(mended) = &mended {
        mended::warn(mended, &set.path_of(SEAL_FILE), output);
    }
    Ok(exit::DONE)
}

/// Only what leaves open which versions are taken, or what is sealed, keeps a migration from another version.
fn is_in_the_way(problem: &Problem, set: &Set) -> bool {
    match problem.rule.id {
        "seal-absent" => false,
        "directory-absent" => problem.path == set.directory || problem.path == set.path_of(SEAL_FILE),
        _ => problem.path == set.path_of(SEAL_FILE),
    }
}

/// What becomes of the migrations of one version: of several, those that cannot keep it.
fn of_version(set: &Set, version: i64, to: Option<i64>) -> Result<Vec<Renumbering>, Failure> {
    let refused = |message: String, hint: &str| Err(Failure::Usage(message, hint.to_owned()));
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
                "databases that ran it remember it by its version, and under another one it would run again; put what \
                 is new into a new migration (`graven new`)",
            );
        }
        ([], [one]) => *one,
        ([one], _) => match found.iter().find(|found| one.files.iter().any(|file| file.from == found.file)) {
            Some(found) => found,
            None => return Ok(planned),
        },
        ([], _) => {
            return refused(
                format!("two files have version {version} and one name"),
                "delete the one that is not meant",
            );
        }
        _ if to.is_some() => {
            return refused(
                format!("{} migrations of version {version} need another one", planned.len()),
                "without `--to`, each gets the next free one",
            );
        }
        _ => return Ok(planned),
    };
    let spelling = match to {
        Some(to) => Some(spell(set, moving.version, moving.spelling.len(), to)?),
        None => None,
    };
    match (spelling.or_else(|| set.next_version.clone()), planned.is_empty() || to.is_some()) {
        (_, false) => Ok(planned),
        (Some(spelling), true) => Ok(vec![set.renumbering(moving, &spelling)]),
        (None, true) => refused("there is no version above the last one".to_owned(), "choose one with `--to`"),
    }
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
/// The reverse goes first: if this is cut off between the two, a reverse without its migration is left, which the next
/// build names; and the same command, typed again, sends the migration after it.
fn rename(set: &Set, renumberings: &[Renumbering]) -> Result<(), Failure> {
    let mut done: Vec<&Renamed> = Vec::new();
    for file in renumberings.iter().flat_map(|one| one.files.iter().rev()) {
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
    if renumberings.is_empty() {
        return "nothing to renumber: each migration has a version of its own, above what is sealed".to_owned();
    }
    let mut text = mended.to_owned();
    for file in renumberings.iter().flat_map(|one| &one.files) {
        let (from, to) = (set.path_of(&file.from), set.path_of(&file.to));
        text.push_str(&format!("{GOOD}renamed{GOOD:#} {from} to {to}\n"));
    }
    format!("{text}tell git: `git add -A {}`", quote(&set.directory))
}

fn renumbering_json(set: &Set, one: &Renumbering) -> Value {
    let file = |file: &Renamed| json!({ "from": set.path_of(&file.from), "to": set.path_of(&file.to) });
    json!({
        "name": one.name,
        "from": one.version.value(),
        "to": one.spelling.parse::<i64>().ok(),
        "files": one.files.iter().map(file).collect::<Vec<_>>(),
    })
}
