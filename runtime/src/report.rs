//! What a run did.

use std::fmt;
use std::time::Duration;

use graven_source::{Kind, Version};

/// What a run did, or found done already.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// What came of it.
    pub outcome: Outcome,
    /// What this run applied, in order. Empty where another instance did, or nothing was pending.
    pub applied: Vec<Applied>,
    /// How many migrations the set has, repeatables included. They are all applied now, unless the run was skipped or was to
    /// go no further than [`Migrator::to`](crate::Migrator::to).
    pub total: usize,
    /// Versions that only the history knows, above the set's head: a newer binary has run here.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::versions"))]
    pub future: Vec<Version>,
    /// The names of repeatables that only the history knows: their files are gone, and what they made may still be there.
    pub orphaned: Vec<String>,
    /// How long it waited for another instance.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::seconds", rename = "waited_seconds"))]
    pub waited: Duration,
    /// How long it took altogether, waiting included.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::seconds", rename = "seconds"))]
    pub duration: Duration,
}

/// What came of a run that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Outcome {
    /// This run applied what was pending.
    Applied,
    /// Nothing was pending, or another instance applied it meanwhile.
    UpToDate,
    /// Mode `skip`: the database was not looked at.
    Skipped,
}

/// One migration that a run applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Applied {
    /// Its version; `None` for a repeatable, which has none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_version"))]
    pub version: Option<Version>,
    /// Its name.
    pub name: String,
    /// What kind of migration it is.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::kind"))]
    pub kind: Kind,
    /// How long it took.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::seconds", rename = "seconds"))]
    pub duration: Duration,
}

impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.version, self.kind) {
            (Some(version), Kind::Baseline) => write!(f, "baseline {version} {}", self.name),
            (Some(version), _) => write!(f, "{version} {}", self.name),
            (None, _) => write!(f, "repeatable {}", self.name),
        }
    }
}

/// A migration that is pending, by version and name. So is each that a baseline would take the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Pending {
    /// Its version; `None` for a repeatable, which has none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_version"))]
    pub version: Option<Version>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{version} {}", self.name),
            None => write!(f, "repeatable {}", self.name),
        }
    }
}

/// What a revert did.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RevertReport {
    /// What it reverted, the highest version first. Those migrations are pending again.
    pub reverted: Vec<Reverted>,
    /// The names of the repeatables that had been applied, and are pending again as well: a reverse may have taken along what
    /// they made.
    pub repeatables: Vec<String>,
    /// How long it waited for another instance.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::seconds", rename = "waited_seconds"))]
    pub waited: Duration,
    /// How long it took altogether, waiting included.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::seconds", rename = "seconds"))]
    pub duration: Duration,
}

/// One migration that was reverted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Reverted {
    /// Its version.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::version"))]
    pub version: Version,
    /// Its name.
    pub name: String,
    /// How long its reverse took.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::seconds", rename = "seconds"))]
    pub duration: Duration,
}

/// What a redo did: it reverted a migration and applied it again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Redone {
    /// Its version.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::version"))]
    pub version: Version,
    /// Its name.
    pub name: String,
    /// How long its reverse took.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::seconds", rename = "reverting_seconds"))]
    pub reverting: Duration,
    /// How long it then took itself.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::seconds", rename = "applying_seconds"))]
    pub applying: Duration,
    /// The repeatables that were applied after it, since its reverse may have taken along what they made. None where another
    /// migration is pending: then they are pending, too.
    pub repeatables: Vec<Applied>,
    /// The names of the repeatables that had been applied and are pending now.
    pub pending: Vec<String>,
}

/// What a stamp did.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StampReport {
    /// What it recorded as applied without running it, ascending by version.
    pub stamped: Vec<Stamped>,
    /// What is pending after it, which the next run applies.
    pub pending: Vec<Pending>,
    /// How many migrations of the set were applied before it.
    pub applied_before: usize,
}

/// One migration that was recorded as applied without being run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stamped {
    /// Its version.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::version"))]
    pub version: Version,
    /// Its name.
    pub name: String,
}
