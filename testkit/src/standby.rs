//! A standby of a private server: a copy that follows it by streaming replication, and takes no writes until it is
//! promoted.

use std::time::{Duration, Instant};

use crate::address::{Address, MAINTENANCE, SUPERUSER};
use crate::binaries::run;
use crate::blocking::block_on;
use crate::cluster::{Builder, Cluster};
use crate::database::{Database, rows};
use crate::error::Error;
use crate::server::Server;

/// How long a standby may take to catch up.
const PATIENCE: Duration = Duration::from_secs(60);

impl Builder {
    /// Makes the server a standby of another one, of which it starts as a copy. It has the other's version, password,
    /// databases and settings; the ones that are given here come on top.
    ///
    /// It needs `pg_basebackup`, which a PostgreSQL that was fetched with npm does not bring.
    ///
    /// # Examples
    ///
    /// ```
    /// use graven_testkit::{Cluster, Error};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let primary = Cluster::builder().start()?;
    /// let database = primary.database()?;
    /// database.execute("CREATE TABLE t (x int)")?;
    ///
    /// match Cluster::builder().standby_of(&primary).start() {
    ///     Ok(standby) => {
    ///         standby.catch_up_with(&primary)?;
    ///         assert!(standby.url_of(&database).ends_with(database.name()));
    ///     }
    ///     Err(Error::ProgramAbsent { program, .. }) => eprintln!("there is no {program} here"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn standby_of(mut self, primary: &Cluster) -> Self {
        self.primary = Some(primary.server.clone());
        self
    }
}

impl Cluster {
    /// A URL for the superuser and a database of the same name on this server, as a standby has it.
    pub fn url_of(&self, database: &Database) -> String {
        let address = &self.server.address;
        address.url(SUPERUSER, &address.password, database.name())
    }

    /// Waits until this standby has replayed what is committed on its primary by now.
    ///
    /// # Errors
    ///
    /// Fails when one of the two cannot be reached, or when it takes longer than a minute.
    pub fn catch_up_with(&self, primary: &Cluster) -> Result<(), Error> {
        let goal = ask(&primary.server.address, "SELECT pg_current_wal_flush_lsn()".to_owned())?;
        let goal = goal.unwrap_or_default();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let reached = format!("SELECT pg_last_wal_replay_lsn() >= '{goal}'");
            if ask(&self.server.address, reached)?.as_deref() == Some("t") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(self.server.slow("catch up", PATIENCE, 0))
    }

    /// Makes a standby take writes, and waits until it does.
    ///
    /// # Errors
    ///
    /// Fails when the server cannot be reached or is no standby.
    pub fn promote(&self) -> Result<(), Error> {
        match ask(&self.server.address, "SELECT pg_promote(true, 60)".to_owned())?.as_deref() {
            Some("t") => Ok(()),
            _ => Err(self.server.slow("promote", PATIENCE, 0)),
        }
    }
}

impl Server {
    /// Makes the data directory as a copy of a running server's, which is then followed.
    pub(crate) fn make_standby(&self, primary: &Address, settings: &[(String, String)]) -> Result<(), Error> {
        self.make_directories()?;
        let mut command = self.binaries.command("pg_basebackup", self.account)?;
        command.arg("--pgdata").arg(self.data()).arg("--host").arg(&primary.socket);
        command
            .args(["--port", &primary.port.to_string(), "--username", SUPERUSER])
            .env("PGPASSWORD", &primary.password);
        // --write-recovery-conf puts the password down as well, in a file of the data directory.
        command.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]);
        run("pg_basebackup", &mut command)?;
        // The copied configuration names the primary's socket directory.
        self.configure([self.socket_setting()].into_iter().chain(settings.iter().cloned()))
    }
}

/// The first column of a query's first row.
fn ask(address: &Address, sql: String) -> Result<Option<String>, Error> {
    let address = address.clone();
    let rows = block_on(async move { rows(&address.errand(MAINTENANCE).await?, &sql).await })?;
    Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
}
