//! A connection that is kept from one question to the next.

use tokio::sync::Mutex;
use tokio_postgres::Client;

use crate::driver::connect;
use crate::error::Error;
use crate::health::Health;
use crate::migrator::Migrator;

/// Where to connect to, and the connection while nobody uses it.
pub(super) struct Kept {
    url: String,
    asking: Mutex<Asking>,
}

struct Asking {
    migrator: Migrator,
    idle: Option<Client>,
}

impl Kept {
    pub(super) fn new(migrator: Migrator, url: String) -> Self {
        Self { url, asking: Mutex::new(Asking { migrator, idle: None }) }
    }

    /// Asks over the connection that there is, or over a new one. Where this is dropped before its end, or fails, the
    /// connection is closed: nobody knows what state it is in.
    pub(super) async fn health(&self) -> Result<Health, Error> {
        let mut asking = self.asking.lock().await;
        let Asking { migrator, idle } = &mut *asking;
        if let Some(mut client) = idle.take().filter(|client| !client.is_closed()) {
            match migrator.health(&mut client).await {
                // It ended while it was idle, as a restart or a failover of the server would have it: that says nothing of
                // the server as it is now.
                Err(Error::ConnectionLost { .. }) => {}
                health => {
                    *idle = health.is_ok().then_some(client);
                    return health;
                }
            }
        }
        let mut client = connect(&self.url).await?;
        let health = migrator.health(&mut client).await?;
        *idle = Some(client);
        Ok(health)
    }
}
