//! A set against its seal file: what is sealed must be there as it was.

use std::collections::HashSet;

use super::fates::Astray;
use super::moves::Moves;
use super::names::Named;
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
    moves: &Moves<'_>,
    problems: &mut Vec<Problem>,
) {
    mark(seal, &mut set.migrations);
    mark(seal, &mut set.baselines);
    let unread: HashSet<(Version, Kind)> = unread.iter().copied().collect();
    let with_up = set.migrations.iter().filter(|migration| migration.file.ends_with(".up.sql")).count();
    let with_up = with_up * 2 > set.migrations.len();
    let check = Check { place, set, with_up, moves };
    for line in seal.lines() {
        if let Some(checksum) = line.checksum()
            && !unread.contains(&(line.version, line.kind))
        {
            problems.extend(check.line(line, checksum));
        }
    }
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
    set: &'a Set,
    /// Whether most migrations are named `.up.sql`.
    with_up: bool,
    moves: &'a Moves<'a>,
}

impl Check<'_> {
    fn line(&self, line: &SealLine, checksum: Checksum) -> Option<Problem> {
        let of_version = self.of_version(line);
        if let Some(found) = of_version.iter().find(|migration| migration.name == line.name) {
            return (found.checksum != checksum).then(|| self.edited(line, found, checksum));
        }
        if line.kind == Kind::Baseline {
            return Some(match of_version.first() {
                Some(found) if found.checksum == checksum => {
                    let ending = found.file.get(found.name_range().end..).unwrap_or_default();
                    let back = format!("{}_{}{ending}", found.spelling, line.name);
                    self.renamed(line, &found.name, &found.file).help(self.back(&self.place.git_mv(&found.file, &back)))
                }
                _ => self.restored(line, self.gone(line)),
            });
        }
        if self.moves.misnamed.contains(&line.version) {
            return None;
        }
        let at = self.moves.fates.astray.binary_search_by_key(&line.version, |astray| astray.line.version).ok()?;
        let astray = self.moves.fates.astray.get(at)?;
        Some(match astray.found {
            Some(found) if found.version == Some(line.version) => {
                self.renamed(line, &found.name, &found.file).help(self.back(&self.commands(astray)))
            }
            Some(found) => self.moved(astray, found),
            None if astray.displaced.is_empty() => self.restored(line, self.gone(line)),
            None => self.replaced(astray),
        })
    }

    /// The migrations of a line's version: one, or more where that is a problem already.
    fn of_version(&self, line: &SealLine) -> &[Migration] {
        let migrations = if line.kind == Kind::Baseline { &self.set.baselines } else { &self.set.migrations };
        let start = migrations.partition_point(|migration| migration.version < line.version);
        let end = migrations.partition_point(|migration| migration.version <= line.version);
        migrations.get(start..end).unwrap_or_default()
    }

    fn edited(&self, line: &SealLine, found: &Migration, checksum: Checksum) -> Problem {
        let path = self.place.path_of(&found.file);
        let undo = format!("undo the edit (`git checkout -- {}`) and put the change in a new migration", quote(&path));
        let problem = Problem::new(&rule::SEALED_EDITED, path, format!("sealed {} was edited", what(line)))
            .row("sealed", format!("{}  ({})", checksum.short(), self.sealed_at(line)))
            .row("on disk", found.checksum.short())
            .note("databases that already ran it will not get the change")
            .help(undo);
        let suffix = if line.kind == Kind::Baseline { Kind::Baseline.suffix() } else { "" };
        problem.help(format!("accept a harmless edit with `graven seal --accept-edit {}{suffix}`", line.version))
    }

    fn renamed(&self, line: &SealLine, name: &str, file: &str) -> Problem {
        let message = format!("sealed {} was renamed", what(line));
        Problem::new(&rule::SEALED_RENAMED, self.place.path_of(file), message)
            .row("sealed", format!("{}  ({})", line.name, self.sealed_at(line)))
            .row("on disk", name)
            .note("databases that already ran it remember it by its old name")
    }

    /// How a renamed migration gets its name back.
    fn back(&self, commands: &str) -> String {
        match commands.lines().count() {
            1 => format!("give it its name back: `{commands}`"),
            _ => format!("give it its name back:\n{commands}"),
        }
    }

    /// Its text is there, under another version.
    fn moved(&self, astray: &Astray<'_>, found: &Named) -> Problem {
        let mut problem = self.gone(astray.line).row("moved to", self.place.path_of(&found.file));
        for named in &astray.displaced {
            problem = problem.row("in its place", self.place.path_of(&named.file));
        }
        problem.help(format!("give it its version back:\n{}", self.commands(astray)))
    }

    /// Other migrations have its version, with other names and other texts.
    fn replaced(&self, astray: &Astray<'_>) -> Problem {
        let mut problem = self.gone(astray.line);
        for named in &astray.displaced {
            problem = problem.row("in its place", self.place.path_of(&named.file));
        }
        let file = self.place.path_of(&self.file_of(astray.line));
        let commands = self.commands(astray);
        if let Some(first) = astray.displaced.iter().find_map(|named| self.moves.taken_along_by(named))
            && commands.is_empty()
        {
            return problem
                .help(format!(
                    "do what is said of {}, with which goes what is in its place",
                    self.place.path_of(&first.file)
                ))
                .help(format!("take it back: `{}`", restore(&file)));
        }
        if commands.is_empty() {
            return problem
                .help("give what is in its place a version that is free, and take the sealed one back from git");
        }
        problem.help(format!(
            "give what is in its place the next free version, and take the sealed one back:\n{commands}\n{}",
            restore(&file)
        ))
    }

    /// The commands that move away what is in the place of a sealed migration, and bring it back if it is there.
    fn commands(&self, astray: &Astray<'_>) -> String {
        let all = astray.displaced.iter().copied().chain(astray.found);
        all.filter_map(|named| self.moves.commands(self.place, named)).collect::<Vec<_>>().join("\n")
    }

    /// Nothing of it is there.
    fn restored(&self, line: &SealLine, problem: Problem) -> Problem {
        let file = self.place.path_of(&self.file_of(line));
        let quoted = quote(&file);
        problem
            .help(format!("take it back from git: `{}`", restore(&file)))
            .help(format!(
                "if a commit deleted it, take it from the one before:\n\
                 git checkout \"$(git rev-list -n 1 HEAD -- {quoted})^\" -- {quoted}"
            ))
            .help("to undo what it did, write a new migration")
    }

    fn gone(&self, line: &SealLine) -> Problem {
        let sealed = line.checksum().map(|checksum| checksum.short()).unwrap_or_default();
        Problem::new(
            &rule::SEALED_DELETED,
            self.place.path_of(&self.file_of(line)),
            format!("sealed {} is gone", what(line)),
        )
        .row("sealed", format!("{sealed}  ({})", self.sealed_at(line)))
        .note("databases that already ran it would be orphaned")
    }

    fn sealed_at(&self, line: &SealLine) -> String {
        format!("{}:{}", self.place.path_of(SEAL_FILE), line.line)
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
}

fn restore(path: &str) -> String {
    format!("git checkout HEAD -- {}", quote(path))
}

/// `migration 1`, `baseline 7`.
fn what(line: &SealLine) -> String {
    match line.kind {
        Kind::Baseline => format!("baseline {}", line.version),
        _ => format!("migration {}", line.version),
    }
}
