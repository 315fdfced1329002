//! Which migrations a change brings, edits, seals or takes away.

use std::collections::BTreeMap;

use graven_source::file_name::{FileName, parse};
use graven_source::seal::{Seal, SealState};
use graven_source::set::{Migration, Sealing, Set};
use graven_source::{Kind, Version};

use super::git::{Base, Fate};
use super::locks::Held;
use crate::failure::Failure;

/// What became of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was not there.
    New,
    /// Its text is another one.
    Edited,
    /// Its text is what it was, and it is sealed since.
    Sealed,
    /// It is not there any more.
    Deleted,
}

impl Change {
    pub(crate) const ALL: [Self; 4] = [Self::New, Self::Edited, Self::Sealed, Self::Deleted];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Edited => "edited",
            Self::Sealed => "sealed",
            Self::Deleted => "deleted",
        }
    }
}

/// A migration, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Changed<'a> {
    pub(crate) change: Change,
    pub(crate) kind: Kind,
    /// `None` for a repeatable.
    pub(crate) version: Option<Version>,
    pub(crate) name: String,
    pub(crate) file: String,
    /// The migration itself, where it is a versioned one that is there.
    pub(crate) migration: Option<&'a Migration>,
    /// The locks that it is known to take on what was there before the whole change.
    pub(crate) locks: Vec<Held>,
}

/// What has changed since a commit, or without one all that is not sealed. By version and kind.
pub(crate) fn changed<'a>(set: &'a Set, base: Option<&Base>) -> Result<Vec<Changed<'a>>, Failure> {
    let Some(base) = base else {
        let unsealed = set.migrations.iter().filter(|found| found.sealing != Sealing::Sealed);
        return Ok(unsealed.map(|found| of(found, Change::New)).collect());
    };
    // Nothing is refused here: with a damaged one, all that is sealed now is new.
    let seal = base.seal(&set.location).ok().flatten().unwrap_or_default();
    Ok(compared(set, &base.changed_files(&set.location)?, &seal))
}

fn compared<'a>(set: &'a Set, files: &BTreeMap<String, Fate>, seal: &Seal) -> Vec<Changed<'a>> {
    let change = |file: &str| match files.get(file) {
        Some(Fate::Added) => Some(Change::New),
        Some(Fate::Modified | Fate::Deleted) => Some(Change::Edited),
        None => None,
    };
    let sealed_then = |found: &Migration| {
        seal.line(found.version, found.kind).is_some_and(|line| matches!(line.state, SealState::Sealed { .. }))
    };
    let versioned = set.migrations.iter().chain(&set.baselines).filter_map(|found| {
        let sealed_now = found.sealing == Sealing::Sealed && !sealed_then(found);
        Some(of(found, change(&found.file).or(sealed_now.then_some(Change::Sealed))?))
    });
    // Of one whose migration is told of, it is told there.
    let reverses = set.reverses.iter().filter_map(|found| {
        let forward = set.by_version(found.version)?;
        Some(of(found, change(&found.file).filter(|_| change(&forward.file) != Some(Change::New))?))
    });
    let repeatables = set.repeatables.iter().filter_map(|found| {
        let (change, name, file) = (change(&found.file)?, found.name.clone(), found.file.clone());
        Some(Changed { change, kind: Kind::Repeatable, version: None, name, file, migration: None, locks: Vec::new() })
    });
    let deleted = files.iter().filter(|(file, fate)| **fate == Fate::Deleted && !set.files.contains(file));
    let deleted = deleted.filter_map(|(file, _)| match parse(file) {
        FileName::Migration(named) => Some(Changed {
            change: Change::Deleted,
            kind: named.kind,
            version: named.version,
            name: named.name().to_owned(),
            file: file.clone(),
            migration: None,
            locks: Vec::new(),
        }),
        _ => None,
    });
    let mut all: Vec<_> = versioned.chain(reverses).chain(repeatables).chain(deleted).collect();
    // Repeatables run after everything that has a version.
    all.sort_by(|first, second| {
        let order = |it: &Changed<'_>| (it.version.is_none(), it.version, it.file.clone());
        order(first).cmp(&order(second))
    });
    all
}

fn of(found: &Migration, change: Change) -> Changed<'_> {
    Changed {
        change,
        kind: found.kind,
        version: Some(found.version),
        name: found.name.clone(),
        file: found.file.clone(),
        migration: (found.kind == Kind::Versioned).then_some(found),
        locks: Vec::new(),
    }
}
