//! One instance: a process that runs the service until its launcher goes away.
//!
//! Its life hangs on its standard input, which is a pipe from the launcher: the kernel closes that however the launcher
//! ends, so that no instance is left behind even after a SIGKILL.

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use graven::Event;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::arguments::Serve;
use crate::database::Database;
use crate::log;
use crate::service::{MIGRATIONS, Service};
use crate::told::{Role, Told};

/// How long requests that are under way may still take once the launcher is gone.
const GRACE: Duration = Duration::from_secs(2);

/// Runs one instance to its end.
pub(crate) fn run(serve: &Serve) -> ExitCode {
    log::start(serve.instance);
    let ended = watch_standard_input();
    let result = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime.block_on(until_the_end(serve, ended)),
        Err(error) => Err(format!("cannot start the asynchronous runtime: {error}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(explained) => {
            tell(&Told::Failed { explained });
            ExitCode::FAILURE
        }
    }
}

/// Serves until standard input ends. An error is a page for people.
async fn until_the_end(serve: &Serve, mut ended: oneshot::Receiver<()>) -> Result<(), String> {
    let started = tokio::select! {
        started = start(serve) => started?,
        // A run that is dropped midway is one that the next start takes up.
        _ = &mut ended => return Ok(()),
    };
    let (listener, service, told) = started;
    tell(&told);
    let end = async move {
        let _ = ended.await;
    };
    let served = axum::serve(listener, service.router()).with_graceful_shutdown(end).await;
    served.map_err(|error| format!("cannot serve any more: {error}"))
}

/// Takes the port, then brings the database up to date: a port that is in use should be found before anything is changed.
async fn start(serve: &Serve) -> Result<(TcpListener, Service, Told), String> {
    let url =
        std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL does not say which database to use".to_owned())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, serve.port)).await.map_err(|error| {
        format!(
            "cannot listen on {}:{}: {error}\n  hint: choose another port with --port, or leave that out for free ones",
            Ipv4Addr::LOCALHOST,
            serve.port
        )
    })?;
    let address = listener.local_addr().map_err(|error| format!("cannot tell which port was taken: {error}"))?;

    let name = format!("demo-{}", serve.instance);
    let (tell_holder, holders) = mpsc::channel();
    let mut migrator = MIGRATIONS.migrator().observe(move |event| {
        if let Event::LockWaiting { holder, .. } = event {
            // Nobody listens any more once the run is over; then nobody needs to know.
            let _ = tell_holder.send(holder.map_or("another", |holder| holder.name()).to_owned());
        }
    });
    if serve.into_existing {
        migrator = migrator.into_existing();
    }
    let database = Database::new(&url, &name);
    let (service, report) = Service::start(name, database, &mut migrator).await.map_err(|error| explain(&error))?;
    let role = Role::of(&report, holders.try_recv().ok());
    tracing::info!(url = %format_args!("http://{address}/"), "serving");
    Ok((listener, service, Told::Serving { address, role }))
}

fn explain(error: &graven::Error) -> String {
    let mut page = error.explain();
    if matches!(error, graven::Error::NotEmpty { .. }) {
        page.push_str("\n  here: `cargo demo -- --into-existing`, or unset DATABASE_URL for a throwaway server");
    }
    page
}

fn tell(told: &Told) {
    let mut stdout = std::io::stdout().lock();
    // A launcher that does not listen is gone, and then standard input has ended, too.
    let _ = serde_json::to_writer(&mut stdout, told).map_err(std::io::Error::from).and_then(|()| writeln!(stdout));
    let _ = stdout.flush();
}

/// A receiver that hears of the end of standard input.
///
/// It is read on a thread of its own: a runtime would wait for such a read at its end. The thread also sees to it that
/// the process does end, whatever a request that is under way is waiting for.
fn watch_standard_input() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(());
        std::thread::sleep(GRACE);
        std::process::exit(0);
    });
    receiver
}
