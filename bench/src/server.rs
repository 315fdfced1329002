//! The server that all tools are measured on, near and from afar, and fresh databases on it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use graven_testkit::{Cluster, Database};

use crate::Result;
use crate::proxy::Proxy;

/// How much the server does for what is committed to survive a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// As in production: `fsync` and `full_page_writes`.
    Durable,
    /// As in tests: neither.
    Volatile,
}

/// A server of the benchmark's own.
#[derive(Debug)]
pub(crate) struct Server {
    /// Databases that have been measured, until all is over.
    done_with: Mutex<Vec<Database>>,
    cluster: Cluster,
    durability: Durability,
}

impl Server {
    pub(crate) fn start(durability: Durability) -> Result<Self> {
        // All 10,000 migrations in one transaction lock more tables than the default 64 have room for.
        let builder = Cluster::builder().on_disk().setting("max_locks_per_transaction", "256");
        let builder = match durability {
            Durability::Durable => builder.setting("fsync", "on").setting("full_page_writes", "on"),
            Durability::Volatile => builder,
        };
        Ok(Self { done_with: Mutex::default(), cluster: builder.start()?, durability })
    }

    pub(crate) fn database(&self) -> Result<Database> {
        Ok(self.cluster.database()?)
    }

    /// Leaves a database where it is until the server goes. To drop it now would slow the next one down: for minutes after
    /// files were deleted, ext4 searches longer for an inode of a new one, which a server that never dropped a database
    /// does not meet with.
    pub(crate) fn keep(&self, database: Database) {
        self.done_with.lock().unwrap_or_else(PoisonError::into_inner).push(database);
    }

    pub(crate) fn proxy(&self, latency: Duration) -> Result<Proxy> {
        Proxy::start(self.cluster.port(), latency)
    }

    /// A database's URL by way of a proxy.
    pub(crate) fn url_through(&self, proxy: &Proxy, database: &Database) -> String {
        database.url().replacen(&format!(":{}/", self.cluster.port()), &format!(":{}/", proxy.port()), 1)
    }

    /// Does something that is not measured without waiting for the disk.
    pub(crate) fn hurry<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.durability == Durability::Volatile {
            return work();
        }
        self.cluster.configure("fsync", "off")?;
        self.cluster.reload()?;
        let done = work();
        self.cluster.configure("fsync", "on")?;
        self.cluster.reload()?;
        done
    }

    /// `PostgreSQL 15.18`, and the settings that matter.
    pub(crate) fn description(&self) -> Result<String> {
        let database = self.database()?;
        let setting =
            |name: &str| -> Result<String> { Ok(database.value(&format!("SHOW {name}"))?.unwrap_or_default()) };
        Ok(format!(
            "PostgreSQL {}, fsync = {}, full_page_writes = {}, synchronous_commit = {}",
            setting("server_version")?,
            setting("fsync")?,
            setting("full_page_writes")?,
            setting("synchronous_commit")?
        ))
    }
}
