//! The drivers: each turns its own types into what the engine asks for, and nothing else.

#[cfg(feature = "tokio-postgres")]
mod hosts;
#[cfg(feature = "tokio-postgres")]
mod tls;
#[cfg(feature = "tokio-postgres")]
mod tokio_postgres;
#[cfg(feature = "tokio-postgres")]
mod url;
#[cfg(feature = "tokio-postgres")]
mod warnings;

#[cfg(feature = "tokio-postgres")]
pub(crate) use self::hosts::before_the_last;
#[cfg(all(feature = "tokio-postgres", any(feature = "service", feature = "cli")))]
pub(crate) use self::tokio_postgres::CancelOnDrop;
#[cfg(feature = "tokio-postgres")]
pub(crate) use self::tokio_postgres::Cells;
#[cfg(feature = "tokio-postgres")]
pub use self::tokio_postgres::connect;
#[cfg(feature = "tokio-postgres")]
pub(crate) use self::tokio_postgres::{connect_cancelling, connect_to};
#[cfg(feature = "tokio-postgres")]
pub(crate) use self::url::Target;
#[cfg(feature = "tokio-postgres")]
pub(crate) use self::warnings::{Listening, Warnings};

/// The cells of a row: without a driver there is none.
#[cfg(not(feature = "tokio-postgres"))]
pub(crate) enum Cells {}

#[cfg(not(feature = "tokio-postgres"))]
impl Cells {
    pub(crate) fn len(&self) -> usize {
        match *self {}
    }

    pub(crate) fn text(&self, _: usize) -> Option<&str> {
        match *self {}
    }
}
