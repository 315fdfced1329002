//! The glance at a start: is everything as the set says? It refuses nothing: what it cannot make out, a look does.

use crate::connection::{Connection, Failure, Reply, Row};
use crate::error::Error;
use crate::history::{self, Asking, Doubt, Progress, Record, Server};
use crate::look::{DOING, Look, Question, look, send_as};
use crate::migrations::{Migration, Migrations};
use crate::session::Session;
use graven_source::{Checksum, Version};

/// What a glance has seen.
#[derive(Debug)]
pub(crate) enum Glance {
    /// Everything is applied, and the history knows nothing else.
    Agrees(Server),
    /// Anything else. What it has not asked for is taken for granted: whoever is to write looks again, under the lock.
    Differs(Look),
}

/// Glances, in one round trip; looks in a second one where that was not enough.
pub(crate) async fn glance<C: Connection>(
    session: &mut Session<'_, C>,
    question: Question<'_>,
    set: &Migrations,
) -> Result<Glance, Error> {
    let asking = Asking::about(set);
    let sql = history::glance(question.wanted, question.namespace, asking, session.process());
    let (reply, role_before) = send(session, question, &sql).await?;
    match understand(question, asking, set, reply)? {
        Some(Glance::Agrees(server)) => {
            session.reached(server.process);
            Ok(Glance::Agrees(server))
        }
        Some(Glance::Differs(seen)) => {
            session.reached(seen.server.process);
            Ok(Glance::Differs(Look { role_before, ..seen }))
        }
        None => look(session, question).await.map(Glance::Differs),
    }
}

/// Sends a message that begins with a glance, and hands back the reply to it and what the role was before. A transaction of the
/// caller's own, in which there is nothing to be done, is given its limits back.
pub(crate) async fn send<C: Connection>(
    session: &mut Session<'_, C>,
    question: Question<'_>,
    sql: &str,
) -> Result<(Reply, Option<String>), Error> {
    let (reply, role_before) = send_as(session, question, sql).await?;
    let first = |at: usize| reply.completed.get(at).and_then(|rows| rows.first());
    match (first(STATEMENT_TIMEOUT), first(LOCK_TIMEOUT), first(PLACE)) {
        (Some(statement), Some(lock), Some(place)) if reply.failure.is_none() && is_in_transaction(place) => {
            let limits = history::put_back(statement.text(0), lock.text(0));
            session.expect("putting the limits of the transaction back", &limits).await?;
            Err(Error::InTransaction)
        }
        _ => Ok((reply, role_before)),
    }
}

/// Which statements of a glance say what.
const STANDBY: usize = 0;
const APPLICATION: usize = 1;
const STATEMENT_TIMEOUT: usize = 2;
const LOCK_TIMEOUT: usize = 3;
const PLACE: usize = 6;
const ROWS: usize = 7;

/// Whether the transaction began before the message.
fn is_in_transaction(place: &Row) -> bool {
    place.text(0) != place.text(1)
}

/// Reads the reply; `None` where it takes a look to say what is the matter: how far what is incomplete came, for one.
fn understand(
    question: Question<'_>,
    asking: Asking<'_>,
    set: &Migrations,
    reply: Reply,
) -> Result<Option<Glance>, Error> {
    let whole = |seen: &Glance| !matches!(seen, Glance::Differs(seen) if seen.records.iter().any(Record::is_started));
    Ok(read(question, asking, set, reply)?.filter(whole))
}

/// The same, for a caller that only wants to know the states: of what is incomplete it does not say how far it came.
pub(crate) fn read(
    question: Question<'_>,
    asking: Asking<'_>,
    set: &Migrations,
    reply: Reply,
) -> Result<Option<Glance>, Error> {
    let Reply { completed, failure } = reply;
    let first = |at: usize| completed.get(at).and_then(|rows| rows.first());
    let place = match (first(STANDBY), first(APPLICATION), first(PLACE)) {
        (Some(standby), Some(application), Some(place)) => Some(Place::parse(question, [standby, application, place])),
        _ => None,
    };
    if place.as_ref().is_some_and(|place| place.in_transaction) {
        return Err(Error::InTransaction);
    }
    let is_refused = place.as_ref().is_some_and(|place| place.server.temporary_schema().is_some());
    match failure {
        None => {}
        Some(Failure::Server(error)) if error.sqlstate == "25P02" => return Err(Error::InTransaction),
        Some(Failure::Server(_)) if is_refused => return Ok(None),
        // undefined_table. What else may be in the way, a first run asks under the lock.
        Some(Failure::Server(error)) if error.sqlstate == "42P01" => {
            return Ok(place.map(|place| Glance::Differs(place.without_table())));
        }
        // Rights, another table of that name or a view, no schema at all.
        Some(Failure::Server(error)) if ["42", "22", "0A"].iter().any(|class| error.sqlstate.starts_with(class)) => {
            return Ok(None);
        }
        Some(failure) => return Err(Error::from_failure(DOING, failure)),
    }
    let (Some(place), Some(rows), false) = (place, completed.get(ROWS), is_refused) else { return Ok(None) };
    match place.table {
        Found::Meant => {}
        // Whatever was read lies further along the search path.
        Found::None => return Ok(Some(Glance::Differs(place.without_table()))),
        Found::Other => return Ok(None),
    }
    let at = match asking {
        Asking::Rows => 0,
        Asking::Digest(..) => 1,
    };
    let is_same = at > 0 && rows.first().is_some_and(|row| row.is_true(0));
    if is_same || agree(rows, at, set) {
        return Ok(Some(Glance::Agrees(place.server)));
    }
    // A no without a single row to go with it comes with NULLs.
    let rows = rows.iter().filter(|row| at == 0 || row.optional(at + 1).is_some());
    let records: Option<Vec<Record>> = rows.map(|row| record(row, at)).collect();
    let seen = |records| Glance::Differs(Look { server: place.server, records, role_before: None });
    Ok(records.map(seen))
}

/// Where a glance has come to.
struct Place {
    server: Server,
    in_transaction: bool,
    table: Found,
}

/// The table whose rows were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// The one that was meant.
    Meant,
    /// There is none where it should be.
    None,
    /// Another stands before it: a temporary one.
    Other,
}

impl Place {
    fn parse(question: Question<'_>, [standby, application, row]: [&Row; 3]) -> Self {
        let (schema, table, process) = match (&question.wanted.schema, row.optional(4)) {
            (Some(schema), _) => (Some(schema.as_str()), Found::Meant, 3),
            (None, None) => (row.optional(3), Found::None, 6),
            (None, there) if there == row.optional(5) => (row.optional(3), Found::Meant, 6),
            (None, _) => (row.optional(3), Found::Other, 6),
        };
        Self {
            in_transaction: is_in_transaction(row),
            table,
            server: Server {
                in_recovery: standby.text(0) == "on",
                application: application.text(0).to_owned(),
                database: row.text(2).to_owned(),
                process: row.number(process),
                schema: schema.map(str::to_owned),
                schema_exists: true,
                table_exists: true,
                may_create: true,
                may_use: true,
                may_read: true,
                may_write: true,
                ..Server::default()
            },
        }
    }

    /// What was seen, where there is no table.
    fn without_table(mut self) -> Look {
        self.server.table_exists = false;
        Look { server: self.server, ..Look::default() }
    }
}

/// Whether the rows, from some cell on, are those of the set and no others, as they come: what was applied one after another
/// mostly comes so.
fn agree(rows: &[Row], at: usize, set: &Migrations) -> bool {
    let has = |row: &Row, migration: &Migration| is_applied(row, at) && is(row.text(at + 2), &migration.checksum);
    let mut versioned = set.migrations.iter();
    let is_of_set = |row: &Row| match row.number::<i64>(at) {
        Some(version) => versioned.next().is_some_and(|it| it.version.value() == version && has(row, it)),
        // One that was applied again stands after what was applied before.
        None => set.repeatables.iter().any(|it| it.name() == row.text(at + 1) && has(row, &it.0)),
    };
    rows.len() == set.rows() && rows.iter().all(is_of_set)
}

fn is_applied(row: &Row, at: usize) -> bool {
    row.text(at + 3) == "applied" && row.text(at + 4) == "1"
}

/// A row, unless it is of another format or says something else than `applied` or `started`: then a look says more.
fn record(row: &Row, at: usize) -> Option<Record> {
    let progress = match row.text(at + 3) {
        _ if row.text(at + 4) != "1" => return None,
        "applied" => Progress::Applied,
        "started" => Progress::Started { done: 0, total: 0, doubt: Doubt::InDoubt },
        _ => return None,
    };
    let version = match row.optional(at) {
        Some(_) => Some(Version::new(row.number(at)?)?),
        None => None,
    };
    Some(Record {
        version,
        name: row.text(at + 1).to_owned(),
        checksum: Checksum::from_bytes(bytes(row.text(at + 2))?),
        progress,
        format: history::FORMAT,
        kind: String::new(),
        started_by: None,
        origin: None,
    })
}

/// Whether a text says the same bytes. In the form that nearly every session has, it is compared as it stands.
fn is(text: &str, checksum: &[u8; 32]) -> bool {
    const LENGTH: usize = 2 + 2 * 32;
    let hex = text.strip_prefix("\\x").filter(|_| text.len() == LENGTH);
    let letter = |digit: u8| if digit < 10 { b'0' + digit } else { b'a' + (digit - 10) };
    let says = |hex: &str| {
        let mut pairs = hex.as_bytes().chunks_exact(2).zip(checksum);
        pairs.all(|(pair, byte)| pair == [letter(byte >> 4), letter(byte & 15)])
    };
    hex.is_some_and(says) || bytes(text).is_some_and(|bytes| bytes == *checksum)
}

/// The bytes of a checksum in either of the two forms that `bytea_output` allows (PostgreSQL manual, 8.4).
fn bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let mut at = 0;
    let mut rest = text.strip_prefix("\\x").unwrap_or(text).as_bytes();
    let is_hex = rest.len() < text.len();
    while !rest.is_empty() {
        let (byte, length) = match rest {
            [high, low, ..] if is_hex => (digit(*high, 16)? << 4 | digit(*low, 16)?, 2),
            _ if is_hex => return None,
            [b'\\', b'\\', ..] => (b'\\', 2),
            [b'\\', high, middle, low, ..] => (digit(*high, 4)? << 6 | digit(*middle, 8)? << 3 | digit(*low, 8)?, 4),
            [b'\\', ..] => return None,
            [byte, ..] => (*byte, 1),
            [] => return None,
        };
        *bytes.get_mut(at)? = byte;
        at += 1;
        rest = rest.get(length..)?;
    }
    (at == bytes.len()).then_some(bytes)
}

fn digit(digit: u8, radix: u32) -> Option<u8> {
    char::from(digit).to_digit(radix).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
