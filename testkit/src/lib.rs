//! A throwaway real PostgreSQL for tests, and a fresh database for each of them.
//!
//! ```
//! use graven_testkit::Database;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let database = Database::create()?; // finds PostgreSQL, starts a server or joins the one that runs, makes a database
//! let client = database.connect().await?;
//! client.batch_execute("CREATE TABLE users (id bigint)").await?;
//! # Ok(())
//! # } // the database is dropped, also on panic
//! ```

mod account;
mod address;
mod binaries;
mod blocking;
mod cluster;
mod database;
mod error;
mod fetch;
mod find;
mod keeper;
mod place;
mod process;
mod random;
mod server;
mod shared;
mod sweep;

pub use cluster::{Builder, Cluster, Mode};
pub use database::{Database, Role};
pub use error::Error;
pub use tokio_postgres;
