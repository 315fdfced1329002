//! What the modules share: sets written down in the test itself, and looks at what a run left in the database.

mod instance;
mod pooler;

// Sets are made the way the command line makes them, so that the real splitter and the real directives are at work.
#[path = "../../../cli/src/embed.rs"]
mod embed;

use std::path::Path;
use std::sync::LazyLock;

use graven::{Error, MigrationFailed, Migrations, Report};
use graven_source::Version;
use graven_source::seal::Seal;
use graven_source::set::{Loaded, Paths, Set};
use graven_testkit::{Database, Proxy};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Subscriber};

pub(crate) use instance::{Ended, Instance, named};
pub(crate) use pooler::Pooler;

/// A set of these files, none of them sealed.
pub(crate) fn set(files: &[(&str, &str)]) -> Migrations {
    Directory::new(files).load()
}

/// A migrations directory that changes during a test.
pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let directory = Self(TempDir::new().unwrap());
        std::fs::create_dir(directory.0.path().join("migrations")).unwrap();
        directory.write("seal.lock", "");
        for (name, text) in files {
            directory.write(name, text);
        }
        directory
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join("migrations").join(name), text).unwrap();
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join("migrations").join(name)).unwrap()
    }

    /// What `graven seal` does.
    pub(crate) fn seal(&self) {
        let set = self.read().set;
        let seal = set.seal.as_ref().unwrap().seal_all(&set);
        self.write("seal.lock", &seal.render());
    }

    /// What `graven seal --accept-edit` does.
    pub(crate) fn accept_edit(&self, version: i64) {
        let set = self.read().set;
        let migration = set.by_version(Version::new(version).unwrap()).unwrap();
        let seal: &Seal = set.seal.as_ref().unwrap();
        self.write(
            "seal.lock",
            &seal.accept_edit(migration.version, migration.kind, migration.checksum).unwrap().render(),
        );
    }

    pub(crate) fn load(&self) -> Migrations {
        let Loaded { set, problems, .. } = self.read();
        assert!(problems.is_empty(), "{problems:#?}");
        embed::embed(set)
    }

    fn read(&self) -> Loaded {
        Set::load(self.0.path(), Path::new("migrations"), Paths::Any)
    }
}

/// A database and a client of it. The database goes away with the value.
pub(crate) async fn fresh() -> (Database, Client) {
    let database = Database::create().unwrap();
    let client = database.connect().await.unwrap();
    (database, client)
}

/// A client of a URL, at work in that schema from its first message on.
pub(crate) async fn connect_in(url: &str, schema: &str) -> Client {
    let mut config: Config = url.parse().unwrap();
    let (client, connection) = config.options(format!("-c search_path={schema}")).connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A proxy that lets everybody have every advisory lock, as if the server had none.
pub(crate) fn without_locks(database: &Database) -> Proxy {
    const ATTEMPT: &str = "pg_catalog.pg_try_advisory_lock(";
    let proxy = Proxy::to(database.url()).unwrap();
    proxy.rewrite(|sql| sql.contains(ATTEMPT).then(|| sql.replace(ATTEMPT, "(true OR 0 = ")));
    proxy
}

/// The versions that a run applied, in order.
pub(crate) fn versions(report: &Report) -> Vec<i64> {
    report.applied.iter().map(|applied| applied.version.unwrap().value()).collect()
}

/// The history in the schema `public`, a line a row.
pub(crate) fn history(database: &Database) -> Vec<String> {
    lines(
        database,
        "SELECT version || ' ' || name || ' ' || state || CASE WHEN state = 'started' THEN ' ' || statements_done || \
         '/' || statements_total || CASE WHEN in_doubt THEN ' in doubt' ELSE '' END ELSE '' END \
         FROM public.graven_history ORDER BY namespace, version",
    )
}

/// The first column of a query.
pub(crate) fn lines(database: &Database, sql: &str) -> Vec<String> {
    let first = |row: Vec<Option<String>>| row.into_iter().next().flatten().unwrap_or_else(|| "NULL".to_owned());
    database.rows(sql).unwrap().into_iter().map(first).collect()
}

/// The only value of a query.
pub(crate) fn value(database: &Database, sql: &str) -> String {
    let rows = database.rows(sql).unwrap();
    assert_eq!(rows.len(), 1, "{sql}");
    rows.into_iter().flatten().next().flatten().unwrap_or_else(|| "NULL".to_owned())
}

/// Whether there is a table, index or view of that name.
pub(crate) fn exists(database: &Database, name: &str) -> bool {
    value(database, &format!("SELECT to_regclass('{name}') IS NOT NULL")) == "t"
}

/// The failure of a run that failed in a migration.
pub(crate) fn failed(result: Result<Report, Error>) -> Box<MigrationFailed> {
    match result {
        Err(Error::MigrationFailed(failed)) => failed,
        other => panic!("not a failed migration: {other:?}"),
    }
}

/// While there is a single subscriber, tracing asks the thread that comes to a span first whether anybody wants it, and
/// remembers that thread's answer for all. Other tests run on other threads.
static COMPANY: LazyLock<[Dispatch; 2]> = LazyLock::new(|| [(); 2].map(|()| Dispatch::new(NoSubscriber::default())));

/// Hands what this thread tells to a subscriber, until the guard is dropped.
pub(crate) fn listen(subscriber: impl Subscriber + Send + Sync) -> DefaultGuard {
    LazyLock::force(&COMPANY);
    tracing::subscriber::set_default(subscriber)
}

/// Waits for something that happens in another session.
pub(crate) async fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !happened() {
        assert!(began.elapsed().as_secs() < 60, "waited for 60 s in vain until {what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
