//! What stands in the way of a revert: all that cannot be taken back, each with its remedy.

use std::fmt;

use graven_source::Version;

use crate::error::conflict::{Conflict, Rows, first_line};
use crate::migrations::{Migration, Unit};
use crate::plan::Entry;

/// Why a migration cannot be reverted.
///
/// It displays as one line without the remedy; [`remedy`](Self::remedy) is what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The set and the history disagree about it.
    Conflict(Conflict),
    /// It has no reverse.
    #[non_exhaustive]
    NoReverse {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
        /// The file that its reverse would be, with the directory.
        file: String,
        /// The history table.
        history: String,
        /// The namespace within it.
        namespace: String,
    },
    /// Its reverse runs outside of a transaction and has several statements, one of which could not run again if the reverse
    /// were cut off after it.
    #[non_exhaustive]
    NotRepeatable {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
        /// Its reverse's file, with the directory.
        file: String,
        /// The line on which that statement begins, from 1.
        line: usize,
        /// Its beginning.
        statement: String,
    },
    /// It was applied after the steps had been counted.
    #[non_exhaustive]
    AppliedMeanwhile {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
    },
}

impl Obstacle {
    pub(crate) fn conflict(entry: &Entry<'_>) -> Option<Self> {
        Conflict::of(entry).map(Self::Conflict)
    }

    pub(crate) fn no_reverse(migration: &Migration) -> Self {
        let stem = migration.file().strip_suffix(".sql").unwrap_or(migration.file());
        Self::NoReverse {
            version: migration.version,
            name: migration.name().to_owned(),
            file: format!("{}.down.sql", stem.strip_suffix(".up").unwrap_or(stem)),
            history: String::new(),
            namespace: String::new(),
        }
    }

    pub(crate) fn not_repeatable(migration: &Migration, reverse: &Migration, unit: &Unit) -> Self {
        let before = reverse.sql().get(..unit.start as usize).unwrap_or_default();
        Self::NotRepeatable {
            version: migration.version,
            name: migration.name().to_owned(),
            file: reverse.file().to_owned(),
            line: before.matches('\n').count() + 1,
            statement: first_line(unit.sql(reverse)),
        }
    }

    pub(crate) fn meanwhile(migration: &Migration) -> Self {
        Self::AppliedMeanwhile { version: migration.version, name: migration.name().to_owned() }
    }

    /// With what the plan does not know of: see [`Conflict::located`].
    pub(crate) fn located(self, directory: &str, rows: Rows<'_>, command_line: &str) -> Self {
        match self {
            Self::Conflict(conflict) => Self::Conflict(conflict.located(directory, rows, command_line)),
            Self::NoReverse { version, name, file, .. } => Self::NoReverse {
                version,
                name,
                file: format!("{directory}/{file}"),
                history: rows.history.to_owned(),
                namespace: rows.namespace.to_owned(),
            },
            Self::NotRepeatable { version, name, file, line, statement } => {
                Self::NotRepeatable { version, name, file: format!("{directory}/{file}"), line, statement }
            }
            meanwhile @ Self::AppliedMeanwhile { .. } => meanwhile,
        }
    }

    /// The version it is about; `None` for a repeatable.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::Conflict(conflict) => conflict.version(),
            Self::NoReverse { version, .. }
            | Self::NotRepeatable { version, .. }
            | Self::AppliedMeanwhile { version, .. } => Some(*version),
        }
    }

    /// The statement that takes the row of what has no reverse away.
    pub(crate) fn forgetting(&self) -> Option<String> {
        match self {
            Self::NoReverse { version, history, namespace, .. } => {
                Some(Rows { history, namespace }.forgetting(*version))
            }
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Conflict(Conflict::Future { .. }) => {
                "revert it first with the newer binary that applied it, which has its reverse".to_owned()
            }
            Self::Conflict(conflict) => conflict.remedy(),
            Self::NoReverse { file, .. } => format!(
                "write {file} with what takes it back, build again, and start again; or, in a development database, undo by \
                 hand what it did and forget it with `{}`",
                self.forgetting().unwrap_or_default()
            ),
            Self::NotRepeatable { .. } => {
                "a reverse that is cut off starts over: write the statement as one that can run \
                 again, such as `DROP INDEX CONCURRENTLY IF EXISTS …`, or move it to the end"
                    .to_owned()
            }
            Self::AppliedMeanwhile { .. } => "look at `graven status`, and say again how far to go back".to_owned(),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(conflict) => conflict.fmt(f),
            Self::NoReverse { version, name, .. } => write!(f, "{version} {name} has no reverse"),
            Self::NotRepeatable { version, name, file, line, statement } => write!(
                f,
                "{version} {name} has a reverse without transaction, a statement of which cannot run again \
                 ({file}:{line}: {statement})"
            ),
            Self::AppliedMeanwhile { version, name } => write!(f, "{version} {name} was applied meanwhile"),
        }
    }
}
