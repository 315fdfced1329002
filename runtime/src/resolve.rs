//! The verb `resolve`: an operator says what became of the statement at which a migration was cut off.

use graven_source::Version;

use crate::connection::Connection;
use crate::error::Error;
use crate::history::{self, Detail, Progress, Record, Table};
use crate::lock::{self, Waiting};
use crate::look::{Locked, Look, may_write, table_or_refuse};
use crate::migrator::Migrator;
use crate::observe::verb;
use crate::run::Run;

/// What became of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// It took effect: the next run goes on after it.
    Applied,
    /// It did not: the next run runs it again.
    Retry,
}

/// How an incomplete migration stands after it was resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Resolved {
    /// Its version.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::report::serialize_version"))]
    pub version: Version,
    /// Its name.
    pub name: String,
    /// How many of its statements are recorded as done. The next run goes on after them.
    pub statements_done: u32,
    /// How many it has. Where all are done it is applied now.
    pub statements_total: u32,
}

impl Migrator {
    /// Says what became of the statement at which an incomplete migration was cut off, so that the next run goes on.
    ///
    /// # Errors
    ///
    /// [`Error::NotIncomplete`] where there is nothing to resolve, [`Error::LockTimeout`] while another instance is
    /// migrating.
    ///
    /// # Transactions
    ///
    /// One statement changes one row of the history; nothing of the migration is run.
    pub async fn resolve<C: Connection>(
        &mut self,
        connection: &mut C,
        version: i64,
        resolution: Resolution,
    ) -> Result<Resolved, Error> {
        let options = self.options()?.with_environment()?;
        verb("resolve", &options.namespace, self.over(connection, &options).resolve(version, resolution)).await
    }
}

impl<C: Connection> Run<'_, '_, C> {
    /// The verb `resolve`.
    pub(crate) async fn resolve(mut self, version: i64, resolution: Resolution) -> Result<Resolved, Error> {
        let mut seen = self.look().await?;
        let table = table_or_refuse(self.question(Detail::Plan), &seen.server)?;
        may_write(&table, &seen.server)?;
        let mut waiting = Waiting::new(self.options.lock_timeout);
        loop {
            // What cannot be resolved is said at once, without waiting for the lock.
            find(&seen, version)?;
            let (locked, now) = self.try_lock(&table, &seen).await?;
            if locked == Locked::Yes {
                let outcome = self.record(&table, &now, version, resolution).await;
                let released = lock::release(&mut self.session, &table).await;
                self.session.owes_nothing();
                // Where no lock excludes anybody, another run may have gone on in between: then look again.
                if let Some(resolved) = outcome? {
                    return released.map(|()| resolved);
                }
            }
            seen = now;
            self.wait(&table, &mut waiting).await?;
        }
    }

    async fn record(
        &mut self,
        table: &Table,
        seen: &Look,
        version: i64,
        resolution: Resolution,
    ) -> Result<Option<Resolved>, Error> {
        let Unresolved { mut resolved, run } = find(seen, version)?;
        if resolution == Resolution::Applied {
            resolved.statements_done = (resolved.statements_done + 1).min(resolved.statements_total);
        }
        let record = if resolved.statements_done == resolved.statements_total {
            history::complete_by_word(table, resolved.version, &run)
        } else {
            history::settle(table, resolved.version, &run, resolved.statements_done)
        };
        let become_role = self.options.role.as_deref().map(|role| format!("{};\n", history::become_role(role)));
        let record = format!("{}{record}", become_role.unwrap_or_default());
        let results = self.session.expect("resolving an incomplete migration", &record).await?;
        if results.last().is_none_or(Vec::is_empty) {
            return Ok(None);
        }
        tracing::info!(
            target: "graven", instance = self.observers.instance, version = %resolved.version, ?resolution,
            done = resolved.statements_done, of = resolved.statements_total, "resolved"
        );
        if resolved.statements_done == resolved.statements_total {
            // It may be modified by now, or not be in the set at all.
            let is_it = |record: &&mut Record| record.version == Some(resolved.version);
            let mut records = seen.records.clone();
            records.iter_mut().filter(is_it).for_each(|record| record.progress = Progress::Applied);
            self.observers.watch.saw(&self.set, &records);
        }
        Ok(Some(resolved))
    }
}

/// An incomplete migration, and the run that has left it so.
struct Unresolved {
    resolved: Resolved,
    run: String,
}

/// The row of an incomplete migration.
fn find(seen: &Look, version: i64) -> Result<Unresolved, Error> {
    seen.records
        .iter()
        .filter(|record| record.version.is_some_and(|found| found.value() == version))
        .find_map(|record| match record.progress {
            Progress::Started { done, total, .. } => Some(Unresolved {
                resolved: Resolved {
                    version: record.version?,
                    name: record.name.clone(),
                    statements_done: done,
                    statements_total: total,
                },
                run: record.started_by.clone().unwrap_or_default(),
            }),
            Progress::Applied => None,
        })
        .ok_or(Error::NotIncomplete { version })
}
