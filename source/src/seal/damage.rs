//! What can be wrong with a seal file.

use std::fmt;

use crate::checksum::Checksum;
use crate::version::{Version, VersionError};

/// A line of the seal file that cannot stay as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealDamage {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: DamageReason,
}

/// Why a seal file is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageReason {
    /// A merge left its marker: `<<<<<<<`, `|||||||`, `=======` or `>>>>>>>`.
    ConflictMarker,
    /// The line is not one of a seal file.
    NotALine(LineFault),
    /// The line has a lower version than one above it.
    OutOfOrder {
        /// The version above it.
        after: Version,
    },
    /// The version has a line already.
    SaidTwice {
        /// The line above that has it.
        first: usize,
    },
    /// There are lines of migrations and no `head` above them.
    HeadAbsent {
        /// What the head should be.
        wanted: Checksum,
    },
    /// `head` does not match the lines below it.
    HeadMismatch {
        /// What the head should be.
        wanted: Checksum,
    },
}

impl fmt::Display for DamageReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConflictMarker => f.write_str("the seal file holds a merge conflict marker"),
            Self::NotALine(fault) => fault.fmt(f),
            Self::OutOfOrder { after } => write!(f, "the line stands below that of version {after}, which is higher"),
            Self::SaidTwice { first } => write!(f, "the version has a line already, line {first}"),
            Self::HeadAbsent { .. } => f.write_str("the seal file has no `head` line above its migrations"),
            Self::HeadMismatch { .. } => f.write_str("the seal file's `head` does not match the lines below it"),
        }
    }
}

/// Why a line is not one of a seal file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineFault {
    /// It does not begin with a version.
    Version(VersionError),
    /// There is no name after the version.
    NoName,
    /// It ends neither in a checksum nor in `unsealed`.
    NoState,
    /// Something that should be a checksum is not.
    Checksum,
    /// A `head` line below the first one.
    SecondHead,
    /// A comment below the head, where it would be part of what the head vouches for.
    CommentBelowHead,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(VersionError::TooLarge) => f.write_str("the version of the line is too large"),
            Self::Version(_) => f.write_str("the line does not begin with a version"),
            Self::NoName => f.write_str("the line has no name after its version"),
            Self::NoState => f.write_str("the line ends neither in a checksum nor in `unsealed`"),
            Self::Checksum => f.write_str("the line holds a checksum that is not one"),
            Self::SecondHead => f.write_str("the seal file has a second `head` line"),
            Self::CommentBelowHead => f.write_str("a comment stands below the `head` line"),
        }
    }
}
