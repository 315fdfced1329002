//! Without the feature `metrics` nothing is counted: the same interface, and nothing behind it.

use std::time::Duration;

use graven_source::Version;

use crate::error::Error;
use crate::event::Event;
use crate::history::Record;
use crate::migrations::Migrations;
use crate::verb::health::Health;

/// What one verb counts: nothing.
#[derive(Debug, Default)]
pub(super) struct Counts;

impl Counts {
    pub(super) fn of(_namespace: &str) -> Self {
        Self
    }

    pub(super) fn saw(&mut self, _set: &Migrations, _records: &[Record]) {}

    pub(super) fn saw_all_applied(&mut self, _set: &Migrations) {}

    pub(super) fn count(&mut self, _event: &Event<'_>) {}

    pub(super) fn applied(&mut self, _version: Version) {}

    pub(super) fn failed(&mut self, _error: &Error) {}
}

pub(super) fn ended(_verb: &'static str, _namespace: &str, _duration: Duration, _error: Option<&Error>) {}

pub(super) fn health(_namespace: &str, _health: &Health) {}
