//! The name that each file should have which cannot keep its own.
//!
//! All names are given out here, in one order, so that they fit together: no name is given twice or is there already,
//! a reverse goes with its migration, and whoever follows all that the messages of one build say, in any order, has a
//! directory in which every migration has its place.

use std::collections::{HashMap, HashSet};

use super::fates::{self, Fates};
use super::free::Free;
use super::misnamed;
use super::names::{Listing, Named};
use super::place::Place;
use super::{Renamed, Renumbering};
use crate::checksum::Checksum;
use crate::file_name::{self, FileName, Kind};
use crate::seal::Seal;
use crate::version::Version;

/// What is known of the versions that are sealed and announced.
#[derive(Clone, Copy, Debug)]
pub(super) enum Basis<'a> {
    Seal(&'a Seal),
    /// There is no seal file.
    Nothing,
    /// The seal file is damaged: which versions are free, and which of two migrations keeps its own, nobody can tell.
    Unknown,
}

impl<'a> Basis<'a> {
    pub(super) fn seal(self) -> Option<&'a Seal> {
        match self {
            Self::Seal(seal) => Some(seal),
            Self::Nothing | Self::Unknown => None,
        }
    }
}

/// Which files should have another name, and why.
pub(super) struct Moves<'a> {
    pub(super) fates: Fates<'a>,
    pub(super) free: Free,
    /// By file, what it should be called.
    names: HashMap<&'a str, String>,
    /// The versions of sealed migrations that are there under a name that fits no kind.
    pub(super) misnamed: HashSet<Version>,
    reverses: HashMap<(Version, &'a str), &'a Named>,
}

/// Names that are there or have been given.
pub(super) struct Names<'a> {
    there: HashSet<&'a str>,
    given: HashSet<String>,
    pub(super) of: HashMap<&'a str, String>,
}

impl<'a> Names<'a> {
    /// Gives a file a name, unless it is there or has been given.
    pub(super) fn give(&mut self, file: &'a str, name: String) -> bool {
        if !self.is_free(&name) {
            return false;
        }
        self.given.insert(name.clone());
        self.of.insert(file, name);
        true
    }

    /// Whether nothing has a name and it has not been given.
    pub(super) fn is_free(&self, name: &str) -> bool {
        !self.there.contains(name) && !self.given.contains(name)
    }
}

/// Gives out names. `checksums` are those of the listing's migrations, in the same order.
pub(super) fn give_out<'a>(listing: &'a Listing, checksums: &[Option<Checksum>], basis: Basis<'a>) -> Moves<'a> {
    let seal = basis.seal();
    let fates = fates::decide(&listing.migrations, checksums, seal);
    let mut reverses = HashMap::new();
    for named in listing.migrations.iter().filter(|named| named.kind == Kind::Reverse) {
        if let Some(version) = named.version {
            reverses.entry((version, named.name.as_str())).or_insert(named);
        }
    }
    let is_needed = !(fates.leaving.is_empty() && fates.astray.is_empty() && listing.misnamed.is_empty());
    let there = if is_needed { listing.files.iter().map(String::as_str).collect() } else { HashSet::new() };
    let mut names = Names { there, given: HashSet::new(), of: HashMap::new() };
    for (named, line) in fates.returning() {
        let spelling = if named.version == Some(line.version) { &named.spelling } else { &line.spelling };
        if !give_all(&mut names, &reverses, named, spelling, &line.name) {
            // A reverse is there already. Which of the two is meant, a person has to say.
            names.give(&named.file, format!("{spelling}_{}{}", line.name, named.ending()));
        }
    }
    let claims = misnamed::claim(listing, seal, &fates, &mut names);
    let mut free = match basis {
        Basis::Unknown => Free::none(),
        Basis::Seal(_) | Basis::Nothing => listing.free(seal, &claims.taken),
    };
    for leaving in &fates.leaving {
        // A reverse may lie at the next version already.
        while let Some(spelling) = free.next() {
            if give_all(&mut names, &reverses, leaving.named, &spelling, &leaving.named.name) {
                break;
            }
        }
    }
    misnamed::name_the_rest(listing, &claims, &mut free, &mut names);
    Moves { fates, free, names: names.of, misnamed: claims.sealed, reverses }
}

/// Gives a migration and its reverse the names of a version, unless something has one of them. `false` where something
/// has.
fn give_all<'a>(
    names: &mut Names<'a>,
    reverses: &HashMap<(Version, &'a str), &'a Named>,
    named: &'a Named,
    spelling: &str,
    name: &str,
) -> bool {
    let reverse = named.version.and_then(|version| reverses.get(&(version, named.name.as_str())));
    let name_of = |named: &Named| format!("{spelling}_{name}{}", named.ending());
    reverse.is_none_or(|reverse| names.give(&reverse.file, name_of(reverse))) && names.give(&named.file, name_of(named))
}

impl<'a> Moves<'a> {
    /// What a file should be called instead.
    pub(super) fn name_of(&self, file: &str) -> Option<&str> {
        self.names.get(file).map(String::as_str)
    }

    /// What a migration is called in the end: its version as it is spelt, and its name.
    pub(super) fn in_the_end<'n>(&'n self, named: &'n Named) -> (&'n str, &'n str) {
        let own = (named.spelling.as_str(), named.name.as_str());
        let stem = self.name_of(&named.file).and_then(|name| name.strip_suffix(named.ending()));
        stem.and_then(|stem| stem.split_once('_')).unwrap_or(own)
    }

    /// The commands that give a migration and its reverse their new names, one a line. `None` where there are none.
    pub(super) fn commands(&self, place: &Place, named: &Named) -> Option<String> {
        let files = self.files(named);
        let commands: Vec<String> = files.iter().map(|file| place.git_mv(&file.from, &file.to)).collect();
        (!commands.is_empty()).then(|| commands.join("\n"))
    }

    /// The files that get another name with a migration: its own, and its reverse's.
    fn files(&self, named: &Named) -> Vec<Renamed> {
        let reverse = named.version.and_then(|version| self.reverses.get(&(version, named.name.as_str())));
        let files = std::iter::once(named).chain(reverse.copied());
        files
            .filter_map(|named| Some(Renamed { from: named.file.clone(), to: self.name_of(&named.file)?.to_owned() }))
            .collect()
    }

    /// The migrations that need another version, with the one that each should have.
    pub(super) fn renumberings(&self) -> Vec<Renumbering> {
        let renumbering = |leaving: &fates::Leaving<'_>| {
            let (spelling, _) = self.in_the_end(leaving.named);
            let files = self.files(leaving.named);
            let (version, name) = (leaving.version, leaving.named.name.clone());
            (!files.is_empty()).then(|| Renumbering { version, name, spelling: spelling.to_owned(), files })
        };
        self.fates.leaving.iter().filter_map(renumbering).collect()
    }

    /// The versions and names that migrations are to get: a reverse that has them waits for its migration.
    pub(super) fn given(&self) -> HashSet<(Version, String)> {
        let given = self.names.values().filter_map(|name| match file_name::parse(name) {
            FileName::Migration(found) if found.kind == Kind::Versioned => {
                Some((found.version?, found.name().to_owned()))
            }
            _ => None,
        });
        given.collect()
    }
}
