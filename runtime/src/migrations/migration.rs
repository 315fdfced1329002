//! One embedded migration: what the macro has found out about it, and nothing that depends on a database.

use std::fmt;
use std::time::Duration;

use graven_source::{Checksum, Kind, Version};

use super::text::Text;

/// One embedded migration.
#[derive(PartialEq, Eq)]
pub struct Migration {
    pub(crate) version: Version,
    /// The file's name, and its text behind it: each pointer in a static is 24 bytes more of relocation. Of a large file, its
    /// text: the name is one of its details.
    pub(crate) embedded: &'static [u8],
    /// How much of that is the file's name.
    pub(crate) file: u16,
    /// Where in it the name stands.
    pub(crate) name: (u16, u16),
    pub(crate) sealing: Sealing,
    pub(crate) checksum: [u8; 32],
    /// What few migrations have: `None` is no pointer.
    pub(crate) details: Option<&'static Details>,
}

impl Migration {
    /// Its version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Its name: of `0001_create_users.sql`, `create_users`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.file().get(usize::from(self.name.0)..usize::from(self.name.1)).unwrap_or_default()
    }

    /// Its file's name, without the directory.
    #[must_use]
    pub const fn file(&self) -> &'static str {
        self.apart().0.whole()
    }

    /// What kind of migration it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.details().kind
    }

    /// Its reverse, which takes it back: of `0001_create_users.sql`, what `0001_create_users.down.sql` holds.
    #[must_use]
    pub const fn reverse(&self) -> Option<&'static Migration> {
        self.details().reverse
    }

    /// Its text, normalised: no byte order mark, LF line ends.
    #[must_use]
    pub const fn sql(&self) -> &'static str {
        self.text().whole()
    }

    /// The SHA-256 of its text.
    #[must_use]
    pub const fn checksum(&self) -> Checksum {
        Checksum::from_bytes(self.checksum)
    }

    /// Whether the seal file vouched for it when the binary was built.
    #[must_use]
    pub const fn sealing(&self) -> Sealing {
        self.sealing
    }

    /// Whether it runs in a transaction of its own.
    #[must_use]
    pub const fn transaction(&self) -> Transaction {
        self.details().transaction
    }

    pub(crate) const fn text(&self) -> Text {
        self.apart().1
    }

    /// The file's name and its text.
    const fn apart(&self) -> (Text, Text) {
        if let Some(file) = self.details().file {
            return (Text::of_bytes(file.as_bytes()), Text::of_bytes(self.embedded));
        }
        match self.embedded.split_at_checked(self.file as usize) {
            Some((file, text)) => (Text::of_bytes(file), Text::of_bytes(text)),
            None => (Text::EMPTY, Text::EMPTY),
        }
    }

    pub(crate) const fn details(&self) -> &'static Details {
        match self.details {
            Some(details) => details,
            None => const { &Details::DEFAULT },
        }
    }

    /// Its version; `None` for a repeatable.
    pub(crate) const fn number(&self) -> Option<Version> {
        match self.kind() {
            Kind::Repeatable => None,
            _ => Some(self.version),
        }
    }

    /// Whether a database that holds this checksum has this migration: the present text or one accepted before.
    pub(crate) fn accepts(&self, checksum: &Checksum) -> bool {
        self.checksum == *checksum.as_bytes() || self.details().was.iter().any(|was| was == checksum.as_bytes())
    }
}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration")
            .field("version", &self.version)
            .field("file", &self.file())
            .field("sql", &self.text())
            .field("sealing", &self.sealing)
            .field("checksum", &self.checksum())
            .field("details", &self.details)
            .finish()
    }
}

/// One embedded repeatable: it has a name and no version, and a text that is meant to change.
#[derive(Debug, PartialEq, Eq)]
pub struct Repeatable(pub(crate) Migration);

impl Repeatable {
    /// Its name: of `views.repeatable.sql`, `views`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Its file's name, without the directory.
    #[must_use]
    pub const fn file(&self) -> &'static str {
        self.0.file()
    }

    /// Its text, normalised: no byte order mark, LF line ends.
    #[must_use]
    pub const fn sql(&self) -> &'static str {
        self.0.sql()
    }

    /// The SHA-256 of its text.
    #[must_use]
    pub const fn checksum(&self) -> Checksum {
        self.0.checksum()
    }
}

/// Whether a migration is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sealing {
    /// The seal file holds its checksum: it must not change any more.
    Sealed,
    /// It may still be edited; a release build refuses it unless told otherwise.
    Unsealed,
}

/// Whether a migration runs in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transaction {
    /// The whole file and its row in the history are one transaction. The default.
    On,
    /// Statement by statement, for what PostgreSQL refuses inside a transaction block.
    Off,
}

/// What most migrations have in common, so that they share one static of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Details {
    pub(crate) kind: Kind,
    /// The file's name, where it does not stand before the text: hardly ever, so that it takes no more room than it must.
    pub(crate) file: Option<&'static &'static str>,
    pub(crate) reverse: Option<&'static Migration>,
    pub(crate) transaction: Transaction,
    pub(crate) lock_timeout: Option<Duration>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) retries: Option<u32>,
    /// Older checksums that a database may still hold.
    pub(crate) was: &'static [[u8; 32]],
    /// Byte ranges of the file's own BEGIN and COMMIT, which are sent as spaces.
    pub(crate) absorbed: &'static [(u32, u32)],
    /// With the transaction off: what is sent one by one.
    pub(crate) units: &'static [Unit],
}

impl Details {
    /// What a migration without directives has.
    pub(crate) const DEFAULT: Self = Self {
        kind: Kind::Versioned,
        file: None,
        reverse: None,
        transaction: Transaction::On,
        lock_timeout: None,
        statement_timeout: None,
        retries: None,
        was: &[],
        absorbed: &[],
        units: &[],
    };
}

/// A part of a non-transactional migration that is sent whole: a statement, or a `BEGIN … COMMIT` of the file's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) effect: Effect,
}

impl Unit {
    /// Its SQL.
    pub(crate) fn sql(self, migration: &Migration) -> &'static str {
        migration.text().part(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// What a run that resumes must know of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing in particular: whether it took effect cannot be seen from outside.
    Ordinary,
    /// It changes only the session, and is said again when a run resumes after it.
    Session,
    /// It may commit some of its work before it fails: an error does not mean that nothing happened.
    CommitsMidway,
    /// `CREATE INDEX CONCURRENTLY`: leaves an invalid index behind when it fails.
    ConcurrentIndex {
        /// The index's name as PostgreSQL folds it, unless PostgreSQL chooses it.
        name: Option<&'static str>,
        /// The table's schema, where the statement says it.
        schema: Option<&'static str>,
        /// The table's name as PostgreSQL folds it.
        table: &'static str,
    },
}
