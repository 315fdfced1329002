//! `graven resolve`: an operator says what became of a statement.

use graven::Resolution;

use crate::arguments::{Common, Resolve};
use crate::database::block_on;
use crate::directory::{Demand, load_to_run};
use crate::embed::embed;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(common: &Common, resolve: &Resolve, output: &Output) -> Result<Exit, Failure> {
    let set = embed(load_to_run(common, Demand::Any, output)?);
    let url = resolve.database.url()?;
    let mut migrator = resolve.database.migrator(&set).lock_timeout(resolve.lock.timeout);
    let resolution = if resolve.resolution.applied { Resolution::Applied } else { Resolution::Retry };
    let resolved = block_on(async {
        let mut client = graven::connect(url).await?;
        migrator.resolve(&mut client, resolve.version, resolution).await
    })?;
    output.result(&resolved, || {
        let (version, name) = (resolved.version, &resolved.name);
        let (done, total) = (resolved.statements_done, resolved.statements_total);
        if done == total {
            format!("{version} {name}: all {total} statements are done, it is applied")
        } else {
            format!(
                "{version} {name}: {done} of {total} statements are done, the next run goes on with statement {}",
                done + 1
            )
        }
    })?;
    Ok(exit::DONE)
}
