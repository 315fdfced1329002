//! Names that are one on some file systems and two on others.

use std::fs;
use std::path::Path;

use graven_source::seal::Seal;
use graven_source::set::{Paths, Set};
use tempfile::TempDir;

#[test]
fn names_that_differ_by_case_alone_never_make_two_migrations_or_none() {
    for (file, rule) in [
        ("Seal.lock", "stray-file"),
        ("SEAL.LOCK", "stray-file"),
        ("0002_add_email.SQL", "file-name"),
        ("0002_add_email.Down.sql", "file-name"),
        ("0001_Create_Users.sql", "duplicate-version"),
        ("README.MD", ""),
    ] {
        let folder = with(&["0001_create_users.sql", "seal.lock"]);
        // Where the two are one, there is nothing to be found.
        if folder.path().join(file).exists() {
            continue;
        }
        fs::write(folder.path().join(file), "select 1;\n").unwrap();
        assert_eq!(broken(&folder), if rule.is_empty() { vec![] } else { vec![rule] }, "{file}");
    }
}

#[test]
fn a_sealed_migration_keeps_its_case() {
    let folder = with(&["0001_create_users.sql", "seal.lock"]);
    let sealed = Seal::default().seal_all(&load(&folder)).render();
    fs::write(folder.path().join("seal.lock"), sealed).unwrap();
    assert_eq!(broken(&folder), Vec::<&str>::new());
    fs::rename(folder.path().join("0001_create_users.sql"), folder.path().join("0001_Create_Users.sql")).unwrap();
    assert_eq!(broken(&folder), ["sealed-renamed"]);
}

fn with(files: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for file in files {
        fs::write(folder.path().join(file), "").unwrap();
    }
    folder
}

fn load(folder: &TempDir) -> Set {
    Set::load(folder.path(), Path::new("."), Paths::Relative).set
}

/// The ids of the rules that are broken.
fn broken(folder: &TempDir) -> Vec<&'static str> {
    let problems = Set::load(folder.path(), Path::new("."), Paths::Relative).problems;
    problems.iter().map(|problem| problem.rule.id).collect()
}
