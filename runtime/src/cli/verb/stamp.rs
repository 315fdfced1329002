//! `stamp`: records migrations as applied without running them.

use clap::Args;

use crate::cli::database::{Database, Lock, version};
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::progress::{self, Tools};
use crate::cli::verb::Scene;
use crate::cli::words::plural;
use crate::{Error, StampReport, StampTo};

/// Record migrations as applied without running them, for a schema that was made otherwise
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  graven stamp                     all that the directory has
  graven stamp --to 12             up to 12, which is included; what lies above stays pending

For a database whose schema another tool has made, or somebody by hand. It runs nothing, and it
compares nothing: that the schema is what these migrations make is your word, and migrations after
them build on it. What is recorded already is passed over. All of it is recorded or nothing.

`graven revert` runs the reverse of what was stamped. To forget a stamp and leave the schema alone,
delete its row from the history table.")]
pub struct Stamp {
    /// Up to this version, which is included [default: the highest]
    #[arg(id = "graven.to", long = "to", value_name = "VERSION", value_parser = version())]
    to: Option<i64>,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    lock: Lock,
}

impl Stamp {
    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let url = self.database.url(scene)?;
        let to = self.to.map_or(StampTo::Head, StampTo::Version);
        let migrator = self.lock.said_to(self.database.migrator(scene));
        let stamping =
            async |tools: Tools<'_>| -> Result<StampReport, Error> { tools.migrator.stamp(tools.client, to).await };
        let report = progress::run(scene, migrator, url, stamping).await?;
        scene.output.result(&report, || summary(&report))?;
        Ok(exit::DONE)
    }
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
