//! A connection that is kept from one question to the next.

use tokio::sync::Mutex;
use tokio_postgres::Client;

use crate::driver::{CancelOnDrop, connect_cancelling};
use crate::error::Error;
use crate::migrator::Migrator;
use crate::verb::health::Health;

/// Where to connect to, and the connection while nobody uses it.
pub(super) struct Kept {
    url: String,
    asking: Mutex<Asking>,
}

struct Asking {
    migrator: Migrator,
    /// With what tells the server when nobody waits for its answer any more: a probe that gives up would otherwise leave a
    /// backend behind, one after another, for as long as something holds the history up.
    idle: Option<(Client, CancelOnDrop)>,
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
        if let Some(mut kept) = idle.take().filter(|(client, _)| !client.is_closed()) {
            match migrator.health(&mut kept.0).await {
                // It ended while it was idle, as a restart or a failover of the server would have it: that says nothing of
                // the server as it is now.
                Err(Error::ConnectionLost { .. }) => {}
                health => {
                    *idle = health.is_ok().then_some(kept);
                    return health;
                }
            }
        }
        let mut kept = connect_cancelling(&self.url).await?;
        let health = migrator.health(&mut kept.0).await?;
        *idle = Some(kept);
        Ok(health)
    }
}
