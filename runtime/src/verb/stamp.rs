//! The verb `stamp`: migrations are recorded as applied that graven has not run, for a schema that was made otherwise.

use graven_source::Version;

use crate::connection::{Connection, Failure};
use crate::error::{Error, Pending};
use crate::event::Event;
use crate::guard;
use crate::history::{self, Detail, Table};
use crate::look::{IntoExisting, Look, admit};
use crate::migrator::Migrator;
use crate::observe::verb;
use crate::plan::revert::{StampTo, Stamping, stampable};
use crate::report::{StampReport, Stamped};
use crate::verb::revert::changing;
use crate::verb::run::{Run, is_incomplete};
use crate::verb::under_lock::Held;

/// How often a stamp starts over because another instance recorded, without the lock, what this one was about to.
const MOST_ROUNDS: usize = 10;

impl Migrator {
    /// Records migrations as applied without running them, for a schema that was made otherwise: by another tool, or by hand.
    /// What is recorded already is passed over. What lies above stays pending, and so do repeatables.
    ///
    /// It compares nothing with the live schema: that the schema is what these migrations make is the operator's word.
    ///
    /// ```no_run
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # async fn adopt(client: &mut tokio_postgres::Client) -> Result<(), graven::Error> {
    /// use graven::StampTo;
    ///
    /// // The other tool's history says that the schema is at version 1.
    /// let report = MIGRATIONS.migrator().stamp(client, StampTo::Version(1)).await?;
    /// println!("{} recorded, {} pending", report.stamped.len(), report.pending.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// In the history such a row has no duration, and of its statements none is counted as done.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchVersion`] where the set has no such version; [`Error::Conflicts`] as for [`run`](Self::run), and for what
    /// is incomplete; [`Error::LockTimeout`] while another instance is migrating.
    ///
    /// # Transactions
    ///
    /// One for everything, the history table itself included where it is not there yet.
    ///
    /// # Cancellation
    ///
    /// All of it is recorded or nothing.
    pub async fn stamp<C: Connection>(&mut self, connection: &mut C, to: StampTo) -> Result<StampReport, Error> {
        let options = self.options()?.with_environment()?;
        guard::check(self.migrations())?;
        verb("stamp", &options.namespace, self.over(connection, &options).stamp(to)).await
    }
}

impl<C: Connection> Run<'_, '_, C> {
    /// The verb `stamp`.
    pub(crate) async fn stamp(mut self, to: StampTo) -> Result<StampReport, Error> {
        let last = match to {
            StampTo::Head => self.set.head(),
            StampTo::Version(version) => match self.set.by_version(version) {
                Some(migration) => Some(migration.version),
                None => return Err(self.no_such_version(version)),
            },
        };
        let seen = self.look().await?;
        if let Ok(stamping) = self.stampable(&seen, last)
            && stamping.stamped.is_empty()
        {
            return Ok(report(&stamping, self.set.len()));
        }
        let held = self.hold(seen, |run, seen| match run.stampable(seen, last) {
            // Incomplete may only mean that another instance is at it right now: the lock will tell.
            Err(conflicts) if !conflicts.iter().any(is_incomplete) => Err(run.conflicts(seen, conflicts)),
            _ => Ok(()),
        });
        let Held { table, seen, role_before } = held.await?;
        let outcome = self.stamp_under_lock(&table, seen, last).await;
        self.leave(&table, role_before, outcome).await
    }

    async fn stamp_under_lock(
        &mut self,
        table: &Table,
        mut seen: Look,
        last: Option<Version>,
    ) -> Result<StampReport, Error> {
        for _ in 0..MOST_ROUNDS {
            let stamping = self.stampable(&seen, last).map_err(|conflicts| self.conflicts(&seen, conflicts))?;
            if stamping.stamped.is_empty() {
                return Ok(report(&stamping, self.set.len()));
            }
            // A schema that holds tables is what a stamp is for.
            admit(self.question(Detail::Plan), &seen.server, IntoExisting::Allow)?;
            self.refuse_forgotten_namespace(table, &seen).await?;
            let reply = self.session.send(&self.stamp_message(table, &seen, &stamping)).await;
            match reply.failure {
                None => {
                    for migration in &stamping.stamped {
                        self.observers.tell(&Event::Stamped { version: migration.version, name: migration.name() });
                    }
                    return Ok(report(&stamping, self.set.len()));
                }
                // Where no lock holds: somebody else has made the table, or the type of its rows, or recorded one of them at this
                // very moment.
                Some(Failure::Server(error))
                    if matches!(error.sqlstate.as_str(), "23505" | "42P07" | "42710" | "40001") => {}
                Some(failure) => return Err(Error::from_failure("recording migrations as applied", failure)),
            }
            seen = self.look().await?;
        }
        Err(changing(table))
    }

    /// One message, which is one transaction (PostgreSQL manual, 55.2.2.1): a history table without its rows would let the
    /// next run apply everything to a schema that has it.
    fn stamp_message(&self, table: &Table, seen: &Look, stamping: &Stamping) -> String {
        let create = if seen.server.table_exists { String::new() } else { format!("{};\n", history::create(table)) };
        let claimant = self.claimant(seen);
        format!("{}{create}{}", self.by_word(), history::stamp(table, &stamping.stamped, &claimant),)
    }

    fn stampable(&self, seen: &Look, last: Option<Version>) -> Result<Stamping, Vec<crate::error::Conflict>> {
        stampable(self.set.migrations, &seen.records, last, self.options.policy)
            .map_err(|conflicts| conflicts.into_iter().map(|conflict| self.located(seen, conflict)).collect())
    }
}

fn report(stamping: &Stamping, total: usize) -> StampReport {
    let stamped =
        stamping.stamped.iter().map(|it| Stamped { version: it.version, name: it.name().to_owned() }).collect();
    let pending: Vec<Pending> =
        stamping.pending.iter().map(|it| Pending { version: it.number(), name: it.name().to_owned() }).collect();
    let applied_before = total - stamping.stamped.len() - pending.len();
    StampReport { stamped, pending, applied_before }
}
