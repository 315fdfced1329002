//! A fresh database for one test.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::address::{Address, MAINTENANCE, SUPERUSER};
use crate::binaries::run as run_program;
use crate::blocking::block_on;
use crate::error::Error;
use crate::server::Server;
use crate::shared::{self, Shared};
use crate::{random, sweep};

/// A fresh, empty database with a name of its own; dropping the value drops the database, also when the test panics.
///
/// Blocking calls work inside and outside of a tokio runtime.
///
/// # Examples
///
/// ```
/// use graven_testkit::Database;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let database = Database::create()?;
/// let client = database.connect().await?;
/// client.batch_execute("CREATE TABLE users (id bigint)").await?;
/// assert_eq!(database.value("SELECT count(*) FROM users")?.as_deref(), Some("0"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    server: Server,
    roles: Mutex<Vec<String>>,
    _shared: Option<Arc<Shared>>,
}

impl Database {
    /// Makes a database on the server that all test processes of this user share, and starts that server where it is
    /// not running.
    ///
    /// # Errors
    ///
    /// Fails when there is no PostgreSQL and none can be fetched, or when the server does not start or refuses.
    pub fn create() -> Result<Self, Error> {
        let shared = shared::server()?;
        Self::on(shared.server.clone(), Some(shared))
    }

    pub(crate) fn on(server: Server, shared: Option<Arc<Shared>>) -> Result<Self, Error> {
        let name = sweep::unique_name()?;
        let address = server.address.clone();
        let create = format!("CREATE DATABASE {name} TEMPLATE template0");
        block_on(async move { run(&address.errand(MAINTENANCE).await?, &create).await })?;
        let url = server.address.url(SUPERUSER, &server.address.password, &name);
        Ok(Self { name, url, server, roles: Mutex::default(), _shared: shared })
    }

    /// The database's name, a plain identifier.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A URL for the superuser, by TCP: `postgres://postgres:<password>@127.0.0.1:<port>/<name>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A URL for the superuser, by the server's Unix socket. Only the account of the server, and root, can get at the
    /// socket.
    pub fn socket_url(&self) -> String {
        self.server.address.socket_url(SUPERUSER, &self.server.address.password, &self.name)
    }

    /// The server's major version, such as 17.
    pub fn server_version(&self) -> u32 {
        self.server.binaries.major
    }

    /// Connects as the superuser. The connection is driven by a task on the current runtime and ends when the client
    /// is dropped.
    ///
    /// # Panics
    ///
    /// As tokio does, outside of a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// Fails when the server is not running or has no connection left.
    pub async fn connect(&self) -> Result<Client, Error> {
        self.server.address.connect(SUPERUSER, &self.server.address.password, &self.name).await
    }

    /// Runs one or more statements over a connection of its own, blocking.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses a statement; the later ones are not run.
    pub fn execute(&self, sql: &str) -> Result<(), Error> {
        let (address, name, sql) = (self.server.address.clone(), self.name.clone(), sql.to_owned());
        block_on(async move { run(&address.errand(&name).await?, &sql).await })
    }

    /// All rows of a query as PostgreSQL prints them, `None` for NULL, over a connection of its own, blocking.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses the query.
    pub fn rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
        let (address, name, sql) = (self.server.address.clone(), self.name.clone(), sql.to_owned());
        block_on(async move { rows(&address.errand(&name).await?, &sql).await })
    }

    /// The first column of a query's first row; `None` for NULL and for no row.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses the query.
    pub fn value(&self, sql: &str) -> Result<Option<String>, Error> {
        let first = self.rows(sql)?.into_iter().next();
        Ok(first.and_then(|row| row.into_iter().next()).flatten())
    }

    /// The schema as `pg_dump --schema-only` prints it, for comparisons: two databases of one schema give one text.
    ///
    /// # Errors
    ///
    /// Fails when PostgreSQL came without `pg_dump`, as one that was fetched with npm does, or when `pg_dump` fails.
    pub fn dump_schema(&self) -> Result<String, Error> {
        let mut command = self.server.binaries.command("pg_dump", self.server.account)?;
        let address = &self.server.address;
        command.arg("--host").arg(&address.socket).args(["--port", &address.port.to_string(), "--username", SUPERUSER]);
        command.args(["--schema-only", "--dbname", &self.name]).env("PGPASSWORD", &address.password);
        let output = run_program("pg_dump", &mut command)?;
        let text = String::from_utf8_lossy(&output.stdout);
        // Newer releases frame a dump in \restrict and \unrestrict, with a new random word each time.
        let lines = text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        Ok(lines.flat_map(|line| [line, "\n"]).collect())
    }

    /// Makes a login role without any rights of its own, for tests of what a lesser role may do; it is dropped with
    /// the database.
    ///
    /// `label` becomes part of the role's name; what is neither a letter, a digit nor `_` in it becomes `_`.
    ///
    /// # Errors
    ///
    /// Fails when the server refuses, as with a label that was used before.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let database = graven_testkit::Database::create()?;
    /// let readonly = database.role("readonly")?;
    /// database.execute(&format!("CREATE TABLE t (); GRANT SELECT ON t TO {}", readonly.name()))?;
    /// assert!(readonly.url().starts_with("postgres://"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn role(&self, label: &str) -> Result<Role, Error> {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
        // PostgreSQL cuts names after 63 bytes.
        let name: String =
            format!("{}_{}", self.name, label.chars().map(plain).collect::<String>()).chars().take(63).collect();
        let password = random::hex::<16>()?;
        self.execute(&format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"))?;
        self.roles.lock().unwrap_or_else(PoisonError::into_inner).push(name.clone());
        let url = self.server.address.url(&name, &password, &self.name);
        Ok(Role { name, password, url, database: self.name.clone(), address: self.server.address.clone() })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (address, name) = (self.server.address.clone(), self.name.clone());
        let roles = std::mem::take(&mut *self.roles.lock().unwrap_or_else(PoisonError::into_inner));
        // A private server may be stopped or gone, and with it the database. On the shared one, the next process
        // sweeps.
        let _ = block_on(async move { sweep::drop_with_roles(&address, &name, &roles).await });
    }
}

/// A login role of one database; see [`Database::role`].
#[derive(Debug, Clone)]
pub struct Role {
    name: String,
    password: String,
    url: String,
    database: String,
    address: Address,
}

impl Role {
    /// The role's name, a plain identifier.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A URL for this role and its database, by TCP.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connects as this role; see [`Database::connect`].
    ///
    /// # Errors
    ///
    /// Fails when the server is not running, or the database or the role is gone.
    pub async fn connect(&self) -> Result<Client, Error> {
        self.address.connect(&self.name, &self.password, &self.database).await
    }
}

async fn run(client: &Client, sql: &str) -> Result<(), Error> {
    client.batch_execute(sql).await.map_err(|source| refused(sql, source))
}

/// All rows of a query as PostgreSQL prints them.
pub(crate) async fn rows(client: &Client, sql: &str) -> Result<Vec<Vec<Option<String>>>, Error> {
    let messages = client.simple_query(sql).await.map_err(|source| refused(sql, source))?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()),
        _ => None,
    });
    Ok(rows.collect())
}

fn refused(sql: &str, source: tokio_postgres::Error) -> Error {
    let short: String = sql.chars().take(200).collect();
    Error::Postgres { doing: format!("run {short:?}"), source }
}
