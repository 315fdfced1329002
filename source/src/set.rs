//! The checked set: a migrations directory, read whole, with everything that is wrong with it.
//!
//! Loading never stops at the first problem and never fails: what can be made sense of is in the [`Set`], and what is
//! wrong is in the list beside it. Which problems are fatal is the caller's to decide, by rule. It refuses to know a
//! database: what such a set means to one is the business of the crate `graven`.

mod conflict;
mod content;
mod fates;
mod free;
mod in_place;
mod line_up;
mod misnamed;
mod moves;
mod names;
mod place;
mod renumbering;
mod sealing;
mod sql;
mod together;
mod unsealed;
mod with_baseline;

use std::ops::Range;
use std::path::{Path, PathBuf};

use self::content::SealText;
use self::moves::Basis;
pub use self::place::{Paths, dir_option, quote, shown};
use self::place::{Place, locate};
pub use self::renumbering::{Renamed, Renumbering};
pub use self::unsealed::unsealed_release;
use crate::checksum::Checksum;
use crate::directive::Directives;
use crate::file_name::Kind;
use crate::problem::Problem;
use crate::read;
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
    /// What its `head` says: [`Seal::digest`]. `None` where it has no lines.
    pub seal_digest: Option<Checksum>,
    /// The names of all files that were read, `seal.lock` among them: a build is stale when one of them changes.
    pub files: Vec<String>,
    /// The versioned migrations that need another version, ascending by the one they have, each with the one that the
    /// problems name.
    pub renumberings: Vec<Renumbering>,
    /// The version that is free above all others, spelt as they are. `None` above [`Version::MAX`].
    pub next_version: Option<String>,
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
    /// Whether the file holds `text` byte for byte: it has no byte order mark and no CRLF.
    pub is_verbatim: bool,
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

    /// Whether it does nothing: its text is empty, or all comments. That is allowed, and mostly a slip while the
    /// migration may still change.
    #[must_use]
    pub fn holds_no_statement(&self) -> bool {
        statement::split(&self.text).is_ok_and(|statements| statements.is_empty())
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
    /// Reads a directory and checks it against all rules but that of unsealed migrations in a release, which is for the
    /// caller to ask: see [`unsealed_release`].
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
        Self::load_by(root, directory, paths, None)
    }

    /// Reads a directory as [`Set::load`] does, as if its seal file said this. Nothing is written.
    #[must_use]
    pub fn load_as_if(root: &Path, directory: &Path, paths: Paths, seal: Seal) -> Loaded {
        Self::load_by(root, directory, paths, Some(seal))
    }

    fn load_by(root: &Path, directory: &Path, paths: Paths, seal: Option<Seal>) -> Loaded {
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
        problems.extend(place.untracked());
        let listing = names::sort_out(&place, entries, &mut problems);
        let load_seal = |problems: &mut Vec<Problem>| match (seal, listing.seal) {
            (Some(seal), _) => {
                let digest = seal.digest();
                Some(SealText::Sound(seal, Some(digest)))
            }
            (None, names::SealFile::There) => Some(content::load_seal(&place, &listing.migrations, problems)),
            (None, names::SealFile::Absent) => {
                problems.push(place.seal_absent());
                None
            }
            (None, names::SealFile::NoFile) => Some(SealText::Damaged),
        };
        let mut unread = Vec::new();
        let (contents, found) = content::load_all(&place, &listing.migrations, &mut problems, load_seal);
        let checksums: Vec<_> = contents.iter().map(|content| Some(content.as_ref()?.checksum)).collect();
        for (named, content) in listing.migrations.iter().zip(contents) {
            match content {
                Some(content) => set.add(named, content),
                None => unread.extend(named.version.map(|version| (version, named.kind))),
            }
        }
        set.sort();
        let basis = match &found {
            Some(SealText::Sound(seal, _) | SealText::Mendable(seal)) => Basis::Seal(seal),
            Some(SealText::Damaged) => Basis::Unknown,
            None => Basis::Nothing,
        };
        let moves = moves::give_out(&listing, &checksums, basis);
        together::check(&place, &listing.migrations, basis, &moves, &mut problems);
        misnamed::report(&place, &listing, &moves, &mut problems);
        if let Some(SealText::Sound(seal, _)) = &found {
            sealing::check(&place, seal, &mut set, &unread, &moves, &mut problems);
        }
        (set.renumberings, set.next_version) = (moves.renumberings(), moves.free.peek());
        (set.seal, set.seal_digest) = match found {
            Some(SealText::Sound(seal, digest)) => (Some(seal), digest),
            _ => (None, None),
        };
        set.files = listing.files;
        problems.sort_by(|first, second| first.order().cmp(&second.order()));
        Loaded { set, problems }
    }

    /// The versioned migration of that version.
    #[must_use]
    pub fn by_version(&self, version: Version) -> Option<&Migration> {
        let at = self.migrations.binary_search_by_key(&version, |migration| migration.version).ok()?;
        self.migrations.get(at)
    }

    /// What takes a versioned migration back.
    #[must_use]
    pub fn reverse_of(&self, migration: &Migration) -> Option<&Migration> {
        let at = self.reverses.binary_search_by_key(&migration.version, |reverse| reverse.version).ok()?;
        self.reverses.get(at)
    }

    /// The path of a file of the directory as it is shown to people.
    #[must_use]
    pub fn path_of(&self, file: &str) -> String {
        place::join(&self.directory, file)
    }

    /// A command of graven that acts on this directory, as it is typed where paths are relative to: `graven seal`, and
    /// `graven seal --dir billing` where the directory is not the one that graven finds by itself.
    #[must_use]
    pub fn graven(&self, verb: &str) -> String {
        place::graven(&self.directory, verb)
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
            seal_digest: None,
            files: Vec::new(),
            renumberings: Vec::new(),
            next_version: None,
        }
    }

    fn add(&mut self, named: &names::Named, content: content::Content) {
        let content::Content { text, is_verbatim, checksum, directives, control } = content;
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
            is_verbatim,
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
