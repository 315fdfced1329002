//! The server that all test processes of a user share.
//!
//! The first process starts it, the others join it, the keeper stops it some seconds after the last one has gone. All
//! that decides who starts, joins, adopts or removes what happens under one file lock.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File, OpenOptions};
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::account::Account;
use crate::address::Address;
use crate::binaries::Binaries;
use crate::error::{Error, IoContext as _};
use crate::keeper::{self, Keeping, Membership};
use crate::place::Place;
use crate::server::{Server, new_directory};
use crate::{fetch, place, sweep};

/// How long the server stays after its last user, so that `cargo test` finds it again with its next test binary.
const LINGER: Duration = Duration::from_secs(10);

/// A joined server.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) server: Server,
    _token: File,
    _membership: Membership,
}

/// Joins the server, or starts it; within a process that happens once, and again only if the server has died.
pub(crate) fn server() -> Result<Arc<Shared>, Error> {
    static CURRENT: Mutex<Option<Arc<Shared>>> = Mutex::new(None);
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = &*current
        && shared.server.postmaster().is_some()
    {
        return Ok(Arc::clone(shared));
    }
    let shared = Arc::new(join()?);
    *current = Some(Arc::clone(&shared));
    Ok(shared)
}

fn join() -> Result<Shared, Error> {
    let account = Account::choose()?;
    let binaries = fetch::find_or_fetch(account, None)?;
    let linger = linger()?;
    let servers = place::servers(account, Place::default())?;
    let _lock = lock(&servers)?;
    let prefix = prefix(&binaries);
    for directory in directories(&servers)? {
        let keeping = keeper::keeping(&directory);
        if name(&directory).starts_with(&prefix)
            && keeping != Keeping::Unfinished
            && let Some(shared) = join_one(&binaries, account, &directory, linger)
        {
            return Ok(shared);
        }
        // What cannot be removed now stands in nobody's way.
        let _ = keeper::bury(&directory, keeping);
    }
    start(binaries, account, &servers, &prefix, linger)
}

/// Joins a server, adopting it where its keeper is gone. `None` where it is not running, or just being stopped.
fn join_one(binaries: &Binaries, account: Account, directory: &Path, linger: Duration) -> Option<Shared> {
    let address = read_address(directory)?;
    let server = Server { binaries: binaries.clone(), account, directory: directory.to_owned(), address };
    server.postmaster()?;
    let membership = keeper::enter(directory, linger).ok()?;
    // The keeper may have decided to stop the server a moment before.
    if !keeper::is_open(directory) {
        return None;
    }
    let token = sweep::take_token(directory).ok()?;
    match sweep::databases_of_the_dead(&server) {
        Err(error) if !is_crowded(&error) => return None,
        _ => {}
    }
    Some(Shared { server, _token: token, _membership: membership })
}

fn start(
    binaries: Binaries,
    account: Account,
    servers: &Path,
    prefix: &str,
    linger: Duration,
) -> Result<Shared, Error> {
    let directory = new_directory(servers, prefix)?;
    let membership = keeper::enter(&directory, linger)?;
    let mut server = Server::plan(binaries, account, directory)?;
    server.make(&[])?;
    let mut child = server.start_first()?;
    // Nobody else waits for it; while this process lives, a server that died would stay a zombie.
    std::thread::spawn(move || child.wait());
    let token = sweep::take_token(&server.directory)?;
    write_address(&server)?;
    Ok(Shared { server, _token: token, _membership: membership })
}

/// Whether a server lives and has no connection left, which is no reason to start another.
fn is_crowded(error: &Error) -> bool {
    match error {
        Error::Postgres { source, .. } => source.code() == Some(&SqlState::TOO_MANY_CONNECTIONS),
        _ => false,
    }
}

/// The lock under which servers are started, joined and swept.
pub(crate) fn lock(servers: &Path) -> Result<File, Error> {
    let path = servers.join("lock");
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).doing("open", &path)?;
    file.lock().doing("lock", &path)?;
    Ok(file)
}

/// The directories of servers, shared and private ones.
pub(crate) fn directories(servers: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(servers).doing("read the directory", servers)?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| name(path).starts_with("s-") || name(path).starts_with("p-")).collect())
}

/// Servers of other binaries, or made by another version of this crate, are not joined.
fn prefix(binaries: &Binaries) -> String {
    let mut hasher = DefaultHasher::new();
    (&binaries.directory, binaries.major, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    format!("s-{:08x}-", hasher.finish() as u32)
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// For how long the server stays after its last user: `GRAVEN_PG_LINGER` in seconds, or ten.
fn linger() -> Result<Duration, Error> {
    let named = std::env::var_os("GRAVEN_PG_LINGER").filter(|value| !value.is_empty());
    let Some(value) = named else { return Ok(LINGER) };
    let text = value.to_string_lossy();
    match text.trim().parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
        Err(_) => {
            Err(Error::Variable { name: "GRAVEN_PG_LINGER", value: text.into_owned(), expected: "a number of seconds" })
        }
    }
}

/// Port and password go to the other processes in a file that only this user can read.
fn write_address(server: &Server) -> Result<(), Error> {
    let path = server.directory.join("address");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).doing("write", &path)?;
    let text = format!("{}\n{}\n", server.address.port, server.address.password);
    std::io::Write::write_all(&mut file, text.as_bytes()).doing("write", &path)
}

fn read_address(directory: &Path) -> Option<Address> {
    let text = fs::read_to_string(directory.join("address")).ok()?;
    let (port, password) = text.trim_end().split_once('\n')?;
    Some(Address { port: port.parse().ok()?, password: password.to_owned(), socket: directory.join("socket") })
}
