//! `redo`: takes the highest applied migration back and applies it again.

use clap::Args;

use crate::cli::database::{Database, Lock, version};
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::limits::Limits;
use crate::cli::progress::{self, Tools};
use crate::cli::verb::Scene;
use crate::cli::words::plural;
use crate::{Error, Redone};

/// Take the highest applied migration back and apply it again, as it is now
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  graven redo 14                   after an edit of the migration that you are writing

It reverts the migration by its reverse, `<version>_<name>.down.sql`, and applies it as its file is
now: two transactions under one lock. No higher version may be applied. What its reverse drops is
gone, and the data in it. If applying it fails, it stays reverted, and is pending. Repeatables, whose
work its reverse may have taken along, are applied again after it, unless another migration is
pending: then they are, too.")]
pub struct Redo {
    /// The version of the migration
    #[arg(id = "graven.version", value_name = "VERSION", value_parser = version())]
    version: i64,

    /// Redo it although it is sealed, on this database alone: others that have run it keep what they have, and never get
    /// what has changed in it
    #[arg(id = "graven.although_sealed", long = "although-sealed")]
    although_sealed: bool,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    lock: Lock,

    #[command(flatten)]
    limits: Limits,
}

impl Redo {
    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let url = self.database.url(scene)?;
        let mut migrator = self.limits.said_to(self.lock.said_to(self.database.migrator(scene)));
        if self.although_sealed {
            migrator = migrator.redo_sealed();
        }
        let redoing =
            async |tools: Tools<'_>| -> Result<Redone, Error> { tools.migrator.redo(tools.client, self.version).await };
        let redone = progress::run(scene, migrator, url, redoing).await?;
        scene.output.result(&redone, || {
            let (version, name) = (redone.version, &redone.name);
            let (reverting, applying) = (redone.reverting, redone.applying);
            let repeatables = match (redone.repeatables.len(), redone.pending.len()) {
                (0, 0) => String::new(),
                (0, 1) => "; 1 repeatable is pending again".to_owned(),
                (0, pending) => format!("; {pending} repeatables are pending again"),
                (applied, _) => format!(", and after it {}", plural(applied, "repeatable")),
            };
            format!("redone {version} {name}: reverted in {reverting:.1?}, applied in {applying:.1?}{repeatables}")
        })?;
        Ok(exit::DONE)
    }
}
