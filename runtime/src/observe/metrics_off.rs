//! Without the feature `metrics` nothing is counted: the same interface, and nothing behind it.

use std::time::Duration;

use crate::error::Error;
use crate::event::Event;
use crate::health::Health;

/// What one verb counts: nothing.
#[derive(Debug, Default)]
pub(super) struct Counts;

impl Counts {
    pub(super) fn of(_namespace: &str) -> Self {
        Self
    }

    pub(super) fn count(&mut self, _event: &Event<'_>) {}
}

pub(super) fn ended(_verb: &'static str, _namespace: &str, _duration: Duration, _error: Option<&Error>) {}

pub(super) fn health(_namespace: &str, _health: &Health) {}
