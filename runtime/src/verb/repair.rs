//! The verb `repair`: an operator accepts, after review, that the history has recorded another text or name than the set has.
//!
//! It changes rows and nothing else: what a changed text would do to the database is for a new migration. It takes no notice of
//! what is orphaned, incomplete or future, which have ways out of their own.

mod choose;

use graven_source::{Checksum, Version};

use self::choose::{Chosen, Refused, choose, differences};
use crate::connection::{Connection, Failure};
use crate::error::{Conflict, Error};
use crate::guard;
use crate::history::{self, NOT_THERE, Table};
use crate::look::Look;
use crate::migrator::Migrator;
use crate::observe::verb;
use crate::verb::revert::changing;
use crate::verb::run::Run;
use crate::verb::under_lock::Held;

/// Which differences a repair accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repair {
    /// Those of these versions.
    Versions(Vec<i64>),
    /// All, but where name and text both differ: there the history means another migration, which must be named.
    All,
}

/// A row of the history that does not say what the set says of its migration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Repairable {
    /// The version.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::version"))]
    pub version: Version,
    /// The name in the set.
    pub name: String,
    /// The name in the history.
    pub recorded_name: String,
    /// The checksum of the text in the set.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::checksum"))]
    pub checksum: Checksum,
    /// The checksum in the history. Equal to the other, or accepted by the seal file, where only the name differs.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::checksum"))]
    pub recorded_checksum: Checksum,
    /// The migration's file, with the directory.
    pub file: String,
    /// Whether a run refuses because of it: the text differs, and not just the name.
    pub is_modified: bool,
}

impl Repairable {
    /// Whether the history means another migration, by all that can be told: name and text both differ. To accept it is to say
    /// that what the set has under this version need not be run.
    #[must_use]
    pub fn is_another_migration(&self) -> bool {
        self.is_modified && self.name != self.recorded_name
    }
}

impl std::fmt::Display for Repairable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: ", self.version, self.name)?;
        if self.name != self.recorded_name {
            write!(f, "recorded as {}", self.recorded_name)?;
        }
        if self.is_another_migration() {
            f.write_str(", ")?;
        }
        if self.is_modified {
            write!(f, "applied as {}, now {}", self.recorded_checksum.short(), self.checksum.short())?;
        }
        Ok(())
    }
}

/// What a repair did.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RepairReport {
    /// What it accepted, ascending by version: the history has the set's names and checksums now. Empty where nothing differed.
    pub accepted: Vec<Repairable>,
    /// What differs still, since it was not asked for.
    pub left: Vec<Repairable>,
    /// What a run would refuse still, each with its remedy.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub conflicts: Vec<Conflict>,
}

impl Migrator {
    /// What [`repair`](Self::repair) would accept: the rows of the history whose name or checksum is not the set's. One round
    /// trip, never writes.
    ///
    /// It does not list what is orphaned, incomplete or future.
    ///
    /// # Errors
    ///
    /// Only where the history cannot be read: [`Error::HistoryLocked`] where somebody has locked the table itself for longer
    /// than [`lock_timeout`](Self::lock_timeout).
    ///
    /// # Cancellation
    ///
    /// It changes nothing, so that a future which is dropped leaves nothing behind.
    ///
    /// # Panics
    ///
    /// As for [`Migrations::verify`](crate::Migrations::verify).
    pub async fn repairable<C: Connection>(&mut self, connection: &mut C) -> Result<Vec<Repairable>, Error> {
        let options = self.options()?.with_environment()?;
        let mut run = self.over(connection, &options);
        guard::check(&run.set)?;
        let seen = run.look().await?;
        Ok(run.differences(&seen))
    }

    /// Accepts, after review, that migrations were applied with another text or under another name than the set has: their rows
    /// get the set's name and checksum. Nothing is run.
    ///
    /// ```no_run
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # async fn accept(client: &mut tokio_postgres::Client) -> Result<(), graven::Error> {
    /// use graven::Repair;
    ///
    /// let mut migrator = MIGRATIONS.migrator();
    /// for difference in migrator.repairable(client).await? {
    ///     println!("{difference}");
    /// }
    /// // Somebody has compared the texts of version 1, and the schema is what the present one makes.
    /// let report = migrator.repair(client, Repair::Versions(vec![1])).await?;
    /// println!("{} accepted, {} left", report.accepted.len(), report.left.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It is for one database. An edit that every database is to accept is recorded in the seal file, by
    /// `graven seal --accept-edit`.
    ///
    /// The history keeps no trace of what was recorded before: each change is told to `tracing`, at the level WARN, with both
    /// names and checksums. Of the row, when and by whom the migration was applied stays.
    ///
    /// # Errors
    ///
    /// [`Error::Conflicts`], before anything is changed, for a version that is orphaned, incomplete or future, each with its
    /// own way out; and with [`Repair::All`] for those where [the history means another
    /// migration](Repairable::is_another_migration). [`Error::NoSuchVersion`] for a version that nobody knows, and
    /// [`Error::LockTimeout`] while another instance is migrating. Nothing to accept is no error: the report is empty.
    ///
    /// # Transactions
    ///
    /// One for all rows, under the lock. Each row is changed only if it is still as it was seen.
    ///
    /// # Cancellation
    ///
    /// All of it is recorded or nothing.
    pub async fn repair<C: Connection>(&mut self, connection: &mut C, repair: Repair) -> Result<RepairReport, Error> {
        let options = self.options()?.with_environment()?;
        let run = self.over(connection, &options);
        guard::check(&run.set)?;
        verb("repair", &options.namespace, run.repair(&repair)).await
    }
}

impl<C: Connection> Run<'_, '_, C> {
    async fn repair(mut self, repair: &Repair) -> Result<RepairReport, Error> {
        let seen = self.look().await?;
        if self.choose(&seen, repair)?.is_empty() {
            return Ok(self.repair_report(seen, Vec::new()));
        }
        let held = self.hold(seen, |run, seen| run.choose(seen, repair).map(drop)).await?;
        let Held { table, seen, role_before } = held;
        let outcome = self.repair_under_lock(&table, seen, repair).await;
        self.leave(&table, role_before, outcome).await
    }

    async fn repair_under_lock(&mut self, table: &Table, seen: Look, repair: &Repair) -> Result<RepairReport, Error> {
        let chosen = self.choose(&seen, repair)?;
        if chosen.is_empty() {
            return Ok(self.repair_report(seen, Vec::new()));
        }
        let reply = self.session.send(&self.repair_message(table, &chosen)).await;
        match reply.failure {
            None => {}
            // Where no lock holds: somebody else has changed one of them at this very moment.
            Some(Failure::Server(error)) if matches!(error.sqlstate.as_str(), NOT_THERE | "40001") => {
                return Err(changing(table));
            }
            Some(failure) => return Err(Error::from_failure("accepting what the set has", failure)),
        }
        let accepted: Vec<Repairable> = chosen.iter().map(|chosen| self.difference(chosen)).collect();
        for difference in &accepted {
            self.observers.watch.applied_by_word(difference.version);
            tracing::warn!(
                target: "graven", instance = self.observers.instance, version = %difference.version,
                name = difference.name, recorded_name = difference.recorded_name, checksum = %difference.checksum,
                recorded_checksum = %difference.recorded_checksum, "accepted in place of what was recorded"
            );
        }
        drop(chosen);
        Ok(self.repair_report(seen, accepted))
    }

    /// One message, which is one transaction (PostgreSQL manual, 55.2.2.1).
    fn repair_message(&self, table: &Table, chosen: &[Chosen<'_>]) -> String {
        let rows: Vec<String> =
            chosen.iter().map(|chosen| history::accept(table, chosen.migration, chosen.record)).collect();
        format!("{}{}", self.by_word(), rows.join(";\n"))
    }

    fn choose<'a>(&self, seen: &'a Look, repair: &Repair) -> Result<Vec<Chosen<'a>>, Error> {
        choose(self.set.migrations, &seen.records, repair).map_err(|refused| match refused {
            Refused::NoSuchVersion(version) => self.no_such_version(version),
            Refused::Conflicts(conflicts) => {
                self.conflicts(seen, conflicts.into_iter().map(|conflict| self.located(seen, conflict)).collect())
            }
        })
    }

    fn differences(&self, seen: &Look) -> Vec<Repairable> {
        differences(self.set.migrations, &seen.records).iter().map(|chosen| self.difference(chosen)).collect()
    }

    fn difference(&self, chosen: &Chosen<'_>) -> Repairable {
        Repairable {
            version: chosen.migration.version,
            name: chosen.migration.name().to_owned(),
            recorded_name: chosen.record.name.clone(),
            checksum: chosen.migration.checksum(),
            recorded_checksum: chosen.record.checksum,
            file: format!("{}/{}", self.set.directory, chosen.migration.file()),
            is_modified: !chosen.migration.accepts(&chosen.record.checksum),
        }
    }

    /// What was done, and what is left of what was seen before it.
    fn repair_report(&self, mut seen: Look, accepted: Vec<Repairable>) -> RepairReport {
        for difference in &accepted {
            let row = seen.records.iter_mut().find(|record| record.version == Some(difference.version));
            if let Some(record) = row {
                difference.name.clone_into(&mut record.name);
                record.checksum = difference.checksum;
            }
        }
        let conflicts = self.plan(&seen).err().unwrap_or_default();
        RepairReport { accepted, left: self.differences(&seen), conflicts }
    }
}
