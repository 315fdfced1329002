//! The verb `doctor`: looks for all that would stop a run or make it wait, and says what to do about each.
//!
//! It never writes, and needs no more rights than to connect: what it may not see, it says. It cures nothing.

mod activity;
#[cfg(feature = "tokio-postgres")]
mod connecting;
mod facts;
mod history;
mod judge;
mod trust;

use std::fmt;

use crate::connection::Connection;
use crate::error::Error;
use crate::migrator::Migrator;

/// What a doctor has found.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Diagnosis {
    /// The worst severity among the findings.
    pub severity: Severity,
    /// Everything that was looked at, what is in order as well, in the order in which a run would meet it.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// What it is about, in a word that stays: see [`Migrator::doctor`].
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found: a lower-case fragment.
    pub what: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Severity {
    /// It is in order.
    Ok,
    /// A run goes on in spite of it, may have to wait, or would be stopped if something were pending.
    Warning,
    /// It stops a run.
    Error,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Diagnosis {
    /// The findings that are not in order, the worst first.
    pub fn complaints(&self) -> impl Iterator<Item = &Finding> {
        let of = |severity| self.findings.iter().filter(move |finding| finding.severity == severity);
        of(Severity::Error).chain(of(Severity::Warning))
    }

    fn of(findings: Vec<Finding>) -> Self {
        let severity = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok);
        Self { severity, findings }
    }
}

impl Finding {
    fn ok(id: &'static str, what: impl Into<String>) -> Self {
        Self { id, severity: Severity::Ok, what: what.into(), remedy: None }
    }

    fn warning(id: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id, severity: Severity::Warning, what: what.into(), remedy: Some(remedy.into()) }
    }

    fn error(id: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id, severity: Severity::Error, what: what.into(), remedy: Some(remedy.into()) }
    }

    /// What a run would be refused with.
    fn refused(error: &Error) -> Self {
        let id = match error {
            Error::Url { .. } => "url",
            Error::Connect { .. } | Error::ConnectionLost { .. } => "connection",
            Error::Environment { .. } | Error::HistoryName { .. } | Error::Namespace { .. } => "options",
            Error::Role { .. }
            | Error::SchemaDenied { .. }
            | Error::HistoryDenied { .. }
            | Error::MayNotCreate { .. } => "rights",
            Error::NotEmpty { .. } => "schema",
            Error::NoSchema { .. } | Error::TemporarySchema { .. } | Error::SchemaAbsent { .. } => "schema",
            Error::StaleBuild { .. } => "build",
            Error::InTransaction => "transaction",
            Error::Pooled { .. } => "pooler",
            _ => "history",
        };
        let mut what = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            what.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        Self { id, severity: Severity::Error, what, remedy: error.hint() }
    }
}

impl Migrator {
    /// Looks for what would stop a run, or make it wait, and says what to do about each. It never writes, and succeeds
    /// whatever it finds.
    ///
    /// ```no_run
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # async fn ask(client: &mut tokio_postgres::Client) {
    /// let diagnosis = MIGRATIONS.migrator().doctor(client).await;
    /// for finding in diagnosis.complaints() {
    ///     println!("{}: {}", finding.severity, finding.what);
    /// }
    /// # }
    /// ```
    ///
    /// | finding | what it is about |
    /// |---|---|
    /// | `options`, `build` | what this program was told, and whether it was built from what lies in its directory |
    /// | `url`, `connection`, `tls` | whether it connects, and by what way; of a connection that failed, why, in plain words |
    /// | `version` | of the server: 14 to 18 are supported |
    /// | `standby`, `read-only` | whether anything can be written here |
    /// | `pooler` | whether one stands between, which gives each message another session |
    /// | `transaction` | whether the connection has one open |
    /// | `schema`, `rights` | where the history is or would be, and what the role may do there |
    /// | `trust` | who else may make a table there, or owns the history, and so may have code run by whoever looks at it |
    /// | `history`, `conflict` | whether it can be read, what is pending, and each conflict with its remedy |
    /// | `encoding` | of the database: files are UTF-8 |
    /// | `clock` | of the server, against this machine's: more than 5 s apart is told |
    /// | `lock` | who is migrating right now |
    /// | `long-transaction`, `prepared-transaction` | of a minute and more, which table locks and concurrent builds wait for |
    /// | `invalid-index` | left behind by a concurrent build |
    /// | `timeout` | of the role or the database, where they reach into migrations |
    /// | `connections` | nine tenths of what the server or the database takes are in use |
    /// | `unseen` | what this role may not see |
    ///
    /// How much room the disk has, PostgreSQL tells nobody.
    ///
    /// It takes three round trips, one or two more where there is no history yet, and one for each concurrent build that was cut off.
    ///
    /// # Cancellation
    ///
    /// It changes nothing, so that a future which is dropped leaves nothing behind.
    pub async fn doctor<C: Connection>(&mut self, connection: &mut C) -> Diagnosis {
        let options = match self.options().and_then(|options| options.with_environment()) {
            Ok(options) => options,
            Err(error) => return Diagnosis::of(vec![Finding::refused(&error)]),
        };
        Diagnosis::of(self.over(connection, &options).doctor().await)
    }

    /// The same over a connection of its own, of which it says why it cannot be made where it cannot.
    ///
    /// # Cancellation
    ///
    /// As for [`doctor`](Self::doctor): its connection ends with the future.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its I/O and timers enabled (`enable_all`).
    #[cfg(feature = "tokio-postgres")]
    pub async fn doctor_url(&mut self, url: &str) -> Diagnosis {
        match connecting::connect(url).await {
            Ok(mut client) => self.doctor(&mut client).await,
            Err(finding) => Diagnosis::of(vec![finding]),
        }
    }
}
