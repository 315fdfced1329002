//! Where the repository begins: tools that show findings want paths that start there, wherever the command runs.

use std::path::{Path, PathBuf};

use crate::directory::plain;

/// The root of the repository, seen from where the command runs.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    here: PathBuf,
    root: PathBuf,
}

impl Root {
    /// What GitHub Actions says, else the nearest folder around that has a `.git`, else where the command runs.
    pub(crate) fn find() -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let said = std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from).filter(|said| here.starts_with(said));
        let root = said.or_else(|| around(&here).map(Path::to_owned)).unwrap_or_else(|| here.clone());
        Self { here, root }
    }

    /// A path of ours, which starts where the command runs, as one that starts at the root, with `/` between its parts. One
    /// that leads out of the repository stays as it is.
    pub(crate) fn path(&self, path: &str) -> String {
        let whole = plain(&self.here.join(path));
        let Ok(within) = whole.strip_prefix(&self.root) else { return path.to_owned() };
        let parts: Vec<_> = within.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
    }
}

fn around(here: &Path) -> Option<&Path> {
    here.ancestors().find(|folder| folder.join(".git").exists())
}

#[cfg(test)]
pub(super) mod tests {
    use super::Root;

    pub(in super::super) fn root(here: &str, root: &str) -> Root {
        Root { here: here.into(), root: root.into() }
    }

    #[test]
    fn a_path_starts_at_the_root_of_the_repository() {
        for (here, path, expected) in [
            ("/repo", "migrations/1_a.sql", "migrations/1_a.sql"),
            ("/repo/services/web", "migrations/1_a.sql", "services/web/migrations/1_a.sql"),
            ("/repo/services/web", "../../migrations/1_a.sql", "migrations/1_a.sql"),
            ("/repo/services/web", "/repo/migrations/1_a.sql", "migrations/1_a.sql"),
            ("/repo", "../elsewhere/1_a.sql", "../elsewhere/1_a.sql"),
            ("/repo", ".", "."),
        ] {
            assert_eq!(root(here, "/repo").path(path), expected, "{here} {path}");
        }
    }
}
