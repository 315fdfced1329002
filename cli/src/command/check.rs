//! `graven check`: every rule, without a database.

use graven_source::set::Loaded;
use serde_json::json;

use crate::arguments::{Check, Common, Format};
use crate::command::apply::plural;
use crate::directory::{load, unsealed};
use crate::exit::{self, Exit};
use crate::failure::{self, Failure};
use crate::output::Output;

pub(crate) fn run(common: &Common, check: &Check, output: &Output) -> Result<Exit, Failure> {
    let Loaded { set, mut problems, .. } = load(common);
    problems.extend(unsealed(&set, check.sealed.into()));
    let output = if check.format == Format::Json { output.as_json() } else { *output };
    let sealed = set.migrations.iter().filter(|found| found.sealing == graven_source::set::Sealing::Sealed).count();
    let json = json!({
        "directory": set.directory,
        "migrations": set.migrations.len(),
        "sealed": sealed,
        "problems": problems.iter().map(failure::problem).collect::<Vec<_>>(),
    });
    if problems.is_empty() {
        output.result(&json, || {
            format!("{}: {}, {sealed} sealed, no problems", set.directory, plural(set.migrations.len(), "migration"))
        });
        return Ok(exit::DONE);
    }
    if output.is_json() {
        output.result(&json, String::new);
        return Ok(exit::PROBLEMS);
    }
    Err(Failure::Problems(problems))
}
