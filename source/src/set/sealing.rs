//! A set against its seal file: what is sealed must be there as it was.

use std::collections::HashSet;
use std::path::Path;

use super::fates::Astray;
use super::moves::Moves;
use super::names::Named;
use super::place::{Place, UNKNOWN_TO_GIT, quote};
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
    /// How many migrations are named `.up.sql`.
    with_up: usize,
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
                _ => match self.moved_baseline(line) {
                    Some(found) => {
                        self.moved_to(line, &found.file, &self.place.git_mv(&found.file, &self.file_of(line)))
                    }
                    None => self.restored(line, checksum, self.gone(line)),
                },
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
            None if astray.displaced.is_empty() => self.restored(line, checksum, self.gone(line)),
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
        let checkout = format!("`git checkout HEAD -- {}`", quote(&path));
        let problem = Problem::new(&rule::SEALED_EDITED, path, format!("sealed {} was edited", what(line)))
            .row("sealed", format!("{}  ({})", checksum.short(), self.sealed_at(line)))
            .row("on disk", found.checksum.short())
            .note("databases that already ran it will not get the change");
        let problem = match self.out_of_history(std::slice::from_ref(&found.file), checksum) {
            Some(commands) => problem
                .help(format!("undo the edit, committed or not, and put the change in a new migration:\n{commands}"))
                .help(format!("undo one that is not committed with {checkout}")),
            None => problem.help(format!("undo the edit ({checkout}) and put the change in a new migration")),
        };
        let suffix = if line.kind == Kind::Baseline { Kind::Baseline.suffix() } else { "" };
        let accept = self.place.graven(&format!("seal --accept-edit {}{suffix}", line.version));
        problem.help(format!("accept a harmless edit with `{accept}`"))
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
            1 => format!("give it its name back {UNKNOWN_TO_GIT}: `{commands}`"),
            _ => format!("give it its name back {UNKNOWN_TO_GIT}:\n{commands}"),
        }
    }

    /// Its text is there, under another version.
    fn moved(&self, astray: &Astray<'_>, found: &Named) -> Problem {
        let problem = self.moved_to(astray.line, &found.file, &self.commands(astray));
        astray
            .displaced
            .iter()
            .fold(problem, |problem, named| problem.row("in its place", self.place.path_of(&named.file)))
    }

    fn moved_to(&self, line: &SealLine, file: &str, commands: &str) -> Problem {
        self.gone(line)
            .row("moved to", self.place.path_of(file))
            .help(format!("give it its version back {UNKNOWN_TO_GIT}:\n{commands}"))
    }

    /// The baseline that was given the name that a line seals.
    fn moved_baseline(&self, line: &SealLine) -> Option<&Migration> {
        let wanted = self.file_of(line);
        self.set.baselines.iter().find(|baseline| self.moves.name_of(&baseline.file) == Some(&wanted))
    }

    /// Other migrations have its version, with other names and other texts.
    fn replaced(&self, astray: &Astray<'_>) -> Problem {
        let mut problem = self.gone(astray.line);
        for named in &astray.displaced {
            problem = problem.row("in its place", self.place.path_of(&named.file));
        }
        let restore = self.restore(astray.line);
        let commands = self.commands(astray);
        if let Some(first) = astray.displaced.iter().find_map(|named| self.moves.taken_along_by(named))
            && commands.is_empty()
        {
            return problem
                .help(format!(
                    "do what is said of {}, with which goes what is in its place",
                    self.place.path_of(&first.file)
                ))
                .help(format!("take it back: `{restore}`"));
        }
        if commands.is_empty() {
            return problem
                .help("give what is in its place a version that is free, and take the sealed one back from git");
        }
        problem.help(format!(
            "give what is in its place the next free version {UNKNOWN_TO_GIT}, and take the sealed one back:\n\
             {commands}\n{restore}"
        ))
    }

    /// The commands that move away what is in the place of a sealed migration, and bring it back if it is there.
    fn commands(&self, astray: &Astray<'_>) -> String {
        let all = astray.displaced.iter().copied().chain(astray.found);
        all.filter_map(|named| self.moves.commands(self.place, named)).collect::<Vec<_>>().join("\n")
    }

    /// Nothing of it is there.
    fn restored(&self, line: &SealLine, checksum: Checksum, problem: Problem) -> Problem {
        let restore = self.restore(line);
        let problem = match self.out_of_history(&self.files_of(line), checksum) {
            Some(commands) => problem
                .help(format!("take it back from git, be it deleted by a commit or not:\n{commands}"))
                .help(format!("take back one that no commit deleted with `{restore}`")),
            None => problem.help(format!("take it back from git: `{restore}`")),
        };
        problem.help("to undo what it did, write a new migration")
    }

    /// Takes back what the last commit still has.
    fn restore(&self, line: &SealLine) -> String {
        let one = |file: &String| format!("git checkout HEAD -- {}", quote(&self.place.path_of(file)));
        self.files_of(line).iter().map(one).collect::<Vec<_>>().join(" || ")
    }

    /// Takes a file, which had one of these names, from the last commit in which it has its sealed text, be that one that
    /// a merge left behind, or else from the index. It does not go by what commits did to the seal file: after a merge, a
    /// text may be sealed under another version than in the commit that sealed it. A commit may hold the text with a byte
    /// order mark or with CRLF, of which its checksum knows nothing. `None` where the way from the working directory to the
    /// file is not known.
    fn out_of_history(&self, files: &[String], checksum: Checksum) -> Option<String> {
        if Path::new(&self.place.shown).is_absolute() {
            return None;
        }
        let files: Vec<String> = files.iter().map(|file| quote(&self.place.path_of(file))).collect();
        let (begin, found, end) = match files.as_slice() {
            [file] => (format!("f={file}\n"), "break", ""),
            // A second one of the same text would be one too many.
            several => (format!("for f in {}; do ", several.join(" ")), "break 2", "; done"),
        };
        let digits = checksum.short();
        let digits = digits.trim_start_matches("sha256:").trim_end_matches('…');
        // No commit is the index, which has what is staged and not committed yet. It comes last, so that the end of the loop
        // is an error where nothing has the text.
        Some(format!(
            "s=$(printf '1s/^\\357\\273\\277//;s/\\r$//')\n\
             {begin}for c in $(git rev-list --full-history HEAD -- \"$f\") ''; do git show \"$c:./$f\" 2>/dev/null | \
             LC_ALL=C sed \"$s\" | sha256sum | grep -q ^{digits} && git checkout ${{c:+\"$c\"}} -- \"$f\" && {found}; \
             done{end} || echo 'neither a commit nor the index has it as it was sealed'"
        ))
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

    /// What the file of a sealed migration was called, at a guess.
    fn file_of(&self, line: &SealLine) -> String {
        let ending = match line.kind {
            Kind::Baseline => ".baseline.sql",
            _ if self.with_up * 2 > self.set.migrations.len() => ".up.sql",
            _ => ".sql",
        };
        format!("{}_{}{ending}", line.spelling, line.name)
    }

    /// What it may have been called. The seal file does not say whether that was with `.up`; those that are still there
    /// do, unless they differ.
    fn files_of(&self, line: &SealLine) -> Vec<String> {
        let file = self.file_of(line);
        let is_certain = self.with_up == self.set.migrations.len() || self.with_up == 0;
        if line.kind == Kind::Baseline || (is_certain && !self.set.migrations.is_empty()) {
            return vec![file];
        }
        let stem = format!("{}_{}", line.spelling, line.name);
        let other = if file.ends_with(".up.sql") { format!("{stem}.sql") } else { format!("{stem}.up.sql") };
        vec![file, other]
    }
}

/// `migration 1`, `baseline 7`.
fn what(line: &SealLine) -> String {
    match line.kind {
        Kind::Baseline => format!("baseline {}", line.version),
        _ => format!("migration {}", line.version),
    }
}
