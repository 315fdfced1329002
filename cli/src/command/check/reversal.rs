//! What is wrong with a reverse, in words.

use graven::{Error, Obstacle};
use graven_source::problem::Problem;
use graven_source::set::{Migration, Set};

use super::finding::Finding;
use super::rules;
use crate::directory::words_on;
use crate::schema::Difference;

/// The most lines of a difference that are shown.
const LINES: usize = 60;

/// It did not run.
pub(super) fn fails(set: &Set, reverse: &Migration, error: &Error) -> Finding {
    if let Some(finding) = Finding::failed(set, error) {
        return finding;
    }
    let message = format!("the reverse of {} {} cannot be run: {error}", reverse.version, reverse.name);
    let mut problem = Problem::new(&rules::REVERSE_FAILS, set.path_of(&reverse.file), message);
    let words = words_on(&set.directory);
    if let Error::NotRevertible { obstacles, .. } = error {
        for obstacle in obstacles {
            if let Obstacle::NotRepeatable { line, .. } = obstacle {
                problem = problem.at_line(*line);
            }
            problem = problem.note(obstacle.to_string()).help(words.typed(&obstacle.remedy()));
        }
    } else if let Some(hint) = error.hint() {
        problem = problem.help(words.typed(&hint));
    }
    Finding::error(problem)
}

/// It ran, and the schema is not what it was before.
pub(super) fn differs(set: &Set, migration: &Migration, reverse: &Migration, difference: &Difference) -> Finding {
    let (version, name) = (migration.version, &migration.name);
    let path = set.path_of(&reverse.file);
    if difference.is_order_of_columns_alone() {
        let message = format!("the reverse of {version} {name} brings columns back in another order");
        let note = format!("`-` before the migration, `+` after it and its reverse:\n{}", difference.shortened(LINES));
        return Finding::warning(Problem::new(&rules::REVERSE_DIFFERS, path, message).note(note));
    }
    let message = format!("the reverse of {version} {name} does not restore the schema");
    let note = format!(
        "`-` was there before the migration, `+` is there after it and its reverse:\n{}",
        difference.shortened(LINES)
    );
    Finding::error(
        Problem::new(&rules::REVERSE_DIFFERS, path, message)
            .note(note)
            .help("let the reverse undo each of these lines")
            .help("delete the reverse if there is no way back"),
    )
}

/// Its migration cannot be applied again.
pub(super) fn does_not_repeat(set: &Set, migration: &Migration, reverse: &Migration, error: &Error) -> Finding {
    let message = format!("{} {} cannot be applied again after its reverse", migration.version, migration.name);
    let failed = Finding::failed(set, error).map_or_else(|| error.to_string(), |finding| finding.problem.message);
    Finding::error(
        Problem::new(&rules::REVERSE_REPEATS, set.path_of(&reverse.file), message)
            .note(failed)
            .help("let the reverse take back everything that the migration makes"),
    )
}

/// Its migration gives another schema when it is applied again.
pub(super) fn repeats_otherwise(
    set: &Set,
    migration: &Migration,
    reverse: &Migration,
    difference: &Difference,
) -> Finding {
    let (version, name) = (migration.version, &migration.name);
    let message = format!("{version} {name} gives another schema when it is applied again after its reverse");
    let note = format!("`-` the first time, `+` the second time:\n{}", difference.shortened(LINES));
    Finding::error(Problem::new(&rules::REVERSE_REPEATS, set.path_of(&reverse.file), message).note(note))
}
