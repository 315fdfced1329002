//! Talking to a server from blocking code, inside and outside of a tokio runtime.
//!
//! A thread of its own drives a runtime of its own: blocking on the caller's runtime would stop it, or panic.

use std::future::Future;
use std::sync::{Mutex, PoisonError, mpsc};

use tokio::runtime::{Builder, Handle};

use crate::error::{Error, IoContext as _};

/// Runs a future on the private thread, and blocks until it is done.
pub(crate) fn block_on<T: Send + 'static>(
    future: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let (sender, receiver) = mpsc::sync_channel(1);
    handle()?.spawn(async move {
        let _ = sender.send(future.await);
    });
    receiver.recv().unwrap_or(Err(Error::Thread))
}

fn handle() -> Result<Handle, Error> {
    static HANDLE: Mutex<Option<Handle>> = Mutex::new(None);
    let mut current = HANDLE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*current {
        return Ok(handle.clone());
    }
    let runtime = Builder::new_current_thread().enable_all().build().doing("start a runtime in", "a thread")?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("graven-testkit".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .doing("start", "a thread")?;
    *current = Some(handle.clone());
    Ok(handle)
}
