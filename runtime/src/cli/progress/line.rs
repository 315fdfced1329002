//! What an event leaves behind: a line for what has happened, or none.

use crate::cli::output::{DIM, GOOD, Output, WARNING, shown};
use crate::cli::words::{Words, plural};
use crate::{Event, MigrationName};

/// As many migrations as one line has room for.
const NAMED: usize = 8;

/// A line that stays.
pub(crate) enum Line {
    Progress(String),
    Warning(String),
}

impl Line {
    /// The line for an event. `waited_for` is whom the migration was last seen waiting for.
    pub(crate) fn of(event: &Event<'_>, waited_for: Option<&str>, words: &Words) -> Option<Self> {
        Some(Self::Progress(match event {
            Event::Looked { database, history, applied: 0, pending, .. } if history.is_empty() && *pending > 0 => {
                format!("{DIM}no schema for a history in database {}: {pending} to apply{DIM:#}", shown(database))
            }
            Event::Looked { database, history, applied, pending, .. } if *pending > 0 => {
                let (history, database) = (shown(history), shown(database));
                format!("{DIM}history {history} of database {database}: {applied} applied, {pending} to apply{DIM:#}")
            }
            Event::LockWaiting { holder: Some(holder), timeout, .. } => {
                format!("waiting for another instance, up to {timeout:.1?}: {}", shown(holder))
            }
            Event::LockWaiting { holder: None, timeout, .. } => {
                format!("waiting for another instance, up to {timeout:.1?}")
            }
            Event::Statement { number, of, sql, .. } if *of > 1 => {
                format!("  {DIM}statement {number} of {of}: {}{DIM:#}", shown(sql))
            }
            Event::Retrying { version, name, attempt, pause, error, .. } => {
                let (error, waited_for) = (shown(error), it_waited_for(waited_for));
                format!(
                    "{WARNING}retrying{WARNING:#} {version} {name} in {pause:.1?} (attempt {attempt}): \
                     {error}{waited_for}"
                )
            }
            Event::Applied { version, name, duration, .. } => {
                format!("{GOOD}applied{GOOD:#} {version} {name} {DIM}({duration:.1?}){DIM:#}")
            }
            Event::Baseline { version, name, covers, .. } => {
                let covered = plural(*covers, "migration");
                format!("{DIM}a fresh database: baseline {version} {name} in place of {covered}{DIM:#}")
            }
            Event::AppliedRepeatable { name, duration, .. } => {
                format!("{GOOD}applied{GOOD:#} repeatable {name} {DIM}({duration:.1?}){DIM:#}")
            }
            Event::RetryingRepeatable { name, attempt, pause, error, .. } => {
                let (error, waited_for) = (shown(error), it_waited_for(waited_for));
                format!(
                    "{WARNING}retrying{WARNING:#} repeatable {name} in {pause:.1?} (attempt {attempt}): \
                     {error}{waited_for}"
                )
            }
            Event::Warned { version, name, warning, .. } => {
                let whose = [version.map(|version| version.to_string()), name.map(shown)];
                let whose = whose.into_iter().flatten().collect::<Vec<_>>().join(" ");
                let whose = if whose.is_empty() { whose } else { format!("{whose}: ") };
                let more = [("detail", &warning.detail), ("hint", &warning.hint)];
                let more =
                    more.iter().filter_map(|(what, text)| Some(format!("\n  {what}: {}", shown((*text).as_ref()?))));
                let message = shown(&warning.message);
                return Some(Self::Warning(format!("{whose}{message}{}", more.collect::<String>())));
            }
            Event::OrphanedRepeatables { names, .. } => {
                return Some(Self::Warning(format!(
                    "the database has {} that {} does not: {} (what was made stays)",
                    plural(names.len(), "repeatable"),
                    words.this_set(),
                    shown(names.join(", "))
                )));
            }
            Event::ToRevert { database, history, migrations, .. } => {
                let (history, database) = (shown(history), shown(database));
                format!("{DIM}history {history} of database {database}: to revert {}{DIM:#}", shown(listed(migrations)))
            }
            Event::Reverted { version, name, duration, .. } => {
                format!("{GOOD}reverted{GOOD:#} {version} {} {DIM}({duration:.1?}){DIM:#}", shown(name))
            }
            Event::Stamped { version, name, .. } => format!("{GOOD}stamped{GOOD:#} {version} {name}"),
            Event::OnlyComments { version, file, .. } => {
                let reset = words.typed("`graven reset`");
                return Some(Self::Warning(format!(
                    "{} has no statement yet: once {version} is applied, what you write into the file does not run here until \
                     {} makes this database anew",
                    shown(file),
                    shown(reset)
                )));
            }
            Event::Future { versions, .. } => {
                return Some(Self::Warning(format!(
                    "the database has {} that {} does not: {}",
                    plural(versions.len(), "later migration"),
                    words.this_set(),
                    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                )));
            }
            _ => return None,
        }))
    }

    pub(crate) fn print(self, output: Output) {
        match self {
            Self::Progress(text) => output.progress(text),
            Self::Warning(text) => output.warning(text),
        }
    }
}

fn it_waited_for(whom: Option<&str>) -> String {
    whom.map(|whom| format!("\n  it was waiting for {whom}")).unwrap_or_default()
}

/// What is about to be reverted, on one line.
fn listed(migrations: &[MigrationName<'_>]) -> String {
    let named = MigrationName::to_string;
    match migrations {
        [first @ .., last] if first.len() >= NAMED => {
            let shown: Vec<String> = first.iter().take(NAMED - 1).map(named).collect();
            let more = migrations.len() - shown.len();
            format!("{} and {more} more, down to {}", shown.join(", "), named(last))
        }
        all => all.iter().map(named).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Line;
    use crate::cli::words::Words;
    use crate::{Event, ServerError};

    #[test]
    fn a_new_try_is_told_with_whom_it_waited_for() {
        let version = graven_source::Version::new(7).expect("not negative");
        let error = &ServerError { message: "lock timeout".to_owned(), ..ServerError::default() };
        let (attempt, pause) = (2, Duration::from_secs(1));
        let words = Words::of_the_command();
        for event in [
            Event::Retrying { version, name: "views", attempt, pause, error },
            Event::RetryingRepeatable { name: "views", attempt, pause, error },
        ] {
            let text = |waited_for| match Line::of(&event, waited_for, &words) {
                Some(Line::Progress(text)) => text,
                _ => String::new(),
            };
            assert!(text(Some("pid 4711")).ends_with("\n  it was waiting for pid 4711"), "{}", text(Some("pid 4711")));
            assert!(text(None).contains("views in 1.0s (attempt 2): lock timeout"), "{}", text(None));
            assert!(!text(None).contains("it was waiting"), "{}", text(None));
        }
    }
}
