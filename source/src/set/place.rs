//! Where a directory lies, how its paths are shown, and commands over them that can be pasted into a shell.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::problem::Problem;
use crate::read::{self, EntryKind};
use crate::rule;

/// Which paths may name a migrations directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Paths {
    /// Only relative ones, for what is built on more than one machine: the macro.
    Relative,
    /// Absolute ones, too, for what is said on one machine: the command line.
    Any,
}

/// A migrations directory that may or may not be there.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Relative to the package, with `/`.
    pub(super) shown: String,
    /// Where it lies.
    pub(super) location: PathBuf,
}

/// Finds out where a directory would lie. Nothing is read.
pub(super) fn locate(root: &Path, directory: &Path) -> Place {
    let shown = match directory.strip_prefix(root) {
        Ok(within) if directory.is_absolute() => show(within),
        _ => show(directory),
    };
    Place { shown, location: root.join(directory) }
}

impl Place {
    /// A file of the directory, as it is shown.
    pub(super) fn path_of(&self, file: &str) -> String {
        join(&self.shown, file)
    }

    /// The command that gives a file of the directory another name.
    pub(super) fn git_mv(&self, from: &str, to: &str) -> String {
        format!("git mv {} {}", quote(&self.path_of(from)), quote(&self.path_of(to)))
    }

    pub(super) fn refused(&self, root: &Path, directory: &Path, paths: Paths) -> Option<Problem> {
        if paths == Paths::Any || !(directory.is_absolute() || directory.has_root()) {
            return None;
        }
        let help = match relative_to(root, directory) {
            Some(relative) => format!("write it relative to the package: {:?}", show(&relative)),
            None => "write it relative to the package".to_owned(),
        };
        let problem = Problem::new(
            &rule::DIRECTORY_ABSOLUTE,
            show(directory),
            "the path of the migrations directory is absolute",
        );
        Some(problem.note("it would build on this machine only").help(help))
    }

    pub(super) fn unreadable(&self, error: &io::Error) -> Problem {
        let shown = &self.shown;
        let message = match error.kind() {
            io::ErrorKind::NotFound => format!("the migrations directory `{shown}` is not there"),
            io::ErrorKind::NotADirectory => format!("`{shown}` is not a directory"),
            _ => format!("the migrations directory `{shown}` cannot be read"),
        };
        let problem =
            Problem::new(&rule::DIRECTORY_ABSENT, shown, message).row("looked at", self.location.display().to_string());
        if error.kind() != io::ErrorKind::NotFound {
            return problem.row("the system says", error.to_string()).help("name a directory that this build may read");
        }
        let problem = problem.note("the path is relative to the package, the folder of its `Cargo.toml`");
        let problem = match self.nearest() {
            Some(near) => problem.help(format!("name `{near}`, which is there")),
            None => problem,
        };
        problem.help(format!("create it: `mkdir -p {}`", quote(shown)))
    }

    /// A directory beside the one that is not there, with nearly its name.
    fn nearest(&self) -> Option<String> {
        let wanted = self.location.file_name()?.to_str()?;
        let beside = self.location.parent()?;
        let distance = |name: &str| strsim::damerau_levenshtein(name, wanted);
        let near = read::list(beside)
            .ok()?
            .into_iter()
            .filter(|entry| entry.what == EntryKind::Directory)
            .filter_map(|entry| entry.name.into_string().ok())
            .filter(|name| distance(name) <= 2)
            .min_by_key(|name| distance(name))?;
        match self.shown.rsplit_once('/') {
            Some((parent, _)) => Some(join(parent, &near)),
            None => Some(near),
        }
    }
}

/// A file in a directory, as both are shown.
pub(super) fn join(directory: &str, file: &str) -> String {
    match directory {
        "." => file.to_owned(),
        "/" => format!("/{file}"),
        _ => format!("{directory}/{file}"),
    }
}

/// A path as it is shown: with `/` on every system, and without the parts that say nothing.
fn show(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut prefix = String::new();
    for component in path.components() {
        match component {
            Component::Prefix(drive) => prefix.push_str(&drive.as_os_str().to_string_lossy()),
            Component::RootDir => prefix.push('/'),
            Component::CurDir => {}
            Component::ParentDir => parts.push("..".to_owned()),
            Component::Normal(name) => parts.push(name.to_string_lossy().into_owned()),
        }
    }
    let shown = prefix + &parts.join("/");
    if shown.is_empty() { ".".to_owned() } else { shown }
}

/// The way from one absolute path to another. `None` where they have nothing but the root in common.
fn relative_to(from: &Path, to: &Path) -> Option<PathBuf> {
    let is_named = |component: &Component<'_>| matches!(component, Component::Normal(_));
    let shared: Vec<_> =
        from.components().zip(to.components()).map_while(|(one, other)| (one == other).then_some(one)).collect();
    let up = from.components().skip(shared.len()).map(|_| Component::ParentDir);
    shared.iter().any(is_named).then(|| up.chain(to.components().skip(shared.len())).collect())
}

/// A path as a shell takes it: quoted where it holds what means something to a shell.
///
/// ```
/// use graven_source::set::quote;
///
/// assert_eq!(quote("migrations/0001_a.sql"), "migrations/0001_a.sql");
/// assert_eq!(quote("migrations/1_it's new.sql"), r"'migrations/1_it'\''s new.sql'");
/// ```
#[must_use]
pub fn quote(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '=' | '@' | '%' | ',' | ':');
    if !path.is_empty() && path.chars().all(plain) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Paths, locate, relative_to, show};

    #[test]
    fn paths_are_shown_relative_to_the_package_with_slashes_only() {
        for (directory, wanted) in [
            ("migrations", "migrations"),
            ("./migrations/", "migrations"),
            ("../db//migrations", "../db/migrations"),
            ("/work/app/db", "db"),
            ("/elsewhere/db", "/elsewhere/db"),
            (".", "."),
            ("/work/app", "."),
        ] {
            assert_eq!(locate(Path::new("/work/app"), Path::new(directory)).shown, wanted, "{directory}");
        }
        assert_eq!(locate(Path::new("/work/app"), Path::new(".")).path_of("a.sql"), "a.sql");
        assert_eq!(locate(Path::new("app"), Path::new("app/db")).shown, "app/db");
    }

    #[test]
    fn an_absolute_path_is_refused_with_the_relative_one_that_it_should_have_been() {
        let (root, directory) = (Path::new("/work/app"), Path::new("/work/db/migrations"));
        assert_eq!(show(&relative_to(root, directory).unwrap()), "../db/migrations");
        assert_eq!(relative_to(root, Path::new("/srv/migrations")), None);
        let place = locate(root, directory);
        assert_eq!(place.refused(root, directory, Paths::Any), None);
        let problem = place.refused(root, directory, Paths::Relative).unwrap();
        assert_eq!(problem.help, ["write it relative to the package: \"../db/migrations\""]);
    }
}
