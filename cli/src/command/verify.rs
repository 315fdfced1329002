//! `graven verify`: succeeds only if everything is applied.

use crate::arguments::{Common, Verify};
use crate::command::plural;
use crate::database::block_on;
use crate::directory::{Demand, load_to_run};
use crate::embed::embed;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(common: &Common, verify: &Verify, output: &Output) -> Result<Exit, Failure> {
    let set = embed(load_to_run(common, Demand::Any, output)?);
    let url = verify.database.url()?;
    let mut migrator = verify.database.migrator(&set);
    if verify.strict {
        migrator = migrator.strict();
    }
    let report = block_on(async {
        let mut client = graven::connect(url).await?;
        migrator.verify(&mut client).await
    })?;
    output.result(&report, || {
        let mut text = format!("everything is applied: {}", plural(report.total, "migration"));
        if !report.future.is_empty() {
            text.push_str(&format!("; the database has {} more", report.future.len()));
        }
        text
    })?;
    Ok(exit::DONE)
}
