//! What is not sealed keeps its order: a migration that needs another version gets one below the next that stays, where
//! there is room for it, and otherwise takes along what it would come after.
//!
//! It refuses to give names: [`super::moves`] does.

use std::collections::HashSet;

use super::fates::{Fates, Leaving, Why};
use super::names::Named;
use crate::version::Version;

/// Migrations that need other versions, with nothing between them that stays, in their order.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) leaving: Vec<Leaving<'a>>,
    pub(super) room: Room,
}

/// Where there is room for a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Between what is before it and what stays behind it: these versions, as many as it has migrations, and the width
    /// that the one before is spelt with.
    Between(Vec<Version>, Option<usize>),
    /// Above everything.
    Above,
    /// Nobody can tell: of two files that are to leave one is not meant, and would be left behind without a word.
    Unknown,
}

/// A version that nothing may come before, with the width of its spelling.
pub(super) type Floor = Option<(Version, usize)>;

/// Puts what leaves in line. `head` is the sealed head, `taken` are the versions that are not free, and `fits` tells
/// whether a migration can have the names of a version that is.
pub(super) fn line_up<'a>(
    fates: &Fates<'a>,
    head: Floor,
    taken: &HashSet<Version>,
    fits: impl Fn(&Named, Version, Option<usize>) -> bool,
) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    let mut open: Option<Open<'a>> = None;
    let mut floor = head;
    for one in in_order(fates) {
        let stays = matches!(one.why, Why::Overtaken);
        if stays && open.as_ref().is_none_or(|open| open.ends_below(one.version)) {
            lines.extend(open.take().map(|open| open.close(fates, IsFollowed::Yes)));
            floor = floor.max(Some((one.version, one.named.spelling.len())));
            continue;
        }
        let line = open.get_or_insert_with(|| Open { floor, leaving: Vec::new(), versions: Vec::new() });
        line.push(one, taken, &fits);
    }
    lines.extend(open.map(|open| open.close(fates, IsFollowed::No)));
    lines
}

/// All that is not sealed, by version; the one that may keep its version comes before those that may not.
fn in_order<'a>(fates: &Fates<'a>) -> Vec<Leaving<'a>> {
    let staying = fates.staying.iter();
    let staying =
        staying.map(|(version, named)| Leaving { version: *version, named, why: Why::Overtaken, behind: None });
    let mut all: Vec<Leaving<'a>> = staying.chain(fates.leaving.iter().copied()).collect();
    all.sort_by_key(|one| one.version);
    all
}

enum IsFollowed {
    Yes,
    No,
}

/// A line to which more may come.
struct Open<'a> {
    floor: Floor,
    leaving: Vec<Leaving<'a>>,
    /// One for each, ascending; fewer where there are no more.
    versions: Vec<Version>,
}

impl<'a> Open<'a> {
    fn width(&self) -> Option<usize> {
        self.floor.map(|(_, width)| width)
    }

    fn push(
        &mut self,
        one: Leaving<'a>,
        taken: &HashSet<Version>,
        fits: impl Fn(&Named, Version, Option<usize>) -> bool,
    ) {
        let below = self.versions.last().copied().or(self.floor.map(|(version, _)| version)).unwrap_or(Version::ZERO);
        let is_free = |version: &Version| !taken.contains(version) && fits(one.named, *version, self.width());
        let version = std::iter::successors(below.next(), |version| version.next()).find(is_free);
        self.versions.extend(version);
        self.leaving.push(Leaving { behind: self.leaving.last().map(|last| last.named), ..one });
    }

    fn ends_below(&self, version: Version) -> bool {
        self.versions.len() == self.leaving.len() && self.versions.last().is_some_and(|last| *last < version)
    }

    fn close(mut self, fates: &Fates<'_>, is_followed: IsFollowed) -> Line<'a> {
        // Those of one version have no order among one another, so that each of them may go by itself.
        if let [first, rest @ ..] = self.leaving.as_mut_slice()
            && rest.iter().all(|one| one.version == first.version)
        {
            rest.iter_mut().for_each(|one| one.behind = None);
        }
        let is_ambiguous = |one: &Leaving<'_>| {
            matches!(one.why, Why::Overtaken) && fates.twins.iter().any(|(version, ..)| *version == one.version)
        };
        let room = match is_followed {
            _ if self.leaving.iter().any(is_ambiguous) => Room::Unknown,
            IsFollowed::Yes => Room::Between(self.versions.clone(), self.width()),
            IsFollowed::No => Room::Above,
        };
        Line { leaving: self.leaving, room }
    }
}
