//! What can be said to `graven baseline`.

use std::path::PathBuf;

use clap::Args;

use super::writer::Wish;
use crate::command::check::scratch::Place;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven baseline all                    migrations/0120_all.baseline.sql, if 0120 is the last one
  graven baseline all --seeds            with the rows that migrations leave in tables
  graven baseline all --seeds=roles      the same, and none but these tables may have rows
  graven baseline 2026 --to 100          of the migrations up to 100
  graven baseline all --dry-run          print it, and write nothing

All migrations up to the version are run one by one on a server that is started for it and removed
again, and pg_dump writes down what they made; where there is none that is as new as the server,
queries of PostgreSQL's catalogs do. Then a second database begins with the baseline,
and the two are compared as `graven check --baseline` compares them: the schema, the rows of all
tables, and the next numbers of sequences. Only if they are the same the file is written.

Roles that migrations make are made where they are not there already, without their passwords; on
the server of a URL, those that the database speaks of. Rows are written in the order of their
primary keys. A column whose value varies from run to run, such as a time, is left to its default;
where it has none, or some rows have values of their own in it, the command refuses, unless
`--freeze` takes the values of this run. What came of a default is guessed: a time, if it is one of
the run itself; anything else, if two runs share no value, or if the default gives the same now.

pg_dump is looked for beside the server's programs, in PATH and where packages put it. The queries
need none, and know all but rare kinds of objects, such as base types or languages: these they
name, and nothing is written. The file says at its head which of both wrote it.

It exits with 6 where the migrations are not sealed or the proof fails, and with 3 where a migration
fails.")]
pub(crate) struct Baseline {
    /// What the baseline is to be called; spaces become `_`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The version that it reaches up to, which a migration must have [default: the last one]
    #[arg(long, value_name = "VERSION", value_parser = crate::arguments::version())]
    pub(crate) to: Option<i64>,

    /// Write the rows, too, that migrations leave in tables; with names, refuse rows in any other table
    #[arg(long, value_name = "TABLE,…", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) seeds: Option<String>,

    /// Write values that vary from run to run, such as a time or a random id, as they came out this time
    #[arg(long, requires = "seeds")]
    pub(crate) freeze: bool,

    /// Print the file, and do not write it
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Who writes the schema down [default: auto]
    #[arg(long, value_name = "WRITER", value_enum, default_value_t, hide_default_value = true)]
    pub(crate) schema_by: Wish,

    /// The pg_dump to use
    #[arg(long, value_name = "PATH")]
    pub(crate) pg_dump: Option<PathBuf>,

    /// Work in databases that are made on the server of this URL and dropped again, instead of on a throwaway server: the role
    /// needs CREATEDB, and what migrations make for the whole server, such as a role, stays
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
}

impl Baseline {
    pub(super) fn place(&self) -> Place<'_> {
        match self.database.as_deref().map(str::trim) {
            None | Some("") => Place::Throwaway,
            Some(url) => Place::Server(url),
        }
    }

    /// The tables that may have rows; `None` where none may. Without any name, all.
    pub(super) fn seeds(&self) -> Option<Vec<&str>> {
        let names = self.seeds.as_deref()?.split(',').map(str::trim).filter(|name| !name.is_empty());
        Some(names.collect())
    }
}
