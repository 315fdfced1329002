//! One server in a directory of its own: make it, start it, stop it.
//!
//! ```text
//! <directory>/data         the data directory            (the server's account's)
//! <directory>/socket       the server's Unix socket      (the server's account's)
//! <directory>/log          what the server wrote
//! <directory>/users        the FIFO of `keeper`
//! ```
//!
//! It refuses to know who uses the server and for how long: that is `keeper`'s and `shared`'s business.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::account::Account;
use crate::address::{Address, SUPERUSER};
use crate::binaries::{Binaries, run, tail};
use crate::error::{Error, IoContext as _};
use crate::{place, process, random};

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a postmaster's log says when another process has its port.
const PORT_TAKEN: &str = "could not bind";

/// What every server runs with. `fsync` and `full_page_writes` guard against a crash of the machine, which a throwaway
/// server need not survive; a killed server keeps its data. `synchronous_commit` is left alone, for it changes what
/// tests see. Dynamic shared memory lies in the data directory, where it goes away with it, and containers have little
/// of the other kind.
const SETTINGS: [(&str, &str); 8] = [
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_permissions", "0700"),
    ("max_connections", "200"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("dynamic_shared_memory_type", "mmap"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
];

/// A server's parts on disk, whether it runs or not.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) binaries: Binaries,
    pub(crate) account: Account,
    pub(crate) directory: PathBuf,
    pub(crate) address: Address,
}

impl Server {
    /// Names the parts of a server in an existing directory, and picks its port and password. Nothing is written yet.
    pub(crate) fn plan(binaries: Binaries, account: Account, directory: PathBuf) -> Result<Self, Error> {
        let address =
            Address { port: random::port()?, password: random::hex::<16>()?, socket: directory.join("socket") };
        Ok(Self { binaries, account, directory, address })
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// Makes the data directory, with `settings` after the ones of every server.
    pub(crate) fn make(&self, settings: &[(String, String)]) -> Result<(), Error> {
        self.make_directories()?;
        self.initdb()?;
        // Who else is on the machine is kept out by a password, which `password` sends plainly: SCRAM would cost the
        // client some ten milliseconds a connection in a debug build.
        let access = "local all all password\nlocal replication all password\n\
                      host all all 127.0.0.1/32 password\nhost replication all 127.0.0.1/32 password\n";
        self.write("pg_hba.conf", access)?;
        let common = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.configure(common.chain([self.socket_setting()]).chain(settings.iter().cloned()))
    }

    /// Appends settings to the configuration file; the last one of a name counts.
    pub(crate) fn configure(&self, settings: impl IntoIterator<Item = (String, String)>) -> Result<(), Error> {
        let path = self.data().join("postgresql.conf");
        let mut text = fs::read_to_string(&path).doing("read", &path)?;
        for (name, value) in settings {
            text.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        }
        fs::write(&path, text).doing("write", &path)
    }

    /// Writes a file of the server's own into the data directory.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.data().join(name);
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).doing("write", &path)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).doing("write", &path)?;
        self.account.own(&path)
    }

    /// Starts the server for the first time, on another port when somebody has taken the planned one, before or just now.
    pub(crate) fn start_first(&mut self) -> Result<Child, Error> {
        for _ in 0..20 {
            if std::net::TcpListener::bind(("127.0.0.1", self.address.port)).is_ok() {
                self.configure([self.port_setting()])?;
                match self.start() {
                    Err(Error::Program { output, .. }) if output.contains(PORT_TAKEN) => {}
                    other => return other,
                }
            }
            self.address.port = random::port()?;
        }
        self.configure([self.port_setting()])?;
        self.start()
    }

    /// Starts the server, and waits until it takes connections.
    pub(crate) fn start(&self) -> Result<Child, Error> {
        let path = self.log();
        let log = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).doing("open", &path)?;
        let before = log.metadata().doing("look at", &path)?.len();
        let mut command = self.binaries.command("postgres", self.account)?;
        // The data directory as an argument is what `process` and the keeper know the server by. A process group of
        // its own, because Ctrl-C in one terminal must not stop the server of all.
        command.arg("-D").arg(self.data()).process_group(0);
        command.stdout(log.try_clone().doing("open", &path)?).stderr(log);
        let mut child = command.spawn().doing("start", self.binaries.directory.join("postgres"))?;
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready(child.id()) {
            if let Some(status) = child.try_wait().doing("wait for", "postgres")? {
                return Err(Error::Program {
                    program: "postgres",
                    status: status.to_string(),
                    output: self.log_since(before),
                });
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                return Err(self.slow("start", PATIENCE, before));
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        Ok(child)
    }

    /// Tells a running server to stop, by one of the three signals for it, and waits until its data directory is free.
    pub(crate) fn stop(&self, signal: Signal) -> Result<(), Error> {
        let before = fs::metadata(self.log()).map_or(0, |found| found.len());
        let Some(pid) = self.postmaster() else { return Ok(()) };
        process::signal(pid, signal);
        if process::wait_until(PATIENCE, || self.postmaster().is_none()) {
            Ok(())
        } else {
            Err(self.slow("stop", PATIENCE, before))
        }
    }

    /// The pid of the running server.
    pub(crate) fn postmaster(&self) -> Option<Pid> {
        process::postmaster(&self.data())
    }

    pub(crate) fn socket_setting(&self) -> (String, String) {
        ("unix_socket_directories".to_owned(), self.address.socket.display().to_string())
    }

    fn port_setting(&self) -> (String, String) {
        ("port".to_owned(), self.address.port.to_string())
    }

    pub(crate) fn make_directories(&self) -> Result<(), Error> {
        for path in [self.data(), self.address.socket.clone()] {
            fs::DirBuilder::new().mode(0o700).create(&path).doing("make the directory", &path)?;
            self.account.own(&path)?;
        }
        Ok(())
    }

    fn initdb(&self) -> Result<(), Error> {
        let password = self.address.socket.join("password");
        fs::write(&password, &self.address.password).doing("write", &password)?;
        self.account.own(&password)?;
        let mut command = self.binaries.command("initdb", self.account)?;
        command.arg("-D").arg(self.data()).arg("--pwfile").arg(&password);
        command.args(["--username", SUPERUSER, "--auth", "password", "--locale=C", "--encoding=UTF8"]);
        command.args(["--no-sync", "--no-instructions"]);
        run("initdb", &mut command)?;
        fs::remove_file(&password).doing("remove", &password)
    }

    /// The eighth line of postmaster.pid tells when a server takes connections. The first must be this very process's:
    /// the file may be one that a killed server left.
    fn is_ready(&self, pid: u32) -> bool {
        let Ok(text) = fs::read_to_string(self.data().join("postmaster.pid")) else { return false };
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.first().is_some_and(|first| *first == pid.to_string())
            && lines.get(7).is_some_and(|status| matches!(*status, "ready" | "standby"))
    }

    fn log_since(&self, offset: u64) -> String {
        let bytes = fs::read(self.log()).unwrap_or_default();
        let offset = usize::try_from(offset).unwrap_or(0).min(bytes.len());
        tail(&bytes[offset..])
    }

    /// The error of a server that took too long, with its log from an offset on.
    pub(crate) fn slow(&self, what: &'static str, limit: Duration, before: u64) -> Error {
        Error::Slow { data: self.data(), what, seconds: limit.as_secs(), output: self.log_since(before) }
    }
}

/// A new directory for a server, with its FIFO, named `<prefix><random>`. Call it under the lock, so that nobody takes
/// it for one that was left unfinished.
pub(crate) fn new_directory(servers: &Path, prefix: &str) -> Result<PathBuf, Error> {
    let path = servers.join(format!("{prefix}{}", random::hex::<4>()?));
    place::private_directory(&path)?;
    crate::keeper::prepare(&path)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_taken_port_is_told_from_other_errors_and_another_is_chosen() {
        let account = Account::choose().unwrap();
        let binaries = crate::fetch::find_or_fetch(account, None).unwrap();
        let scratch = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut server = Server::plan(binaries, account, scratch.path().to_owned()).unwrap();
        let holder = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = holder.local_addr().unwrap().port();
        server.address.port = taken;
        server.make(&[server.port_setting()]).unwrap();
        let refused = server.start().unwrap_err();
        assert!(refused.output().is_some_and(|log| log.contains(PORT_TAKEN)), "{refused:?}");

        let mut child = server.start_first().unwrap();
        assert_ne!(server.address.port, taken);
        server.stop(Signal::QUIT).unwrap();
        child.wait().unwrap();
        assert!(server.postmaster().is_none());
    }
}
