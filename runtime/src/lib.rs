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
//! * [`Migrator`] is the same verbs with options, and those of an operator: [`plan`](Migrator::plan),
//!   [`doctor`](Migrator::doctor), [`revert`](Migrator::revert), [`redo`](Migrator::redo), [`stamp`](Migrator::stamp),
//!   [`repair`](Migrator::repair), [`script`](Migrator::script) and [`resolve`](Migrator::resolve).
//! * [`Error`] says what went wrong, where, and what to do about it.
//!
//! # Features
//!
//! * `tokio-postgres` (default): run on a `tokio_postgres::Client`, or on a connection of graven's own with `run_url`.
//! * `tls` (default): TLS for `run_url`, by rustls.
//! * `serde`: `Serialize` for reports, status and health.
//! * `service`: [`service::HealthService`], a page for readiness probes, ready to be mounted in axum or hyper.
//! * `metrics`: durations, waits, retries and states for the `metrics` facade. [`observe`] lists them.
//! * `cli`: [`cli::Migrate`], the verbs as a clap subcommand that an application mounts as `myapp migrate …`.
//! * `nightly`: [`embed_migrations!`] tracks the directory itself. Needs a nightly compiler, and leans on what may change
//!   there any day.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod apply;
#[cfg(feature = "cli")]
pub mod cli;
mod connection;
mod driver;
mod error;
mod event;
mod grant;
mod guard;
mod history;
mod in_the_way;
#[cfg(feature = "serde")]
mod json;
mod lock;
mod look;
mod migrations;
mod migrator;
pub mod observe;
mod options;
mod plan;
mod private;
mod report;
#[cfg(feature = "service")]
pub mod service;
mod session;
mod sql;
mod verb;

pub use graven_source::statement::LockMode;
pub use graven_source::{Checksum, Kind, Version};

pub use crate::connection::Connection;
#[cfg(feature = "tokio-postgres")]
pub use crate::driver::connect;
pub use crate::error::{
    Cause, Conflict, Error, IncompleteReason, Membership, MigrationFailed, Obstacle, Pending, ServerError,
};
pub use crate::event::{Event, MigrationName};
pub use crate::history::ForeignHistory;
pub use crate::lock::Holder;
pub use crate::migrations::{Migration, Migrations, Repeatable, Sealing, Transaction};
pub use crate::migrator::Migrator;
pub use crate::options::Mode;
pub use crate::plan::revert::{StampTo, Target};
pub use crate::report::{Applied, Outcome, Redone, Report, RevertReport, Reverted, StampReport, Stamped};
pub use crate::verb::doctor::{Diagnosis, Finding, Severity};
pub use crate::verb::health::{Difference, Health, HealthState, LastApplied};
pub use crate::verb::planned::{Planned, PlannedLock, PlannedStep, Sending};
pub use crate::verb::repair::{Repair, RepairReport, Repairable};
#[cfg(feature = "tokio-postgres")]
pub use crate::verb::reset::{Refusal, ResetReport, Sessions};
pub use crate::verb::resolve::{Resolution, Resolved};
pub use crate::verb::script::{Script, ScriptRange, Scripted};
pub use crate::verb::status::{MigrationStatus, State, Status};

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
/// Or it is the whole item. Then hovering over the static, completion and `cargo doc` show which migrations are in it:
///
/// ```
/// graven::embed_migrations! {
///     /// What this service needs.
///     pub(crate) static MIGRATIONS = "migrations";
/// }
///
/// assert_eq!(MIGRATIONS.len(), 2);
/// ```
///
/// Without a path it reads `migrations`. A path is relative to the package whose code holds the call, the folder of its
/// `Cargo.toml`: also where that is a member of a workspace, and where the call came out of another crate's macro. It is a
/// string in the source: a macro sees no value of a constant, of `env!` or of `concat!`.
///
/// A path may lead out of the package (`"../migrations"`), which suits a workspace whose members share their migrations.
/// `cargo package` then leaves them out, and what it made does not build. It does follow a symbolic link: link the
/// directory into the package, and name the link.
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
/// Cargo rebuilds when a file that was read becomes newer than the last build, or goes away. A new file is noticed by the
/// change to `seal.lock` that `graven new`, `graven seal` and the pull of a sealed migration make. What cargo does not see:
///
/// * A new file without a change to `seal.lock`: one dropped in by hand, or a branch that adds one so.
/// * A file whose content changes and whose time does not become newer: `cp -p`, `rsync -t`, `tar`, a link that points
///   elsewhere, an image's layers, a target directory that is shared or restored. It is the same with all Rust sources.
///
/// A dev build notices both when it runs, and refuses with [`Error::StaleBuild`]. It looks at the directory that it was built
/// from, or, where cargo runs or tests the package that holds the macro, at that package's. Of worktrees that share a target
/// directory it does not notice where the macro stands in another package than cargo runs: give each worktree its own. **A
/// release build notices neither**: build releases in a fresh target directory, or `touch migrations/seal.lock` first. At
/// build time the first is noticed with this `build.rs`
///
/// ```
/// println!("cargo:rerun-if-changed=migrations");
/// ```
///
/// or, on a nightly compiler, with the feature `nightly`.
///
/// A file that is written to while it is compiled may come out as another text than its checksum is of. Every build, also one
/// for release, compares the two before it runs a migration, and refuses with [`Error::StaleBuild`] as well.
///
/// # In an editor
///
/// rust-analyzer shows what is wrong with the directory at the call, and, for the form that is a whole item, the table of what
/// is embedded when one hovers over the static or a use of it. To the static of the other form a macro cannot add
/// documentation: it has only its own.
///
/// It expands the macro when the call is edited and when the project is loaded, not when a file of the directory changes: until
/// then it shows what was there before. What `cargo check` says, as it does at each save, is what is there.
///
/// # Under another name
///
/// The expansion finds the crate by itself: where `Cargo.toml` gives it another name, where another crate re-exports it,
/// and within other macros. What it expands to is an expression of constants without `unsafe`, for a static, a constant
/// or a function, in crates of every edition, `no_std` or `no_implicit_prelude`, and no lint has anything to say of it.
#[macro_export]
macro_rules! embed_migrations {
    ($($arguments:tt)*) => {
        $crate::__private::embed! { [$crate] $($arguments)* }
    };
}
