//! pg_dump: found, and run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;

use super::url::without_password;
use super::writer::Dump;

/// What would lead pg_dump elsewhere than the URL does, or change what it sees there.
const AWAY: [&str; 8] =
    ["PGDATABASE", "PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGSERVICE", "PGOPTIONS", "PGTARGETSESSIONATTRS"];

/// A pg_dump that is new enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PgDump {
    path: PathBuf,
    major: u32,
    /// As it says: `15.14`.
    pub(super) release: String,
}

impl PgDump {
    /// Looks for one that knows a server of this major version: the one that was named, or else beside the server's programs
    /// and on this machine.
    pub(super) fn find(named: Option<&Path>, beside: Option<PathBuf>, server: u32) -> Result<Self, Failure> {
        let found: Vec<Self> = match named {
            Some(named) => {
                let path = if named.is_dir() { named.join("pg_dump") } else { named.to_owned() };
                vec![Self::at(&path).map_err(|reason| unusable(&path, &reason))?]
            }
            None => {
                let beside = beside.map(|directory| directory.join("pg_dump")).filter(|path| path.is_file());
                beside.into_iter().chain(programs()).filter_map(|path| Self::at(&path).ok()).collect()
            }
        };
        // A newer one writes what its own server understands; the nearer, the better.
        let newest = found.iter().max_by_key(|it| it.major).cloned();
        let serves = found.into_iter().filter(|it| it.major >= server).min_by_key(|it| it.major);
        serves.ok_or_else(|| none(newest.as_ref(), server))
    }

    fn at(path: &Path) -> Result<Self, String> {
        let output = Command::new(path).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let release = release(&text).ok_or("it does not tell a version of pg_dump")?;
        let digits = release.bytes().take_while(u8::is_ascii_digit).count();
        let major = release.get(..digits).and_then(|digits| digits.parse().ok());
        Ok(Self { path: path.to_owned(), major: major.ok_or("it does not tell its version")?, release })
    }

    /// Dumps the schema of a database, but for the history table.
    pub(super) async fn run(&self, url: &str, history: &str) -> Result<Dump, Failure> {
        Ok(Dump {
            before_rows: self.section("pre-data", url, history).await?,
            after_rows: self.section("post-data", url, history).await?,
        })
    }

    async fn section(&self, section: &str, url: &str, history: &str) -> Result<String, Failure> {
        let (url, password) = without_password(url);
        let mut command = Command::new(&self.path);
        for name in AWAY {
            command.env_remove(name);
        }
        // Bounds of partitions, defaults and the like are printed in it.
        command.env("PGTZ", "UTC");
        command.arg(format!("--dbname={url}")).arg(format!("--section={section}"));
        // Large objects are looked for elsewhere, and are no part of either section.
        command.args(["--encoding=UTF8", "--no-password", "--lock-wait-timeout=30000"]);
        if !history.is_empty() {
            command.arg(format!("--exclude-table={history}"));
        }
        if let Some(password) = password {
            command.env("PGPASSWORD", password);
        }
        command.stdin(Stdio::null());
        let path = self.path.clone();
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = match output {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(unusable(&path, &error.to_string())),
            Err(error) => return Err(unusable(&path, &error.to_string())),
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::Failed(
                format!("{} has failed ({}): {}", path.display(), output.status, said.trim()),
                "see what it says; `--pg-dump PATH` names another one".to_owned(),
            ));
        }
        String::from_utf8(output.stdout)
            .map_err(|error| unusable(&path, &format!("what it writes is no UTF-8: {error}")))
    }
}

/// `pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`: the number.
fn release(text: &str) -> Option<String> {
    let (_, after) = text.split_once("pg_dump (PostgreSQL) ")?;
    after.split_whitespace().next().map(str::to_owned)
}

#[cfg(all(unix, feature = "throwaway"))]
fn programs() -> Vec<PathBuf> {
    graven_testkit::programs("pg_dump")
}

#[cfg(not(all(unix, feature = "throwaway")))]
fn programs() -> Vec<PathBuf> {
    let name = if cfg!(windows) { "pg_dump.exe" } else { "pg_dump" };
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(name)).filter(|path| path.is_file()).collect()
}

fn unusable(path: &Path, reason: &str) -> Failure {
    Failure::Failed(
        format!("{} does not serve as pg_dump: {reason}", path.display()),
        "name another one with `--pg-dump PATH`, or leave that away".to_owned(),
    )
}

fn none(newest: Option<&PgDump>, server: u32) -> Failure {
    let found = match newest {
        Some(it) => format!("; the newest one here is {} ({})", it.release, it.path.display()),
        None => String::new(),
    };
    Failure::Failed(
        format!("there is no pg_dump that knows PostgreSQL {server}{found}"),
        format!(
            "install the client programs of PostgreSQL {server} (`apt-get install postgresql-client-{server}`, \
             `dnf install postgresql{server}`, `brew install postgresql@{server}`), name one with `--pg-dump PATH`, \
             let catalog queries do it (`--schema-by catalog`), or choose an older throwaway server with GRAVEN_PG_VERSION"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn a_release_is_read_as_pg_dump_says_it() {
        for (text, expected) in [
            ("pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n", Some("15.14")),
            ("pg_dump (PostgreSQL) 18beta2\n", Some("18beta2")),
            ("psql (PostgreSQL) 15.14\n", None),
            ("", None),
        ] {
            assert_eq!(release(text).as_deref(), expected, "{text}");
        }
    }
}
