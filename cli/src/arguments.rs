//! What can be said on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit;

/// SQL migrations for PostgreSQL: written, sealed, checked, and applied exactly once.
///
/// Migrations are files `<version>_<name>.sql` in one directory. The seal file `seal.lock` beside them holds a checksum
/// of each that is sealed, and is committed: a sealed migration that was edited, deleted or renamed is found before it
/// reaches a database.
#[derive(Debug, Parser)]
#[command(name = "graven", version, after_help = exit::HELP, propagate_version = true)]
#[command(subcommand_required = true, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Args, Debug)]
pub(crate) struct Common {
    /// The migrations directory
    #[arg(long, global = true, value_name = "DIR", default_value = "migrations", display_order = 100)]
    pub(crate) dir: PathBuf,

    /// Print JSON on stdout, for machines
    #[arg(long, global = true, display_order = 101)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the next migration: its file, and its line in the seal file
    New(New),
    /// Seal what is not sealed yet: from then on it must not change
    Seal(Seal),
    /// Check the directory against every rule, without a database
    Check(Check),
    /// Apply what is pending, in order, under a lock, exactly once
    Apply(Apply),
    /// Show what state each migration is in
    Status(Database),
    /// Succeed only if everything is applied; write nothing
    Verify(Verify),
    /// Say what became of the statement at which a non-transactional migration was cut off
    Resolve(Resolve),
    /// Explain a rule, or list them all
    Explain(Explain),
}

/// Where the database is, and where in it the history.
#[derive(Args, Debug)]
pub(crate) struct Database {
    /// Where to connect to: postgres://user:password@host:5432/database
    ///
    /// `sslmode` and `sslrootcert` mean what they mean to psql.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,

    /// The history table: `table` or `schema.table` [default: graven_history in the first schema of the search path]
    #[arg(long, value_name = "TABLE")]
    pub(crate) history: Option<String>,

    /// Keep this set of migrations apart from others in the same history table
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven new create_users              migrations/0001_create_users.sql
  graven new --timestamp add_email     migrations/20260131120000_add_email.sql")]
pub(crate) struct New {
    /// What it does, in a few words; spaces become `_`
    #[arg(required = true, value_name = "NAME")]
    pub(crate) name: Vec<String>,

    /// Take the time (UTC) as its version, not the next number
    #[arg(long)]
    pub(crate) timestamp: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Seal {
    /// Accept an edit of a sealed migration, after review: databases that hold the old text go on
    #[arg(long, value_name = "VERSION")]
    pub(crate) accept_edit: Vec<i64>,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Demand that all migrations be sealed, as a release build does
    #[arg(long)]
    pub(crate) sealed: bool,

    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// How to print what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// For machines
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) database: Database,

    /// How long to wait for another instance that is migrating: 30s, 500ms, 5min; 0 tries once
    #[arg(long, env = "GRAVEN_LOCK_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) lock_timeout: Duration,

    /// Begin a history in a schema that already holds tables
    #[arg(long)]
    pub(crate) into_existing: bool,

    /// Demand that all migrations be sealed
    #[arg(long)]
    pub(crate) sealed: bool,

    /// Apply a pending migration although one with a higher version is applied already
    #[arg(long)]
    pub(crate) out_of_order: bool,

    /// Refuse where the history has versions above the directory's
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) database: Database,

    /// Refuse where the history has versions above the directory's
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Resolve {
    /// The version of the incomplete migration
    #[arg(value_name = "VERSION")]
    pub(crate) version: i64,

    #[command(flatten)]
    pub(crate) resolution: Resolution,

    #[command(flatten)]
    pub(crate) database: Database,

    /// How long to wait for another instance that is migrating: 30s, 500ms, 5min; 0 tries once
    #[arg(long, env = "GRAVEN_LOCK_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) lock_timeout: Duration,
}

/// What became of the statement.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Resolution {
    /// The statement took effect: the next run goes on after it
    #[arg(long)]
    pub(crate) applied: bool,

    /// The statement did not take effect: the next run runs it again
    #[arg(long)]
    pub(crate) retry: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The rule, as an error names it; without it, all are listed
    #[arg(value_name = "RULE")]
    pub(crate) rule: Option<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    graven_source::parse_duration(text).map_err(|error| format!("{error}: write it as 30s, 500ms or 5min"))
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
