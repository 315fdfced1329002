//! `revert`: takes migrations back, and says first which ones.

use clap::Args;

use crate::cli::database::{Database, Lock, version};
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::limits::Limits;
use crate::cli::progress::{self, Tools};
use crate::cli::verb::Scene;
use crate::cli::words::plural;
use crate::{Error, RevertReport, Target};

/// Take migrations back by their reverses, the highest version first
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  graven revert                    the highest version that is applied
  graven revert --steps 3          the three highest
  graven revert --to 12            what was applied above 12, which stays
  graven revert --all              everything

It says first which ones, and asks nothing. Each is taken back by its reverse,
`<version>_<name>.down.sql`, in one transaction with its row in the history table: it is pending
again. If one of them cannot be reverted, none is touched, and each obstacle is named with its
remedy (exit code 4). If a reverse fails, those before it stay reverted (exit code 3). Repeatables,
whose work a reverse may have taken along, are pending again with the first one.

What a reverse drops is gone, and the data in it. Stop the instances of your service that bring
these migrations along: the next one of them to start applies them again.")]
pub struct Revert {
    #[command(flatten)]
    extent: Extent,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    lock: Lock,

    #[command(flatten)]
    limits: Limits,
}

/// How far back.
#[derive(Args, Clone, Debug)]
#[group(id = "graven.extent", multiple = false)]
struct Extent {
    /// So many of the highest versions that are applied [default: 1]
    #[arg(id = "graven.steps", long = "steps", value_name = "NUMBER", value_parser = steps())]
    steps: Option<usize>,

    /// Down to this version, which stays applied; 0 is before all others
    #[arg(id = "graven.to", long = "to", value_name = "VERSION", value_parser = version())]
    to: Option<i64>,

    /// Everything
    #[arg(id = "graven.all", long = "all")]
    all: bool,
}

impl Extent {
    fn target(&self) -> Target {
        match (self.steps, self.to) {
            (_, Some(version)) => Target::To(version),
            (Some(steps), None) => Target::Steps(steps),
            (None, None) if self.all => Target::All,
            (None, None) => Target::Steps(1),
        }
    }
}

impl Revert {
    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let url = self.database.url(scene)?;
        let target = self.extent.target();
        let migrator = self.limits.said_to(self.lock.said_to(self.database.migrator(scene)));
        let reverting = async |tools: Tools<'_>| -> Result<RevertReport, Error> {
            tools.migrator.revert(tools.client, target).await
        };
        let report = progress::run(scene, migrator, url, reverting).await?;
        scene.output.result(&report, || summary(&report))?;
        Ok(exit::DONE)
    }
}

fn summary(report: &RevertReport) -> String {
    let repeatables = match report.repeatables.len() {
        0 => String::new(),
        number => format!(", and so {} {}", if number == 1 { "is" } else { "are" }, plural(number, "repeatable")),
    };
    match report.reverted.len() {
        0 => "nothing to revert".to_owned(),
        1 => format!("reverted 1 migration in {:.1?}; it is pending again{repeatables}", report.duration),
        number => {
            format!("reverted {number} migrations in {:.1?}; they are pending again{repeatables}", report.duration)
        }
    }
}

fn steps() -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(1..)
}
