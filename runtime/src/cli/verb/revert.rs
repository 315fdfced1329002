//! `revert`: takes migrations back, and says first which ones.

use clap::Args;

use crate::cli::database::{Database, Lock, database_name, version};
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::output::DIM;
use crate::cli::progress::{self, Tools};
use crate::cli::verb::Scene;
use crate::{Error, MigrationStatus, RevertReport, State, Status, Target};

/// As many migrations as one line has room for.
const NAMED: usize = 8;

/// Take migrations back by their reverses, the last one first
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  graven revert                    the last one that was applied
  graven revert --steps 3          the last three
  graven revert --to 12            what was applied above 12, which stays
  graven revert --all              everything

It says first which ones, and asks nothing. Each is taken back by its reverse,
`<version>_<name>.down.sql`, in one transaction with its row in the history table: it is pending
again. If one of them cannot be reverted, none is touched, and each obstacle is named with its
remedy (exit code 4). If a reverse fails, those before it stay reverted (exit code 3).

What a reverse drops is gone, and the data in it. Stop the instances of your service that bring
these migrations along: the next one of them to start applies them again.")]
pub struct Revert {
    #[command(flatten)]
    extent: Extent,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    lock: Lock,
}

/// How far back.
#[derive(Args, Clone, Debug)]
#[group(id = "graven.extent", multiple = false)]
struct Extent {
    /// So many of the last ones that were applied [default: 1]
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
        let migrator = self.lock.said_to(self.database.migrator(scene));
        let reverting = async |tools: Tools<'_>| -> Result<RevertReport, Error> {
            if !scene.output.is_json() {
                let status = tools.migrator.status(tools.client).await?;
                if let Some(line) = announcement(&status, target, &database_name(tools.client).await) {
                    tools.shown.say(format_args!("{DIM}{line}{DIM:#}"));
                }
            }
            tools.migrator.revert(tools.client, target).await
        };
        let report = progress::run(scene, migrator, url, reverting).await?;
        scene.output.result(&report, || summary(&report))?;
        Ok(exit::DONE)
    }
}

/// What is about to be reverted, in the order in which it will be. It is for people: the revert itself looks again a moment later,
/// and settles by that what it takes back.
fn announcement(status: &Status, target: Target, database: &str) -> Option<String> {
    let recorded: Vec<&MigrationStatus> = status.migrations.iter().rev().filter(|found| is_recorded(found)).collect();
    let is_above = |found: &&&MigrationStatus, to: i64| found.version.is_none_or(|version| version.value() > to);
    let number = match target {
        Target::Steps(steps) => steps.min(recorded.len()),
        Target::To(version) => recorded.iter().take_while(|found| is_above(found, version)).count(),
        _ => recorded.len(),
    };
    let (going, _) = recorded.split_at_checked(number)?;
    let named = |found: &&MigrationStatus| match found.version {
        Some(version) => format!("{version} {}", found.name),
        None => found.name.clone(),
    };
    let list = match going {
        [] => return None,
        [first @ .., last] if first.len() >= NAMED => {
            let shown: Vec<String> = first.iter().take(NAMED - 1).map(named).collect();
            format!("{} and {} more, down to {}", shown.join(", "), going.len() - NAMED + 1, named(last))
        }
        all => all.iter().map(named).collect::<Vec<_>>().join(", "),
    };
    let history = status.history.as_deref().unwrap_or_default();
    Some(format!("history {history} of database {database}: to revert {list}"))
}

/// Whether the history has it.
fn is_recorded(migration: &MigrationStatus) -> bool {
    !matches!(migration.state, State::Pending | State::OutOfOrder)
}

fn summary(report: &RevertReport) -> String {
    match report.reverted.len() {
        0 => "nothing to revert".to_owned(),
        1 => format!("reverted 1 migration in {:.1?}; it is pending again", report.duration),
        number => format!("reverted {number} migrations in {:.1?}; they are pending again", report.duration),
    }
}

fn steps() -> clap::builder::RangedU64ValueParser<usize> {
    clap::builder::RangedU64ValueParser::new().range(1..)
}
