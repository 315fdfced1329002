//! The verbs with their options.

use std::time::Duration;

use crate::connection::Connection;
use crate::error::Error;
use crate::event::{Event, Observers};
use crate::guard;
use crate::health::Health;
use crate::look::IntoExisting;
use crate::migrations::Migrations;
use crate::observe::{Watch, verb};
use crate::options::{Environment, Mode, Options, parse_history};
use crate::plan::{Baseline, Future, OutOfOrder};
use crate::plan_revert::{RedoSealed, StampTo, Target};
use crate::report::{Outcome, Redone, Report, RevertReport, StampReport};
use crate::resolve::{Resolution, Resolved};
use crate::run::Run;
use crate::status::Status;

type Observer = Box<dyn FnMut(&Event<'_>) + Send>;

/// A set of migrations and the options with which its verbs run. Made by [`Migrations::migrator`].
///
/// ```no_run
/// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
/// # async fn start(client: &mut tokio_postgres::Client) -> Result<(), graven::Error> {
/// use std::time::Duration;
///
/// let report = MIGRATIONS.migrator().lock_timeout(Duration::from_secs(120)).strict().run(client).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "options do nothing until a verb such as `run` is called"]
pub struct Migrator {
    set: Migrations,
    options: Options,
    history: Option<String>,
    observer: Option<Observer>,
}

impl Migrator {
    pub(crate) fn new(set: Migrations) -> Self {
        let options = Options { namespace: set.namespace.to_owned(), ..Options::default() };
        Self { set, options, history: set.history.map(str::to_owned), observer: None }
    }

    /// What [`run`](Self::run) does: apply (the default), verify or skip. `GRAVEN_MODE` in the environment overrides it.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.options.mode = mode;
        self
    }

    /// How long to wait for another instance that is migrating: 30 s unless said. `GRAVEN_LOCK_TIMEOUT` in the
    /// environment overrides it. Zero tries once.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.lock_timeout = timeout;
        self
    }

    /// How long a statement of a transactional migration may wait for a table that somebody else has locked: 5 s unless
    /// said, since everybody who comes after it waits behind it. Zero waits for ever. A file's own
    /// `-- graven: lock_timeout = …` goes before it.
    pub fn table_lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.table_lock_timeout = Some(timeout);
        self
    }

    /// How long a statement of a migration may take: no limit unless said, whatever the role's own setting is. A file's
    /// own `-- graven: statement_timeout = …` goes before it.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.options.statement_timeout = Some(timeout);
        self
    }

    /// How often a migration is tried again after a lock timeout, a deadlock or a serialization failure: 5 times unless
    /// said. A file's own `-- graven: retries = …` goes before it.
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.retries = retries;
        self
    }

    /// Where the history is kept: `table`, in the first schema of the search path that exists, or `schema.table`.
    /// `graven_history` unless said. Names are read as PostgreSQL reads them: quote what is not lower case.
    pub fn history(mut self, history: impl Into<String>) -> Self {
        self.history = Some(history.into());
        self
    }

    /// Keeps this set apart from others in the same history table. Empty unless said.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.options.namespace = namespace.into();
        self
    }

    /// Refuses to run where the history has versions above the set's head: an older binary then does not start.
    pub fn strict(mut self) -> Self {
        self.options.policy.future = Future::Refuse;
        self
    }

    /// Applies a pending migration although one with a higher version is applied already.
    pub fn allow_out_of_order(mut self) -> Self {
        self.options.policy.out_of_order = OutOfOrder::Allow;
        self
    }

    /// Runs every versioned migration also on a fresh database, where the latest baseline would take the place of those up to
    /// its version. It is for tests, and for a baseline that fails.
    pub fn no_baseline(mut self) -> Self {
        self.options.policy.baseline = Baseline::Unused;
        self
    }

    /// Goes no further than this version, which the set must have: what is pending above it stays pending, repeatables
    /// among it, and [`verify`](Self::verify) does not ask for it. A fresh database gets the latest baseline up to there.
    pub fn to(mut self, version: i64) -> Self {
        self.options.to = Some(version);
        self
    }

    /// Begins a history in a schema that already holds tables, and applies every migration beside them, or the latest baseline
    /// and what comes after it.
    pub fn into_existing(mut self) -> Self {
        self.options.into_existing = IntoExisting::Allow;
        self
    }

    /// Lets [`redo`](Self::redo) take back and apply again a migration that is sealed. Other databases that have run it do not
    /// get what has changed in it.
    pub fn redo_sealed(mut self) -> Self {
        self.options.redo_sealed = RedoSealed::Allow;
        self
    }

    /// Does everything as another role, of which the one that connects is a member: `SET ROLE` for the length of the run.
    ///
    /// What migrations create belongs to it, whoever connects. The schema of the history is the first of the search path
    /// that this role may use. The name is taken as it is, as if it were quoted. Behind a pooler, which gives
    /// each message another session, it is refused.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.options.role = Some(role.into());
        self
    }

    /// Does not heed `GRAVEN_MODE` and `GRAVEN_LOCK_TIMEOUT`.
    pub fn ignore_environment(mut self) -> Self {
        self.options.environment = Environment::Ignored;
        self
    }

    /// Calls the observer for each [`Event`] as it happens. `tracing` gets the events in any case.
    pub fn observe(mut self, observer: impl FnMut(&Event<'_>) + Send + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Does what the mode says; by default, applies what is pending. See [`Migrations::run`].
    ///
    /// # Errors
    ///
    /// As for [`Migrations::run`]; in mode verify, as for [`Migrations::verify`].
    pub async fn run<C: Connection>(&mut self, connection: &mut C) -> Result<Report, Error> {
        let options = self.options()?.with_environment()?;
        if options.mode == Mode::Skip {
            return Ok(self.skipped());
        }
        guard::check(&self.set)?;
        match options.mode {
            Mode::Verify => verb("verify", &options.namespace, self.over(connection, &options).verify()).await,
            Mode::Apply | Mode::Skip => verb("run", &options.namespace, self.over(connection, &options).apply()).await,
        }
    }

    /// [`run`](Self::run) on a connection of its own. See [`Migrations::run_url`].
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), and where no connection can be made.
    #[cfg(feature = "tokio-postgres")]
    pub async fn run_url(&mut self, url: &str) -> Result<Report, Error> {
        if self.options()?.with_environment()?.mode == Mode::Skip {
            return Ok(self.skipped());
        }
        // Before it connects: what can be said without a database is said without one.
        guard::check(&self.set)?;
        let (mut client, cancelling) = crate::driver::connect_cancelling(url).await?;
        let report = self.run(&mut client).await;
        cancelling.disarm();
        report
    }

    /// Succeeds only if everything is applied. See [`Migrations::verify`].
    ///
    /// # Errors
    ///
    /// As for [`Migrations::verify`].
    pub async fn verify<C: Connection>(&mut self, connection: &mut C) -> Result<Report, Error> {
        let options = self.options()?;
        guard::check(&self.set)?;
        verb("verify", &options.namespace, self.over(connection, &options).verify()).await
    }

    /// What state each migration is in. See [`Migrations::status`].
    ///
    /// # Errors
    ///
    /// As for [`Migrations::status`].
    pub async fn status<C: Connection>(&mut self, connection: &mut C) -> Result<Status, Error> {
        let options = self.options()?;
        verb("status", &options.namespace, self.over(connection, &options).status()).await
    }

    /// Whether a service may take traffic. See [`Migrations::health`].
    ///
    /// # Errors
    ///
    /// As for [`Migrations::health`].
    pub async fn health<C: Connection>(&mut self, connection: &mut C) -> Result<Health, Error> {
        let options = self.options()?;
        verb("health", &options.namespace, self.over(connection, &options).health()).await
    }

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

    /// Takes migrations back, the highest version first, each by its reverse file, `<version>_<name>.down.sql`. They are
    /// pending again: the next [`run`](Self::run) applies them.
    ///
    /// ```no_run
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # async fn take_back(client: &mut tokio_postgres::Client) -> Result<(), graven::Error> {
    /// use graven::Target;
    ///
    /// let report = MIGRATIONS.migrator().revert(client, Target::To(1)).await?;
    /// for reverted in &report.reverted {
    ///     println!("{} {} is pending again", reverted.version, reverted.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A migration that a baseline stands for is taken back as any other. Repeatables are not touched: one whose work a reverse drops is
    /// not applied again before its text changes.
    ///
    /// Replace the instances whose binary has these migrations first: the next one of them to start applies them again.
    ///
    /// `GRAVEN_LOCK_TIMEOUT` is heeded and `GRAVEN_MODE` is not: who reverts has said what to do.
    ///
    /// # Errors
    ///
    /// [`Error::NotRevertible`], before anything is touched, with everything that stands in the way: a migration without a
    /// reverse, and what is modified, orphaned, incomplete or future among those to revert. What conflicts below them is no
    /// obstacle. [`Error::MigrationFailed`] for a reverse that failed, with the place in its file;
    /// [`Error::reverted`] says what had been reverted before. [`Error::NoSuchVersion`] for a version that nobody knows, and
    /// [`Error::LockTimeout`] while another instance is migrating.
    ///
    /// # Transactions
    ///
    /// Each reverse and the removal of its row are one transaction. It removes the row first, and only as it was seen: of
    /// two that revert the same migration at once, one does, even where no lock holds.
    ///
    /// A reverse with `-- graven: transaction = off` runs statement by statement, and the row is removed after the last one.
    /// Cut off in between, the migration still counts as applied, and the next revert runs the whole reverse again: write
    /// `IF EXISTS`. All its statements but the last must be `DROP … IF EXISTS` or settings; others are refused. Behind a
    /// transaction pooler there is no lock to keep two such reverses apart, and [`Error::Pooled`] refuses it.
    ///
    /// # Cancellation
    ///
    /// As for [`Migrations::run`]: a reverse in a transaction takes effect whole or not at all. Close the connection, and look
    /// at the status before you count steps again.
    pub async fn revert<C: Connection>(&mut self, connection: &mut C, target: Target) -> Result<RevertReport, Error> {
        let options = self.options()?.with_environment()?;
        guard::check(&self.set)?;
        verb("revert", &options.namespace, self.over(connection, &options).revert(target)).await
    }

    /// Takes the highest applied migration back and applies it again, for one that is still being written: it may have been
    /// edited since it was applied. Both happen under one lock, by its reverse and its text as they are now.
    ///
    /// ```no_run
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # async fn again(client: &mut tokio_postgres::Client) -> Result<(), graven::Error> {
    /// let redone = MIGRATIONS.migrator().redo(client, 2).await?;
    /// println!("{} {} is applied as it is now", redone.version, redone.name);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Before anything is touched: [`Error::NothingToRedo`] where it is not applied, [`Error::NotHighest`] where something is
    /// applied after it, [`Error::RedoSealed`] where it is sealed (see [`redo_sealed`](Self::redo_sealed)), and
    /// [`Error::NotRevertible`] where it has no reverse, is incomplete, or anything else conflicts. Later, as for
    /// [`revert`](Self::revert) and [`run`](Self::run): [`Error::reverted`] says whether it had been reverted.
    ///
    /// # Transactions
    ///
    /// Two: one takes it back, the other applies it. Where the second fails, it is pending, and the next run applies it.
    ///
    /// # Cancellation
    ///
    /// As for [`revert`](Self::revert).
    pub async fn redo<C: Connection>(&mut self, connection: &mut C, version: i64) -> Result<Redone, Error> {
        let options = self.options()?.with_environment()?;
        guard::check(&self.set)?;
        verb("redo", &options.namespace, self.over(connection, &options).redo(version)).await
    }

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
        guard::check(&self.set)?;
        verb("stamp", &options.namespace, self.over(connection, &options).stamp(to)).await
    }

    pub(crate) fn migrations(&self) -> &Migrations {
        &self.set
    }

    pub(crate) fn options(&self) -> Result<Options, Error> {
        let mut options = self.options.clone();
        if let Some(history) = &self.history {
            options.wanted = parse_history(history)?;
        }
        if let Some(version) = options.to {
            let last = self.set.by_version(version).ok_or_else(|| self.set.no_such_version(version))?;
            options.policy.to = Some(last.version);
        }
        if options.namespace.contains('\0') {
            return Err(Error::Namespace { namespace: options.namespace });
        }
        if let Some(role) = options.role.as_ref().filter(|role| role.contains('\0')) {
            return Err(Error::Role { role: role.clone(), who: None, source: None });
        }
        Ok(options)
    }

    pub(crate) fn over<'r, 'c, C: Connection>(
        &'r mut self,
        connection: &'c mut C,
        options: &'r Options,
    ) -> Run<'r, 'c, C> {
        let observer = self.observer.as_mut().map(|observer| observer as &mut (dyn FnMut(&Event<'_>) + Send));
        let watch = Watch::of(&options.namespace);
        Run::new(connection, self.set, options, Observers { instance: String::new(), observer, watch })
    }

    fn skipped(&self) -> Report {
        tracing::info!(target: "graven", migrations = self.set.len(), "migrations are skipped: the mode says so");
        Report {
            outcome: Outcome::Skipped,
            applied: Vec::new(),
            total: self.set.len(),
            future: Vec::new(),
            orphaned: Vec::new(),
            waited: Duration::ZERO,
            duration: Duration::ZERO,
        }
    }
}

impl std::fmt::Debug for Migrator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migrator").field("set", &self.set).field("options", &self.options).finish_non_exhaustive()
    }
}
