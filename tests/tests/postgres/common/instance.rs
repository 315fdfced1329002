//! An instance of a program that migrates at its start, as a process of its own: this very test program, started again.

use std::process::{Child, Command, Output, Stdio};

use graven::{Migrations, Report};

use super::set;

const URL: &str = "GRAVEN_TEST_URL";
const SET: &str = "GRAVEN_TEST_SET";

/// A process that is yet to be started.
pub(crate) struct Instance(Command);

impl Instance {
    /// One that runs the set of that name on that database.
    pub(crate) fn of(name: &str, url: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "common::instance::instance", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env(URL, url).env(SET, name).env_remove("GRAVEN_MODE").env_remove("GRAVEN_LOCK_TIMEOUT");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn start(mut self) -> Child {
        self.0.spawn().unwrap()
    }

    pub(crate) fn run(self) -> Ended {
        Ended::of(self.start())
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The outcome and the number of migrations that it applied, or the error's whole page.
    pub(crate) result: Result<(String, usize), String>,
    /// What it told `tracing`.
    pub(crate) log: String,
}

impl Ended {
    pub(crate) fn of(child: Child) -> Self {
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        let said = out.lines().find_map(|line| line.split("instance: ").nth(1));
        let result = match (status.success(), said.and_then(|said| said.split_once(' '))) {
            (true, Some((outcome, applied))) => Ok((outcome.to_owned(), applied.parse().unwrap())),
            _ => Err(format!("{out}\n{err}")),
        };
        Self { result, log: err.into_owned() }
    }
}

/// Every migration counts itself, outside of any history; `counts` has no key, so that a second time is a second row.
pub(crate) fn named(name: &str) -> Migrations {
    if name == "baseline" {
        return crate::baseline::migrations();
    }
    if name == "crash" {
        return crate::crash::migrations();
    }
    if let Some(case) = name.strip_prefix("company ") {
        return crate::company::migrations(case);
    }
    if name == "rows" {
        let rows = "SELECT generate_series(1, 1000000), repeat('x', 40);";
        let off = format!("-- graven: transaction = off\n{rows}");
        return set(&[("1_rows.sql", rows), ("2_rows.sql", &off)]);
    }
    let count = |version: i32| format!("INSERT INTO counts VALUES ({version}, pg_backend_pid());");
    let create = format!("CREATE TABLE counts (version int, pid int);\n{}", count(1));
    let mut files = vec![("0001_counts.sql".to_owned(), create)];
    for version in 2..=8 {
        let text = format!("CREATE TABLE m{version} (v int);\n{}", count(version));
        files.push((format!("{version:04}_m.sql"), text));
    }
    if name == "older" {
        files.truncate(2);
    }
    if name == "concurrently" {
        files[4].1 = format!(
            "-- graven: transaction = off\n{}\nCREATE INDEX CONCURRENTLY counts_version ON counts (version);\n",
            count(5)
        );
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    set(&files)
}

/// What the process does.
#[tokio::test]
#[ignore = "an instance: other tests start it as a process"]
async fn instance() {
    let (Ok(url), Ok(name)) = (std::env::var(URL), std::env::var(SET)) else { return };
    // For the whole process: what other threads of a test program do to one that is set for a thread is no matter here.
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    let Report { outcome, applied, .. } = named(&name).run_url(&url).await.unwrap();
    println!("instance: {outcome:?} {}", applied.len());
    // The most memory that it has had, where the system tells.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM:")).for_each(|line| eprintln!("{line}"));
}
