//! Which files are linted. Baselines never are, since nobody is at work on a fresh database, and reverses neither: to drop
//! what a migration made is what they are there for.

use std::collections::BTreeMap;

use graven_source::set::{Migration, Repeatable, Sealing, Set};

use super::arguments::{Lints, Which};
use crate::command::summary::{Base, Fate};
use crate::failure::Failure;

/// Which files are linted.
#[derive(Debug)]
pub(super) enum Scope {
    /// The versioned migrations that may still change.
    Unsealed,
    /// What is new or changed since a commit.
    Since(BTreeMap<String, Fate>),
    /// Everything.
    All,
}

impl Scope {
    /// `None` where nothing is to be linted.
    pub(super) fn of(set: &Set, lints: &Lints) -> Result<Option<Self>, Failure> {
        if let Some(since) = &lints.lint_since {
            return base(set, since.trim())?.changed_files(&set.location).map(|files| Some(Self::Since(files)));
        }
        Ok(match lints.lint {
            None | Some(Which::Unsealed) => Some(Self::Unsealed),
            Some(Which::All) => Some(Self::All),
            Some(Which::None) => None,
        })
    }

    pub(super) fn holds(&self, migration: &Migration) -> bool {
        match self {
            Self::Unsealed => migration.sealing != Sealing::Sealed,
            Self::Since(files) => files.contains_key(&migration.file),
            Self::All => true,
        }
    }

    /// A repeatable is never sealed, and would be linted for ever.
    pub(super) fn holds_repeatable(&self, repeatable: &Repeatable) -> bool {
        match self {
            Self::Unsealed => false,
            Self::Since(files) => files.contains_key(&repeatable.file),
            Self::All => true,
        }
    }

    /// Whether the branch brings that file, as far as git was asked.
    pub(super) fn was_added(&self, file: &str) -> bool {
        matches!(self, Self::Since(files) if files.get(file) == Some(&Fate::Added))
    }

    /// Whether what that file makes is new with it. An edited one may have made it long ago.
    pub(super) fn is_new(&self, file: &str) -> bool {
        !matches!(self, Self::Since(_)) || self.was_added(file)
    }

    /// Whether the files are one change, which no database in use has had yet: what one makes is new to the next as well.
    pub(super) fn is_one_change(&self) -> bool {
        !matches!(self, Self::All)
    }
}

fn base(set: &Set, since: &str) -> Result<Base, Failure> {
    let instead = "leave `--lint-since` away: then what is not sealed is linted";
    if since.is_empty() {
        return Base::found(&set.location).ok_or_else(|| {
            Failure::Usage(
                "git knows no commit at which this branch left another".to_owned(),
                format!("name one, as in `--lint-since origin/main`, or {instead}"),
            )
        });
    }
    Base::named(&set.location, since, instead)
}
