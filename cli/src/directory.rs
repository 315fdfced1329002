//! The migrations directory, loaded and checked.

use std::path::Path;

use graven_source::problem::Problem;
use graven_source::set::{Loaded, Paths, Set, unsealed_release};

use crate::arguments::Common;
use crate::failure::Failure;
use crate::output::Output;

/// Whether all migrations must be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    Sealed,
    Any,
}

impl From<bool> for Demand {
    fn from(sealed: bool) -> Self {
        if sealed { Self::Sealed } else { Self::Any }
    }
}

/// Loads the directory with everything that is wrong with it. Paths are shown relative to where the command runs.
pub(crate) fn load(common: &Common) -> Loaded {
    Set::load(Path::new("."), &common.dir, Paths::Any)
}

/// Loads the directory for a verb that needs a database. Without a seal file it works, with a warning, unless
/// `demand` says that all must be sealed.
pub(crate) fn load_to_run(common: &Common, demand: Demand, output: &Output) -> Result<Set, Failure> {
    let Loaded { set, mut problems, .. } = load(common);
    if demand == Demand::Any {
        problems.retain(|problem| {
            let absent = problem.rule.id == "seal-absent";
            if absent {
                output.warning(format!("{}: nothing guards them against edits (`graven seal`)", problem.message));
            }
            !absent
        });
    }
    problems.extend(unsealed(&set, demand));
    if problems.is_empty() { Ok(set) } else { Err(Failure::Problems(problems)) }
}

/// What a demand for seals finds.
pub(crate) fn unsealed(set: &Set, demand: Demand) -> Option<Problem> {
    if demand == Demand::Sealed && set.seal.is_some() { unsealed_release(set) } else { None }
}
