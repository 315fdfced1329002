//! Whether a service may take traffic on this database.

use crate::status::{State, Status};

/// How a set of migrations and a database agree, as counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// The verdict.
    pub state: HealthState,
    /// How many migrations the set has.
    pub total: usize,
    /// How many are applied.
    pub applied: usize,
    /// How many are pending.
    pub pending: usize,
    /// How many are pending below the highest applied version.
    pub out_of_order: usize,
    /// How many were applied with other content.
    pub modified: usize,
    /// How many were begun and never finished.
    pub incomplete: usize,
    /// How many the history has and the set, up to its head, has not.
    pub orphaned: usize,
    /// How many the history has above the set's head.
    pub future: usize,
}

/// The verdict of [`Health`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum HealthState {
    /// Everything is applied, and the history knows nothing else.
    Healthy,
    /// Everything is applied, and a newer binary has applied more: fine for the length of a rolling deploy.
    Degraded,
    /// The database is not what this binary was built for.
    Unhealthy,
}

impl HealthState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }

    /// The HTTP status for a readiness probe: 200, or 503 where the service must not take traffic.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Healthy | Self::Degraded => 200,
            Self::Unhealthy => 503,
        }
    }
}

impl std::fmt::Display for HealthState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Health {
    pub(crate) fn all_applied(total: usize) -> Self {
        Self {
            state: HealthState::Healthy,
            total,
            applied: total,
            pending: 0,
            out_of_order: 0,
            modified: 0,
            incomplete: 0,
            orphaned: 0,
            future: 0,
        }
    }

    pub(crate) fn of(status: &Status) -> Self {
        let mut health = Self {
            state: HealthState::Healthy,
            total: 0,
            applied: status.count(State::Applied),
            pending: status.count(State::Pending),
            out_of_order: status.count(State::OutOfOrder),
            modified: status.count(State::Modified),
            incomplete: status.count(State::Incomplete),
            orphaned: status.count(State::Orphaned),
            future: status.count(State::Future),
        };
        health.total = status.migrations.len() - health.orphaned - health.future;
        health.state = if health.applied < health.total || health.orphaned > 0 {
            HealthState::Unhealthy
        } else if health.future > 0 {
            HealthState::Degraded
        } else {
            HealthState::Healthy
        };
        health
    }
}
