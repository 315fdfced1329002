//! The dev-build guard: what was changed in the directory behind cargo's back is not in the binary.
//!
//! Nothing on stable Rust tracks a directory, and cargo takes a file for unchanged that is not newer than the last build.
//! So a dev build remembers where its migrations lay, and compares names and texts when it runs; a release build holds
//! no path and looks at nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::path::Path;
use std::time::SystemTime;

use graven_source::file_name::{FileName, parse};
use graven_source::normalise;

use crate::error::Error;
use crate::migrations::{Migration, Migrations};

/// Refuses to run a set that is not that of its directory any more.
///
/// Where the directory cannot be read, the binary runs on another machine than built it, and nothing is said.
pub(crate) fn check(set: &Migrations) -> Result<(), Error> {
    let Some(directory) = set.built_from.map(Path::new) else { return Ok(()) };
    let Some(on_disk) = embeddable_files(directory) else { return Ok(()) };
    let embedded: BTreeMap<&str, &Migration> = set
        .iter()
        .flat_map(|migration| iter::once(migration).chain(migration.reverse()))
        .chain(set.baselines)
        .chain(set.repeatables.iter().map(|repeatable| &repeatable.0))
        .map(|it| (it.file(), it))
        .collect();
    let stale = |file: &str, change| {
        Err(Error::StaleBuild {
            file: format!("{}/{file}", set.directory),
            change,
            directory: set.directory.to_owned(),
        })
    };
    if let Some(added) = on_disk.iter().find(|file| !embedded.contains_key(file.as_str())) {
        return stale(added, "added");
    }
    if let Some(removed) = embedded.keys().find(|file| !on_disk.contains(**file)) {
        return stale(removed, "removed");
    }
    let Some(built) = built() else { return Ok(()) };
    if let Some(edited) = embedded.values().find(|migration| was_edited_unseen(migration, directory, built)) {
        return stale(edited.file(), "edited");
    }
    Ok(())
}

/// The names of the migrations in a directory, of every kind.
fn embeddable_files(directory: &Path) -> Option<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(directory).ok()? {
        let Ok(name) = entry.ok()?.file_name().into_string() else { continue };
        if let FileName::Migration(_) = parse(&name) {
            files.insert(name);
        }
    }
    Some(files)
}

/// When this program was built, as far as its file tells.
fn built() -> Option<SystemTime> {
    std::env::current_exe().ok()?.metadata().ok()?.modified().ok()
}

/// Whether a file holds another text than was embedded, and cargo will never see it: `cp -p`, `rsync -t`, `tar` and the
/// layers of an image give a file a time that lies before the build.
///
/// An edit that is newer is the next build's business. Refusing it here would stop a test run that is under way because
/// somebody goes on working.
fn was_edited_unseen(migration: &Migration, directory: &Path, built: SystemTime) -> bool {
    let file = directory.join(migration.file());
    let is_older = || Some(file.metadata().ok()?.modified().ok()? <= built);
    let Ok(bytes) = std::fs::read(&file) else { return false };
    if bytes == migration.sql().as_bytes() {
        return false;
    }
    let is_same = String::from_utf8(bytes).is_ok_and(|text| normalise(text) == migration.sql());
    !is_same && is_older() == Some(true)
}
