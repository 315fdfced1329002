//! An application whose global options have names of graven's, for the tests of `tests/mount`. It hands nothing of them over.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use graven::cli::Migrate;

static MIGRATIONS: graven::Migrations = graven::embed_migrations!("mounted", unsealed = "allow");

/// Ferries between the berths
#[derive(Parser)]
#[command(max_term_width = 100)]
struct Arguments {
    /// Where the timetable is
    #[arg(long, global = true, value_name = "URL", env = "FERRY_DATABASE")]
    database_url: Vec<String>,

    /// Up to which day the timetable is looked at
    #[arg(long, global = true, value_name = "DAY")]
    to: Option<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look after the database
    Db(Migrate),
}

fn main() -> ExitCode {
    let Arguments { command: Command::Db(migrate), .. } = Arguments::parse();
    migrate.run(&MIGRATIONS)
}
