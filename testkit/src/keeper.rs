//! The keeper: a small shell process that outlives the tests, stops a server when nobody uses it any more, and removes
//! it.
//!
//! A test process has no hook at its end (statics are not dropped, and SIGKILL asks nobody). So each process that uses
//! a server holds a FIFO open for writing; when the last one is gone, for whatever reason, the keeper reads the end of
//! the file. A keeper that was killed itself is replaced by whoever comes next: the FIFO in the file system stays the
//! same.
//!
//! It refuses to decide who may come: that is done under the lock of [`crate::shared`].

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Error, IoContext as _};
use crate::process::wait_until;

/// The FIFO of a server that may be joined.
const USERS: &str = "users";
/// The FIFO's name once its keeper has decided to stop the server.
const LEAVING: &str = "leaving";

/// Being counted as a user of a server, for as long as this value lives and at most as long as the process does.
#[derive(Debug)]
pub(crate) struct Membership {
    fifo: File,
    keeper: Option<Child>,
}

impl Membership {
    /// Leaves, and waits until the keeper that this process has started is gone, too.
    pub(crate) fn leave(self) {
        let Self { fifo, keeper } = self;
        drop(fifo);
        if let Some(mut keeper) = keeper {
            let _ = keeper.wait();
        }
    }
}

/// How a server's directory is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// A keeper watches it.
    Kept,
    /// There is a FIFO, but the keeper is gone.
    Orphaned(&'static str),
    /// There is no FIFO: whoever was making the directory died over it.
    Unfinished,
}

/// Makes the FIFO in a new directory.
pub(crate) fn prepare(directory: &Path) -> Result<(), Error> {
    let path = directory.join(USERS);
    let made =
        Command::new("mkfifo").args(["-m", "600"]).arg(&path).stdin(Stdio::null()).output().doing("run", "mkfifo")?;
    if made.status.success() {
        Ok(())
    } else {
        Err(Error::Place { path, reason: String::from_utf8_lossy(&made.stderr).trim().to_owned() })
    }
}

/// Whether a keeper watches a directory. Call it under the lock.
pub(crate) fn keeping(directory: &Path) -> Keeping {
    for name in [USERS, LEAVING] {
        match open(&directory.join(name)) {
            Ok(_) => return Keeping::Kept,
            Err(error) if is_without_reader(&error) => return Keeping::Orphaned(name),
            Err(_) => {}
        }
    }
    Keeping::Unfinished
}

/// Whether newcomers are still let in.
pub(crate) fn is_open(directory: &Path) -> bool {
    directory.join(USERS).exists()
}

/// Becomes a user of a server, and starts a keeper where none is watching. `linger` is for how long the server is to
/// stay after its last user; whoever came last decides.
pub(crate) fn enter(directory: &Path, linger: Duration) -> Result<Membership, Error> {
    let path = directory.join(USERS);
    let mut keeper = None;
    let mut fifo = match open(&path) {
        Err(error) if is_without_reader(&error) => {
            keeper = Some(start(directory, USERS, 100)?);
            let mut opened = open(&path);
            wait_until(Duration::from_secs(10), || {
                if opened.as_ref().is_err_and(is_without_reader) {
                    opened = open(&path);
                }
                !opened.as_ref().is_err_and(is_without_reader)
            });
            opened
        }
        other => other,
    }
    .doing("open the FIFO", &path)?;
    fifo.write_all(format!("{}\n", linger.as_secs()).as_bytes()).doing("write to the FIFO", &path)?;
    Ok(Membership { fifo, keeper })
}

/// Sees to it that a directory whose keeper is gone goes away, once nobody uses it.
pub(crate) fn bury(directory: &Path, keeping: Keeping) -> Result<(), Error> {
    match keeping {
        Keeping::Kept => Ok(()),
        Keeping::Orphaned(fifo) => {
            let mut keeper = start(directory, fifo, 0)?;
            std::thread::spawn(move || keeper.wait());
            Ok(())
        }
        Keeping::Unfinished => fs::remove_dir_all(directory).doing("remove", directory),
    }
}

/// A process group of its own: Ctrl-C in the terminal must not reach the keeper.
fn start(directory: &Path, fifo: &str, tenths: u32) -> Result<Child, Error> {
    Command::new("/bin/sh")
        .args(["-c", include_str!("keeper.sh"), "graven-testkit-keeper"])
        .arg(directory)
        .arg(fifo)
        .arg(tenths.to_string())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .doing("start", "/bin/sh")
}

/// Opening a FIFO for writing without waiting fails when nobody reads it: that tells whether there is a keeper.
fn open(path: &Path) -> io::Result<File> {
    let descriptor = rustix::fs::open(path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    Ok(File::from(descriptor))
}

fn is_without_reader(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NXIO.raw_os_error())
}
