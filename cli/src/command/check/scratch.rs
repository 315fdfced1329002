//! An empty database to try migrations on, gone when it is dropped: on a throwaway server, or on one that the operator names.
//!
//! On a server that is not its own it makes one database, touches no other, and drops none but those that a check made which
//! was killed. What migrations make for the whole server, such as a role, stays there.

use std::path::PathBuf;

use graven::Error;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::failure::Failure;
use crate::output::Output;

/// Names a new scratch database: the time and a number of its own, so that one that was left behind is told by its age.
const NAME: &str = "SELECT pg_catalog.format('graven_check_%s_%s', \
     pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())), \
     pg_catalog.substr(pg_catalog.md5(pg_catalog.concat(pg_catalog.random(), pg_catalog.pg_backend_pid())), 1, 8))";

/// Scratch databases of this role that nobody uses and that are older than a check waits between making and using one.
const LEFT_BEHIND: &str = "SELECT d.datname FROM pg_catalog.pg_database d \
     WHERE d.datname ~ '^graven_check_[0-9]{9,12}_[0-9a-f]{8}$' \
     AND d.datdba = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid) \
     AND pg_catalog.split_part(d.datname, '_', 3)::pg_catalog.int8 \
       < pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) - 600";

/// Where a scratch database is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// On a server that is started for the check and removed after it.
    Throwaway,
    /// On the server that this URL leads to.
    Server(&'a str),
}

/// An empty database. Dropping the value drops it, on whatever path that happens.
#[derive(Debug)]
pub(crate) struct Scratch {
    url: String,
    held: Held,
}

/// What keeps the database there.
#[derive(Debug)]
enum Held {
    #[cfg(all(unix, feature = "throwaway"))]
    Throwaway {
        _database: Box<graven_testkit::Database>,
        cluster: Box<graven_testkit::Cluster>,
    },
    Server {
        _made: Made,
    },
}

impl Scratch {
    pub(crate) async fn make(place: Place<'_>, output: Output) -> Result<Self, Failure> {
        match place {
            Place::Throwaway => Self::throwaway(),
            Place::Server(url) => Self::on_server(url, output).await,
        }
    }

    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        Ok(graven::connect(&self.url).await?)
    }

    /// Where it is. The connection string holds a password.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where the programs of a throwaway server are.
    pub(crate) fn programs(&self) -> Option<PathBuf> {
        match &self.held {
            #[cfg(all(unix, feature = "throwaway"))]
            Held::Throwaway { cluster, .. } => Some(cluster.binaries()),
            Held::Server { .. } => None,
        }
    }

    /// A server of its own and not one that is shared: roles that migrations make belong to the server.
    #[cfg(all(unix, feature = "throwaway"))]
    fn throwaway() -> Result<Self, Failure> {
        let cluster = graven_testkit::Cluster::builder().start().map_err(|error| no_server(&error))?;
        let database = cluster.database().map_err(|error| no_server(&error))?;
        let url = database.url().to_owned();
        Ok(Self { url, held: Held::Throwaway { _database: Box::new(database), cluster: Box::new(cluster) } })
    }

    #[cfg(not(all(unix, feature = "throwaway")))]
    fn throwaway() -> Result<Self, Failure> {
        Err(Failure::Usage(
            "this graven was built without throwaway servers".to_owned(),
            "name a server on which it may make a database of its own: `--database URL`".to_owned(),
        ))
    }

    async fn on_server(url: &str, output: Output) -> Result<Self, Failure> {
        let client = graven::connect(url).await?;
        clear_up(&client).await;
        let name = match rows(&client, NAME).await.map_err(|error| cannot_make(&error))?.into_iter().next() {
            Some(name) => name,
            None => return Err(Failure::Failed("the server names no database".to_owned(), USE_ANOTHER.to_owned())),
        };
        // The name is made of letters, digits and `_`.
        let create = format!("CREATE DATABASE {name} TEMPLATE template0");
        // From here on it may be there, whatever the answer.
        let mut made = Made { name: Some(name.clone()), url: url.to_owned(), output };
        if let Err(error) = client.batch_execute(&create).await {
            if is_refused(&error) {
                made.name = None;
            }
            return Err(match is_read_only_by_a_setting(&client, &error).await {
                true => Failure::Failed(failed(&error), WRITABLE.to_owned()),
                false => cannot_make(&error),
            });
        }
        Ok(Self { url: with_database(url, &name), held: Held::Server { _made: made } })
    }
}

const USE_ANOTHER: &str = "name another server, or leave the URL away: then it is a throwaway one";

/// What to do where the session is read-only without need.
const WRITABLE: &str = "the URL, the role or its database sets `default_transaction_read_only`: leave that away, or name another \
                        role or server; without a URL it is a throwaway server";

/// Whether the server says that it did not do it. After FATAL, or without an answer, it may have.
fn is_refused(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| error.parsed_severity() == Some(Severity::Error))
}

async fn is_read_only_by_a_setting(client: &Client, error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
        && rows(client, "SELECT pg_catalog.pg_is_in_recovery()").await.is_ok_and(|rows| rows == ["f"])
}

/// A database on a server that is not ours.
#[derive(Debug)]
struct Made {
    /// `None` where it was not made after all.
    name: Option<String>,
    /// Of the database that was named, by way of which this one was made.
    url: String,
    output: Output,
}

impl Drop for Made {
    fn drop(&mut self) {
        let Some(name) = self.name.take() else { return };
        let url = self.url.clone();
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // A thread with a runtime of its own, since this may happen on any path out of another one.
        let dropping = std::thread::spawn(move || -> Result<(), String> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map_err(|error| error.to_string())?.block_on(async {
                let client = graven::connect(&url).await.map_err(|error| error.to_string())?;
                // Whoever is in it, this command is.
                client.batch_execute(&drop).await.map_err(|error| said(&error))
            })
        });
        let failed = match dropping.join() {
            Ok(Ok(())) => return,
            Ok(Err(failed)) => failed,
            Err(_) => "the thread that was to drop it is gone".to_owned(),
        };
        self.output.warning(format!(
            "the scratch database {name} is left on the server: {failed}; `DROP DATABASE {name}` removes it"
        ));
    }
}

/// Drops what killed checks have left behind. Where that does not go, the next check tries again.
async fn clear_up(client: &Client) {
    for name in rows(client, LEFT_BEHIND).await.unwrap_or_default() {
        let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await;
    }
}

/// The first column of a query's rows.
pub(crate) async fn rows(client: &Client, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let answer = client.simple_query(sql).await?;
    let rows = answer.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
        _ => None,
    });
    Ok(rows.collect())
}

fn cannot_make(error: &tokio_postgres::Error) -> Failure {
    let hint = match error.as_db_error().map(|error| error.code().code()) {
        Some("42501") => {
            "give the role the right (`ALTER ROLE … CREATEDB`), or leave the URL away: then it is a throwaway server"
        }
        Some("25006") => "this is a standby, which makes no databases: name its primary",
        _ => USE_ANOTHER,
    };
    Failure::Failed(failed(error), hint.to_owned())
}

fn failed(error: &tokio_postgres::Error) -> String {
    format!("cannot make a scratch database: {}", said(error))
}

/// What the server said, or the driver.
pub(super) fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().code()),
        None => error.to_string(),
    }
}

#[cfg(all(unix, feature = "throwaway"))]
fn no_server(error: &graven_testkit::Error) -> Failure {
    let mut message = format!("there is no throwaway server: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(&format!(": {error}"));
        cause = error.source();
    }
    let hint = error.hint().map(|hint| format!("{hint}; or ")).unwrap_or_default();
    Failure::Failed(
        message,
        format!("{hint}name a server on which it may make a database of its own: `--database URL`"),
    )
}

/// The connection string with another database in it: a URL, or `key=value` pairs.
fn with_database(url: &str, name: &str) -> String {
    let url = url.trim();
    let Some((scheme, rest)) = url.split_once("://") else {
        // Of two, the last one holds.
        return format!("{url} dbname={name}");
    };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = place.split('/').next().unwrap_or_default();
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("dbname=")).collect();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    format!("{scheme}://{authority}/{name}{query}")
}

/// Whether an error of a run says that the connection is gone, so that nothing more can be tried on it.
pub(crate) fn is_lost(error: &Error) -> bool {
    match error {
        Error::MigrationFailed(failed) => !matches!(failed.cause, graven::Cause::Server(_) | graven::Cause::RowGone),
        Error::Stopped { source, .. } => is_lost(source),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn a_url_leads_to_another_database_of_the_same_server() {
        for (url, expected) in [
            ("postgres://me:pw@host:5432/app", "postgres://me:pw@host:5432/new"),
            ("postgres://host", "postgres://host/new"),
            ("postgres://host/", "postgres://host/new"),
            (" postgresql://me@a,b:5433/app?sslmode=require ", "postgresql://me@a,b:5433/new?sslmode=require"),
            ("postgres://me@host?sslmode=require&dbname=app", "postgres://me@host/new?sslmode=require"),
            ("postgres:///app?host=/run/postgresql", "postgres:///new?host=/run/postgresql"),
            ("postgres://%2Frun%2Fpostgresql/app", "postgres://%2Frun%2Fpostgresql/new"),
            ("host=a user=me dbname=app", "host=a user=me dbname=app dbname=new"),
        ] {
            assert_eq!(with_database(url, "new"), expected, "{url}");
        }
    }
}
