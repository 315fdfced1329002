//! `apply`: applies what is pending.

use clap::Args;

use crate::cli::database::{Database, Lock, version};
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::limits::Limits;
use crate::cli::progress::{self, Tools};
use crate::cli::verb::Scene;
use crate::cli::words::plural;
use crate::migrations::Migrations;
use crate::{Error, Kind, Outcome, Report, Sealing};

/// As many migrations as one line has room for.
const NAMED: usize = 8;

/// Apply what is pending, in order, under a lock, exactly once
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  graven apply                             the database that DATABASE_URL names
  graven apply --sealed                    in a deployment: nothing unsealed gets through
  graven apply --lock-timeout 5min         wait longer for another instance
  graven apply --to 12                     up to 12, which is included; the rest stays pending

Each migration is applied in a transaction of its own, together with its row in the history table.
If one fails, those before it stay applied, and the next run goes on with it. A fresh database gets
the latest baseline in place of the migrations up to its version. Repeatables come last, and again
when their text has changed.")]
pub struct Apply {
    /// Go no further than this version, which is included [default: the highest]
    #[arg(id = "graven.to", long = "to", value_name = "VERSION", value_parser = version())]
    to: Option<i64>,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    lock: Lock,

    #[command(flatten)]
    limits: Limits,

    /// Begin a history in a schema that already holds tables
    #[arg(id = "graven.into_existing", long = "into-existing")]
    into_existing: bool,

    /// Demand that all migrations be sealed
    #[arg(id = "graven.sealed", long = "sealed")]
    sealed: bool,

    /// Apply a pending migration although one with a higher version is applied already
    #[arg(id = "graven.out_of_order", long = "out-of-order")]
    out_of_order: bool,

    /// Refuse where the history has versions above the directory's
    #[arg(id = "graven.strict", long = "strict")]
    strict: bool,

    /// Run every migration also on a fresh database, which would get the latest baseline
    #[arg(id = "graven.no_baseline", long = "no-baseline")]
    no_baseline: bool,
}

impl Apply {
    /// Whether all migrations must be sealed.
    #[must_use]
    pub fn demands_seals(&self) -> bool {
        self.sealed
    }

    pub(super) async fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        if self.demands_seals() {
            all_are_sealed(scene.set)?;
        }
        let url = self.database.url(scene)?;
        let mut migrator = self.limits.said_to(self.lock.said_to(self.database.migrator(scene)));
        if self.into_existing {
            migrator = migrator.into_existing();
        }
        if self.out_of_order {
            migrator = migrator.allow_out_of_order();
        }
        if self.strict {
            migrator = migrator.strict();
        }
        if self.no_baseline {
            migrator = migrator.no_baseline();
        }
        if let Some(version) = self.to {
            migrator = migrator.to(version);
        }
        let applying = async |tools: Tools<'_>| -> Result<Report, Error> { tools.migrator.run(tools.client).await };
        let report = progress::run(scene, migrator, url, applying).await?;
        scene.output.result(&report, || summary(&report, self.to))?;
        Ok(exit::DONE)
    }
}

/// Of a directory all problems have been told before. A program finds here what a dev build has embedded.
fn all_are_sealed(set: &Migrations) -> Result<(), Failure> {
    let unsealed: Vec<String> = set
        .iter()
        .chain(set.baselines())
        .filter(|migration| migration.sealing() != Sealing::Sealed)
        .map(|migration| format!("{} {}", migration.version(), migration.name()))
        .collect();
    if unsealed.is_empty() {
        return Ok(());
    }
    let more = unsealed.len().saturating_sub(NAMED);
    let named = unsealed.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let are = if unsealed.len() == 1 { "is" } else { "are" };
    Err(Failure::Unsealed(
        format!("{} {are} not sealed: {named}{more}", plural(unsealed.len(), "migration")),
        "seal them (`graven seal`), commit the seal file and build again".to_owned(),
    ))
}

fn summary(report: &Report, to: Option<i64>) -> String {
    let end = to.map_or_else(|| format!("{} in all", report.total), |version| format!("up to version {version}"));
    match report.outcome {
        Outcome::Applied => {
            let repeatables = report.applied.iter().filter(|applied| applied.kind == Kind::Repeatable).count();
            let versioned = report.applied.len() - repeatables;
            let counts = [(versioned, "migration"), (repeatables, "repeatable")];
            let counts = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| plural(count, noun));
            let applied = counts.collect::<Vec<_>>().join(" and ");
            format!("applied {applied} in {:.1?}, {end}", report.duration)
        }
        _ if to.is_some() => format!("nothing is pending {end}"),
        _ => format!("up to date: {}", plural(report.total, "migration")),
    }
}

#[cfg(test)]
mod tests {
    use super::all_are_sealed;
    use crate::migrations::{Details, Migration, Sealing};
    use crate::private;

    fn one(sealing: Sealing, details: &'static Details) -> &'static [Migration] {
        vec![private::migration(1, "1_m.sql", (2, 3), sealing, "SELECT 1", &[7; 32], details)].leak()
    }

    #[test]
    fn a_baseline_that_is_not_sealed_is_not_applied_as_if_it_were() {
        let set = private::migrations(one(Sealing::Sealed, &private::DEFAULT), "migrations", None, None, "");
        assert!(all_are_sealed(&set).is_ok());
        for (sealing, is_fine) in [(Sealing::Sealed, true), (Sealing::Unsealed, false)] {
            let set = private::with_baselines(set, one(sealing, &private::BASELINE));
            assert_eq!(all_are_sealed(&set).is_ok(), is_fine, "{sealing:?}");
        }
    }
}
