//! Folders for tests that run cargo over packages of their own, and what such packages have in common.
//!
//! They lie below the target directory and keep their name, so that a second run finds what the first one compiled.

// Each binary of tests takes what it needs.
#![allow(dead_code, unused_imports)]

mod cargo;
mod sample;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub(crate) use self::cargo::{Built, cargo, target};
pub(crate) use self::sample::{EMAIL, INDEX, USERS, files};

/// A folder that one test of one process has at a time, empty at first. It stays, for whoever looks into a failure.
pub(crate) struct Scratch {
    path: PathBuf,
    /// Held until the folder is given up: the system lets go of it, however the process ends.
    _lock: File,
}

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let lock = File::create(parent.join(format!("{name}.lock"))).unwrap();
        lock.lock().unwrap();
        let path = parent.join(name);
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => panic!("cannot empty {}: {error}", path.display()),
            _ => {}
        }
        fs::create_dir_all(&path).unwrap();
        Self { path, _lock: lock }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file, and makes the folders that it lies in.
    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let file = self.path.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
}

/// How all packages are built: the same, so that what they depend on is compiled once.
///
/// A path of the build is looked for in binaries, and debug information would hold it in any case.
pub(crate) const PROFILE: &str = "[profile.dev]\ndebug = false\nincremental = false\n";

/// The line of a manifest that depends on graven, by another name and with one of its features.
pub(crate) fn dependency(name: &str, feature: &str) -> String {
    let runtime = workspace().join("runtime");
    format!(
        "{name} = {{ package = \"graven\", path = {runtime:?}, version = \"0.1.0\", default-features = false, \
         features = [{feature:?}] }}\n"
    )
}

/// What tells cargo that graven is here, where a package was made for a registry.
pub(crate) fn patch() -> [String; 2] {
    ["--config".to_owned(), format!("patch.crates-io.graven.path={:?}", workspace().join("runtime"))]
}

/// What all packages lock: whatever the workspace does, so that nothing has to be fetched.
pub(crate) fn lock_file() -> Vec<u8> {
    fs::read(workspace().join("Cargo.lock")).unwrap()
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}
