//! Looking: one message that asks for the server's state and the history, and what must be refused on seeing them.

pub(crate) mod glance;

use crate::connection::{Connection, Failure, Reply};
use crate::error::{Error, Membership};
use crate::history::{self, Detail, FORMAT, First, Record, Schema, Server, Table, Wanted};
use crate::session::Session;

pub(crate) const DOING: &str = "looking at the migration history";

/// What one look has seen.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) server: Server,
    /// Empty also where there is no history table.
    pub(crate) records: Vec<Record>,
    /// What the session's role was before this look took another one.
    pub(crate) role_before: Option<String>,
}

/// Which history to look at, and how closely.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) wanted: &'a Wanted,
    pub(crate) namespace: &'a str,
    /// The role to look as, where it is not the session's own.
    pub(crate) role: Option<&'a str>,
    pub(crate) detail: Detail,
}

/// Looks, in one round trip.
pub(crate) async fn look<C: Connection>(session: &mut Session<'_, C>, question: Question<'_>) -> Result<Look, Error> {
    let sql = history::look(question.wanted, question.namespace, question.detail);
    let seen = ask(session, question, sql).await?;
    if seen.server.schema.is_some() {
        return Ok(seen);
    }
    // No schema of the search path can be used: why, is asked only now.
    ask(session, question, history::state(question.wanted, Schema::Unknown)).await
}

/// Looks at what only matters where no row of the history was seen, in one round trip: whether its rows are hidden, and
/// whether there is another history.
pub(crate) async fn look_for_history<C: Connection>(
    session: &mut Session<'_, C>,
    question: Question<'_>,
) -> Result<Look, Error> {
    ask(session, question, history::state(question.wanted, Schema::Known)).await
}

async fn ask<C: Connection>(session: &mut Session<'_, C>, question: Question<'_>, ask: String) -> Result<Look, Error> {
    let (reply, role_before) = send_as(session, question, &ask).await?;
    let seen = understand(question, reply, 0)?;
    session.reached(seen.server.process);
    Ok(Look { role_before, ..seen })
}

/// Sends a message as the role that is to look, and hands back the reply to it and what the role was before.
pub(crate) async fn send_as<C: Connection>(
    session: &mut Session<'_, C>,
    question: Question<'_>,
    sql: &str,
) -> Result<(Reply, Option<String>), Error> {
    let Some(role) = question.role else { return Ok((session.send(sql).await, None)) };
    let mut reply = session.send(&format!("{};\n{sql}", history::become_role(role))).await;
    if reply.completed.is_empty() {
        return Err(not_become(session, role, reply.failure).await);
    }
    let before = reply.completed.remove(0).first().map(|row| row.text(0).to_owned());
    before.iter().for_each(|role| session.has_role(role));
    Ok((reply, before))
}

/// Tries for the lock and looks, in one round trip: what is seen was read after the lock was taken, as each statement
/// of a read-committed transaction sees what was committed before it (PostgreSQL manual, 13.2.1).
pub(crate) async fn try_lock_and_look<C: Connection>(
    session: &mut Session<'_, C>,
    question: Question<'_>,
    table: &Table,
    seen: &Look,
) -> Result<(Locked, Look), Error> {
    let attempt = crate::lock::attempt(table, session.process());
    session.owes_lock(crate::lock::give_back(table));
    // Asking a table that is not there for its rows would write an error into the server's log at each try.
    let asked = match seen.server.table_exists {
        true => history::look(question.wanted, question.namespace, question.detail),
        false => history::first(question.wanted),
    };
    let role = question.role.map(|role| format!("{};\n", history::become_role(role)));
    let mut reply = session.send(&format!("{}{attempt};\n{asked}", role.as_deref().unwrap_or_default())).await;
    if role.is_some() && !reply.completed.is_empty() {
        reply.completed.remove(0);
    }
    let locked = match reply.completed.first().and_then(|rows| rows.first()) {
        Some(row) if row.is_true(0) => Locked::Yes,
        // Where the message may be under way still, it may yet take the lock.
        _ if matches!(reply.failure, Some(Failure::Connection(_))) => Locked::No,
        _ => {
            session.owes_nothing();
            Locked::No
        }
    };
    let now = match seen.server.table_exists || reply.failure.is_some() {
        true => understand(question, reply, 1),
        false => at_first(session, question, reply).await,
    };
    if let Ok(now) = &now {
        session.reached(now.server.process);
    }
    if now.is_err() && locked == Locked::Yes {
        // The error is what the caller must hear of; a connection that is lost has given the lock back.
        let _ = crate::lock::release(session, table).await;
        session.owes_nothing();
    }
    Ok((locked, now?))
}

/// Reads the reply to [`history::first`], behind that to an attempt at the lock, and asks on where it was not enough.
async fn at_first<C: Connection>(
    session: &mut Session<'_, C>,
    question: Question<'_>,
    reply: Reply,
) -> Result<Look, Error> {
    let now = reply.completed.get(1).and_then(|rows| rows.first()).map_or(First::Unclear, First::parse);
    match now {
        First::Empty(server) => Ok(Look { server: *server, ..Look::default() }),
        First::Table => look(session, question).await,
        First::Unclear => match ask(session, question, history::state(question.wanted, Schema::Known)).await {
            // Another run has made it since.
            Ok(now) if now.server.table_exists => look(session, question).await,
            other => other,
        },
    }
}

/// The error where a role cannot be taken.
async fn not_become<C: Connection>(session: &mut Session<'_, C>, role: &str, failure: Option<Failure>) -> Error {
    match failure {
        // Whatever it is about, it is said of the transaction that is open.
        Some(Failure::Server(error)) if error.sqlstate == "25P02" => Error::InTransaction,
        Some(Failure::Server(source)) => {
            let ask = format!(
                "SELECT session_user, EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) {}::pg_catalog.name \
                 AND pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER'))",
                crate::sql::literal(role)
            );
            let reply = session.send(&ask).await;
            let row = reply.completed.first().and_then(|rows| rows.first());
            let who = row.map(|row| row.text(0).to_owned());
            let membership = match row.is_some_and(|row| row.is_true(1)) {
                true => Membership::WithoutSet,
                false => Membership::None,
            };
            Error::Role { role: role.to_owned(), who, source: Some(source), membership }
        }
        Some(lost) => Error::from_failure(DOING, lost),
        None => Error::Role { role: role.to_owned(), who: None, source: None, membership: Membership::None },
    }
}

/// Whether the lock is held. Behind a pooler, where none can be, only whether nobody else holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    Yes,
    No,
}

/// Reads the reply to a look whose first `skipped` results are something else.
fn understand(question: Question<'_>, reply: Reply, skipped: usize) -> Result<Look, Error> {
    let mut results = reply.completed.into_iter().skip(skipped);
    let Some(server) = results.next().and_then(|rows| rows.first().map(Server::parse)) else {
        return Err(match reply.failure {
            // in_failed_sql_transaction: until it is ended, not even a look is possible.
            Some(Failure::Server(error)) if error.sqlstate == "25P02" => Error::InTransaction,
            Some(failure) => Error::from_failure(DOING, failure),
            None => unreadable("the server sent no answer", question, None),
        });
    };
    if server.in_transaction {
        return Err(Error::InTransaction);
    }
    if let Some(schema) = server.temporary_schema() {
        return Err(Error::TemporarySchema { schema: schema.to_owned() });
    }
    if server.occupied {
        return Err(unreadable("it is not a table", question, Some(&server)));
    }
    denied(question, &server)?;
    match reply.failure {
        None => {}
        // undefined_table: it is not there, as the first answer says as well. A temporary table of that name, which
        // stands last in the search path, may have been found instead: then it is its columns that are not there.
        Some(Failure::Server(error)) if error.sqlstate.starts_with("42") && !server.table_exists => {}
        Some(failure) => return Err(Error::from_failure(DOING, failure)),
    }
    if !server.table_exists {
        return Ok(Look { server, ..Look::default() });
    }
    let mut records = Vec::new();
    for row in results.next_back().unwrap_or_default() {
        let record = Record::parse(&row, question.detail)
            .map_err(|cell| unreadable(&format!("its column {cell} holds {row:?}"), question, Some(&server)))?;
        if record.format > FORMAT {
            let reason = format!("it has format {}, and this version of graven knows {FORMAT}", record.format);
            return Err(unreadable(&reason, question, Some(&server)));
        }
        records.push(record);
    }
    Ok(Look { server, records, role_before: None })
}

/// Refuses where the role may not even read.
fn denied(question: Question<'_>, server: &Server) -> Result<(), Error> {
    let role = || server.user.clone();
    if let Some(schema) = &server.unusable {
        return Err(Error::SchemaDenied { role: role(), schema: schema.clone() });
    }
    let Some(table) = table(question, server) else { return Ok(()) };
    if server.schema_exists && !server.may_use {
        return Err(Error::SchemaDenied { role: role(), schema: table.schema });
    }
    if server.hides_rows {
        return Err(Error::HistoryHidden { role: role(), history: table.shown() });
    }
    if server.table_exists && !server.may_read {
        return Err(Error::HistoryDenied { role: role(), history: table.shown(), right: "SELECT" });
    }
    Ok(())
}

/// Refuses to write where the role may only read, before anything is done.
pub(crate) fn may_write(table: &Table, server: &Server) -> Result<(), Error> {
    if server.table_exists && !server.may_write {
        let right = "SELECT, INSERT, UPDATE, DELETE";
        return Err(Error::HistoryDenied { role: server.user.clone(), history: table.shown(), right });
    }
    if server.protects_rows {
        return Err(Error::HistoryHidden { role: server.user.clone(), history: table.shown() });
    }
    Ok(())
}

fn unreadable(reason: &str, question: Question<'_>, server: Option<&Server>) -> Error {
    let history = match server.and_then(|server| table(question, server)) {
        Some(table) => table.shown(),
        None => question.wanted.name.clone(),
    };
    Error::HistoryUnreadable { history, reason: reason.to_owned() }
}

/// The history table, now that the server has said which schema is meant.
pub(crate) fn table(question: Question<'_>, server: &Server) -> Option<Table> {
    Some(Table {
        schema: server.schema.clone()?,
        name: question.wanted.name.clone(),
        namespace: question.namespace.to_owned(),
    })
}

/// The same, or the error where there is no schema for it.
pub(crate) fn table_or_refuse(question: Question<'_>, server: &Server) -> Result<Table, Error> {
    let no_schema = || Error::NoSchema { search_path: server.search_path.clone().unwrap_or_default() };
    table(question, server).ok_or_else(no_schema)
}

/// Refuses where the search path leads to a history, but not in its first schema.
pub(crate) fn not_elsewhere(table: &Table, server: &Server) -> Result<(), Error> {
    match &server.elsewhere {
        Some(found) if !server.table_exists => {
            Err(Error::HistoryElsewhere { history: table.shown(), found: found.clone(), foreign: None })
        }
        _ => Ok(()),
    }
}

/// Whether a first run may begin in a schema that holds tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IntoExisting {
    /// No: they may be another application's, or this one's from before graven.
    #[default]
    Refuse,
    /// Yes, the operator said so.
    Allow,
}

/// Refuses a first run that must not be, and hands back the history table.
pub(crate) fn admit(question: Question<'_>, server: &Server, into_existing: IntoExisting) -> Result<Table, Error> {
    let table = table_or_refuse(question, server)?;
    may_write(&table, server)?;
    if server.table_exists {
        return Ok(table);
    }
    if !server.schema_exists {
        return Err(Error::SchemaAbsent { schema: table.schema });
    }
    not_elsewhere(&table, server)?;
    not_into_existing(&table, server, into_existing)?;
    if !server.may_create {
        let history = table.shown();
        return Err(Error::MayNotCreate { role: server.user.clone(), schema: table.schema, history });
    }
    Ok(table)
}

/// Refuses a first run where tables are, or where the search path leads to another tool's history: migrations would go into
/// its first schema, and what that tool has made lies in another.
pub(crate) fn not_into_existing(table: &Table, server: &Server, into_existing: IntoExisting) -> Result<(), Error> {
    if server.table_exists || into_existing == IntoExisting::Allow {
        return Ok(());
    }
    let (history, schema) = (table.shown(), server.current_schema.clone());
    let foreign = server.foreign.clone().map(Box::new);
    match foreign {
        foreign if !server.tables.is_empty() => {
            Err(Error::NotEmpty { schema, tables: server.tables.clone(), history, foreign })
        }
        Some(foreign) if !foreign.is_apart() => {
            Err(Error::HistoryElsewhere { history, found: foreign.table.clone(), foreign: Some(foreign) })
        }
        _ => Ok(()),
    }
}
