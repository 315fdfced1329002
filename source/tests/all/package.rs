//! Directories for tests: written from literals, loaded, thrown away.

use std::fs;
use std::path::Path;

use graven_source::problem::{Problem, Style};
use graven_source::rule::Example;
use graven_source::set::{Loaded, Paths, Set};
use tempfile::TempDir;

/// A package with a migrations directory in it.
pub(crate) struct Package {
    root: TempDir,
}

impl Package {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let package = Self::empty();
        fs::create_dir(package.root.path().join("migrations")).unwrap();
        for (file, content) in files {
            package.write(file, content.as_bytes());
        }
        package
    }

    pub(crate) fn empty() -> Self {
        Self { root: TempDir::new().unwrap() }
    }

    pub(crate) fn of(example: &Example) -> Self {
        let package = Self::empty();
        if !example.files.is_empty() {
            fs::create_dir(package.root.path().join(example.path)).unwrap();
        }
        for (file, content) in example.files {
            package.write(file, content);
        }
        package
    }

    pub(crate) fn write(&self, file: &str, content: &[u8]) {
        fs::write(self.root.path().join("migrations").join(file), content).unwrap();
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn load(&self) -> Loaded {
        self.load_at("migrations")
    }

    pub(crate) fn load_at(&self, path: &str) -> Loaded {
        Set::load(self.root(), Path::new(path), Paths::Relative)
    }

    /// The problems as they are shown, without the folder of this very run.
    pub(crate) fn rendered(&self) -> Vec<String> {
        self.load().problems.iter().map(|problem| self.render(problem)).collect()
    }

    pub(crate) fn render(&self, problem: &Problem) -> String {
        problem.render(Style::Plain).replace(&self.root().display().to_string(), "$ROOT")
    }

    /// The ids of the rules that are broken, and where.
    pub(crate) fn broken(&self) -> Vec<(&'static str, String)> {
        self.load().problems.iter().map(|problem| (problem.rule.id, problem.place())).collect()
    }
}
