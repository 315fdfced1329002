//! Names for files whose own fit no kind of migration, or hold a version that none can have.

use std::collections::{HashMap, HashSet};

use super::fates::Fates;
use super::free::Free;
use super::in_place::{Dotted, InPlace};
use super::moves::{Basis, Moves, Names};
use super::names::{Listing, Misnamed, Wanted};
use super::place::{Place, UNKNOWN_TO_GIT};
use crate::file_name::{self, FileName, Kind};
use crate::problem::Problem;
use crate::seal::Seal;
use crate::version::Version;

/// What the names that are clear from the files themselves take up.
pub(super) struct Claims {
    /// Versions, with the width of their spelling.
    pub(super) taken: Vec<(Version, usize)>,
    /// Of these, those of sealed migrations.
    pub(super) sealed: HashSet<Version>,
    /// The others, by where they stand in the listing.
    waiting: Vec<usize>,
    in_place: InPlace,
}

/// Gives the names that are clear from the files themselves, as far as their versions are free.
pub(super) fn claim<'a>(listing: &'a Listing, basis: Basis<'_>, fates: &Fates<'_>, names: &mut Names<'a>) -> Claims {
    let (seal, in_place) = (basis.seal(), InPlace::of(listing, basis));
    let mut claims = Claims { taken: Vec::new(), sealed: HashSet::new(), waiting: Vec::new(), in_place };
    if listing.misnamed.is_empty() {
        return claims;
    }
    let head = seal.and_then(Seal::sealed_head);
    let mut versions: HashSet<Version> = listing
        .migrations
        .iter()
        .filter(|named| named.kind == Kind::Versioned)
        .filter_map(|named| named.version)
        .collect();
    for (at, misnamed) in listing.misnamed.iter().enumerate() {
        if let Some(spelling) = claims.in_place.version_of(at).filter(|it| misnamed.is_named(it, names)) {
            claims.taken.extend(spelling.parse::<Version>().ok().map(|version| (version, spelling.len())));
            continue;
        }
        let Wanted::Name(name) = &misnamed.wanted else {
            // Of one with dots that has no place, only people can tell what may come before it.
            if !(matches!(misnamed.wanted, Wanted::InPlace(..)) && misnamed.kind() == Some(Kind::Versioned)) {
                claims.waiting.push(at);
            }
            continue;
        };
        let FileName::Migration(found) = file_name::parse(name) else { continue };
        let (Kind::Versioned, Some(version)) = (found.kind, found.version) else {
            claims.waiting.push(at);
            continue;
        };
        let line = seal.and_then(|seal| seal.line(version, Kind::Versioned));
        let is_sealed = line.is_some_and(|line| line.checksum().is_some());
        let gone = || {
            let at = fates.astray.binary_search_by_key(&version, |astray| astray.line.version).ok();
            at.and_then(|at| fates.astray.get(at)).is_some_and(|astray| astray.found.is_none())
        };
        let is_free = match line {
            Some(line) => line.name == found.name() && (!is_sealed || gone()),
            None => head.is_none_or(|head| version > head),
        };
        // What diesel keeps beside it comes along.
        let with_reverse = misnamed.parts.len() < 2 || names.is_free(&format!("{}.down.sql", stem_of(name)));
        if is_free && with_reverse && !versions.contains(&version) && names.give(&misnamed.file, name.clone()) {
            versions.insert(version);
            claims.taken.push((version, found.spelling().len()));
            if is_sealed {
                claims.sealed.insert(version);
            }
        } else {
            claims.waiting.push(at);
        }
    }
    claims
}

/// A name as it was meant: the version, where it had one that was understood, with dots or without, and the name.
type Meant = (Option<Dotted>, String);

/// Gives names to the files that wait for a version, and to reverses, baselines and repeatables, which go by what the
/// migrations are called.
pub(super) fn name_the_rest<'a>(listing: &'a Listing, claims: &Claims, free: &mut Free, names: &mut Names<'a>) {
    if listing.misnamed.is_empty() {
        return;
    }
    // The names that migrations are given or have, by what they were meant to be.
    let mut forwards: HashMap<Meant, String> = HashMap::new();
    for named in listing.migrations.iter().filter(|named| named.kind == Kind::Versioned) {
        let stem = named.file.strip_suffix(named.ending()).unwrap_or_default();
        let given = names.of.get(named.file.as_str()).and_then(|name| name.strip_suffix(named.ending()));
        let in_the_end = given.unwrap_or(stem).to_owned();
        forwards.insert((None, named.name.clone()), in_the_end.clone());
        forwards.insert((named.version.map(Dotted::of), named.name.clone()), in_the_end);
    }
    for misnamed in &listing.misnamed {
        if let (Some((Kind::Versioned, meant)), Some(name)) = (misnamed.meant(), names.of.get(misnamed.file.as_str())) {
            let stem = stem_of(name);
            forwards.insert((None, meant.1.clone()), stem.clone());
            forwards.insert(meant, stem);
        }
    }
    let waiting =
        || claims.waiting.iter().filter_map(|at| listing.misnamed.get(*at)).filter_map(|it| Some((it, it.meant()?)));
    for (misnamed, (kind, meant)) in waiting() {
        if kind == Kind::Versioned {
            while let Some(spelling) = free.next() {
                let stem = format!("{spelling}_{}", meant.1);
                if names.give(&misnamed.file, format!("{stem}{}", misnamed.ending())) {
                    forwards.insert((None, meant.1.clone()), stem.clone());
                    forwards.insert(meant, stem);
                    break;
                }
            }
        }
    }
    let last = || {
        let versioned = listing.migrations.iter().filter(|named| named.kind == Kind::Versioned);
        versioned.max_by_key(|named| named.version).map(|named| named.spelling.clone())
    };
    let mut only: HashSet<(Kind, String)> = HashSet::new();
    for (misnamed, (kind, meant)) in waiting() {
        let name = match (kind, &misnamed.wanted) {
            (Kind::Versioned, _) => None,
            (Kind::Reverse, _) => forwards.get(&meant).map(|stem| format!("{stem}.down.sql")),
            (Kind::Baseline, _) if let Some(last) = claims.in_place.last_of(misnamed) => {
                Some(format!("{last}_{}.baseline.sql", meant.1))
            }
            (_, Wanted::Name(name)) => Some(name.clone()),
            (_, Wanted::NextVersion(rest)) => last().map(|last| format!("{last}{rest}")),
            (_, Wanted::InPlace(..)) => None,
        };
        if let Some(name) = name.filter(|name| is_the_only(listing, name, &mut only)) {
            names.give(&misnamed.file, name);
        }
    }
}

/// Whether no other baseline has the version, and no other repeatable the name, that a file would have under `name`.
/// `given` are those that were asked about before.
fn is_the_only(listing: &Listing, name: &str, given: &mut HashSet<(Kind, String)>) -> bool {
    let FileName::Migration(found) = file_name::parse(name) else { return false };
    let what = |kind: Kind, version: Option<Version>, name: &str| match (kind, version) {
        (Kind::Baseline, Some(version)) => version.to_string(),
        (_, Some(version)) => format!("{version}_{name}"),
        (_, None) => name.to_lowercase(),
    };
    let wanted = what(found.kind, found.version, found.name());
    let of_kind = || listing.migrations.iter().filter(|named| named.kind == found.kind);
    !of_kind().any(|named| what(named.kind, named.version, &named.name) == wanted) && given.insert((found.kind, wanted))
}

/// `0001_create_users` of `0001_create_users.up.sql`.
fn stem_of(file: &str) -> String {
    let stem = file.strip_suffix(".up.sql").or(file.strip_suffix(".sql"));
    stem.unwrap_or(file).to_owned()
}

/// The problems of these files, each with the command that names it well.
pub(super) fn report(place: &Place, listing: &Listing, moves: &Moves<'_>, problems: &mut Vec<Problem>) {
    let is_versioned = |misnamed: &Misnamed| misnamed.kind() == Some(Kind::Versioned);
    let is_numbered = |misnamed: &Misnamed| {
        matches!(misnamed.wanted, Wanted::InPlace(..))
            && is_versioned(misnamed)
            && moves.name_of(&misnamed.file).is_some()
    };
    let are_numbered = listing.misnamed.iter().any(is_numbered);
    for misnamed in &listing.misnamed {
        let problem = match are_numbered && is_versioned(misnamed) {
            true => misnamed.problem.clone().note(NUMBERED),
            false => misnamed.problem.clone(),
        };
        let Some(name) = moves.name_of(&misnamed.file) else {
            let problem = without_a_name(misnamed).iter().fold(problem, |problem, help| problem.help(*help));
            problems.push(problem);
            continue;
        };
        if misnamed.parts.is_empty() {
            problems.push(problem.help(format!("rename it {UNKNOWN_TO_GIT}:\n{}", place.git_mv(&misnamed.file, name))));
            continue;
        }
        let stem = stem_of(name);
        let move_out = |part: &&str| place.git_mv(&format!("{}/{part}", misnamed.file), &format!("{stem}.{part}"));
        let commands: Vec<String> = misnamed.parts.iter().map(move_out).collect();
        let help = format!(
            "it is laid out as diesel would have it; take its files out {UNKNOWN_TO_GIT}:\n{}",
            commands.join("\n")
        );
        problems.push(Problem { help: vec![help], ..problem });
    }
}

/// Half of a new order is none.
const NUMBERED: &str = "where a version has dots, all files that another tool named get new ones, in their order: rename all of \
                        them before you build again";

fn without_a_name(misnamed: &Misnamed) -> &'static [&'static str] {
    match misnamed.kind() {
        Some(Kind::Versioned) if matches!(misnamed.wanted, Wanted::InPlace(..)) => {
            &["give it and what comes after it other versions, in their order: a version is an integer, and none lies \
             where this one does"]
        }
        Some(Kind::Versioned) => &["give it a version that is free"],
        Some(Kind::Reverse) if !misnamed.file.to_ascii_lowercase().ends_with(".down.sql") => &[
            "if it is Flyway's and takes a migration back, give it the version and the name of that one, and the ending \
             `.down.sql`, or delete it",
            "if it is refinery's and is applied as any other, give it a version that is free, and the ending `.sql`",
        ],
        Some(Kind::Reverse) => &["give it the version and the name of the migration that it takes back, or delete it"],
        Some(Kind::Baseline) => &["give it the version of the last migration that it stands for, or delete it"],
        Some(Kind::Repeatable) => &["give it a name that no other repeatable has, or delete it"],
        None => &["move it elsewhere"],
    }
}

impl Misnamed {
    /// Gives it the name that it has under a version, if nothing else has that.
    fn is_named<'a>(&'a self, spelling: &str, names: &mut Names<'a>) -> bool {
        let Some((_, (_, name))) = self.meant() else { return false };
        let stem = format!("{spelling}_{name}");
        let with_reverse = self.parts.len() < 2 || names.is_free(&format!("{stem}.down.sql"));
        with_reverse && names.give(&self.file, format!("{stem}{}", self.ending()))
    }

    /// Of which kind it was meant to be.
    pub(super) fn kind(&self) -> Option<Kind> {
        self.meant().map(|(kind, _)| kind)
    }

    /// What it was meant to be.
    fn meant(&self) -> Option<(Kind, Meant)> {
        let name = match &self.wanted {
            Wanted::Name(name) => name.clone(),
            Wanted::NextVersion(rest) | Wanted::InPlace(_, rest) => format!("0{rest}"),
        };
        let FileName::Migration(found) = file_name::parse(&name) else { return None };
        Some((found.kind, (Dotted::meant_by(self), found.name().to_owned())))
    }

    /// What a versioned migration's name ends in: `.sql` or `.up.sql`.
    fn ending(&self) -> &'static str {
        let (Wanted::Name(name) | Wanted::NextVersion(name) | Wanted::InPlace(_, name)) = &self.wanted;
        if name.ends_with(".up.sql") { ".up.sql" } else { ".sql" }
    }
}
