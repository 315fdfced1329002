//! A server of one's own, for tests that stop, kill or reconfigure it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use crate::account::Account;
use crate::address::{MAINTENANCE, SUPERUSER};
use crate::database::Database;
use crate::error::{Error, IoContext as _};
use crate::keeper::{self, Membership};
use crate::place::Place;
use crate::server::{Server, new_directory};
use crate::{fetch, place, process, shared};

/// How long processes may take to go once they were killed, or told to leave at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a server is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Wait until every client has left by itself, for at most a minute.
    Smart,
    /// Roll back, disconnect every client, shut down cleanly.
    Fast,
    /// Leave at once; the next start recovers as after a crash.
    Immediate,
}

/// A private server: started for one test, stopped and removed when the value is dropped, even if the process is
/// killed.
///
/// Port, password and data stay the same across [`stop`](Self::stop), [`kill`](Self::kill) and
/// [`start_again`](Self::start_again). All calls block, and work inside and outside of a tokio runtime.
///
/// # Examples
///
/// What is committed survives a crash of the server:
///
/// ```
/// use graven_testkit::Cluster;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cluster = Cluster::builder().setting("wal_level", "logical").start()?;
/// let database = cluster.database()?;
/// database.execute("CREATE TABLE t AS SELECT 1 AS x")?;
///
/// cluster.kill()?;
/// cluster.start_again()?;
///
/// assert_eq!(database.value("SELECT x FROM t")?.as_deref(), Some("1"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Cluster {
    pub(crate) server: Server,
    child: Mutex<Option<Child>>,
    membership: Option<Membership>,
}

/// What a private server is to be like; see [`Cluster::builder`].
#[derive(Debug, Clone, Default)]
#[must_use = "nothing runs until `start` is called"]
pub struct Builder {
    settings: Vec<(String, String)>,
    version: Option<u32>,
    tls: Option<Tls>,
    place: Place,
    pub(crate) primary: Option<Server>,
}

#[derive(Debug, Clone)]
struct Tls {
    certificate: String,
    key: String,
}

impl Builder {
    /// Sets a configuration parameter, as in `postgresql.conf` but without the quotes.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Asks for a major version, such as 17. It is fetched where the machine does not have it. Without this call,
    /// `GRAVEN_PG_VERSION` decides.
    pub fn version(mut self, major: u32) -> Self {
        self.version = Some(major);
        self
    }

    /// Makes the server offer TLS, with a certificate (or a chain of them) and its private key as PEM text.
    /// Connections without TLS are still taken, so [`Database::connect`] works.
    pub fn tls(mut self, certificate: impl Into<String>, key: impl Into<String>) -> Self {
        self.tls = Some(Tls { certificate: certificate.into(), key: key.into() });
        self
    }

    /// Keeps the server on a disk, as in production, also where memory would serve: for measurements, and for tests of
    /// what a disk does. It lies below `TMPDIR`, or in `/tmp`.
    pub fn on_disk(mut self) -> Self {
        self.place = Place::Disk;
        self
    }

    /// Makes the server and starts it, which takes about half a second.
    ///
    /// # Errors
    ///
    /// Fails when there is no PostgreSQL of the wanted version and none can be fetched, or when it does not start: then
    /// [`Error::output`] has the end of its log.
    pub fn start(self) -> Result<Cluster, Error> {
        let account = Account::choose()?;
        let binaries = match &self.primary {
            Some(primary) => primary.binaries.clone(),
            None => fetch::find_or_fetch(account, self.version)?,
        };
        let (directory, membership) = kept_directory(account, self.place)?;
        let mut server = Server::plan(binaries, account, directory)?;
        // From here on, an error drops the membership, and the keeper clears up.
        match &self.primary {
            Some(primary) => {
                server.address.password.clone_from(&primary.address.password);
                server.make_standby(&primary.address, &self.settings)?;
            }
            None => server.make(&self.settings)?,
        }
        if let Some(tls) = &self.tls {
            server.write("server.crt", &tls.certificate)?;
            server.write("server.key", &tls.key)?;
            server.configure([("ssl".to_owned(), "on".to_owned())])?;
        }
        let child = server.start_first()?;
        Ok(Cluster { server, child: Mutex::new(Some(child)), membership: Some(membership) })
    }
}

impl Cluster {
    /// A private server that is yet to be described and started.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Makes a fresh database on this server.
    ///
    /// # Errors
    ///
    /// Fails when the server is not running or refuses.
    pub fn database(&self) -> Result<Database, Error> {
        Database::on(self.server.clone(), None)
    }

    /// A URL for the superuser and the database `postgres`, by TCP.
    pub fn url(&self) -> String {
        let address = &self.server.address;
        address.url(SUPERUSER, &address.password, MAINTENANCE)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.address.port
    }

    /// The server's major version, such as 17.
    pub fn version(&self) -> u32 {
        self.server.binaries.major
    }

    /// The directory of the PostgreSQL programs that this server runs from.
    pub fn binaries(&self) -> PathBuf {
        self.server.binaries.directory.clone()
    }

    /// The data directory. When the tests run as root, its files belong to another account.
    pub fn data_directory(&self) -> PathBuf {
        self.server.data()
    }

    /// Everything that the server has written to its log so far, restarts included.
    ///
    /// # Errors
    ///
    /// Fails when the log cannot be read.
    pub fn log(&self) -> Result<String, Error> {
        let path = self.server.log();
        Ok(String::from_utf8_lossy(&std::fs::read(&path).doing("read", &path)?).into_owned())
    }

    /// The pid of the server's main process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.postmaster().map(|pid| pid.as_raw_nonzero().get().unsigned_abs())
    }

    /// Stops the server, and waits until it is down. A server that is down stays so.
    ///
    /// # Errors
    ///
    /// Fails when it is not down after a minute, as with [`Mode::Smart`] while a client stays.
    pub fn stop(&self, mode: Mode) -> Result<(), Error> {
        let mut child = self.child();
        let signal = match mode {
            Mode::Smart => Signal::TERM,
            Mode::Fast => Signal::INT,
            Mode::Immediate => Signal::QUIT,
        };
        self.server.stop(signal)?;
        reap(&mut child);
        Ok(())
    }

    /// Kills every process of the server at once with SIGKILL, as the kernel does when it runs out of memory, and
    /// waits until they are gone.
    ///
    /// # Errors
    ///
    /// Fails when the server is not running, or when a process of it does not go.
    pub fn kill(&self) -> Result<(), Error> {
        let mut child = self.child();
        let pid = self.server.postmaster().ok_or_else(|| self.state("stopped"))?;
        let gone = process::kill_tree(pid, PATIENCE);
        reap(&mut child);
        if gone { Ok(()) } else { Err(self.server.slow("stop", PATIENCE, 0)) }
    }

    /// Starts the server after [`stop`](Self::stop) or [`kill`](Self::kill), on the same port and data, and waits
    /// until it takes connections.
    ///
    /// # Errors
    ///
    /// Fails when the server is running, or does not start.
    pub fn start_again(&self) -> Result<(), Error> {
        let mut child = self.child();
        if self.server.postmaster().is_some() {
            return Err(self.state("running"));
        }
        reap(&mut child);
        *child = Some(self.server.start()?);
        Ok(())
    }

    /// [`stop`](Self::stop), then [`start_again`](Self::start_again).
    ///
    /// # Errors
    ///
    /// As these two.
    pub fn restart(&self, mode: Mode) -> Result<(), Error> {
        self.stop(mode)?;
        self.start_again()
    }

    /// Sets a configuration parameter. It counts from the next [`reload`](Self::reload) or, where PostgreSQL wants
    /// that, from the next [`restart`](Self::restart).
    ///
    /// # Errors
    ///
    /// Fails when the configuration file cannot be written.
    pub fn configure(&self, name: &str, value: &str) -> Result<(), Error> {
        let _child = self.child();
        self.server.configure([(name.to_owned(), value.to_owned())])
    }

    /// Makes the server read its configuration again, which it does a moment later.
    ///
    /// # Errors
    ///
    /// Fails when the server is not running.
    pub fn reload(&self) -> Result<(), Error> {
        let pid = self.server.postmaster().ok_or_else(|| self.state("stopped"))?;
        process::signal(pid, Signal::HUP);
        Ok(())
    }

    /// One caller at a time starts, stops or kills.
    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self, state: &'static str) -> Error {
        Error::State { data: self.server.data(), state }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut child = self.child();
        if let Some(pid) = self.server.postmaster() {
            // Not SIGKILL in the first place: that would leave the server's shared memory behind.
            process::signal(pid, Signal::CONT);
            process::signal(pid, Signal::QUIT);
            if !process::wait_until(PATIENCE, || self.server.postmaster().is_none()) {
                process::kill_tree(pid, PATIENCE);
            }
        }
        reap(&mut child);
        drop(child);
        remove_shared_memory(&self.server);
        let _ = std::fs::remove_dir_all(&self.server.directory);
        if let Some(membership) = self.membership.take() {
            membership.leave();
        }
    }
}

/// A new directory with a keeper, which stops and removes whatever is in it when this process ends.
fn kept_directory(account: Account, place: Place) -> Result<(PathBuf, Membership), Error> {
    let servers = place::servers(account, place)?;
    let _lock = shared::lock(&servers)?;
    let directory = new_directory(&servers, "p-")?;
    let membership = keeper::enter(&directory, Duration::ZERO)?;
    Ok((directory, membership))
}

/// A child that nobody waits for stays a zombie.
fn reap(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        let _ = child.wait();
    }
}

/// A killed server leaves a System V segment; macOS has room for 32 of them. postmaster.pid, which such a server
/// leaves as well, names it in its seventh line, after its key.
fn remove_shared_memory(server: &Server) {
    let Ok(text) = std::fs::read_to_string(server.data().join("postmaster.pid")) else { return };
    if let Some(id) = text.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) {
        let _ = Command::new("ipcrm").args(["-m", id]).stdin(Stdio::null()).output();
    }
}
