//! The launcher: finds a PostgreSQL, starts the instances on it, tells what happened, and takes everything down again.

use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Instant;

use anstyle::Style;

use crate::arguments::Launch;
use crate::fleet::{Ended, Fleet, NotReady};
use crate::service::MIGRATIONS;
use crate::summary::{self, Ready};

const BOLD: Style = Style::new().bold();

/// Runs the demo to its end.
pub(crate) fn run(launch: &Launch) -> ExitCode {
    match demonstrate(launch) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{BOLD}error{BOLD:#}: {}", error.explain());
            ExitCode::FAILURE
        }
    }
}

fn demonstrate(launch: &Launch) -> Result<(), Error> {
    if launch.port != 0 && launch.port.checked_add(launch.instances - 1).is_none() {
        return Err(Error::Ports { first: launch.port, instances: launch.instances });
    }
    // Its blocking calls come before the runtime, and its end after it.
    let database = Database::find()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|source| Error::Io { doing: "start the asynchronous runtime", source })?.block_on(async {
        let mut interrupted = pin!(interrupted()?);
        let mut fleet =
            Fleet::launch(launch, database.url()).map_err(|source| Error::Io { doing: "start an instance", source })?;
        let told = tokio::select! {
            told = tell(launch, &database, &mut fleet) => told,
            () = &mut interrupted => Ok(()),
        };
        fleet.end().await;
        told
    })
}

/// Everything that is told between the launch and the end.
async fn tell(launch: &Launch, database: &Database, fleet: &mut Fleet) -> Result<(), Error> {
    let (ready, failed) = fleet.ready().await;
    if !ready.is_empty() {
        anstream::println!(
            "\n{}\n{BOLD}{}{BOLD:#}",
            summary::table(&ready),
            summary::sentence(&ready, launch.instances)
        );
    }
    if !failed.is_empty() {
        return Err(Error::NotReady { failed, launched: launch.instances });
    }
    if launch.exit {
        return Ok(());
    }
    invite(&ready, database);
    while let Some(Ended { instance, status }) = fleet.next_end().await {
        match status {
            Ok(status) => anstream::println!("Instance {instance} has ended ({status})."),
            Err(error) => anstream::println!("Instance {instance} has ended ({error})."),
        }
    }
    Err(Error::AllEnded)
}

fn invite(ready: &[Ready], database: &Database) {
    let Some(first) = ready.first() else { return };
    anstream::println!(
        "\nOpen {BOLD}http://{0}/{BOLD:#}, or ask {BOLD}http://{0}/health/ready{BOLD:#}.",
        first.address
    );
    if let (Database::Throwaway(throwaway), Some(head)) = (database, MIGRATIONS.head()) {
        anstream::println!(
            "Make the last migration pending and ask again:\n  \
             psql '{}' -c 'DELETE FROM graven_history WHERE version = {head}'",
            throwaway.url()
        );
    }
    anstream::println!("Ctrl-C ends all of it.\n");
}

/// The database of a launch.
enum Database {
    /// One of its own, which goes when this value does.
    Throwaway(graven_testkit::Database),
    /// The one that `DATABASE_URL` names.
    Given(String),
}

impl Database {
    fn find() -> Result<Self, Error> {
        let given = std::env::var("DATABASE_URL").ok().filter(|url| !url.trim().is_empty());
        if let Some(url) = given {
            anstream::println!("Using the database that DATABASE_URL names, as it is.\n");
            return Ok(Self::Given(url));
        }
        let began = Instant::now();
        let database =
            graven_testkit::Database::create().map_err(|source| Error::NoDatabase { source: Box::new(source) })?;
        let seconds = began.elapsed().as_secs_f64();
        let major = database.server_version();
        anstream::println!("An empty database on a throwaway PostgreSQL {major} is ready after {seconds:.2} s.\n");
        Ok(Self::Throwaway(database))
    }

    fn url(&self) -> &str {
        match self {
            Self::Throwaway(database) => database.url(),
            Self::Given(url) => url,
        }
    }
}

/// Waits for Ctrl-C, or for SIGTERM. From here on neither ends this process by itself.
fn interrupted() -> Result<impl Future<Output = ()>, Error> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind| signal(kind).map_err(|source| Error::Io { doing: "listen for Ctrl-C", source });
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Why the demo could not be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum Error {
    #[error("ports from {first} on are too few for {instances} instances")]
    Ports { first: u16, instances: u16 },

    #[error("there is no PostgreSQL to show it on")]
    NoDatabase { source: Box<graven_testkit::Error> },

    #[error("cannot {doing}")]
    Io { doing: &'static str, source: io::Error },

    #[error("{} of {launched} instances did not become ready", .failed.len())]
    NotReady { failed: Vec<NotReady>, launched: u16 },

    #[error("no instance is left")]
    AllEnded,
}

impl Error {
    /// What, why and what to do.
    fn explain(&self) -> String {
        let mut page = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            page.push_str(&format!("\n  cause: {cause}"));
            source = cause.source();
        }
        match self {
            Self::Ports { .. } => page.push_str("\n  hint: begin lower, or leave --port out for free ones"),
            Self::NoDatabase { source } => {
                if let Some(hint) = source.hint() {
                    page.push_str(&format!("\n  hint: {hint}"));
                }
            }
            Self::NotReady { failed, .. } => page.push_str(&reasons(failed)),
            Self::Io { .. } | Self::AllEnded => {}
        }
        page
    }
}

/// Each reason once, with the instances that give it: what is wrong with a database is wrong for all of them.
fn reasons(failed: &[NotReady]) -> String {
    let mut page = String::new();
    for (at, NotReady { reason, .. }) in failed.iter().enumerate() {
        if failed.iter().take(at).any(|earlier| earlier.reason == *reason) {
            continue;
        }
        let alike = failed.iter().filter(|other| other.reason == *reason);
        let numbers: Vec<String> = alike.map(|other| other.instance.to_string()).collect();
        let instances = if numbers.len() == 1 { "instance" } else { "instances" };
        page.push_str(&format!("\n\n{instances} {}: {}", numbers.join(", "), reason.replace('\n', "\n  ")));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_several_give_is_told_once() {
        let not_ready = |instance, reason: &str| NotReady { instance, reason: reason.to_owned() };
        let failed = vec![not_ready(1, "a\n  hint: b"), not_ready(2, "c"), not_ready(3, "a\n  hint: b")];
        assert_eq!(
            Error::NotReady { failed, launched: 4 }.explain(),
            "3 of 4 instances did not become ready\n\ninstances 1, 3: a\n    hint: b\n\ninstance 2: c"
        );
    }

    #[test]
    fn more_instances_than_ports_are_refused() {
        let launch = Launch { exit: true, instances: 3, port: 65_534, into_existing: false };
        let error = demonstrate(&launch).expect_err("there are two ports");
        assert_eq!(error.to_string(), "ports from 65534 on are too few for 3 instances");
    }
}
