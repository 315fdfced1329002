//! `reset`: drops a development database, makes it anew and applies everything.

use clap::Args;

use crate::cli::database::Database;
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::verb::Scene;
use crate::cli::words::plural;
use crate::{ResetReport, Sessions};

/// Drop a development database, make it anew and apply everything
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  GRAVEN_ENV=development graven reset --yes
  GRAVEN_ENV=development graven reset --yes --force     end the sessions that are connected to it

Everything in the database is lost. It refuses, with all reasons at once and before anything is
touched (exit code 4), unless
  - GRAVEN_ENV is `development`
  - the URL names one server, on this machine: a Unix socket, localhost, a loopback address.
    A tunnel that listens here (ssh -L, kubectl port-forward) looks the same: close it first
  - no word in the names of database, user and role speaks of production: prod, live and such
  - it is none of the server's own databases, no template, and smaller than 10 GiB
  - its history knows some of these migrations, or it holds no table
  - no migration was applied to it from another machine, as its history tells
  - nothing streams from the server, no pooler stands between, and it is not set to be read-only
  - nobody else is connected to it, or --force was said
  - the role owns it and may create databases

The new database is made beside the old one, with its owner, encoding, locale, settings and rights,
before the old one is dropped. What is cut off in between, another reset finishes.")]
pub struct Reset {
    /// Yes, everything in the database may be lost
    #[arg(id = "graven.yes", long = "yes")]
    yes: bool,

    /// End other sessions that are connected to it
    #[arg(id = "graven.force", long = "force")]
    force: bool,

    #[command(flatten)]
    database: Database,
}

impl Reset {
    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let url = self.database.url(scene)?;
        if !self.yes {
            return Err(Failure::Usage(
                "a reset drops the database and everything in it".to_owned(),
                "if that is meant, say `graven reset --yes`".to_owned(),
            ));
        }
        let sessions = if self.force { Sessions::End } else { Sessions::Refuse };
        let report = self.database.migrator(scene).reset_url(url, sessions).await?;
        scene.output.result(&report, || summary(&report))?;
        Ok(exit::DONE)
    }
}

fn summary(report: &ResetReport) -> String {
    let did = if report.was_there { "dropped and made" } else { "made" };
    let applied = plural(report.run.applied.len(), "migration");
    let mut text = format!("{did} database {}, and applied {applied} in {:.1?}", report.database, report.run.duration);
    for lost in &report.not_restored {
        text.push_str(&format!("\n  not restored: {lost}"));
    }
    if !report.extensions_gone.is_empty() {
        let gone = report.extensions_gone.join(", ");
        text.push_str(&format!("\n  it had extensions that no migration creates, and has them no longer: {gone}"));
    }
    text
}
