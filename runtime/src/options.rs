//! The options of a verb, with their defaults, and what the environment says about them.

use std::time::Duration;

#[cfg(feature = "tokio-postgres")]
use crate::driver::Warnings;
use crate::error::Error;
use crate::history::{Detail, Wanted};
#[cfg(feature = "tokio-postgres")]
use crate::in_the_way::beside::Beside;
use crate::look::{IntoExisting, Question};
use crate::migrations::{Migration, Transaction};
use crate::plan::Policy;
use crate::plan::revert::RedoSealed;
use crate::sql::plain;

/// What `run` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Apply what is pending. The default.
    #[default]
    Apply,
    /// Succeed only if everything is applied; never write.
    Verify,
    /// Do not look at the database at all.
    Skip,
}

/// Whether the environment has a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    Heeded,
    Ignored,
}

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) environment: Environment,
    pub(crate) lock_timeout: Duration,
    pub(crate) table_lock_timeout: Option<Duration>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) retries: u32,
    pub(crate) wanted: Wanted,
    pub(crate) namespace: String,
    pub(crate) policy: Policy,
    /// The version after which to stop, as it was asked for.
    pub(crate) to: Option<i64>,
    pub(crate) into_existing: IntoExisting,
    pub(crate) redo_sealed: RedoSealed,
    /// The role to run as, where it is not the one that connects.
    pub(crate) role: Option<String>,
    /// How to connect once more, where that is known.
    #[cfg(feature = "tokio-postgres")]
    pub(crate) beside: Option<Beside>,
    /// What the server warns of, where the connection is graven's own.
    #[cfg(feature = "tokio-postgres")]
    pub(crate) warnings: Option<Warnings>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Apply,
            environment: Environment::Heeded,
            lock_timeout: Duration::from_secs(30),
            // A migration that waits for a table lock makes everybody who comes after it wait as well, readers too.
            table_lock_timeout: Some(Duration::from_secs(5)),
            statement_timeout: None,
            retries: 5,
            wanted: Wanted::default(),
            namespace: String::new(),
            policy: Policy::default(),
            to: None,
            into_existing: IntoExisting::default(),
            redo_sealed: RedoSealed::default(),
            role: None,
            #[cfg(feature = "tokio-postgres")]
            beside: None,
            #[cfg(feature = "tokio-postgres")]
            warnings: None,
        }
    }
}

impl Options {
    pub(crate) fn question(&self, detail: Detail) -> Question<'_> {
        Question { wanted: &self.wanted, namespace: &self.namespace, role: self.role.as_deref(), detail }
    }

    /// How long a migration waits for a lock on a table; `None` where it does not give up.
    pub(crate) fn lock_timeout_of(&self, migration: &Migration) -> Option<Duration> {
        let details = migration.details();
        let own = match details.transaction {
            Transaction::On => details.lock_timeout.or(self.table_lock_timeout),
            Transaction::Off => details.lock_timeout,
        };
        own.filter(|timeout| !timeout.is_zero())
    }

    /// What the command line must be told to find the same history: ` --history ops.history --namespace billing`.
    pub(crate) fn flags(&self) -> String {
        let mut flags = String::new();
        if self.wanted != Wanted::default() {
            let schema = self.wanted.schema.as_ref().map_or_else(String::new, |schema| format!("{}.", plain(schema)));
            flags.push_str(&format!(" --history {}", in_shell(&format!("{schema}{}", plain(&self.wanted.name)))));
        }
        if !self.namespace.is_empty() {
            flags.push_str(&format!(" --namespace {}", in_shell(&self.namespace)));
        }
        flags
    }

    /// These options as the environment changes them: whoever starts the program knows better than who wrote it.
    pub(crate) fn with_environment(mut self) -> Result<Self, Error> {
        if self.environment == Environment::Ignored {
            return Ok(self);
        }
        if let Some(value) = variable("GRAVEN_MODE") {
            self.mode = parse_mode(&value)?;
        }
        if let Some(value) = variable("GRAVEN_LOCK_TIMEOUT") {
            self.lock_timeout = parse_lock_timeout(&value)?;
        }
        Ok(self)
    }
}

/// A word or a path as it is typed in a shell.
pub(crate) fn in_shell(text: &str) -> String {
    let is_plain = text.chars().all(|c| c.is_alphanumeric() || "./_-".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// An environment variable that is set to something.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.to_string_lossy().trim().to_owned();
    (!value.is_empty()).then_some(value)
}

fn parse_mode(value: &str) -> Result<Mode, Error> {
    match value.to_ascii_lowercase().as_str() {
        "apply" => Ok(Mode::Apply),
        "verify" => Ok(Mode::Verify),
        "skip" => Ok(Mode::Skip),
        _ => Err(Error::Environment {
            variable: "GRAVEN_MODE",
            value: value.to_owned(),
            expected: "`apply`, `verify` or `skip`",
        }),
    }
}

fn parse_lock_timeout(value: &str) -> Result<Duration, Error> {
    graven_source::parse_duration(value).map_err(|_| Error::Environment {
        variable: "GRAVEN_LOCK_TIMEOUT",
        value: value.to_owned(),
        expected: "a duration such as `30s`, `500ms` or `5min`",
    })
}

/// Reads the name of a history table.
pub(crate) fn parse_history(text: &str) -> Result<Wanted, Error> {
    match graven_source::history_name::parse(text) {
        Some(name) => Ok(Wanted { schema: name.schema, name: name.table }),
        None => Err(Error::HistoryName { name: text.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, Options, parse_history, parse_lock_timeout, parse_mode};
    use std::time::Duration;

    #[test]
    fn the_flags_lead_the_command_line_to_the_same_history() {
        let options = |history: &str, namespace: &str| Options {
            wanted: parse_history(history).expect("a name"),
            namespace: namespace.to_owned(),
            ..Options::default()
        };
        assert_eq!(Options::default().flags(), "");
        assert_eq!(options("ops.history", "billing").flags(), " --history ops.history --namespace billing");
        assert_eq!(options("\"My Ops\".h", "a'b").flags(), " --history '\"My Ops\".h' --namespace 'a'\\''b'");
    }

    #[test]
    fn the_environment_is_read_strictly() {
        assert_eq!(parse_mode("Verify").ok(), Some(Mode::Verify));
        let error = parse_mode("dry-run").expect_err("not a mode");
        assert_eq!(error.to_string(), "GRAVEN_MODE is \"dry-run\", which is not `apply`, `verify` or `skip`");
        assert_eq!(parse_lock_timeout("5min").ok(), Some(Duration::from_secs(300)));
        assert!(parse_lock_timeout("soon").is_err());
    }
}
