//! What PostgreSQL says of an error, in its own words and free of any driver's type.

use std::fmt;

use graven_source::picture::pictured;

/// What to do where the server's disk is full.
pub(crate) const DISK_FULL: &str = "make room on the server's disk, then start again";

/// As many lines of CONTEXT as are shown before its last one.
const CONTEXT_LINES: usize = 5;

/// An error as PostgreSQL reports it (PostgreSQL manual, 55.8). It displays as its message and SQLSTATE, without control
/// characters.
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

    /// What a server has said, where that is an error's cause.
    pub(crate) fn among<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
    }

    /// CONTEXT as far as it is worth reading: a function that calls itself has a thousand lines of it.
    pub(crate) fn shown_context(&self) -> Option<String> {
        let context = self.context.as_deref()?;
        let lines: Vec<&str> = context.lines().collect();
        Some(match lines.split_at_checked(CONTEXT_LINES) {
            // A line in place of one line would be no shorter.
            Some((first, [left_out @ .., last])) if left_out.len() > 1 => {
                format!("{}\n… {} more lines\n{last}", first.join("\n"), grouped(left_out.len()))
            }
            _ => context.to_owned(),
        })
    }

    /// What to do, for an error that graven's own statements run into.
    pub(crate) fn remedy(&self) -> Option<String> {
        let remedy = match self.sqlstate.as_str() {
            // In English: in other languages the message itself has to do.
            "42501" if self.message.starts_with("query would be affected by row-level security") => {
                "this connection has `row_security = off`, which makes an error of it where row-level security hides rows of the \
                 history: leave that setting out, or give the role BYPASSRLS"
            }
            "42501" => "run migrations with a role that has this right",
            "25006" => {
                "nothing may be written here: connect to the primary, with a role and a database whose \
                 default_transaction_read_only is off"
            }
            "42703" => {
                "the table is not graven's: name another with `--history schema.table` (in code, `history = \"schema.table\"`)"
            }
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

/// A number as people read it: `1,012`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", pictured(&self.message), self.sqlstate)
    }
}

impl std::error::Error for ServerError {}

#[cfg(test)]
mod tests {
    use super::ServerError;

    fn shown(lines: usize) -> String {
        let context: Vec<String> = (1..=lines).map(|line| format!("line {line}")).collect();
        let error = ServerError { context: Some(context.join("\n")), ..ServerError::default() };
        error.shown_context().expect("it has one")
    }

    #[test]
    fn of_a_long_context_the_first_lines_and_the_last_are_shown() {
        assert_eq!(shown(1), "line 1");
        assert_eq!(shown(7).lines().count(), 7);
        assert_eq!(shown(8), "line 1\nline 2\nline 3\nline 4\nline 5\n… 2 more lines\nline 8");
        assert!(shown(1018).ends_with("line 5\n… 1,012 more lines\nline 1018"), "{}", shown(1018));
        assert!(shown(2_000_006).contains("… 2,000,000 more lines"));
    }

    #[test]
    fn what_a_server_says_is_no_colour() {
        let error =
            ServerError { message: "\u{1b}[31mred".to_owned(), sqlstate: "P0001".to_owned(), ..ServerError::default() };
        assert_eq!(error.to_string(), "␛[31mred (SQLSTATE P0001)");
    }
}
