//! The migrations directory, loaded and checked, with its problems in words for who sits at a command line.

use std::path::{Path, PathBuf};

use graven_source::file_name::SEAL_FILE;
use graven_source::problem::Problem;
use graven_source::read;
use graven_source::seal::Seal;
use graven_source::set::{Loaded, Paths, Set, unsealed_release};

use crate::arguments::Common;
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

/// Loads the directory with everything that is wrong with it. Paths are shown relative to where the command runs.
pub(crate) fn load(common: &Common) -> Loaded {
    // An absolute root, so that a directory that is not there is named in full.
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let mut loaded = Set::load(&here, &common.dir, Paths::Any);
    for problem in &mut loaded.problems {
        match problem.rule.id {
            "directory-absent" if problem.path == loaded.set.directory => where_to_look(problem, common),
            "seal-damaged" if mended_seal(&loaded.set).is_some() => {
                problem.help.insert(0, "let `graven seal` keep all lines and write the `head` anew".to_owned());
            }
            _ => {}
        }
    }
    loaded
}

/// Loads the directory for a verb that needs a database. Without a seal file it works, with a warning, unless
/// `demand` says that all must be sealed.
pub(crate) fn load_to_run(common: &Common, demand: Demand, output: &Output) -> Result<Set, Failure> {
    let Loaded { set, mut problems, .. } = load(common);
    if demand == Demand::Any {
        problems.retain(|problem| {
            let absent = problem.rule.id == "seal-absent";
            if absent {
                output.warning(format!("{}: nothing guards them against edits (`graven seal`)", problem.message));
            }
            !absent
        });
    }
    problems.extend(set.not_run_yet());
    problems.extend(unsealed(&set, demand));
    if problems.is_empty() { Ok(set) } else { Err(Failure::Problems(problems)) }
}

/// What a demand for seals finds.
pub(crate) fn unsealed(set: &Set, demand: Demand) -> Option<Problem> {
    if demand == Demand::Any || set.seal.is_none() {
        return None;
    }
    let mut problem = unsealed_release(set)?;
    // Nothing is built here, and who runs this command can run `graven seal`.
    problem.message = problem.message.replace(", and this is a release build", "");
    problem.help = vec!["run `graven seal` and commit the file".to_owned()];
    Some(problem)
}

/// What a damaged seal file would be with all its lines in order and a `head` that matches them, where that makes
/// sense: after a merge, whether its markers are still there or not.
pub(crate) fn mended_seal(set: &Set) -> Option<Seal> {
    if set.seal.is_some() {
        return None;
    }
    let text = read::read(&set.location.join(SEAL_FILE)).ok()?;
    Seal::united(&graven_source::normalise(String::from_utf8(text).ok()?))
}

/// Writes the seal file.
pub(crate) fn write_seal(set: &Set, seal: &Seal) -> Result<(), Failure> {
    let shown = set.path_of(SEAL_FILE);
    read::write(&set.location.join(SEAL_FILE), &seal.render())
        .map_err(|error| Failure::io("write", Path::new(&shown), &error))
}

fn where_to_look(problem: &mut Problem, common: &Common) {
    problem.notes = vec!["a relative path starts where the command runs".to_owned()];
    // Of the ways out, the one that names a directory of nearly this name stays.
    problem.help.retain(|help| help.ends_with("which is there"));
    problem.help.push("name another one with `--dir DIR`".to_owned());
    if !common.dir.exists() {
        problem.help.push("let `graven new NAME` make it with the first migration".to_owned());
    }
}
