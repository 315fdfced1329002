//! The verb `reset`: drops a development database, makes it anew and applies everything.
//!
//! It refuses whatever does not look like a development database. The new one is made, under another name, before the old one
//! is dropped: what cannot be made again is not taken away.

mod facts;
mod place;
mod rebuild;
mod restore;
mod rules;

use std::fmt;

use self::facts::extensions;
use self::place::Place;
use self::rebuild::{Rebuilt, rebuild};
use crate::driver::{Target, connect_to};
use crate::error::Error;
use crate::guard;
use crate::migrator::Migrator;
use crate::observe::verb;
use crate::options::Options;
use crate::report::Report;

/// What to do with other sessions that are connected to a database that is to be reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sessions {
    /// Refuse, and name them.
    #[default]
    Refuse,
    /// End them: `DROP DATABASE … WITH (FORCE)`.
    End,
}

/// What a reset did.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ResetReport {
    /// The database.
    pub database: String,
    /// Whether there was one before. If not, it was only made.
    pub was_there: bool,
    /// What of the database itself could not be made as it was, and why: a setting, a right, its comment.
    pub not_restored: Vec<String>,
    /// Extensions that it had and has no longer: no migration creates them.
    pub extensions_gone: Vec<String>,
    /// What was applied to the new one.
    pub run: Report,
}

/// Why a database is not reset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Refusal {
    /// The rule, in a word that stays: see [`Migrator::reset_url`].
    pub rule: &'static str,
    /// What was found: a lower-case fragment.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Migrator {
    /// Drops the development database that a URL names, makes it anew and applies everything.
    ///
    /// ```no_run
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// # async fn anew() -> Result<(), graven::Error> {
    /// use graven::Sessions;
    ///
    /// // With GRAVEN_ENV=development in the environment.
    /// let report = MIGRATIONS.migrator().reset_url("postgres://app@localhost/app", Sessions::Refuse).await?;
    /// println!("{}: {} applied", report.database, report.run.applied.len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// **Everything in the database is lost.** So it refuses, with all reasons at once and before anything is touched, unless
    ///
    /// | rule | |
    /// |---|---|
    /// | `environment` | `GRAVEN_ENV` is `development`, also where [`ignore_environment`](Self::ignore_environment) was said |
    /// | `host` | the URL names one host, and leads to this machine: a Unix socket, which nothing forwards, `localhost`, a loopback address. A tunnel that listens here (`ssh -L`, `kubectl port-forward`) looks the same |
    /// | `name` | no word in the names of database, user and role is `prod`, `production`, `prd`, `live`, `stage`, `staging`, `preprod` or `uat`, or ends in `prod` |
    /// | `system` | it is none of the server's own databases, and no template |
    /// | `size` | it is smaller than 10 GiB |
    /// | `applied-elsewhere` | no row of its history was written from another machine. A name of twelve hexadecimal digits, as containers have, is not held against it |
    /// | `read-only` | `default_transaction_read_only` is off in it: nothing could be applied to the new one |
    /// | `history` | its history can be read and knows some of these migrations, or the database holds no table |
    /// | `replicated` | nothing streams from the server: no standby, no backup, no subscriber; and it is no standby itself |
    /// | `sessions` | nobody else is connected to it, or [`Sessions::End`] was said |
    /// | `pooler` | no pooler stands between, which would keep sessions of its own |
    /// | `rights` | the role owns the database, or is a member of the role that does, and may create databases |
    ///
    /// What the URL and the environment say is looked at before it connects.
    ///
    /// The new database has the old one's owner, encoding, locale, tablespace, limit of connections, rights, comment and settings
    /// (`ALTER DATABASE … SET`, `ALTER ROLE … IN DATABASE … SET`), as far as the role may set them: the report names the rest.
    /// It is made from `template1` where that has the same locale, as `CREATE DATABASE` does by default, and from `template0`
    /// otherwise. Where the database is not there at all, it is made. So it is in place of one whose `DROP DATABASE` was cut off:
    /// nobody can look into that any more.
    ///
    /// It works over a connection to the database `postgres` of that server, or to `template1` where there is none.
    ///
    /// # Errors
    ///
    /// [`Error::ResetRefused`] with every rule that was broken. [`Error::ResetUnfinished`] where it was cut off between dropping
    /// the one database and giving its name to the other: it says what is left to do, and another reset does it. Any other error
    /// before that has changed nothing. After it, as for [`run`](Self::run): the database is new then.
    ///
    /// # Cancellation
    ///
    /// As for an error: another reset finishes what was begun.
    pub async fn reset_url(&mut self, url: &str, sessions: Sessions) -> Result<ResetReport, Error> {
        let options = self.options()?.with_environment()?;
        let set = self.migrations();
        guard::check(set)?;
        // What cannot be made again is not taken away.
        let repeatables = set.repeatables.iter().map(|repeatable| &repeatable.0);
        guard::refuse_torn(set, set.iter().chain(set.baselines).chain(repeatables))?;
        let place = Place::of(url)?;
        let environment = std::env::var("GRAVEN_ENV").ok();
        place.refused(rules::before_connecting(&place, environment.as_deref()))?;
        let rebuilt = rebuild(self, &options, &place, sessions).await?;
        tracing::info!(target: "graven", database = place.database, "made anew");
        self.fill(url, &options, place.database, rebuilt).await
    }

    /// Applies everything to the new database.
    async fn fill(
        &mut self,
        url: &str,
        options: &Options,
        database: String,
        rebuilt: Rebuilt,
    ) -> Result<ResetReport, Error> {
        let (mut client, cancelling) = connect_to(&Target::parse(url)?).await?;
        let options = &Options { warnings: Some(cancelling.warnings()), ..options.clone() };
        // Whatever GRAVEN_MODE says: a database that was taken away has to be filled.
        let run = verb("reset", &options.namespace, self.over(&mut client, options).apply()).await;
        let run = cancelling.disarm_after(run)?;
        // It only serves the report.
        let there = extensions(&mut client).await.unwrap_or_else(|_| rebuilt.extensions.clone());
        let extensions_gone = rebuilt.extensions.into_iter().filter(|had| !there.contains(had)).collect();
        let Rebuilt { was_there, not_restored, .. } = rebuilt;
        Ok(ResetReport { database, was_there, not_restored, extensions_gone, run })
    }
}
