//! A seal file that a merge left damaged becomes one that makes sense, where that needs no decision.
//!
//! It refuses to believe a line that nothing vouches for. Git leaves the `head` of both sides in a conflict, so that
//! each side is checked as a seal file of its own. Where only lines were added by hand, the `head` that is still there
//! vouches for all the others; the added ones are handed out apart, for the caller to compare with the files.

mod side;

use std::collections::BTreeMap;
use std::ops::Range;

use self::side::{Part, Where};
use super::parse::{marker, marker_width, numbered, parse_line};
use super::{Seal, SealLine, SealState};
use crate::checksum::Checksum;
use crate::file_name::Kind;
use crate::sha256::Sha256;
use crate::version::Version;

/// A seal file that was mended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mended {
    /// What it says now.
    pub seal: Seal,
    /// The two sides of a merge: above the line of `=======`, and below it. Empty where there was no conflict.
    pub sides: Vec<Side>,
    /// Lines that no `head` vouches for. They are to be believed only where the migration is there with that checksum.
    pub added: Vec<SealLine>,
}

impl Mended {
    /// What only the second side seals, of which nothing is here: a merge takes the files of both sides along, but a
    /// cherry-pick those of one commit alone. So it is not to be sealed here either.
    pub fn left_behind(&self, is_here: impl Fn(&SealLine) -> bool) -> impl Iterator<Item = &SealLine> {
        let sides = match self.sides.as_slice() {
            [ours, theirs] => Some((ours, theirs)),
            _ => None,
        };
        let of_theirs = sides.into_iter().flat_map(|(ours, theirs)| theirs.own.iter().map(move |line| (ours, line)));
        of_theirs
            .filter(|(ours, line)| {
                let is_ours = |of_ours: &&SealLine| of_ours.key() == line.key() && of_ours.checksum().is_some();
                line.checksum().is_some() && !ours.own.iter().any(|of_ours| is_ours(&of_ours))
            })
            .map(|(_, line)| line)
            .filter(move |line| !is_here(line))
    }
}

/// One side of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Side {
    /// What git calls it: `HEAD`, the name of a branch, a commit.
    pub label: String,
    /// The lines that the other side does not have.
    pub own: Vec<SealLine>,
    /// All that the side says.
    pub seal: Seal,
}

/// Why a seal file cannot be mended without a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MendError {
    /// A conflict marker stands where it makes no sense, or a line is not one of a seal file. Holds the line, from 1.
    Line(usize),
    /// The lines of one side are not those that its `head` vouches for.
    Side {
        /// What git calls it.
        label: String,
    },
    /// Both sides seal one version, and not as the same.
    Disagreement(Box<Disagreement>),
    /// No `head` vouches for the lines, or for all but some that were added.
    Unvouched,
}

/// Two lines of which only one can stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// What git calls the first side, and its line.
    pub ours: (String, SealLine),
    /// The same of the second side.
    pub theirs: (String, SealLine),
}

pub(super) fn mend(text: &str) -> Result<Mended, MendError> {
    let width = marker_width(numbered(text).map(|(_, line)| line));
    if numbered(text).any(|(_, line)| marker(line, width).is_some()) { merge(text, width) } else { without_added(text) }
}

/// The lines of both sides of a conflict, each checked against the `head` of its side. A conflict marker has so many
/// signs.
fn merge(text: &str, width: usize) -> Result<Mended, MendError> {
    let parts = side::split(text, width)?;
    let (ours, our_label) = parts.side(&Where::Ours)?;
    let (theirs, their_label) = parts.side(&Where::Theirs)?;
    let mut lines: BTreeMap<(Version, Kind), SealLine> = BTreeMap::new();
    for line in ours.lines() {
        lines.insert(line.key(), line.clone());
    }
    for line in theirs.lines() {
        let both = match lines.get(&line.key()) {
            None => Some(line.clone()),
            Some(of_ours) => unite(of_ours, line),
        };
        let Some(both) = both else {
            let of_ours = lines.get(&line.key()).unwrap_or(line).clone();
            return Err(MendError::Disagreement(Box::new(Disagreement {
                ours: (our_label, of_ours),
                theirs: (their_label, line.clone()),
            })));
        };
        lines.insert(line.key(), both);
    }
    let mut header = ours.header.clone();
    header.extend(theirs.header.iter().filter(|line| !ours.header.contains(line)).cloned());
    let own = |side: &Seal, other: &Seal| {
        let is_own = |line: &&SealLine| {
            other.line(line.version, line.kind).is_none_or(|of_other| of_other.render() != line.render())
        };
        side.lines().filter(is_own).cloned().collect()
    };
    let (of_ours, of_theirs) = (own(&ours, &theirs), own(&theirs, &ours));
    let sides = vec![
        Side { own: of_ours, label: our_label, seal: ours },
        Side { own: of_theirs, label: their_label, seal: theirs },
    ];
    Ok(Mended { seal: Seal { header, lines: lines.into_values().collect() }, sides, added: Vec::new() })
}

/// What two lines of one version come to. `None` where only one of them can be meant.
fn unite(ours: &SealLine, theirs: &SealLine) -> Option<SealLine> {
    let (SealState::Sealed { checksum, was }, SealState::Sealed { checksum: of_theirs, was: was_theirs }) =
        (&ours.state, &theirs.state)
    else {
        // Who only announced a migration says nothing of it.
        let ours_is_sealed = ours.checksum().is_some() || theirs.checksum().is_none();
        return Some(if ours_is_sealed { ours.clone() } else { theirs.clone() });
    };
    if ours.name != theirs.name {
        return None;
    }
    // The later one knows the earlier one as an older checksum.
    let (ours_is_older, theirs_is_older) = (was_theirs.contains(checksum), was.contains(of_theirs));
    // Two edits of one text were both accepted as harmless, and databases may hold either: git merges the files to a third
    // text, which is accepted in its turn.
    let are_edits_of_one = || was.iter().any(|older| was_theirs.contains(older));
    let (newer, older, last) = match (checksum == of_theirs, ours_is_older, theirs_is_older) {
        (true, _, _) | (_, false, true) => (ours, theirs, None),
        (_, true, false) => (theirs, ours, None),
        (_, false, false) if are_edits_of_one() => (ours, theirs, Some(*of_theirs)),
        _ => return None,
    };
    let mut line = newer.clone();
    if let SealState::Sealed { checksum, was } = &mut line.state {
        let more: Vec<Checksum> =
            older.was().iter().filter(|older| !was.contains(older) && *older != checksum).copied().collect();
        was.splice(..0, more);
        was.extend(last);
    }
    Some(line)
}

/// A seal file without markers, whose lines are those that a `head` in it vouches for and some more.
fn without_added(text: &str) -> Result<Mended, MendError> {
    let (mut header, mut heads, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for (number, line) in numbered(text).filter(|(_, line)| !line.is_empty()) {
        if line.starts_with('#') {
            header.push(line.to_owned());
        } else if let Some(digest) = line.strip_prefix("head ") {
            heads.push(digest.parse::<Checksum>().map_err(|_| MendError::Line(number))?);
        } else {
            lines.push(Part { number, text: line.to_owned(), place: Where::Outside });
        }
    }
    let run = heads.iter().find_map(|head| vouched_but(&lines, *head)).ok_or(MendError::Unvouched)?;
    let mut parsed: Vec<(bool, SealLine)> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let read = parse_line(line.number, &line.text).map_err(|_| MendError::Line(line.number))?;
        parsed.push((run.contains(&at), read));
    }
    parsed.sort_by_key(|(is_added, line)| (line.key(), *is_added));
    parsed.dedup_by(|(_, second), (_, first)| second.render() == first.render());
    if let Some((_, line)) = parsed.iter().find(|(is_added, line)| *is_added && !line.was().is_empty()) {
        return Err(MendError::Line(line.line));
    }
    let twice = parsed.iter().zip(parsed.iter().skip(1)).find(|((_, one), (_, next))| one.key() == next.key());
    if let Some((_, (_, line))) = twice {
        return Err(MendError::Line(line.line));
    }
    let added = parsed.iter().filter(|(is_added, _)| *is_added).map(|(_, line)| line.clone()).collect();
    let lines = parsed.into_iter().map(|(_, line)| line).collect();
    Ok(Mended { seal: Seal { header, lines }, sides: Vec::new(), added })
}

/// How far from the end lines are looked for that were added among others.
const NEAR_THE_END: usize = 64;

/// The lines, standing together, without which a `head` vouches for all the others. Only those outside of a conflict
/// are left out.
fn vouched_but(lines: &[Part], head: Checksum) -> Option<Range<usize>> {
    let digest = |from: &Sha256, lines: &[Part]| {
        let mut digest = from.clone();
        lines.iter().for_each(|line| add(&mut digest, &line.text));
        Checksum::from_bytes(digest.finish())
    };
    let mut before = Sha256::new();
    if digest(&before, lines) == head {
        return Some(0..0);
    }
    let is_removable =
        |run: &Range<usize>| lines.get(run.clone()).unwrap_or_default().iter().all(|line| line.place == Where::Outside);
    let end = lines.len();
    for (start, line) in lines.iter().enumerate() {
        // New lines mostly stand at the end, however many they are.
        let nearest = if start + NEAR_THE_END < end { end } else { start + 1 };
        let mut runs = (nearest..=end).map(|until| start..until);
        let is_it = |run: &Range<usize>| digest(&before, lines.get(run.end..).unwrap_or_default()) == head;
        if let Some(run) = runs.find(|run| is_it(run) && is_removable(run)) {
            return Some(run);
        }
        add(&mut before, &line.text);
    }
    None
}

fn add(digest: &mut Sha256, line: &str) {
    digest.update(line.as_bytes());
    digest.update(b"\n");
}
