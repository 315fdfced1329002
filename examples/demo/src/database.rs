//! The connection to the database: opened when it is needed, and opened again when it was lost.
//!
//! It is one connection for all requests, which is enough to show. A service has a pool in this place, and hands graven
//! what the pool wraps: `MIGRATIONS.health(&mut **pooled)`.

use std::ops::{Deref, DerefMut};

use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::Client;

/// Where the database is, and the connection to it while nobody uses it.
pub(crate) struct Database {
    url: String,
    idle: Mutex<Option<Client>>,
}

impl Database {
    /// A database that connections name `application`, so that a DBA and the other instances see who is connected.
    pub(crate) fn new(url: &str, application: &str) -> Self {
        Self { url: with_application_name(url, application), idle: Mutex::new(None) }
    }

    /// The connection, once no other request has it.
    ///
    /// # Errors
    ///
    /// Where it has to be opened and cannot be.
    pub(crate) async fn connection(&self) -> Result<Connection<'_>, graven::Error> {
        let mut idle = self.idle.lock().await;
        let client = match idle.take() {
            Some(client) if !client.is_closed() => client,
            _ => graven::connect(&self.url).await?,
        };
        Ok(Connection { client, idle })
    }
}

/// The connection, in the hands of one request.
///
/// Dropped, it is closed: after an error or a timeout nobody knows what state it is in. A request that went well gives
/// it back.
pub(crate) struct Connection<'a> {
    client: Client,
    idle: MutexGuard<'a, Option<Client>>,
}

impl Connection<'_> {
    /// Leaves the connection to the next request.
    pub(crate) fn give_back(self) {
        let Self { client, mut idle } = self;
        *idle = Some(client);
    }
}

impl Deref for Connection<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl DerefMut for Connection<'_> {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.client
    }
}

/// Adds `application_name` to a connection URL or to a list of `key=value` pairs (PostgreSQL manual, 34.1.1).
fn with_application_name(url: &str, application: &str) -> String {
    let url = url.trim();
    if !url.contains("://") {
        format!("{url} application_name={application}")
    } else if url.contains('?') {
        format!("{url}&application_name={application}")
    } else {
        format!("{url}?application_name={application}")
    }
}

#[cfg(test)]
mod tests {
    use super::with_application_name;

    #[test]
    fn every_form_of_url_takes_an_application_name() {
        for (url, named) in [
            ("postgres://u@h/d", "postgres://u@h/d?application_name=demo-1"),
            ("postgres://u@h/d?sslmode=require\n", "postgres://u@h/d?sslmode=require&application_name=demo-1"),
            ("host=h dbname=d", "host=h dbname=d application_name=demo-1"),
        ] {
            assert_eq!(with_application_name(url, "demo-1"), named);
        }
    }
}
