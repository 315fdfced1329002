//! What a statement is. It looks at as few tokens of it as decide that, and recognises only what graven treats apart.

use super::name::QualifiedName;
use super::tokens::Tokens;
use crate::lexer::TokenKind;

/// What a statement is, as far as graven must know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatementKind {
    /// Nothing of the below.
    Ordinary,
    /// It changes the session and nothing else, so that it may be repeated when a run resumes: SET and RESET (not SET
    /// CONSTRAINTS, not SET TRANSACTION), and `SELECT set_config(…)` of literals.
    Session,
    /// BEGIN, START TRANSACTION.
    Begin {
        /// It has no options: no isolation level, no READ ONLY, no DEFERRABLE.
        plain: bool,
    },
    /// COMMIT, END.
    Commit {
        /// It does not say AND CHAIN.
        plain: bool,
    },
    /// ROLLBACK, ABORT; not ROLLBACK TO a savepoint.
    Rollback,
    /// PREPARE TRANSACTION.
    PrepareTransaction,
    /// CREATE INDEX CONCURRENTLY.
    CreateIndexConcurrently(ConcurrentIndex),
    /// Another command that PostgreSQL refuses inside of a transaction block.
    NeedsNoTransaction {
        /// The command as PostgreSQL's messages name it: `VACUUM`, `DROP INDEX CONCURRENTLY`.
        command: &'static str,
    },
    /// COPY … FROM STDIN.
    CopyFromStdin,
    /// COPY … TO STDOUT.
    CopyToStdout,
    /// CALL, DO: outside of a transaction block it may commit as it goes.
    Procedure,
}

impl StatementKind {
    /// The command, if PostgreSQL refuses it inside of a transaction block.
    #[must_use]
    pub const fn needs_no_transaction(&self) -> Option<&'static str> {
        match self {
            Self::CreateIndexConcurrently(_) => Some("CREATE INDEX CONCURRENTLY"),
            Self::NeedsNoTransaction { command } => Some(command),
            _ => None,
        }
    }
}

/// What CREATE INDEX CONCURRENTLY says of its index, enough to look in the catalog how far it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrentIndex {
    /// The name, or `None` where PostgreSQL shall choose one. The index lies in its table's schema.
    pub name: Option<String>,
    /// The table, or `None` if the statement is not understood (PostgreSQL will refuse it).
    pub table: Option<QualifiedName>,
    /// It says UNIQUE.
    pub unique: bool,
    /// It says IF NOT EXISTS.
    pub if_not_exists: bool,
}

pub(super) fn classify(mut tokens: Tokens<'_>) -> StatementKind {
    let mut buffer = [0; 16];
    match tokens.word(&mut buffer) {
        "create" => create(tokens),
        "drop" => drop_something(tokens),
        "alter" => alter(tokens),
        "set" => set(tokens),
        "reset" => StatementKind::Session,
        "select" => select(tokens),
        "begin" => begin(tokens),
        "start" if tokens.eat("transaction") => StatementKind::Begin { plain: tokens.at_end() },
        "commit" | "end" => commit(tokens),
        "rollback" | "abort" => rollback(tokens),
        "prepare" => prepare(tokens),
        "copy" => copy(tokens),
        "call" | "do" => StatementKind::Procedure,
        "reindex" => reindex(tokens),
        "vacuum" => StatementKind::NeedsNoTransaction { command: "VACUUM" },
        "cluster" => cluster(tokens),
        "discard" if tokens.eat("all") => StatementKind::NeedsNoTransaction { command: "DISCARD ALL" },
        _ => StatementKind::Ordinary,
    }
}

fn create(mut tokens: Tokens<'_>) -> StatementKind {
    let mut buffer = [0; 16];
    match tokens.word(&mut buffer) {
        "unique" if tokens.eat("index") => create_index(tokens, true),
        "index" => create_index(tokens, false),
        "database" => StatementKind::NeedsNoTransaction { command: "CREATE DATABASE" },
        "tablespace" => StatementKind::NeedsNoTransaction { command: "CREATE TABLESPACE" },
        "subscription" => create_subscription(tokens),
        _ => StatementKind::Ordinary,
    }
}

fn create_index(mut tokens: Tokens<'_>, unique: bool) -> StatementKind {
    if !tokens.eat("concurrently") {
        return StatementKind::Ordinary;
    }
    let if_not_exists = tokens.eat("if");
    if if_not_exists {
        tokens.eat("not");
        tokens.eat("exists");
    }
    // ON is a reserved word: without quotes it cannot be the name.
    let name = if tokens.sees("on") { None } else { tokens.name() };
    let table = if tokens.eat("on") { tokens.relation() } else { None };
    StatementKind::CreateIndexConcurrently(ConcurrentIndex { name, table, unique, if_not_exists })
}

/// PostgreSQL refuses it in a transaction block if it makes a replication slot, which it does unless told not to.
fn create_subscription(mut tokens: Tokens<'_>) -> StatementKind {
    while !tokens.at_end() && !tokens.sees("with") {
        tokens.next();
    }
    tokens.next();
    let makes_slot = tokens.option("create_slot").or(tokens.option("connect")) != Some(false);
    if makes_slot {
        StatementKind::NeedsNoTransaction { command: "CREATE SUBSCRIPTION" }
    } else {
        StatementKind::Ordinary
    }
}

fn drop_something(mut tokens: Tokens<'_>) -> StatementKind {
    let mut buffer = [0; 16];
    let command = match tokens.word(&mut buffer) {
        "index" if tokens.eat("concurrently") => "DROP INDEX CONCURRENTLY",
        "database" => "DROP DATABASE",
        "tablespace" => "DROP TABLESPACE",
        "subscription" => "DROP SUBSCRIPTION",
        _ => return StatementKind::Ordinary,
    };
    StatementKind::NeedsNoTransaction { command }
}

fn alter(mut tokens: Tokens<'_>) -> StatementKind {
    let mut buffer = [0; 16];
    let command = match tokens.word(&mut buffer) {
        "system" => Some("ALTER SYSTEM"),
        "table" => alter_table(tokens),
        "database" => {
            let moved = tokens.name().is_some() && tokens.eat("set") && tokens.eat("tablespace");
            moved.then_some("ALTER DATABASE SET TABLESPACE")
        }
        "subscription" => alter_subscription(tokens),
        _ => None,
    };
    command.map_or(StatementKind::Ordinary, |command| StatementKind::NeedsNoTransaction { command })
}

fn alter_table(mut tokens: Tokens<'_>) -> Option<&'static str> {
    if tokens.eat("if") {
        tokens.eat("exists");
    }
    tokens.relation()?;
    let detached = tokens.eat("detach") && tokens.eat("partition") && tokens.relation().is_some();
    (detached && tokens.eat("concurrently")).then_some("ALTER TABLE … DETACH PARTITION … CONCURRENTLY")
}

/// Refused in a transaction block is what makes the subscription fetch its list of tables anew, or changes its slot.
fn alter_subscription(mut tokens: Tokens<'_>) -> Option<&'static str> {
    tokens.name()?;
    let mut buffer = [0; 16];
    match tokens.word(&mut buffer) {
        "refresh" if tokens.eat("publication") => Some("ALTER SUBSCRIPTION … REFRESH"),
        "set" if tokens.option("failover").is_some() => Some("ALTER SUBSCRIPTION … SET (failover)"),
        "set" if tokens.option("two_phase").is_some() => Some("ALTER SUBSCRIPTION … SET (two_phase)"),
        "set" | "add" | "drop" if tokens.eat("publication") => {
            while !tokens.at_end() && !tokens.eat("with") {
                tokens.next();
            }
            (tokens.option("refresh") != Some(false)).then_some("ALTER SUBSCRIPTION with refresh")
        }
        _ => None,
    }
}

fn set(mut tokens: Tokens<'_>) -> StatementKind {
    // SET SESSION CHARACTERISTICS AS TRANSACTION does outlast the transaction.
    if tokens.sees("constraints") || tokens.sees("transaction") {
        StatementKind::Ordinary
    } else {
        StatementKind::Session
    }
}

/// Whether it is nothing but calls of `set_config`, whose arguments hold no other call than `current_setting`.
fn select(mut tokens: Tokens<'_>) -> StatementKind {
    loop {
        if tokens.eat("pg_catalog") {
            tokens.eat_kind(TokenKind::Dot);
        }
        if !tokens.eat("set_config") || !tokens.eat_kind(TokenKind::OpenParen) {
            return StatementKind::Ordinary;
        }
        let mut depth = 1_usize;
        while depth > 0 {
            let called = tokens.eat("current_setting");
            match tokens.next().map(|token| token.kind) {
                None => return StatementKind::Ordinary,
                Some(TokenKind::OpenParen) if called => depth += 1,
                Some(TokenKind::OpenParen) => return StatementKind::Ordinary,
                Some(TokenKind::CloseParen) => depth -= 1,
                Some(_) => {}
            }
        }
        if tokens.eat("as") {
            tokens.next();
        }
        if tokens.at_end() {
            return StatementKind::Session;
        }
        if !tokens.eat_kind(TokenKind::Comma) {
            return StatementKind::Ordinary;
        }
    }
}

fn begin(mut tokens: Tokens<'_>) -> StatementKind {
    tokens.eat_work();
    StatementKind::Begin { plain: tokens.at_end() }
}

fn commit(mut tokens: Tokens<'_>) -> StatementKind {
    if tokens.eat("prepared") {
        return StatementKind::NeedsNoTransaction { command: "COMMIT PREPARED" };
    }
    tokens.eat_work();
    if tokens.eat("and") && tokens.eat("no") {
        tokens.eat("chain");
    }
    StatementKind::Commit { plain: tokens.at_end() }
}

fn rollback(mut tokens: Tokens<'_>) -> StatementKind {
    if tokens.eat("prepared") {
        return StatementKind::NeedsNoTransaction { command: "ROLLBACK PREPARED" };
    }
    tokens.eat_work();
    if tokens.sees("to") { StatementKind::Ordinary } else { StatementKind::Rollback }
}

/// A prepared statement may be named `transaction`, but then AS or a parenthesis follows.
fn prepare(mut tokens: Tokens<'_>) -> StatementKind {
    let is_transaction = tokens.eat("transaction") && !tokens.sees("as") && !tokens.eat_kind(TokenKind::OpenParen);
    if is_transaction { StatementKind::PrepareTransaction } else { StatementKind::Ordinary }
}

/// A query to copy from stands in parentheses, and what it says of FROM and STDIN does not matter. PostgreSQL takes
/// FROM STDOUT for FROM STDIN, and TO STDIN for TO STDOUT.
fn copy(mut tokens: Tokens<'_>) -> StatementKind {
    let mut depth = 0_usize;
    while !tokens.at_end() {
        let is_from = depth == 0 && tokens.eat("from");
        if is_from || depth == 0 && tokens.eat("to") {
            let of_client = tokens.sees("stdin") || tokens.sees("stdout");
            return match is_from {
                true if of_client => StatementKind::CopyFromStdin,
                false if of_client => StatementKind::CopyToStdout,
                _ => StatementKind::Ordinary,
            };
        }
        match tokens.next().map(|token| token.kind) {
            Some(TokenKind::OpenParen) => depth += 1,
            Some(TokenKind::CloseParen) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    StatementKind::Ordinary
}

fn reindex(mut tokens: Tokens<'_>) -> StatementKind {
    let by_option = tokens.option("concurrently") == Some(true);
    tokens.skip_parentheses();
    // The older grammar has the option without parentheses.
    tokens.eat("verbose");
    let mut buffer = [0; 16];
    let command = match tokens.word(&mut buffer) {
        "index" | "table" | "schema" | "database" | "system" if by_option || tokens.sees("concurrently") => {
            "REINDEX CONCURRENTLY"
        }
        "schema" => "REINDEX SCHEMA",
        "database" => "REINDEX DATABASE",
        "system" => "REINDEX SYSTEM",
        _ => return StatementKind::Ordinary,
    };
    StatementKind::NeedsNoTransaction { command }
}

/// Refused in a transaction block is the form that names no table: it clusters all of them.
fn cluster(mut tokens: Tokens<'_>) -> StatementKind {
    tokens.skip_parentheses();
    tokens.eat("verbose");
    if tokens.at_end() { StatementKind::NeedsNoTransaction { command: "CLUSTER" } } else { StatementKind::Ordinary }
}
