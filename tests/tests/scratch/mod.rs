//! Folders for tests that run cargo over packages of their own.
//!
//! They lie below the target directory and keep their name, so that a second run finds what the first one compiled.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

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
