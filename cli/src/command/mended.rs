//! What is said of a seal file that a merge left damaged and that was mended.

use graven_source::Kind;
use graven_source::file_name::SEAL_FILE;
use graven_source::seal::{Mended, SealLine, Side};
use graven_source::set::{Set, quote};
use serde_json::{Value, json};

use super::seal::{line_json, shown};
use crate::output::{GOOD, Output};

/// For people, a line each.
pub(super) fn text(mended: &Mended, file: &str) -> String {
    let lines = |lines: &[SealLine]| match lines {
        [] => "nothing".to_owned(),
        lines => lines.iter().map(shown).collect::<Vec<_>>().join(", "),
    };
    if mended.sides.is_empty() {
        let added = match mended.added.as_slice() {
            [] => "its lines are in order".to_owned(),
            added => format!("its `head` vouches for {} now, as in the files", lines(added)),
        };
        return format!("{GOOD}mended{GOOD:#} {file}: {added}\n");
    }
    let mut text = format!("{GOOD}resolved{GOOD:#} the merge conflict in {file}: the lines of both sides are kept\n");
    for side in &mended.sides {
        text.push_str(&format!("  of {}: {}\n", side.label, lines(&side.own)));
    }
    text
}

/// For machines.
pub(super) fn json(mended: &Mended, set: &Set) -> Value {
    let lines = |lines: &[SealLine]| lines.iter().map(line_json).collect::<Vec<_>>();
    let side = |side: &Side| json!({ "side": side.label, "lines": lines(&side.own) });
    json!({
        "sides": mended.sides.iter().map(side).collect::<Vec<_>>(),
        "added": lines(&mended.added),
        "warnings": warnings(mended, set),
    })
}

/// Warns people of what is done and may not be what was meant.
pub(super) fn warn(mended: &Mended, set: &Set, output: &Output) {
    for warning in warnings(mended, set).iter().filter(|_| !output.is_json()) {
        output.warning(warning);
    }
}

/// What one side sealed below what is sealed on the other comes late to that one's databases.
fn warnings(mended: &Mended, set: &Set) -> Vec<String> {
    let [ours, theirs] = mended.sides.as_slice() else { return Vec::new() };
    [(ours, theirs, "theirs"), (theirs, ours, "ours")]
        .into_iter()
        .filter_map(|(late, other, side)| {
            let last = other.seal.line(other.seal.sealed_head()?, Kind::Versioned)?;
            let late_ones: Vec<String> =
                new(late, other).filter(|line| line.version < last.version).map(shown).collect();
            let (late_ones, last) = ((!late_ones.is_empty()).then(|| late_ones.join(", "))?, shown(last));
            Some(format!(
                "{late_ones} of {} lies below {last} of {}: a database that ran the latter first refuses the former as \
                 out of order\n  \
                 if there is such a database: `git checkout --{side} -- {} && {} && {}`",
                late.label,
                other.label,
                quote(&set.path_of(SEAL_FILE)),
                set.graven("renumber"),
                set.graven("seal")
            ))
        })
        .collect()
}

/// What one side sealed under a version of which the other says nothing. A baseline comes late to nobody: what it stands for
/// has run.
fn new<'a>(side: &'a Side, other: &Side) -> impl Iterator<Item = &'a SealLine> {
    side.own.iter().filter(|line| {
        let is_sealed = line.kind == Kind::Versioned && line.checksum().is_some();
        is_sealed && other.seal.line(line.version, line.kind).is_none()
    })
}
