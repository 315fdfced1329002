//! The seal file: read, check, change, write as text. It does not touch the disk; [`crate::read`] does.
//!
//! # The format
//!
//! ```text
//! # Sealed migrations. `graven seal` adds to it; never edit a sealed migration.
//! head sha256:<digest>
//! 0001 create_users sha256:<checksum>
//! 0002 add_email sha256:<checksum> was sha256:<older> sha256:<older still>
//! 0002 schema.baseline sha256:<checksum>
//! 0003 add_index unsealed
//! ```
//!
//! - Lines that begin with `#` stand above the head only. Empty lines, and white space around a line, may stand
//!   anywhere and mean nothing; CRLF counts as LF.
//! - `head` is the SHA-256 over the lines below it, in their order, without empty ones and white space around them,
//!   each ended by one LF. For a file as graven writes it that is `sed '1,/^head /d' seal.lock | sha256sum`.
//! - A line is the version as the file name spells it, one space, the name, one space, and either `unsealed` or the
//!   checksum. After a checksum, ` was ` and the older ones that a database may still hold. A name may hold spaces: it
//!   ends before the first ` sha256:` or before the ` unsealed` at the end of the line, and no name holds `sha256:`.
//! - Versions ascend. A baseline has `.baseline` after its name and follows the migration of its version. Reverses and
//!   repeatables have no line: the one may be mended at any time, and the other is meant to change.
//! - A file without a single line, or of comments alone, is a valid seal with nothing sealed.

mod damage;
mod mend;
mod parse;

use std::fmt::{self, Write as _};

pub use self::damage::{DamageReason, LineFault, SealDamage};
pub use self::mend::{Disagreement, MendError, Mended, Side};
use crate::checksum::Checksum;
use crate::file_name::{self, FileName, Kind};
use crate::set::{Migration, Set};
use crate::sha256::Sha256;
use crate::version::{Version, VersionError};

/// What the first line of a new seal file says.
const HEADER: &str = "# Sealed migrations. `graven seal` adds to it; never edit a sealed migration.";

/// A seal file that makes sense.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seal {
    /// The comments above the head.
    header: Vec<String>,
    /// Ascending by version and kind.
    lines: Vec<SealLine>,
}

/// A line of the seal file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealLine {
    /// The version.
    pub version: Version,
    /// The version as the file name spells it.
    pub spelling: String,
    /// The name, without the `.baseline` of a baseline.
    pub name: String,
    /// [`Kind::Versioned`] or [`Kind::Baseline`].
    pub kind: Kind,
    /// Whether it is sealed, and by what.
    pub state: SealState,
    /// Where the line stands in the file, counted from 1; 0 for a line that was not read from one.
    pub line: usize,
}

/// Whether a line seals its migration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealState {
    /// The migration must have this checksum.
    Sealed {
        /// The checksum of its text.
        checksum: Checksum,
        /// Older ones that a database may still hold, the oldest first.
        was: Vec<Checksum>,
    },
    /// The migration is announced and may still change.
    Unsealed,
}

impl SealLine {
    /// The checksum, if the line has one.
    #[must_use]
    pub fn checksum(&self) -> Option<Checksum> {
        match &self.state {
            SealState::Sealed { checksum, .. } => Some(*checksum),
            SealState::Unsealed => None,
        }
    }

    /// The older checksums, the oldest first.
    #[must_use]
    pub fn was(&self) -> &[Checksum] {
        match &self.state {
            SealState::Sealed { was, .. } => was,
            SealState::Unsealed => &[],
        }
    }

    /// What the line says, as it is written.
    #[must_use]
    pub fn render(&self) -> String {
        let suffix = if self.kind == Kind::Baseline { Kind::Baseline.suffix() } else { "" };
        let mut text = format!("{} {}{suffix}", self.spelling, self.name);
        match &self.state {
            SealState::Unsealed => text.push_str(" unsealed"),
            SealState::Sealed { checksum, was } => {
                let _ = write!(text, " {checksum}");
                for (at, was) in was.iter().enumerate() {
                    let _ = write!(text, "{} {was}", if at == 0 { " was" } else { "" });
                }
            }
        }
        text
    }

    const fn key(&self) -> (Version, Kind) {
        (self.version, self.kind)
    }

    /// A line that seals a migration as it is now.
    fn sealing(migration: &Migration) -> Self {
        Self {
            version: migration.version,
            spelling: migration.spelling.clone(),
            name: migration.name.clone(),
            kind: migration.kind,
            state: SealState::Sealed { checksum: migration.checksum, was: Vec::new() },
            line: 0,
        }
    }
}

impl Seal {
    /// Reads the text of a seal file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, by line.
    pub fn parse(text: &str) -> Result<Self, Vec<SealDamage>> {
        parse::parse(text)
    }

    /// What the text of a damaged seal file comes to after a merge, where that needs no decision: the lines of both
    /// sides of a conflict, or those that its `head` vouches for and some that were added.
    ///
    /// Lines are merged, not just joined: a sealed one stands above an announced one, and an accepted edit above the
    /// text before it.
    ///
    /// # Errors
    ///
    /// Where both sides seal different things under one version, and where a line was changed that no `head` vouches
    /// for.
    pub fn mend(text: &str) -> Result<Mended, MendError> {
        mend::mend(text)
    }

    /// The seal alone of what [`Seal::mend`] comes to.
    #[must_use]
    pub fn united(text: &str) -> Option<Self> {
        Self::mend(text).ok().map(|mended| mended.seal)
    }

    /// The lines, ascending by version.
    pub fn lines(&self) -> std::slice::Iter<'_, SealLine> {
        self.lines.iter()
    }

    /// The line of a versioned migration ([`Kind::Versioned`]) or of a baseline ([`Kind::Baseline`]).
    #[must_use]
    pub fn line(&self, version: Version, kind: Kind) -> Option<&SealLine> {
        let at = self.lines.binary_search_by_key(&(version, kind), SealLine::key).ok()?;
        self.lines.get(at)
    }

    /// The highest sealed version. New migrations must lie above it.
    #[must_use]
    pub fn sealed_head(&self) -> Option<Version> {
        let sealed = |line: &&SealLine| line.kind == Kind::Versioned && line.checksum().is_some();
        self.lines.iter().rev().find(sealed).map(|line| line.version)
    }

    /// The `head` line: `head sha256:…`.
    #[must_use]
    pub fn head(&self) -> String {
        format!("head {}", self.digest())
    }

    /// What the `head` line vouches for all others by.
    #[must_use]
    pub fn digest(&self) -> Checksum {
        head_of(self.lines.iter().map(SealLine::render))
    }

    /// The whole text. [`Seal::parse`] reads the same seal from it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        match self.header.as_slice() {
            [] => text.push_str(&format!("{HEADER}\n")),
            header => header.iter().for_each(|line| text.push_str(&format!("{line}\n"))),
        }
        text.push_str(&self.head());
        text.push('\n');
        for line in &self.lines {
            text.push_str(&line.render());
            text.push('\n');
        }
        text
    }

    /// With a new, unsealed migration announced: what `graven new` writes.
    ///
    /// A migration of that version that has a line already keeps it.
    ///
    /// # Errors
    ///
    /// Where `spelling` is not a version, or `name` not one that a versioned migration may have.
    pub fn with_unsealed(&self, spelling: &str, name: &str) -> Result<Self, AnnounceError> {
        let version = spelling.parse().map_err(AnnounceError::Version)?;
        match file_name::parse(&format!("{spelling}_{name}.sql")) {
            FileName::Migration(found) if found.kind == Kind::Versioned && found.name() == name => {}
            _ => return Err(AnnounceError::Name),
        }
        let line = SealLine {
            version,
            spelling: spelling.to_owned(),
            name: name.to_owned(),
            kind: Kind::Versioned,
            state: SealState::Unsealed,
            line: 0,
        };
        let mut seal = self.clone();
        if let Err(at) = seal.lines.binary_search_by_key(&line.key(), SealLine::key) {
            seal.lines.insert(at, line);
        }
        Ok(seal)
    }

    /// With a migration that is not sealed announced under another version, which `spelling` is: what `graven renumber`
    /// writes. One that is not announced stays so.
    ///
    /// # Errors
    ///
    /// As [`Seal::with_unsealed`].
    pub fn with_renumbered(&self, version: Version, name: &str, spelling: &str) -> Result<Self, AnnounceError> {
        let mut seal = self.clone();
        let is_it = |line: &SealLine| {
            line.key() == (version, Kind::Versioned) && line.name == name && line.state == SealState::Unsealed
        };
        seal.lines.retain(|line| !is_it(line));
        if seal.lines.len() == self.lines.len() { Ok(seal) } else { seal.with_unsealed(spelling, name) }
    }

    /// With every migration and baseline of a set sealed: what `graven seal` writes.
    ///
    /// What is sealed already keeps its line, whatever its file says by now: the set's problems tell of that. An
    /// `unsealed` line whose file is gone is dropped.
    #[must_use]
    pub fn seal_all(&self, set: &Set) -> Self {
        let mut lines: Vec<SealLine> = self.lines.iter().filter(|line| line.checksum().is_some()).cloned().collect();
        let sealed = lines.len();
        for migration in set.migrations.iter().chain(&set.baselines) {
            let key = (migration.version, migration.kind);
            let known = lines.get(..sealed).unwrap_or_default();
            if known.binary_search_by_key(&key, SealLine::key).is_err() {
                lines.push(SealLine::sealing(migration));
            }
        }
        lines.sort_by_key(SealLine::key);
        Self { header: self.header.clone(), lines }
    }

    /// With an edit of a sealed migration accepted: what `graven seal --accept-edit` writes.
    ///
    /// The checksum that was valid so far joins the older ones, which databases may still hold. `None` where no
    /// migration of that version and kind is sealed, which is [`Kind::Versioned`] or [`Kind::Baseline`].
    #[must_use]
    pub fn accept_edit(&self, version: Version, kind: Kind, edited: Checksum) -> Option<Self> {
        let mut seal = self.clone();
        let at = seal.lines.binary_search_by_key(&(version, kind), SealLine::key).ok()?;
        let SealState::Sealed { checksum, was } = &mut seal.lines.get_mut(at)?.state else { return None };
        if *checksum != edited {
            was.push(*checksum);
            *checksum = edited;
            // An edit that takes an earlier one back: the present checksum is no older one.
            was.retain(|older| *older != edited);
        }
        Some(seal)
    }
}

/// Why a migration cannot be announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnnounceError {
    /// Its version is none.
    Version(VersionError),
    /// Its name is not one that a versioned migration may have.
    Name,
}

impl fmt::Display for AnnounceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(error) => error.fmt(f),
            Self::Name => f.write_str("a versioned migration cannot have this name"),
        }
    }
}

impl std::error::Error for AnnounceError {}

/// What the `head` line of a sound seal file says: [`Seal::digest`], without computing it once more. `None` where the file
/// has no lines.
pub(crate) fn digest_in(text: &str) -> Option<Checksum> {
    parse::numbered(text).find_map(|(_, line)| line.strip_prefix("head ")?.parse().ok())
}

/// The digest of lines, each ended by LF.
fn head_of(lines: impl Iterator<Item = impl AsRef<str>>) -> Checksum {
    let mut digest = Sha256::new();
    for line in lines {
        digest.update(line.as_ref().as_bytes());
        digest.update(b"\n");
    }
    Checksum::from_bytes(digest.finish())
}
