//! The verb `resolve`: an operator says what became of the statement at which a migration was cut off.

use graven_source::Version;

use crate::connection::Connection;
use crate::error::Error;
use crate::history::{self, Progress, Record, Table};
use crate::look::Look;
use crate::migrations::Migrations;
use crate::migrator::Migrator;
use crate::observe::verb;
use crate::verb::revert::changing;
use crate::verb::run::Run;
use crate::verb::under_lock::Held;

/// How often it looks again because another instance went on, without the lock, with what this one was about to resolve.
const MOST_ROUNDS: usize = 10;

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
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::version"))]
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
    /// ```no_run
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # async fn say(client: &mut tokio_postgres::Client) -> Result<(), graven::Error> {
    /// use graven::Resolution;
    ///
    /// // Somebody has looked: the statement at which version 2 was cut off did take effect.
    /// let resolved = MIGRATIONS.migrator().resolve(client, 2, Resolution::Applied).await?;
    /// println!("{} of {} statements are done", resolved.statements_done, resolved.statements_total);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotIncomplete`] where there is nothing to resolve, [`Error::NoSuchVersion`] for a version that nobody knows,
    /// [`Error::LockTimeout`] while another instance is migrating, or a session of the server is at that migration still. [`Error::Standby`] on a standby, and [`Error::Pooled`] as
    /// another [role](Self::role) behind a pooler.
    ///
    /// # Transactions
    ///
    /// One statement changes one row of the history; nothing of the migration is run.
    ///
    /// # Cancellation
    ///
    /// The row is changed or it is not, and the lock is given back: [`status`](Self::status) says how many statements are done.
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
        let seen = self.look().await?;
        let (set, mut meant) = (self.set, None);
        // What cannot be resolved is said at once, without waiting for the lock.
        let is_incomplete = |_: &Self, seen: &Look| {
            meant.get_or_insert(find(set, seen, version)?.resolved.statements_done);
            Ok(())
        };
        let Held { table, seen, role_before } = self.hold(seen, is_incomplete).await?;
        let outcome = self.resolve_under_lock(&table, seen, Word { version, meant, resolution }).await;
        self.leave(&table, role_before, outcome).await
    }

    async fn resolve_under_lock(&mut self, table: &Table, mut seen: Look, word: Word) -> Result<Resolved, Error> {
        for _ in 0..MOST_ROUNDS {
            // The lock does not tell of a run behind a pooler, nor of a session whose client is gone.
            seen = self.until_at_rest(table, seen, word.version).await?;
            if let Some(resolved) = self.record(table, &seen, word).await? {
                return Ok(resolved);
            }
            // Where no lock excludes anybody, another run may have gone on in between.
            seen = self.look().await?;
        }
        Err(changing(table))
    }

    async fn record(&mut self, table: &Table, seen: &Look, word: Word) -> Result<Option<Resolved>, Error> {
        let Word { version, meant, resolution } = word;
        let Unresolved { mut resolved, run } = find(self.set, seen, version)?;
        let done = resolved.statements_done;
        if meant.is_some_and(|meant| meant != done) {
            // Somebody went on meanwhile: it would be said of another statement.
            return Err(changing(table));
        }
        if resolution == Resolution::Applied {
            resolved.statements_done = (resolved.statements_done + 1).min(resolved.statements_total);
        }
        let record = if resolved.statements_done == resolved.statements_total {
            history::complete_by_word(table, resolved.version, &run, done)
        } else {
            history::settle_by_word(table, resolved.version, &run, done, resolved.statements_done)
        };
        let record = format!("{}{record}", self.by_word());
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

/// What an operator says.
#[derive(Clone, Copy)]
struct Word {
    version: i64,
    /// How many statements were recorded as done when it was said: it is about the one after them.
    meant: Option<u32>,
    resolution: Resolution,
}

/// An incomplete migration, and the run that has left it so.
struct Unresolved {
    resolved: Resolved,
    run: String,
}

/// The row of an incomplete migration.
fn find(set: Migrations, seen: &Look, version: i64) -> Result<Unresolved, Error> {
    let is_it = |found: Version| found.value() == version;
    let Some(record) = seen.records.iter().find(|record| record.version.is_some_and(is_it)) else {
        return Err(match set.iter().any(|migration| is_it(migration.version())) {
            true => Error::NotIncomplete { version },
            false => set.no_such_version(version),
        });
    };
    match (record.progress, record.version) {
        (Progress::Started { done, total, .. }, Some(version)) => Ok(Unresolved {
            resolved: Resolved { version, name: record.name.clone(), statements_done: done, statements_total: total },
            run: record.started_by.clone().unwrap_or_default(),
        }),
        _ => Err(Error::NotIncomplete { version }),
    }
}
