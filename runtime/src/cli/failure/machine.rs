//! Failures as JSON. Its keys are a promise to scripts: they are added to, and none changes its meaning.

use serde_json::{Value, json};

use super::hint::{hint, remedy};
use super::message;
use crate::cli::words::Words;
use crate::json::Who;
use crate::{Cause, Conflict, Error, ForeignHistory, Obstacle, Refusal, Version};

/// A conflict for machines.
pub(crate) fn conflict(conflict: &Conflict, words: &Words) -> Value {
    json!({
        "version": conflict.version().map(Version::value),
        "state": conflict.state(),
        "message": conflict.to_string(),
        "remedy": words.typed(&conflict.remedy()),
    })
}

/// An obstacle to a revert for machines. Of one that is a conflict, its state says which.
fn obstacle(obstacle: &Obstacle, words: &Words) -> Value {
    let (kind, state) = match obstacle {
        Obstacle::Conflict(conflict) => ("conflict", Some(conflict.state())),
        Obstacle::NoReverse { .. } => ("no-reverse", None),
        Obstacle::NotRepeatable { .. } => ("not-repeatable", None),
        Obstacle::AppliedMeanwhile { .. } => ("applied-meanwhile", None),
    };
    json!({
        "version": obstacle.version().map(Version::value),
        "kind": kind,
        "state": state,
        "message": obstacle.to_string(),
        "remedy": words.typed(&remedy(obstacle)),
    })
}

/// Why a database is not reset, for machines.
fn refusal(refusal: &Refusal, words: &Words) -> Value {
    json!({ "rule": refusal.rule, "what": refusal.what, "remedy": words.typed(&refusal.remedy) })
}

/// An error of the engine for machines.
pub(super) fn run(error: &Error, words: &Words) -> Value {
    if let Error::Stopped { applied, reverted, source, .. } = error {
        let mut json = run(source, words);
        json["message"] = json!(error.to_string());
        json["applied"] = json!(applied);
        json["reverted"] = json!(reverted);
        return json;
    }
    let hint = hint(error).map(|hint| words.typed(&hint));
    let (message, causes) = (message(error, words), causes(error));
    let mut json = json!({ "kind": error.kind(), "message": message, "hint": hint, "causes": causes });
    let more = details(error, words);
    if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
        json.extend(more);
    }
    json
}

/// What there is to say of an error beyond its message.
fn details(error: &Error, words: &Words) -> Value {
    match error {
        Error::MigrationFailed(failed) => json!({
            "version": failed.version.map(Version::value),
            "name": failed.name,
            "file": failed.file,
            "line": failed.line,
            "column": failed.column,
            "migration_kind": failed.kind.to_string(),
            "attempts": failed.attempts,
            "cause": failed.cause.kind(),
            "server": match &failed.cause {
                Cause::Server(server) => json!({
                    "sqlstate": server.sqlstate,
                    "message": server.message,
                    "detail": server.detail,
                    "hint": server.hint,
                    "context": server.context,
                }),
                _ => Value::Null,
            },
            "in_the_way": failed.in_the_way.iter().map(Who::of).collect::<Vec<_>>(),
            "applied": failed.applied,
            "reverted": failed.reverted,
        }),
        Error::Conflicts { conflicts, history, .. } => json!({
            "history": history,
            "conflicts": conflicts.iter().map(|it| conflict(it, words)).collect::<Vec<_>>(),
        }),
        Error::NotRevertible { obstacles, history, .. } => json!({
            "history": history,
            "obstacles": obstacles.iter().map(|it| obstacle(it, words)).collect::<Vec<_>>(),
        }),
        Error::ResetRefused { database, refusals, .. } => json!({
            "database": database,
            "refusals": refusals.iter().map(|it| refusal(it, words)).collect::<Vec<_>>(),
        }),
        Error::ResetUnfinished { database, .. } => json!({ "database": database }),
        Error::NotHighest { version, above, .. } => json!({ "version": version.value(), "above": values(above) }),
        Error::NothingToRedo { version, .. } => json!({ "version": version.value() }),
        Error::RedoSealed { version, name, .. } => json!({ "version": version.value(), "name": name }),
        Error::NoSuchVersion { version, nearest, .. } => json!({ "version": version, "nearest": values(nearest) }),
        Error::NotEmpty { schema, tables, foreign, .. } => json!({
            "schema": schema,
            "tables": tables,
            "foreign": foreign.as_deref().map(another),
        }),
        Error::HistoryElsewhere { history, found, foreign, .. } => json!({
            "history": history,
            "found": found,
            "foreign": foreign.as_deref().map(another),
        }),
        Error::NotApplied { pending, refusal, .. } => json!({
            "pending": pending,
            "refusal": refusal.as_deref().map(|refusal| run(refusal, words)),
        }),
        Error::Standby { pending, .. } => json!({ "pending": pending }),
        Error::LockTimeout { waited, holder, .. } | Error::HistoryLocked { waited, holder, .. } => json!({
            "waited_seconds": waited.as_secs_f64(),
            "holder": holder.as_deref().map(Who::of),
        }),
        _ => Value::Null,
    }
}

/// Another tool's history.
fn another(foreign: &ForeignHistory) -> Value {
    json!({ "table": foreign.table, "tool": foreign.tool, "query": foreign.query })
}

/// What is behind an error, from the outermost in.
fn causes(error: &Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes
}

fn values(versions: &[Version]) -> Vec<i64> {
    versions.iter().map(|version| version.value()).collect()
}
