//! `graven stamp`: records migrations as applied without running them.

use graven::{Error, StampReport, StampTo};

use crate::arguments::{Common, Stamp};
use crate::command::plural;
use crate::database::block_on;
use crate::directory::{Demand, load_to_run};
use crate::embed::embed;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::{self, Verb};

pub(crate) fn run(common: &Common, stamp: &Stamp, output: &Output) -> Result<Exit, Failure> {
    let set = embed(load_to_run(common, Demand::Any, output)?);
    let url = stamp.database.url()?;
    let to = stamp.to.map_or(StampTo::Head, StampTo::Version);
    let migrator = stamp.database.migrator(&set).lock_timeout(stamp.lock.timeout);
    let stamping = async |verb: Verb<'_>| -> Result<StampReport, Error> { verb.migrator.stamp(verb.client, to).await };
    let report = block_on(progress::run(*output, migrator, url, stamp.database.namespace.as_deref(), stamping))?;
    output.result(&report, || summary(&report))?;
    Ok(exit::DONE)
}

fn summary(report: &StampReport) -> String {
    let stamped = match report.stamped.len() {
        0 => "nothing to stamp".to_owned(),
        number => format!("stamped {}, without running anything", plural(number, "migration")),
    };
    let rest: Vec<String> = [(report.applied_before, "applied before"), (report.pending.len(), "pending")]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    if rest.is_empty() { stamped } else { format!("{stamped}; {}", rest.join(", ")) }
}
