//! A text with conflict markers becomes the two texts that were merged, each believed only if its `head` is right.

use super::super::parse::{Reader, marker, numbered, parse_line};
use super::super::{DamageReason, Seal, SealDamage, SealState};
use super::{MendError, vouched_but};

/// A line that may be part of one side or of both.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Where it stands, from 1.
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) place: Where,
}

/// On which side of a conflict a line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// On none: both sides have it, or git has merged it from one of them.
    Outside,
    Ours,
    /// In what both began with, which the styles `diff3` and `zdiff3` show.
    Ancestor,
    Theirs,
}

pub(super) struct Parts {
    parts: Vec<Part>,
    ours: String,
    theirs: String,
}

/// Takes a text with conflict markers apart, each of which has so many signs.
pub(super) fn split(text: &str, width: usize) -> Result<Parts, MendError> {
    let mut parts = Parts { parts: Vec::new(), ours: "ours".to_owned(), theirs: "theirs".to_owned() };
    let mut place = Where::Outside;
    for (number, line) in numbered(text) {
        let label = line.get(width..).unwrap_or_default().trim();
        place = match (marker(line, width), &place) {
            (None, _) => {
                parts.parts.push(Part { number, text: line.to_owned(), place: place.clone() });
                place
            }
            (Some('<'), Where::Outside) => {
                name(&mut parts.ours, label);
                Where::Ours
            }
            (Some('|'), Where::Ours) => Where::Ancestor,
            (Some('='), Where::Ours | Where::Ancestor) => Where::Theirs,
            (Some('>'), Where::Theirs) => {
                name(&mut parts.theirs, label);
                Where::Outside
            }
            _ => return Err(MendError::Line(number)),
        };
    }
    if place == Where::Outside { Ok(parts) } else { Err(MendError::Line(text.lines().count())) }
}

fn name(side: &mut String, label: &str) {
    if !label.is_empty() {
        label.clone_into(side);
    }
}

impl Parts {
    /// One side as a seal file of its own, and what git calls it.
    pub(super) fn side(&self, side: &Where) -> Result<(Seal, String), MendError> {
        let label = if *side == Where::Ours { &self.ours } else { &self.theirs };
        let of_side = |part: &&Part| part.place == *side || part.place == Where::Outside;
        let parts: Vec<Part> = self.parts.iter().filter(of_side).cloned().collect();
        match read(&parts) {
            Ok(seal) => Ok((seal, label.clone())),
            Err(damage) => {
                let mismatch =
                    matches!(damage.as_slice(), [one] if matches!(one.reason, DamageReason::HeadMismatch { .. }));
                let seal = if mismatch { without_the_others(&parts) } else { None };
                Ok((seal.ok_or_else(|| MendError::Side { label: label.clone() })?, label.clone()))
            }
        }
    }
}

fn read(parts: &[Part]) -> Result<Seal, Vec<SealDamage>> {
    let mut reader = Reader::default();
    parts.iter().for_each(|part| reader.read(part.number, &part.text));
    reader.finish()
}

/// A side without what git has merged into it from the other one, outside of the conflict: lines that were added, or an
/// edit that was accepted.
fn without_the_others(parts: &[Part]) -> Option<Seal> {
    let at = parts.iter().position(|part| part.text.starts_with("head "))?;
    let head = parts.get(at)?.text.strip_prefix("head ")?.parse().ok()?;
    let (above, below) = parts.split_at(at + 1);
    let below: Vec<Part> = below.iter().filter(|part| !part.text.is_empty()).cloned().collect();
    if let Some(run) = vouched_but(&below, head) {
        let kept = below.iter().enumerate().filter(|(at, _)| !run.contains(at)).map(|(_, part)| part);
        return read(&above.iter().chain(kept).cloned().collect::<Vec<_>>()).ok();
    }
    below.iter().enumerate().filter(|(_, part)| part.place == Where::Outside).find_map(|(at, part)| {
        let mut before = below.clone();
        before.get_mut(at)?.text = before_the_edit(part)?;
        read(&above.iter().chain(&before).cloned().collect::<Vec<_>>()).ok()
    })
}

/// A line as it was before the last edit of its migration was accepted.
fn before_the_edit(part: &Part) -> Option<String> {
    let mut line = parse_line(part.number, &part.text).ok()?;
    let SealState::Sealed { checksum, was } = &mut line.state else { return None };
    *checksum = was.pop()?;
    Some(line.render())
}
