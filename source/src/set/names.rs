//! The files of a directory, sorted out by their names alone.

use super::free::Free;
use super::place::Place;
use super::together;
use crate::file_name::{self, FileName, Kind, Refusal, SEAL_FILE, Suggestion};
use crate::problem::Problem;
use crate::read::{self, Entry, EntryKind};
use crate::rule;
use crate::seal::Seal;
use crate::version::Version;

/// A migration's file that has not been read yet.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) file: String,
    pub(super) kind: Kind,
    pub(super) version: Option<Version>,
    pub(super) spelling: String,
    pub(super) name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SealFile {
    There,
    Absent,
}

/// What lies in a directory.
pub(super) struct Listing {
    pub(super) migrations: Vec<Named>,
    pub(super) seal: SealFile,
    /// The names of all files that are to be read.
    pub(super) files: Vec<String>,
    /// Names that need a version that is free, and so the whole listing: the file and the problem so far.
    nameless: Vec<(String, Problem, String)>,
}

/// Sorts out what a directory holds. What is wrong with a name alone is reported at once; [`Listing::check`] reports
/// what is wrong with names among others.
pub(super) fn sort_out(place: &Place, entries: Vec<Entry>, problems: &mut Vec<Problem>) -> Listing {
    let mut listing =
        Listing { migrations: Vec::new(), seal: SealFile::Absent, files: Vec::new(), nameless: Vec::new() };
    for entry in entries {
        let Ok(file) = entry.name.into_string().map_err(|name| {
            problems.push(place.name_not_utf8(&name.to_string_lossy()));
        }) else {
            continue;
        };
        match (file_name::parse(&file), entry.what) {
            (FileName::LeftAlone, _) => {}
            (_, EntryKind::Directory) => listing.directory(place, file, problems),
            (_, EntryKind::DeadLink) => {
                problems.push(place.unreadable_file(&file, "it is a link to a file that is gone"))
            }
            (_, EntryKind::Other) => problems.push(place.stray(&file, "it is neither a file nor a link to one")),
            (FileName::Seal, EntryKind::File) => {
                listing.seal = SealFile::There;
                listing.files.push(file);
            }
            (FileName::Migration(found), EntryKind::File) => {
                listing.migrations.push(Named {
                    kind: found.kind,
                    version: found.version,
                    spelling: found.spelling().to_owned(),
                    name: found.name().to_owned(),
                    file: file.clone(),
                });
                listing.files.push(file);
            }
            (FileName::Refused(refusal), EntryKind::File) => listing.refused(place, &file, refusal, problems),
        }
    }
    listing
}

impl Listing {
    fn refused(&mut self, place: &Place, file: &str, refusal: Refusal<'_>, problems: &mut Vec<Problem>) {
        match refusal {
            Refusal::Stray { should_be: None } => problems.push(place.stray(file, "it is not a migration")),
            Refusal::Stray { should_be: Some(should_be) } => {
                let problem = place.stray(file, "it differs from a name of graven's by its case");
                problems.push(Problem { help: vec![renamed(place, file, &should_be)], ..problem });
            }
            Refusal::NoKind { reason, should_be: Suggestion::Name(name) } => {
                let problem = place.no_kind(file, reason);
                problems.push(problem.help(renamed(place, file, &name)));
            }
            Refusal::NoKind { reason, should_be: Suggestion::NextVersion(rest) } => {
                self.nameless.push((file.to_owned(), place.no_kind(file, reason), rest));
            }
            Refusal::VersionTooLarge { spelling, rest } => {
                let message = format!("version {spelling} is too large");
                let problem = Problem::new(&rule::VERSION_RANGE, place.path_of(file), message)
                    .note(format!("the history table keeps it as a `bigint`, which holds up to {}", Version::MAX));
                self.nameless.push((file.to_owned(), problem, rest.to_owned()));
            }
        }
    }

    /// A directory may be a migration as diesel has it: `2026-01-31-093000_create_users/up.sql`.
    fn directory(&mut self, place: &Place, name: String, problems: &mut Vec<Problem>) {
        let problem = place.stray(&name, "it is a directory, which is not looked into");
        let within = read::list(&place.location.join(&name)).unwrap_or_default();
        let has = |file: &str| within.iter().any(|entry| entry.name == file);
        let Some((version, rest)) = of_diesel(&name).filter(|_| has("up.sql")) else {
            problems.push(problem);
            return;
        };
        let moves = [("up.sql", "up"), ("down.sql", "down")].into_iter().filter(|(file, _)| has(file));
        let moves: Vec<String> = moves
            .map(|(file, kind)| place.git_mv(&format!("{name}/{file}"), &format!("{version}_{rest}.{kind}.sql")))
            .collect();
        let help = format!("it is laid out as diesel would have it; take its files out:\n{}", moves.join("\n"));
        problems.push(Problem { help: vec![help], ..problem });
    }

    /// The versions that no migration has, above all that do.
    pub(super) fn free(&self, seal: Option<&Seal>) -> Free {
        let there = self.migrations.iter().filter_map(|named| Some((named.version?, named.spelling.len())));
        let sealed = seal.into_iter().flat_map(Seal::lines).map(|line| (line.version, line.spelling.len()));
        Free::above(there.chain(sealed))
    }

    /// Reports what only shows when all names are known.
    pub(super) fn check(&self, place: &Place, seal: Option<&Seal>, free: &mut Free, problems: &mut Vec<Problem>) {
        together::check(place, &self.migrations, seal, free, problems);
        for (file, problem, rest) in &self.nameless {
            let problem = problem.clone();
            problems.push(match free.next() {
                Some(version) => problem.help(renamed(place, file, &format!("{version}{rest}"))),
                None => problem.help("give it a version that is free"),
            });
        }
    }
}

fn renamed(place: &Place, file: &str, name: &str) -> String {
    format!("rename it:\n{}", place.git_mv(file, name))
}

/// A directory as diesel has it, as a version and a name.
fn of_diesel(directory: &str) -> Option<(String, &str)> {
    let digits = directory.bytes().take_while(u8::is_ascii_digit).count();
    let (version, rest) = directory.split_at(digits);
    match rest.strip_prefix('_') {
        Some(name) => version.parse::<Version>().is_ok().then(|| (version.to_owned(), name)),
        None => file_name::dated(version, rest),
    }
}

impl Place {
    fn no_kind(&self, file: &str, reason: &str) -> Problem {
        Problem::new(&rule::FILE_NAME, self.path_of(file), format!("`{file}` is not the name of a migration: {reason}"))
    }

    fn stray(&self, file: &str, reason: &str) -> Problem {
        Problem::new(&rule::STRAY_FILE, self.path_of(file), format!("`{file}` does not belong here: {reason}"))
            .help("move it elsewhere")
            .help("give it a name that begins with a dot")
    }

    fn name_not_utf8(&self, file: &str) -> Problem {
        let rule = if file.to_ascii_lowercase().ends_with(".sql") { &rule::FILE_NAME } else { &rule::STRAY_FILE };
        Problem::new(rule, self.path_of(file), format!("the file name `{file}` is not UTF-8"))
            .help("give it a name in UTF-8")
    }

    /// A file that is there and cannot be read.
    pub(super) fn unreadable_file(&self, file: &str, reason: &str) -> Problem {
        let message = format!("`{file}` cannot be read");
        let problem = Problem::new(&rule::DIRECTORY_ABSENT, self.path_of(file), message).row("the system says", reason);
        match file {
            SEAL_FILE => problem.note("it says which migrations must not change any more"),
            _ => problem,
        }
    }
}
