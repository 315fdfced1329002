//! The verb `script`: the migrations as one file for psql, made without a database, for whoever may not or will not let a
//! program change one.
//!
//! The file does what a run does: under the lock, after a look for conflicts, each migration with its row in the history.
//! It refuses to guess: a statement that may or may not have run is left to a person, or to a run.

mod page;
mod psql;
mod step;

use std::fmt;

use graven_source::{Checksum, Kind, Version};

use crate::error::Error;
use crate::guard;
use crate::migrations::{Migration, Migrations, Sealing};
use crate::migrator::Migrator;
use crate::plan::Baseline;

/// Which migrations a script is to hold.
///
/// ```
/// use graven::ScriptRange;
///
/// let (everything, some) = (ScriptRange::all(), ScriptRange::all().from(3).to(7));
/// assert_ne!(everything, some);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScriptRange {
    from: Option<i64>,
    to: Option<i64>,
}

impl ScriptRange {
    /// All of them: baselines and repeatables as well.
    #[must_use]
    pub const fn all() -> Self {
        Self { from: None, to: None }
    }

    /// From that version on. Where one before it is not applied, the script refuses to begin. A baseline is left out.
    #[must_use]
    pub const fn from(mut self, version: i64) -> Self {
        self.from = Some(version);
        self
    }

    /// Up to that version, and no repeatables unless it is the last one.
    #[must_use]
    pub const fn to(mut self, version: i64) -> Self {
        self.to = Some(version);
        self
    }
}

/// Migrations as one file for psql: see [`Migrator::script`]. It displays as that file.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Script {
    /// The migrations in it, in order.
    pub migrations: Vec<Scripted>,
    /// The file's text.
    pub sql: String,
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql)
    }
}

/// A migration in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Scripted {
    /// Its version; `None` for a repeatable, which has none.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::optional_version"))]
    pub version: Option<Version>,
    /// Its name.
    pub name: String,
    /// What kind of migration it is.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::kind"))]
    pub kind: Kind,
    /// The SHA-256 of its text.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::json::checksum"))]
    pub checksum: Checksum,
    /// Whether the seal file vouches for it.
    #[cfg_attr(feature = "serde", serde(rename = "sealed", serialize_with = "crate::json::sealing"))]
    pub sealing: Sealing,
}

impl Migrator {
    /// The migrations as one file to run with psql, made without a database: for an administrator who reads what is run, or
    /// for a database that no program reaches.
    ///
    /// ```
    /// # fn main() -> Result<(), graven::Error> {
    /// # static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
    /// use graven::ScriptRange;
    ///
    /// let script = MIGRATIONS.migrator().script(ScriptRange::all())?;
    /// assert!(script.sql.contains("psql"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// These options apply: history, namespace, role, timeouts, [`strict`](Self::strict),
    /// [`allow_out_of_order`](Self::allow_out_of_order), [`into_existing`](Self::into_existing). Retries do not: run the
    /// file again.
    ///
    /// The file may be run again, whatever became of it, and while instances are running: it holds the lock that a run holds,
    /// waits for it as long as the lock timeout says, applies only what the history lacks, and leaves rows with which a later
    /// [`run`](Self::run) finds everything applied. Where the history conflicts with the set, it stops before it changes
    /// anything. psql must be of version 11 or later, and its session its own: behind a transaction pooler the lock would stay.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchVersion`] for a version that the set does not have, [`Error::EmptyRange`] where the last is lower than
    /// the first, [`Error::Environment`] where a variable of graven's holds nonsense: the `GRAVEN_LOCK_TIMEOUT` of now is the
    /// file's ever after.
    ///
    /// # Transactions
    ///
    /// Those of a run: each migration and its row are one. Outside of a transaction, progress is recorded after each
    /// statement, and the file or a run goes on after the last one that is recorded. What psql left in doubt, and of which a
    /// later run could not tell whether it took effect, waits for [`resolve`](Self::resolve).
    pub fn script(&self, range: ScriptRange) -> Result<Script, Error> {
        let options = self.options()?.with_environment()?;
        guard::check(self.migrations())?;
        let range = ScriptRange { to: range.to.or(options.to), ..range };
        let content = Content::of(self.migrations(), range, options.policy.baseline)?;
        guard::refuse_torn(self.migrations(), content.all())?;
        let sql = page::page(self.migrations(), &content, &options);
        Ok(Script { migrations: content.all().map(Scripted::new).collect(), sql })
    }
}

impl Scripted {
    fn new(migration: &'static Migration) -> Self {
        Self {
            version: migration.number(),
            name: migration.name().to_owned(),
            kind: migration.kind(),
            checksum: migration.checksum(),
            sealing: migration.sealing(),
        }
    }
}

/// What a script is to hold.
pub(crate) struct Content {
    /// What a fresh database gets in place of the first of the versioned ones.
    baseline: Option<&'static Migration>,
    versioned: &'static [Migration],
    repeatables: Vec<&'static Migration>,
    /// The version before which everything must be applied.
    from: Option<Version>,
}

impl Content {
    fn of(set: &Migrations, range: ScriptRange, baseline: Baseline) -> Result<Self, Error> {
        let place = |version: Option<i64>| {
            let find = |version| {
                let found = set.by_version(version).ok_or_else(|| set.no_such_version(version))?;
                Ok::<_, Error>(found.version)
            };
            version.map(find).transpose()
        };
        let (from, to) = (place(range.from)?, place(range.to)?);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(Error::EmptyRange { from, to });
        }
        let start = set.migrations.partition_point(|it| from.is_some_and(|from| it.version < from));
        let end = set.migrations.partition_point(|it| to.is_none_or(|to| it.version <= to));
        let is_whole = end == set.len();
        Ok(Self {
            baseline: match (from, baseline) {
                (None, Baseline::Latest) => set.baselines.iter().rfind(|found| to.is_none_or(|to| found.version <= to)),
                _ => None,
            },
            versioned: set.migrations.get(start..end).unwrap_or_default(),
            repeatables: if is_whole { set.repeatables.iter().map(|it| &it.0).collect() } else { Vec::new() },
            from: from.filter(|_| start > 0),
        })
    }

    fn all(&self) -> impl Iterator<Item = &'static Migration> {
        self.baseline.into_iter().chain(self.versioned).chain(self.repeatables.iter().copied())
    }
}

/// How a file for psql speaks of a migration: `3 add_email`, `baseline 12 all`, `repeatable views`.
pub(crate) fn label(migration: &Migration) -> String {
    let (version, name) = (migration.version, migration.name());
    match migration.kind() {
        Kind::Repeatable => format!("repeatable {name}"),
        Kind::Baseline => format!("baseline {version} {name}"),
        _ => format!("{version} {name}"),
    }
}
