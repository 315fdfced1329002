//! A throwaway real PostgreSQL for tests, and a fresh database for each of them.
//!
//! ```
//! use graven_testkit::Database;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let database = Database::create()?;
//! let client = database.connect().await?;
//! client.batch_execute("CREATE TABLE users (id bigint)").await?;
//! # Ok(())
//! # }
//! ```
//!
//! That is all: nothing is to be installed but PostgreSQL itself (or npm, with which it is fetched), nothing is to be
//! started, configured or cleaned up. The database is dropped with its value, also when the test panics.
//!
//! # What happens
//!
//! - **Find.** `initdb` and `postgres`, version 14 or newer, are looked for in `PATH` and in the places where packages of
//!   Linux distributions, Homebrew, Postgres.app, Nix, asdf, mise and others put them. Where there is none, one is
//!   fetched with npm into cargo's target directory, once.
//! - **Share.** The first test process starts a server; others at the same time, and later ones within ten seconds, join
//!   it. Ten seconds after the last one has gone, it is stopped and removed. That holds however a process ends: after
//!   SIGKILL, too, a server is joined or removed by whoever comes next, and databases of the dead are dropped.
//! - **Isolate.** Each [`Database`] is new, made in some 25 ms. A test that stops, kills or reconfigures the server takes
//!   a [`Cluster`] of its own, in about half a second.
//!
//! A server listens on 127.0.0.1, at a random port and with a random password, and on a Unix socket. It runs without
//! `fsync`: it is as durable as a test needs, and no more. As root, which PostgreSQL refuses to run as, the server
//! runs as the user `postgres` or `nobody`.
//!
//! A [`Proxy`] between a client and its server counts messages and round trips, adds latency, and cuts the connection at
//! a chosen message.
//!
//! No server that runs already is touched, and `PGHOST` and its like are ignored.
//!
//! # Environment
//!
//! | variable | what it does |
//! |---|---|
//! | `GRAVEN_PG_BIN` | the directory of `initdb` and `postgres` to use; no other is looked for |
//! | `GRAVEN_PG_VERSION` | the major version to use, such as `16`, found or fetched |
//! | `GRAVEN_PG_LINGER` | for how many seconds the shared server stays after its last user, instead of 10 |
//! | `CARGO_TARGET_DIR` | what is fetched lies in its `graven-testkit` directory |
//! | `TMPDIR` | where servers are kept, in `graven-testkit-<uid>`, instead of in memory (`/dev/shm`, where 4 GB of it are free) or in `/tmp`; `/tmp` serves where this is too long for a socket |
//!
//! # Limits
//!
//! It runs on Unix. One that npm fetched brings the server alone, without `pg_dump` and
//! `pg_basebackup`.

#[cfg(not(unix))]
compile_error!("graven-testkit runs on Unix: it needs FIFOs, signals and process groups");

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
mod proxy;
mod random;
mod server;
mod shared;
mod standby;
mod sweep;

pub use cluster::{Builder, Cluster, Mode};
pub use database::{Database, Role};
pub use error::Error;
pub use find::programs;
pub use proxy::{Cut, Mark, Message, Proxy, Traffic};
pub use tokio_postgres;

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
