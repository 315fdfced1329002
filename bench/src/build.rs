//! What embedding migrations costs at build time: graven, sqlx, refinery and diesel side by side.
//!
//! Each tool's macro embeds the same files in a package of its own, outside of every workspace, so that it is built as a
//! user's cargo builds it: a procedural macro without optimisation. Dependencies are built before the clock starts.

mod cargo;
mod report;
mod scratch;
mod wrapper;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

pub(crate) use self::wrapper::wrapped;

use self::cargo::{Cargo, Step, Took};
use self::scratch::{Embedder, Package, Workload};
use crate::Result;

/// Measures what embedding migrations costs at build time: time, memory of the compiler, size of the program.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only 1, 100 and 1,000 migrations.
    #[arg(long)]
    quick: bool,

    /// How often each is built; the best counts. What takes very long is built once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,

    /// How many seconds the compiler may take for one build of a set. Where it takes longer it is stopped, the table
    /// says so, and the tool is not run again with that set.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,

    /// Only tools whose name contains one of these words.
    #[arg(long, value_name = "WORD,…", value_delimiter = ',')]
    only: Vec<String>,

    /// The directory to write BUILD.md and build.json to, instead of that of the benchmark's Cargo.toml.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Everything of one call.
#[derive(Debug, Serialize)]
struct Results {
    compiler: String,
    processors: usize,
    /// The seconds that a build may take.
    limit: u64,
    versions: Vec<(&'static str, String)>,
    cells: Vec<Cell>,
}

/// One tool with one set. Times are seconds, the best of the runs. None is what took longer than it may.
#[derive(Debug, Serialize)]
struct Cell {
    workload: Workload,
    tool: &'static str,
    /// `cargo check` and `cargo build` after an edit of the last migration.
    edit_check: Option<Took>,
    edit_build: Option<Took>,
    /// The same after a touch of the source.
    touch_check: Option<Took>,
    touch_build: Option<Took>,
    /// What a migration adds to the program beside its SQL, in bytes. None for a set of one, and where a build took too
    /// long.
    overhead: Option<f64>,
}

/// Measures, prints, and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let wanted = |tool: &Embedder| {
        arguments.only.is_empty() || arguments.only.iter().any(|word| tool.name().contains(word.as_str()))
    };
    let tools: Vec<Embedder> = Embedder::all().into_iter().filter(wanted).collect();
    let cargo = Cargo::new(Duration::from_secs(arguments.limit))?;
    let mut results = Results {
        compiler: cargo.compiler()?,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        limit: arguments.limit,
        versions: crate::results::locked(&tools.iter().map(Embedder::package).collect::<Vec<_>>()),
        cells: Vec::new(),
    };
    let alone = programs(&cargo, &tools, Workload::ONE)?;
    let workloads: &[Workload] = if arguments.quick { &Workload::ALL[..3] } else { &Workload::ALL };
    for workload in workloads {
        let before = results.cells.len();
        results.cells.extend(measure(&cargo, &tools, *workload, arguments.runs, &alone)?);
        print!("{}", report::table(*workload, &results.cells[before..], arguments.limit));
    }
    let narrowed = arguments.quick || !arguments.only.is_empty();
    match &arguments.output {
        None if narrowed => eprintln!("not saved: this is not a full run, and no --output says where to"),
        output => {
            let output = output.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
            report::save(&results, &output)?;
        }
    }
    Ok(())
}

/// What takes more seconds than this is timed once.
const LONG: f64 = 30.0;

/// All tools in turn, in each round another one first: whatever else the machine does hits them alike.
fn measure(cargo: &Cargo, tools: &[Embedder], workload: Workload, runs: u16, alone: &[u64]) -> Result<Vec<Cell>> {
    eprint!("{workload}:");
    let packages = tools.iter().map(|tool| Package::write(*tool, workload)).collect::<Result<Vec<_>>>()?;
    let mut best = vec![[Some(Took::default()); 4]; tools.len()];
    // The first round builds dependencies and what the compiler keeps from one build to the next: nobody times it.
    for round in 0..=usize::from(runs) {
        eprint!(" {round}");
        for turn in 0..tools.len() {
            let at = (round + turn) % tools.len();
            let is_long = |took: &Option<Took>| took.is_none_or(|took| round > 1 && took.seconds > LONG);
            if best[at].iter().any(is_long) {
                continue;
            }
            for (step, best) in Step::ALL.into_iter().zip(&mut best[at]) {
                let took = cargo.run(&packages[at], step)?;
                *best = if round <= 1 { took } else { best.zip(took).map(|(best, took)| best.best(took)) };
            }
        }
    }
    eprintln!();
    let mut cells = Vec::new();
    for (at, package) in packages.iter().enumerate() {
        let overhead = match workload.files {
            1 => None,
            _ if best[at].contains(&None) => None,
            files => {
                let sql = package.sql_bytes()? - Workload::ONE.bytes;
                Some((cargo.program(package)? as f64 - alone[at] as f64 - sql as f64) / (files - 1) as f64)
            }
        };
        let [edit_check, edit_build, touch_check, touch_build] = best[at];
        let tool = tools[at].name();
        cells.push(Cell { workload, tool, edit_check, edit_build, touch_check, touch_build, overhead });
    }
    Ok(cells)
}

/// The sizes of the programs that embed this set, one a tool.
fn programs(cargo: &Cargo, tools: &[Embedder], workload: Workload) -> Result<Vec<u64>> {
    eprintln!("building what the tools depend on, which may take minutes the first time");
    tools.iter().map(|tool| cargo.program(&Package::write(*tool, workload)?)).collect()
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
