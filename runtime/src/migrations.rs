//! The static set: what `embed_migrations!` carves into the binary. It is read, never computed.

mod migration;
mod text;

use graven_source::{Checksum, Version};

pub use self::migration::{Details, Effect, Migration, Repeatable, Sealing, Transaction, Unit};
use crate::connection::Connection;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::report::Report;
use crate::verb::health::Health;
use crate::verb::status::Status;

/// A set of migrations, embedded at compile time by [`embed_migrations!`](crate::embed_migrations).
///
/// It is plain static data, ascending by version: making one allocates, parses, hashes and reads nothing.
///
/// ```
/// static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
///
/// assert_eq!(MIGRATIONS.len(), 2);
/// let first = MIGRATIONS.iter().next().expect("there are some");
/// assert_eq!(MIGRATIONS.by_version(first.version().value()), Some(first));
/// println!("{} {} {}", first.version(), first.name(), first.checksum());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    pub(crate) migrations: &'static [Migration],
    /// Ascending by version.
    pub(crate) baselines: &'static [Migration],
    /// In order of the bytes of their names.
    pub(crate) repeatables: &'static [Repeatable],
    /// How the directory is shown: relative to the package.
    pub(crate) directory: &'static str,
    /// Where the directory lies on the machine that built this. Dev builds only: it serves the guard.
    pub(crate) built_from: Option<&'static str>,
    /// The name of the package whose code holds it, for the guard as well.
    pub(crate) package: Option<&'static str>,
    pub(crate) history: Option<&'static str>,
    pub(crate) namespace: &'static str,
    /// The digest over all versions and checksums, so that nothing is computed at a start.
    pub(crate) digest: Option<&'static [u8; 32]>,
    /// What the `head` of the seal file said.
    pub(crate) seal: Option<&'static [u8; 32]>,
}

impl Migrations {
    /// The versioned migrations, ascending by version.
    pub fn iter(&self) -> std::slice::Iter<'static, Migration> {
        self.migrations.iter()
    }

    /// The same as a slice, which constants can look into, too.
    #[must_use]
    pub const fn as_slice(&self) -> &'static [Migration] {
        self.migrations
    }

    /// The migration of that version, if the set has it.
    #[must_use]
    pub fn by_version(&self, version: i64) -> Option<&'static Migration> {
        let at = self.migrations.binary_search_by_key(&version, |migration| migration.version.value()).ok()?;
        self.migrations.get(at)
    }

    /// The baselines, ascending by version: `0012_all.baseline.sql` is what a fresh database gets in place of every version
    /// up to 12, the highest one before others.
    ///
    /// A database is fresh whose history has no rows of this set; what was begun without a baseline goes on without one. The
    /// baseline and a row for each migration that it stands for are one transaction. Those rows hold the checksums of the
    /// migrations themselves, so that an edit of one is found there as anywhere. Their files stay in the directory.
    #[must_use]
    pub const fn baselines(&self) -> &'static [Migration] {
        self.baselines
    }

    /// The repeatables, by name: `views.repeatable.sql` is applied after all versioned migrations, and again when its text has
    /// changed, each time in one transaction with its row in the history.
    ///
    /// That its text differs is no conflict. It is not applied where the history has later versions than the set: a newer
    /// binary has applied its own text. Of two binaries with the same versions and different texts, the one that starts last
    /// applies its own.
    ///
    /// What a repeatable made stays when its file is deleted: drop it in a versioned migration. The history goes by texts
    /// alone, so that whoever drops what a repeatable has made, by a migration, a reverse or a CASCADE, changes the
    /// repeatable's text as well, if it is to be made again: a comment serves. The same is true of a file that was deleted and
    /// comes back.
    #[must_use]
    pub const fn repeatables(&self) -> &'static [Repeatable] {
        self.repeatables
    }

    /// The error that there is no such version, with the nearest ones below and above.
    pub(crate) fn no_such_version(&self, version: i64) -> Error {
        let versions = || self.iter().map(|migration| migration.version);
        let below = versions().rfind(|found| found.value() < version);
        let above = versions().find(|found| found.value() > version);
        Error::NoSuchVersion { version, nearest: below.into_iter().chain(above).collect() }
    }

    /// How many rows its history has once everything is applied.
    pub(crate) const fn rows(&self) -> usize {
        self.migrations.len() + self.repeatables.len()
    }

    /// How many versioned migrations there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.migrations.len()
    }

    /// Whether there is no versioned migration.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.migrations.is_empty()
    }

    /// The highest version of the set: a row of the history above it was written by a newer binary.
    #[must_use]
    pub fn head(&self) -> Option<Version> {
        self.migrations.last().map(Migration::version)
    }

    /// What the `head` line of `seal.lock` said when the binary was built: the digest of all its lines. Two binaries with the
    /// same one have the same sealed migrations. `None` where the file had no lines.
    ///
    /// ```
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// let seal = MIGRATIONS.seal_head().expect("they are sealed");
    /// assert!(std::fs::read_to_string("migrations/seal.lock")?.contains(&format!("head {seal}")));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn seal_head(&self) -> Option<Checksum> {
        self.seal.map(|digest| Checksum::from_bytes(*digest))
    }

    /// The verbs with options, starting from the defaults and from what the macro was given.
    pub fn migrator(&self) -> Migrator {
        Migrator::new(*self)
    }

    /// Applies what is pending, in order, under an advisory lock, exactly once.
    ///
    /// With nothing pending this costs one round trip, takes no lock, writes nothing and needs no other right than to
    /// read the history table. `GRAVEN_MODE` and `GRAVEN_LOCK_TIMEOUT` in the environment are heeded: see
    /// [`Migrator::run`], which this is with the default options.
    ///
    /// # Errors
    ///
    /// Every conflict between the set and the history at once, before anything is applied; or the migration that
    /// failed, with the place in its file. [`Error::applied`] says what had been applied before.
    ///
    /// # Transactions
    ///
    /// Each migration and its row in the history are one transaction, unless its file says `-- graven: transaction =
    /// off`. A migration that fails leaves nothing behind, and those before it stay applied.
    ///
    /// # Cancellation
    ///
    /// A message that was sent runs on in the server although its future is dropped: a transactional migration is then
    /// committed whole or not at all, and the next run sees which; of a non-transactional one the history says which
    /// statement is in doubt. After it the connection is put in order, also after a panic of an observer: a transaction is
    /// rolled back, settings and the role are what they were, and the advisory lock is given back. Whoever uses the
    /// connection meanwhile waits for that, as behind any statement. Closing it does the same.
    ///
    /// # The connection's own state
    ///
    /// Settings (`SET`), the role, prepared statements, temporary tables and LISTEN are afterwards what they were. The
    /// exception is settings whose name has a dot and whose library this session has not loaded (`SET my.own = …`, and those
    /// of an extension before its first use): PostgreSQL lists them nowhere, and a run that applies something resets them.
    ///
    /// What a migration makes in the temporary schema (`CREATE TEMP TABLE`, `pg_temp`) is dropped before the next one and at the
    /// end. Where the connection has something of its own there before the run, or a pooler stands between, nothing is
    /// dropped: of such a connection each migration sees what is there. A prepared statement (`PREPARE`) and a cursor `WITH HOLD`
    /// that a migration leaves behind stay, and take their names from the migrations after it. So do a session's advisory
    /// lock (`pg_advisory_lock`) and a LISTEN; `pg_advisory_xact_lock` ends with the migration's transaction.
    ///
    /// What PostgreSQL warns of meanwhile (`RAISE WARNING`) is heard by the task that drives the connection, which is the
    /// caller's: there is no [`Event::Warned`](crate::Event::Warned) of it.
    ///
    /// # Panics
    ///
    /// With a client of tokio-postgres, outside of a tokio runtime with its timers enabled (`enable_time`), once there is
    /// something to wait for.
    pub async fn run<C: Connection>(&self, connection: &mut C) -> Result<Report, Error> {
        self.migrator().run(connection).await
    }

    /// [`run`](Self::run) on a connection of its own, made from a connection URL and closed at the end.
    ///
    /// TLS is by rustls and `sslmode` means what it means to libpq (PostgreSQL manual, 34.19.1): `prefer` (the default)
    /// and `require` encrypt without checking who answers. `verify-ca` checks that a certificate of `sslrootcert` has
    /// signed the server's, or is the same, and its dates; so does `require` with `sslrootcert`. `verify-full` checks the
    /// name of the host as well, and takes the system's certificates where `sslrootcert` names none. The name is looked
    /// for in subjectAltName alone, not in the CN.
    ///
    /// Of several hosts, `target_session_attrs` says which is wanted: `any` (the default), `read-write` or `read-only`, as
    /// its transactions are by default. `primary` stands for `read-write` here, and `standby` for `read-only`;
    /// `prefer-standby` is refused.
    ///
    /// `connect_timeout` (seconds) limits the whole connecting to each address of a host, TLS and log-in included; then the next
    /// one is tried. Without it the limit is 60 s, where libpq would wait for ever; with `connect_timeout=0` there is none.
    ///
    /// What PostgreSQL warns of while a migration runs is an [`Event::Warned`](crate::Event::Warned), and in the log.
    ///
    /// # Cancellation
    ///
    /// Where the future is dropped, the server is asked to cancel the statement that is under way, and the connection and
    /// with it the lock end. A statement that had finished stays. Where the runtime ends in the same moment, the server
    /// goes on to the end of what it was sent.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), and where no connection can be made. No error shows the URL's password.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its I/O and timers enabled (`enable_all`).
    #[cfg(feature = "tokio-postgres")]
    pub async fn run_url(&self, url: &str) -> Result<Report, Error> {
        self.migrator().run_url(url).await
    }

    /// Succeeds only if everything is applied and nothing conflicts. It never writes, and takes no lock.
    ///
    /// One round trip where everything is applied. Otherwise it may take one or two more, and three where no schema of the
    /// search path can be used: to make out what is in the way or how far an incomplete migration came, and then to see who
    /// is running that one or, where there is no row at all, whether there is another history or its rows are hidden.
    ///
    /// # Errors
    ///
    /// [`Error::NotApplied`] with what is pending, [`Error::Conflicts`], or [`Error::HistoryLocked`] where somebody has locked
    /// the history table itself for longer than [`Migrator::lock_timeout`]; and where the history cannot be read.
    ///
    /// # Cancellation
    ///
    /// It changes nothing, so that a future which is dropped leaves nothing behind.
    ///
    /// # Panics
    ///
    /// As for [`run`](Self::run): it waits where somebody has locked the history.
    pub async fn verify<C: Connection>(&self, connection: &mut C) -> Result<Report, Error> {
        self.migrator().verify(connection).await
    }

    /// What state each migration is in. It never writes, and takes no lock.
    ///
    /// One round trip; one more to see who is running a migration that is incomplete or, where there is no row at all, whether
    /// there is another history or its rows are hidden; and two more where no schema of the search path can be used.
    ///
    /// # Errors
    ///
    /// Only where the history cannot be read: [`Error::HistoryLocked`] where somebody has locked the table itself for longer
    /// than [`Migrator::lock_timeout`]. A conflict is not an error here: it is shown.
    ///
    /// # Cancellation
    ///
    /// As for [`verify`](Self::verify).
    ///
    /// # Panics
    ///
    /// As for [`verify`](Self::verify).
    pub async fn status<C: Connection>(&self, connection: &mut C) -> Result<Status, Error> {
        self.migrator().status(connection).await
    }

    /// Whether a service may take traffic on this database, cheap enough for every probe.
    ///
    /// One round trip. Up to two more where that could not make out what it saw: a right that is lacking, a row of another
    /// format, a temporary table before the history.
    ///
    /// # Errors
    ///
    /// Only where the history cannot be read. Where somebody has locked the table itself it waits a second, and no longer:
    /// [`Error::Server`] with SQLSTATE 55P03.
    ///
    /// # Cancellation
    ///
    /// As for [`verify`](Self::verify).
    pub async fn health<C: Connection>(&self, connection: &mut C) -> Result<Health, Error> {
        self.migrator().health(connection).await
    }
}

impl IntoIterator for &Migrations {
    type Item = &'static Migration;
    type IntoIter = std::slice::Iter<'static, Migration>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
