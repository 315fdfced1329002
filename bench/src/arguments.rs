//! The command line, and what is to be measured because of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::server::Durability;
use crate::tool::{Pending, Tool};

/// Runs the same migrations with graven, sqlx, refinery, diesel and psql, side by side, and prints a table.
///
/// A server of the benchmark's own is started and removed again: PostgreSQL's programs must be on this machine, and
/// psql in PATH. Without arguments it takes about half an hour, and writes RESULTS.md and results.json beside its
/// Cargo.toml; a run that measures less writes them only where --output says so.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Fewer migrations and runs, and no more than 1 ms of latency: less than a minute.
    #[arg(long)]
    quick: bool,

    /// How often each is run, instead of a number that suits its size.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    runs: Option<u16>,

    /// Only these sizes of the set, such as 12,120.
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    sizes: Vec<usize>,

    /// Added latency in milliseconds, both directions together, such as 0,0.5,20; 0 goes without the proxy.
    #[arg(long, value_name = "MS,…", value_delimiter = ',', value_parser = milliseconds)]
    latency: Vec<Duration>,

    /// Only tools whose name contains one of these words, and those that ratios refer to.
    #[arg(long, value_name = "WORD,…", value_delimiter = ',')]
    only: Vec<String>,

    /// A server with fsync and full_page_writes, as in production. The default.
    #[arg(long, conflicts_with = "volatile")]
    durable: bool,

    /// A server without fsync and full_page_writes.
    #[arg(long)]
    volatile: bool,

    /// The directory to write RESULTS.md and results.json to.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// What else can be measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(crate::build::Arguments),
    Baseline(crate::baseline::Arguments),
}

/// What a tool has to do, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) migrations: usize,
    pub(crate) pending: Pending,
    pub(crate) runs: u16,
}

const FULL: [Workload; 5] = [fresh(12, 7), fresh(120, 5), fresh(1_200, 3), idle(120, 9), idle(10_000, 7)];
const QUICK: [Workload; 2] = [fresh(60, 3), idle(120, 5)];

const FULL_LATENCY: [Duration; 3] = [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(5)];
const QUICK_LATENCY: [Duration; 2] = [Duration::ZERO, Duration::from_millis(1)];

const fn fresh(migrations: usize, runs: u16) -> Workload {
    Workload { migrations, pending: Pending::Everything, runs }
}

const fn idle(migrations: usize, runs: u16) -> Workload {
    Workload { migrations, pending: Pending::Nothing, runs }
}

impl Arguments {
    pub(crate) fn durability(&self) -> Durability {
        if self.volatile { Durability::Volatile } else { Durability::Durable }
    }

    pub(crate) fn workloads(&self) -> Vec<Workload> {
        let all: &[Workload] = if self.quick { &QUICK } else { &FULL };
        let wanted = |workload: &&Workload| self.sizes.is_empty() || self.sizes.contains(&workload.migrations);
        let runs = |workload: &Workload| Workload { runs: self.runs.unwrap_or(workload.runs), ..*workload };
        all.iter().filter(wanted).map(runs).collect()
    }

    pub(crate) fn latencies(&self) -> Vec<Duration> {
        match (self.latency.is_empty(), self.quick) {
            (false, _) => self.latency.clone(),
            (true, true) => QUICK_LATENCY.to_vec(),
            (true, false) => FULL_LATENCY.to_vec(),
        }
    }

    pub(crate) fn wants(&self, tool: &dyn Tool) -> bool {
        let base = [crate::tool::FRESH_BASE, crate::tool::IDLE_BASE].contains(&tool.name());
        self.only.is_empty() || base || self.only.iter().any(|word| tool.name().contains(word.as_str()))
    }

    /// Whether everything is measured, as often as it should be.
    pub(crate) fn is_full(&self) -> bool {
        let narrowed = self.quick || self.volatile || self.runs.is_some();
        !narrowed && self.sizes.is_empty() && self.latency.is_empty() && self.only.is_empty()
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is not a number of milliseconds"))?;
    Duration::try_from_secs_f64(number / 1_000.0).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Arguments {
        Arguments::try_parse_from([&["graven-bench"], arguments].concat()).unwrap()
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn only_a_run_without_limits_is_full() {
        assert!(parse(&[]).is_full());
        assert!(parse(&["--durable"]).is_full());
        for narrowed in ["--quick", "--volatile", "--runs=3", "--sizes=12", "--latency=0", "--only=graven"] {
            assert!(!parse(&[narrowed]).is_full(), "{narrowed}");
        }
    }

    #[test]
    fn a_latency_may_be_a_fraction_of_a_millisecond() {
        assert_eq!(parse(&["--latency=0,0.5"]).latencies(), [Duration::ZERO, Duration::from_micros(500)]);
        assert!(Arguments::try_parse_from(["graven-bench", "--latency=-1"]).is_err());
    }
}
