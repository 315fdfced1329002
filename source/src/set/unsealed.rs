//! What a release build says of migrations that are not sealed.

use super::place::join;
use super::{Migration, Sealing, Set};
use crate::file_name::{Kind, SEAL_FILE};
use crate::problem::Problem;
use crate::rule;
use crate::seal::{Seal, SealLine};
use crate::version::Version;

/// The problem of a build that is to be released and has unsealed migrations, if it has: what
/// [`rule::UNSEALED_RELEASE`] says.
///
/// It prints the lines that `graven seal` would write, so that they can be written by hand.
#[must_use]
pub fn unsealed_release(set: &Set) -> Option<Problem> {
    let unsealed: Vec<&Migration> = set
        .migrations
        .iter()
        .chain(&set.baselines)
        .filter(|migration| migration.sealing == Sealing::Unsealed)
        .collect();
    let message = match unsealed.as_slice() {
        [] => return None,
        [one] => format!("{} {} is not sealed, and this is a release build", noun(one), one.version),
        [first, rest @ ..] => {
            // A baseline stands behind the migrations, and need not be of a later version.
            let versions = |(least, most): (Version, Version), migration: &&Migration| {
                (least.min(migration.version), most.max(migration.version))
            };
            let (least, most) = rest.iter().fold((first.version, first.version), versions);
            let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
            format!("{} are not sealed ({range}), and this is a release build", counted(&unsealed))
        }
    };
    let path = join(&set.directory, SEAL_FILE);
    let sealed = set.seal.clone().unwrap_or_default().seal_all(set);
    Some(
        Problem::new(&rule::UNSEALED_RELEASE, path.clone(), message)
            .note("what is released must not change any more, and nothing would notice if it did")
            .help(format!("run `{}` and commit the file", set.graven("seal")))
            .help("let a release have unsealed migrations: `embed_migrations!(unsealed = \"allow\")`")
            .help(by_hand(set, &sealed, &path)),
    )
}

/// As many lines as are shown of a whole seal file.
const SHORT: usize = 20;

/// What `graven seal` would write, for whoever does not have it.
fn by_hand(set: &Set, sealed: &Seal, path: &str) -> String {
    if sealed.lines().len() <= SHORT {
        return format!("write this into {path}, in place of all that stands there:\n{}", sealed.render().trim_end());
    }
    let old = |line: &SealLine| {
        let known = set.seal.as_ref().and_then(|seal| seal.line(line.version, line.kind));
        known.is_some_and(|known| known.checksum().is_some())
    };
    let mut help = format!(
        "write this into {path}, the first line in place of the `head` there, and the others by version, in place of \
         those that say `unsealed`:\n{}",
        sealed.head()
    );
    for line in sealed.lines().filter(|line| !old(line)) {
        help.push('\n');
        help.push_str(&line.render());
    }
    help
}

/// `2 migrations`, `1 migration and 2 baselines`.
fn counted(migrations: &[&Migration]) -> String {
    let baselines = migrations.iter().filter(|migration| migration.kind == Kind::Baseline).count();
    let count = |number: usize, noun: &str| match number {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{number} {noun}s")),
    };
    let parts = [count(migrations.len() - baselines, "migration"), count(baselines, "baseline")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn noun(migration: &Migration) -> &'static str {
    match migration.kind {
        Kind::Baseline => "baseline",
        _ => "migration",
    }
}
