//! What a run keeps account of and tells: that it looked, what it is about to do, what it has done, and what came of it.

use std::time::Duration;

use graven_source::Kind;

use crate::apply::head::covered;
use crate::connection::Connection;
use crate::error::{Error, Pending};
use crate::event::Event;
use crate::history::Server;
use crate::look::Look;
use crate::migrations::{Migration, Migrations, Sealing, Transaction};
use crate::plan::{Plan, Step};
use crate::report::{Applied, Outcome, Report, Reverted};
use crate::verb::run::Run;

impl<C: Connection> Run<'_, '_, C> {
    pub(super) fn all_applied(&self) -> Plan {
        Plan { applied: self.set.rows(), ..Plan::default() }
    }

    /// What a run reports that had nothing to do.
    pub(super) fn up_to_date(&mut self, server: Server) -> Report {
        let plan = self.all_applied();
        self.looked(&Look { server, ..Look::default() }, &plan);
        self.report(Outcome::UpToDate, plan)
    }

    pub(super) fn looked(&mut self, seen: &Look, plan: &Plan) {
        let history = self.history(seen);
        let (applied, pending) = (plan.applied, plan.steps.len());
        self.observers.tell(&Event::Looked { database: &seen.server.database, history: &history, applied, pending });
    }

    /// Tells that a migration is about to be sent.
    pub(super) fn applying(&mut self, step: &Step, number: usize, of: usize) {
        let (version, name) = (step.migration.version, step.migration.name());
        if step.migration.kind() == Kind::Versioned && is_unwritten(step.migration) {
            let file = format!("{}/{}", self.set.directory, step.migration.file());
            self.observers.tell(&Event::OnlyComments { version, file: &file });
        }
        match step.migration.kind() {
            Kind::Repeatable => self.observers.tell(&Event::ApplyingRepeatable { name, number, of }),
            kind => {
                if kind == Kind::Baseline {
                    let covers = covered(self.set.migrations, version).len();
                    self.observers.tell(&Event::Baseline { version, name, covers });
                }
                self.observers.tell(&Event::Applying { version, name, number, of });
            }
        }
    }

    /// Notes and tells that a migration is applied.
    pub(crate) fn applied(&mut self, migration: &'static Migration, duration: Duration, last: &'static Migration) {
        let (version, name) = (migration.version, migration.name());
        // Outside of a transaction the record waits for the disk, and with it for all before it, unless something else is said.
        let waited = std::ptr::eq(migration, last) || migration.details().transaction == Transaction::Off;
        self.unflushed = (!waited).then_some(migration);
        self.observers.tell(&match migration.kind() {
            Kind::Repeatable => Event::AppliedRepeatable { name, duration },
            _ => Event::Applied { version, name, duration },
        });
        let (version, kind) = (migration.number(), migration.kind());
        self.applied.push(Applied { version, name: name.to_owned(), kind, duration });
    }

    /// Notes that what was applied last is on disk only with the next commit that waits for it.
    pub(crate) fn not_on_disk_yet(&mut self, migration: &'static Migration) {
        self.unflushed = Some(migration);
    }

    /// Notes and tells that a migration is reverted.
    pub(crate) fn reverted(&mut self, migration: &Migration, duration: Duration) {
        let (version, name) = (migration.version, migration.name());
        self.observers.tell(&Event::Reverted { version, name, duration });
        self.reverted.push(Reverted { version, name: name.to_owned(), duration });
    }

    pub(crate) fn take_reverted(&mut self) -> Vec<Reverted> {
        std::mem::take(&mut self.reverted)
    }

    pub(crate) fn take_applied(&mut self) -> Vec<Applied> {
        std::mem::take(&mut self.applied)
    }

    /// Whether this run has reverted anything.
    pub(crate) fn has_reverted(&self) -> bool {
        !self.reverted.is_empty()
    }

    /// An error with what had been done before it.
    pub(crate) fn after_what_was_done(&mut self, error: Error) -> Error {
        self.observers.watch.failed(&error);
        let (applied, reverted) = (self.take_applied(), self.take_reverted());
        match error {
            Error::MigrationFailed(mut failed) => {
                (failed.applied, failed.reverted) = (applied, reverted);
                Error::MigrationFailed(failed.with_flags(self.options.flags()))
            }
            error if applied.is_empty() && reverted.is_empty() => error,
            error => Error::Stopped { applied, reverted, source: Box::new(error) },
        }
    }

    pub(super) fn report(&mut self, outcome: Outcome, plan: Plan) -> Report {
        let applied = std::mem::take(&mut self.applied);
        if !plan.future.is_empty() {
            self.observers.tell(&Event::Future { versions: &plan.future });
        }
        if !plan.orphaned.is_empty() {
            self.observers.tell(&Event::OrphanedRepeatables { names: &plan.orphaned });
        }
        let duration = self.started.elapsed();
        self.observers.tell(&Event::Done { applied: applied.len(), duration });
        let (future, orphaned) = (plan.future, plan.orphaned);
        Report { outcome, applied, total: self.set.rows(), future, orphaned, waited: self.waited, duration }
    }
}

/// Whether a migration is still as `graven new` makes it. The first other line ends the look, however long the file is.
fn is_unwritten(migration: &Migration) -> bool {
    let is_comment = |line: &str| line.is_empty() || line.starts_with("--");
    migration.sealing == Sealing::Unsealed && migration.sql().lines().all(|line| is_comment(line.trim_start()))
}

/// What is not applied, by version and name: of a baseline, each that it would take the place of.
pub(crate) fn pending(set: &Migrations, plan: &Plan) -> Vec<Pending> {
    let of = |it: &Migration| Pending { version: it.number(), name: it.name().to_owned() };
    let migrations = plan.steps.iter().flat_map(|step| match step.migration.kind() {
        Kind::Baseline => covered(set.migrations, step.migration.version),
        _ => std::slice::from_ref(step.migration),
    });
    migrations.map(of).collect()
}
