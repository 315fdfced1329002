//! The dev-build guard: a file that was dropped into the directory behind cargo's back is not in the binary.
//!
//! Nothing on stable Rust tracks a directory. So a dev build remembers where its migrations lay, and compares names when
//! it runs; a release build holds no path and looks at nothing.

use std::collections::BTreeSet;
use std::path::Path;

use graven_source::Kind;
use graven_source::file_name::{FileName, parse};

use crate::error::Error;
use crate::migrations::Migrations;

/// Refuses to run a set that is not that of its directory any more.
///
/// Where the directory cannot be read, the binary runs on another machine than built it, and nothing is said.
pub(crate) fn check(set: &Migrations) -> Result<(), Error> {
    let Some(directory) = set.built_from else { return Ok(()) };
    let Some(on_disk) = versioned_files(Path::new(directory)) else { return Ok(()) };
    let embedded: BTreeSet<&str> = set.iter().map(|migration| migration.file).collect();
    let stale = |file: &str, change| {
        Err(Error::StaleBuild {
            file: format!("{}/{file}", set.directory),
            change,
            directory: set.directory.to_owned(),
        })
    };
    if let Some(added) = on_disk.iter().find(|file| !embedded.contains(file.as_str())) {
        return stale(added, "added");
    }
    if let Some(removed) = embedded.iter().find(|file| !on_disk.contains(**file)) {
        return stale(removed, "removed");
    }
    Ok(())
}

/// The names of the versioned migrations in a directory.
fn versioned_files(directory: &Path) -> Option<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(directory).ok()? {
        let Ok(name) = entry.ok()?.file_name().into_string() else { continue };
        if let FileName::Migration(found) = parse(&name)
            && found.kind == Kind::Versioned
        {
            files.insert(name);
        }
    }
    Some(files)
}
