//! What can be said on the command line.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use graven::cli::__private::{Verb, flowing};
use graven_source::{Kind, Version, VersionError};

use crate::command::baseline::Baseline;
use crate::command::check::Check;
use crate::command::summary::Summary;
use crate::exit;

/// The heading under which `--help` lists what every command understands.
const EVERYWHERE: &str = "Global options";

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

impl Arguments {
    /// What was typed, or why that makes no sense.
    pub(crate) fn typed() -> Result<Self, clap::Error> {
        let mut matches = command().try_get_matches()?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command()))
    }
}

fn command() -> clap::Command {
    flowing_help(Arguments::command()).mut_subcommands(flowing_help)
}

/// A command whose help is broken where the terminal ends.
fn flowing_help(command: clap::Command) -> clap::Command {
    match command.get_after_help().map(|help| flowing(&help.to_string())) {
        Some(help) => command.after_help(help),
        None => command,
    }
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
    /// Write what the migrations make as one file, with which fresh databases begin
    Baseline(Baseline),
    /// Check the directory against every rule, and on a real server what only PostgreSQL knows
    Check(Check),
    /// Tell what a change brings: for a pull request, as Markdown
    Summary(Summary),
    // What acts on a database is the library's, and has its help there.
    #[command(flatten)]
    Verb(Verb),
    /// Explain rules, or list them all
    Explain(Explain),
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
  graven seal                      seal all that is not sealed; commit migrations
  graven seal --accept-edit 3      accept that sealed migration 3 was edited, and seal nothing else
  graven seal --accept-edit 3 --accept-edit 5
                                   the same for two of them: what is not named stays a problem
  graven seal --accept-edit 3.baseline
                                   the same for baseline 3

After a merge of two branches that both sealed something, git stops at seal.lock: `graven seal`
keeps the lines of both sides, each as far as its own `head` vouches for it, and writes a new one.
It refuses where the two sealed different things under one version, and says what to do.
What is not sealed stays so then; run again, it is sealed.")]
pub(crate) struct Seal {
    /// Accept an edit of a sealed migration, after review: databases that hold the old text go on. May be repeated
    #[arg(long, value_name = "VERSION", value_parser = edited)]
    pub(crate) accept_edit: Vec<Edited>,
}

/// Which sealed migration was edited: `3`, or `3.baseline`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edited {
    pub(crate) version: Version,
    /// [`Kind::Versioned`] or [`Kind::Baseline`].
    pub(crate) kind: Kind,
}

impl fmt::Display for Edited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.kind == Kind::Baseline { "baseline" } else { "migration" };
        write!(f, "{what} {}", self.version)
    }
}

fn edited(text: &str) -> Result<Edited, String> {
    let (digits, kind) = match text.strip_suffix(Kind::Baseline.suffix()) {
        Some(digits) => (digits, Kind::Baseline),
        None => (text, Kind::Versioned),
    };
    let version =
        digits.parse().map_err(|error: VersionError| format!("{error}; say `3`, or `3.baseline` for a baseline"))?;
    Ok(Edited { version, kind })
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven renumber                  all that need it: two of one version, and what lies below what is
                                   sealed; each gets the next free version, in the order they have
  graven renumber 7                this one
  graven renumber 7 --to 12        to a version of your choice

What is not sealed keeps its order: what would be overtaken gets another version, too. Reverses and
lines in the seal file go along. A sealed migration keeps its version. If a database of your own ran
one under its old version, it is orphaned there: make that database anew.")]
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
  graven explain                       all rules, a line each
  graven explain sealed-edited         why, what to do, and an example of each kind
  graven explain file-name unterminated

In JSON it is one object for one rule, and a list otherwise.")]
pub(crate) struct Explain {
    /// The rules, as an error names them; without any, all are listed
    #[arg(value_name = "RULE")]
    pub(crate) rules: Vec<String>,
}

pub(crate) fn version() -> clap::builder::RangedI64ValueParser<i64> {
    clap::value_parser!(i64).range(0..)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
