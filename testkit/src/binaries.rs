//! A directory of PostgreSQL binaries, and running one of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::account::Account;
use crate::error::{Error, IoContext as _};

/// The oldest major version that this crate runs; `initdb --no-instructions` is as old.
pub(crate) const OLDEST: u32 = 14;

/// What a directory must hold.
const PROGRAMS: [&str; 2] = ["initdb", "postgres"];

/// What a program's environment may hold. Everything else stays out, PGHOST and the like above all.
const ENVIRONMENT: [&str; 6] =
    ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];

/// A directory with `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    pub(crate) directory: PathBuf,
    pub(crate) major: u32,
}

impl Binaries {
    /// The binaries in a directory, or why it does not serve.
    pub(crate) fn in_directory(directory: &Path) -> Result<Self, String> {
        if let Some(program) = PROGRAMS.iter().find(|program| !directory.join(program).is_file()) {
            return Err(format!("it holds no {program}"));
        }
        let directory = &behind_links(directory);
        let output = Self::bare(&directory.join("postgres"))
            .arg("--version")
            .output()
            .map_err(|error| format!("its postgres does not run: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(major) = major(&text) else {
            return Err(format!("its postgres does not tell a version: {:?} {}", text.trim(), tail(&output.stderr)));
        };
        if major < OLDEST {
            return Err(format!("it holds PostgreSQL {major}, and {OLDEST} is the oldest that serves"));
        }
        Ok(Self { directory: directory.to_owned(), major })
    }

    /// A command for one of the programs, as an account, in a clean environment.
    pub(crate) fn command(&self, program: &'static str, account: Account) -> Result<Command, Error> {
        let path = self.directory.join(program);
        if !path.is_file() {
            return Err(Error::ProgramAbsent { program, directory: self.directory.clone() });
        }
        let mut command = Self::bare(&path);
        account.apply(&mut command);
        Ok(command)
    }

    /// Away from the current directory, too, which the server's account may be unable to enter.
    fn bare(path: &Path) -> Command {
        let mut command = Command::new(path);
        command.env_clear().current_dir("/").stdin(Stdio::null());
        command.envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        // A postmaster on macOS does not start without a locale.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        command
    }
}

/// The directory that `postgres` itself lies in: it has the other programs, too, and two ways to it are one server.
fn behind_links(directory: &Path) -> PathBuf {
    let program = directory.join("postgres").canonicalize().ok();
    let real = program.as_deref().and_then(Path::parent);
    match real.filter(|real| PROGRAMS.iter().all(|program| real.join(program).is_file())) {
        Some(real) => real.to_owned(),
        None => directory.to_owned(),
    }
}

/// Runs a program to its end; anything but success is an error that shows what it wrote.
pub(crate) fn run(program: &'static str, command: &mut Command) -> Result<Output, Error> {
    let output = command.output().doing("run", program)?;
    if output.status.success() {
        return Ok(output);
    }
    let written = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    Err(Error::Program { program, status: output.status.to_string(), output: tail(&written) })
}

/// The last lines of what a program wrote.
pub(crate) fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// The major version in `postgres (PostgreSQL) 17.2 (Debian 17.2-1)`, `… 19beta1`, `… 18devel`.
fn major(text: &str) -> Option<u32> {
    let number = text.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits = number.split(|letter: char| !letter.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_releases_betas_and_vendors() {
        let cases = [
            ("postgres (PostgreSQL) 17.2\n", Some(17)),
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 19beta1\n", Some(19)),
            ("postgres (PostgreSQL) 18devel\n", Some(18)),
            ("postgres (PostgreSQL) 9.6.24\n", Some(9)),
            ("postgres: command not found", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(major(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_tail_is_the_last_twenty_lines() {
        let text: String = (1..=30).map(|n| format!("{n}\n")).collect();
        let tail = tail(text.as_bytes());
        assert_eq!((tail.lines().next(), tail.lines().count()), (Some("11"), 20));
        assert_eq!(super::tail(b""), "");
    }
}
