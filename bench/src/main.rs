//! graven, sqlx, refinery, diesel and psql applying the same migrations to the same server, in one run.
//!
//! It measures what a service waits for when it starts: time and round trips, near the server and far from it; and with
//! `build`, what its author waits for, and with `baseline`, what a baseline saves. It judges nothing: README.md says what is on the clock and what is not.

mod arguments;
mod baseline;
mod build;
mod files;
mod measure;
mod proxy;
mod results;
mod server;
mod set;
mod table;
mod tool;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};
use crate::measure::Route;
use crate::results::Results;
use crate::server::Server;

/// Whatever goes wrong ends the benchmark.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    if let Some(code) = build::wrapped() {
        return code;
    }
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Some(Command::Build(arguments)) => return build::run(arguments),
        Some(Command::Baseline(arguments)) => return baseline::run(arguments),
        None => {}
    }
    let results = measure(arguments)?;
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None if arguments.is_full() => PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        None => {
            eprintln!("not saved: this is not a full run, and no --output says where to");
            return Ok(());
        }
    };
    save(&results, &output)
}

fn measure(arguments: &Arguments) -> Result<Results> {
    let tools: Vec<_> = tool::all().into_iter().filter(|tool| arguments.wants(tool.as_ref())).collect();
    let server = Server::start(arguments.durability())?;
    let mut results = Results {
        server: server.description()?,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        versions: results::versions(&tools),
        cells: Vec::new(),
    };
    eprintln!("{}", results.server);
    let routes = arguments.latencies().into_iter().map(|latency| Route::new(&server, latency));
    let routes = routes.collect::<Result<Vec<_>>>()?;
    for workload in arguments.workloads() {
        eprint!("{} migrations, {:?} pending\n  first runs:", workload.migrations, workload.pending);
        let before = results.cells.len();
        results.cells.extend(measure::measure(&server, &tools, workload, &routes)?);
        print!("{}", table::render(&results, &results.cells[before..]));
    }
    Ok(results)
}

fn save(results: &Results, output: &Path) -> Result<()> {
    std::fs::create_dir_all(output)?;
    std::fs::write(output.join("RESULTS.md"), table::file(results))?;
    std::fs::write(output.join("results.json"), serde_json::to_string_pretty(results)? + "\n")?;
    eprintln!("saved to {}", output.display());
    Ok(())
}
