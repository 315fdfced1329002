//! A set with options, and the verbs of a service: run, verify, status, health. Those of an operator are beside what they do.

use std::time::Duration;

use crate::connection::Connection;
#[cfg(feature = "cli")]
use crate::driver::Warnings;
use crate::error::{Error, Membership};
use crate::event::{Event, Observer, Observers};
use crate::guard;
#[cfg(feature = "tokio-postgres")]
use crate::in_the_way::beside::Beside;
use crate::look::IntoExisting;
use crate::migrations::Migrations;
use crate::observe::{Watch, verb};
use crate::options::{Environment, Mode, Options, parse_history};
use crate::plan::revert::RedoSealed;
use crate::plan::{Baseline, Future, OutOfOrder};
use crate::report::{Outcome, Report};
use crate::verb::health::Health;
use crate::verb::run::Run;
use crate::verb::status::Status;

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
    observers: Vec<Observer>,
}

impl Migrator {
    pub(crate) fn new(set: Migrations) -> Self {
        let options = Options { namespace: set.namespace.to_owned(), ..Options::default() };
        Self { set, options, history: set.history.map(str::to_owned), observers: Vec::new() }
    }

    /// What [`run`](Self::run) does: apply (the default), verify or skip. `GRAVEN_MODE` in the environment overrides it.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.options.mode = mode;
        self
    }

    /// How long to wait for another instance that is migrating. Default: 30 s. `GRAVEN_LOCK_TIMEOUT` in the
    /// environment overrides it. Zero tries once. It is twice as long where the other one may itself have to wait for a run
    /// that went through a pooler, and begins anew when somebody takes over what such a run has begun.
    ///
    /// It is not PostgreSQL's setting of that name, which says how long a statement waits for a table: that is
    /// [`table_lock_timeout`](Self::table_lock_timeout).
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.lock_timeout = timeout;
        self
    }

    /// How long a statement of a transactional migration may wait for a table that somebody else has locked. Default: 5 s,
    /// since everybody who comes after it waits behind it. Zero waits for ever. A file's own
    /// `-- graven: lock_timeout = …` goes before it.
    ///
    /// It is PostgreSQL's setting `lock_timeout`. How long to wait for another instance that is migrating is
    /// [`lock_timeout`](Self::lock_timeout).
    pub fn table_lock_timeout(mut self, timeout: Duration) -> Self {
        self.options.table_lock_timeout = Some(timeout);
        self
    }

    /// How long a statement of a migration may take. Default: no limit, whatever the role's own setting is. A file's
    /// own `-- graven: statement_timeout = …` goes before it.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.options.statement_timeout = Some(timeout);
        self
    }

    /// How often a migration is tried again after a lock timeout, a deadlock or a serialization failure. Default: 5
    /// times. A file's own `-- graven: retries = …` goes before it.
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.retries = retries;
        self
    }

    /// Where the history is kept: `table`, in the first schema of the search path that exists, or `schema.table`.
    /// Default: `graven_history`. Names are read as PostgreSQL reads them: quote what is not lower case.
    pub fn history(mut self, history: impl Into<String>) -> Self {
        self.history = Some(history.into());
        self
    }

    /// Keeps this set apart from others in the same history table. Default: the empty one.
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

    /// Goes no further than this version, which the set must have: what is pending above it stays pending, including
    /// repeatables, and [`verify`](Self::verify) does not ask for it. What is incomplete above it is left to whoever
    /// may be running it right now, and a conflict where nobody is: a run that goes as far finishes it. A fresh database gets
    /// the latest baseline up to there.
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

    /// Calls the observer for each [`Event`] as it happens, after those that were given before. `tracing` gets the events in
    /// any case.
    pub fn observe(mut self, observer: impl FnMut(&Event<'_>) + Send + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Does what the mode says; by default, applies what is pending. See [`Migrations::run`].
    ///
    /// # Errors
    ///
    /// As for [`Migrations::run`]; in mode verify, as for [`Migrations::verify`].
    ///
    /// # Panics
    ///
    /// As for [`Migrations::run`].
    pub async fn run<C: Connection>(&mut self, connection: &mut C) -> Result<Report, Error> {
        let options = self.options()?.with_environment()?;
        if options.mode == Mode::Skip {
            return Ok(self.skipped());
        }
        guard::check(&self.set)?;
        self.run_with(connection, &options).await
    }

    async fn run_with<C: Connection>(&mut self, connection: &mut C, options: &Options) -> Result<Report, Error> {
        match options.mode {
            Mode::Verify => verb("verify", &options.namespace, self.over(connection, options).verify()).await,
            Mode::Apply | Mode::Skip => verb("run", &options.namespace, self.over(connection, options).apply()).await,
        }
    }

    /// [`run`](Self::run) on a connection of its own. See [`Migrations::run_url`].
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), and where no connection can be made.
    ///
    /// # Cancellation
    ///
    /// As for [`Migrations::run_url`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its I/O and timers enabled (`enable_all`).
    #[cfg(feature = "tokio-postgres")]
    pub async fn run_url(&mut self, url: &str) -> Result<Report, Error> {
        let mut options = self.options()?.with_environment()?;
        if options.mode == Mode::Skip {
            return Ok(self.skipped());
        }
        // Before it connects: what can be said without a database is said without one.
        guard::check(&self.set)?;
        let (mut client, cancelling) = crate::driver::connect_cancelling(url).await?;
        // For this run alone: a later one may be given a connection to another server.
        options.beside = Some(Beside::new(url));
        options.warnings = Some(cancelling.warnings());
        let report = self.run_with(&mut client, &options).await;
        cancelling.disarm_after(report)
    }

    /// Succeeds only if everything is applied. See [`Migrations::verify`].
    ///
    /// # Errors
    ///
    /// As for [`Migrations::verify`].
    ///
    /// # Cancellation
    ///
    /// As for [`Migrations::verify`].
    ///
    /// # Panics
    ///
    /// As for [`Migrations::verify`].
    pub async fn verify<C: Connection>(&mut self, connection: &mut C) -> Result<Report, Error> {
        let options = self.options()?.with_environment()?;
        guard::check(&self.set)?;
        verb("verify", &options.namespace, self.over(connection, &options).verify()).await
    }

    /// What state each migration is in. See [`Migrations::status`].
    ///
    /// # Errors
    ///
    /// As for [`Migrations::status`].
    ///
    /// # Cancellation
    ///
    /// As for [`Migrations::verify`].
    ///
    /// # Panics
    ///
    /// As for [`Migrations::verify`].
    pub async fn status<C: Connection>(&mut self, connection: &mut C) -> Result<Status, Error> {
        let options = self.options()?.with_environment()?;
        verb("status", &options.namespace, self.over(connection, &options).status()).await
    }

    /// Whether a service may take traffic. See [`Migrations::health`].
    ///
    /// # Errors
    ///
    /// As for [`Migrations::health`].
    ///
    /// # Cancellation
    ///
    /// As for [`Migrations::verify`].
    pub async fn health<C: Connection>(&mut self, connection: &mut C) -> Result<Health, Error> {
        let options = self.options()?;
        verb("health", &options.namespace, self.over(connection, &options).health()).await
    }

    /// Asks over a second connection whom a migration waits for, once one takes long.
    #[cfg(feature = "cli")]
    pub(crate) fn beside(mut self, url: &str) -> Self {
        self.options.beside = Some(Beside::new(url));
        self
    }

    /// Tells what the server warns of on a connection of graven's own.
    #[cfg(feature = "cli")]
    pub(crate) fn hearing(mut self, warnings: Warnings) -> Self {
        self.options.warnings = Some(warnings);
        self
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
        // `none` is no role, also between quotes: it stands for the one that connects (PostgreSQL manual, SET ROLE).
        if let Some(role) = options.role.as_ref().filter(|role| role.contains('\0') || *role == "none") {
            let membership = Membership::None;
            return Err(Error::Role { role: role.clone(), who: None, source: None, membership });
        }
        Ok(options)
    }

    pub(crate) fn over<'r, 'c, C: Connection>(
        &'r mut self,
        connection: &'c mut C,
        options: &'r Options,
    ) -> Run<'r, 'c, C> {
        let observers = self.observers.as_mut_slice();
        let watch = Watch::of(&options.namespace);
        Run::new(connection, self.set, options, Observers { instance: String::new(), observers, watch })
    }

    fn skipped(&self) -> Report {
        tracing::info!(target: "graven", migrations = self.set.len(), "migrations are skipped: the mode says so");
        Report {
            outcome: Outcome::Skipped,
            applied: Vec::new(),
            total: self.set.rows(),
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
