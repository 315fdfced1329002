//! `script`: the migrations as one file for psql.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::ScriptRange;
use crate::cli::database::{Database, Lock, version};
use crate::cli::exit::{self, Exit};
use crate::cli::failure::Failure;
use crate::cli::limits::Limits;
use crate::cli::verb::Scene;
use crate::cli::words::plural;

/// Write the migrations as one SQL file, for somebody else to run with psql
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = "\
Examples:
  graven script --output release.sql       all of them
  graven script --from 12 --to 15          only these, to be read on the terminal
  psql -X -f release.sql \"$DATABASE_URL\"   how it is run, by whoever may

It needs no database. The file does what `graven apply` does: it waits for others that are migrating,
stops before it changes anything where the history conflicts with it, applies what is not applied
yet, each migration with its row in the history, and may be run again at any time, also after it was
cut off. A `graven apply` after it finds everything applied. It needs psql 11 or later, and a session
of its own: no transaction pooler, and not `psql -1`.")]
pub struct Script {
    /// The first version; all before it must be applied already [default: the lowest, or a baseline]
    #[arg(id = "graven.from", long = "from", value_name = "VERSION", value_parser = version())]
    from: Option<i64>,

    /// The last version [default: the highest, and then the repeatables]
    #[arg(id = "graven.to", long = "to", value_name = "VERSION", value_parser = version())]
    to: Option<i64>,

    /// The file to write, instead of printing it; one that is there is replaced
    #[arg(id = "graven.output", long = "output", short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    database: Database,

    #[command(flatten)]
    lock: Lock,

    #[command(flatten)]
    limits: Limits,

    /// Let it begin a history in a schema that already holds tables
    #[arg(id = "graven.into_existing", long = "into-existing")]
    into_existing: bool,

    /// Let it apply a pending migration although one with a higher version is applied already
    #[arg(id = "graven.out_of_order", long = "out-of-order")]
    out_of_order: bool,
}

impl Script {
    pub(super) fn run(&self, scene: &Scene<'_>) -> Result<Exit, Failure> {
        let mut migrator = self.limits.said_to(self.lock.said_to(self.database.migrator(scene)));
        if self.into_existing {
            migrator = migrator.into_existing();
        }
        if self.out_of_order {
            migrator = migrator.allow_out_of_order();
        }
        let mut range = ScriptRange::all();
        if let Some(version) = self.from {
            range = range.from(version);
        }
        if let Some(version) = self.to {
            range = range.to(version);
        }
        let script = migrator.script(range)?;
        let Some(file) = &self.output else {
            scene.output.file(&script, script.sql.as_bytes())?;
            return Ok(exit::DONE);
        };
        std::fs::write(file, &script.sql).map_err(|error| {
            let hint = "name a file in a folder that is there and may be written to: --output FILE";
            Failure::Failed(format!("cannot write {}: {error}", file.display()), hint.to_owned())
        })?;
        let json = json!({ "output": file.display().to_string(), "migrations": script.migrations });
        scene.output.result(&json, || {
            let count = plural(script.migrations.len(), "migration");
            format!("wrote {}: {count}; run it with psql -X -f", file.display())
        })?;
        Ok(exit::DONE)
    }
}
