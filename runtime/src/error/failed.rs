//! The error of a migration that failed: which, where in its file, why, and what is left of it.

mod hint;

use std::fmt;
use std::ops::Range;

use graven_source::snippet::{Excerpt, Style};
use graven_source::{Kind, Version};

use self::hint::Limit;
use crate::connection::Failure;
use crate::error::count;
use crate::error::server_error::ServerError;
use crate::history::{is_not_held, is_row_gone};
use crate::lock::Holder;
use crate::migrations::{Migration, Migrations, Sealing};
use crate::report::{Applied, Reverted};

/// A migration or its reverse that failed. What was done before it stays done.
#[derive(Debug)]
#[non_exhaustive]
pub struct MigrationFailed {
    /// What failed: the migration itself, or its reverse.
    pub kind: Kind,
    /// Its version; `None` for a repeatable, which has none.
    pub version: Option<Version>,
    /// Its name.
    pub name: String,
    /// Its file, with the directory, relative to the package.
    pub file: String,
    /// The line of the error, from 1, where it could be told.
    pub line: Option<usize>,
    /// The column of the error in characters, from 1, where it could be told.
    pub column: Option<usize>,
    /// Why it failed.
    pub cause: Cause,
    /// How often it was tried.
    pub attempts: u32,
    /// What this run had applied before it.
    pub applied: Vec<Applied>,
    /// What this revert or redo had reverted before it.
    pub reverted: Vec<Reverted>,
    /// Of a migration that gave up waiting for a lock: who held it.
    ///
    /// Where graven connects by itself (`run_url`, the command line), a second connection asks the server while the migration
    /// waits. Otherwise it is told right after, by the locks that the statement is known to take: nobody is named whose lock
    /// does not conflict with them, and of what a function's body or a row is waited for, perhaps nobody.
    pub in_the_way: Vec<Holder>,
    /// Where in the file it failed, in bytes.
    pub(crate) at: Option<usize>,
    /// Whether the statement waits for old snapshots, too.
    pub(crate) concurrent: bool,
    /// What the role lacks, as it is granted.
    pub(crate) grant: Option<String>,
    pub(crate) excerpt: Option<Excerpt>,
    pub(crate) left: Left,
    /// Whether nothing had been applied at all: what it says is there already was made by other means.
    pub(crate) is_first: bool,
    sealing: Sealing,
    flags: String,
    /// What of graven's own was under way behind the file, where that has failed.
    behind: Option<Behind>,
    /// Whether the limit to which it came is one that the file itself sets.
    limit: Limit,
    /// Which statement of the file, from 1, made what was gone with an earlier run's connection.
    pub(crate) temporary: Option<usize>,
}

/// What graven does behind a file, in the file's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// The session's settings are put back.
    PuttingBack,
    /// The migration's row is written.
    Recording,
}

/// Why a migration failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The server refused a statement.
    Server(Box<ServerError>),
    /// The connection was lost: what was under way has committed whole or not at all.
    ConnectionLost(Box<dyn std::error::Error + Send + Sync>),
    /// It holds a `COPY … TO STDOUT` or a `COPY … FROM STDIN`, which the rules let into no set. What was under way has
    /// committed whole or not at all.
    Copy,
    /// Another run has taken the migration over: this one's connection had been taken for dead. Nothing more of it was sent.
    TakenOver,
    /// Its own row in the history is gone, so that it would be neither applied nor pending: the file deletes, changes or
    /// hides what is not its own. Nothing more of it was sent.
    RowGone,
}

/// What is left of a migration that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing: its transaction was rolled back, or none of it had run.
    Nothing,
    /// All of it or nothing, and so many after it in the same message: the connection was lost before the server could say.
    Unsaid { after: usize },
    /// Its first statements, and the next run goes on after them.
    Statements { done: u32, total: u32 },
    /// Its first statements, and perhaps the next one, whole: the connection was lost before the server could say, and the
    /// history says.
    Recorded { done: u32, total: u32 },
    /// Its first statements, and whether the next one ran is not known.
    InDoubt { done: u32, total: u32 },
    /// Of a reverse without transaction: perhaps some of its statements, and its migration's row.
    Reversed,
    /// What another run makes of it.
    Elsewhere,
    /// What its statements have done, without a transaction, and nothing of it in the history.
    Unrecorded,
}

impl MigrationFailed {
    pub(crate) fn new(
        set: Migrations,
        migration: &Migration,
        failure: Failure,
        place: Option<Range<usize>>,
        left: Left,
    ) -> Box<Self> {
        let cause = match failure {
            Failure::Server(error) if is_row_gone(&error) || is_not_held(&error) => Cause::RowGone,
            Failure::Server(error) => Cause::Server(error),
            failure if failure.is_copying() => Cause::Copy,
            Failure::Connection(error) => Cause::ConnectionLost(error),
        };
        let label = match &cause {
            Cause::Server(error) => error.message.as_str(),
            Cause::ConnectionLost(_) | Cause::Copy | Cause::TakenOver | Cause::RowGone => "",
        };
        let at = place.as_ref().map(|place| place.start);
        let excerpt = place.map(|place| Excerpt::cut(migration.sql(), place, label));
        let mut failed = Self::because(set, migration, cause, excerpt, left);
        failed.at = at;
        failed
    }

    /// The error of a migration that another run has taken over.
    pub(crate) fn taken_over(set: Migrations, migration: &Migration) -> Box<Self> {
        Self::because(set, migration, Cause::TakenOver, None, Left::Elsewhere)
    }

    /// The error of a migration without a transaction whose row is not there any more.
    pub(crate) fn row_gone(set: Migrations, migration: &Migration) -> Box<Self> {
        Self::because(set, migration, Cause::RowGone, None, Left::Unrecorded)
    }

    fn because(
        set: Migrations,
        migration: &Migration,
        cause: Cause,
        excerpt: Option<Excerpt>,
        left: Left,
    ) -> Box<Self> {
        let limit = match &cause {
            Cause::Server(error) if error.sqlstate == "55P03" => Limit::of(migration, "lock_timeout"),
            Cause::Server(error) if error.sqlstate == "57014" => Limit::of(migration, "statement_timeout"),
            _ => Limit::Elsewhere,
        };
        Box::new(Self {
            kind: migration.kind(),
            version: migration.number(),
            name: migration.name().to_owned(),
            file: format!("{}/{}", set.directory, migration.file()),
            line: excerpt.as_ref().map(Excerpt::line),
            column: excerpt.as_ref().map(Excerpt::column),
            cause,
            attempts: 1,
            applied: Vec::new(),
            reverted: Vec::new(),
            in_the_way: Vec::new(),
            at: None,
            concurrent: false,
            grant: None,
            excerpt,
            left,
            is_first: false,
            sealing: migration.sealing,
            flags: String::new(),
            behind: None,
            limit,
            temporary: None,
        })
    }

    /// With what of graven's own has failed, where that was behind the file.
    pub(crate) fn behind(mut self: Box<Self>, behind: Option<Behind>) -> Box<Self> {
        self.behind = behind;
        self
    }

    /// The line of the file that it is about, with a caret under the place, where that could be told.
    #[must_use]
    pub fn excerpt(&self) -> Option<String> {
        Some(self.excerpt.as_ref()?.render(&self.file, Style::Plain))
    }

    /// With the flags that lead the command line to this history.
    pub(crate) fn with_flags(mut self: Box<Self>, flags: String) -> Box<Self> {
        self.flags = flags;
        self
    }

    /// Its version, for a command that takes one.
    fn number(&self) -> String {
        self.version.map(|version| version.to_string()).unwrap_or_default()
    }

    fn is_sealed(&self) -> bool {
        self.sealing == Sealing::Sealed
    }

    /// What follows the first line of the page about it.
    pub(crate) fn page(&self) -> String {
        let mut page = String::new();
        if let Some(excerpt) = self.excerpt() {
            page.push_str("\n\n");
            page.push_str(&excerpt);
            page.push('\n');
        }
        if let Cause::Server(error) = &self.cause {
            let context = error.shown_context();
            let parts = [("detail", &error.detail), ("server's hint", &error.hint), ("context", &context)];
            for (label, text) in parts {
                if let Some(text) = text {
                    page.push_str(&format!("\n  {label}: {}", text.replace('\n', "\n    ")));
                }
            }
        }
        for holder in &self.in_the_way {
            page.push_str(&format!("\n  in the way: {holder}"));
        }
        match (self.kind, self.left) {
            (Kind::Reverse, Left::Nothing) => page.push_str("\n  left behind: the migration, applied as it was"),
            (Kind::Reverse, Left::Unsaid { .. }) => {
                page.push_str("\n  left behind: the migration, applied as it was, or all of it is reverted");
            }
            _ => page.push_str(&format!("\n  left behind: {}", self.left)),
        }
        let applied = match self.applied.as_slice() {
            [] => "nothing".to_owned(),
            [one] => one.to_string(),
            [first, .., last] => format!("{} migrations, {first} to {last}", self.applied.len()),
        };
        if self.kind != Kind::Reverse {
            page.push_str(&format!("\n  applied before it in this run: {applied}"));
        }
        if self.kind == Kind::Reverse || !self.reverted.is_empty() {
            page.push_str(&format!("\n  reverted before it: {}", reverted(&self.reverted)));
        }
        page
    }
}

impl fmt::Display for MigrationFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.version, self.kind) {
            (Some(version), Kind::Reverse) => write!(f, "the reverse of migration {version}")?,
            (Some(version), Kind::Baseline) => write!(f, "baseline {version}")?,
            (Some(version), _) => write!(f, "migration {version}")?,
            (None, _) => f.write_str("repeatable")?,
        }
        write!(f, " {} failed at {}", self.name, self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        if self.attempts > 1 {
            write!(f, " after {}", count(self.attempts as usize, "attempt", "attempts"))?;
        }
        match &self.cause {
            Cause::Server(error) => match self.behind {
                None => write!(f, ": {error}"),
                Some(Behind::PuttingBack) => {
                    write!(f, ": while putting back the session's settings after the file: {error}")
                }
                Some(Behind::Recording) => write!(f, ": while writing its row in the history after the file: {error}"),
            },
            Cause::ConnectionLost(error) => write!(f, ": the connection was lost: {error}"),
            Cause::Copy => f.write_str(
                ": a COPY sends its rows to the client or waits for rows from it, which a migration cannot have",
            ),
            Cause::TakenOver => f.write_str(": another run has taken it over, and this one must not go on with it"),
            Cause::RowGone => f.write_str(": its own row in the history is gone"),
        }
    }
}

/// Its message says the cause already, so that [`source`](std::error::Error::source) is none: whoever prints a chain of
/// causes would print it twice. [`cause`](MigrationFailed::cause) has it.
impl std::error::Error for MigrationFailed {}

/// What was reverted, in one line.
pub(crate) fn reverted(reverted: &[Reverted]) -> String {
    let named: Vec<String> = reverted.iter().map(|it| format!("{} {}", it.version, it.name)).collect();
    if named.is_empty() { "nothing".to_owned() } else { named.join(", ") }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing of this migration"),
            Self::Unsaid { after: 0 } => f.write_str("all of this migration or nothing: the next run will see which"),
            Self::Unsaid { after } => write!(
                f,
                "of this migration and the {after} after it the first ones may be applied, each whole: the next run will \
                 see which"
            ),
            Self::Statements { done, total } => {
                write!(f, "the first {done} of its {total} statements; the next run goes on after them")
            }
            Self::Recorded { done, total } => write!(
                f,
                "the first {done} of its {total} statements, and perhaps statement {}, whole: the next run will see",
                done + 1
            ),
            Self::Elsewhere => f.write_str("what the other run makes of this migration"),
            Self::Unrecorded => f.write_str("what its statements have done so far, of which the history says nothing"),
            Self::InDoubt { done, total } => write!(
                f,
                "the first {done} of its {total} statements, and perhaps statement {} or a part of it",
                done + 1
            ),
            Self::Reversed => {
                f.write_str("the migration, applied as it was, but for what of its reverse has taken effect")
            }
        }
    }
}
