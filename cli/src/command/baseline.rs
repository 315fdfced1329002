//! `graven baseline`: writes what migrations make as one file, with which a fresh database begins.
//!
//! It runs them on a server, has pg_dump or queries of the catalogs write down the schema, and adds what they leave out: rows, in an order that is the same
//! each time, roles, and what belongs to the database itself. What it writes is proved before it is put in place, as
//! `graven check --baseline` proves it, so that nothing rests on how it was written. It refuses to write what would be another
//! text the next time.

mod arguments;
mod around;
mod catalog;
mod clean;
mod draft;
mod pg_dump;
mod rows;
mod seeds;
mod url;
mod writer;

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use graven_source::file_name::{self, FileName};
use graven_source::set::{Loaded, Migration, Sealing, Set};
use graven_source::{Kind, Version};
use serde_json::{Value, json};

pub(crate) use self::arguments::Baseline;
use self::draft::{Draft, Proved};
use self::writer::Writer;
use crate::arguments::Common;
use crate::command::check::block_on;
use crate::command::check::scratch::Place;
use crate::command::plural;
use crate::directory::{Demand, Directory, unsealed};
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::{GOOD, Output};

pub(crate) fn run(common: &Common, arguments: &Baseline, output: &Output) -> Result<Exit, Failure> {
    let Loaded { set, problems, .. } = Directory::of(common)?.load();
    if !problems.is_empty() {
        return Err(Failure::Problems(problems));
    }
    let last = last(&set, arguments.to)?;
    let covered = covered(&set, last.version);
    if let Some(problem) = unsealed(&covered, Demand::Sealed) {
        return Err(Failure::Problems(vec![problem.note("an edit of one would make the baseline untrue")]));
    }
    let name = name(&arguments.name, &last.spelling)?;
    nothing_in_place(&set, last)?;
    let draft = Draft { set: &set, covered: &covered, last, name: &name, arguments, output: *output };
    let proved = block_on(draft.proved())?;
    if !arguments.dry_run {
        write(&set, &proved)?;
    }
    report(&set, &covered, &proved, arguments, output)?;
    Ok(exit::DONE)
}

/// The migration that the baseline reaches up to.
fn last(set: &Set, to: Option<i64>) -> Result<&Migration, Failure> {
    let Some(last) = set.migrations.last() else {
        return Err(Failure::Usage(
            format!("there are no migrations in {} that a baseline could stand for", set.directory),
            "write one: `graven new NAME`".to_owned(),
        ));
    };
    let Some(to) = to else { return Ok(last) };
    Version::new(to).and_then(|version| set.by_version(version)).ok_or_else(|| {
        Failure::Usage(
            format!("there is no migration {to} in {}", set.directory),
            format!("name one that is there; the last is {}", last.version),
        )
    })
}

/// The versioned migrations up to a version, and nothing else.
fn covered(set: &Set, version: Version) -> Set {
    let mut covered = set.clone();
    covered.migrations.retain(|migration| migration.version <= version);
    covered.reverses.clear();
    covered.baselines.clear();
    covered.repeatables.clear();
    covered
}

/// The name as it stands in the file's name.
fn name(words: &str, spelling: &str) -> Result<String, Failure> {
    let name = words.split_whitespace().collect::<Vec<_>>().join("_");
    let file = format!("{spelling}_{name}{}.sql", Kind::Baseline.suffix());
    let reason = match file_name::parse(&file) {
        _ if name.contains(['/', '\\', '\0', '\n']) => {
            "no file name may hold `/`, `\\`, a line end or a NUL".to_owned()
        }
        FileName::Migration(found) if found.kind == Kind::Baseline && found.name() == name => return Ok(name),
        _ if name.is_empty() => "it is empty".to_owned(),
        _ => format!("{file} would not be the file of a baseline of that name"),
    };
    let hint = "choose another one: `graven baseline all`".to_owned();
    Err(Failure::Usage(format!("{name:?} does not serve as a name: {reason}"), hint))
}

fn nothing_in_place(set: &Set, last: &Migration) -> Result<(), Failure> {
    let Some(there) = set.baselines.iter().find(|baseline| baseline.version == last.version) else { return Ok(()) };
    let hint = match there.sealing {
        Sealing::Unsealed => "delete it, if this one is to take its place".to_owned(),
        _ => "it is sealed and stays: `--to VERSION` makes one of another version".to_owned(),
    };
    Err(Failure::Usage(
        format!("there is a baseline of version {} already: {}", last.version, set.path_of(&there.file)),
        hint,
    ))
}

/// Makes the file. All of it is there in the end, or nothing.
fn write(set: &Set, proved: &Proved) -> Result<(), Failure> {
    let path = set.location.join(&proved.file);
    // Whoever kills this half-way leaves a dotfile behind, and no part of a baseline.
    let beside = set.location.join(format!(".{}.{}.tmp", proved.file, std::process::id()));
    let _ = fs::remove_file(&beside);
    let written = write_new(&beside, &proved.text).and_then(|()| give_name(&beside, &path));
    let _ = fs::remove_file(&beside);
    written.map_err(|error| Failure::io("make", Path::new(&set.path_of(&proved.file)), &error))
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Gives a file this name, if nothing has it.
fn give_name(file: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(file, name) {
        // Not every file system can have two names for a file.
        Err(error) if error.kind() != ErrorKind::AlreadyExists && fs::symlink_metadata(name).is_err() => {
            fs::rename(file, name)
        }
        linked => linked,
    }
}

fn report(set: &Set, covered: &Set, proved: &Proved, arguments: &Baseline, output: &Output) -> Result<(), Failure> {
    for role in &proved.logins {
        output.warning(format!("role {role} may log in: the baseline makes it without a password"));
    }
    if arguments.dry_run {
        return Ok(output.file(&json(set, covered, proved, arguments), proved.text.as_bytes())?);
    }
    Ok(output.result(&json(set, covered, proved, arguments), || page(set, covered, proved, arguments.place()))?)
}

fn page(set: &Set, covered: &Set, proved: &Proved, place: Place<'_>) -> String {
    let path = set.path_of(&proved.file);
    let mut page = format!("{GOOD}created{GOOD:#} {path}\n  in place of {}", range(covered));
    page.push_str(&format!(
        ": {}, {} and {}\n",
        plural(proved.tables, "table"),
        plural(usize::try_from(proved.rows).unwrap_or_default(), "row"),
        plural(proved.sequences, "sequence")
    ));
    page.push_str(&format!(
        "  written by {} on PostgreSQL {}, {}, and proved: a fresh database becomes the same\n",
        proved.writer.called(),
        proved.server,
        match place {
            Place::Throwaway => "a throwaway server",
            Place::Server(_) => "in databases of its own",
        }
    ));
    if !proved.roles.is_empty() {
        page.push_str(&format!("  it makes roles where they are not there: {}\n", proved.roles.join(", ")));
    }
    for (what, columns) in [("left to their defaults", &proved.left), ("as they came out this time", &proved.frozen)] {
        if !columns.is_empty() {
            page.push_str(&format!("  {what}, since they vary from run to run: {}\n", columns.join(", ")));
        }
    }
    page.push_str(&format!(
        "read it, seal it (`{}`), and commit {path} and seal.lock\n\
         the migrations stay: databases that ran them are compared with their files",
        covered.graven("seal")
    ));
    page
}

/// `migrations 1 to 7`, or `migrations 1 to 8 (7 of them)` where a number is left out.
fn range(covered: &Set) -> String {
    match covered.migrations.as_slice() {
        [] => "nothing".to_owned(),
        [one] => format!("migration {}", one.version),
        [first, .., last] => {
            let (from, to, count) = (first.version.value(), last.version.value(), covered.migrations.len());
            let has_all = usize::try_from(to - from).is_ok_and(|between| between + 1 == count);
            let of_them = if has_all { String::new() } else { format!(" ({count} of them)") };
            format!("migrations {from} to {to}{of_them}")
        }
    }
}

/// Its keys are a promise to scripts: they are added to, and none changes its meaning.
fn json(set: &Set, covered: &Set, proved: &Proved, arguments: &Baseline) -> Value {
    json!({
        "file": set.path_of(&proved.file),
        "written": !arguments.dry_run,
        "text": arguments.dry_run.then_some(&proved.text),
        "version": covered.migrations.last().map(|last| last.version.value()),
        "from": covered.migrations.first().map(|first| first.version.value()),
        "name": proved.name,
        "migrations": covered.migrations.len(),
        "checksum": graven_source::Checksum::of_text(&proved.text).to_string(),
        "tables": proved.tables,
        "rows": proved.rows,
        "sequences": proved.sequences,
        "roles": proved.roles,
        "left_to_default": proved.left,
        "frozen": proved.frozen,
        "place": match arguments.place() {
            Place::Throwaway => "throwaway",
            Place::Server(_) => "server",
        },
        "server_version": proved.server,
        "schema_by": match &proved.writer {
            Writer::PgDump(_) => "pg_dump",
            Writer::Catalog => "catalog",
        },
        "pg_dump_version": match &proved.writer {
            Writer::PgDump(pg_dump) => Some(&pg_dump.release),
            Writer::Catalog => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{give_name, name, write_new};

    #[test]
    fn a_name_is_what_a_baseline_can_be_called() {
        let name = |words: &str| name(words, "0008").ok();
        assert_eq!(name("all").as_deref(), Some("all"));
        assert_eq!(name(" the whole schema").as_deref(), Some("the_whole_schema"));
        for refused in ["", "a/b", "../up", "a\nb/"] {
            assert_eq!(name(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn a_name_that_something_has_is_not_given() {
        let folder = tempfile::tempdir().expect("a directory");
        let (file, name) = (folder.path().join("a"), folder.path().join("b"));
        write_new(&file, "new").expect("written");
        assert!(write_new(&file, "newer").is_err());
        give_name(&file, &name).expect("given");
        assert_eq!(fs::read_to_string(&name).expect("read"), "new");
        fs::write(&name, "theirs").expect("written");
        fs::remove_file(&file).expect("removed");
        write_new(&file, "new").expect("written");
        assert!(give_name(&file, &name).is_err());
        assert_eq!(fs::read_to_string(&name).expect("read"), "theirs");
    }
}
