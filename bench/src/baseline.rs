//! What a baseline saves: a fresh database by all migrations, and by the one file that stands for them.
//!
//! How much that is depends on how often migrations change what earlier ones made: two sets show the ends.
//!
//! The baseline is written by `graven baseline`, from the command's own source, so that what is measured is what users get.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use graven::Migrations;
use serde::Serialize;

use crate::Result;
use crate::files::{File, Files};
use crate::measure::Route;
use crate::results::{median, milliseconds};
use crate::server::{Durability, Server};
use crate::set::Set;
use crate::table::{align, thousands, time};
use crate::tool::{client, embedded, runtime};

/// Measures what a baseline saves on a fresh database, with 30 and 300 migrations.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Fewer runs, and no more than 1 ms of latency.
    #[arg(long)]
    quick: bool,

    /// How often each is run.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,

    /// The command graven to write baselines with, instead of one that is built from this checkout.
    #[arg(long, value_name = "PATH")]
    graven: Option<PathBuf>,

    /// The directory to write BASELINE.md and baseline.json to, instead of that of the benchmark's Cargo.toml.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

const SIZES: [usize; 2] = [30, 300];
const LATENCIES: [u64; 3] = [0, 1, 5];
const QUICK_RUNS: u16 = 3;

/// What the migrations of a set are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Kind {
    /// Each adds something, and none is ever taken back: the set of the other benchmarks.
    Adding,
    /// Most change what an earlier one made.
    Changing,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Changing, Self::Adding];

    fn heading(self) -> &'static str {
        match self {
            Self::Adding => "each of which only adds something",
            Self::Changing => "most of which change what an earlier one made",
        }
    }

    fn files(self, count: usize) -> Files {
        match self {
            Self::Adding => Files::generate(count),
            Self::Changing => changing(count),
        }
    }
}

/// Ten migrations in the life of a table, again and again.
fn changing(count: usize) -> Files {
    let file = |version: usize| {
        let table = format!("things_{}", version.div_ceil(10));
        let sql = LIFE[(version - 1) % LIFE.len()].replace("{table}", &table);
        File { version, name: format!("change_{table}"), sql }
    };
    Files { files: (1..=count).map(file).collect(), tables: count.div_ceil(10) }
}

const LIFE: [&str; 10] = [
    "CREATE TABLE {table} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, state text, amount integer);\n",
    "INSERT INTO {table} (name, amount) SELECT 'thing ' || n, n FROM generate_series(1, 20) n;\n",
    "ALTER TABLE {table} ADD COLUMN extra jsonb;\nCREATE INDEX {table}_name_idx ON {table} (name);\n",
    "CREATE VIEW {table}_named AS SELECT id, name, amount FROM {table} WHERE state IS NULL;\n",
    "UPDATE {table} SET state = 'new' WHERE state IS NULL;\nALTER TABLE {table} ALTER COLUMN state SET NOT NULL;\n",
    "DROP VIEW {table}_named;\nALTER TABLE {table} ALTER COLUMN amount TYPE numeric(12, 2);\n",
    "DROP INDEX {table}_name_idx;\nCREATE INDEX {table}_state_idx ON {table} (state, name);\n",
    "CREATE TABLE {table}_parts (id bigint PRIMARY KEY, thing bigint REFERENCES {table} (id));\n",
    "ALTER TABLE {table} DROP COLUMN extra, ADD COLUMN note text NOT NULL DEFAULT '';\n",
    "DROP TABLE {table}_parts;\nALTER TABLE {table} RENAME COLUMN name TO title;\n",
];

/// How a fresh database is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Way {
    OneByOne,
    Baseline,
}

impl Way {
    const ALL: [Self; 2] = [Self::OneByOne, Self::Baseline];

    fn name(self) -> &'static str {
        match self {
            Self::OneByOne => "one by one",
            Self::Baseline => "with a baseline",
        }
    }
}

/// Everything of one call.
#[derive(Debug, Serialize)]
struct Results {
    server: String,
    processors: usize,
    cells: Vec<Cell>,
}

/// One way at one size and latency. Times are milliseconds.
#[derive(Debug, Serialize)]
struct Cell {
    kind: Kind,
    migrations: usize,
    way: Way,
    latency: u64,
    round_trips: u64,
    median: f64,
    min: f64,
    times: Vec<f64>,
}

/// Measures, prints, and saves.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let server = Server::start(Durability::Durable)?;
    let mut results = Results {
        server: server.description()?,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        cells: Vec::new(),
    };
    eprintln!("{}", results.server);
    let latencies = if arguments.quick { &LATENCIES[..2] } else { &LATENCIES };
    for (kind, migrations) in sets() {
        let set = Set::of(kind.files(migrations))?;
        eprintln!("{migrations} migrations: writing the baseline");
        write_baseline(&set.plain(), arguments.graven.as_deref())?;
        let bench = Bench { server: &server, kind, migrations: embedded(&set)?, set };
        for latency in latencies {
            let runs = if arguments.quick { QUICK_RUNS } else { arguments.runs };
            eprint!("  {latency} ms:");
            results.cells.extend(bench.measure(*latency, runs)?);
            eprintln!();
        }
        print!("{}", table(&results, kind, migrations));
    }
    if arguments.quick && arguments.output.is_none() {
        eprintln!("not saved: this is not a full run, and no --output says where to");
        return Ok(());
    }
    save(&results, &arguments.output.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR"))))
}

/// What is measured, one table each.
fn sets() -> impl Iterator<Item = (Kind, usize)> {
    Kind::ALL.into_iter().flat_map(|kind| SIZES.map(|migrations| (kind, migrations)))
}

/// Seals the migrations, and has the command write what they make.
fn write_baseline(directory: &Path, graven: Option<&Path>) -> Result<()> {
    fs::write(directory.join("seal.lock"), "")?;
    for verb in [&["seal"][..], &["baseline", "all", "--seeds"]] {
        let mut command = match graven {
            Some(graven) => Command::new(graven),
            None => {
                let mut cargo = Command::new(env!("CARGO"));
                let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
                cargo.args([
                    "run",
                    "--quiet",
                    "--release",
                    "--package",
                    "graven-cli",
                    "--manifest-path",
                    manifest,
                    "--",
                ]);
                cargo
            }
        };
        let output = command.args(verb).arg("--dir").arg(directory).output()?;
        if !output.status.success() {
            return Err(format!("graven {}: {}", verb.join(" "), String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    Ok(())
}

struct Bench<'a> {
    server: &'a Server,
    kind: Kind,
    set: Set,
    migrations: Migrations,
}

impl Bench<'_> {
    /// Both ways in turn.
    fn measure(&self, latency: u64, runs: u16) -> Result<Vec<Cell>> {
        let route = Route::new(self.server, Duration::from_millis(latency))?;
        let counting = Route::counting(self.server)?;
        // A first run, which nobody times, counts.
        let mut round_trips = Vec::new();
        for way in Way::ALL {
            round_trips.push(self.once(way, &counting)?.1);
        }
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..usize::from(runs) {
            eprint!(" {}", round + 1);
            for turn in 0..Way::ALL.len() {
                let at = (round + turn) % Way::ALL.len();
                times[at].push(milliseconds(self.once(Way::ALL[at], &route)?.0));
            }
        }
        let cells = Way::ALL.into_iter().zip(times).zip(round_trips).map(|((way, times), round_trips)| {
            let mut sorted = times.clone();
            sorted.sort_by(f64::total_cmp);
            let (median, min) = (median(&sorted), sorted.first().copied().unwrap_or_default());
            let (kind, migrations) = (self.kind, self.set.files.files.len());
            Cell { kind, migrations, way, latency, round_trips, median, min, times }
        });
        Ok(cells.collect())
    }

    /// How long one run takes on a fresh database, and its round trips.
    fn once(&self, way: Way, route: &Route) -> Result<(Duration, u64)> {
        let database = self.server.database()?;
        let runtime = runtime()?;
        let mut client = client(&runtime, &route.url(self.server, &database))?;
        let mut migrator = self.migrations.migrator();
        if way == Way::OneByOne {
            migrator = migrator.no_baseline();
        }
        let (before, started) = (route.round_trips(), Instant::now());
        let report = runtime.block_on(migrator.run(&mut client))?;
        let took = (started.elapsed(), route.round_trips() - before);
        // Who did something else is not compared.
        let expected = if way == Way::OneByOne { self.set.files.files.len() } else { 1 };
        if report.applied.len() != expected {
            return Err(format!("{}: {} were applied instead of {expected}", way.name(), report.applied.len()).into());
        }
        drop(client);
        self.server.keep(database);
        Ok(took)
    }
}

/// A heading and a table.
fn table(results: &Results, kind: Kind, migrations: usize) -> String {
    let is_of = |cell: &&Cell| (cell.kind, cell.migrations) == (kind, migrations);
    let cells: Vec<&Cell> = results.cells.iter().filter(is_of).collect();
    let of = |way: Way| cells.iter().filter(move |cell| cell.way == way);
    let mut head = vec!["a fresh database".to_owned(), "round trips".to_owned()];
    for cell in of(Way::OneByOne) {
        head.extend([format!("+{} ms", cell.latency), "×".to_owned()]);
    }
    let mut rows = vec![head];
    for way in Way::ALL {
        let round_trips = of(way).next().map_or(0, |cell| cell.round_trips);
        let mut row = vec![way.name().to_owned(), round_trips.to_string()];
        for (cell, base) in of(way).zip(of(Way::OneByOne)) {
            row.extend([
                format!("{} ({})", time(cell.median), time(cell.min)),
                format!("{:.2}", cell.median / base.median),
            ]);
        }
        rows.push(row);
    }
    let runs = cells.first().map_or(0, |cell| cell.times.len());
    format!("\n## {} migrations, {} ({runs} runs)\n\n{}", thousands(migrations), kind.heading(), align(&rows))
}

fn save(results: &Results, output: &Path) -> Result<()> {
    let tables: String = sets().map(|(kind, migrations)| table(results, kind, migrations)).collect();
    let text = format!(
        "# What a baseline saves\n\n\
         Written by `cargo run --release --manifest-path bench/Cargo.toml -- baseline`; README.md says what is measured and how.\n\n\
         - {}\n\
         - {} processors, client and server on one machine\n\n\
         Milliseconds from the open connection to the end of the run: the median, and in brackets the fastest. `×` is the\n\
         median divided by that of all migrations one by one. `+1 ms` means that each round trip was made 1 ms longer.\n\n\
         A baseline saves what migrations do and later ones undo or do again. What is only ever added has to be made either way,\n\
         and pg_dump takes more statements for it than a person does.\n{tables}",
        results.server, results.processors
    );
    fs::create_dir_all(output)?;
    fs::write(output.join("BASELINE.md"), text)?;
    fs::write(output.join("baseline.json"), serde_json::to_string_pretty(results)? + "\n")?;
    eprintln!("saved to {}", output.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_refers_to_one_by_one_at_the_same_latency() {
        let cell = |way, latency, median| Cell {
            kind: Kind::Adding,
            migrations: 30,
            way,
            latency,
            round_trips: 3,
            median,
            min: median,
            times: vec![median],
        };
        let cells = vec![
            cell(Way::OneByOne, 0, 20.0),
            cell(Way::Baseline, 0, 10.0),
            cell(Way::OneByOne, 5, 40.0),
            cell(Way::Baseline, 5, 30.0),
        ];
        let text = table(&Results { server: String::new(), processors: 1, cells }, Kind::Adding, 30);
        assert!(
            text.contains("| with a baseline  |           3 | 10.0 (10.0) | 0.50 | 30.0 (30.0) | 0.75 |"),
            "{text}"
        );
    }
}
