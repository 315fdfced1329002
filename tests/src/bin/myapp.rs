//! An application that mounts graven's verbs, for the tests of `tests/mount`: once as most will, and once with its own URL and
//! options, deeper in its command line and within an async runtime.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use graven::Event;
use graven::cli::Migrate;

// The last migration is not sealed, so that `--sealed` has something to refuse.
static MIGRATIONS: graven::Migrations = graven::embed_migrations!("mounted", unsealed = "allow");

/// Berths for boats
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    /// Settings of the application
    #[arg(long, global = true, value_name = "FILE")]
    settings: Option<PathBuf>,

    // Options of the same names and ids as some of graven's.
    /// Write the log as JSON
    #[arg(long = "json-log", global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the service
    Serve,
    Migrate(Migrate),
    /// What operators do
    Ops {
        #[command(subcommand)]
        ops: Ops,
    },
}

#[derive(Subcommand)]
enum Ops {
    /// Look after the database that the settings name
    Db(Migrate),
    /// The same, blocking within a runtime
    Blocking(Migrate),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Serve => {
            println!("serving, settings {:?}, JSON log {}", arguments.settings, arguments.json);
            ExitCode::SUCCESS
        }
        Command::Migrate(migrate) => migrate.run(&MIGRATIONS),
        Command::Ops { ops } => operate(ops),
    }
}

fn operate(ops: Ops) -> ExitCode {
    let Ok(runtime) = tokio::runtime::Runtime::new() else { return ExitCode::FAILURE };
    runtime.block_on(async {
        match ops {
            // A task must be able to move between threads.
            Ops::Db(migrate) => {
                let migrating = tokio::spawn(with_settings(migrate).run_async(&MIGRATIONS));
                migrating.await.unwrap_or(ExitCode::FAILURE)
            }
            Ops::Blocking(migrate) => with_settings(migrate).run(&MIGRATIONS),
        }
    })
}

/// What the application says of its database.
fn with_settings(migrate: Migrate) -> Migrate {
    let url = std::env::var("MYAPP_DATABASE").unwrap_or_default();
    migrate
        .database_url(url)
        .with(|migrator| migrator.history("berths_history").lock_timeout(Duration::from_millis(50)))
        .with(|migrator| migrator.observe(count))
}

/// What the application does with events, beside what the verbs show of them.
fn count(event: &Event<'_>) {
    if let Event::Applied { version, .. } = event {
        eprintln!("counted {version}");
    }
}
