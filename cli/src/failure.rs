//! Why a command failed: for people, for machines, and as an exit code.

use std::path::Path;

use graven::{Conflict, Error, ServerError};
use graven_source::problem::{Problem, Style, render_all};
use serde_json::{Value, json};

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
                Error::Conflicts { .. } => exit::CONFLICTS,
                Error::LockTimeout { .. } => exit::LOCK_TIMEOUT,
                Error::Connect { .. } => exit::CANNOT_CONNECT,
                Error::NotApplied { .. } => exit::NOT_APPLIED,
                Error::Url { .. } | Error::HistoryName { .. } => exit::USAGE,
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
            Self::Run(error) => run(error),
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

/// A problem for machines.
pub(crate) fn problem(problem: &Problem) -> Value {
    json!({
        "rule": problem.rule.id,
        "message": problem.message,
        "file": problem.path,
        "line": problem.line,
        "column": problem.column,
        "details": problem.rows.iter().map(|row| json!({ "label": row.label, "text": row.text })).collect::<Vec<_>>(),
        "notes": problem.notes,
        "help": problem.help,
    })
}

/// A conflict for machines.
pub(crate) fn conflict(conflict: &Conflict) -> Value {
    json!({
        "version": conflict.version().map(graven::Version::value),
        "state": conflict.state(),
        "message": conflict.to_string(),
        "remedy": conflict.remedy(),
    })
}

/// The runtime's page, with what to do at a command line.
fn page(error: &Error) -> String {
    if let Error::Conflicts { conflicts, .. } = error {
        let conflicts = conflicts.iter().map(|it| format!("  {it}\n    remedy: {}", it.remedy())).collect::<Vec<_>>();
        return format!("{}\n\n{}", message(error), conflicts.join("\n\n"));
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
            format!("{conflicts} between the directory and {history}; nothing was applied")
        }
        other => other.to_string(),
    }
}

/// What to do about it. The runtime's own hints are for those who embed it, where the two differ.
fn hint(error: &Error) -> Option<String> {
    match error {
        Error::Conflicts { .. } => Some("each conflict names its remedy".to_owned()),
        Error::NotApplied { .. } => Some("`graven apply` applies them".to_owned()),
        Error::NotEmpty { .. } => Some(
            "if these tables are none of the migrations' business, say so once with `--into-existing`; if it is the \
             wrong database, correct the URL"
                .to_owned(),
        ),
        Error::HistoryElsewhere { found, history, .. } => Some(format!(
            "say which one is meant: `--history {found}` goes on with that one, `--history {history}` begins a new one"
        )),
        Error::LockTimeout { holder, .. } => {
            let ended = holder
                .as_ref()
                .map(|holder| format!("; if it hangs, `SELECT pg_terminate_backend({})` ends it", holder.pid));
            let wait = "let it finish and start again, or wait longer with `--lock-timeout 5min`";
            Some(format!("{wait}{}", ended.unwrap_or_default()))
        }
        Error::Connect { source, .. } => {
            let sqlstate = source.downcast_ref::<ServerError>().map_or("", |error| error.sqlstate.as_str());
            match sqlstate {
                "3D000" => Some("create it (`createdb`) or correct the URL: graven makes no database".to_owned()),
                "28P01" | "28000" => Some(
                    "correct user and password in the URL; `@`, `/`, `:`, `?`, `#` and `%` in them are written as \
                     %40, %2F, %3A, %3F, %23 and %25"
                        .to_owned(),
                ),
                _ => error.hint(),
            }
        }
        _ => error.hint(),
    }
}

/// The error itself, where it is one that came after migrations had been applied.
fn cause(error: &Error) -> &Error {
    match error {
        Error::Stopped { source, .. } => source,
        other => other,
    }
}

fn run(error: &Error) -> Value {
    if let Error::Stopped { applied, source, .. } = error {
        let mut json = run(source);
        json["message"] = json!(error.to_string());
        json["applied"] = json!(applied);
        return json;
    }
    let mut json = json!({ "kind": kind(error), "message": message(error), "hint": hint(error) });
    let more = match error {
        Error::MigrationFailed(failed) => json!({
            "version": failed.version.value(),
            "name": failed.name,
            "file": failed.file,
            "line": failed.line,
            "column": failed.column,
            "attempts": failed.attempts,
            "server": match &failed.cause {
                graven::Cause::Server(server) => json!({
                    "sqlstate": server.sqlstate,
                    "message": server.message,
                    "detail": server.detail,
                    "hint": server.hint,
                    "context": server.context,
                }),
                _ => Value::Null,
            },
            "applied": failed.applied,
        }),
        Error::Conflicts { conflicts, history, .. } => json!({
            "history": history,
            "conflicts": conflicts.iter().map(conflict).collect::<Vec<_>>(),
        }),
        Error::NotApplied { pending, .. } | Error::Standby { pending, .. } => json!({ "pending": pending }),
        Error::LockTimeout { waited, holder, .. } => json!({
            "waited_seconds": waited.as_secs_f64(),
            "holder": holder.as_ref().map(ToString::to_string),
        }),
        other => {
            let mut causes = Vec::new();
            let mut source = std::error::Error::source(other);
            while let Some(cause) = source {
                causes.push(cause.to_string());
                source = cause.source();
            }
            json!({ "causes": causes })
        }
    };
    if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
        json.extend(more);
    }
    json
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::MigrationFailed(_) => "migration-failed",
        Error::Conflicts { .. } => "conflicts",
        Error::NotApplied { .. } => "not-applied",
        Error::LockTimeout { .. } => "lock-timeout",
        Error::Connect { .. } => "cannot-connect",
        Error::Url { .. } | Error::HistoryName { .. } => "usage",
        _ => "failed",
    }
}

/// How to learn more about the rules that were broken.
fn explained(problems: &[Problem]) -> String {
    let mut rules: Vec<&str> = problems.iter().map(|problem| problem.rule.id).collect();
    rules.sort_unstable();
    rules.dedup();
    let commands: Vec<String> = rules.iter().map(|rule| format!("`graven explain {rule}`")).collect();
    format!("more: {}", commands.join(", "))
}
