//! `graven apply`: applies what is pending.

use graven::{Error, Outcome, Report};

use crate::arguments::{Apply, Common};
use crate::command::plural;
use crate::database::block_on;
use crate::directory::load_to_run;
use crate::embed::embed;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::{self, Verb};

pub(crate) fn run(common: &Common, apply: &Apply, output: &Output) -> Result<Exit, Failure> {
    let set = embed(load_to_run(common, apply.sealed.into(), output)?);
    let url = apply.database.url()?;
    let mut migrator = apply.database.migrator(&set).lock_timeout(apply.lock.timeout);
    if apply.into_existing {
        migrator = migrator.into_existing();
    }
    if apply.out_of_order {
        migrator = migrator.allow_out_of_order();
    }
    if apply.strict {
        migrator = migrator.strict();
    }
    let applying = async |verb: Verb<'_>| -> Result<Report, Error> { verb.migrator.run(verb.client).await };
    let report = block_on(progress::run(*output, migrator, url, apply.database.namespace.as_deref(), applying))?;
    output.result(&report, || summary(&report))?;
    Ok(exit::DONE)
}

fn summary(report: &Report) -> String {
    match report.outcome {
        Outcome::Applied => {
            let applied = plural(report.applied.len(), "migration");
            format!("applied {applied} in {:.1?}, {} in all", report.duration, report.total)
        }
        _ => format!("up to date: {}", plural(report.total, "migration")),
    }
}
