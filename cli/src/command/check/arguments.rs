//! What can be said to `graven check`.

use clap::{Args, ValueEnum};

use super::scratch::Place;
use crate::lint::Lints;

/// The heading under which `--help` lists what needs a server.
const ON_A_SERVER: &str = "On a server";

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven check                        in a pre-commit hook: the files alone, in no time
  graven check --sealed               in CI, before a release
  graven check --since                in CI, on a branch: what was sealed before it is sealed still
  graven check --database             in CI: PostgreSQL's own word on syntax and order
  graven check --reverse              that what was reverted is as it was before
  graven check --baseline             that a fresh database becomes what all migrations make
  graven check --against              what `graven apply` would do to the database of DATABASE_URL
  graven check --format github        in GitHub Actions: each problem at its line
  graven check --lint-since           in CI, on a branch: lint what it brings, sealed or not
  graven check --deny-lints           fail where a lint finds something
  graven check --allow renaming-table,ban-drop-view
                                      leave these lints out
  graven explain RULE                 what a rule or a lint means

Lints are warnings of what PostgreSQL runs without a word, and what hurts whoever uses the database
meanwhile. They look at migrations that are not sealed yet. A file allows itself one by a line at
its head, `-- graven: allow = ban-drop-column`: write it before you seal.

`--database`, `--reverse` and `--baseline` write to databases that are made for the check and
dropped after it, however it ends. Without a URL their server is started for it and removed, too:
PostgreSQL must be installed, or npm, with which it is fetched; GRAVEN_PG_VERSION=17 chooses one.
With a URL the role needs CREATEDB, and what migrations make for the whole server, such as a role,
stays. `--against` never writes.

`--baseline` compares the schemas, the rows of all tables and materialized views, and the next
numbers of sequences; not the history table, large objects, and rows in tables of an extension.
Columns that vary from run to run, such as a time, are left out and named. A set that makes roles
cannot run twice on the server of a URL: it needs the throwaway one.

It exits with 6 for what is wrong with the files, with 3 where PostgreSQL refuses a migration, and
with 4 where a run would refuse the database of `--against`; that migrations are pending is fine.")]
pub(crate) struct Check {
    /// Demand that all migrations be sealed, as a release build does
    #[arg(long)]
    pub(crate) sealed: bool,

    /// Demand that what this commit, branch or tag had sealed be sealed still: a build cannot know what was deleted together with
    /// its line in the seal file [default: where the branch began]
    #[arg(long, value_name = "GIT_REF", num_args = 0..=1, default_missing_value = "")]
    pub(crate) since: Option<String>,

    /// How to print what was found; `json` is the same as --json [default: human]
    #[arg(long, value_enum, conflicts_with = "json")]
    pub(crate) format: Option<Format>,

    #[command(flatten)]
    pub(crate) lints: Lints,

    /// Apply all migrations to an empty database, on a throwaway server or on that of the URL: what the SQL does to roles, or to a
    /// database by name, it does to that server, so never name one that is in use
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", help_heading = ON_A_SERVER)]
    pub(crate) database: Option<String>,

    /// There, revert each migration right after it, compare the schema with the one before, and apply it again
    #[arg(long, help_heading = ON_A_SERVER)]
    pub(crate) reverse: bool,

    /// There, compare what the latest baseline and the migrations after it make with what all make one by one
    #[arg(long, help_heading = ON_A_SERVER)]
    pub(crate) baseline: bool,

    /// Look what a run would do to this database [default URL: that of DATABASE_URL]
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "", help_heading = ON_A_SERVER)]
    pub(crate) against: Option<String>,

    /// With --against: the history table, `table` or `schema.table`
    #[arg(long, value_name = "TABLE", requires = "against", help_heading = ON_A_SERVER)]
    pub(crate) history: Option<String>,

    /// With --against: the set's namespace in the history table
    #[arg(long, value_name = "NAME", requires = "against", help_heading = ON_A_SERVER)]
    pub(crate) namespace: Option<String>,

    /// With --against: the role to look as
    #[arg(long, value_name = "ROLE", requires = "against", help_heading = ON_A_SERVER)]
    pub(crate) role: Option<String>,
}

/// How to print what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// The result as one object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions, each at its line
    Github,
}

impl Check {
    /// Where to make the empty database, if one is wanted.
    pub(crate) fn place(&self) -> Option<Place<'_>> {
        match self.database.as_deref().map(str::trim) {
            Some("") => Some(Place::Throwaway),
            Some(url) => Some(Place::Server(url)),
            None => (self.reverse || self.baseline).then_some(Place::Throwaway),
        }
    }
}
