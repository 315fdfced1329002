//! The dev-build guard: what was changed in the directory behind cargo's back is not in the binary.
//!
//! Nothing on stable Rust tracks a directory, and cargo takes a file for unchanged that is not newer than the last build.
//! So a dev build remembers where its migrations lay, and compares names and texts when it runs; a release build holds
//! no path and looks at no directory. What is about to run, every build compares with its checksum.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use graven_source::file_name::{FileName, parse};
use graven_source::{Checksum, normalise};

use crate::error::Error;
use crate::migrations::{Migration, Migrations};

/// Refuses to run a set that is not that of its directory any more.
///
/// Where the directory cannot be read, the binary runs on another machine than built it, and nothing is said.
pub(crate) fn check(set: &Migrations) -> Result<(), Error> {
    let Some(directory) = &built_from(set) else { return Ok(()) };
    let Some(on_disk) = embeddable_files(directory) else { return Ok(()) };
    let embedded: BTreeMap<&str, &Migration> = set
        .iter()
        .flat_map(|migration| iter::once(migration).chain(migration.reverse()))
        .chain(set.baselines)
        .chain(set.repeatables.iter().map(|repeatable| &repeatable.0))
        .map(|it| (it.file(), it))
        .collect();
    let stale = |file: &str, change| Err(stale(set, file, change));
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

/// Refuses to run a text that is not the one whose checksum stands beside it.
///
/// The macro reads a file and takes its checksum, the compiler reads it once more and includes it: in between somebody may
/// have written to it. A release build is no safer from that, so that this asks each build, and only of what is about to run:
/// a start with nothing pending hashes nothing.
pub(crate) fn refuse_torn<'a>(
    set: &Migrations,
    migrations: impl IntoIterator<Item = &'a Migration>,
) -> Result<(), Error> {
    let is_torn = |migration: &&Migration| Checksum::of_text(migration.sql()) != migration.checksum();
    match migrations.into_iter().find(is_torn) {
        Some(torn) => Err(stale(set, torn.file(), "written to the end")),
        None => Ok(()),
    }
}

fn stale(set: &Migrations, file: &str, change: &'static str) -> Error {
    let here = std::env::current_dir().unwrap_or_default();
    // A release knows no more than what the path was in the package.
    let directory = built_from(set).map_or_else(|| set.directory.to_owned(), |directory| seen_from(&here, &directory));
    Error::StaleBuild { file: format!("{directory}/{file}"), change, directory }
}

/// A directory as it is typed where the program runs, which need not be the package's folder.
fn seen_from(here: &Path, directory: &Path) -> String {
    let seen = directory.strip_prefix(here).unwrap_or(directory);
    if seen.as_os_str().is_empty() { ".".to_owned() } else { seen.display().to_string() }
}

/// Where the migrations lie that a dev build embeds.
fn built_from(set: &Migrations) -> Option<PathBuf> {
    let built_from = PathBuf::from(set.built_from?);
    Some(run_from(set).unwrap_or(built_from))
}

/// The directory in the package that cargo runs or tests at this moment, where that is the one whose code holds the set.
///
/// It may lie elsewhere than the one that was built: worktrees that share a target directory are one package to cargo, which
/// takes what it has built of one for fresh in another whose files are older.
fn run_from(set: &Migrations) -> Option<PathBuf> {
    let is_its = std::env::var("CARGO_PKG_NAME").is_ok_and(|name| Some(name.as_str()) == set.package);
    let root = std::env::var_os("CARGO_MANIFEST_DIR").filter(|_| is_its)?;
    Some(Path::new(&root).join(set.directory)).filter(|directory| directory.is_dir())
}

/// The names of the migrations in a directory, of every kind; and of SQL that the next build refuses by its name, as
/// somebody meant it to run.
fn embeddable_files(directory: &Path) -> Option<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(directory).ok()? {
        let entry = entry.ok()?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_meant = match parse(&name) {
            FileName::Migration(_) => true,
            // The build passes over a folder.
            FileName::Refused(_) => name.to_lowercase().ends_with(".sql") && !entry.path().is_dir(),
            _ => false,
        };
        if is_meant {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{embeddable_files, seen_from};

    #[test]
    fn a_directory_is_named_as_it_is_typed_where_the_program_runs() {
        for (here, directory, expected) in [
            ("/ws/app", "/ws/app/migrations", "migrations"),
            ("/ws", "/ws/app/migrations", "app/migrations"),
            ("/ws/app", "/ws/app/../migrations", "../migrations"),
            ("/ws/app/migrations", "/ws/app/migrations", "."),
            ("/elsewhere", "/ws/app/migrations", "/ws/app/migrations"),
        ] {
            assert_eq!(seen_from(Path::new(here), Path::new(directory)), expected, "from {here}");
        }
    }

    #[test]
    fn a_file_that_is_meant_to_run_is_seen_under_any_name() {
        let directory = std::env::temp_dir().join(format!("graven-guard-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let meant = ["0001_a.sql", "0004-add.sql", "0005_B.SQL", "99999999999999999999_c.sql", "V4__x.sql", "add.sql"];
        let left_alone = [".add.sql", "add.sql~", "add.sql.orig", "README.md", "notes.txt", "seal.lock"];
        for file in meant.iter().chain(&left_alone) {
            std::fs::write(directory.join(file), "").expect("written");
        }
        std::fs::create_dir_all(directory.join("init.sql")).expect("a folder");
        let seen = embeddable_files(&directory);
        let _ = std::fs::remove_dir_all(&directory);
        assert_eq!(seen, Some(meant.map(str::to_owned).into()));
    }
}
