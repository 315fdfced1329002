//! Why a verb failed: for people, for machines, and as an exit code.

mod hint;
mod machine;

use serde_json::{Value, json};

use self::hint::{hint, remedy};
pub(crate) use self::machine::conflict;
use crate::cli::exit::{self, Exit};
use crate::cli::output::plain;
use crate::cli::words::{Words, plural};
use crate::error::Error;

/// Why a verb failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The engine says so.
    Run(Box<Error>),
    /// What was asked for makes no sense. Holds the message and what to do.
    Usage(String, String),
    /// A file or the system stood in the way. Holds the message and what to do.
    Failed(String, String),
    /// All were to be sealed, and some are not. Holds the message and what to do.
    Unsealed(String, String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(Box::new(error))
    }
}

impl Failure {
    /// How the program is to exit.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Unsealed(..) => exit::PROBLEMS,
            Self::Usage(..) => exit::USAGE,
            Self::Failed(..) => exit::FAILED,
            Self::Run(error) => match cause(error) {
                Error::MigrationFailed(_) => exit::MIGRATION_FAILED,
                Error::Conflicts { .. }
                | Error::NotRevertible { .. }
                | Error::NotHighest { .. }
                | Error::ResetRefused { .. }
                | Error::RedoSealed { .. }
                | Error::NothingToRedo { .. } => exit::CONFLICTS,
                Error::LockTimeout { .. } | Error::HistoryLocked { .. } => exit::LOCK_TIMEOUT,
                Error::Connect { .. } => exit::CANNOT_CONNECT,
                Error::NotApplied { .. } => exit::NOT_APPLIED,
                Error::Url { .. }
                | Error::HistoryName { .. }
                | Error::Namespace { .. }
                | Error::Environment { .. }
                | Error::NoSuchVersion { .. }
                | Error::EmptyRange { .. } => exit::USAGE,
                _ => exit::FAILED,
            },
        }
    }

    /// The whole page, without the word `error` before it.
    #[must_use]
    pub fn page(&self, words: &Words) -> String {
        let page = match self {
            Self::Run(error) => page(error, words),
            Self::Usage(message, hint) | Self::Failed(message, hint) | Self::Unsealed(message, hint) => {
                format!("{message}\n  hint: {}", words.typed(hint))
            }
        };
        plain(&page).into_owned()
    }

    /// The same for machines.
    #[must_use]
    pub fn json(&self, words: &Words) -> Value {
        let said =
            |kind, message, hint| json!({ "kind": kind, "message": message, "hint": words.typed(hint), "causes": [] });
        let error = match self {
            Self::Run(error) => machine::run(error, words),
            Self::Usage(message, hint) => said("usage", message, hint),
            Self::Failed(message, hint) => said("failed", message, hint),
            Self::Unsealed(message, hint) => said("unsealed", message, hint),
        };
        json!({ "error": error })
    }
}

/// The engine's page, with what to do at a command line.
fn page(error: &Error, words: &Words) -> String {
    let listed = |items: Vec<String>| format!("{}\n\n{}", message(error, words), items.join("\n\n"));
    let item = |what: String, remedy: &str| format!("  {what}\n    remedy: {}", words.typed(remedy));
    match error {
        Error::Conflicts { conflicts, .. } => {
            listed(conflicts.iter().map(|it| item(it.to_string(), &it.remedy())).collect())
        }
        Error::NotRevertible { obstacles, .. } => {
            listed(obstacles.iter().map(|it| item(it.to_string(), &remedy(it))).collect())
        }
        error => {
            let page = error.explain();
            let without =
                error.hint().and_then(|hint| page.strip_suffix(&format!("\n  hint: {hint}")).map(str::to_owned));
            match (without, hint(error)) {
                (Some(without), Some(hint)) => format!("{without}\n  hint: {}", words.typed(&hint)),
                _ => words.typed(&page),
            }
        }
    }
}

/// What it is, in one line. The engine's own words are for those who embed migrations.
fn message(error: &Error, words: &Words) -> String {
    match error {
        Error::Conflicts { conflicts, history, .. } => {
            let conflicts = plural(conflicts.len(), "conflict");
            format!("{conflicts} between {} and {history}; nothing was changed", words.the_set())
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
