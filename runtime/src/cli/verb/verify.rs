//! `verify`: succeeds only if everything is applied.

use clap::Args;

use crate::cli::database::Database;
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::verb::Scene;
use crate::cli::words::plural;

/// Succeed only if everything is applied; write nothing
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  graven verify && systemctl start app     start it only on a database that is up to date

It exits with 8 where migrations are pending, and with 4 where directory and database disagree.")]
pub struct Verify {
    #[command(flatten)]
    database: Database,

    /// Refuse where the history has versions above the directory's
    #[arg(id = "graven.strict", long = "strict")]
    strict: bool,
}

impl Verify {
    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let url = self.database.url(scene)?;
        let mut migrator = self.database.migrator(scene);
        if self.strict {
            migrator = migrator.strict();
        }
        let mut client = crate::connect(url).await?;
        let report = migrator.verify(&mut client).await?;
        scene.output.result(&report, || {
            let mut text = format!("everything is applied: {}", plural(report.total, "migration"));
            if !report.future.is_empty() {
                text.push_str(&format!("; the database has {} more", report.future.len()));
            }
            text
        })?;
        Ok(exit::DONE)
    }
}
