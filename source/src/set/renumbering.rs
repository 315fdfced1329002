//! What it takes to give a migration another version. It refuses to rename anything: that is the command line's.

use super::{Migration, Set};
use crate::version::Version;

/// A versioned migration and the version that it should have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renumbering {
    /// The version that it has.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// The version that it should have, as it is to be spelt.
    pub spelling: String,
    /// Its file and, where it has one, its reverse's.
    pub files: Vec<Renamed>,
    /// The name of the migration before it that needs another version as well: the two go together, so that their order
    /// stays. `None` where it is the first of those that go together.
    pub behind: Option<String>,
    /// Whether it might keep its version, if the one before it did not need another.
    pub is_overtaken: bool,
}

/// A file that gets another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The name that it has, without the directory.
    pub from: String,
    /// The name that it gets.
    pub to: String,
}

impl Set {
    /// What it takes to give a migration of this set the version that is spelt so, whether that is free or not.
    ///
    /// ```
    /// use std::path::Path;
    /// use graven_source::set::{Paths, Set};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let root = folder.path();
    /// # std::fs::create_dir(root.join("migrations"))?;
    /// # for file in ["0003_a.sql", "0003_a.down.sql"] {
    /// #     std::fs::write(root.join("migrations").join(file), "select 1;")?;
    /// # }
    /// let set = Set::load(root, Path::new("migrations"), Paths::Any).set;
    /// let renumbering = set.renumbering(&set.migrations[0], "0007");
    /// assert_eq!(renumbering.files[1].to, "0007_a.down.sql");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn renumbering(&self, migration: &Migration, spelling: &str) -> Renumbering {
        let start = self.reverses.partition_point(|reverse| reverse.version < migration.version);
        let reverses = self.reverses.get(start..).unwrap_or_default();
        let reverse = reverses
            .iter()
            .take_while(|reverse| reverse.version == migration.version)
            .find(|reverse| reverse.name == migration.name);
        let files = std::iter::once(migration).chain(reverse).map(|moving| {
            let rest = moving.file.get(moving.spelling.len()..).unwrap_or_default();
            Renamed { from: moving.file.clone(), to: format!("{spelling}{rest}") }
        });
        Renumbering {
            version: migration.version,
            name: migration.name.clone(),
            spelling: spelling.to_owned(),
            files: files.collect(),
            behind: None,
            is_overtaken: false,
        }
    }
}
