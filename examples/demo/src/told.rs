//! What an instance tells its launcher: one line of JSON on standard output, once it serves or cannot.

use std::net::SocketAddr;

use graven::{Outcome, Report};
use serde::{Deserialize, Serialize};

/// The one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Told {
    /// The migrations are applied, and requests are answered.
    Serving {
        /// Where.
        address: SocketAddr,
        /// What this instance had to do with the migrations.
        role: Role,
    },
    /// This instance does not start.
    Failed {
        /// Why, and what to do about it; several lines.
        explained: String,
    },
}

/// What part an instance had in the race.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// It applied migrations.
    Applied { migrations: usize, seconds: f64 },
    /// Another one applied them, while this one waited.
    Waited { seconds: f64, holder: String },
    /// Nothing was pending when it looked.
    FoundItDone,
    /// It was told by `GRAVEN_MODE` not to look.
    Skipped,
}

impl Role {
    /// The part that a run had. `holder` is whom it waited for, if it had to wait for anybody.
    pub(crate) fn of(report: &Report, holder: Option<String>) -> Self {
        match (report.outcome, holder) {
            (Outcome::Applied, _) => Self::Applied {
                migrations: report.applied.len(),
                seconds: report.duration.saturating_sub(report.waited).as_secs_f64(),
            },
            (Outcome::Skipped, _) => Self::Skipped,
            (_, Some(holder)) => Self::Waited { seconds: report.waited.as_secs_f64(), holder },
            (_, None) => Self::FoundItDone,
        }
    }
}
