//! `graven redo`: takes the last migration back and applies it again.

use graven::{Error, Redone};

use crate::arguments::{Common, Redo};
use crate::database::block_on;
use crate::directory::{Demand, load_to_run};
use crate::embed::embed;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::{self, Verb};

pub(crate) fn run(common: &Common, redo: &Redo, output: &Output) -> Result<Exit, Failure> {
    let set = embed(load_to_run(common, Demand::Any, output)?);
    let url = redo.database.url()?;
    let mut migrator = redo.database.migrator(&set).lock_timeout(redo.lock.timeout);
    if redo.although_sealed {
        migrator = migrator.redo_sealed();
    }
    let redoing =
        async |verb: Verb<'_>| -> Result<Redone, Error> { verb.migrator.redo(verb.client, redo.version).await };
    let redone = block_on(progress::run(*output, migrator, url, redo.database.namespace.as_deref(), redoing))?;
    output.result(&redone, || {
        let (version, name) = (redone.version, &redone.name);
        format!("redone {version} {name}: reverted in {:.1?}, applied in {:.1?}", redone.reverting, redone.applying)
    })?;
    Ok(exit::DONE)
}
