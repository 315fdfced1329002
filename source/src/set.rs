//! The checked set: a migrations directory, read whole, with everything that is wrong with it.
//!
//! Loading never stops at the first problem and never fails: what can be made sense of is in the [`Set`], and what is
//! wrong is in the list beside it. Which problems are fatal is the caller's to decide, by rule. It refuses to know a
//! database: what such a set means to one is the business of the crate `graven`.

mod content;
mod free;
mod kinds;
mod names;
mod place;
mod sealing;
mod sql;
mod together;
mod unsealed;

use std::ops::Range;
use std::path::{Path, PathBuf};

pub use self::place::{Paths, quote};
use self::place::{Place, locate};
pub use self::unsealed::unsealed_release;
use crate::checksum::Checksum;
use crate::directive::Directives;
use crate::file_name::{Kind, SEAL_FILE};
use crate::problem::Problem;
use crate::read;
use crate::rule;
use crate::seal::Seal;
use crate::statement::{self, Statement, StatementKind};
use crate::version::Version;

/// A migrations directory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Set {
    /// The directory as it is shown to people: relative to the package, with `/` between its parts.
    pub directory: String,
    /// Where the directory lies.
    pub location: PathBuf,
    /// The versioned migrations, ascending by version.
    pub migrations: Vec<Migration>,
    /// What takes them back, ascending by version.
    pub reverses: Vec<Migration>,
    /// The baselines, ascending by version.
    pub baselines: Vec<Migration>,
    /// The repeatables, by name.
    pub repeatables: Vec<Repeatable>,
    /// The seal file, if it is there and undamaged.
    pub seal: Option<Seal>,
    /// The names of all files that were read, `seal.lock` among them: a build is stale when one of them changes.
    pub files: Vec<String>,
}

/// A migration with a version: versioned, its reverse, or a baseline.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Migration {
    /// Its version.
    pub version: Version,
    /// The version as the file name spells it, leading zeros included.
    pub spelling: String,
    /// What the file is for. Never [`Kind::Repeatable`].
    pub kind: Kind,
    /// Its name: of `0001_create_users.sql`, `create_users`.
    pub name: String,
    /// Its file's name, without the directory.
    pub file: String,
    /// Its text, normalised: see [`crate::normalise`].
    pub text: String,
    /// The checksum of `text`.
    pub checksum: Checksum,
    /// What the comments at its head say.
    pub directives: Directives,
    /// Its own BEGIN and COMMIT, or what of it is sent one by one.
    pub control: Control,
    /// Whether the seal file vouches for it. A reverse is never sealed.
    pub sealing: Sealing,
    /// Older checksums that a database may still hold, the oldest first.
    pub was: Vec<Checksum>,
}

impl Migration {
    /// Where in `file` the name stands, in bytes.
    #[must_use]
    pub fn name_range(&self) -> Range<usize> {
        let start = self.spelling.len() + 1;
        start..start + self.name.len()
    }
}

/// A repeatable migration, which has a name and no version.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Repeatable {
    /// Its name: of `views.repeatable.sql`, `views`.
    pub name: String,
    /// Its file's name, without the directory.
    pub file: String,
    /// Its text, normalised: see [`crate::normalise`].
    pub text: String,
    /// The checksum of `text`.
    pub checksum: Checksum,
    /// What the comments at its head say.
    pub directives: Directives,
    /// Its own BEGIN and COMMIT, or what of it is sent one by one.
    pub control: Control,
}

/// How a file's statements reach the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// In one transaction and all at once, but for these places: the file's own BEGIN and COMMIT, which are not sent.
    Absorbed(Vec<Range<usize>>),
    /// One by one, each in whatever transaction it makes for itself.
    Units(Vec<Unit>),
}

/// What is sent as one and resumed as one: a statement, or a block from BEGIN to COMMIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its place in the text.
    pub span: Range<usize>,
    /// What the statement is; of a block, [`StatementKind::Ordinary`].
    pub kind: StatementKind,
}

impl Unit {
    /// Whether it may commit some of its work before it fails, so that an error does not mean that nothing happened:
    /// procedures, and the commands that work in several transactions of their own. `text` is that of its file.
    #[must_use]
    pub fn commits_midway(&self, text: &str) -> bool {
        match &self.kind {
            StatementKind::Procedure => {
                let text = text.get(self.span.clone()).unwrap_or_default().to_ascii_lowercase();
                text.contains("commit") || text.contains("call")
            }
            StatementKind::NeedsNoTransaction { command } => {
                command.starts_with("REINDEX") || command.contains("DETACH PARTITION")
            }
            _ => false,
        }
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::Absorbed(Vec::new())
    }
}

impl Control {
    fn units(units: Vec<statement::Unit>, statements: &[Statement]) -> Self {
        let kind = |unit: &statement::Unit| match statements.get(unit.statements.clone()) {
            Some([one]) => one.kind.clone(),
            _ => StatementKind::Ordinary,
        };
        Self::Units(units.into_iter().map(|unit| Unit { kind: kind(&unit), span: unit.span }).collect())
    }
}

/// Whether the seal file vouches for a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sealing {
    /// It holds the migration's checksum: the text must not change any more.
    Sealed,
    /// It does not: the text may change.
    Unsealed,
}

/// A set and what is wrong with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// What could be made sense of. Only without problems may it be embedded or applied.
    pub set: Set,
    /// What is wrong, sorted by file and line.
    pub problems: Vec<Problem>,
}

impl Set {
    /// Reads a directory and checks it against all rules but [`rule::UNSEALED_RELEASE`], which is for the caller to
    /// ask: see [`unsealed_release`].
    ///
    /// `root` is the package's folder, and paths are shown relative to it. `directory` is relative to it, too.
    ///
    /// ```no_run
    /// use std::path::Path;
    /// use graven_source::set::{Paths, Set};
    ///
    /// let loaded = Set::load(Path::new("."), Path::new("migrations"), Paths::Any);
    /// for problem in &loaded.problems {
    ///     eprintln!("{}: {}", problem.place(), problem.message);
    /// }
    /// ```
    #[must_use]
    pub fn load(root: &Path, directory: &Path, paths: Paths) -> Loaded {
        let place = locate(root, directory);
        let mut set = Self::empty(&place);
        let mut problems = Vec::new();
        if let Some(problem) = place.refused(root, directory, paths) {
            return Loaded { set, problems: vec![problem] };
        }
        let entries = match read::list(&place.location) {
            Ok(entries) => entries,
            Err(error) => return Loaded { set, problems: vec![place.unreadable(&error)] },
        };
        let listing = names::sort_out(&place, entries, &mut problems);
        let seal = match listing.seal {
            names::SealFile::There => content::load_seal(&place, &mut problems),
            names::SealFile::Absent => {
                problems.push(place.seal_absent());
                None
            }
        };
        let mut free = listing.free(seal.as_ref());
        listing.check(&place, seal.as_ref(), &mut free, &mut problems);

        let mut unread = Vec::new();
        let contents = content::load_all(&place, &listing.migrations, &mut problems);
        for (named, content) in listing.migrations.iter().zip(contents) {
            match content {
                Some(content) => set.add(named, content),
                None => unread.extend(named.version.map(|version| (version, named.kind))),
            }
        }
        set.files = listing.files;
        set.sort();
        if let Some(seal) = &seal {
            sealing::check(&place, seal, &mut set, &unread, &mut free, &mut problems);
        }
        set.seal = seal;
        problems.sort_by(|first, second| first.order().cmp(&second.order()));
        Loaded { set, problems }
    }

    /// The versioned migration of that version.
    #[must_use]
    pub fn by_version(&self, version: Version) -> Option<&Migration> {
        let at = self.migrations.binary_search_by_key(&version, |migration| migration.version).ok()?;
        self.migrations.get(at)
    }

    /// The path of a file of the directory as it is shown to people.
    #[must_use]
    pub fn path_of(&self, file: &str) -> String {
        place::join(&self.directory, file)
    }

    fn empty(place: &Place) -> Self {
        Self {
            directory: place.shown.clone(),
            location: place.location.clone(),
            migrations: Vec::new(),
            reverses: Vec::new(),
            baselines: Vec::new(),
            repeatables: Vec::new(),
            seal: None,
            files: Vec::new(),
        }
    }

    fn add(&mut self, named: &names::Named, content: content::Content) {
        let content::Content { text, checksum, directives, control } = content;
        let (name, file) = (named.name.clone(), named.file.clone());
        let Some(version) = named.version else {
            self.repeatables.push(Repeatable { name, file, text, checksum, directives, control });
            return;
        };
        let migration = Migration {
            version,
            spelling: named.spelling.clone(),
            kind: named.kind,
            name,
            file,
            text,
            checksum,
            directives,
            control,
            sealing: Sealing::Unsealed,
            was: Vec::new(),
        };
        match named.kind {
            Kind::Reverse => self.reverses.push(migration),
            Kind::Baseline => self.baselines.push(migration),
            Kind::Versioned | Kind::Repeatable => self.migrations.push(migration),
        }
    }

    /// Ascending by version; of two of one version, which is a problem anyhow, by file name.
    fn sort(&mut self) {
        for migrations in [&mut self.migrations, &mut self.reverses, &mut self.baselines] {
            migrations.sort_by(|first, second| (first.version, &first.file).cmp(&(second.version, &second.file)));
        }
        self.repeatables.sort_by(|first, second| first.name.cmp(&second.name));
    }
}

impl Place {
    fn seal_absent(&self) -> Problem {
        let path = self.path_of(SEAL_FILE);
        let quoted = quote(&path);
        Problem::new(&rule::SEAL_ABSENT, path, "the migrations have no seal file")
            .note("it is how the compiler notices that a migration was added or deleted")
            .help(format!("create it, an empty one serves (`touch {quoted}`), and commit it"))
            .help("let `graven seal` write it, which seals the migrations that are there")
    }
}
