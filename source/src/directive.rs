//! Header directives: what a file says of how it wants to be run. The types are always there; reading them off a text
//! needs the feature `read`. It refuses what it does not understand, since a directive that is ignored does harm.

#[cfg(feature = "read")]
mod allow;
#[cfg(feature = "read")]
mod misspelt;
#[cfg(feature = "read")]
mod parse;
#[cfg(feature = "read")]
mod part;
#[cfg(feature = "read")]
mod section;
#[cfg(test)]
#[cfg(feature = "read")]
mod tests;

use std::time::Duration;

#[cfg(feature = "read")]
pub use self::allow::Allowed;
#[cfg(feature = "read")]
pub use self::parse::{DirectiveProblem, DirectiveReason, allowed, parse};
#[cfg(feature = "read")]
pub(crate) use self::section::divides;
#[cfg(feature = "read")]
pub use self::section::{Section, opposite_section};

/// How a migration wants to be run, as the directives at the head of its file say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// `transaction`: whether it runs in a transaction of its own.
    pub transaction: Transaction,
    /// `lock_timeout`, zero for none at all. `None`: what the run sets for each migration in a transaction, 5 s unless it was
    /// told otherwise; for one without, the session's own holds.
    pub lock_timeout: Option<Duration>,
    /// `statement_timeout`, zero for none at all. `None`: the session's own holds.
    pub statement_timeout: Option<Duration>,
    /// `retries`: how often it is tried again after a lock timeout, a deadlock or a serialization failure.
    pub retries: Option<u32>,
}

/// Whether a migration runs in a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transaction {
    /// In one of its own, with its history row.
    #[default]
    On,
    /// Statement by statement, for what PostgreSQL refuses in a transaction.
    Off,
}
