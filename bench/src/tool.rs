//! What is compared, one file a tool.
//!
//! A tool first loads a set, then connects, then runs; only the run is on the clock. Who embeds migrations has loaded
//! them at compile time, and a service connects whether it migrates or not.

mod bare;
#[cfg(feature = "diesel")]
mod diesel;
mod graven;
mod psql;
mod refinery;
mod sqlx;

pub(crate) use self::graven::embedded;
use crate::Result;
use crate::set::Set;

/// What there is to do for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    /// The whole set: the database is fresh.
    Everything,
    /// Nothing: the whole set was applied before.
    Nothing,
}

/// One of the tools.
pub(crate) trait Tool {
    /// How the tables call it.
    fn name(&self) -> &'static str;

    /// The crate that it is, for its version; none for a program or for the benchmark's own.
    fn package(&self) -> Option<&'static str>;

    /// Takes a set into memory. `None` where the tool cannot do the job.
    fn load(&self, set: &Set, pending: Pending) -> Result<Option<Box<dyn Loaded>>>;
}

/// A tool with a set in memory.
pub(crate) trait Loaded {
    /// Opens a connection. Calling what is returned runs the tool, dropping it closes the connection.
    fn connect<'a>(&'a self, url: &str) -> Result<Run<'a>>;
}

/// A tool with a set and a connection.
pub(crate) type Run<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// What a fresh run is compared with.
pub(crate) const FRESH_BASE: &str = psql::NAME;
/// What a run without anything to do is compared with.
pub(crate) const IDLE_BASE: &str = bare::NAME;

/// All of them, in the order of the tables.
pub(crate) fn all() -> Vec<Box<dyn Tool>> {
    vec![
        Box::new(psql::Psql),
        Box::new(bare::Bare),
        Box::new(graven::Graven),
        Box::new(sqlx::Sqlx),
        Box::new(refinery::Refinery::each()),
        Box::new(refinery::Refinery::grouped()),
        #[cfg(feature = "diesel")]
        Box::new(diesel::Diesel),
    ]
}

/// What each connection has answered before the clock starts. Else the first message pays for what the server sets up with any
/// session's first one, and of what diesel sends that would be the `SET` with which it connects, off the clock.
pub(crate) const GREETING: &str = "SELECT 1";

/// A runtime of one thread. Each connection has its own: with it goes the task that drives the connection.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// A connection of tokio-postgres, for the tools that take one.
pub(crate) fn client(runtime: &tokio::runtime::Runtime, url: &str) -> Result<tokio_postgres::Client> {
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(GREETING).await?;
        Ok(client)
    })
}
