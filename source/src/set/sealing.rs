//! A set against its seal file: what is sealed must be there as it was, and what is new must come after it.

use std::collections::{HashMap, HashSet};

use super::free::Free;
use super::place::{Place, quote};
use super::{Migration, Sealing, Set};
use crate::checksum::Checksum;
use crate::file_name::{Kind, SEAL_FILE};
use crate::problem::Problem;
use crate::rule;
use crate::seal::{Seal, SealLine};
use crate::version::Version;

/// Marks what is sealed, and reports what the seal file does not allow. `unread` are the migrations that are there and
/// could not be read, of which enough is said already.
pub(super) fn check(
    place: &Place,
    seal: &Seal,
    set: &mut Set,
    unread: &[(Version, Kind)],
    free: &mut Free,
    problems: &mut Vec<Problem>,
) {
    mark(seal, &mut set.migrations);
    mark(seal, &mut set.baselines);
    let unread: HashSet<(Version, Kind)> = unread.iter().copied().collect();
    let with_up = set.migrations.iter().filter(|migration| migration.file.ends_with(".up.sql")).count();
    let with_up = with_up * 2 > set.migrations.len();
    let mut check = Check { place, seal, set, with_up, new: HashMap::new(), moved: HashSet::new() };
    check.find_new();
    for line in seal.lines() {
        if let Some(checksum) = line.checksum()
            && !unread.contains(&(line.version, line.kind))
            && let Some(problem) = check.line(line, checksum, free)
        {
            problems.push(problem);
        }
    }
    check.inserted(free, problems);
}

fn mark(seal: &Seal, migrations: &mut [Migration]) {
    for migration in migrations {
        let line = seal.line(migration.version, migration.kind).filter(|line| line.name == migration.name);
        if let Some(line) = line.filter(|line| line.checksum().is_some()) {
            migration.sealing = Sealing::Sealed;
            migration.was = line.was().to_vec();
        }
    }
}

struct Check<'a> {
    place: &'a Place,
    seal: &'a Seal,
    set: &'a Set,
    /// Whether most migrations are named `.up.sql`.
    with_up: bool,
    /// Migrations without a sealed line, by what they hold: one of them may be a sealed one under another version.
    new: HashMap<(Checksum, Kind), &'a Migration>,
    /// The files of those that are.
    moved: HashSet<&'a str>,
}

impl<'a> Check<'a> {
    fn find_new(&mut self) {
        for migration in self.set.migrations.iter().chain(&self.set.baselines) {
            if !self.has_line(migration) {
                self.new.insert((migration.checksum, migration.kind), migration);
            }
        }
    }

    /// Whether its version is sealed, be it under another name.
    fn has_line(&self, migration: &Migration) -> bool {
        self.seal.line(migration.version, migration.kind).is_some_and(|line| line.checksum().is_some())
    }

    fn line(&mut self, line: &SealLine, checksum: Checksum, free: &mut Free) -> Option<Problem> {
        let of_version = self.of_version(line);
        let found = of_version.iter().find(|migration| migration.name == line.name).or(of_version.first());
        let Some(found) = found else {
            return Some(self.deleted(line, checksum));
        };
        match (found.name == line.name, found.checksum == checksum) {
            (true, true) => None,
            (true, false) => Some(self.edited(line, found, checksum)),
            (false, true) => Some(self.renamed(line, found)),
            (false, false) => Some(self.replaced(line, found, free)),
        }
    }

    /// The migrations of a line's version: one, or more where that is a problem already.
    fn of_version(&self, line: &SealLine) -> &'a [Migration] {
        let migrations = if line.kind == Kind::Baseline { &self.set.baselines } else { &self.set.migrations };
        let start = migrations.partition_point(|migration| migration.version < line.version);
        let end = migrations.partition_point(|migration| migration.version <= line.version);
        migrations.get(start..end).unwrap_or_default()
    }

    fn edited(&self, line: &SealLine, found: &Migration, checksum: Checksum) -> Problem {
        let path = self.place.path_of(&found.file);
        let undo = format!("undo the edit (`git checkout -- {}`) and put the change in a new migration", quote(&path));
        let problem = Problem::new(&rule::SEALED_EDITED, path, format!("sealed {} was edited", what(line)))
            .row("sealed", format!("{}  ({}:{})", checksum.short(), self.place.path_of(SEAL_FILE), line.line))
            .row("on disk", found.checksum.short())
            .note("databases that already ran it will not get the change")
            .help(undo);
        match line.kind {
            Kind::Versioned => {
                problem.help(format!("accept a harmless edit with `graven seal --accept-edit {}`", line.version))
            }
            _ => problem,
        }
    }

    fn renamed(&self, line: &SealLine, found: &Migration) -> Problem {
        let path = self.place.path_of(&found.file);
        let ending = found.file.get(found.name_range().end..).unwrap_or_default();
        let back = self.place.git_mv(&found.file, &format!("{}_{}{ending}", found.spelling, line.name));
        Problem::new(&rule::SEALED_RENAMED, path, format!("sealed {} was renamed", what(line)))
            .row("sealed", format!("{}  ({}:{})", line.name, self.place.path_of(SEAL_FILE), line.line))
            .row("on disk", &found.name)
            .note("databases that already ran it remember it by its old name")
            .help(format!("give it its name back: `{back}`"))
    }

    /// Another migration has the version, with another name and another text.
    fn replaced(&self, line: &SealLine, found: &'a Migration, free: &mut Free) -> Problem {
        let file = self.file_of(line);
        let problem = self
            .gone(line, &file)
            .row("sealed", format!("{}  ({}:{})", line.name, self.place.path_of(SEAL_FILE), line.line))
            .row("on disk", &found.name)
            .note("databases that already ran it would be orphaned");
        let problem = free.helped(self.place, self.files_of(found), problem);
        problem.help(format!("if that is done, take the sealed one back:\n{}", self.restore(&file)))
    }

    fn deleted(&mut self, line: &SealLine, checksum: Checksum) -> Problem {
        let file = self.file_of(line);
        let problem = self
            .gone(line, &file)
            .row("sealed", format!("{}  ({}:{})", checksum.short(), self.place.path_of(SEAL_FILE), line.line))
            .note("databases that already ran it would be orphaned");
        if let Some(moved) = self.new.get(&(checksum, line.kind)) {
            self.moved.insert(&moved.file);
            let back = self.place.git_mv(&moved.file, &file);
            return problem
                .row("on disk", format!("as version {}, {}", moved.version, self.place.path_of(&moved.file)))
                .help(format!("give it its version back: `{back}`"));
        }
        problem
            .help(format!("take it back from git: `{}`", self.restore(&file)))
            .help("if a commit deleted it, revert that; to undo what it did, write a new migration")
    }

    fn gone(&self, line: &SealLine, file: &str) -> Problem {
        Problem::new(&rule::SEALED_DELETED, self.place.path_of(file), format!("sealed {} is gone", what(line)))
    }

    fn restore(&self, file: &str) -> String {
        format!("git checkout HEAD -- {}", quote(&self.place.path_of(file)))
    }

    /// What the file of a sealed migration was called. The seal file does not say whether that was with `.up`; those
    /// that are still there do.
    fn file_of(&self, line: &SealLine) -> String {
        let ending = match line.kind {
            Kind::Baseline => ".baseline.sql",
            _ if self.with_up => ".up.sql",
            _ => ".sql",
        };
        format!("{}_{}{ending}", line.spelling, line.name)
    }

    fn inserted(&self, free: &mut Free, problems: &mut Vec<Problem>) {
        let Some(head) = self.seal.sealed_head() else { return };
        let below = self.set.migrations.iter().take_while(|migration| migration.version < head);
        for migration in below.filter(|migration| !self.has_line(migration)) {
            if self.moved.contains(migration.file.as_str()) {
                continue;
            }
            let message = format!("new migration {} lies below the sealed head {head}", migration.version);
            let problem = Problem::new(&rule::INSERTED_BEFORE_SEAL, self.place.path_of(&migration.file), message)
                .note(format!("databases that are at {head} already would have to apply it out of order"));
            problems.push(free.helped(self.place, self.files_of(migration), problem));
        }
    }

    /// The files that move with a migration: its own and its reverse's, with the spelling of their versions.
    fn files_of(&self, migration: &'a Migration) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let reverses = &self.set.reverses;
        let start = reverses.partition_point(|reverse| reverse.version < migration.version);
        let reverse = reverses.get(start..).unwrap_or_default().iter().take_while(|r| r.version == migration.version);
        let reverse = reverse.filter(|reverse| reverse.name == migration.name).take(1);
        std::iter::once(migration)
            .chain(reverse)
            .map(|migration| (migration.file.as_str(), migration.spelling.as_str()))
    }
}

/// `migration 1`, `baseline 7`.
fn what(line: &SealLine) -> String {
    match line.kind {
        Kind::Baseline => format!("baseline {}", line.version),
        _ => format!("migration {}", line.version),
    }
}
