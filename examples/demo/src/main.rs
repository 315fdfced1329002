//! A service that starts on embedded migrations, three times at once.
//!
//! What a service of your own would look like is in [`service`], with [`database`], [`board`] and [`page`] for what this
//! one does. The rest makes it a demo: [`launcher`] finds PostgreSQL and starts this program several times over as
//! [`instance`]s, which race for the migrations; [`summary`] tells what came of it.

mod arguments;
mod board;
mod database;
mod fleet;
mod http;
mod instance;
mod launcher;
mod log;
mod page;
mod service;
mod summary;
mod told;

use std::process::ExitCode;

use crate::arguments::Command;

fn main() -> ExitCode {
    let arguments = arguments::read();
    match arguments.command {
        None => launcher::run(&arguments.launch),
        Some(Command::Serve(serve)) => instance::run(&serve),
        Some(Command::Migrate(migrate)) => migrate.run(&service::MIGRATIONS),
    }
}
