//! What is wrong with the names of migrations among one another: duplicates, and reverses and baselines without the
//! migration that they belong to.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::fates::{Leaving, Why};
use super::moves::{Basis, Moves};
use super::names::Named;
use super::place::{Place, UNKNOWN_TO_GIT, UNKNOWN_TO_GIT_RM};
use crate::file_name::Kind;
use crate::problem::Problem;
use crate::rule;
use crate::seal::Seal;
use crate::version::Version;

pub(super) fn check(
    place: &Place,
    migrations: &[Named],
    basis: Basis<'_>,
    moves: &Moves<'_>,
    problems: &mut Vec<Problem>,
) {
    let of_kind = |kind: Kind| migrations.iter().filter(move |named| named.kind == kind);
    let with_version = |kind: Kind| of_kind(kind).filter_map(|named| Some((named.version?, named)));
    let together = Together { place, basis, moves };

    together.versioned(problems);
    together.duplicates(with_version(Kind::Baseline), problems);
    together.duplicates(with_version(Kind::Reverse), problems);
    together.duplicate_names(of_kind(Kind::Repeatable), problems);
    together.reverses(with_version(Kind::Versioned), with_version(Kind::Reverse), problems);
    together.baselines(with_version(Kind::Versioned), with_version(Kind::Baseline), problems);
}

/// As many migrations as may go together before their commands are too long to come first.
const FEW: usize = 4;

struct Together<'a> {
    place: &'a Place,
    basis: Basis<'a>,
    moves: &'a Moves<'a>,
}

impl<'a> Together<'a> {
    /// Migrations that cannot keep their version. Of those that stand in the place of a sealed one, the problem of that
    /// one tells.
    fn versioned(&self, problems: &mut Vec<Problem>) {
        for leaving in &self.moves.fates.leaving {
            match leaving.why {
                Why::Duplicate(first) => {
                    let problem = self.duplicate(leaving.version, leaving.named, first);
                    problems.push(self.renumbered(leaving, problem));
                }
                Why::Inserted(head) => problems.push(self.renumbered(leaving, self.inserted(leaving, head))),
                // Of what overtakes it, and takes it along, a problem tells.
                Why::Displaced | Why::Overtaken => {}
            }
        }
        for (version, named, twin) in &self.moves.fates.twins {
            let problem = self.duplicate(*version, named, twin);
            problems.push(match named.name == twin.name {
                true => self.one_of_two(problem, named, twin),
                false => self.copy(problem, named, twin),
            });
        }
    }

    /// Two of one text: to give one of them another version would be to run it twice.
    fn copy(&self, problem: Problem, named: &Named, other: &Named) -> Problem {
        let path = self.place.path_of(&other.file);
        if !self.is_sealed(other) {
            return self.one_of_two(problem.note("one is a copy of the other: they have one text"), named, other);
        }
        let delete = self.place.git_rm(&named.file);
        problem
            .note(format!("it is a copy of {path}: they have one text"))
            .help(format!("delete the copy: `{delete}` {UNKNOWN_TO_GIT_RM}"))
    }

    fn duplicate(&self, version: Version, named: &Named, first: &Named) -> Problem {
        let what = match named.kind {
            Kind::Baseline => "baselines",
            Kind::Reverse => "reverses",
            _ => "migrations",
        };
        let message = format!("two {what} have version {version}");
        Problem::new(&rule::DUPLICATE_VERSION, self.place.path_of(&named.file), message)
            .row("the other", self.place.path_of(&first.file))
            .note("a database remembers a migration by its version")
    }

    fn inserted(&self, leaving: &Leaving<'_>, head: Version) -> Problem {
        let message = format!("new migration {} lies below the sealed head {head}", leaving.version);
        Problem::new(&rule::INSERTED_BEFORE_SEAL, self.place.path_of(&leaving.named.file), message)
            .note(format!("databases that are at {head} already would have to apply it out of order"))
    }

    /// With the version that a migration should have.
    fn renumbered(&self, leaving: &Leaving<'_>, problem: Problem) -> Problem {
        let together = self.moves.line_of(leaving.named).len();
        let what = match together {
            1 => "give it the next free version",
            _ => "give it the next free version, and take along what comes after it, so that the order stays",
        };
        let graven = self.place.graven(&format!("renumber {}", leaving.version));
        match self.moves.commands(self.place, leaving.named) {
            Some(commands) if together > FEW => problem
                .help(format!("{what}: `{graven}`"))
                .help(format!("do that by hand {UNKNOWN_TO_GIT}:\n{commands}")),
            Some(commands) => {
                problem.help(format!("{what} {UNKNOWN_TO_GIT}:\n{commands}")).help(format!("let `{graven}` do that"))
            }
            None if let Some(first) = self.moves.taken_along_by(leaving.named) => {
                let first = self.place.path_of(&first.file);
                problem.help(format!("do what is said of {first}, which comes before it: this one goes along"))
            }
            None if matches!(self.basis, Basis::Unknown) => {
                problem.help("mend the seal file first, which says which of them keeps its version")
            }
            None => problem.help("give it a version that is free"),
        }
    }

    /// Baselines of one version, and reverses of one version and name.
    fn duplicates(&self, named: impl Iterator<Item = (Version, &'a Named)>, problems: &mut Vec<Problem>) {
        let mut named: Vec<_> = named.collect();
        // The one that is sealed stays, and otherwise the first one.
        named.sort_by_cached_key(|(_, named)| !self.is_sealed(named));
        let mut kept: HashMap<(Version, &str), &Named> = HashMap::new();
        for (version, named) in named {
            let name = if named.kind == Kind::Reverse { named.name.as_str() } else { "" };
            match kept.get(&(version, name)) {
                Some(first) => problems.push(self.one_of_two(self.duplicate(version, named, first), named, first)),
                None => {
                    kept.insert((version, name), named);
                }
            }
        }
    }

    /// The ways out where one of two is to go: not the one that is sealed.
    fn one_of_two(&self, problem: Problem, one: &Named, other: &Named) -> Problem {
        let delete = |named: &Named| format!("`{}` {UNKNOWN_TO_GIT_RM}", self.place.git_rm(&named.file));
        match (self.is_sealed(one), self.is_sealed(other)) {
            (false, true) => problem.help(format!("delete the one that is not sealed: {}", delete(one))),
            (true, false) => problem.help(format!("delete the one that is not sealed: {}", delete(other))),
            _ => problem
                .help(format!("delete the one that is not meant: {}", delete(one)))
                .help(format!("keep it, and delete the other: {}", delete(other))),
        }
    }

    fn is_sealed(&self, named: &Named) -> bool {
        let of_version = |seal: &'a Seal| seal.line(named.version?, named.kind);
        let line = self.basis.seal().and_then(of_version);
        line.is_some_and(|line| line.checksum().is_some() && line.name == named.name)
    }

    fn duplicate_names(&self, repeatables: impl Iterator<Item = &'a Named>, problems: &mut Vec<Problem>) {
        let mut kept: HashMap<String, &Named> = HashMap::new();
        for named in repeatables {
            let Some(first) = kept.get(&named.name.to_lowercase()) else {
                kept.insert(named.name.to_lowercase(), named);
                continue;
            };
            let message = format!("two repeatables have the name `{}`", named.name);
            let problem = Problem::new(&rule::DUPLICATE_NAME, self.place.path_of(&named.file), message)
                .row("the other", self.place.path_of(&first.file))
                .note("upper and lower case do not tell them apart on every file system");
            let other = format!("{}_2.repeatable.sql", named.name);
            problems.push(match kept.contains_key(&format!("{}_2", named.name.to_lowercase())) {
                true => problem.help("give one of them another name"),
                false => {
                    let command = self.place.git_mv(&named.file, &other);
                    problem.help(format!("give one of them another name {UNKNOWN_TO_GIT}:\n{command}"))
                }
            });
        }
    }

    fn reverses(
        &self,
        versioned: impl Iterator<Item = (Version, &'a Named)>,
        reverses: impl Iterator<Item = (Version, &'a Named)> + Clone,
        problems: &mut Vec<Problem>,
    ) {
        // Most sets have none.
        if reverses.clone().next().is_none() {
            return;
        }
        let mut by_version: HashMap<Version, Vec<&Named>> = HashMap::new();
        let mut by_name: HashMap<&str, Vec<&Named>> = HashMap::new();
        for (version, named) in versioned {
            by_version.entry(version).or_default().push(named);
            by_name.entry(&named.name).or_default().push(named);
        }
        let awaited = self.moves.given();
        let is_awaited = |version: Version, reverse: &Named| {
            let line = self.basis.seal().and_then(|seal| seal.line(version, Kind::Versioned));
            let sealed = line.filter(|line| line.checksum().is_some());
            sealed.is_some_and(|line| line.name == reverse.name) || awaited.contains(&(version, reverse.name.clone()))
        };
        let there: HashSet<(Version, &str)> =
            reverses.clone().map(|(version, reverse)| (version, reverse.name.as_str())).collect();
        let mut given: HashSet<String> = HashSet::new();
        for (version, reverse) in reverses {
            let of_version = by_version.get(&version).map(Vec::as_slice).unwrap_or_default();
            let forward = of_version.iter().find(|named| named.name == reverse.name);
            // Its migration goes where another reverse is.
            let is_left = |forward: &&&Named| {
                self.moves.name_of(&forward.file).is_some() && self.moves.name_of(&reverse.file).is_none()
            };
            if forward.is_some() && forward.filter(is_left).is_none() {
                continue;
            }
            if forward.is_none() && is_awaited(version, reverse) {
                continue;
            }
            let of_version = if forward.is_some() { &[] } else { of_version };
            let of_name = by_name.get(reverse.name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let candidates = of_version.iter().chain(of_name).copied();
            let is_without = |named: &&Named| {
                let (spelling, name) = self.moves.in_the_end(named);
                let (now, then) = (named.version, spelling.parse::<Version>().ok());
                let has = |version: Option<Version>, name| version.is_some_and(|it| there.contains(&(it, name)));
                !has(now, named.name.as_str()) && !has(then, name)
            };
            problems.push(self.alone(version, reverse, candidates.filter(is_without), &mut given));
        }
    }

    /// A reverse without its migration. `candidates` are those of its version and of its name that have none; `given`
    /// are the names that others were told to take.
    fn alone(
        &self,
        version: Version,
        reverse: &Named,
        candidates: impl Iterator<Item = &'a Named>,
        given: &mut HashSet<String>,
    ) -> Problem {
        let path = self.place.path_of(&reverse.file);
        let delete = format!("delete it: `{}` {UNKNOWN_TO_GIT_RM}", self.place.git_rm(&reverse.file));
        let message = format!("reverse {version} has no migration of its version and name");
        let mut problem = Problem::new(&rule::REVERSE_WITHOUT_FORWARD, path, message)
            .note("it would never run, or take back another migration than the one it was written for");
        for named in candidates {
            let (spelling, name) = self.moves.in_the_end(named);
            let name = format!("{spelling}_{name}.down.sql");
            let forward = self.place.path_of(&named.file);
            let command = self.place.git_mv(&reverse.file, &name);
            if !given.insert(name) {
                continue;
            }
            problem = problem.help(format!("if it takes back {forward}, rename it {UNKNOWN_TO_GIT}:\n{command}"));
        }
        problem.help(delete)
    }

    fn baselines(
        &self,
        versioned: impl Iterator<Item = (Version, &'a Named)>,
        baselines: impl Iterator<Item = (Version, &'a Named)>,
        problems: &mut Vec<Problem>,
    ) {
        let baselines: Vec<_> = baselines.collect();
        if baselines.is_empty() {
            return;
        }
        let versioned: Vec<(Version, &Named)> = versioned.collect();
        let there: HashSet<Version> = versioned.iter().map(|(version, _)| *version).collect();
        let given: HashSet<Version> = self.moves.given().into_iter().map(|(version, _)| version).collect();
        let in_the_end: BTreeMap<Version, &Named> = versioned
            .into_iter()
            .map(|(version, named)| (self.moves.in_the_end(named).0.parse().unwrap_or(version), named))
            .collect();
        let is_sealed = |version: Version| {
            let line = self.basis.seal().and_then(|seal| seal.line(version, Kind::Versioned));
            line.is_some_and(|line| line.checksum().is_some())
        };
        let goes_back_to = |baseline: &Named| -> Option<Version> {
            self.moves.name_of(&baseline.file)?.split_once('_')?.0.parse().ok()
        };
        let mut taken: HashMap<Version, &Named> = baselines.iter().copied().collect();
        taken.extend(baselines.iter().filter_map(|(_, baseline)| Some((goes_back_to(baseline)?, *baseline))));
        for (version, baseline) in baselines {
            if there.contains(&version) {
                continue;
            }
            // Its migration is to come back, or it is itself to go back to where it is sealed: of that, a problem tells.
            if given.contains(&version) || is_sealed(version) || self.moves.name_of(&baseline.file).is_some() {
                continue;
            }
            let message = format!("baseline {version} stands for no migration: none has its version");
            let problem = Problem::new(&rule::BASELINE_OF_NOTHING, self.place.path_of(&baseline.file), message)
                .note("a fresh database that begins with it would be at a version that does not exist");
            problems.push(match in_the_end.range(..version).next_back() {
                Some((last, _)) if let Some(other) = taken.get(last) => {
                    let problem = problem.row("the other", self.place.path_of(&other.file));
                    self.one_of_two(problem, baseline, other)
                }
                Some((version, last)) => {
                    taken.insert(*version, baseline);
                    let name = format!("{}_{}.baseline.sql", self.moves.in_the_end(last).0, baseline.name);
                    let command = self.place.git_mv(&baseline.file, &name);
                    problem.help(format!(
                        "give it the version of the last migration that it stands for {UNKNOWN_TO_GIT}:\n{command}"
                    ))
                }
                None => {
                    problem.help("keep the migrations that it stands for: databases that began with them need them")
                }
            });
        }
    }
}
