//! The migrations directory, loaded and checked, with its problems in words for those who sit at a command line.

mod find;

use std::fs::{File, TryLockError};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use graven::cli::__private::Words;
use graven_source::file_name::SEAL_FILE;
use graven_source::problem::{Problem, Row};
use graven_source::seal::{Mended, Seal, SealLine};
use graven_source::set::{Loaded, Migration, Paths, Sealing, Set, dir_option, quote, shown, unsealed_release};
use graven_source::{Kind, read};

use self::find::{Found, find};
use crate::arguments::Common;
use crate::command::summary::head_has;
use crate::failure::Failure;
use crate::output::Output;

/// Whether all migrations must be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    Sealed,
    Any,
}

impl From<bool> for Demand {
    fn from(sealed: bool) -> Self {
        if sealed { Self::Sealed } else { Self::Any }
    }
}

/// How long another process may hold the directory's lock: what is done under it takes far less.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(50);

/// The directory that was named, or the one that was found.
#[derive(Debug)]
pub(crate) struct Directory {
    /// The folder that the command runs in. It is absolute, so that a directory that is not there is named in full.
    here: PathBuf,
    pub(crate) path: PathBuf,
    /// Where else it was looked for, if it is nowhere.
    looked: Vec<PathBuf>,
    origin: Origin,
}

/// Who says which directory it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// Whoever typed the command.
    Named,
    Found,
}

impl Directory {
    pub(crate) fn of(common: &Common) -> Result<Self, Failure> {
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let (path, looked) = match &common.dir {
            Some(named) => (named.clone(), Vec::new()),
            None => match find(&here) {
                Found::There(path) => (path, Vec::new()),
                Found::Nowhere { belongs, looked } => (belongs, looked),
                Found::Several(several) => return Err(which_of(&several)),
            },
        };
        let origin = if common.dir.is_some() { Origin::Named } else { Origin::Found };
        Ok(Self { here, path, looked, origin })
    }

    /// What is typed for a command that acts on the same directory.
    pub(crate) fn words(common: &Common) -> Words {
        match Self::of(common) {
            Ok(directory) => words_on(&shown(&directory.here, &directory.path)),
            Err(_) => Words::of_the_command(),
        }
    }

    /// Loads it with everything that is wrong with it. Paths are shown relative to where the command runs.
    pub(crate) fn load(&self) -> Loaded {
        let mut loaded = Set::load(&self.here, &self.path, Paths::Any);
        for problem in &mut loaded.problems {
            match problem.rule.id {
                "directory-absent" if problem.path == loaded.set.directory => self.where_to_look(&loaded.set, problem),
                SEAL_ABSENT => how_to_have_a_seal(&loaded.set, problem),
                _ => {}
            }
        }
        loaded
    }

    /// Keeps others from changing it as long as what is given back lives: what they would write goes by what they have read
    /// before. Where the system cannot lock a directory, nobody is kept from anything. Another one is waited for, but not for
    /// ever: it may have been stopped.
    pub(crate) fn lock(&self, output: &Output) -> Result<Option<File>, Failure> {
        // A pipe would be waited for.
        if !self.path.is_dir() {
            return Ok(None);
        }
        let Ok(directory) = File::open(&self.path) else { return Ok(None) };
        let started = Instant::now();
        let mut is_told = false;
        loop {
            match directory.try_lock() {
                Ok(()) => return Ok(Some(directory)),
                Err(TryLockError::Error(_)) => return Ok(None),
                Err(TryLockError::WouldBlock) if started.elapsed() >= LOCK_PATIENCE => break,
                Err(TryLockError::WouldBlock) => {}
            }
            if !is_told {
                let shown = shown(&self.here, &self.path);
                output.progress(format!("waiting for another graven that is writing to {shown}"));
                is_told = true;
            }
            std::thread::sleep(LOCK_POLL);
        }
        Err(Failure::Failed(
            format!("another process has had {} locked for {LOCK_PATIENCE:?}", shown(&self.here, &self.path)),
            "see whether another `graven new`, `seal` or `renumber` is stopped there, end it, and try again".to_owned(),
        ))
    }

    /// Loads it for a verb that writes the seal file. What a merge left damaged is mended where that needs no decision;
    /// it is not written yet.
    pub(crate) fn load_to_write(&self) -> (Loaded, Option<Mended>) {
        let loaded = self.load();
        match mended(&loaded.set) {
            // What to do then is said where the conflict is.
            Some(mended) if mended.left_behind(|line| is_here(&loaded.set, line)).next().is_some() => (loaded, None),
            Some(mended) => {
                let as_if = Set::load_as_if(&self.here, &self.path, Paths::Any, mended.seal.clone());
                // What no head vouches for has to be what `graven seal` would have written.
                let fits = mended.added.iter().all(|line| fits(&as_if.set, line));
                if fits { (as_if, Some(mended)) } else { (loaded, None) }
            }
            None => (loaded, None),
        }
    }

    fn where_to_look(&self, set: &Set, problem: &mut Problem) {
        // Above what the system says, where it says something.
        let rest: Vec<Row> = problem.rows.drain(..).filter(|row| row.label != "looked at").collect();
        let places = std::iter::once(("looked at", &self.path)).chain(self.looked.iter().map(|path| ("and at", path)));
        let row = |(label, path): (&str, &PathBuf)| Row {
            label: label.to_owned(),
            text: plain(&self.here.join(path)).display().to_string(),
        };
        problem.rows = places.map(row).chain(rest).collect();
        problem.notes = vec![match self.looked.is_empty() {
            true => "a relative path starts where the command runs".to_owned(),
            false => "it is looked for where the command runs, in the package around, and in its workspace".to_owned(),
        }];
        // Of the ways out, the one that names a directory of nearly this name stays.
        problem.help.retain(|help| help.ends_with("which is there"));
        let is_lost = !self.path.exists() && seal_is_lost(set);
        if is_lost {
            problem.help.insert(0, format!("take it back from git: `git checkout HEAD -- {}`", quote(&set.directory)));
        }
        problem.help.push("name another one with `--dir DIR`".to_owned());
        if is_lost {
            let (directory, seal_file) = (quote(&set.directory), quote(&set.path_of(SEAL_FILE)));
            problem.help.push(format!("begin anew, if that is meant: `mkdir -p {directory} && touch {seal_file}`"));
        } else if !self.path.exists() {
            let new = match self.origin {
                // Without being told, it might find another one further up.
                Origin::Named => format!("graven new NAME --dir {}", quote(&set.directory)),
                Origin::Found => set.graven("new NAME"),
            };
            problem.help.push(format!("let `{new}` make it with the first migration"));
        }
    }
}

/// The rule of a seal file that is not there.
const SEAL_ABSENT: &str = "seal-absent";

/// Whether the seal file is gone that the last commit has: a new one would seal whatever the files hold by now.
pub(crate) fn seal_is_lost(set: &Set) -> bool {
    let file = set.location.join(SEAL_FILE);
    file.symlink_metadata().is_err() && head_has(&file)
}

/// Whether a verb may go on without a seal file, and write a new one.
pub(crate) fn may_begin_a_seal(set: &Set, problem: &Problem) -> bool {
    problem.rule.id == SEAL_ABSENT && !seal_is_lost(set)
}

/// Git is asked whether it has the seal file, and nobody has to try what cannot help.
fn how_to_have_a_seal(set: &Set, problem: &mut Problem) {
    let takes_back = |help: &String| help.contains("git checkout ");
    if !seal_is_lost(set) {
        problem.help.retain(|help| !takes_back(help));
        return;
    }
    let file = quote(&set.path_of(SEAL_FILE));
    problem.notes.push("the last commit has one, and what it seals must not change".to_owned());
    problem.help = vec![
        format!("take it back from git: `git checkout HEAD -- {file}`"),
        format!("begin a new one, if that is meant: `touch {file}`"),
    ];
}

/// What is typed for a command that acts on the directory that is shown so.
pub(crate) fn words_on(directory: &str) -> Words {
    Words::of_the_command().with_option(dir_option(directory))
}

/// A path without the `..` that led to it.
pub(crate) fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if plain.parent().is_some() => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

fn which_of(several: &[PathBuf]) -> Failure {
    let named: Vec<String> = several.iter().map(|path| format!("`--dir {}`", quote(&path.to_string_lossy()))).collect();
    Failure::Usage("several packages here have migrations".to_owned(), format!("say which: {}", named.join(" or ")))
}

/// Loads the directory for a verb that needs a database. Without a seal file it works, with a warning, unless
/// `demand` says that all must be sealed.
pub(crate) fn load_to_run(common: &Common, demand: Demand, output: &Output) -> Result<Set, Failure> {
    let Loaded { set, mut problems, .. } = Directory::of(common)?.load();
    if demand == Demand::Any {
        problems.retain(|problem| {
            let absent = problem.rule.id == SEAL_ABSENT;
            if absent {
                let remedy = match seal_is_lost(&set) {
                    true => format!("git checkout HEAD -- {}", quote(&set.path_of(SEAL_FILE))),
                    false => set.graven("seal"),
                };
                output.warning(format!("{}: nothing guards them against edits (`{remedy}`)", problem.message));
            }
            !absent
        });
    }
    problems.extend(unsealed(&set, demand));
    if !problems.is_empty() {
        return Err(Failure::Problems(problems));
    }
    warn_of_stubs(&set, not_written_yet(&set), output);
    Ok(set)
}

/// What a demand for seals finds.
pub(crate) fn unsealed(set: &Set, demand: Demand) -> Option<Problem> {
    if demand == Demand::Any || set.seal.is_none() {
        return None;
    }
    let mut problem = unsealed_release(set)?;
    // Nothing is built here, and who runs this command can run the other.
    problem.message = problem.message.replace(", and this is a release build", "");
    problem.help = vec![format!("run `{}` and commit the file", set.graven("seal"))];
    Some(problem)
}

/// The migrations that may still change and hold no statement: mostly made by `graven new` a moment ago.
pub(crate) fn not_written_yet(set: &Set) -> impl Iterator<Item = &Migration> {
    set.migrations.iter().filter(|found| found.sealing == Sealing::Unsealed && found.holds_no_statement())
}

/// Tells people of migrations that hold no statement.
pub(crate) fn warn_of_stubs<'a>(set: &Set, stubs: impl Iterator<Item = &'a Migration>, output: &Output) {
    stubs.filter(|_| !output.is_json()).for_each(|stub| output.warning(of_stub(set, stub)));
}

/// What is said of a migration that holds no statement. That is allowed, and once it is applied it is too late.
pub(crate) fn of_stub(set: &Set, stub: &Migration) -> String {
    format!("{} holds no statement: once it is applied, what is written into it will not run", set.path_of(&stub.file))
}

/// What a seal file that a merge left damaged comes to.
fn mended(set: &Set) -> Option<Mended> {
    if set.seal.is_some() {
        return None;
    }
    let file = set.location.join(SEAL_FILE);
    // A pipe would be waited for.
    if !file.is_file() {
        return None;
    }
    let text = read::read(&file).ok()?;
    Seal::mend(&graven_source::normalise(String::from_utf8(text).ok()?)).ok()
}

/// Whether the migration of a line is there, whatever its text.
fn is_here(set: &Set, line: &SealLine) -> bool {
    of_kind(set, line.kind)
        .iter()
        .any(|found| (found.version, found.name.as_str()) == (line.version, line.name.as_str()))
}

fn of_kind(set: &Set, kind: Kind) -> &[Migration] {
    if kind == Kind::Baseline { &set.baselines } else { &set.migrations }
}

/// Whether a line says of its migration what is there.
fn fits(set: &Set, line: &SealLine) -> bool {
    let Some(checksum) = line.checksum() else { return true };
    of_kind(set, line.kind).iter().any(|found| {
        (found.version, found.name.as_str(), found.checksum) == (line.version, line.name.as_str(), checksum)
    })
}

/// Writes the seal file.
pub(crate) fn write_seal(set: &Set, seal: &Seal) -> Result<(), Failure> {
    let shown = set.path_of(SEAL_FILE);
    read::write(&set.location.join(SEAL_FILE), &seal.render())
        .map_err(|error| Failure::io("write", Path::new(&shown), &error))
}
