//! The driver tokio-postgres: a `Client` as a [`Connection`], and a connection of graven's own from a URL.

mod process;

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::error::{DbError, ErrorPosition, Severity};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, SimpleQueryMessage, SimpleQueryRow, Socket};

use crate::connection::{Connection, Copying, Failure, Keep, Reply, Row, sealed::Sealed};
use crate::driver::url::Target;
use crate::driver::warnings::Warnings;
use crate::driver::{hosts, tls};
use crate::error::Error;
use crate::error::server_error::ServerError;
use crate::grant::is_named_in;
use crate::sql::plain;

/// How long a program that was told to end waits for the server to hear of it.
#[cfg(feature = "cli")]
const MOST_FOR_CANCELLING: Duration = Duration::from_secs(5);

impl Sealed for Client {}

impl Connection for Client {
    async fn send_keeping<'a>(&'a mut self, sql: &'a str, keep: Keep) -> Reply {
        let mut reply = Reply::default();
        reply.failure = read(self, sql, keep, &mut reply.completed).await.err().map(failure);
        reply
    }

    async fn send_within<'a>(&'a mut self, sql: &'a str, limit: Duration) -> Option<Reply> {
        tokio::time::timeout(limit, self.send_keeping(sql, Keep::AllRows)).await.ok()
    }

    async fn pause(&mut self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn leave_behind(&mut self, sql: &str) {
        // The text is in the connection's queue once the future was polled, whether or not anybody waits for the answer.
        drop(self.simple_query_raw(sql).now_or_never());
    }

    fn process(&self) -> Option<i32> {
        process::process(self)
    }
}

/// Reads all that comes back, so that what had completed before an error is kept.
async fn read(
    client: &Client,
    sql: &str,
    keep: Keep,
    completed: &mut Vec<Vec<Row>>,
) -> Result<(), tokio_postgres::Error> {
    let mut messages = pin!(client.simple_query_raw(sql).await?);
    let mut rows = Vec::new();
    while let Some(message) = messages.try_next().await? {
        match message {
            SimpleQueryMessage::Row(_) if keep == Keep::FirstRow && !rows.is_empty() => {}
            SimpleQueryMessage::Row(row) => rows.push(Row::new(Cells(row))),
            SimpleQueryMessage::CommandComplete(_) => completed.push(std::mem::take(&mut rows)),
            _ => {}
        }
    }
    Ok(())
}

/// The cells of a row.
pub(crate) struct Cells(SimpleQueryRow);

impl Cells {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A cell of text that is not UTF-8 (in an SQL_ASCII database) reads as NULL here, and then as not understood.
    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        self.0.try_get(at).ok().flatten()
    }
}

fn failure(error: tokio_postgres::Error) -> Failure {
    match server_error(&error) {
        // The server says why, and ends the connection (PostgreSQL manual, 20.8).
        Some(said) if matches!(severity(&error), Some(Severity::Fatal | Severity::Panic)) => {
            Failure::Connection(Box::new(said))
        }
        Some(said) => Failure::Server(Box::new(said)),
        // What a message brings back beside rows, completions and errors is COPY. Of this alone there is no cause.
        None if !error.is_closed() && std::error::Error::source(&error).is_none() => {
            Failure::Connection(Box::new(Copying))
        }
        None => Failure::Connection(Box::new(error)),
    }
}

/// The severity whatever the server's language is.
fn severity(error: &tokio_postgres::Error) -> Option<Severity> {
    error.as_db_error()?.parsed_severity()
}

pub(super) fn server_error(error: &tokio_postgres::Error) -> Option<ServerError> {
    error.as_db_error().map(said)
}

fn said(error: &DbError) -> ServerError {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    ServerError {
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
    }
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
/// Outside of a tokio runtime with its I/O and timers enabled (`enable_all`).
pub async fn connect(url: &str) -> Result<Client, Error> {
    let (client, cancelling) = connect_cancelling(url).await?;
    cancelling.disarm();
    Ok(client)
}

/// The same, with what cancels the statement that is under way when it is dropped.
pub(crate) async fn connect_cancelling(url: &str) -> Result<(Client, CancelOnDrop), Error> {
    connect_to(&Target::parse(url)?).await
}

/// The same for a target that is parsed already.
pub(crate) async fn connect_to(target: &Target) -> Result<(Client, CancelOnDrop), Error> {
    match tls::connector(&target.tls) {
        Ok(Some(connector)) => open(target, connector).await,
        Ok(None) => open(target, tokio_postgres::NoTls).await,
        Err(source) => Err(Error::Connect { target: target.shown(), source, grant: None }),
    }
}

/// Asks the server to cancel what a connection is at, unless it is disarmed before it is dropped.
///
/// A client that is dropped alone lets its statement run to the end, and with it the lock that its session holds. Without
/// a runtime to send the request on, that is what happens.
pub(crate) struct CancelOnDrop {
    cancel: Option<Box<dyn FnOnce() -> Option<JoinHandle<()>> + Send>>,
    ended: Ended,
    warnings: Warnings,
}

/// How a connection came to its end, where more is known of it than who waits for an answer is told: what the server has said when
/// nobody waited, or what has happened on the way to it.
type Ended = Arc<OnceLock<Ending>>;

#[derive(Clone, Debug)]
enum Ending {
    Said(ServerError),
    Cut(Cut),
}

/// What the driver says of a connection that was cut, with all its causes, none of which its own text names.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
struct Cut(String);

impl Cut {
    fn new(error: &tokio_postgres::Error) -> Self {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        Self(text)
    }
}

impl CancelOnDrop {
    fn new<T>(client: &Client, connector: T, ended: Ended, warnings: Warnings) -> Self
    where
        T: MakeTlsConnect<Socket> + Send + 'static,
        T::TlsConnect: Send,
        T::Stream: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let token = client.cancel_token();
        let cancel = move || {
            let runtime = tokio::runtime::Handle::try_current().ok()?;
            // Nobody is left to hear of a failure: the statement then runs to its end.
            Some(runtime.spawn(async move { drop(token.cancel_query(connector).await) }))
        };
        Self { cancel: Some(Box::new(cancel)), ended, warnings }
    }

    /// What the server warns of on this connection.
    pub(crate) fn warnings(&self) -> Warnings {
        self.warnings.clone()
    }

    /// Asks the server now, and waits until it knows, which takes no time unless the network is gone.
    #[cfg(feature = "cli")]
    pub(crate) async fn cancel(mut self) {
        if let Some(asking) = self.cancel.take().and_then(|cancel| cancel()) {
            let _ = tokio::time::timeout(MOST_FOR_CANCELLING, asking).await;
        }
    }

    pub(crate) fn disarm(mut self) {
        self.cancel = None;
    }

    /// The same after a verb. An error that its connection was lost has the reason, where the server had said it before the
    /// verb asked for anything more, or the driver knows it.
    pub(crate) fn disarm_after<T>(self, outcome: Result<T, Error>) -> Result<T, Error> {
        let ended = self.ended.get().cloned();
        self.disarm();
        match (outcome, ended) {
            (Err(error), Some(Ending::Said(said))) => Err(error.lost_because(said)),
            (Err(error), Some(Ending::Cut(cut))) => Err(error.lost_because(cut)),
            (outcome, _) => outcome,
        }
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            cancel();
        }
    }
}

async fn open<T>(target: &Target, connector: T) -> Result<(Client, CancelOnDrop), Error>
where
    T: MakeTlsConnect<Socket> + Clone + Send + 'static,
    T::TlsConnect: Send,
    T::Stream: Send + 'static,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    match hosts::connect(target, &connector).await {
        Ok((client, connection)) => {
            let ended = Ended::default();
            let warnings = Warnings::default();
            tokio::spawn(drive(connection, Arc::clone(&ended), warnings.clone()));
            let cancelling = CancelOnDrop::new(&client, connector, ended, warnings);
            Ok((client, cancelling))
        }
        Err(source) => {
            let said = ServerError::among(source.as_ref());
            let grant = said.and_then(|said| right_to_connect(&target.config, said));
            Err(Error::Connect { target: target.shown(), grant, source })
        }
    }
}

/// What lets the role connect, where the server says that it may not.
fn right_to_connect(config: &Config, said: &ServerError) -> Option<String> {
    let user = config.get_user()?;
    let database = config.get_dbname().unwrap_or(user);
    // A setting of the URL's `options` may be what is refused: that comes without a detail, which CONNECT's always has.
    let is_database = said.sqlstate == "42501" && said.detail.is_some() && is_named_in(database, &said.message);
    is_database.then(|| format!("`GRANT CONNECT ON DATABASE {} TO {}`", plain(database), plain(user)))
}

async fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>, ended: Ended, warnings: Warnings)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    while let Some(message) = messages.next().await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => {
                // `severity` is translated into the server's language.
                if notice.parsed_severity() == Some(Severity::Warning) {
                    warnings.hear(said(&notice));
                } else {
                    tracing::debug!(target: "graven", "PostgreSQL: {}", notice.message());
                }
            }
            Ok(_) => {}
            // It ends the connection. Whoever waits for an answer is told; what nobody waited for is told here alone.
            Err(error) => {
                let ending = match server_error(&error) {
                    Some(said) => {
                        tracing::warn!(target: "graven", "the server has ended the connection: {said}");
                        Ending::Said(said)
                    }
                    // Whoever waits hears as much.
                    None if error.is_closed() => return,
                    None => {
                        let cut = Cut::new(&error);
                        tracing::warn!(target: "graven", "the connection was cut: {cut}");
                        Ending::Cut(cut)
                    }
                };
                // Before the connection is dropped, by which those who wait hear of its end.
                let _ = ended.set(ending);
                return;
            }
        }
    }
}
