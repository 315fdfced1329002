//! The text of a seal file becomes lines, or a list of what is wrong with it.

use std::collections::HashMap;

use super::{DamageReason, LineFault, Seal, SealDamage, SealLine, SealState, head_of};
use crate::checksum::Checksum;
use crate::file_name::Kind;
use crate::version::Version;

pub(super) fn parse(text: &str) -> Result<Seal, Vec<SealDamage>> {
    let lines: Vec<(usize, &str)> = numbered(text).collect();
    // Between the sides of a conflict nothing else is as it should be either, and saying so would not help.
    let width = marker_width(lines.iter().map(|(_, text)| *text));
    if let Some((line, _)) = lines.iter().find(|(_, text)| marker(text, width).is_some()) {
        return Err(vec![SealDamage { line: *line, reason: DamageReason::ConflictMarker }]);
    }
    let mut reader = Reader::default();
    for (line, text) in lines {
        reader.read(line, text);
    }
    reader.finish()
}

/// Lines from 1, without white space around them: what a message printed indented can be pasted as it is.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    (1..).zip(text.lines().map(str::trim))
}

/// As many signs as git makes a conflict marker of, unless its attribute `conflict-marker-size` says otherwise.
const MARKER: usize = 7;

/// How many signs a conflict marker has: as many as the first one, which begins a conflict. What has more than that is of
/// a conflict among the ancestors, which the styles `diff3` and `zdiff3` show within one.
pub(super) fn marker_width<'a>(mut lines: impl Iterator<Item = &'a str>) -> usize {
    let width = |line: &str| line.bytes().take_while(|byte| *byte == b'<').count();
    let is_one = |line: &&str| line.starts_with('<') && width(line) >= MARKER && marker(line, width(line)).is_some();
    lines.find(is_one).map_or(MARKER, width)
}

/// The sign of which a line is a conflict marker: so many of it, and a space or nothing after them.
pub(super) fn marker(line: &str, width: usize) -> Option<char> {
    // Hardly a line begins so.
    let sign = *line.as_bytes().first().filter(|sign| matches!(sign, b'<' | b'|' | b'=' | b'>'))?;
    let rest = line.trim_start_matches(char::from(sign));
    (line.len() - rest.len() == width && (rest.is_empty() || rest.starts_with(' '))).then_some(char::from(sign))
}

#[derive(Default)]
pub(super) struct Reader<'a> {
    seal: Seal,
    head: Option<(usize, Option<Checksum>)>,
    /// What `head` vouches for.
    below: Vec<&'a str>,
    first: Option<usize>,
    /// Which lines there have been: none of them, as long as they ascend.
    seen: HashMap<(Version, Kind), usize>,
    damage: Vec<SealDamage>,
}

impl<'a> Reader<'a> {
    pub(super) fn read(&mut self, number: usize, text: &'a str) {
        if text.is_empty() {
        } else if text.starts_with('#') && self.head.is_none() {
            self.seal.header.push(text.to_owned());
        } else if let (Some(digest), None) = (text.strip_prefix("head "), self.head) {
            let digest = digest.parse().ok();
            self.head = Some((number, digest));
            if digest.is_none() {
                self.refuse(number, LineFault::Checksum);
            }
        } else {
            self.below.push(text);
            self.first.get_or_insert(number);
            match parse_line(number, text) {
                Ok(line) => self.add(line),
                Err(fault) => self.refuse(number, fault),
            }
        }
    }

    fn refuse(&mut self, line: usize, fault: LineFault) {
        self.damage.push(SealDamage { line, reason: DamageReason::NotALine(fault) });
    }

    fn add(&mut self, line: SealLine) {
        let last = self.seal.lines.last().map(SealLine::key);
        if self.seen.is_empty() {
            if last.is_none_or(|last| last < line.key()) {
                self.seal.lines.push(line);
                return;
            }
            self.seen = self.seal.lines.iter().map(|line| (line.key(), line.line)).collect();
        }
        if let Some(first) = self.seen.insert(line.key(), line.line) {
            self.damage.push(SealDamage { line: line.line, reason: DamageReason::SaidTwice { first } });
        } else if let Some(last) = self.seal.lines.last().filter(|last| last.key() > line.key()) {
            let reason = DamageReason::OutOfOrder { after: last.version };
            self.damage.push(SealDamage { line: line.line, reason });
        } else {
            self.seal.lines.push(line);
        }
    }

    pub(super) fn finish(mut self) -> Result<Seal, Vec<SealDamage>> {
        let wanted = head_of(self.below.iter());
        // A line that is damaged is mended first; what the head should be is known only then.
        if self.damage.is_empty() {
            match (self.head, self.first) {
                (Some((line, head)), _) if head != Some(wanted) => {
                    self.damage.push(SealDamage { line, reason: DamageReason::HeadMismatch { wanted } });
                }
                (None, Some(line)) => {
                    self.damage.push(SealDamage { line, reason: DamageReason::HeadAbsent { wanted } });
                }
                _ => {}
            }
        }
        if self.damage.is_empty() { Ok(self.seal) } else { Err(self.damage) }
    }
}

/// A line of a migration.
pub(super) fn parse_line(number: usize, text: &str) -> Result<SealLine, LineFault> {
    if text.starts_with("head ") {
        return Err(LineFault::SecondHead);
    }
    if text.starts_with('#') {
        return Err(LineFault::CommentBelowHead);
    }
    let (spelling, rest) = text.split_once(' ').unwrap_or((text, ""));
    let version = spelling.parse().map_err(LineFault::Version)?;
    // No name holds `sha256:`, so that the first one ends it.
    let (name, state) = match one_checksum(rest).or_else(|| rest.split_once(" sha256:")) {
        Some((name, digests)) => (name, parse_checksums(digests)?),
        None => match rest.strip_suffix(" unsealed") {
            Some(name) => (name, SealState::Unsealed),
            None => return Err(LineFault::NoState),
        },
    };
    let (name, kind) = match name.strip_suffix(Kind::Baseline.suffix()) {
        Some(name) => (name, Kind::Baseline),
        None => (name, Kind::Versioned),
    };
    if name.trim().is_empty() {
        return Err(LineFault::NoName);
    }
    Ok(SealLine { version, spelling: spelling.to_owned(), name: name.to_owned(), kind, state, line: number })
}

/// The name, and the digits of the checksum behind it, where the line ends with its first one, as nearly all do. To look at
/// the one place where that begins is much faster, without optimisation, than to look for it.
fn one_checksum(rest: &str) -> Option<(&str, &str)> {
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(64)?)?;
    let name = rest.strip_suffix(" sha256:")?;
    (!name.contains(':')).then_some((name, digits))
}

/// What follows the first `sha256:` of a line: digits, and perhaps ` was ` and older checksums.
fn parse_checksums(text: &str) -> Result<SealState, LineFault> {
    // The digits of one checksum leave no room for older ones.
    let older = if text.len() > 64 { text.split_once(" was ") } else { None };
    let (digits, was) = match older {
        Some((digits, was)) => (digits, Some(was)),
        None => (text, None),
    };
    let checksum = format!("sha256:{digits}").parse().map_err(|_| LineFault::Checksum)?;
    let was = was.map_or(Ok(Vec::new()), |was| was.split(' ').map(str::parse).collect());
    Ok(SealState::Sealed { checksum, was: was.map_err(|_| LineFault::Checksum)? })
}
