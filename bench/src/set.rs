//! A set of migrations in the layouts that the tools read.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::Result;
use crate::files::{File, Files};

/// A set on disk. The files go when the value does.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) files: Files,
    root: TempDir,
}

impl Set {
    pub(crate) fn write(count: usize) -> Result<Self> {
        Self::of(Files::generate(count))
    }

    pub(crate) fn of(files: Files) -> Result<Self> {
        let set = Self { files, root: tempfile::tempdir()? };
        fs::create_dir(set.plain())?;
        fs::create_dir(set.refinery())?;
        for file in &set.files.files {
            fs::write(set.plain_file(file), &file.sql)?;
            fs::write(set.refinery().join(format!("V{}__{}.sql", file.version, file.name)), &file.sql)?;
        }
        Ok(set)
    }

    /// The folder that holds the others.
    pub(crate) fn root(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    /// `00001_name.sql`, as graven and sqlx want it, and as `psql` does not mind.
    pub(crate) fn plain(&self) -> PathBuf {
        self.root.path().join("plain")
    }

    pub(crate) fn plain_file(&self, file: &File) -> PathBuf {
        self.plain().join(format!("{:05}_{}.sql", file.version, file.name))
    }

    /// `V1__name.sql`.
    pub(crate) fn refinery(&self) -> PathBuf {
        self.root.path().join("refinery")
    }
}
