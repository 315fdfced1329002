//! What can be said to `graven summary`.

use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  graven summary                          what this branch brings, as Markdown
  graven summary --since origin/main      compared with another place than where it branched off
  graven summary --json                   the same for machines
  graven summary >> $GITHUB_STEP_SUMMARY  on the page of a workflow's run

Unless told otherwise it compares with the commit at which the branch left the one that it is to be
merged into: GITHUB_BASE_REF or CI_MERGE_REQUEST_DIFF_BASE_SHA say which, else it is that of
origin/HEAD, main or master. Without git, or without such a commit, it tells of all that is not
sealed. Problems are shown, and do not make it fail: `graven check` is for that.")]
pub(crate) struct Summary {
    /// How to print it; `json` is the same as --json [default: markdown]
    #[arg(long, value_enum, conflicts_with = "json")]
    pub(crate) format: Option<Format>,

    /// The commit, branch or tag to compare with
    #[arg(long, value_name = "GIT_REF")]
    pub(crate) since: Option<String>,
}

/// How to print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table and the statements, for a comment on a pull request
    Markdown,
    /// The result as one object
    Json,
}
