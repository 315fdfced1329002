//! The parts of errors' messages.

use graven_source::Version;

use super::{Applied, Conflict, Holder, Obstacle, Pending, Reverted};
use crate::history::ForeignHistory;

/// As many conflicts as one line has room for.
const SHOWN_CONFLICTS: usize = 8;

pub(super) fn conflicts_line(conflicts: &[Conflict]) -> String {
    match conflicts {
        [only] => only.to_string(),
        several => {
            let state = |conflict: &Conflict| {
                let version = conflict.version().map_or_else(String::new, |version| format!("{version} "));
                format!("{version}{}", conflict.state())
            };
            let states = several.iter().take(SHOWN_CONFLICTS).map(state).collect::<Vec<_>>().join(", ");
            let more = several.len().saturating_sub(SHOWN_CONFLICTS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{} conflicts between the migrations and the database: {states}{more}", several.len())
        }
    }
}

pub(super) fn obstacles_line(obstacles: &[Obstacle]) -> String {
    let shown: Vec<String> = obstacles.iter().take(SHOWN_CONFLICTS).map(ToString::to_string).collect();
    let more = obstacles.len().saturating_sub(SHOWN_CONFLICTS);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("cannot revert: {}{more}", shown.join("; "))
}

#[cfg(feature = "tokio-postgres")]
pub(super) fn refusals_line(refusals: &[crate::verb::reset::Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

pub(super) fn listed_as_applied(above: &[Version]) -> String {
    let versions: Vec<String> = above.iter().map(ToString::to_string).collect();
    format!("{} {} applied", versions.join(", "), if versions.len() == 1 { "is" } else { "are" })
}

pub(super) fn shown_path(search_path: &str) -> String {
    if search_path.is_empty() { String::new() } else { format!(": {search_path}") }
}

pub(super) fn whose(foreign: Option<&ForeignHistory>) -> String {
    foreign.map_or_else(String::new, |foreign| format!(", the history of {}", foreign.tool))
}

pub(super) fn done_before(applied: &[Applied], reverted: &[Reverted]) -> String {
    let done = |number: usize, what| match number {
        0 => None,
        number => Some(format!("{} had been {what}", count(number, "migration", "migrations"))),
    };
    let parts = [done(reverted.len(), "reverted"), done(applied.len(), "applied")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

pub(super) fn pending_and(pending: usize) -> String {
    match pending {
        0 => String::new(),
        number => format!("{} pending, and ", count(number, "migration is", "migrations are")),
    }
}

pub(super) fn held_by(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { prepared: Some(prepared), .. }) => format!(" (by the prepared transaction {prepared})"),
        Some(holder) => format!(" (pid {}, {})", holder.pid, holder.name()),
        None => String::new(),
    }
}

pub(crate) fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// The first few of a list, and how many more there are.
pub(super) fn listed(pending: &[Pending]) -> String {
    const SHOWN: usize = 3;
    let mut text = pending.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if pending.len() > SHOWN {
        text.push_str(&format!(" and {} more", pending.len() - SHOWN));
    }
    text
}
