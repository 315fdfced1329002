//! Which migrations cannot keep their version or their name, and why: decided once for the whole directory, so that
//! everything that is said of it in one build fits together.
//!
//! It refuses to hand out versions and to say anything: [`super::moves`] does the one, the rooms that report the other.

use std::collections::{HashMap, HashSet};

use super::names::Named;
use crate::checksum::Checksum;
use crate::file_name::Kind;
use crate::seal::{Seal, SealLine};
use crate::version::Version;

/// A versioned migration that is there. Without a checksum it could not be read, and a problem says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) version: Version,
    pub(super) named: &'a Named,
    pub(super) checksum: Option<Checksum>,
}

impl Found<'_> {
    /// Whether another one has the same text, and a name that only adds to the other's, as desktops and merge tools name
    /// a copy: `create_teams copy`, `create_teams_LOCAL_1234`.
    fn is_copy_of(&self, other: &Self) -> bool {
        let (name, others) = (&self.named.name, &other.named.name);
        let are_alike = name.starts_with(others) || others.starts_with(name);
        // Empty files are all alike.
        let holds_text = self.checksum.is_some_and(|checksum| checksum != Checksum::of_text(""));
        are_alike && holds_text && self.checksum == other.checksum
    }
}

/// Why a migration needs another version.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why<'a> {
    /// This one has the version, and keeps it.
    Duplicate(&'a Named),
    /// It lies below this sealed version, and is not sealed.
    Inserted(Version),
    /// A sealed one has the version, and is to get it back.
    Displaced,
    /// It could stay, but for one that comes before it and would come after it: what is not sealed keeps its order.
    Overtaken,
}

/// A migration that needs another version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving<'a> {
    pub(super) version: Version,
    pub(super) named: &'a Named,
    pub(super) why: Why<'a>,
    /// The one that leaves before it, with nothing between them that stays.
    pub(super) behind: Option<&'a Named>,
}

/// A sealed migration that is not there under its version and name.
#[derive(Clone, Debug)]
pub(super) struct Astray<'a> {
    pub(super) line: &'a SealLine,
    /// What holds its text, under another name or version.
    pub(super) found: Option<&'a Named>,
    /// What has its version instead.
    pub(super) displaced: Vec<&'a Named>,
}

/// What becomes of the versioned migrations of a directory. Whatever is not named here stays as it is.
#[derive(Debug, Default)]
pub(super) struct Fates<'a> {
    /// Ascending by version, and then by file name. None that is overtaken, which takes the versions to tell.
    pub(super) leaving: Vec<Leaving<'a>>,
    /// Those that are not sealed and have a version that they may keep, ascending.
    pub(super) staying: Vec<(Version, &'a Named)>,
    /// Ascending by version.
    pub(super) astray: Vec<Astray<'a>>,
    /// Two files of one version, and of one name or one text: the one that is not meant, and the other.
    pub(super) twins: Vec<(Version, &'a Named, &'a Named)>,
}

/// Decides. `checksums` are those of `migrations`, in the same order.
pub(super) fn decide<'a>(migrations: &'a [Named], checksums: &[Option<Checksum>], seal: Option<&'a Seal>) -> Fates<'a> {
    let mut found: Vec<Found<'a>> = migrations
        .iter()
        .zip(checksums)
        .filter(|(named, _)| named.kind == Kind::Versioned)
        .filter_map(|(named, checksum)| Some(Found { version: named.version?, named, checksum: *checksum }))
        .collect();
    found.sort_by(|one, other| (one.version, &one.named.file).cmp(&(other.version, &other.named.file)));
    let astray = seal.map(|seal| astray(&found, seal)).unwrap_or_default();
    let mut fates = Fates { astray, ..Fates::default() };
    let returning: HashSet<&str> = fates.returning().map(|(named, _)| named.file.as_str()).collect();
    let head = seal.and_then(Seal::sealed_head);
    for group in found.chunk_by(|one, other| one.version == other.version) {
        let staying: Vec<Found<'a>> =
            group.iter().filter(|found| !returning.contains(found.named.file.as_str())).copied().collect();
        if let Some(one) = group.first() {
            fates.sort_out(one.version, &staying, seal, head);
        }
    }
    fates
}

impl<'a> Fates<'a> {
    /// What goes back to the version and the name that it is sealed under.
    pub(super) fn returning(&self) -> impl Iterator<Item = (&'a Named, &'a SealLine)> {
        self.astray.iter().filter_map(|astray| Some((astray.found?, astray.line)))
    }

    /// The migrations of one version among one another.
    fn sort_out(&mut self, version: Version, group: &[Found<'a>], seal: Option<&Seal>, head: Option<Version>) {
        let line = seal.and_then(|seal| seal.line(version, Kind::Versioned));
        let is_sealed = line.is_some_and(|line| line.checksum().is_some());
        let of_line = line.and_then(|line| group.iter().find(|found| found.named.name == line.name));
        let at = self.astray.binary_search_by_key(&version, |astray| astray.line.version);
        let displacer = at.ok().and_then(|at| self.astray.get_mut(at));
        // The one that is sealed or announced stays, and otherwise the first one; unless none may.
        let (keeper, why) = match displacer {
            Some(astray) => {
                astray.displaced = group.iter().map(|found| found.named).collect();
                (None, Why::Displaced)
            }
            None => match head.filter(|head| !is_sealed && version < *head) {
                Some(head) => (None, Why::Inserted(head)),
                None => match of_line.or(group.first()) {
                    Some(keeper) => (Some(keeper), Why::Duplicate(keeper.named)),
                    None => return,
                },
            },
        };
        if let Some(keeper) = keeper.filter(|_| !is_sealed) {
            self.staying.push((version, keeper.named));
        }
        // As it is nearly always.
        if keeper.is_some() && group.len() == 1 {
            return;
        }
        let mut by_name: HashMap<&str, &'a Named> =
            keeper.map(|keeper| (keeper.named.name.as_str(), keeper.named)).into_iter().collect();
        for found in group.iter().filter(|found| keeper.is_none_or(|keeper| keeper.named.file != found.named.file)) {
            let named = found.named;
            let original = keeper.filter(|keeper| found.is_copy_of(keeper)).map(|keeper| keeper.named);
            match by_name.get(named.name.as_str()).copied().or(original) {
                Some(twin) => self.twins.push((version, named, twin)),
                None => {
                    by_name.insert(&named.name, named);
                    self.leaving.push(Leaving { version, named, why, behind: None });
                }
            }
        }
    }
}

/// The sealed migrations that are not there under their version and name, each with what holds its text instead.
fn astray<'a>(found: &[Found<'a>], seal: &'a Seal) -> Vec<Astray<'a>> {
    // Both ascend by version, so that neither has to be searched.
    let mut rest = found;
    let mut is_there = |line: &SealLine| {
        while let [first, others @ ..] = rest
            && first.version < line.version
        {
            rest = others;
        }
        let of_version = rest.iter().take_while(|found| found.version == line.version);
        // Of one that cannot be read enough is said already.
        of_version.into_iter().any(|found| found.named.name == line.name || found.checksum.is_none())
    };
    let sealed = seal.lines().filter(|line| line.kind == Kind::Versioned && line.checksum().is_some());
    let mut astray: Vec<Astray<'a>> =
        sealed.filter(|line| !is_there(line)).map(|line| Astray { line, found: None, displaced: Vec::new() }).collect();
    if astray.is_empty() {
        return astray;
    }
    let is_at_home = |found: &&Found<'a>| {
        let line = seal.line(found.version, Kind::Versioned);
        line.is_some_and(|line| line.checksum().is_some() && line.name == found.named.name)
    };
    let mut homeless: HashMap<Checksum, Vec<Found<'a>>> = HashMap::new();
    for found in found.iter().filter(|found| !is_at_home(found)) {
        if let Some(checksum) = found.checksum {
            homeless.entry(checksum).or_default().push(*found);
        }
    }
    // What has the version still is the surest, then what has the name, then what has the text alone.
    let nothing = Checksum::of_text("");
    for sure in [
        |line: &SealLine, found: &Found<'_>| line.version == found.version,
        |line: &SealLine, found: &Found<'_>| line.name == found.named.name,
        |_: &SealLine, _: &Found<'_>| true,
    ] {
        for astray in astray.iter_mut().filter(|astray| astray.found.is_none()) {
            let Some(checksum) = astray.line.checksum() else { continue };
            let candidates = homeless.entry(checksum).or_default();
            let is_it = |found: &Found<'_>| {
                // Empty files are all alike.
                let told =
                    checksum != nothing || found.version == astray.line.version || found.named.name == astray.line.name;
                told && sure(astray.line, found)
            };
            if let Some(at) = candidates.iter().position(is_it) {
                astray.found = Some(candidates.remove(at).named);
            }
        }
    }
    astray
}
