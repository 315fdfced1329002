//! The verb `plan`: what a run would do now, and what would stop it. It never writes, and takes no lock.

mod locks;
mod step;

use graven_source::Version;

pub use self::step::{PlannedLock, PlannedStep, Sending};
use crate::connection::Connection;
use crate::error::{Conflict, Error};
use crate::guard;
use crate::history::{self, Detail, Schema, Server};
use crate::lock::Holder;
use crate::look::{DOING, Look, admit, send_as, table};
use crate::migrator::Migrator;
use crate::observe::verb;
use crate::plan::{Entry, Plan, compare_all};
use crate::verb::run::{Run, is_incomplete, pending};
use crate::verb::status::State;

/// What a run would do at this moment: see [`Migrator::plan`].
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Planned {
    /// The database that was looked at.
    pub database: String,
    /// The history table, qualified. `None` where no schema of the search path exists.
    pub history: Option<String>,
    /// Whether the run would make that table.
    pub makes_history: bool,
    /// The namespace within it, empty unless one was chosen.
    pub namespace: String,
    /// How many migrations of the set are applied, repeatables included.
    #[cfg_attr(feature = "serde", serde(rename = "applied_count"))]
    pub applied: usize,
    /// How many the set has, repeatables included.
    pub total: usize,
    /// How many would stay pending, since they lie above the version after which to stop, or are repeatables, which wait
    /// for those.
    pub left: usize,
    /// What would be applied, in order. Empty where there are conflicts.
    pub steps: Vec<PlannedStep>,
    /// What the run would refuse, each with its remedy.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::conflicts"))]
    pub conflicts: Vec<Conflict>,
    /// Versions that only the history knows, above the set's head.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::versions"))]
    pub future: Vec<Version>,
    /// The names of repeatables that only the history knows.
    pub orphaned: Vec<String>,
    /// What would stop it before it applies anything, conflicts aside: a schema that holds tables already, a right that the
    /// role lacks, a standby.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::refusal"))]
    pub refusal: Option<Error>,
    /// Who is migrating at this moment, where something is pending: the run would wait for it.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::holder"))]
    pub holder: Option<Holder>,
}

impl Planned {
    /// Whether a run would find nothing to do, and nothing to refuse.
    #[must_use]
    pub fn is_up_to_date(&self) -> bool {
        self.steps.is_empty() && self.conflicts.is_empty()
    }

    /// Whether a run would be refused as things are.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some() || !self.conflicts.is_empty()
    }
}

impl Migrator {
    /// What [`run`](Self::run) would do now: each step with its statements, timeouts, the message it would travel in and the
    /// locks that it is known to take; or the conflicts that it would refuse.
    ///
    /// ```no_run
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # async fn look(client: &mut tokio_postgres::Client) -> Result<(), graven::Error> {
    /// let planned = MIGRATIONS.migrator().plan(client).await?;
    /// for step in &planned.steps {
    ///     for lock in step.locks.iter().filter(|lock| !lock.is_new) {
    ///         println!("{}: {} on {} (line {})", step.file, lock.mode, lock.on, lock.line);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It takes no lock, so that a run which starts later may find something else. One round trip where everything is applied,
    /// a second one to see who is migrating where something is not, and a third for a first run. `GRAVEN_MODE` is not heeded.
    ///
    /// # Errors
    ///
    /// Only where the history cannot be read: [`Error::HistoryLocked`] where somebody has locked the table itself for longer
    /// than [`lock_timeout`](Self::lock_timeout). What a run would refuse is no error here: it is in the plan.
    ///
    /// # Cancellation
    ///
    /// It changes nothing, so that a future which is dropped leaves nothing behind.
    ///
    /// # Panics
    ///
    /// As for [`Migrations::verify`](crate::Migrations::verify).
    pub async fn plan<C: Connection>(&mut self, connection: &mut C) -> Result<Planned, Error> {
        let options = self.options()?.with_environment()?;
        guard::check(self.migrations())?;
        verb("plan", &options.namespace, self.over(connection, &options).planned()).await
    }
}

impl<C: Connection> Run<'_, '_, C> {
    async fn planned(mut self) -> Result<Planned, Error> {
        let question = self.question(Detail::Plan);
        let mut seen = self.look().await?;
        let table = table(question, &seen.server);
        let plan = self.plan(&seen);
        let is_at_stake = match &plan {
            Ok(plan) => !plan.steps.is_empty(),
            Err(conflicts) => conflicts.iter().any(is_incomplete),
        };
        let mut holder = None;
        if let (Some(table), true) = (&table, is_at_stake) {
            holder = self.holder(table, &seen).await;
        }
        let entries = compare_all(&self.set, &seen.records);
        let applied = entries.iter().filter(|entry| entry.state == State::Applied).count();
        let is_waiting = |entry: &&Entry<'_>| entry.version.is_none() && entry.state == State::Pending;
        let waiting = entries.iter().filter(is_waiting).count();
        let (plan, conflicts) = match plan {
            Ok(plan) => (plan, Vec::new()),
            Err(conflicts) => (Plan::default(), running(conflicts, holder.as_ref())),
        };
        let refusal = if plan.steps.is_empty() { None } else { self.refusal(&mut seen, &plan).await? };
        let schema = seen.server.current_schema.as_str();
        Ok(Planned {
            makes_history: table.is_some() && !seen.server.table_exists && refusal.is_none() && !plan.steps.is_empty(),
            history: table.map(|table| table.shown()),
            namespace: self.options.namespace.clone(),
            applied,
            total: self.set.rows(),
            left: if plan.left > 0 { plan.left + waiting } else { 0 },
            steps: step::all(&self.set, &plan.steps, self.options, schema),
            conflicts,
            future: plan.future,
            orphaned: plan.orphaned,
            refusal,
            holder,
            database: seen.server.database,
        })
    }

    /// What a run would refuse once it has the lock, in the order in which it would.
    async fn refusal(&mut self, seen: &mut Look, plan: &Plan) -> Result<Option<Error>, Error> {
        let question = self.question(Detail::Plan);
        if seen.server.in_recovery {
            return Ok(Some(Error::Standby { pending: pending(&self.set, plan) }));
        }
        if let Err(error) = self.refuse_pooled_role() {
            return Ok(Some(error));
        }
        if seen.server.schema.is_some() && !seen.server.table_exists {
            // What matters only to a first run, no look asks for.
            seen.server = self.state().await?;
        }
        let table = match admit(question, &seen.server, self.options.into_existing) {
            Ok(table) => table,
            Err(error) => return Ok(Some(error)),
        };
        match self.refuse_forgotten_namespace(&table, seen).await {
            Err(error @ Error::AppliedUnder { .. }) => Ok(Some(error)),
            other => other.map(|()| None),
        }
    }

    async fn state(&mut self) -> Result<Server, Error> {
        let question = self.question(Detail::Plan);
        let sql = history::state(question.wanted, Schema::Known);
        let (reply, _) = send_as(&mut self.session, question, &sql).await?;
        if let Some(failure) = reply.failure {
            return Err(Error::from_failure(DOING, failure));
        }
        let row = reply.completed.first().and_then(|rows| rows.first());
        Ok(row.map(Server::parse).unwrap_or_default())
    }
}

/// Conflicts with who is at an incomplete migration right now.
fn running(conflicts: Vec<Conflict>, holder: Option<&Holder>) -> Vec<Conflict> {
    match holder {
        Some(holder) => conflicts.into_iter().map(|conflict| conflict.running(holder)).collect(),
        None => conflicts,
    }
}
