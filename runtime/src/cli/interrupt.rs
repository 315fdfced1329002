//! Ctrl-C and SIGTERM. Left alone, they end this program and not what the server was sent: it goes on, with the lock.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};

/// Runs it to its end; `None` where somebody wants the program to end, and then it was dropped.
pub async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(interrupted())).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}

/// Waits until the program is told to end.
async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        select(pin!(tokio::signal::ctrl_c()), pin!(terminated.recv())).await;
        return;
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Then the system does what it always does.
        std::future::pending().await
    }
}
