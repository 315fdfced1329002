//! Runs the tools in turn, and takes the time.
//!
//! Never one tool after the other in blocks: in each round every tool runs once, and another one begins, so that whatever
//! else the machine does hits them alike.

use std::time::{Duration, Instant};

use graven_testkit::Database;

use crate::Result;
use crate::arguments::Workload;
use crate::proxy::Proxy;
use crate::results::Cell;
use crate::server::Server;
use crate::set::Set;
use crate::tool::{Loaded, Pending, Tool};

/// How the tools reach the server.
#[derive(Debug)]
pub(crate) struct Route {
    latency: Duration,
    /// None where nothing is added: then nothing is in between.
    proxy: Option<Proxy>,
}

impl Route {
    pub(crate) fn new(server: &Server, latency: Duration) -> Result<Self> {
        let proxy = if latency.is_zero() { None } else { Some(server.proxy(latency)?) };
        Ok(Self { latency, proxy })
    }

    /// Adds no latency, but counts.
    pub(crate) fn counting(server: &Server) -> Result<Self> {
        Ok(Self { latency: Duration::ZERO, proxy: Some(server.proxy(Duration::ZERO)?) })
    }

    pub(crate) fn url(&self, server: &Server, database: &Database) -> String {
        match &self.proxy {
            Some(proxy) => server.url_through(proxy, database),
            None => database.url().to_owned(),
        }
    }

    pub(crate) fn round_trips(&self) -> u64 {
        self.proxy.as_ref().map_or(0, Proxy::round_trips)
    }
}

/// What one run took.
struct Took {
    time: Duration,
    round_trips: u64,
}

/// A tool in one workload.
struct Entrant<'a> {
    tool: &'a dyn Tool,
    loaded: Box<dyn Loaded>,
    /// With nothing pending: a database where this tool has applied everything. No run changes it.
    applied: Option<Database>,
    round_trips: u64,
}

/// Measures every tool in one workload, over all routes.
pub(crate) fn measure(
    server: &Server,
    tools: &[Box<dyn Tool>],
    workload: Workload,
    routes: &[Route],
) -> Result<Vec<Cell>> {
    let bench = Bench { server, set: Set::write(workload.migrations)?, workload };
    let mut entrants = Vec::new();
    let counting = Route::counting(server)?;
    for tool in tools {
        eprint!(" {}", tool.name());
        entrants.extend(bench.enter(tool.as_ref(), &counting).map_err(|error| bench.failed(tool.as_ref(), &error))?);
    }
    let mut cells = Vec::new();
    for route in routes {
        eprint!("\n  {} ms:", route.latency.as_secs_f64() * 1_000.0);
        let times = bench.rounds(&entrants, route)?;
        for (entrant, times) in entrants.iter().zip(times) {
            cells.push(Cell::new(workload, route.latency, entrant.tool.name(), entrant.round_trips, &times));
        }
    }
    eprintln!();
    Ok(cells)
}

struct Bench<'a> {
    server: &'a Server,
    set: Set,
    workload: Workload,
}

impl Bench<'_> {
    /// Loads the set, applies it where nothing is to be pending, and counts round trips in a first run that nobody
    /// times.
    fn enter<'a>(&self, tool: &'a dyn Tool, counting: &Route) -> Result<Option<Entrant<'a>>> {
        let Some(loaded) = tool.load(&self.set, self.workload.pending)? else { return Ok(None) };
        let applied = match self.workload.pending {
            Pending::Everything => None,
            Pending::Nothing => Some(self.applied_by(tool)?),
        };
        let mut entrant = Entrant { tool, loaded, applied, round_trips: 0 };
        entrant.round_trips = self.once(&entrant, counting)?.round_trips;
        Ok(Some(entrant))
    }

    fn applied_by(&self, tool: &dyn Tool) -> Result<Database> {
        let database = self.server.database()?;
        if let Some(loaded) = tool.load(&self.set, Pending::Everything)? {
            self.server.hurry(|| loaded.connect(database.url())?())?;
        }
        Ok(database)
    }

    /// The times of each entrant.
    fn rounds(&self, entrants: &[Entrant<'_>], route: &Route) -> Result<Vec<Vec<Duration>>> {
        let mut times = vec![Vec::new(); entrants.len()];
        for round in 0..usize::from(self.workload.runs) {
            eprint!(" {}", round + 1);
            for turn in 0..entrants.len() {
                let at = (round + turn) % entrants.len();
                let entrant = &entrants[at];
                let took = self.once(entrant, route).map_err(|error| self.failed(entrant.tool, &error))?;
                times[at].push(took.time);
            }
        }
        Ok(times)
    }

    /// One run. Clock and count start with the connection open.
    fn once(&self, entrant: &Entrant<'_>, route: &Route) -> Result<Took> {
        match &entrant.applied {
            Some(applied) => self.timed(entrant, route, applied),
            None => {
                let fresh = self.server.database()?;
                // Else what the runs before have left to be written comes in the way of whoever is next.
                fresh.execute("CHECKPOINT")?;
                let took = self.timed(entrant, route, &fresh);
                self.server.keep(fresh);
                took
            }
        }
    }

    fn timed(&self, entrant: &Entrant<'_>, route: &Route, database: &Database) -> Result<Took> {
        let mut run = entrant.loaded.connect(&route.url(self.server, database))?;
        let (before, started) = (route.round_trips(), Instant::now());
        run()?;
        let took = Took { time: started.elapsed(), round_trips: route.round_trips() - before };
        drop(run);
        self.check(database)?;
        Ok(took)
    }

    /// Who did nothing is not fast.
    fn check(&self, database: &Database) -> Result<()> {
        let tables = r"SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '_\d+$'";
        let found = database.value(tables)?.unwrap_or_default();
        let expected = self.set.files.tables.to_string();
        if found == expected { Ok(()) } else { Err(format!("it made {found} tables instead of {expected}").into()) }
    }

    fn failed(&self, tool: &dyn Tool, error: &dyn std::fmt::Display) -> String {
        format!("{} with {} migrations: {error}", tool.name(), self.workload.migrations)
    }
}
