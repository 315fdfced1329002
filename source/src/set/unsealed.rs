//! What a release build says of migrations that are not sealed.

use super::place::join;
use super::{Migration, Sealing, Set};
use crate::file_name::SEAL_FILE;
use crate::problem::Problem;
use crate::rule;
use crate::seal::Seal;

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
        [first, .., last] => format!(
            "{} migrations are not sealed ({} to {}), and this is a release build",
            unsealed.len(),
            first.version,
            last.version
        ),
    };
    let path = join(&set.directory, SEAL_FILE);
    let sealed = set.seal.clone().unwrap_or_default().seal_all(set);
    Some(
        Problem::new(&rule::UNSEALED_RELEASE, path.clone(), message)
            .note("what is released must not change any more, and nothing would notice if it did")
            .help("run `graven seal` and commit the file")
            .help(format!("write this into {path}, in place of all that stands there:\n{}", lines_of(&sealed)))
            .help("let a release have unsealed migrations: `embed_migrations!(unsealed = \"allow\")`"),
    )
}

fn lines_of(seal: &Seal) -> String {
    seal.render().trim_end().to_owned()
}

fn noun(migration: &Migration) -> String {
    match migration.kind {
        crate::file_name::Kind::Baseline => "baseline".to_owned(),
        _ => "migration".to_owned(),
    }
}
