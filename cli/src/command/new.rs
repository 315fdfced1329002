//! `graven new`: makes the next migration, and announces it in the seal file so that cargo notices.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use graven_source::file_name::{self, FileName, SEAL_FILE};
use graven_source::set::{Loaded, Set};
use graven_source::{Kind, Version, read};
use serde_json::json;

use crate::arguments::{Common, New};
use crate::directory::load;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{GOOD, Output};

/// Digits of a version that counts.
const WIDTH: usize = 4;
/// Digits of a version that is a time: `20260131120000`.
const TIMESTAMP_WIDTH: usize = 14;

pub(crate) fn run(common: &Common, new: &New, output: &Output) -> Result<Exit, Failure> {
    let name = name(&new.name)?;
    let set = directory(common)?;
    let spelling = next(&set, new.timestamp)?;
    let file = format!("{spelling}_{name}.sql");
    check(&file, &name)?;
    let seal = set
        .seal
        .clone()
        .unwrap_or_default()
        .with_unsealed(&spelling, &name)
        .map_err(|error| Failure::Failed(error.to_string(), "choose another version".to_owned()))?;

    let path = set.location.join(&file);
    create(&path, &name).map_err(|error| Failure::io("write", &path, &error))?;
    let seal_path = set.location.join(SEAL_FILE);
    if let Err(error) = read::write(&seal_path, &seal.render()) {
        // Half of it is worse than nothing: cargo would not notice the file. It was made a moment ago, and is ours.
        let _ = std::fs::remove_file(&path);
        return Err(Failure::io("write", &seal_path, &error));
    }
    let shown = set.path_of(&file);
    output.result(&json!({ "version": spelling.parse::<i64>().ok(), "name": name, "file": shown }), || {
        format!("{GOOD}created{GOOD:#} {shown}")
    });
    Ok(exit::DONE)
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
        return refused("it holds a character that no file name may hold");
    }
    Ok(name)
}

/// The directory, made where it is not there yet. Only a damaged seal file is in the way of a new migration.
fn directory(common: &Common) -> Result<Set, Failure> {
    let mut loaded = load(common);
    if loaded.problems.iter().any(|problem| problem.rule.id == "directory-absent") && !common.dir.exists() {
        std::fs::create_dir_all(&common.dir).map_err(|error| Failure::io("make", &common.dir, &error))?;
        loaded = load(common);
    }
    let Loaded { set, mut problems, .. } = loaded;
    problems.retain(|problem| ["directory-absent", "seal-damaged", "version-range"].contains(&problem.rule.id));
    if problems.is_empty() { Ok(set) } else { Err(Failure::Problems(problems)) }
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
        Failure::Failed("there is no version above the last one".to_owned(), "give that one a smaller version".to_owned())
    })
}

/// The time in UTC as a number: `20260131120000`.
fn now() -> i64 {
    jiff::Timestamp::now().strftime("%Y%m%d%H%M%S").to_string().parse().unwrap_or_default()
}

/// That the file's name will be read as what was meant.
fn check(file: &str, name: &str) -> Result<(), Failure> {
    match file_name::parse(file) {
        FileName::Migration(found) if found.kind == Kind::Versioned && found.name() == name => Ok(()),
        _ => Err(Failure::Usage(
            format!("{name:?} does not serve as a name: {file} would be read as something else"),
            "say what the migration does: `graven new add_email`".to_owned(),
        )),
    }
}

fn create(path: &Path, name: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    writeln!(file, "-- {}", name.replace('_', " "))
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
