//! A file's bytes become a text, or a problem that names the place where they cannot.

use std::collections::HashSet;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::names::Named;
use super::place::{Place, quote};
use super::{Control, sql};
use crate::checksum::{Checksum, normalise};
use crate::directive::Directives;
use crate::file_name::{Kind, SEAL_FILE};
use crate::problem::Problem;
use crate::read;
use crate::rule;
use crate::seal::{self, DamageReason, Disagreement, MendError, Mended, Seal, SealDamage, SealLine};

/// What a file holds.
pub(super) struct Content {
    pub(super) text: String,
    pub(super) is_verbatim: bool,
    pub(super) checksum: Checksum,
    pub(super) directives: Directives,
    pub(super) control: Control,
}

/// Fewer files are not worth a second thread.
const MANY: usize = 256;

/// As many files as a thread takes at a time, so that none of them waits for another that has the larger ones.
const PORTION: usize = 32;

/// As many threads as a compiler's other work leaves room for.
const THREADS: usize = 8;

/// A text of as many bytes is worth a thread of its own for its checksum.
const LARGE: usize = 1 << 18;

/// Reads migrations, on several threads where there are many: a procedural macro is mostly built without
/// optimisation, and then ten thousand files take a second. `None` stands for one that is no text at all, of which a
/// problem tells. This thread does something else first, while the others are at it.
pub(super) fn load_all<T>(
    place: &Place,
    named: &[Named],
    problems: &mut Vec<Problem>,
    first: impl FnOnce(&mut Vec<Problem>) -> T,
) -> (Vec<Option<Content>>, T) {
    let portions: Vec<&[Named]> = named.chunks(PORTION).collect();
    let next = AtomicUsize::new(0);
    let load_some = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(some) = portions.get(at) else { return done };
            let mut problems = Vec::new();
            let contents: Vec<_> = some.iter().map(|named| load(place, named, &mut problems)).collect();
            done.push((at, contents, problems));
        }
    };
    let (first, mut done) = thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, load_some);
        // Where the system has no thread to give, the others do its work.
        let running: Vec<_> = (1..threads(named.len())).map_while(|at| spawn(at).ok()).collect();
        let first = first(problems);
        let mut done = load_some();
        for thread in running {
            done.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        (first, done)
    });
    done.sort_by_key(|(at, ..)| *at);
    let mut contents = Vec::with_capacity(named.len());
    for (_, some, found) in done {
        contents.extend(some);
        problems.extend(found);
    }
    (contents, first)
}

/// How many threads share so many files.
fn threads(files: usize) -> usize {
    if files < MANY { 1 } else { thread::available_parallelism().map_or(1, NonZero::get).min(THREADS) }
}

/// Reads a migration. `None` where it is no text at all, and then a problem says so.
fn load(place: &Place, named: &Named, problems: &mut Vec<Problem>) -> Option<Content> {
    let Text { text, is_verbatim } = load_text(place, &named.file, problems)?;
    let mut check = || sql::check(&place.path_of(&named.file), named.kind, &text, problems);
    let (checksum, (directives, control)) =
        if text.len() < LARGE { (Checksum::of_text(&text), check()) } else { checksum_beside(&text, check) };
    Some(Content { checksum, directives, control, text, is_verbatim })
}

/// Takes a text's checksum on a thread of its own, and does something else meanwhile.
fn checksum_beside<T>(text: &str, something: impl FnOnce() -> T) -> (Checksum, T) {
    thread::scope(|scope| {
        let running = thread::Builder::new().spawn_scoped(scope, || Checksum::of_text(text));
        let done = something();
        let checksum = match running.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(checksum)) => checksum,
            // The system had no thread to give.
            _ => Checksum::of_text(text),
        };
        (checksum, done)
    })
}

/// A seal file as it was found.
pub(super) enum SealText {
    /// With what its `head` says.
    Sound(Seal, Option<Checksum>),
    /// Damaged, and what it comes to if it is mended: to go by in what is suggested, and in nothing else.
    Mendable(Seal),
    /// Damaged so that nobody can tell which versions are taken.
    Damaged,
}

/// Reads the seal file. Where it is damaged, problems say so. `named` is what it is about.
pub(super) fn load_seal(place: &Place, named: &[Named], problems: &mut Vec<Problem>) -> SealText {
    let Some(Text { text, .. }) = load_text(place, SEAL_FILE, problems) else { return SealText::Damaged };
    match Seal::parse(&text) {
        Ok(seal) => SealText::Sound(seal, seal::digest_in(&text)),
        Err(damage) => {
            let mended = Seal::mend(&text);
            let damaged = |damage| damaged(place, named, &text, damage, &mended);
            problems.extend(damage.iter().take(sql::ENOUGH).map(damaged));
            mended.map_or(SealText::Damaged, |mended| SealText::Mendable(mended.seal))
        }
    }
}

/// A file's text, normalised.
struct Text {
    text: String,
    /// Whether the file holds just that.
    is_verbatim: bool,
}

fn load_text(place: &Place, file: &str, problems: &mut Vec<Problem>) -> Option<Text> {
    let path = place.path_of(file);
    let bytes = match read::read(&place.location.join(file)) {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.push(place.unreadable_file(file, &error.to_string()));
            return None;
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => {
                let length = text.len();
                let text = normalise(text);
                // It only ever takes something away.
                Some(Text { is_verbatim: text.len() == length, text })
            }
            Some(at) => {
                problems.push(nul_byte(&path, &text, at));
                None
            }
        },
        Err(error) => {
            problems.push(not_utf8(&path, error.as_bytes(), error.utf8_error().valid_up_to()));
            None
        }
    }
}

fn not_utf8(path: &str, bytes: &[u8], at: usize) -> Problem {
    let byte = bytes.get(at).copied().unwrap_or_default();
    let before = bytes.get(..at).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let problem = Problem::new(&rule::NOT_UTF8, path, "the file is not UTF-8").at_line(line);
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return problem
            .row("begins with", "the byte order mark of UTF-16")
            .help("save it as UTF-8; in PowerShell, `>` writes UTF-16, and `Out-File -Encoding utf8` does not");
    }
    problem
        .row("byte", format!("0x{byte:02x} at offset {at}"))
        .note("the text is sent to the server as UTF-8, and would put wrong characters into the database")
        .help("save it as UTF-8")
        .help(format!("convert it, if it is Latin-1:\n{}", through("iconv -f LATIN1 -t UTF-8", path)))
}

/// A command that sends a file through a filter. The file in between is one that graven leaves alone.
fn through(filter: &str, path: &str) -> String {
    let (file, between) = (quote(path), quote(&format!("{path}.tmp")));
    format!("{filter} < {file} > {between} && mv {between} {file}")
}

fn nul_byte(path: &str, text: &str, at: usize) -> Problem {
    let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    Problem::new(&rule::NUL_BYTE, path, "the file holds a NUL byte")
        .at_line(line)
        .row("byte", format!("0x00 at offset {at}"))
        .note("PostgreSQL takes it for the end of the message: what follows would not run")
        .help("delete it; no text in PostgreSQL can hold one")
        .help(format!("delete all of them:\n{}", through("tr -d '\\000'", path)))
}

/// A line of the seal file that cannot stay.
fn damaged(
    place: &Place,
    named: &[Named],
    text: &str,
    damage: &SealDamage,
    mended: &Result<Mended, MendError>,
) -> Problem {
    let path = place.path_of(SEAL_FILE);
    let problem = Problem::new(&rule::SEAL_DAMAGED, path.clone(), damage.reason.to_string());
    let problem = problem.at(text, line_span(text, damage.line), "");
    if damage.reason == DamageReason::ConflictMarker {
        let problem = problem.note("two branches changed the seal file, and `head` makes them conflict on purpose");
        return merged(place, named, mended, problem);
    }
    // With `-m`, git also gives back the conflict of a merge that is under way.
    let take_back = format!(
        "take the file back from git: `git checkout -m -- {}` (where the damage is committed, from an earlier commit)",
        quote(&path)
    );
    let compare = || {
        let seal = place.graven("seal");
        format!("if lines were added by a merge, let `{seal}` compare them with the files")
    };
    let ways = mended.is_ok().then(compare).into_iter().chain([take_back]);
    match &damage.reason {
        DamageReason::HeadAbsent { wanted } | DamageReason::HeadMismatch { wanted } => {
            let problem = problem.note("it is a digest of all lines below it, so that none is changed unnoticed");
            ways.fold(problem, Problem::help)
                .help(format!("if the lines are what was agreed on, write this as the head:\nhead {wanted}"))
        }
        _ => ways.fold(problem, Problem::help),
    }
}

/// What to do about a merge conflict.
fn merged(place: &Place, named: &[Named], mended: &Result<Mended, MendError>, problem: Problem) -> Problem {
    let path = place.path_of(SEAL_FILE);
    let seal = place.graven("seal");
    let one_side = || keep(&path, "one side", "ours", &format!("and let `{seal}` seal what the other one added"));
    match mended {
        Ok(mended) => match without_the_left_behind(place, named, mended) {
            Some((note, help)) => problem
                .note(note)
                .help(help)
                .help("bring the files of what it sealed, too, if they are meant to be here"),
            None => problem
                .help(format!("let `{seal}` keep the lines of both sides; what is not sealed stays so"))
                .help(format!("keep them by hand, in order of version, below this one:\n{}", mended.seal.head())),
        },
        Err(MendError::Disagreement(disagreement)) => disagreed(place, disagreement, problem),
        Err(MendError::Side { label }) => problem
            .note(format!("the lines of {label} do not match its `head`: more was changed than the conflict shows"))
            .help(one_side()),
        Err(_) => problem.help(one_side()),
    }
}

/// As many migrations as are named one by one.
const FEW: usize = 4;

/// What is said where one side seals what is not here: why, and the way out.
fn without_the_left_behind(place: &Place, named: &[Named], mended: &Mended) -> Option<(String, String)> {
    let [ours, theirs] = mended.sides.as_slice() else { return None };
    let here: HashSet<_> = named.iter().map(|named| (named.version, named.kind, named.name.as_str())).collect();
    let is_here = |line: &SealLine| here.contains(&(Some(line.version), line.kind, line.name.as_str()));
    let left: Vec<String> =
        mended.left_behind(is_here).map(|line| format!("{} {}", line.spelling, line.name)).collect();
    let list = match left.get(FEW..).unwrap_or_default() {
        _ if left.is_empty() => return None,
        [] => left.join(", "),
        rest => format!("{} and {} more", left.get(..FEW).unwrap_or_default().join(", "), rest.len()),
    };
    let note = format!(
        "{} seals {list}, of which no file is here: a cherry-pick brings what one commit changed, and no more",
        theirs.label
    );
    let seal = place.graven("seal");
    let keep = keep(&place.path_of(SEAL_FILE), &ours.label, "ours", &format!("and let `{seal}` seal what is here"));
    Some((note, format!("{keep}\n{}\n{seal}", place.graven("renumber"))))
}

/// What to do where both sides sealed one version.
fn disagreed(place: &Place, disagreement: &Disagreement, problem: Problem) -> Problem {
    let path = place.path_of(SEAL_FILE);
    let Disagreement { ours: (ours, first), theirs: (theirs, second) } = disagreement;
    let shown = |line: &SealLine| format!("{} {}  ({path}:{})", line.spelling, line.name, line.line);
    let problem = problem.row(ours, shown(first)).row(theirs, shown(second));
    let the_same = format!("keep that of {theirs}, if databases ran that one: the same with `--theirs`");
    let (version, is_baseline) = (first.version, first.kind == Kind::Baseline);
    if first.name == second.name {
        let suffix = if is_baseline { Kind::Baseline.suffix() } else { "" };
        let keep = keep(&path, ours, "ours", "settle on one text of the migration, and accept it where it differs");
        return problem
            .note(format!("both sides sealed migration {version}, with different texts"))
            .help(format!("{keep}\n{}", place.graven(&format!("seal --accept-edit {version}{suffix}"))))
            .help(the_same);
    }
    let problem = problem.note(format!("both sides sealed a version {version}, and databases know only one"));
    if is_baseline {
        let file = |line: &SealLine| quote(&place.path_of(&format!("{}_{}.baseline.sql", line.spelling, line.name)));
        return problem
            .help(format!(
                "{}\ngit rm -f -- {}\n{}",
                keep(&path, ours, "ours", "and delete the other baseline"),
                file(second),
                place.graven("seal")
            ))
            .help(format!("keep that of {theirs}: the same with `--theirs` and {}", file(first)));
    }
    // Without a version: others of that side may have to go along, or have been given another version already.
    let keep = keep(&path, ours, "ours", "and let the other migration have the next free version");
    problem.help(format!("{keep}\n{}\n{}", place.graven("renumber"), place.graven("seal"))).help(the_same)
}

/// How the seal file of one side is kept, and what else there is to do.
fn keep(path: &str, label: &str, side: &str, then: &str) -> String {
    format!("keep the seal file of {label}, {then}:\ngit checkout --{side} -- {}", quote(path))
}

/// Where a line stands that is counted from 1.
fn line_span(text: &str, line: usize) -> Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let length = text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
    start..start + length
}
