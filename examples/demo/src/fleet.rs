//! The instances as processes: started all at once, asked how they are, and ended together.

use std::io;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;

use crate::arguments::Launch;
use crate::http::{Answer, ask};
use crate::summary::Ready;
use crate::told::Told;

/// How long an instance may take to become ready: more than the 30 s for which it waits for another by default.
const LONGEST_START: Duration = Duration::from_secs(90);
/// How long the instances may take to end by themselves.
const LONGEST_END: Duration = Duration::from_secs(4);

/// The running instances. Dropped, it kills them.
pub(crate) struct Fleet {
    launched: Instant,
    /// The instances' standard inputs: each runs for as long as its own is open.
    lifelines: Vec<ChildStdin>,
    /// Each instance's process, waited for.
    processes: JoinSet<Ended>,
    starting: Vec<Starting>,
}

/// An instance that has not said yet how it went.
struct Starting {
    instance: u16,
    output: ChildStdout,
}

/// An instance whose process has ended.
pub(crate) struct Ended {
    pub(crate) instance: u16,
    pub(crate) status: io::Result<ExitStatus>,
}

/// An instance that does not become ready, and why. The reason may be a page of several lines.
#[derive(Debug)]
pub(crate) struct NotReady {
    pub(crate) instance: u16,
    pub(crate) reason: String,
}

impl Fleet {
    /// Starts all instances, without waiting for any of them.
    ///
    /// # Errors
    ///
    /// Where this program cannot be started once more. Those that were started are killed.
    pub(crate) fn launch(launch: &Launch, url: &str) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut fleet =
            Self { launched: Instant::now(), lifelines: Vec::new(), processes: JoinSet::new(), starting: Vec::new() };
        for instance in 1..=launch.instances {
            let port = if launch.port == 0 { 0 } else { launch.port.saturating_add(instance - 1) };
            let mut command = Command::new(&program);
            command.args(["serve", "--instance", &instance.to_string(), "--port", &port.to_string()]);
            if launch.into_existing {
                command.arg("--into-existing");
            }
            // Not as an argument: every user of the machine can read those, and a URL may hold a password.
            command.env("DATABASE_URL", url);
            fleet.start(instance, &mut command)?;
        }
        Ok(fleet)
    }

    fn start(&mut self, instance: u16, command: &mut Command) -> io::Result<()> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // A group of its own: a terminal's Ctrl-C reaches the launcher alone, which then ends the instances in order.
        command.process_group(0);
        let mut child = command.spawn()?;
        self.lifelines.extend(child.stdin.take());
        self.starting.extend(child.stdout.take().map(|output| Starting { instance, output }));
        self.processes.spawn(async move { Ended { instance, status: child.wait().await } });
        Ok(())
    }

    /// Waits until each instance is ready or has failed, in the order of their numbers.
    pub(crate) async fn ready(&mut self) -> (Vec<Ready>, Vec<NotReady>) {
        let launched = self.launched;
        let mut asked: JoinSet<Result<Ready, NotReady>> = JoinSet::new();
        for Starting { instance, output } in self.starting.drain(..) {
            asked.spawn(async move {
                let verdict = tokio::time::timeout(LONGEST_START, become_ready(instance, output, launched)).await;
                let late = || Err(format!("not ready after {LONGEST_START:?}"));
                verdict.unwrap_or_else(|_| late()).map_err(|reason| NotReady { instance, reason })
            });
        }
        let (mut ready, mut failed) = (Vec::new(), Vec::new());
        for verdict in asked.join_all().await {
            match verdict {
                Ok(instance) => ready.push(instance),
                Err(instance) => failed.push(instance),
            }
        }
        ready.sort_by_key(|ready| ready.instance);
        failed.sort_by_key(|failed| failed.instance);
        (ready, failed)
    }

    /// Waits until an instance ends of its own accord; `None` when none is left.
    pub(crate) async fn next_end(&mut self) -> Option<Ended> {
        loop {
            match self.processes.join_next().await? {
                Ok(ended) => return Some(ended),
                // A task that did not end properly has taken its process along.
                Err(_) => continue,
            }
        }
    }

    /// Ends all instances: asks them to, and kills whichever does not.
    pub(crate) async fn end(mut self) {
        self.lifelines.clear();
        let all = async { while self.next_end().await.is_some() {} };
        // Those that are left are killed as this value is dropped.
        let _ = tokio::time::timeout(LONGEST_END, all).await;
        self.processes.shutdown().await;
    }
}

/// Hears what an instance has to say for itself, and asks it over HTTP whether that is so.
async fn become_ready(instance: u16, output: ChildStdout, launched: Instant) -> Result<Ready, String> {
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).await.map_err(|error| format!("its output cannot be read: {error}"))?;
    if line.is_empty() {
        return Err("it ended before it had said anything; its log may tell more".to_owned());
    }
    let told: Told =
        serde_json::from_str(&line).map_err(|error| format!("it said {line:?}, which is no answer: {error}"))?;
    let (address, role) = match told {
        Told::Serving { address, role } => (address, role),
        Told::Failed { explained } => return Err(explained),
    };
    let health: Health = parse(address, "/health/ready", answer(address, "/health/ready").await?)?;
    let after = launched.elapsed();
    let departures: Vec<serde_json::Value> = parse(address, "/", answer(address, "/").await?)?;
    Ok(Ready { instance, address, role, after, health: health.state, departures: departures.len() })
}

/// What the launcher reads of an instance's health.
#[derive(Deserialize)]
struct Health {
    state: String,
}

/// The answer to a GET, if it is one of success.
async fn answer(address: SocketAddr, path: &str) -> Result<String, String> {
    match ask(address, path).await {
        Ok(Answer { status: 200, body }) => Ok(body),
        Ok(Answer { status, body }) => Err(format!("http://{address}{path} answers {status}: {}", body.trim_end())),
        Err(error) => Err(format!("http://{address}{path} does not answer: {error}")),
    }
}

fn parse<T: for<'a> Deserialize<'a>>(address: SocketAddr, path: &str, body: String) -> Result<T, String> {
    serde_json::from_str(&body).map_err(|error| format!("http://{address}{path} answers {body:?}: {error}"))
}
