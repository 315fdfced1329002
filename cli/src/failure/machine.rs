//! Failures as JSON. Its keys are a promise to scripts: they are added to, and none changes its meaning.

use graven::{Conflict, Error, Obstacle, Version};
use graven_source::problem::Problem;
use serde_json::{Value, json};

use super::hint::{hint, remedy};
use super::message;

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

/// An obstacle to a revert for machines. Of one that is a conflict, its state says which.
fn obstacle(obstacle: &Obstacle) -> Value {
    let (kind, state) = match obstacle {
        Obstacle::Conflict(conflict) => ("conflict", Some(conflict.state())),
        Obstacle::NoReverse { .. } => ("no-reverse", None),
        Obstacle::NotRepeatable { .. } => ("not-repeatable", None),
        Obstacle::AppliedMeanwhile { .. } => ("applied-meanwhile", None),
        _ => ("other", None),
    };
    json!({
        "version": obstacle.version().map(Version::value),
        "kind": kind,
        "state": state,
        "message": obstacle.to_string(),
        "remedy": remedy(obstacle),
    })
}

/// An error of the runtime for machines.
pub(super) fn run(error: &Error) -> Value {
    if let Error::Stopped { applied, reverted, source, .. } = error {
        let mut json = run(source);
        json["message"] = json!(error.to_string());
        json["applied"] = json!(applied);
        json["reverted"] = json!(reverted);
        return json;
    }
    let mut json = json!({ "kind": kind(error), "message": message(error), "hint": hint(error) });
    let more = details(error);
    if let (Some(json), Value::Object(more)) = (json.as_object_mut(), more) {
        json.extend(more);
    }
    json
}

/// What there is to say of an error beyond its message.
fn details(error: &Error) -> Value {
    match error {
        Error::MigrationFailed(failed) => json!({
            "version": failed.version.value(),
            "name": failed.name,
            "file": failed.file,
            "line": failed.line,
            "column": failed.column,
            "migration_kind": failed.kind.to_string(),
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
            "reverted": failed.reverted,
        }),
        Error::Conflicts { conflicts, history, .. } => json!({
            "history": history,
            "conflicts": conflicts.iter().map(conflict).collect::<Vec<_>>(),
        }),
        Error::NotRevertible { obstacles, history, .. } => json!({
            "history": history,
            "obstacles": obstacles.iter().map(obstacle).collect::<Vec<_>>(),
        }),
        Error::NotHighest { version, above, .. } => json!({ "version": version.value(), "above": values(above) }),
        Error::NothingToRedo { version, .. } => json!({ "version": version.value() }),
        Error::RedoSealed { version, name, .. } => json!({ "version": version.value(), "name": name }),
        Error::NoSuchVersion { version, nearest, .. } => json!({ "version": version, "nearest": values(nearest) }),
        Error::NotEmpty { schema, tables, foreign, .. } => json!({
            "schema": schema,
            "tables": tables,
            "foreign": foreign.as_ref().map(|foreign| {
                json!({ "table": foreign.table, "tool": foreign.tool, "query": foreign.query })
            }),
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
    }
}

fn values(versions: &[Version]) -> Vec<i64> {
    versions.iter().map(|version| version.value()).collect()
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::MigrationFailed(_) => "migration-failed",
        Error::Conflicts { .. } => "conflicts",
        Error::NotRevertible { .. } => "not-revertible",
        Error::NotHighest { .. } => "not-highest",
        Error::NothingToRedo { .. } => "nothing-to-redo",
        Error::RedoSealed { .. } => "redo-sealed",
        Error::NoSuchVersion { .. } => "no-such-version",
        Error::NotEmpty { .. } => "not-empty",
        Error::NotApplied { .. } => "not-applied",
        Error::LockTimeout { .. } => "lock-timeout",
        Error::Connect { .. } => "cannot-connect",
        Error::Url { .. } | Error::HistoryName { .. } => "usage",
        _ => "failed",
    }
}
