//! `graven new`: makes the next migration, and announces it in the seal file so that cargo notices.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use graven_source::file_name::{self, FileName, Refusal, SEAL_FILE};
use graven_source::problem::Problem;
use graven_source::seal::Seal;
use graven_source::set::{Loaded, Set};
use graven_source::{Kind, Version};
use serde_json::json;

use crate::arguments::{Common, New};
use crate::directory::{Directory, may_begin_a_seal, seal_is_lost, write_seal};
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{GOOD, Output};

/// Digits of a version that counts.
const WIDTH: usize = 4;
/// Digits of a version that is a time: `20260131120000`.
const TIMESTAMP_WIDTH: usize = 14;

pub(crate) fn run(common: &Common, new: &New, output: &Output) -> Result<Exit, Failure> {
    let name = name(&new.name)?;
    let (set, made, _locked) = directory(common, output)?;
    let spelling = next(&set, new.timestamp)?;
    let files = files(&set, &spelling, &name, new.reverse.into())?;
    let seal = set
        .seal
        .clone()
        .unwrap_or_default()
        .with_unsealed(&spelling, &name)
        .map_err(|error| Failure::Failed(error.to_string(), "choose another name".to_owned()))?;
    write(&set, &files, &name, &seal)?;

    let shown: Vec<String> = files.iter().map(|file| set.path_of(file)).collect();
    let json = json!({
        "version": spelling.parse::<i64>().ok(),
        "name": name,
        "file": shown.first(),
        "reverse": shown.get(1),
    });
    output.result(&json, || {
        let made = (made == Made::Now).then_some(&set.directory);
        let lines = made.into_iter().chain(&shown).map(|path| format!("{GOOD}created{GOOD:#} {path}\n"));
        lines.collect()
    })?;
    Ok(exit::DONE)
}

/// Whether the directory was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Before,
    Now,
}

/// Whether a migration gets a file that takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reverse {
    With,
    Without,
}

impl From<bool> for Reverse {
    fn from(reverse: bool) -> Self {
        if reverse { Self::With } else { Self::Without }
    }
}

/// The name as it stands in the file's name.
fn name(words: &[String]) -> Result<String, Failure> {
    let name = words.join(" ").split_whitespace().collect::<Vec<_>>().join("_");
    let name = name.strip_suffix(".sql").unwrap_or(&name).to_owned();
    let refused = |reason: &str| {
        Err(Failure::Usage(
            format!("{name:?} does not serve as a name: {reason}"),
            "say what the migration does: `graven new add_email`".to_owned(),
        ))
    };
    if name.is_empty() {
        return refused("it is empty");
    }
    if name.contains(['/', '\\', '\0', '\n']) {
        return refused("no file name may hold `/`, `\\`, a line end or a NUL");
    }
    Ok(name)
}

/// The directory, made where it is not there yet, and locked. Only what leaves the next version unknown is in the way of a new
/// migration.
fn directory(common: &Common, output: &Output) -> Result<(Set, Made, Option<File>), Failure> {
    let directory = Directory::of(common)?;
    let was_there = directory.path.exists();
    let mut locked = directory.lock(output)?;
    let mut loaded = directory.load();
    let mut made = Made::Before;
    let is_absent = |problem: &Problem| problem.rule.id == "directory-absent";
    // One that git has is not to be made anew: the migrations in it, and what of them is sealed, would be forgotten.
    let may_be_made = || !was_there && locked.is_none() && !seal_is_lost(&loaded.set);
    // Another one may have made it by now, and may be writing to it.
    if may_be_made() && (loaded.problems.iter().any(is_absent) || directory.path.is_dir()) {
        std::fs::create_dir_all(&directory.path).map_err(|error| Failure::io("make", &directory.path, &error))?;
        locked = directory.lock(output)?;
        loaded = directory.load();
        made = Made::Now;
    }
    let Loaded { set, mut problems, .. } = loaded;
    let seal_file = set.path_of(SEAL_FILE);
    problems.retain(|problem| match problem.rule.id {
        "directory-absent" | "version-range" => true,
        // Whatever is wrong with the seal file: it is about to be written, and what it says must not be lost.
        _ => problem.path == seal_file && !may_begin_a_seal(&set, problem),
    });
    if problems.is_empty() { Ok((set, made, locked)) } else { Err(Failure::Problems(problems)) }
}

/// The next version, spelt as those before it.
fn next(set: &Set, timestamp: bool) -> Result<String, Failure> {
    let in_files = set.migrations.iter().chain(&set.baselines).map(|found| (found.version, found.spelling.len()));
    let in_seal = set.seal.iter().flat_map(|seal| seal.lines()).map(|line| (line.version, line.spelling.len()));
    let last = in_files.chain(in_seal).max();
    // Whoever began with timestamps goes on with them.
    let timestamps = last.is_some_and(|(_, width)| width == TIMESTAMP_WIDTH);
    if timestamp || timestamps {
        let now = now();
        let above = last.is_none_or(|(version, _)| now > version.value());
        return if above { Ok(now.to_string()) } else { after(last.map(|(version, _)| version), TIMESTAMP_WIDTH) };
    }
    after(last.map(|(version, _)| version), last.map_or(WIDTH, |(_, width)| width))
}

fn after(last: Option<Version>, width: usize) -> Result<String, Failure> {
    let next = match last {
        None => Some(1),
        Some(version) => version.next().map(Version::value),
    };
    next.map(|next| format!("{next:0width$}")).ok_or_else(|| {
        Failure::Failed(
            "there is no version above the last one".to_owned(),
            "give that one a smaller version".to_owned(),
        )
    })
}

/// The time in UTC as a number: `20260131120000`.
fn now() -> i64 {
    jiff::Timestamp::now().strftime("%Y%m%d%H%M%S").to_string().parse().unwrap_or_default()
}

/// The names of its files: its own, ending as those before it do, and its reverse's.
fn files(set: &Set, spelling: &str, name: &str, reverse: Reverse) -> Result<Vec<String>, Failure> {
    let with_up = set.migrations.last().is_some_and(|last| last.file.ends_with(".up.sql"));
    let file = format!("{spelling}_{name}{}.sql", if with_up { Kind::Versioned.suffix() } else { "" });
    check(&file, name)?;
    let mut files = vec![file];
    if reverse == Reverse::With {
        files.push(format!("{spelling}_{name}{}.sql", Kind::Reverse.suffix()));
    }
    Ok(files)
}

/// That the file's name will be read as what was meant.
fn check(file: &str, name: &str) -> Result<(), Failure> {
    let refused = |reason: &str, hint: &str| {
        Err(Failure::Usage(format!("{name:?} does not serve as a name: {reason}"), hint.to_owned()))
    };
    const SAY: &str = "say what the migration does: `graven new add_email`";
    match file_name::parse(file) {
        FileName::Migration(found) if found.kind == Kind::Versioned && found.name() == name => Ok(()),
        FileName::Migration(found) if found.kind == Kind::Reverse => {
            refused("it names a reverse", "`graven new --reverse NAME` makes a migration and its reverse")
        }
        FileName::Migration(found) => refused(&format!("it would name a {} migration", found.kind), SAY),
        FileName::Refused(Refusal::NoKind { reason, .. }) => refused(&reason, SAY),
        _ => refused(&format!("{file} would be left alone"), SAY),
    }
}

/// Makes the files, and announces the migration. All of it is there in the end, or nothing: of half of it cargo would
/// take no notice.
fn write(set: &Set, files: &[String], name: &str, seal: &Seal) -> Result<(), Failure> {
    let mut created = Vec::new();
    let mut all = || {
        for file in files {
            let path = set.location.join(file);
            let io = |error| Failure::io("make", Path::new(&set.path_of(file)), &error);
            let mut open = OpenOptions::new().write(true).create_new(true).open(&path).map_err(io)?;
            created.push(path);
            let what = if created.len() == 1 { "" } else { "takes back: " };
            writeln!(open, "-- {what}{}", name.replace('_', " ")).map_err(io)?;
        }
        write_seal(set, seal)
    };
    let written = all();
    if written.is_err() {
        for path in created {
            // It was made a moment ago, and is ours.
            let _ = std::fs::remove_file(path);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{TIMESTAMP_WIDTH, name, now};

    #[test]
    fn a_timestamp_has_as_many_digits_as_it_should() {
        assert_eq!(now().to_string().len(), TIMESTAMP_WIDTH);
    }

    #[test]
    fn a_name_is_made_of_words() {
        let name = |words: &[&str]| name(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).ok();
        assert_eq!(name(&["add", "e-mail address"]).as_deref(), Some("add_e-mail_address"));
        assert_eq!(name(&["größe.sql"]).as_deref(), Some("größe"));
        assert_eq!(name(&[" "]), None);
        assert_eq!(name(&["../up"]), None);
    }
}
