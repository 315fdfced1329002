//! `resolve`: an operator says what became of a statement.

use clap::Args;

use crate::cli::database::{Database, Lock, version};
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::verb::Scene;

/// Say what became of the statement at which a non-transactional migration was cut off
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
A migration with `transaction = off` that was cut off in the middle of a statement leaves it open
whether that statement took effect. `graven status` shows the statement; look in the database, then:

  graven resolve 12 --applied      it did: the next run goes on after it
  graven resolve 12 --retry        it did not: the next run runs it again")]
pub struct Resolve {
    /// The version of the incomplete migration
    #[arg(id = "graven.version", value_name = "VERSION", value_parser = version())]
    version: i64,

    #[command(flatten)]
    resolution: Resolution,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    lock: Lock,
}

/// What became of the statement.
#[derive(Args, Clone, Debug)]
#[group(id = "graven.resolution", required = true, multiple = false)]
struct Resolution {
    /// The statement took effect: the next run goes on after it
    #[arg(id = "graven.applied", long = "applied")]
    applied: bool,

    /// The statement did not take effect: the next run runs it again
    #[arg(id = "graven.retry", long = "retry")]
    retry: bool,
}

impl Resolve {
    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let url = self.database.url(scene)?;
        let mut migrator = self.lock.said_to(self.database.migrator(scene));
        let resolution = if self.resolution.applied { crate::Resolution::Applied } else { crate::Resolution::Retry };
        let mut client = crate::connect(url).await?;
        let resolved = migrator.resolve(&mut client, self.version, resolution).await?;
        scene.output.result(&resolved, || {
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
}
