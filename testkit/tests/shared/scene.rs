//! The stage: a temporary directory, the processes that share a server in it, and what there is to see from outside.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A temporary directory in which processes share a server. Its end waits for none, but sees to it that all are gone.
pub(crate) struct Scene {
    pub(crate) directory: PathBuf,
    _scratch: tempfile::TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        // Short, because a socket's path must be; open, because the server may run under another account.
        let scratch = tempfile::Builder::new().prefix("gtk-").tempdir_in("/tmp").unwrap();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory: scratch.path().to_owned(), _scratch: scratch }
    }

    pub(crate) fn command(&self, environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["actor", "--exact", "--ignored", "--nocapture"]).process_group(0);
        command.env("TMPDIR", &self.directory).env("GRAVEN_PG_LINGER", "1").envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, environment: &[(&str, &str)]) -> Started {
        Started(self.command(environment).spawn().unwrap())
    }

    pub(crate) fn actor(&self, environment: &[(&str, &str)]) -> Actor {
        self.start(environment).wait()
    }

    /// The servers' directories.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let root = self.directory.join(format!("graven-testkit-{}", rustix::process::geteuid().as_raw()));
        // Nobody may have come yet.
        let paths = fs::read_dir(root).into_iter().flatten().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.is_dir()).collect()
    }

    /// The pids of the keepers of this scene's servers.
    pub(crate) fn keepers(&self) -> Vec<Pid> {
        let output = Command::new("ps").args(["-A", "-ww", "-o", "pid=", "-o", "args="]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).replace("\\012", "\n");
        // The script is among the arguments, so the pid stands some lines before the directory.
        let mut pid = None;
        let mut found = Vec::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            if let (Some(Ok(number)), Some("/bin/sh")) = (words.next().map(str::parse::<i32>), words.next()) {
                pid = Pid::from_raw(number);
            }
            if line.contains(&format!("graven-testkit-keeper {}", self.directory.display())) {
                found.extend(pid);
            }
        }
        found
    }

    pub(crate) fn kill_keepers(&self) {
        // What a keeper is about to run looks like the keeper itself for a moment.
        let mut keepers = Vec::new();
        let is_one = eventually(|| {
            keepers = self.keepers();
            keepers.len() == 1
        });
        assert!(is_one, "one server has one keeper: {keepers:?}");
        keepers.iter().for_each(|keeper| signal(*keeper, Signal::KILL));
        assert!(eventually(|| self.keepers().is_empty()));
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.keepers().into_iter().for_each(|keeper| signal(keeper, Signal::KILL));
        for directory in self.directories() {
            if let Some(server) = postmaster(&directory.join("data")) {
                signal(server, Signal::QUIT);
                eventually(|| !is_running(server));
            }
        }
    }
}

pub(crate) struct Started(Child);

impl Started {
    pub(crate) fn wait(mut self) -> Actor {
        let output = BufReader::new(self.0.stdout.take().unwrap());
        let mut actor = Actor {
            child: self.0,
            output,
            database: String::new(),
            data: PathBuf::new(),
            databases: Vec::new(),
            roles: Vec::new(),
        };
        actor.read();
        actor
    }
}

pub(crate) struct Actor {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    pub(crate) database: String,
    pub(crate) data: PathBuf,
    pub(crate) databases: Vec<String>,
    pub(crate) roles: Vec<String>,
}

impl Actor {
    pub(crate) fn read(&mut self) {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect();
        self.database = self.line();
        self.data = self.line().into();
        self.databases = words(&self.line());
        self.roles = words(&self.line());
    }

    pub(crate) fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the actor ended");
            // The test harness may have begun the line.
            if let Some((_, told)) = line.trim_end().split_once("ACTOR ") {
                return told.to_owned();
            }
        }
    }

    pub(crate) fn tell(&mut self, word: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{word}").unwrap();
    }

    /// Ends by itself, having dropped its database.
    pub(crate) fn leave(mut self) {
        self.tell("leave");
        assert!(self.child.wait().unwrap().success());
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What the terminal does on Ctrl-C.
    pub(crate) fn interrupt_group(mut self) {
        kill_process_group(Pid::from_child(&self.child), Signal::INT).unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn postmaster(&self) -> Pid {
        postmaster(&self.data).unwrap()
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn postmaster(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    Pid::from_raw(text.lines().next()?.parse().ok()?)
}

pub(crate) fn signal(pid: Pid, signal: Signal) {
    kill_process(pid, signal).unwrap();
}

/// Whether a process is there and no zombie.
pub(crate) fn is_running(pid: Pid) -> bool {
    let pid = pid.as_raw_nonzero().to_string();
    let output = Command::new("ps").args(["-p", &pid, "-o", "stat="]).output().unwrap();
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

pub(crate) fn eventually(mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}
