//! What PostgreSQL says of an error, in its own words and free of any driver's type.

use std::fmt;

/// What to do where the server's disk is full.
pub(crate) const DISK_FULL: &str = "make room on the server's disk, then start again";

/// An error as PostgreSQL reports it (PostgreSQL manual, 55.8). It displays as its message and SQLSTATE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`.
    pub severity: String,
    /// The five characters of the SQLSTATE, such as `42P01` (PostgreSQL manual, appendix A).
    pub sqlstate: String,
    /// The message.
    pub message: String,
    /// DETAIL, if any.
    pub detail: Option<String>,
    /// HINT, if any.
    pub hint: Option<String>,
    /// Where it happened: the stack of functions, for example.
    pub context: Option<String>,
    /// The constraint it is about.
    pub constraint: Option<String>,
    /// The table it is about.
    pub table: Option<String>,
    /// The schema it is about.
    pub schema: Option<String>,
    /// Where in the text that was sent, in characters from 1.
    pub position: Option<u32>,
}

impl ServerError {
    /// Whether the same may succeed when tried again: lock timeout, deadlock, serialization failure.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.sqlstate.as_str(), "55P03" | "40P01" | "40001")
    }

    /// What to do, for an error that graven's own statements run into.
    pub(crate) fn remedy(&self) -> Option<String> {
        let remedy = match self.sqlstate.as_str() {
            "42501" => "run migrations with a role that has this right",
            "25006" => {
                "nothing may be written here: connect to the primary, with a role and a database whose \
                 default_transaction_read_only is off"
            }
            "42703" => {
                "the table is not graven's: name another with `--history schema.table` (in code, `history = \"schema.table\"`)"
            }
            "28P01" | "28000" => "see that user and password are right, and that pg_hba.conf lets them in from here",
            "3D000" => "create the database first, or correct its name in the URL",
            // The role's or the database's own limit: in English the message says which, in other languages it names it too.
            "53300" if self.message.starts_with("too many connections for ") => {
                "it is out of connections: use fewer, or raise that limit, `ALTER ROLE … CONNECTION LIMIT`, `ALTER DATABASE … CONNECTION LIMIT`"
            }
            "53300" => {
                "the server is out of connections: use fewer, or raise max_connections, unless the message speaks of a role or a \
                 database: these have a CONNECTION LIMIT of their own"
            }
            "53100" => DISK_FULL,
            "57P01" | "57P02" | "57P03" => "the server is shutting down or starting up: start again when it is ready",
            _ => return self.hint.clone(),
        };
        Some(remedy.to_owned())
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)
    }
}

impl std::error::Error for ServerError {}
