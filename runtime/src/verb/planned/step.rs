//! The steps of a plan, as a run would take them. Pure.

use std::time::Duration;

use graven_source::statement::{LockMode, split};
use graven_source::{Kind, Version};

use super::locks::Relations;
use crate::apply::Way;
use crate::apply::head::covered;
use crate::apply::sent::Pieces;
use crate::migrations::{Migration, Migrations, Sealing, Transaction};
use crate::options::Options;
use crate::plan::{Start, Step};

/// One migration that a run would apply.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PlannedStep {
    /// Its version; `None` for a repeatable, which has none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_version"))]
    pub version: Option<Version>,
    /// Its name.
    pub name: String,
    /// What kind of migration it is.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::kind"))]
    pub kind: Kind,
    /// Its file, with the directory.
    pub file: String,
    /// Whether the seal file vouches for it.
    #[cfg_attr(feature = "serde", serde(rename = "sealed", serialize_with = "crate::json::sealing"))]
    pub sealing: Sealing,
    /// Whether it runs in a transaction of its own.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::transaction"))]
    pub transaction: Transaction,
    /// How many statements it has; outside of a transaction, a `BEGIN … COMMIT` of the file's own counts as one.
    pub statements: usize,
    /// After how many of them a run that was cut off is taken up again.
    pub resumes_after: Option<u32>,
    /// Whether it is a repeatable that was applied before, with another text.
    pub again: bool,
    /// How many migrations a baseline stands for, which are recorded and not run.
    pub covers: usize,
    /// Whether a reverse can take it back.
    pub reversible: bool,
    /// How long a statement of it may wait for a table that is locked; `None` for as long as it takes.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "lock_timeout_seconds", serialize_with = "crate::json::optional_seconds")
    )]
    pub lock_timeout: Option<Duration>,
    /// How long a statement of it may take; `None` for as long as it takes.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "statement_timeout_seconds", serialize_with = "crate::json::optional_seconds")
    )]
    pub statement_timeout: Option<Duration>,
    /// How often it is tried again after a lock timeout, a deadlock or a serialization failure.
    pub retries: u32,
    /// In which batch of the run it travels, counted from 1. Steps with the same number are sent together.
    pub batch: usize,
    /// How it is sent.
    pub sending: Sending,
    /// The locks on relations that its statements are known to take, in order. What is not known is not there.
    pub locks: Vec<PlannedLock>,
}

impl PlannedStep {
    /// The strongest lock known of a relation that was there before.
    #[must_use]
    pub fn strongest_lock(&self) -> Option<&PlannedLock> {
        // The first of those that are equally strong.
        self.locks.iter().filter(|lock| !lock.is_new).rev().max_by_key(|lock| lock.mode)
    }
}

/// How a step goes to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Sending {
    /// In one message with all others of its batch, each in a transaction of its own.
    Together,
    /// One transaction, in so many messages: its file is large, or changes how strings are read.
    InPieces(usize),
    /// Statement by statement, each recorded, without a transaction.
    StatementByStatement,
}

/// A lock that a statement is known to take.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PlannedLock {
    /// Which statement takes it, counted from 1.
    pub statement: usize,
    /// The line on which that begins.
    pub line: usize,
    /// How strong it is.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::mode"))]
    pub mode: LockMode,
    /// On what: `orders`, `sales.orders`, `the table of the index orders_i`.
    pub on: String,
    /// Whether a pending migration makes it: a new table is nobody else's yet.
    pub is_new: bool,
}

/// The steps of a plan. `schema` is where unqualified names lead.
pub(super) fn all(set: &Migrations, steps: &[Step], options: &Options, schema: &str) -> Vec<PlannedStep> {
    let mut planned = Vec::with_capacity(steps.len());
    let mut relations = Relations::new(schema);
    let mut left = steps;
    let mut batch = 0;
    while !left.is_empty() {
        batch += 1;
        let way = Way::of(left);
        let (together, rest) = left.split_at_checked(way.steps()).unwrap_or((left, &[]));
        for step in together {
            let sending = match way {
                Way::Together(_) => Sending::Together,
                Way::InPieces => Sending::InPieces(Pieces::of(step.migration).sent.len()),
                Way::StatementByStatement => Sending::StatementByStatement,
            };
            planned.push(one(set, step, options, &mut relations, (batch, sending)));
        }
        left = rest;
    }
    planned
}

fn one(
    set: &Migrations,
    step: &Step,
    options: &Options,
    relations: &mut Relations<'_>,
    (batch, sending): (usize, Sending),
) -> PlannedStep {
    let migration = step.migration;
    let details = migration.details();
    // Outside of a transaction, waiting for a table does not hold up others: see ARCHITECTURE.md.
    let lock_timeout = match details.transaction {
        Transaction::On => details.lock_timeout.or(options.table_lock_timeout),
        Transaction::Off => details.lock_timeout,
    };
    let statements = statements(migration);
    let done = match step.start {
        Start::Resume { done, .. } => Some(done),
        _ => None,
    };
    let locks = relations.locks(migration.sql(), &statements, done.unwrap_or_default() as usize);
    PlannedStep {
        version: migration.number(),
        name: migration.name().to_owned(),
        kind: migration.kind(),
        file: format!("{}/{}", set.directory, migration.file()),
        sealing: migration.sealing(),
        transaction: details.transaction,
        statements: statements.len(),
        resumes_after: done,
        again: matches!(step.start, Start::Again { .. }),
        covers: match migration.kind() {
            Kind::Baseline => covered(set.migrations, migration.version).len(),
            _ => 0,
        },
        reversible: details.reverse.is_some(),
        // Zero is no limit.
        lock_timeout: lock_timeout.filter(|timeout| !timeout.is_zero()),
        statement_timeout: details.statement_timeout.or(options.statement_timeout).filter(|timeout| !timeout.is_zero()),
        retries: details.retries.unwrap_or(options.retries),
        batch,
        sending,
        locks,
    }
}

/// Where the statements of a migration lie in its text: what of the file is sent, and of what progress is recorded.
fn statements(migration: &Migration) -> Vec<std::ops::Range<usize>> {
    let details = migration.details();
    if details.transaction == Transaction::Off {
        return details.units.iter().map(|unit| unit.start as usize..unit.end as usize).collect();
    }
    let is_absorbed =
        |at: usize| details.absorbed.iter().any(|(start, end)| (*start as usize..*end as usize).contains(&at));
    let all = split(migration.sql()).unwrap_or_default().into_iter().map(|statement| statement.span);
    all.filter(|span| !is_absorbed(span.start)).collect()
}
