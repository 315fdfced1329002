//! Whether what an earlier commit has sealed is sealed still. A build sees no commit but its own: whoever deletes a migration
//! together with its line in the seal file, or begins that file anew, leaves nothing behind that a build could find.

use graven_source::file_name::{FileName, SEAL_FILE, parse};
use graven_source::problem::Problem;
use graven_source::seal::{Seal, SealLine};
use graven_source::set::{Set, quote};
use graven_source::{Checksum, Kind};

use super::finding::Finding;
use super::rules;
use crate::command::summary::Base;
use crate::failure::Failure;

/// What is not sealed as it was at a commit, or where the branch began if none is named.
pub(super) fn compare(set: &Set, since: &str) -> Result<Vec<Finding>, Failure> {
    // A seal file that is not there, or damaged, is a problem anyhow.
    let Some(now) = &set.seal else { return Ok(Vec::new()) };
    let base = base(set, since)?;
    let Some(then) = base.seal(&set.location) else { return Ok(Vec::new()) };
    let lost: Vec<_> = then.lines().filter_map(|line| Some((line, lost(line, now)?))).collect();
    let files = if lost.is_empty() { Vec::new() } else { base.files(&set.location) };
    Ok(lost.iter().map(|(line, lost)| Finding::error(problem(set, &base, &files, line, lost))).collect())
}

/// The commit at which the branch left the one that is named: what that one has sealed since is not here yet.
fn base(set: &Set, since: &str) -> Result<Base, Failure> {
    let instead = "leave `--since` away: then the files are compared with their own seal file alone";
    let unknown = |message: String, hint: String| Err(Failure::Usage(message, hint));
    if since.is_empty() {
        return Base::found(&set.location).map_or_else(
            || {
                unknown(
                    "git knows no commit at which this branch left another".to_owned(),
                    format!("name one, as in `--since origin/main`, or {instead}"),
                )
            },
            Ok,
        );
    }
    let named = Base::named(&set.location, since, instead)?;
    named.left(&set.location).map_or_else(
        || {
            unknown(
                format!("git knows no commit at which this branch left {since}"),
                format!("bring the history (`git fetch --unshallow`), or {instead}"),
            )
        },
        Ok,
    )
}

/// What became of a sealed line that is not what it was.
#[derive(Debug, PartialEq, Eq)]
enum Lost<'a> {
    Line,
    Seal(&'a SealLine),
    Name(&'a SealLine),
    /// Its text is another, and the one before is not among the older ones.
    Checksum(&'a SealLine),
    /// Older ones that were accepted.
    Older(&'a SealLine),
}

fn lost<'a>(then: &SealLine, now: &'a Seal) -> Option<Lost<'a>> {
    let checksum = then.checksum()?;
    let Some(line) = now.line(then.version, then.kind) else { return Some(Lost::Line) };
    let Some(present) = line.checksum() else { return Some(Lost::Seal(line)) };
    let is_known = |older: &Checksum| *older == present || line.was().contains(older);
    if line.name != then.name {
        Some(Lost::Name(line))
    } else if !is_known(&checksum) {
        Some(Lost::Checksum(line))
    } else if !then.was().iter().all(is_known) {
        Some(Lost::Older(line))
    } else {
        None
    }
}

fn problem(set: &Set, base: &Base, files: &[String], then: &SealLine, lost: &Lost<'_>) -> Problem {
    let what = if then.kind == Kind::Baseline { "baseline" } else { "migration" };
    let (version, named, seal_file) = (then.version, &base.named, set.path_of(SEAL_FILE));
    let message = match lost {
        Lost::Line => format!("{what} {version} is gone, which {named} has sealed"),
        Lost::Seal(_) => format!("{what} {version} is not sealed any more, as {named} has it"),
        Lost::Name(_) => format!("{what} {version} is another one than {named} has sealed"),
        Lost::Checksum(_) => format!("{what} {version} was edited since {named} sealed it, and that is not accepted"),
        Lost::Older(_) => format!("{what} {version} has lost older checksums that {named} knows"),
    };
    let shown = |line: &SealLine| {
        let checksum = line.checksum().map_or_else(|| "unsealed".to_owned(), |checksum| checksum.short());
        format!("{} {} {checksum}", line.spelling, line.name)
    };
    let problem = Problem::new(&rules::SEAL_CHANGED, seal_file.clone(), message)
        .row("then", format!("{}  (line {} at {named})", shown(then), then.line));
    let (problem, note) = match lost {
        Lost::Line => (problem, "databases that already ran it would be orphaned"),
        Lost::Seal(now) => (here(problem, now, shown(now)), "databases that already ran it must not get another text"),
        Lost::Name(now) => {
            (here(problem, now, shown(now)), "databases remember what they ran by version, name and text")
        }
        Lost::Checksum(now) | Lost::Older(now) => {
            (here(problem, now, shown(now)), "databases that ran the text before would be refused as modified")
        }
    };
    let is_of_it = |file: &&String| match parse(file) {
        FileName::Migration(found) => {
            (found.version, found.kind, found.name()) == (Some(version), then.kind, then.name.as_str())
        }
        _ => false,
    };
    let has_to_come_back = matches!(lost, Lost::Line | Lost::Name(_));
    let file = files.iter().find(is_of_it).filter(|_| has_to_come_back).map(|file| quote(&set.path_of(file)));
    let paths = file.into_iter().chain([quote(&seal_file)]).collect::<Vec<_>>().join(" ");
    let mut commands = vec![format!("git checkout {} -- {paths}", base.commit.get(..12).unwrap_or(&base.commit))];
    if matches!(lost, Lost::Checksum(_)) {
        let suffix = if then.kind == Kind::Baseline { Kind::Baseline.suffix() } else { "" };
        commands.push(set.graven(&format!("seal --accept-edit {version}{suffix}")));
    }
    commands.push(set.graven("seal"));
    let how = if matches!(lost, Lost::Checksum(_)) { ", and accept the edit if it is harmless" } else { "" };
    problem
        .note(note)
        .help(format!("take back what was sealed{how}:\n{}", commands.join("\n")))
        .help("if no database has run it, check this once without `--since`")
}

fn here(problem: Problem, now: &SealLine, shown: String) -> Problem {
    problem.at_line(now.line).row("here", shown)
}
