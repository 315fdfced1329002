//! Why a command failed: for people, for machines, and as an exit code.

mod hint;
mod machine;

use std::path::Path;

use graven::Error;
use graven_source::problem::{Problem, Style, render_all};
use serde_json::{Value, json};

use self::hint::{hint, remedy};
pub(crate) use self::machine::{conflict, problem};
use crate::command::plural;
use crate::exit::{self, Exit};

/// The most problems that are shown to people. Machines get all.
const SHOWN: usize = 10;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The runtime says so.
    Run(Box<Error>),
    /// The directory breaks rules.
    Problems(Vec<Problem>),
    /// What was asked for makes no sense. Holds the message and what to do.
    Usage(String, String),
    /// A file or the system stood in the way. Holds the message and what to do.
    Failed(String, String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(Box::new(error))
    }
}

impl Failure {
    /// A file that could not be read or written.
    pub(crate) fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::Failed(
            format!("cannot {doing} {}: {error}", path.display()),
            "see that the path is right and that you may write there".to_owned(),
        )
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Problems(_) => exit::PROBLEMS,
            Self::Usage(..) => exit::USAGE,
            Self::Failed(..) => exit::FAILED,
            Self::Run(error) => match cause(error) {
                Error::MigrationFailed(_) => exit::MIGRATION_FAILED,
                Error::Conflicts { .. }
                | Error::NotRevertible { .. }
                | Error::NotHighest { .. }
                | Error::RedoSealed { .. }
                | Error::NothingToRedo { .. } => exit::CONFLICTS,
                Error::LockTimeout { .. } => exit::LOCK_TIMEOUT,
                Error::Connect { .. } => exit::CANNOT_CONNECT,
                Error::NotApplied { .. } => exit::NOT_APPLIED,
                Error::Url { .. } | Error::HistoryName { .. } | Error::NoSuchVersion { .. } => exit::USAGE,
                _ => exit::FAILED,
            },
        }
    }

    /// The whole page, without the word `error` before it.
    pub(crate) fn page(&self) -> String {
        match self {
            Self::Run(error) => page(error),
            Self::Problems(problems) => {
                format!("{}\n\n{}", render_all(problems, SHOWN, Style::Ansi), explained(problems))
            }
            Self::Usage(message, hint) | Self::Failed(message, hint) => format!("{message}\n  hint: {hint}"),
        }
    }

    /// The same for machines.
    pub(crate) fn json(&self) -> Value {
        let error = match self {
            Self::Run(error) => machine::run(error),
            Self::Problems(problems) => json!({
                "kind": "problems",
                "message": "the migrations directory breaks rules",
                "problems": problems.iter().map(problem).collect::<Vec<_>>(),
            }),
            Self::Usage(message, hint) => json!({ "kind": "usage", "message": message, "hint": hint }),
            Self::Failed(message, hint) => json!({ "kind": "failed", "message": message, "hint": hint }),
        };
        json!({ "error": error })
    }
}

/// The runtime's page, with what to do at a command line.
fn page(error: &Error) -> String {
    if let Error::Conflicts { conflicts, .. } = error {
        let conflicts = conflicts.iter().map(|it| format!("  {it}\n    remedy: {}", it.remedy())).collect::<Vec<_>>();
        return format!("{}\n\n{}", message(error), conflicts.join("\n\n"));
    }
    if let Error::NotRevertible { obstacles, .. } = error {
        let obstacles = obstacles.iter().map(|it| format!("  {it}\n    remedy: {}", remedy(it))).collect::<Vec<_>>();
        return format!("{}\n\n{}", message(error), obstacles.join("\n\n"));
    }
    let page = error.explain();
    let without = error.hint().and_then(|hint| page.strip_suffix(&format!("\n  hint: {hint}")).map(str::to_owned));
    match (without, hint(error)) {
        (Some(without), Some(hint)) => format!("{without}\n  hint: {hint}"),
        _ => page,
    }
}

/// What it is, in one line. The runtime's own words are for those who embed migrations.
fn message(error: &Error) -> String {
    match error {
        Error::Conflicts { conflicts, history, .. } => {
            let conflicts = plural(conflicts.len(), "conflict");
            format!("{conflicts} between the directory and {history}; nothing was changed")
        }
        Error::NotRevertible { obstacles, history, .. } => {
            let obstacles = plural(obstacles.len(), "obstacle");
            format!("cannot revert: {obstacles} in {history}; nothing was reverted")
        }
        other => other.to_string(),
    }
}

/// The error itself, where it is one that came after migrations had been applied or reverted.
fn cause(error: &Error) -> &Error {
    match error {
        Error::Stopped { source, .. } => source,
        other => other,
    }
}

/// How to learn more about the rules that were broken.
fn explained(problems: &[Problem]) -> String {
    let mut rules: Vec<&str> = problems.iter().map(|problem| problem.rule.id).collect();
    rules.sort_unstable();
    rules.dedup();
    format!("more: `graven explain {}`", rules.join(" "))
}
