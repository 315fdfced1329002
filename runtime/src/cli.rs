//! The verbs as a subcommand that an application mounts: `myapp migrate apply`, on the set that it embeds.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use clap::{Parser, Subcommand};
//!
//! static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
//!
//! #[derive(Parser)]
//! struct Arguments {
//!     #[command(subcommand)]
//!     command: Command,
//! }
//!
//! #[derive(Subcommand)]
//! enum Command {
//!     /// Start the service
//!     Serve,
//!     /// Look after the database
//!     Migrate(graven::cli::Migrate),
//! }
//!
//! fn main() -> ExitCode {
//!     match Arguments::parse().command {
//!         Command::Serve => ExitCode::SUCCESS,
//!         Command::Migrate(migrate) => migrate.run(&MIGRATIONS),
//!     }
//! }
//! ```
//!
//! `myapp migrate --help` then lists the verbs and what they exit with: those of the command `graven`, with the same
//! options, the same JSON and the same exit codes. What is about files (`new`, `seal`, `check`) is not there: a program has its migrations
//! carved in, and no directory to look into.
//!
//! The database is the one that `--database-url` names, or [`Migrate::database_url`], or `DATABASE_URL`, in this order. An
//! application may have a global option of that name itself: see [`Migrate`].
//! What `--help`, hints and remedies tell people to type is what they can type: `myapp migrate resolve 3 --retry`.

mod blocking;
mod database;
mod exit;
mod failure;
mod interrupt;
mod limits;
mod migrate;
mod output;
mod progress;
mod verb;
mod words;

pub use self::migrate::Migrate;

/// What the command `graven` is made with. Not public API.
#[doc(hidden)]
pub mod __private {
    pub use super::blocking::block_on;
    pub use super::failure::Failure;
    pub use super::interrupt::unless_interrupted;
    pub use super::verb::{Scene, Verb};
    pub use super::words::{Words, flowing, plural};

    pub mod exit {
        pub use crate::cli::exit::*;
    }

    pub mod output {
        pub use crate::cli::output::*;
    }
}
