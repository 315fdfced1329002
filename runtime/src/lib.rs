//! SQL migrations carved into the binary at compile time, and applied to PostgreSQL exactly once.
//!
//! ```no_run
//! // Reads the directory `migrations` at build time and checks it against its seal file.
//! static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
//!
//! # #[cfg(feature = "tokio-postgres")]
//! # async fn start() -> Result<(), graven::Error> {
//! // Applies what is pending: in order, under a lock, exactly once, however many instances start at this moment.
//! let report = MIGRATIONS.run_url("postgres://app@localhost/app").await?;
//! println!("{} applied just now, {} altogether", report.applied.len(), report.total);
//! # Ok(())
//! # }
//! ```
//!
//! * [`embed_migrations!`] reads the directory and turns whatever is wrong with it into a compile error.
//! * [`Migrations`] is the set it makes: plain static data. Its verbs [`run`](Migrations::run),
//!   [`verify`](Migrations::verify), [`status`](Migrations::status) and [`health`](Migrations::health) meet a database.
//! * [`Migrator`] is the same verbs with options.
//! * [`Error`] says what went wrong, where, and what to do about it.
//!
//! # Features
//!
//! * `tokio-postgres` (default): run on a `tokio_postgres::Client`, or on a connection of graven's own with `run_url`.
//! * `tls` (default): TLS for `run_url`, by rustls.
//! * `serde`: `Serialize` for reports, status and health.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod apply;
mod batch;
mod conflict;
mod connection;
mod driver;
mod error;
mod event;
mod failed;
mod guard;
mod health;
mod history;
mod index;

mod lock;
mod look;
mod migrations;
mod migrator;
mod non_transactional;
mod options;
mod plan;
mod private;
mod report;
mod resolve;
mod retry;
mod run;
mod sent;
mod server_error;
mod session;
mod sql;
mod state;
mod status;

pub use graven_source::{Checksum, Kind, Version};

pub use crate::connection::Connection;
#[cfg(feature = "tokio-postgres")]
pub use crate::driver::connect;
pub use crate::error::{Cause, Conflict, Error, IncompleteReason, MigrationFailed, Pending, ServerError};
pub use crate::event::Event;
pub use crate::health::{Health, HealthState};
pub use crate::lock::Holder;
pub use crate::migrations::{Migration, Migrations, Sealing, Transaction};
pub use crate::migrator::Migrator;
pub use crate::options::Mode;
pub use crate::report::{Applied, Outcome, Report};
pub use crate::resolve::{Resolution, Resolved};
pub use crate::status::{MigrationStatus, State, Status};

/// What the expansion of [`embed_migrations!`] and the command line build sets with. Not public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::private::*;
}

/// Embeds a directory of migrations: the expression is a constant [`Migrations`].
///
/// ```
/// static MIGRATIONS: graven::Migrations = graven::embed_migrations!();
/// ```
///
/// Without a path it reads `migrations`. A path is relative to the package, the folder that holds its `Cargo.toml`. It
/// may lead out of the package, which suits a workspace whose members share their migrations; the packaged crate then
/// does not contain them, and does not build elsewhere.
///
/// Options follow as `key = value`:
///
/// | key | value | |
/// |---|---|---|
/// | `path` | a string | the directory, as above |
/// | `unsealed` | `"allow"` | lets a release build embed migrations that are not sealed yet |
/// | `history` | `"table"` or `"schema.table"` | where the history is kept, instead of `graven_history` in the first schema of the search path |
/// | `namespace` | a string | keeps several sets apart within one history table |
///
/// ```
/// const MIGRATIONS: graven::Migrations =
///     graven::embed_migrations!(path = "migrations", unsealed = "allow", history = "ops.history", namespace = "web");
/// ```
///
/// # Compile errors
///
/// Everything that is wrong with the directory, all at once: a sealed migration that was edited, deleted or renamed, two
/// files of one version, a file whose name fits no kind, a quote that never ends, and so on. `docs/rules.md` in the
/// repository lists the rules, and `graven explain RULE` explains one.
///
/// # Rebuilds
///
/// Cargo rebuilds when a file that was read changes or goes away. A new file is noticed by the change to
/// `seal.lock` that `graven new`, `graven seal` and a pull make. A file dropped in by hand is caught at the next start
/// of a dev build, or at build time with this `build.rs`:
///
/// ```
/// println!("cargo:rerun-if-changed=migrations");
/// ```
#[macro_export]
macro_rules! embed_migrations {
    ($($arguments:tt)*) => {
        $crate::__private::embed!([$crate] $($arguments)*)
    };
}
