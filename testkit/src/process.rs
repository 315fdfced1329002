//! Processes seen from outside: is this pid that server, which are its children, make it stop.
//!
//! It never signals a process on the word of a pid file alone: pids are used again, and tests often run as root.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// The pid of the postmaster that runs on `data`, if one does.
pub(crate) fn postmaster(data: &Path) -> Option<Pid> {
    let file = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid = Pid::from_raw(file.lines().next()?.trim().parse().ok()?)?;
    is_postmaster(pid, data).then_some(pid)
}

/// Whether `pid` is a postmaster on `data`: it was started with that path as an argument, which a postmaster keeps in
/// sight.
fn is_postmaster(pid: Pid, data: &Path) -> bool {
    let data = data.as_os_str().as_encoded_bytes();
    let raw = pid.as_raw_nonzero();
    if has_proc() {
        // World-readable, unlike /proc/<pid>/cwd, for which root in a container lacks the right. Empty for a zombie.
        let Ok(arguments) = fs::read(format!("/proc/{raw}/cmdline")) else { return false };
        arguments.split(|byte| *byte == 0).any(|argument| argument == data)
    } else {
        ps(&["-p", &raw.to_string(), "-o", "command="])
            .is_some_and(|line| line.as_bytes().windows(data.len()).any(|window| window == data))
    }
}

/// Sends a signal; a process that is gone already is no error.
pub(crate) fn signal(pid: Pid, signal: Signal) {
    let _ = rustix::process::kill_process(pid, signal);
}

/// Kills a postmaster and every process of its server at once, and waits until they are gone; says whether they are.
///
/// The postmaster is halted first: it would otherwise answer the first child's death by a restart.
pub(crate) fn kill_tree(postmaster: Pid, limit: Duration) -> bool {
    signal(postmaster, Signal::STOP);
    let mut all = children(postmaster);
    all.push(postmaster);
    all.iter().for_each(|pid| signal(*pid, Signal::KILL));
    wait_until(limit, || all.iter().all(|pid| is_gone(*pid)))
}

/// Polls until `done`, for at most `limit`; says whether it came true.
pub(crate) fn wait_until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// Whether a process has ended; one that nobody has waited for yet counts as ended.
fn is_gone(pid: Pid) -> bool {
    if has_proc() {
        proc_stat(pid.as_raw_nonzero().get()).is_none_or(|(state, _)| state == 'Z' || state == 'X')
    } else {
        ps(&["-p", &pid.as_raw_nonzero().to_string(), "-o", "stat="])
            .is_none_or(|state| state.is_empty() || state.starts_with('Z'))
    }
}

fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero().get();
    let pids = if has_proc() {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| proc_stat(*pid).is_some_and(|(_, its_parent)| its_parent == parent)).collect::<Vec<_>>()
    } else {
        let table = ps(&["-A", "-o", "pid=", "-o", "ppid="]).unwrap_or_default();
        let rows = table.lines().filter_map(|line| {
            let mut words = line.split_whitespace().map(str::parse::<i32>);
            Some((words.next()?.ok()?, words.next()?.ok()?))
        });
        rows.filter(|(_, its_parent)| *its_parent == parent).map(|(pid, _)| pid).collect()
    };
    pids.into_iter().filter_map(Pid::from_raw).collect()
}

/// State and parent of a process. The second field of the file, a name in brackets, may hold anything.
fn proc_stat(pid: i32) -> Option<(char, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = text.rsplit_once(") ")?.1.split(' ');
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

fn has_proc() -> bool {
    Path::new("/proc/self/cmdline").exists()
}

fn ps(arguments: &[&str]) -> Option<String> {
    let output = Command::new("ps").args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
