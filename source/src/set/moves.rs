//! The name that each file should have which cannot keep its own.
//!
//! All names are given out here, in one order, so that they fit together: no name is given twice or is there already,
//! a reverse goes with its migration, and whoever follows all that the messages of one build say, in any order, has a
//! directory in which every migration has its place.

use std::collections::{HashMap, HashSet};

use super::fates::{self, Fates, Leaving, Why};
use super::free::Free;
use super::line_up::{Floor, Line, Room, line_up};
use super::misnamed;
use super::names::{Listing, Named};
use super::place::Place;
use super::{Renamed, Renumbering};
use crate::checksum::Checksum;
use crate::file_name::{self, FileName, Kind};
use crate::seal::{Seal, SealLine};
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
    reverses: Reverses<'a>,
    /// By file, where it stands in what is leaving.
    leaving: HashMap<&'a str, usize>,
}

/// Reverses by the version and the name of the migration that each takes back.
type Reverses<'a> = HashMap<(Version, &'a str), &'a Named>;

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

    fn are_free(&self, all: &Naming<'_>) -> bool {
        all.iter().all(|(_, name)| self.is_free(name))
    }

    /// Whether nothing has a name and it has not been given.
    pub(super) fn is_free(&self, name: &str) -> bool {
        !self.there.contains(name) && !self.given.contains(name)
    }
}

/// Gives out names. `checksums` are those of the listing's migrations, in the same order.
pub(super) fn give_out<'a>(listing: &'a Listing, checksums: &[Option<Checksum>], basis: Basis<'a>) -> Moves<'a> {
    let seal = basis.seal();
    let mut fates = fates::decide(&listing.migrations, checksums, seal);
    let mut reverses = HashMap::new();
    for named in listing.migrations.iter().filter(|named| named.kind == Kind::Reverse) {
        if let Some(version) = named.version {
            reverses.entry((version, named.name.as_str())).or_insert(named);
        }
    }
    let baselines = seal.map(|seal| baselines_astray(listing, checksums, seal)).unwrap_or_default();
    let stays = fates.leaving.is_empty() && fates.astray.is_empty();
    let is_needed = !(stays && baselines.is_empty() && listing.misnamed.is_empty());
    let there = if is_needed { listing.files.iter().map(String::as_str).collect() } else { HashSet::new() };
    let mut names = Names { there, given: HashSet::new(), of: HashMap::new() };
    for (named, line) in fates.returning() {
        let spelling = if named.version == Some(line.version) { &named.spelling } else { &line.spelling };
        if !give_all(&mut names, named_so(&reverses, named, spelling, &line.name)) {
            // A reverse is there already. Which of the two is meant, a person has to say.
            names.give(&named.file, format!("{spelling}_{}{}", line.name, named.ending()));
        }
    }
    for (named, line) in baselines {
        names.give(&named.file, format!("{}_{}{}", line.spelling, line.name, named.ending()));
    }
    let claims = misnamed::claim(listing, basis, &fates, &mut names);
    let mut free = match basis {
        Basis::Unknown => Free::none(),
        Basis::Seal(_) | Basis::Nothing => listing.free(seal, &claims.taken),
    };
    if !fates.leaving.is_empty() {
        let taken = listing.taken(seal).chain(claims.taken.iter().copied()).map(|(version, _)| version).collect();
        let lines = line_up(&fates, head(seal), &taken, |named, version, width| {
            let spelling = free.spell(version, width);
            names.are_free(&named_so(&reverses, named, &spelling, &named.name))
        });
        for line in lines.iter().filter(|_| !matches!(basis, Basis::Unknown)) {
            for (leaving, spelling) in line.leaving.iter().zip(spellings(line, &mut free, &names, &reverses)) {
                give_all(&mut names, named_so(&reverses, leaving.named, &spelling, &leaving.named.name));
            }
        }
        fates.leaving = lines.into_iter().flat_map(|line| line.leaving).collect();
    }
    misnamed::name_the_rest(listing, &claims, &mut free, &mut names);
    let leaving = fates.leaving.iter().enumerate().map(|(at, leaving)| (leaving.named.file.as_str(), at)).collect();
    Moves { fates, free, names: names.of, misnamed: claims.sealed, reverses, leaving }
}

/// The baselines that hold the text of a sealed one which is not there, under a version that is not sealed with their
/// name: with what each of them is.
fn baselines_astray<'a>(
    listing: &'a Listing,
    checksums: &[Option<Checksum>],
    seal: &'a Seal,
) -> Vec<(&'a Named, &'a SealLine)> {
    let found = listing.migrations.iter().zip(checksums).filter(|(named, _)| named.kind == Kind::Baseline);
    let found: Vec<_> = found.filter_map(|(named, checksum)| Some((named, named.version?, (*checksum)?))).collect();
    let is_home = |line: &SealLine, named: &Named| named.version == Some(line.version) && named.name == line.name;
    let mut homeless: HashMap<Checksum, &'a Named> = found
        .iter()
        .filter(|(named, version, _)| {
            let line = seal.line(*version, Kind::Baseline).filter(|line| line.checksum().is_some());
            line.is_none_or(|line| !is_home(line, named))
        })
        .map(|(named, _, checksum)| (*checksum, *named))
        .collect();
    let is_gone = |line: &&SealLine| {
        // Of one that has another name, and its version still, enough is said.
        let is_it = |named: &Named, version, checksum| {
            is_home(line, named) || (version == line.version && Some(checksum) == line.checksum())
        };
        line.kind == Kind::Baseline && !found.iter().any(|(named, version, checksum)| is_it(named, *version, *checksum))
    };
    let gone = seal.lines().filter(is_gone);
    gone.filter_map(|line| Some((homeless.remove(&line.checksum()?)?, line))).collect()
}

/// The last sealed version, with the width of its spelling.
fn head(seal: Option<&Seal>) -> Floor {
    let head = seal?.sealed_head()?;
    seal?.line(head, Kind::Versioned).map(|line| (head, line.spelling.len()))
}

/// The versions of a whole line, as they are to be spelt. None at all where they do not suffice: a part of it would come
/// after the rest.
fn spellings(line: &Line<'_>, free: &mut Free, names: &Names<'_>, reverses: &Reverses<'_>) -> Vec<String> {
    match &line.room {
        Room::Between(versions, width) => versions.iter().map(|version| free.spell(*version, *width)).collect(),
        Room::Above => {
            let next_of = |leaving: &Leaving<'_>| loop {
                // A reverse may lie at the next version already.
                let (spelling, named) = (free.next()?, leaving.named);
                if names.are_free(&named_so(reverses, named, &spelling, &named.name)) {
                    return Some(spelling);
                }
            };
            line.leaving.iter().map(next_of).collect::<Option<_>>().unwrap_or_default()
        }
        Room::Unknown => Vec::new(),
    }
}

/// Files, each with the name that it is to have.
type Naming<'a> = Vec<(&'a str, String)>;

/// The names that a migration and its reverse have under a version and a name.
fn named_so<'a>(reverses: &Reverses<'a>, named: &'a Named, spelling: &str, name: &str) -> Naming<'a> {
    let reverse = named.version.and_then(|version| reverses.get(&(version, named.name.as_str())));
    let files = reverse.copied().into_iter().chain([named]);
    files.map(|named| (named.file.as_str(), format!("{spelling}_{name}{}", named.ending()))).collect()
}

/// Gives all these names, or none where something has one of them: then `false`.
fn give_all<'a>(names: &mut Names<'a>, all: Naming<'a>) -> bool {
    names.are_free(&all) && all.into_iter().all(|(file, name)| names.give(file, name))
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
    ///
    /// What leaves behind it is among them, and comes first: whoever stops midway has all in its order still. So there
    /// are none for what leaves behind another.
    pub(super) fn commands(&self, place: &Place, named: &Named) -> Option<String> {
        let line = self.line_of(named);
        let files: Vec<Renamed> = match line {
            [] => self.files(named),
            [first, ..] if first.behind.is_some() => Vec::new(),
            line => line.iter().rev().flat_map(|leaving| self.files(leaving.named)).collect(),
        };
        let commands: Vec<String> = files.iter().map(|file| place.git_mv(&file.from, &file.to)).collect();
        (!commands.is_empty()).then(|| commands.join("\n"))
    }

    /// A migration that leaves and those that leave behind it, with nothing between them that stays. Empty where it does
    /// not leave.
    pub(super) fn line_of(&self, named: &Named) -> &[Leaving<'a>] {
        let at = self.leaving.get(named.file.as_str());
        let rest = at.and_then(|at| self.fates.leaving.get(*at..)).unwrap_or_default();
        let behind = rest.iter().skip(1).take_while(|leaving| leaving.behind.is_some()).count();
        rest.get(..rest.len().min(behind + 1)).unwrap_or_default()
    }

    /// The first of those that a migration leaves behind, whose commands give this one its name as well.
    pub(super) fn taken_along_by(&self, named: &Named) -> Option<&'a Named> {
        self.name_of(&named.file)?;
        let at = *self.leaving.get(named.file.as_str())?;
        self.fates.leaving.get(at)?.behind?;
        let first = self.fates.leaving.get(..at)?.iter().rfind(|leaving| leaving.behind.is_none());
        first.map(|leaving| leaving.named)
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
            let behind = leaving.behind.map(|before| before.name.clone());
            let is_overtaken = matches!(leaving.why, Why::Overtaken);
            (!files.is_empty()).then(|| Renumbering {
                version,
                name,
                spelling: spelling.to_owned(),
                files,
                behind,
                is_overtaken,
            })
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
