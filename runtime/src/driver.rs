//! The drivers: each turns its own types into what the engine asks for, and nothing else.

#[cfg(feature = "tokio-postgres")]
mod tls;
#[cfg(feature = "tokio-postgres")]
mod tokio_postgres;
#[cfg(feature = "tokio-postgres")]
mod url;

#[cfg(all(feature = "tokio-postgres", any(feature = "service", feature = "cli")))]
pub(crate) use self::tokio_postgres::CancelOnDrop;
#[cfg(feature = "tokio-postgres")]
pub use self::tokio_postgres::connect;
#[cfg(feature = "tokio-postgres")]
pub(crate) use self::tokio_postgres::{connect_cancelling, connect_to};
#[cfg(feature = "tokio-postgres")]
pub(crate) use self::url::Target;
