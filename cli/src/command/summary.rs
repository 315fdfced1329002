//! `graven summary`: what a change brings, for those who review it. It reads files and git, and touches no database.

mod arguments;
mod changes;
mod git;
mod locks;
mod markdown;

use graven_source::Transaction;
use graven_source::problem::Problem;
use graven_source::set::{Control, Loaded, Migration, Sealing, Set};
use graven_source::statement::split;
use serde_json::{Value, json};

use self::arguments::Format;
pub(crate) use self::arguments::Summary;
use self::changes::{Change, Changed, changed};
pub(crate) use self::git::{Base, Fate, head_has};
use self::locks::Held;
pub(crate) use self::locks::Made;
use crate::arguments::Common;
use crate::directory::Directory;
use crate::exit::{self, Exit};
use crate::failure::{self, Failure};
use crate::output::{Form, Output};

/// What to do where there is no git.
const WITHOUT_GIT: &str = "leave `--since` away: then it tells of all that is not sealed";

pub(crate) fn run(common: &Common, summary: &Summary, output: &Output) -> Result<Exit, Failure> {
    let Loaded { set, problems, .. } = Directory::of(common)?.load();
    let base = match &summary.since {
        Some(since) => Some(Base::named(&set.location, since, WITHOUT_GIT)?),
        None => Base::found(&set.location),
    };
    let mut changes = changed(&set, base.as_ref())?;
    let mut made = Made::default();
    for changed in &mut changes {
        let Some(found) = changed.migration else { continue };
        changed.locks = match changed.change {
            Change::New => made.next(&statements(found)),
            // One that was there before may have made long ago what it makes.
            _ => made.clone().next(&statements(found)),
        };
    }
    let told = Told { set: &set, base: base.as_ref(), changes: &changes, problems: &problems };
    match summary.format.unwrap_or(if output.is_json() { Format::Json } else { Format::Markdown }) {
        Format::Markdown => Output::new(Form::Human).result(&(), || markdown::page(&told))?,
        Format::Json => Output::for_machines().result(&json(&told), String::new)?,
    }
    // A problem fails `graven check`. This is what is written about it.
    Ok(exit::DONE)
}

/// All that a summary tells.
struct Told<'a> {
    set: &'a Set,
    /// What it is compared with; `None` where git knows nothing.
    base: Option<&'a Base>,
    changes: &'a [Changed<'a>],
    problems: &'a [Problem],
}

impl Told<'_> {
    fn count(&self, change: Change) -> usize {
        self.changes.iter().filter(|changed| changed.change == change).count()
    }
}

/// The statements of a migration as it runs, without its own BEGIN and COMMIT.
fn statements(migration: &Migration) -> Vec<&str> {
    let absorbed: &[_] = match &migration.control {
        Control::Absorbed(spans) => spans,
        _ => &[],
    };
    // What cannot be split is a problem, and is told as one.
    let statements = split(&migration.text).unwrap_or_default();
    let spans = statements.into_iter().map(|statement| statement.span);
    let sent =
        spans.filter(|span| !absorbed.iter().any(|left_out| left_out.start < span.end && span.start < left_out.end));
    sent.filter_map(|span| migration.text.get(span)).collect()
}

fn json(told: &Told<'_>) -> Value {
    let migration = |found: &Migration| {
        json!({
            "transaction": found.directives.transaction == Transaction::On,
            "statements": statements(found).len(),
            "sealed": found.sealing == Sealing::Sealed,
            "reverse": told.set.reverse_of(found).map(|reverse| told.set.path_of(&reverse.file)),
        })
    };
    let lock = |held: &Held| json!({ "mode": held.mode.as_str(), "on": held.on, "others": held.mode.lets() });
    let changed = |changed: &Changed<'_>| {
        let mut json = json!({
            "change": changed.change.as_str(),
            "kind": changed.kind.to_string(),
            "version": changed.version.map(|version| version.value()),
            "name": changed.name,
            "file": told.set.path_of(&changed.file),
        });
        if let (Some(found), Some(json)) = (changed.migration, json.as_object_mut())
            && let Value::Object(more) = migration(found)
        {
            json.extend(more);
            json.insert("locks".to_owned(), changed.locks.iter().map(lock).collect());
        }
        json
    };
    json!({
        "directory": told.set.directory,
        "since": told.base.map(|base| json!({ "named": base.named, "commit": base.commit })),
        "migrations": told.set.migrations.len(),
        "unsealed": told.set.migrations.iter().filter(|found| found.sealing != Sealing::Sealed).count(),
        "changes": told.changes.iter().map(changed).collect::<Vec<_>>(),
        "problems": told.problems.iter().map(failure::problem).collect::<Vec<_>>(),
    })
}
