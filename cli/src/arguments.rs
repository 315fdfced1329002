//! What can be said on the command line.

mod history;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::history::{Redo, Resolve, Revert, Stamp};
use crate::exit;

/// The heading under which `--help` lists what every command understands.
const EVERYWHERE: &str = "Global options";
/// The heading under which `--help` lists where the database is.
const DATABASE: &str = "Database";

const BEGINNING: &str = "\
Getting started:
  graven new create_users     make migrations/0001_create_users.sql, to be filled in
  graven seal                 seal it when it is done, and commit both files
  graven apply                apply it to the database that DATABASE_URL names
  graven status               see what that database has

Migrations are files `<version>_<name>.sql` in one directory. Beside them, `seal.lock` holds a
checksum of each that is sealed: one that was edited, deleted or renamed afterwards is found
before it reaches a database.";

/// SQL migrations for PostgreSQL: written, sealed, checked, and applied exactly once
#[derive(Debug, Parser)]
#[command(name = "graven", version, after_help = format!("{BEGINNING}\n\n{}", exit::HELP))]
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
    /// The migrations directory [default: `migrations` here, or in the package or the workspace around]
    #[arg(long, global = true, value_name = "DIR", help_heading = EVERYWHERE)]
    pub(crate) dir: Option<PathBuf>,

    /// Print JSON on stdout, for machines: the result, or `{"error": …}`
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the next migration: its file, and its line in the seal file
    New(New),
    /// Seal what is not sealed yet: from then on it must not change
    Seal(Seal),
    /// Give a migration that is not sealed another version, after a merge or a rebase
    Renumber(Renumber),
    /// Check the directory against every rule, without a database
    Check(Check),
    /// Apply what is pending, in order, under a lock, exactly once
    Apply(Apply),
    /// Show what state each migration is in
    Status(Status),
    /// Succeed only if everything is applied; write nothing
    Verify(Verify),
    /// Say what became of the statement at which a non-transactional migration was cut off
    Resolve(Resolve),
    /// Take migrations back by their reverses, the last one first
    Revert(Revert),
    /// Take the last migration back and apply it again, as it is now
    Redo(Redo),
    /// Record migrations as applied without running them, for a schema that was made otherwise
    Stamp(Stamp),
    /// Explain rules, or list them all
    Explain(Explain),
}

/// How long to wait for another instance unless said.
const LOCK_TIMEOUT: &str = "30s";

/// Where the database is, and where in it the history.
#[derive(Args, Debug)]
pub(crate) struct Database {
    /// Where to connect to: postgres://user:password@host:5432/database, with `sslmode` and `sslrootcert` as psql has
    /// them. The environment is the better place for a password: other users see command lines
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", help_heading = DATABASE)]
    pub(crate) database_url: Option<String>,

    /// The history table: `table` or `schema.table` [default: graven_history in the first schema of the search path]
    #[arg(long, value_name = "TABLE", help_heading = DATABASE)]
    pub(crate) history: Option<String>,

    /// Keep this set of migrations apart from others in the same history table
    #[arg(long, value_name = "NAME", help_heading = DATABASE)]
    pub(crate) namespace: Option<String>,

    /// The role to do it as, if not the one that connects: the owner of the tables, say (SET ROLE)
    #[arg(long, value_name = "ROLE", help_heading = DATABASE)]
    pub(crate) role: Option<String>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven new create_users              migrations/0001_create_users.sql
  graven new --timestamp add email     migrations/20260131120000_add_email.sql
  graven new --reverse add_index       migrations/0003_add_index.sql and 0003_add_index.down.sql

The version is spelt as those before it are: whoever began with timestamps goes on with them.")]
pub(crate) struct New {
    /// What it does, in a few words; spaces become `_`
    #[arg(required = true, value_name = "NAME")]
    pub(crate) name: Vec<String>,

    /// Take the time (UTC) as its version, not the next number
    #[arg(long)]
    pub(crate) timestamp: bool,

    /// Also make its reverse, which takes it back
    #[arg(long)]
    pub(crate) reverse: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven seal                      seal all that is not sealed; commit migrations/seal.lock
  graven seal --accept-edit 3      accept that sealed migration 3 was edited, and seal nothing else

After a merge of two branches that both sealed something, git stops at seal.lock: `graven seal`
keeps the lines of both sides, each as far as its own `head` vouches for it, and writes a new one.
It refuses where the two sealed different things under one version, and says what to do.")]
pub(crate) struct Seal {
    /// Accept an edit of a sealed migration, after review: databases that hold the old text go on
    #[arg(long, value_name = "VERSION", value_parser = version())]
    pub(crate) accept_edit: Vec<i64>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven renumber                  all that need it: two of one version, and what lies below what is
                                   sealed; each gets the next free version, in the order they have
  graven renumber 7                this one
  graven renumber 7 --to 12        to a version of your choice

Its reverse and its line in the seal file go along. A sealed migration keeps its version. If a
database of your own ran it under its old version, it is orphaned there: make that database anew.")]
pub(crate) struct Renumber {
    /// The version of the migration
    // Its own id: clap's `--version` has the one that it would have.
    #[arg(id = "of", value_name = "VERSION", value_parser = version())]
    pub(crate) version: Option<i64>,

    /// The version that it is to have, if not the next free one
    #[arg(long, value_name = "VERSION", value_parser = version(), requires = "of")]
    pub(crate) to: Option<i64>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven check                     in a pre-commit hook, or in CI
  graven check --sealed            in CI, before a release
  graven explain RULE              what a rule that was broken means")]
pub(crate) struct Check {
    /// Demand that all migrations be sealed, as a release build does
    #[arg(long)]
    pub(crate) sealed: bool,

    /// How to print what was found; `json` is the same as --json [default: human]
    #[arg(long, value_enum, conflicts_with = "json")]
    pub(crate) format: Option<Format>,
}

/// How to print what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Json,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven apply                             the database that DATABASE_URL names
  graven apply --sealed                    in a deployment: nothing unsealed gets through
  graven apply --lock-timeout 5min         wait longer for another instance

Each migration is applied in a transaction of its own, together with its row in the history table.
If one fails, those before it stay applied, and the next run goes on with it.")]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) database: Database,

    #[command(flatten)]
    pub(crate) lock: Lock,

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

/// How long to wait.
#[derive(Args, Debug)]
pub(crate) struct Lock {
    /// How long to wait for another instance that is migrating: 30s, 500ms, 5min; 0 tries once
    #[arg(long = "lock-timeout", id = "lock_timeout", env = "GRAVEN_LOCK_TIMEOUT", hide_env_values = true)]
    #[arg(value_name = "DURATION", default_value = LOCK_TIMEOUT, value_parser = duration)]
    pub(crate) timeout: Duration,
}

#[derive(Args, Debug)]
#[command(after_help = "\
States:
  pending        in the directory only: it would be applied
  applied        in both
  modified       applied with another text than the directory has now
  orphaned       applied, and gone from the directory
  future         applied, above all that the directory has: a newer version has run there
  out of order   pending, below one that is applied
  incomplete     begun outside of a transaction and never finished

It succeeds whatever the states are; `graven verify` is the one for scripts.")]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) database: Database,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven verify && systemctl start app     start it only on a database that is up to date

It exits with 8 where migrations are pending, and with 4 where directory and database disagree.")]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) database: Database,

    /// Refuse where the history has versions above the directory's
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven explain                       all rules, a line each
  graven explain sealed-edited         why, what to do, and an example of each kind
  graven explain file-name unterminated

In JSON it is one object for one rule, and a list otherwise.")]
pub(crate) struct Explain {
    /// The rules, as an error names them; without any, all are listed
    #[arg(value_name = "RULE")]
    pub(crate) rules: Vec<String>,
}

fn duration(text: &str) -> Result<Duration, String> {
    // An environment variable that is set to nothing says nothing.
    let text = if text.trim().is_empty() { LOCK_TIMEOUT } else { text };
    graven_source::parse_duration(text).map_err(|error| format!("{error}: write it as 30s, 500ms or 5min"))
}

fn version() -> clap::builder::RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(0..)
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
