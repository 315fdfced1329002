//! What to do about each error of the engine, for those who sit at a command line. It is written for the command `graven`.

use crate::{Error, ForeignHistory, Obstacle, ServerError};

/// What to do about it. The engine's own hints are for those who embed it, where the two differ.
pub(super) fn hint(error: &Error) -> Option<String> {
    match error {
        Error::Conflicts { .. } => Some("each conflict names its remedy".to_owned()),
        Error::NotApplied { .. } => Some("`graven apply` applies them".to_owned()),
        Error::NotRevertible { .. } => Some("each obstacle names its remedy".to_owned()),
        Error::NotHighest { version, .. } => Some(format!("revert those first: `graven revert --to {version}`")),
        Error::NotEmpty { foreign, .. } => Some(format!(
            "{}; if the tables are none of the migrations' business, say so once with `--into-existing`; if it is the wrong \
             database, correct the URL",
            stamp(foreign.as_deref())
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

/// What to do where the tables may be those that the migrations would make.
fn stamp(foreign: Option<&ForeignHistory>) -> String {
    match foreign {
        Some(foreign) => format!(
            "{} is the history of {}: `{}` says which version the schema is at, and `graven stamp --to VERSION` records \
             that it is",
            foreign.table, foreign.tool, foreign.query
        ),
        None => "if these tables are what the migrations would make, `graven stamp` records that".to_owned(),
    }
}

/// What to do about an obstacle. Nothing is built here.
pub(super) fn remedy(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::NoReverse { file, .. } => format!(
            "write {file} with what takes it back, and start again; or, in a development database, undo by hand what it \
             did and forget it with `{}`",
            obstacle.forgetting().unwrap_or_default()
        ),
        other => other.remedy(),
    }
}
