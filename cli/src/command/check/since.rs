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
    let Some(then) = base.seal(&set.location)? else {
        // The first pull request with migrations is right, and a directory that was moved is not compared.
        let message = format!("{} has no seal file there: nothing was compared", base.named);
        return Ok(vec![Finding::warning(Problem::new(&rules::SEAL_CHANGED, set.path_of(SEAL_FILE), message))]);
    };
    let lost: Vec<_> = then.lines().filter_map(|line| Some((line, lost(line, now)?))).collect();
    let files = if lost.is_empty() { Vec::new() } else { base.files(&set.location) };
    let way_back = way_back(set, &base, &files, &then, &lost);
    Ok(lost.iter().map(|(line, lost)| Finding::error(problem(set, &base, line, lost, &way_back))).collect())
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

/// The commands that take back all that is lost. They are the same for each problem: another checkout of the seal file would
/// undo what was accepted after the first.
fn way_back(set: &Set, base: &Base, files: &[String], then: &Seal, lost: &[(&SealLine, Lost<'_>)]) -> String {
    let file_of = |line: &SealLine| {
        files.iter().find(|file| match parse(file) {
            FileName::Migration(found) => {
                (found.version, found.kind, found.name()) == (Some(line.version), line.kind, line.name.as_str())
            }
            _ => false,
        })
    };
    let have_to_come_back = lost.iter().filter(|(_, lost)| matches!(lost, Lost::Line | Lost::Name(_)));
    let come_back = have_to_come_back.filter_map(|(line, _)| file_of(line)).map(|file| quote(&set.path_of(file)));
    let paths = come_back.chain([quote(&set.path_of(SEAL_FILE))]).collect::<Vec<_>>().join(" ");
    let mut commands = vec![format!("git checkout {} -- {paths}", base.commit.get(..12).unwrap_or(&base.commit))];
    // The checkout drops what was rightly accepted since, too.
    let is_edited = |line: &&SealLine| {
        let now = set.seal.as_ref().and_then(|seal| seal.line(line.version, line.kind));
        let now = now.filter(|now| now.name == line.name).and_then(SealLine::checksum);
        line.checksum().is_some() && now.is_some() && now != line.checksum()
    };
    let accepted: Vec<String> = then.lines().filter(is_edited).map(accepting).collect();
    if !accepted.is_empty() {
        commands.push(set.graven(&format!("seal {}", accepted.join(" "))));
    }
    commands.push(set.graven("seal"));
    commands.join("\n")
}

fn accepting(line: &SealLine) -> String {
    let suffix = if line.kind == Kind::Baseline { Kind::Baseline.suffix() } else { "" };
    format!("--accept-edit {}{suffix}", line.version)
}

fn problem(set: &Set, base: &Base, then: &SealLine, lost: &Lost<'_>, way_back: &str) -> Problem {
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
    let how = if matches!(lost, Lost::Checksum(_)) { ", and accept the edit if it is harmless" } else { "" };
    problem
        .note(note)
        .help(format!("take back what was sealed{how}:\n{way_back}"))
        .help("if no database has run it, check this once without `--since`")
}

fn here(problem: Problem, now: &SealLine, shown: String) -> Problem {
    problem.at_line(now.line).row("here", shown)
}
