//! From a program without an async runtime into one.

use std::future::Future;

use crate::cli::failure::Failure;

/// Runs what needs a connection, on a runtime of its own. It must not be called within another one.
///
/// # Errors
///
/// Where the system has nothing left to make a runtime of.
pub fn block_on<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::Failed(format!("cannot start: {error}"), "see that the system has resources left".to_owned())
    })?;
    Ok(runtime.block_on(future))
}
