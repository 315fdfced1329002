//! A folder with a git repository, an empty database, and a shell that runs the commands of a page one after another.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::server::Server;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a page's commands run in. What they leave running ends with it.
pub(crate) struct World {
    folder: TempDir,
    shell: Child,
    input: ChildStdin,
    codes: Receiver<String>,
}

/// What came of a command.
pub(crate) struct Ran {
    pub(crate) code: i32,
    /// Of both, as it came.
    pub(crate) output: String,
}

impl World {
    pub(crate) fn new(server: &Server) -> Self {
        let folder = TempDir::new().expect("a temporary directory");
        for directory in ["home", "bin", "app/migrations"] {
            fs::create_dir_all(folder.path().join(directory)).expect("a directory");
        }
        symlink(env!("CARGO_BIN_EXE_graven"), folder.path().join("bin/graven")).expect("a link");
        let mut shell = shell(&folder, server).spawn().expect("sh starts");
        let (input, output) = (shell.stdin.take().expect("a pipe"), shell.stdout.take().expect("a pipe"));
        let (sender, codes) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.for_each(|line| drop(sender.send(line)));
        });
        let mut world = Self { folder, shell, input, codes };
        world.write("migrations/seal.lock", "");
        assert_eq!(world.run("git init --quiet --initial-branch main").code, 0, "git makes a repository");
        world
    }

    /// Writes a file in the folder.
    pub(crate) fn write(&self, path: &str, text: &str) {
        assert!(!path.starts_with('/') && !path.contains(".."), "{path} leads out of the folder");
        let path = self.path(&format!("app/{path}"));
        fs::create_dir_all(path.parent().expect("it has a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Runs a command to its end. What it leaves in the background goes on.
    pub(crate) fn run(&mut self, command: &str) -> Ran {
        let (script, output) = (self.path("command"), self.path("output"));
        fs::write(&script, format!("{command}\n")).expect("a file");
        File::create(&output).expect("a file");
        let line = format!(". '{}' >'{}' 2>&1 </dev/null; echo $?\n", script.display(), output.display());
        self.input.write_all(line.as_bytes()).expect("the shell reads");
        let code = self.codes.recv_timeout(PATIENCE);
        let output = fs::read_to_string(&output).expect("UTF-8");
        match code {
            Ok(code) => Ran { code: code.parse().expect("a number"), output },
            Err(error) => panic!("{command}\nhas not ended well ({error})\n{output}"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The shell leads a process group of its own, and is not reaped yet: the number is its own.
        if let Some(group) = i32::try_from(self.shell.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.shell.wait();
    }
}

/// A shell in an environment that says nothing of this machine.
fn shell(folder: &TempDir, server: &Server) -> Command {
    let mut command = Command::new("sh");
    command.current_dir(folder.path().join("app")).env_clear().process_group(0);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = [folder.path().join("bin")].into_iter().chain(server.programs()).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(places).expect("no colons in them"));
    command.env("HOME", folder.path().join("home")).env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("TERM", "dumb");
    command.env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example.org");
        command.env(format!("GIT_{who}_DATE"), "2026-01-31T12:00:00Z");
    }
    command.envs(server.empty_database()).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}
