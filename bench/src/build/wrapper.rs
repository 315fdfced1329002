//! This very program in the place of the compiler: it runs the compiler, and notes what that took of the machine.

use std::ffi::OsString;
use std::fs;
use std::process::{Command, ExitCode};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};

/// The file to note it in. Where this is set, the program is called by cargo.
pub(super) const NOTE: &str = "GRAVEN_BENCH_NOTE";

/// What one run of the compiler took.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
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
    let status = Command::new(compiler).args(&arguments).env_remove(NOTE).status();
    // Of the packages only that which embeds is of interest; cargo also asks the compiler for its version.
    if arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == super::scratch::PACKAGE) {
        let noted = usage().and_then(|usage| Some(fs::write(note, serde_json::to_vec(&usage).ok()?)));
        if !matches!(noted, Some(Ok(()))) {
            return Some(ExitCode::FAILURE);
        }
    }
    let code = status.ok().and_then(|status| status.code()).and_then(|code| u8::try_from(code).ok());
    Some(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

fn usage() -> Option<Usage> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    // Linux counts in kibibytes, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1_024 };
    let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Some(Usage { processor: microseconds as f64 / 1e6, memory: u64::try_from(usage.max_rss()).ok()? * unit })
}
