//! The files of a directory, sorted out by their names alone.

use std::collections::{HashMap, HashSet};

use super::place::Place;
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
                let command = place.git_mv(file, &should_be);
                problems.push(Problem { help: vec![format!("rename it: `{command}`")], ..problem });
            }
            Refusal::NoKind { reason, should_be: Suggestion::Name(name) } => {
                let problem = place.no_kind(file, reason);
                problems.push(problem.help(format!("rename it: `{}`", place.git_mv(file, &name))));
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

    /// Reports what only shows when all names are known.
    pub(super) fn check(&self, place: &Place, seal: Option<&Seal>, problems: &mut Vec<Problem>) {
        let mut free = self.free(seal);
        self.duplicate_versions(place, seal, &mut free, problems);
        self.duplicate_names(place, problems);
        self.reverses(place, problems);
        self.baselines(place, problems);
        for (file, problem, rest) in &self.nameless {
            let problem = problem.clone();
            problems.push(match free.next() {
                Some(version) => {
                    let command = place.git_mv(file, &format!("{version}{rest}"));
                    problem.help(format!("rename it: `{command}`"))
                }
                None => problem.help("give it a version that is free"),
            });
        }
    }

    /// The versions that no migration has, above all that do.
    pub(super) fn free(&self, seal: Option<&Seal>) -> Free {
        let there = self.migrations.iter().filter_map(|named| Some((named.version?, named.spelling.len())));
        let sealed = seal.into_iter().flat_map(Seal::lines).map(|line| (line.version, line.spelling.len()));
        Free::above(there.chain(sealed))
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Named> {
        self.migrations.iter().filter(move |named| named.kind == kind)
    }

    fn duplicate_versions(&self, place: &Place, seal: Option<&Seal>, free: &mut Free, problems: &mut Vec<Problem>) {
        for kind in [Kind::Versioned, Kind::Baseline, Kind::Reverse] {
            let mut kept: HashMap<(Version, &str), &Named> = HashMap::new();
            let mut named: Vec<&Named> = self.of_kind(kind).collect();
            // The one that is sealed stays, and otherwise the first one.
            named.sort_by_cached_key(|named| !is_sealed(seal, named));
            for named in named {
                let Some(version) = named.version else { continue };
                // A reverse belongs to the migration of its name: two of other names move with their migrations.
                let name = if kind == Kind::Reverse { named.name.as_str() } else { "" };
                match kept.get(&(version, name)) {
                    Some(first) => problems.push(self.duplicate_version(place, named, first, free)),
                    None => {
                        kept.insert((version, name), named);
                    }
                }
            }
        }
    }

    fn duplicate_version(&self, place: &Place, named: &Named, first: &Named, free: &mut Free) -> Problem {
        let what = match named.kind {
            Kind::Versioned => "migrations have",
            Kind::Baseline => "baselines have",
            _ => "reverses of one name have",
        };
        let version = named.version.unwrap_or(Version::ZERO);
        let problem =
            Problem::new(&rule::DUPLICATE_VERSION, place.path_of(&named.file), format!("two {what} version {version}"))
                .row("the other", place.path_of(&first.file))
                .note("a database remembers a migration by its version");
        if named.kind == Kind::Reverse || named.name == first.name {
            return problem.help("delete the one that is not meant");
        }
        if named.kind == Kind::Baseline {
            return problem.help("keep one baseline a version");
        }
        match free.next() {
            Some(version) => {
                problem.help(format!("give it the next free version:\n{}", self.moved(place, named, &version)))
            }
            None => problem.help("give it a version that is free"),
        }
    }

    /// The commands that give a migration another version, and its reverse with it.
    pub(super) fn moved(&self, place: &Place, named: &Named, version: &str) -> String {
        let reverse =
            self.of_kind(Kind::Reverse).find(|reverse| reverse.version == named.version && reverse.name == named.name);
        let moves: Vec<String> = [Some(named), reverse]
            .into_iter()
            .flatten()
            .map(|named| {
                let rest = named.file.get(named.spelling.len()..).unwrap_or_default();
                place.git_mv(&named.file, &format!("{version}{rest}"))
            })
            .collect();
        moves.join("\n")
    }

    fn duplicate_names(&self, place: &Place, problems: &mut Vec<Problem>) {
        let mut kept: HashMap<String, &Named> = HashMap::new();
        for named in self.of_kind(Kind::Repeatable) {
            match kept.get(&named.name.to_lowercase()) {
                Some(first) => problems.push(
                    Problem::new(
                        &rule::DUPLICATE_NAME,
                        place.path_of(&named.file),
                        format!("two repeatables have the name `{}`", named.name),
                    )
                    .row("the other", place.path_of(&first.file))
                    .note("upper and lower case do not tell them apart on every file system")
                    .help("give one of them another name"),
                ),
                None => {
                    kept.insert(named.name.to_lowercase(), named);
                }
            }
        }
    }

    fn reverses(&self, place: &Place, problems: &mut Vec<Problem>) {
        let forward: HashSet<(Option<Version>, &str)> =
            self.of_kind(Kind::Versioned).map(|named| (named.version, named.name.as_str())).collect();
        for reverse in self.of_kind(Kind::Reverse) {
            if !forward.contains(&(reverse.version, reverse.name.as_str())) {
                problems.push(self.alone(place, reverse));
            }
        }
    }

    fn alone(&self, place: &Place, reverse: &Named) -> Problem {
        let (path, version) = (place.path_of(&reverse.file), reverse.version.unwrap_or(Version::ZERO));
        let same_version = self.of_kind(Kind::Versioned).find(|named| named.version == reverse.version);
        let same_name = self.of_kind(Kind::Versioned).find(|named| named.name == reverse.name);
        let rename = |named: &Named| {
            let to = format!("{}_{}.down.sql", named.spelling, named.name);
            format!(
                "if it takes back {}, rename it: `{}`",
                place.path_of(&named.file),
                place.git_mv(&reverse.file, &to)
            )
        };
        let message = match same_version {
            Some(_) => format!("reverse {version} has another name than its migration"),
            None => format!("reverse {version} has no migration of its version"),
        };
        let mut problem = Problem::new(&rule::REVERSE_WITHOUT_FORWARD, path, message);
        for named in [same_version, same_name].into_iter().flatten() {
            problem = problem.help(rename(named));
        }
        problem.help("delete it")
    }

    fn baselines(&self, place: &Place, problems: &mut Vec<Problem>) {
        let versions: HashSet<Version> = self.of_kind(Kind::Versioned).filter_map(|named| named.version).collect();
        for baseline in self.of_kind(Kind::Baseline) {
            let Some(version) = baseline.version.filter(|version| !versions.contains(version)) else { continue };
            let message = format!("baseline {version} stands for no migration: none has its version");
            let problem = Problem::new(&rule::BASELINE_OF_NOTHING, place.path_of(&baseline.file), message);
            let below = self.of_kind(Kind::Versioned).filter(|named| named.version < Some(version));
            problems.push(match below.max_by_key(|named| named.version) {
                Some(last) => {
                    let to = format!("{}_{}.baseline.sql", last.spelling, baseline.name);
                    let command = place.git_mv(&baseline.file, &to);
                    problem.help(format!("give it the version of the last migration that it stands for: `{command}`"))
                }
                None => problem.help("keep the migrations that it stands for, for the databases that began with them"),
            });
        }
    }
}

fn is_sealed(seal: Option<&Seal>, named: &Named) -> bool {
    let line = named.version.and_then(|version| seal?.line(version, named.kind));
    line.is_some_and(|line| line.checksum().is_some() && line.name == named.name)
}

/// `2026-01-31-093000_create_users` as a version and a name.
fn of_diesel(directory: &str) -> Option<(String, &str)> {
    let (version, name) = directory.split_once('_')?;
    let digits: String = version.chars().filter(|c| *c != '-').collect();
    let is_one = !digits.is_empty() && digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_one && !name.is_empty()).then_some((digits, name))
}

/// Hands out versions that are free, spelt as wide as those that are taken.
pub(super) struct Free {
    next: Option<Version>,
    width: usize,
}

impl Free {
    /// The versions above all of these, which are given with the width of their spelling.
    pub(super) fn above(taken: impl Iterator<Item = (Version, usize)>) -> Self {
        match taken.max() {
            Some((version, width)) => Self { next: version.next(), width },
            None => Self { next: Version::ZERO.next(), width: 4 },
        }
    }

    /// The next one, with leading zeros as its neighbours have them.
    pub(super) fn next(&mut self) -> Option<String> {
        let version = self.next?;
        self.next = version.next();
        Some(format!("{:0width$}", version.value(), width = self.width))
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
