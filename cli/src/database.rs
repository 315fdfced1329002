//! The database that a command is about.

use std::future::Future;

use graven::{Error, Migrations, Migrator};
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::arguments::Database;
use crate::failure::Failure;

/// Runs what needs a connection.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::Failed(format!("cannot start: {error}"), "see that the system has resources left".to_owned())
    })?;
    Ok(runtime.block_on(future)?)
}

/// The name of the database, for a line that people read; empty where the server does not say.
pub(crate) async fn database_name(client: &Client) -> String {
    let answer = client.simple_query("SELECT pg_catalog.current_database()").await.unwrap_or_default();
    let name = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
        _ => None,
    });
    name.unwrap_or_default()
}

impl Database {
    /// The URL, or what to do where none was given.
    pub(crate) fn url(&self) -> Result<&str, Failure> {
        let Some(url) = self.database_url.as_deref().map(str::trim).filter(|url| !url.is_empty()) else {
            return Err(Failure::Usage(
                "no database was named".to_owned(),
                "give --database-url postgres://user:password@host:5432/database, or set DATABASE_URL".to_owned(),
            ));
        };
        // What stands after an `@` in a password would be taken for the host, and shown as such.
        if url.contains("://") && url.matches('@').count() > 1 {
            return Err(Failure::Usage(
                "the connection URL holds more than one `@`".to_owned(),
                "write one that belongs to the user or the password as %40".to_owned(),
            ));
        }
        Ok(url)
    }

    /// The verbs for a set, with what was said about its history.
    pub(crate) fn migrator(&self, set: &Migrations) -> Migrator {
        // GRAVEN_MODE is for services: who types `graven apply` has said what to do.
        let mut migrator = set.migrator().ignore_environment();
        if let Some(history) = &self.history {
            migrator = migrator.history(history);
        }
        if let Some(namespace) = &self.namespace {
            migrator = migrator.namespace(namespace);
        }
        if let Some(role) = &self.role {
            migrator = migrator.role(role);
        }
        migrator
    }
}
