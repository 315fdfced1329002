//! `graven check`: every rule, without a database.

use graven_source::set::{Loaded, Sealing};
use serde_json::json;

use crate::arguments::{Check, Common, Format};
use crate::command::plural;
use crate::directory::{Directory, not_written_yet, unsealed, warn_of_stubs};
use crate::exit::{self, Exit};
use crate::failure::{self, Failure};
use crate::output::Output;

pub(crate) fn run(common: &Common, check: &Check, output: &Output) -> Result<Exit, Failure> {
    let output = if check.format == Some(Format::Json) { Output::for_machines() } else { *output };
    let Loaded { set, mut problems, .. } = Directory::of(common)?.load();
    problems.extend(set.not_run_yet());
    problems.extend(unsealed(&set, check.sealed.into()));
    if !problems.is_empty() && !output.is_json() {
        return Err(Failure::Problems(problems));
    }
    let sealed = set.migrations.iter().filter(|found| found.sealing == Sealing::Sealed).count();
    let json = json!({
        "directory": set.directory,
        "migrations": set.migrations.len(),
        "sealed": sealed,
        "without_statements": not_written_yet(&set).map(|found| set.path_of(&found.file)).collect::<Vec<_>>(),
        "problems": problems.iter().map(failure::problem).collect::<Vec<_>>(),
    });
    output.result(&json, || {
        format!("{}: {}, {sealed} sealed, no problems", set.directory, plural(set.migrations.len(), "migration"))
    })?;
    warn_of_stubs(&set, not_written_yet(&set), &output);
    Ok(if problems.is_empty() { exit::DONE } else { exit::PROBLEMS })
}
