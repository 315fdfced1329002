//! This very program in the place of the compiler: it runs the compiler, notes what that took of the machine, and stops
//! it where it takes too long.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike as _;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// The file to note it in. Where this is set, the program is called by cargo.
pub(super) const NOTE: &str = "GRAVEN_BENCH_NOTE";

/// After how many seconds the compiler is stopped, if it is at the package that embeds. Dependencies may take what they
/// take.
pub(super) const LIMIT: &str = "GRAVEN_BENCH_LIMIT";

/// What is noted of a run of the compiler.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Note {
    Done(Usage),
    /// It took longer than it may.
    Stopped,
}

/// What one run of the compiler took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Usage {
    /// Processor time of all its threads, in seconds.
    pub(super) processor: f64,
    /// The most memory that it had at a time, in bytes.
    pub(super) memory: u64,
}

/// Runs the compiler, if cargo called this program in its place.
pub(crate) fn wrapped() -> Option<ExitCode> {
    let note = std::env::var_os(NOTE)?;
    let mut arguments = std::env::args_os().skip(1);
    let compiler = arguments.next()?;
    let arguments: Vec<OsString> = arguments.collect();
    let mut compiler = Command::new(compiler);
    compiler.args(&arguments).env_remove(NOTE).env_remove(LIMIT);
    // Of the packages only that which embeds is of interest; cargo also asks the compiler for its version.
    let embeds = arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == super::scratch::PACKAGE);
    let status = if embeds { run_and_note(&mut compiler, note) } else { compiler.status() };
    let code = status.ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    Some(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn run_and_note(compiler: &mut Command, note: OsString) -> io::Result<ExitStatus> {
    let limit =
        std::env::var(LIMIT).ok().and_then(|limit| limit.parse().ok()).map_or(Duration::MAX, Duration::from_secs);
    let (status, noted) = run(compiler, limit)?;
    fs::write(note, serde_json::to_vec(&noted)?)?;
    Ok(status)
}

/// Runs the compiler to its end, or to that of its time.
fn run(compiler: &mut Command, limit: Duration) -> io::Result<(ExitStatus, Note)> {
    let mut child = compiler.spawn()?;
    let process = i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)?;
    let (ended, end) = mpsc::channel::<()>();
    // Waiting for both in turn would add to what is measured.
    let guard = thread::spawn(move || {
        let is_late = end.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        is_late && kill(process, Signal::SIGKILL).is_ok()
    });
    let status = child.wait()?;
    drop(ended);
    let stopped = guard.join().unwrap_or_default();
    let noted = match usage() {
        _ if stopped && !status.success() => Note::Stopped,
        Some(usage) => Note::Done(usage),
        None => return Err(io::Error::other("the system does not say what the compiler took")),
    };
    Ok((status, noted))
}

fn usage() -> Option<Usage> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    // Linux counts in kibibytes, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1_024 };
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Some(Usage { processor: microseconds as f64 / 1e6, memory: u64::try_from(usage.max_rss()).ok()? * unit })
}
