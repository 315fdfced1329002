//! Where a directory lies, how its paths are shown, and commands over them that can be pasted into a shell.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::file_name::{SEAL_FILE, untracked_space};
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
    /// The package's folder.
    root: PathBuf,
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
    Place { root: root.to_owned(), shown, location: root.join(directory) }
}

/// What `git mv` refuses: mostly a file that was made a moment ago, and its name is what is wrong with it; and one that a
/// merge or a rebase stopped at.
pub(super) const UNKNOWN_TO_GIT: &str = "(`mv` where git does not know it yet, or calls it conflicted)";

/// What `git rm` refuses.
pub(super) const UNKNOWN_TO_GIT_RM: &str = "(`rm` where git does not know it yet)";

impl Place {
    /// A file of the directory, as it is shown.
    pub(super) fn path_of(&self, file: &str) -> String {
        join(&self.shown, file)
    }

    /// The command that gives a file of the directory another name. Whoever prints it says [`UNKNOWN_TO_GIT`] as well.
    pub(super) fn git_mv(&self, from: &str, to: &str) -> String {
        format!("git mv {} {}", quote(&self.path_of(from)), quote(&self.path_of(to)))
    }

    /// The command that deletes a file of the directory. Whoever prints it says [`UNKNOWN_TO_GIT_RM`] as well.
    pub(super) fn git_rm(&self, file: &str) -> String {
        format!("git rm -f -- {}", quote(&self.path_of(file)))
    }

    /// A command of graven for this directory.
    pub(super) fn graven(&self, verb: &str) -> String {
        graven(&self.shown, verb)
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

    /// That cargo would build anew at every build, as it does for a file of such a name. Of the folders above the package
    /// nobody is told here: they are a machine's, and all but the time it takes is well.
    pub(super) fn untracked(&self) -> Option<Problem> {
        let space = untracked_space(&self.shown).filter(|_| !Path::new(&self.shown).is_absolute())?;
        let message = format!("the path of the migrations directory holds {space}");
        let problem = Problem::new(&rule::FILE_NAME, self.shown.clone(), message);
        Some(problem.note("cargo would build the package anew at every build").help("give it another name"))
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
        if let Some(target) = self.link_written_as_a_file() {
            return problem
                .note("it is a symbolic link that git wrote as a file, as it does where it may not make links")
                .help(format!("name the directory that it points to: `{target}`"))
                .help("let git make links (`git config core.symlinks true`), and check the file out again");
        }
        if error.kind() != io::ErrorKind::NotFound {
            return problem.row("the system says", error.to_string()).help("name a directory that this build may read");
        }
        if self.is_packaged() {
            return self.not_packaged(problem);
        }
        let problem = problem.note("the path is relative to the package, the folder of its `Cargo.toml`");
        let problem = match self.nearest() {
            Some(near) => problem.help(format!("name `{near}`, which is there")),
            None => problem,
        };
        // A directory that is made in the place of one that is gone holds no migrations, and nothing says so any more.
        problem
            .help(format!("take it back, if git has it: `git checkout HEAD -- {}`", quote(shown)))
            .help("name its new path, if it was moved: `embed_migrations!(\"PATH\")`")
            .help(format!("create it, if there was none: `mkdir -p {}`", quote(shown)))
    }

    pub(super) fn seal_absent(&self) -> Problem {
        let path = self.path_of(SEAL_FILE);
        let quoted = quote(&path);
        let problem = Problem::new(&rule::SEAL_ABSENT, path, "the migrations have no seal file")
            .note("it is how the compiler notices that a migration was added or deleted");
        if self.is_packaged() {
            return self.not_packaged(problem);
        }
        problem
            .help(format!("take it back, if git has it: `git checkout HEAD -- {quoted}`"))
            .help(format!("create it, an empty one serves (`touch {quoted}`), and commit it"))
            .help(format!("let `{}` write it, which seals the migrations that are there", self.graven("seal")))
    }

    /// Whether the package is one that `cargo package` made, and not where its author works: a published one, or one
    /// that is being verified.
    fn is_packaged(&self) -> bool {
        let entries = read::list(&self.root).unwrap_or_default();
        entries.iter().any(|entry| entry.name == "Cargo.toml.orig")
    }

    /// What is absent from a packaged crate is to be mended where it was packaged.
    fn not_packaged(&self, problem: Problem) -> Problem {
        let problem =
            problem.note("this package was made by `cargo package`, which takes along what lies in its folder");
        if !self.shown.split('/').any(|part| part == "..") {
            return problem.help(
                "let the `include` and `exclude` of its `Cargo.toml`, and its `.gitignore`, spare the whole directory, \
                 `seal.lock` among it, and package it again",
            );
        }
        let (quoted, name) = (quote(&self.shown), self.shown.rsplit('/').next().unwrap_or_default());
        problem.help(format!(
            "link the directory into the package, which cargo follows (`ln -s {quoted} {}`), name the link to the macro, \
             and package it again",
            quote(name)
        ))
    }

    /// What a symbolic link points to that was written as a file, if this is one and that is a directory.
    fn link_written_as_a_file(&self) -> Option<String> {
        let target = String::from_utf8(read::read(&self.location).ok()?).ok()?;
        let (beside, target) = (self.location.parent()?, target.trim_end());
        let is_link = !target.is_empty() && !target.contains(['\n', '\0']) && read::list(&beside.join(target)).is_ok();
        is_link.then(|| match self.shown.rsplit_once('/') {
            Some((parent, _)) => join(parent, target),
            None => target.to_owned(),
        })
    }

    /// A directory beside the one that is not there, with nearly its name: upper and lower case do not tell names apart
    /// on every system that it may have been written on. Or else the only one that holds a seal file.
    fn nearest(&self) -> Option<String> {
        let wanted = self.location.file_name()?.to_str()?.to_lowercase();
        let beside = self.location.parent()?;
        let distance = |name: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &wanted);
        let directories = read::list(beside).ok()?.into_iter().filter(|entry| entry.what == EntryKind::Directory);
        let names: Vec<String> = directories.filter_map(|entry| entry.name.into_string().ok()).collect();
        let moved = || {
            let mut sealed = names.iter().filter(|name| beside.join(name).join(SEAL_FILE).is_file());
            sealed.next().filter(|_| sealed.next().is_none())
        };
        let near = names.iter().filter(|name| distance(name) <= 2).min_by_key(|name| distance(name)).or_else(moved)?;
        match self.shown.rsplit_once('/') {
            Some((parent, _)) => Some(join(parent, near)),
            None => Some(near.clone()),
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

/// Where the command line looks for the migrations by itself.
const USUAL: &str = "migrations";

/// A command of graven for the directory that is shown so: it acts on another one where it is not told.
pub(super) fn graven(directory: &str, verb: &str) -> String {
    match dir_option(directory) {
        None => format!("graven {verb}"),
        Some(option) => format!("graven {verb} {option}"),
    }
}

/// What a command of graven says of the directory that is shown so, as a shell takes it: `--dir billing`. `None` for the
/// directory that it finds by itself.
#[must_use]
pub fn dir_option(directory: &str) -> Option<String> {
    (directory != USUAL).then(|| format!("--dir {}", quote(directory)))
}

/// How a directory is shown, as [`Set::directory`](super::Set::directory) has it. Nothing is read.
#[must_use]
pub fn shown(root: &Path, directory: &Path) -> String {
    locate(root, directory).shown
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
    use std::fs;
    use std::path::{Path, PathBuf};

    use tempfile::TempDir;

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

    #[test]
    fn what_was_not_packaged_is_mended_where_it_was_packaged() {
        let (_folder, root) = package(&["Cargo.toml", "Cargo.toml.orig"]);
        let unreadable = |directory: &str| {
            let place = locate(&root, Path::new(directory));
            place.unreadable(&fs::read_dir(&place.location).unwrap_err()).help
        };
        let spare = "let the `include` and `exclude` of its `Cargo.toml`, and its `.gitignore`, spare the whole \
                     directory, `seal.lock` among it, and package it again";
        assert_eq!(unreadable("migrations"), [spare]);
        assert_eq!(locate(&root, Path::new("migrations")).seal_absent().help, [spare]);
        assert_eq!(
            unreadable("../our db/migrations"),
            [
                "link the directory into the package, which cargo follows (`ln -s '../our db/migrations' migrations`), name \
              the link to the macro, and package it again"
            ]
        );
    }

    #[test]
    fn a_link_that_git_wrote_as_a_file_is_told_from_a_file() {
        let (_folder, root) = package(&["db/0001_a.sql", "app/notes"]);
        let app = root.join("app");
        fs::write(app.join("migrations"), "../db\n").unwrap();
        let unreadable = |directory: &str| {
            let place = locate(&app, Path::new(directory));
            place.unreadable(&fs::read_dir(&place.location).unwrap_err()).help
        };
        assert_eq!(
            unreadable("migrations"),
            [
                "name the directory that it points to: `../db`",
                "let git make links (`git config core.symlinks true`), and check the file out again"
            ]
        );
        assert_eq!(unreadable("notes"), ["name a directory that this build may read"]);
    }

    #[test]
    fn a_directory_of_another_case_is_named() {
        let (_folder, root) = package(&["migrations/seal.lock"]);
        let place = locate(&root, Path::new("MIGRATIONS"));
        // Where upper and lower case are one, it is there.
        if let Err(error) = fs::read_dir(&place.location) {
            assert!(place.unreadable(&error).help.contains(&"name `migrations`, which is there".to_owned()));
        }
    }

    /// A folder with these files, all of them empty. It goes away with the first of the two.
    fn package(files: &[&str]) -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("package");
        for file in files {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        (folder, root)
    }
}
