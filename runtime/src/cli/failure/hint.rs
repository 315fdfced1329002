//! What to do about each error of the engine, for those who sit at a command line. It is written for the command `graven`.

use crate::error::unit;
use crate::{Error, ForeignHistory, Obstacle};

/// What to do about it. The engine's own hints are for those who embed it, where the two differ.
pub(super) fn hint(error: &Error) -> Option<String> {
    match error {
        Error::Conflicts { .. } => Some("each conflict names its remedy".to_owned()),
        Error::NotApplied { refusal: Some(refusal), .. } => {
            Some(format!("a run would refuse to apply them: {refusal}: {}", hint(refusal).unwrap_or_default()))
        }
        Error::NotApplied { .. } => Some("`graven apply` applies them".to_owned()),
        Error::NotRevertible { .. } => Some("each obstacle names its remedy".to_owned()),
        Error::NotHighest { version, .. } => Some(format!("revert those first: `graven revert --to {version}`")),
        Error::NotEmpty { foreign, .. } => Some(format!(
            "{}; if the tables are none of the migrations' business, say so once with `--into-existing`; if it is the wrong \
             database, correct the URL",
            stamp(foreign.as_deref())
        )),
        Error::LockTimeout { waited, holder, .. } => {
            let ended = holder
                .as_ref()
                .map(|holder| format!("; if it hangs, `SELECT pg_terminate_backend({})` ends it", holder.pid));
            let wait = "let it finish and start again, or wait longer with `--lock-timeout 5min`";
            Some(format!("{wait}{}{}", unit(*waited), ended.unwrap_or_default()))
        }
        _ => error.hint(),
    }
}

/// What to do where the tables may be those that the migrations would make.
fn stamp(foreign: Option<&ForeignHistory>) -> String {
    match foreign {
        Some(foreign) => foreign.stamp("`graven stamp --to VERSION`"),
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
