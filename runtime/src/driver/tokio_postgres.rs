//! The driver tokio-postgres: a `Client` as a [`Connection`], and a connection of graven's own from a URL.

mod process;

use std::pin::pin;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::error::{ErrorPosition, Severity};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, SimpleQueryMessage, SimpleQueryRow, Socket};

use crate::connection::{Connection, Failure, Reply, Row, sealed::Sealed};
use crate::driver::tls;
use crate::driver::url::Target;
use crate::error::Error;
use crate::server_error::ServerError;

impl Sealed for Client {}

impl Connection for Client {
    async fn send<'a>(&'a mut self, sql: &'a str) -> Reply {
        let mut reply = Reply::default();
        reply.failure = read(self, sql, &mut reply.completed).await.err().map(failure);
        reply
    }

    async fn pause(&mut self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn process(&self) -> Option<i32> {
        process::process(self)
    }
}

/// Reads all that comes back, so that what had completed before an error is kept.
async fn read(client: &Client, sql: &str, completed: &mut Vec<Vec<Row>>) -> Result<(), tokio_postgres::Error> {
    let mut messages = pin!(client.simple_query_raw(sql).await?);
    let mut rows = Vec::new();
    while let Some(message) = messages.try_next().await? {
        match message {
            SimpleQueryMessage::Row(row) => rows.push(cells(&row)),
            SimpleQueryMessage::CommandComplete(_) => completed.push(std::mem::take(&mut rows)),
            _ => {}
        }
    }
    Ok(())
}

fn cells(row: &SimpleQueryRow) -> Row {
    // A cell of text that is not UTF-8 (in an SQL_ASCII database) reads as NULL here, and then as not understood.
    Row((0..row.len()).map(|at| row.try_get(at).ok().flatten().map(str::to_owned)).collect())
}

fn failure(error: tokio_postgres::Error) -> Failure {
    match server_error(&error) {
        // The server says why, and ends the connection (PostgreSQL manual, 20.8).
        Some(said) if matches!(severity(&error), Some(Severity::Fatal | Severity::Panic)) => {
            Failure::Connection(Box::new(said))
        }
        Some(said) => Failure::Server(Box::new(said)),
        None => Failure::Connection(Box::new(error)),
    }
}

/// The severity whatever the server's language is.
fn severity(error: &tokio_postgres::Error) -> Option<Severity> {
    error.as_db_error()?.parsed_severity()
}

fn server_error(error: &tokio_postgres::Error) -> Option<ServerError> {
    let error = error.as_db_error()?;
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Some(ServerError {
        severity: error.severity().to_owned(),
        sqlstate: error.code().code().to_owned(),
        message: error.message().to_owned(),
        detail: owned(error.detail()),
        hint: owned(error.hint()),
        context: owned(error.where_()),
        constraint: owned(error.constraint()),
        table: owned(error.table()),
        schema: owned(error.schema()),
        position: match error.position() {
            Some(ErrorPosition::Original(position)) => Some(*position),
            // Within the text of a function, which is not the text that was sent.
            Some(ErrorPosition::Internal { .. }) | None => None,
        },
    })
}

/// Opens a connection as [`Migrations::run_url`](crate::Migrations::run_url) does, for the other verbs.
///
/// A task of its own drives the connection until the client is dropped; what the server says meanwhile (NOTICE, WARNING)
/// goes to `tracing`. `application_name` is `graven` where the URL has none, so that a DBA sees who migrates.
///
/// # Errors
///
/// [`Error::Url`] where the URL is none, [`Error::Connect`] where no connection can be made. Neither shows a password.
///
/// # Panics
///
/// As all of tokio's I/O, outside of a tokio runtime.
pub async fn connect(url: &str) -> Result<Client, Error> {
    let target = Target::parse(url)?;
    match tls::connector(&target.tls) {
        Ok(Some(connector)) => open(&target, connector).await,
        Ok(None) => open(&target, tokio_postgres::NoTls).await,
        Err(source) => Err(Error::Connect { target: target.shown(), source }),
    }
}

async fn open<T>(target: &Target, connector: T) -> Result<Client, Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let config: &Config = &target.config;
    match config.connect(connector).await {
        Ok((client, connection)) => {
            tokio::spawn(drive(connection));
            Ok(client)
        }
        Err(error) => Err(Error::Connect {
            target: target.shown(),
            source: match server_error(&error) {
                Some(error) => Box::new(error),
                None => Box::new(error),
            },
        }),
    }
}

async fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    // Its error ends the connection, and reaches whoever waits for an answer.
    while let Some(Ok(message)) = messages.next().await {
        if let AsyncMessage::Notice(notice) = message {
            // `severity` is translated into the server's language.
            if notice.parsed_severity() == Some(Severity::Warning) {
                tracing::warn!(target: "graven", "PostgreSQL: {}", notice.message());
            } else {
                tracing::debug!(target: "graven", "PostgreSQL: {}", notice.message());
            }
        }
    }
}
