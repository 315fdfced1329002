//! What was measured, as it is saved.

use std::time::Duration;

use serde::Serialize;

use crate::arguments::Workload;
use crate::tool::{FRESH_BASE, IDLE_BASE, Pending, Tool};

/// Everything of one call of the benchmark.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    /// The server and its settings.
    pub(crate) server: String,
    /// The machine.
    pub(crate) processors: usize,
    /// Which version of each tool.
    pub(crate) versions: Vec<(&'static str, String)>,
    pub(crate) cells: Vec<Cell>,
}

/// One tool in one workload at one latency. Times are milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) migrations: usize,
    pub(crate) pending: usize,
    pub(crate) latency: f64,
    pub(crate) tool: &'static str,
    pub(crate) round_trips: u64,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) times: Vec<f64>,
}

impl Cell {
    pub(crate) fn new(
        workload: Workload,
        latency: Duration,
        tool: &'static str,
        round_trips: u64,
        times: &[Duration],
    ) -> Self {
        let times: Vec<f64> = times.iter().copied().map(milliseconds).collect();
        let mut sorted = times.clone();
        sorted.sort_by(f64::total_cmp);
        let pending = match workload.pending {
            Pending::Everything => workload.migrations,
            Pending::Nothing => 0,
        };
        Self {
            migrations: workload.migrations,
            pending,
            latency: milliseconds(latency),
            tool,
            round_trips,
            median: median(&sorted),
            min: sorted.first().copied().unwrap_or_default(),
            times,
        }
    }

    /// Whether it belongs to the same workload as another.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        (self.migrations, self.pending) == (other.migrations, other.pending)
    }

    /// The name of the tool that it is compared with.
    pub(crate) fn base(&self) -> &'static str {
        if self.pending == 0 { IDLE_BASE } else { FRESH_BASE }
    }
}

impl Results {
    /// How many times longer a cell took than the base of its workload at the same latency.
    pub(crate) fn ratio(&self, cell: &Cell) -> Option<f64> {
        let is_base = |it: &&Cell| it.is_beside(cell) && it.latency == cell.latency && it.tool == cell.base();
        Some(cell.median / self.cells.iter().find(is_base)?.median)
    }
}

/// The versions that this program was built with, from its own lock file.
pub(crate) fn versions(tools: &[Box<dyn Tool>]) -> Vec<(&'static str, String)> {
    let mut packages: Vec<&'static str> = tools.iter().filter_map(|tool| tool.package()).collect();
    packages.dedup();
    locked(&packages)
}

/// The versions of these packages in the lock file.
pub(crate) fn locked(packages: &[&'static str]) -> Vec<(&'static str, String)> {
    let lock = include_str!("../Cargo.lock");
    let version = |package: &&'static str| {
        let after = lock.split(&format!("name = \"{package}\"\nversion = \"")).nth(1)?;
        Some((*package, after.split('"').next()?.to_owned()))
    };
    packages.iter().filter_map(version).collect()
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

pub(crate) fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted {
        [] => 0.0,
        _ if sorted.len() % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(tool: &'static str, times: &[u64]) -> Cell {
        let workload = Workload { migrations: 12, pending: Pending::Everything, runs: 3 };
        let times: Vec<_> = times.iter().copied().map(Duration::from_millis).collect();
        Cell::new(workload, Duration::ZERO, tool, 1, &times)
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(cell("a", &[9, 1, 5]).median, 5.0);
        assert_eq!(cell("a", &[9, 1, 5, 6]).median, 5.5);
        assert_eq!(cell("a", &[9, 1, 5]).min, 1.0);
    }

    #[test]
    fn a_ratio_refers_to_the_median_of_the_base() {
        let cells = vec![cell(FRESH_BASE, &[10, 20, 30]), cell("other", &[50, 40, 60])];
        let results = Results { server: String::new(), processors: 1, versions: Vec::new(), cells };
        assert_eq!(results.ratio(&results.cells[1]), Some(2.5));
        assert_eq!(results.ratio(&results.cells[0]), Some(1.0));
    }

    #[test]
    fn every_tool_of_a_package_has_a_version() {
        let versions = versions(&crate::tool::all());
        assert!(versions.iter().all(|(_, version)| version.contains('.')));
        for package in ["graven", "sqlx", "refinery"] {
            assert!(versions.iter().any(|(name, _)| *name == package), "{package}");
        }
    }
}
