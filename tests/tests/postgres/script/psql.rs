//! A psql that runs a file, and how that ends.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use graven::{Migrations, ScriptRange};
use graven_testkit::Database;
use tempfile::NamedTempFile;

/// Where psql lies: it is of any version, since the server's own come without one.
pub(super) fn psql() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for entry in Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten() {
        folders.push(entry.path().join("bin"));
    }
    let found = folders.into_iter().map(|folder| folder.join("psql")).find(|psql| psql.is_file());
    if found.is_none() {
        println!("NOT TESTED: there is no psql");
    }
    found
}

/// A psql that is running a file.
pub(super) struct Running(pub(super) Child, #[allow(dead_code, reason = "the file goes with it")] NamedTempFile);

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) said: String,
}

pub(super) fn start(psql: &Path, url: &str, sql: &str, arguments: &[&str]) -> Running {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(sql.as_bytes()).unwrap();
    let mut command = Command::new(psql);
    command.args(arguments).args(["-X", "-f"]).arg(file.path()).arg(url);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env_remove("PGAPPNAME");
    Running(command.spawn().unwrap(), file)
}

impl Running {
    pub(super) fn end(self) -> Ended {
        let Output { status, stdout, stderr } = self.0.wait_with_output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        Ended { code: status.code(), said }
    }
}

impl Ended {
    pub(super) fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.said);
        self.said
    }

    /// What psql says where a script stops: its exit code is 3.
    pub(super) fn stopped(self) -> String {
        assert_eq!(self.code, Some(3), "{}", self.said);
        self.said
    }
}

pub(super) fn script(migrations: &Migrations) -> String {
    migrations.migrator().script(ScriptRange::all()).unwrap().sql
}

pub(super) fn run(psql: &Path, database: &Database, sql: &str) -> Ended {
    start(psql, database.url(), sql, &[]).end()
}
