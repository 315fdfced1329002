//! The command line.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

/// Starts three instances of a small web service at once, on one empty database.
///
/// Their binary carries the migrations of a ferry line's schema. All three want to run them; one does, the others wait for
/// it or find it done, and then all serve. The log shows who did what.
///
/// PostgreSQL is looked for on this machine, or else fetched, and runs on a free port until the demo ends. Nothing that
/// runs already is touched.
#[derive(Debug, Parser)]
#[command(name = "demo", bin_name = "cargo demo --", version, args_conflicts_with_subcommands = true)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) launch: Launch,
}

const EXAMPLES: &str = "\
Examples:
  cargo demo                           look around, until Ctrl-C
  cargo demo -- --exit                 show the race and the summary, and end
  cargo demo -- --instances 8 --exit   a larger race
  cargo demo -- --port 8080            on ports 8080, 8081 and 8082
  cargo demo -- migrate status         see what the database has that DATABASE_URL names

Each instance answers to:
  GET /              the departure board; JSON for `Accept: application/json`
  GET /health/ready  200 while the database is what the binary was built for, else 503, with counts
  GET /health/live   200

Environment:
  DATABASE_URL         use this database as it is, instead of a throwaway one
  GRAVEN_MODE          apply (the default), verify or skip
  GRAVEN_LOCK_TIMEOUT  how long an instance waits for another that is migrating: 30s
  RUST_LOG             what the log shows: info, or graven=debug for more
  NO_COLOR             any value: no colours

Exit codes: 0 all instances became ready; 1 one did not, or there is no PostgreSQL; 2 wrong usage.";

/// What the launcher is to do.
#[derive(Args, Debug)]
pub(crate) struct Launch {
    /// End once all instances are ready, after a summary.
    #[arg(long)]
    pub(crate) exit: bool,

    /// How many instances to start at once.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) instances: u16,

    /// The port of the first instance; the others take those after it. 0: free ones.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,

    /// Begin a history in a DATABASE_URL that already holds other tables.
    #[arg(long)]
    pub(crate) into_existing: bool,
}

/// The launcher's other half, and what operators do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one instance, on DATABASE_URL, until standard input ends. The launcher calls this.
    Serve(Serve),

    /// Look after the database that DATABASE_URL names, with the migrations of this binary.
    Migrate(graven::cli::Migrate),
}

/// What one instance is to do.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Which instance this is: the log and the connection's application_name show it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) instance: u16,

    /// The port to listen on. 0: a free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,

    /// Begin a history in a database that already holds other tables.
    #[arg(long)]
    pub(crate) into_existing: bool,
}

/// Reads the command line, or ends the process with what is wrong with it.
pub(crate) fn read() -> Arguments {
    Arguments::parse_from(without_leading_dashes(std::env::args_os()))
}

/// Drops a `--` before the first argument: it separates cargo's arguments from these, and some ways to start this hand it
/// on (an alias that ends in `--`).
fn without_leading_dashes(arguments: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    arguments.enumerate().filter(|(at, argument)| *at != 1 || argument != "--").map(|(_, argument)| argument)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_separator_may_be_handed_on() {
        for line in [&["demo", "--exit"][..], &["demo", "--", "--exit"]] {
            let arguments = Arguments::parse_from(without_leading_dashes(line.iter().map(OsString::from)));
            assert!(arguments.launch.exit, "{line:?}");
        }
    }
}
