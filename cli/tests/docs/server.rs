//! A server of a page's own: roles belong to a whole server, and a page makes them under plain names.

use std::path::{Path, PathBuf};

use graven_testkit::{Cluster, Database};

/// The server, with a database by which it is spoken to.
pub(crate) struct Server {
    cluster: Cluster,
    database: Database,
    psql: PathBuf,
}

impl Server {
    /// `None` where there is no `psql`, which the pages call; in CI that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let cluster = Cluster::builder().start().expect("a server");
        let Some(psql) = psql(&cluster.binaries()) else {
            assert!(std::env::var_os("CI").is_none(), "there is no psql, and CI is set");
            eprintln!("NOT TESTED: there is no psql here (`apt-get install postgresql-client`)");
            return None;
        };
        let database = cluster.database().expect("a database");
        Some(Self { cluster, database, psql })
    }

    /// Where `psql` is.
    pub(crate) fn programs(&self) -> Option<PathBuf> {
        self.psql.parent().map(Path::to_owned)
    }

    /// Makes the database `app` anew, and says by which variables it is found.
    pub(crate) fn empty_database(&self) -> [(&'static str, String); 2] {
        for sql in ["DROP DATABASE IF EXISTS app WITH (FORCE)", "CREATE DATABASE app TEMPLATE template0"] {
            self.database.execute(sql).expect("the server makes databases");
        }
        // The pages set user and password where they matter; the port is the server's in any case.
        let url = self.cluster.url();
        let (url, _) = url.rsplit_once('/').expect("a URL ends in a database");
        [("DATABASE_URL", format!("{url}/app")), ("PGPORT", self.cluster.port().to_string())]
    }
}

fn psql(beside: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = [beside.to_owned()].into_iter().chain(std::env::split_paths(&path));
    places.map(|place| place.join("psql")).find(|program| program.is_file())
}
