//! What is wrong with the names of migrations among one another: duplicates, and reverses and baselines without the
//! migration that they belong to.

use std::collections::{BTreeMap, HashMap};

use super::free::Free;
use super::names::Named;
use super::place::Place;
use crate::file_name::Kind;
use crate::problem::Problem;
use crate::rule;
use crate::seal::Seal;
use crate::version::Version;

pub(super) fn check(
    place: &Place,
    migrations: &[Named],
    seal: Option<&Seal>,
    free: &mut Free,
    problems: &mut Vec<Problem>,
) {
    let of_kind = |kind: Kind| migrations.iter().filter(move |named| named.kind == kind);
    let with_version = |kind: Kind| of_kind(kind).filter_map(|named| Some((named.version?, named)));
    let reverses: HashMap<Key<'_>, &Named> =
        with_version(Kind::Reverse).map(|(version, named)| ((version, named.name.as_str()), named)).collect();
    let together = Together { place, seal, reverses };

    together.duplicate_versions(with_version(Kind::Versioned).collect(), free, problems);
    together.duplicate_versions(with_version(Kind::Baseline).collect(), free, problems);
    together.duplicate_versions(with_version(Kind::Reverse).collect(), free, problems);
    together.duplicate_names(of_kind(Kind::Repeatable), problems);
    together.reverses(with_version(Kind::Versioned), with_version(Kind::Reverse), problems);
    together.baselines(with_version(Kind::Versioned), with_version(Kind::Baseline), problems);
}

/// A version and a name.
type Key<'a> = (Version, &'a str);

struct Together<'a> {
    place: &'a Place,
    seal: Option<&'a Seal>,
    reverses: HashMap<Key<'a>, &'a Named>,
}

impl<'a> Together<'a> {
    fn duplicate_versions(&self, mut named: Vec<(Version, &'a Named)>, free: &mut Free, problems: &mut Vec<Problem>) {
        let mut kept: HashMap<Key<'_>, &Named> = HashMap::new();
        // The one that is sealed stays, and otherwise the first one.
        named.sort_by_cached_key(|(version, named)| !self.is_sealed(*version, named));
        for (version, named) in named {
            // A reverse belongs to the migration of its name: two of other names move with their migrations.
            let name = if named.kind == Kind::Reverse { named.name.as_str() } else { "" };
            match kept.get(&(version, name)) {
                Some(first) => problems.push(self.duplicate_version(version, named, first, free)),
                None => {
                    kept.insert((version, name), named);
                }
            }
        }
    }

    fn is_sealed(&self, version: Version, named: &Named) -> bool {
        let line = self.seal.and_then(|seal| seal.line(version, named.kind));
        line.is_some_and(|line| line.checksum().is_some() && line.name == named.name)
    }

    fn duplicate_version(&self, version: Version, named: &Named, first: &Named, free: &mut Free) -> Problem {
        let what = match named.kind {
            Kind::Baseline => "baselines",
            Kind::Reverse => "reverses",
            _ => "migrations",
        };
        let message = format!("two {what} have version {version}");
        let problem = Problem::new(&rule::DUPLICATE_VERSION, self.place.path_of(&named.file), message)
            .row("the other", self.place.path_of(&first.file))
            .note("a database remembers a migration by its version");
        if named.kind != Kind::Versioned || named.name == first.name {
            return problem.help("delete the one that is not meant");
        }
        let reverse = self.reverses.get(&(version, named.name.as_str())).copied();
        let files = [Some(named), reverse].into_iter().flatten();
        free.helped(self.place, files.map(|named| (named.file.as_str(), named.spelling.as_str())), problem)
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
                .note("upper and lower case do not tell them apart on every file system")
                .help("give one of them another name");
            problems.push(problem);
        }
    }

    fn reverses(
        &self,
        versioned: impl Iterator<Item = (Version, &'a Named)>,
        reverses: impl Iterator<Item = (Version, &'a Named)>,
        problems: &mut Vec<Problem>,
    ) {
        let mut by_version: HashMap<Version, Vec<&Named>> = HashMap::new();
        let mut by_name: HashMap<&str, &Named> = HashMap::new();
        for (version, named) in versioned {
            by_version.entry(version).or_default().push(named);
            by_name.insert(&named.name, named);
        }
        for (version, reverse) in reverses {
            let of_version = by_version.get(&version).map(Vec::as_slice).unwrap_or_default();
            if !of_version.iter().any(|named| named.name == reverse.name) {
                let candidates = of_version.first().into_iter().chain(by_name.get(reverse.name.as_str()));
                problems.push(self.alone(version, reverse, candidates.copied()));
            }
        }
    }

    /// A reverse without its migration. `candidates` are those of its version and of its name.
    fn alone(&self, version: Version, reverse: &Named, candidates: impl Iterator<Item = &'a Named>) -> Problem {
        let path = self.place.path_of(&reverse.file);
        let mut problem = Problem::new(
            &rule::REVERSE_WITHOUT_FORWARD,
            path,
            format!("reverse {version} has no migration of its version and name"),
        );
        for named in candidates {
            let name = format!("{}_{}.down.sql", named.spelling, named.name);
            let forward = self.place.path_of(&named.file);
            let command = self.place.git_mv(&reverse.file, &name);
            problem = problem.help(format!("if it takes back {forward}, rename it:\n{command}"));
        }
        problem.help("delete it")
    }

    fn baselines(
        &self,
        versioned: impl Iterator<Item = (Version, &'a Named)>,
        baselines: impl Iterator<Item = (Version, &'a Named)>,
        problems: &mut Vec<Problem>,
    ) {
        let versioned: BTreeMap<Version, &Named> = versioned.collect();
        for (version, baseline) in baselines {
            if versioned.contains_key(&version) {
                continue;
            }
            let message = format!("baseline {version} stands for no migration: none has its version");
            let problem = Problem::new(&rule::BASELINE_OF_NOTHING, self.place.path_of(&baseline.file), message)
                .note("a fresh database that begins with it would be at a version that does not exist");
            problems.push(match versioned.range(..version).next_back() {
                Some((_, last)) => {
                    let name = format!("{}_{}.baseline.sql", last.spelling, baseline.name);
                    let command = self.place.git_mv(&baseline.file, &name);
                    problem.help(format!("give it the version of the last migration that it stands for:\n{command}"))
                }
                None => {
                    problem.help("keep the migrations that it stands for: databases that began with them need them")
                }
            });
        }
    }
}
