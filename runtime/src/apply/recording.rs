//! How the transactions of one message write how long they took. PostgreSQL plans that statement anew each time, which takes it
//! nearly as long as all else that graven adds to a migration: so the first transaction of a message prepares it for all of them.

use crate::apply::Applying;
use crate::apply::sent::contains_ignoring_case;
use crate::history;
use crate::migrations::Migration;
use crate::plan::Step;
use crate::session::Reach;

/// Whether the transactions of a message may share a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plans {
    Shared,
    /// Each makes its own: a file has made the session forget what was prepared (`DEALLOCATE ALL`), or a stranger may have that
    /// session of a pool next.
    Own,
}

impl Plans {
    /// Those of messages that reach such sessions.
    pub(crate) fn of(reach: Reach) -> Self {
        match reach {
            Reach::Own => Self::Shared,
            Reach::Pooled => Self::Own,
        }
    }
}

/// How one transaction does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recording {
    InFull,
    /// By what it prepares, which lasts longer than the transaction (PostgreSQL manual, PREPARE).
    Preparing,
    /// By what another one has prepared.
    AsPrepared,
}

/// From how many migrations on it takes less time to prepare the statement than it saves.
const FEW: usize = 4;

impl Recording {
    /// That of each of these migrations, which travel in one message.
    pub(crate) fn of(plans: Plans, steps: &[Step]) -> impl Iterator<Item = Self> + Clone {
        // What says so in other words makes its transaction fail, and is run once more.
        let deallocates = |step: &Step| contains_ignoring_case(step.migration.sql(), "deallocate");
        let (first, others) = match plans {
            Plans::Shared if steps.len() >= FEW && !steps.iter().any(deallocates) => {
                (Self::Preparing, Self::AsPrepared)
            }
            _ => (Self::InFull, Self::InFull),
        };
        std::iter::once(first).chain(std::iter::repeat_n(others, steps.len().saturating_sub(1)))
    }

    /// The statements, and how many they are. The last of them is the one that writes.
    pub(crate) fn statements(self, applying: Applying<'_>, migration: &Migration) -> (String, usize) {
        let Applying { table, claimant, .. } = applying;
        let id = history::id(migration);
        if self == Self::InFull {
            return (history::finish(table, id, claimant), 1);
        }
        // Of the file's own, only triggers on the history and cursors that outlive the transaction run after it. Else PostgreSQL
        // would make five plans before it keeps one.
        let execute =
            format!("SET LOCAL plan_cache_mode = force_generic_plan;\n{}", history::finish_as_prepared(&id, claimant));
        match self {
            Self::Preparing => (format!("{};\n{execute}", history::prepare_finish(table, claimant)), 3),
            _ => (execute, 2),
        }
    }
}
