//! A proxy between a client and its server: it counts what the client sends, delays it, and cuts the connection at a
//! chosen message.
//!
//! It knows how messages are framed and little else of the protocol. It refuses to let encryption through, for it could
//! not count what it cannot read. Threads of its own do the work, not the caller's runtime: a test that blocks does not
//! stop it, tokio's timer, whose tick is a millisecond, does not round its delays, and paused time does not skip them.

mod address;
mod link;
mod message;

use std::fmt;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

use self::address::Route;
use self::link::Link;
use crate::error::{Error, IoContext as _};

use self::message::{Entry, Log};
pub use self::message::{Mark, Message, Traffic};

/// A proxy on 127.0.0.1 in front of a server; dropping the value cuts every connection that goes through it.
///
/// Connecting and leaving are not counted: messages and round trips begin once the server has said that it is ready.
///
/// # Examples
///
/// What something costs:
///
/// ```
/// use graven_testkit::{Database, Proxy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let database = Database::create()?;
/// let proxy = Proxy::to(database.url())?;
/// let client = proxy.connect().await?;
///
/// let mark = proxy.mark();
/// client.batch_execute("SELECT 1; SELECT 2").await?;
/// client.batch_execute("SELECT 3").await?;
///
/// let traffic = proxy.since(mark);
/// assert_eq!(traffic.round_trips, 2, "{traffic:#?}");
/// assert_eq!(traffic.messages[1].sql(), Some("SELECT 3"));
/// # Ok(())
/// # }
/// ```
///
/// What happens when an answer gets lost:
///
/// ```
/// use graven_testkit::{Cut, Database, Proxy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let database = Database::create()?;
/// database.execute("CREATE TABLE orders (id int)")?;
/// let proxy = Proxy::to(database.url())?;
/// let client = proxy.connect().await?;
///
/// proxy.cut(Cut::After(1));
/// let result = client.batch_execute("INSERT INTO orders VALUES (1)").await;
///
/// assert!(result.is_err(), "the client cannot know that it was done");
/// assert_eq!(database.value("SELECT count(*) FROM orders")?.as_deref(), Some("1"));
/// # Ok(())
/// # }
/// ```
///
/// How long something takes far from the server:
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use graven_testkit::{Database, Proxy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let database = Database::create()?;
/// let proxy = Proxy::to(database.url())?;
/// let client = proxy.connect().await?;
///
/// proxy.latency(Duration::from_millis(20));
/// let began = Instant::now();
/// client.batch_execute("SELECT 1").await?;
/// assert!(began.elapsed() >= Duration::from_millis(20));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Proxy {
    url: String,
    port: u16,
    shared: Arc<Shared>,
}

/// At which message the connection is cut, counted from 1 over all connections, beginning with the call of
/// [`Proxy::cut`].
///
/// Only the connection of that message is cut, and only once: a client may connect again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// At none.
    Never,
    /// The server never gets it.
    Before(usize),
    /// The server gets it, and the client is gone before the answer.
    During(usize),
    /// The server has done all of it and is ready for more, and nothing of its answer arrives.
    ///
    /// What the client sends meanwhile, as it must where several messages make one query, reaches the server, too.
    After(usize),
}

impl Proxy {
    /// A proxy in front of the server of a URL, such as that of a [`Database`](crate::Database) or a
    /// [`Role`](crate::Role), or [`Cluster::url_of`](crate::Cluster::url_of). The server may be down, then or later.
    ///
    /// # Errors
    ///
    /// Fails when the URL does not name one host to be reached by TCP, or when there is no port left to listen at.
    pub fn to(url: &str) -> Result<Self, Error> {
        let route = Route::to(url)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).doing("listen at", "127.0.0.1")?;
        let port = listener.local_addr().doing("listen at", "127.0.0.1")?.port();
        let url = route.through(port)?;
        let shared = Arc::new(Shared { server: (route.host, route.port), state: Mutex::default() });
        let accepting = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("proxy".into())
            .spawn(move || link::accept(&listener, &accepting))
            .doing("start", "a thread")?;
        Ok(Self { url, port, shared })
    }

    /// The URL that leads through the proxy, and else is the one that it was made for.
    ///
    /// A client that asks for TLS is told that there is none: with `sslmode=require` or stricter it does not connect.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connects through the proxy; see [`Database::connect`](crate::Database::connect).
    ///
    /// # Panics
    ///
    /// As tokio does, outside of a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// Fails when the server is not running or refuses.
    pub async fn connect(&self) -> Result<Client, Error> {
        let doing = || format!("connect through the proxy at port {}", self.port);
        let connected = tokio_postgres::connect(&self.url, NoTls).await;
        let (client, connection) = connected.map_err(|source| Error::Postgres { doing: doing(), source })?;
        // Ends when the client is dropped. Notices go nowhere, and an error reaches the client's own calls.
        tokio::spawn(connection);
        Ok(client)
    }

    /// Marks this moment, for [`since`](Self::since).
    pub fn mark(&self) -> Mark {
        self.shared.state().log.mark()
    }

    /// What clients have sent since a mark.
    pub fn since(&self, mark: Mark) -> Traffic {
        self.shared.state().log.since(mark)
    }

    /// What clients have sent since the proxy was made.
    pub fn traffic(&self) -> Traffic {
        self.since(Mark::default())
    }

    /// Adds this much to each round trip from now on, one half each way. Messages keep their order, and those that are
    /// sent in one go arrive in one go.
    pub fn latency(&self, latency: Duration) {
        self.shared.state().latency = latency;
    }

    /// Cuts the connection of a message that is yet to come, in place of what was asked for before.
    pub fn cut(&self, cut: Cut) {
        let mut state = self.shared.state();
        state.cut = cut;
        state.counted = 0;
    }

    /// Changes the text of simple-query messages on their way to the server, from now on; `None` leaves one as it is.
    ///
    /// So the server can be one that it is not: without advisory locks, say. [`Traffic`] shows what the client sent.
    /// Queries with parameters are not simple ones, and pass unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use graven_testkit::{Database, Proxy};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let database = Database::create()?;
    /// let proxy = Proxy::to(database.url())?;
    /// proxy.rewrite(|sql| sql.contains("now()").then(|| sql.replace("now()", "timestamptz 'infinity'")));
    ///
    /// let client = proxy.connect().await?;
    /// client.batch_execute("CREATE TABLE t AS SELECT now() AS at").await?;
    /// assert_eq!(database.value("SELECT at FROM t")?.as_deref(), Some("infinity"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn rewrite(&self, rewrite: impl Fn(&str) -> Option<String> + Send + Sync + 'static) {
        self.shared.state().rewrite = Rewrite(Some(Arc::new(rewrite)));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.closed = true;
        let links = std::mem::take(&mut state.links);
        drop(state);
        for link in links.iter().filter_map(Weak::upgrade) {
            link.sever();
        }
        // Wakes the thread that accepts, which then sees that it is to end.
        let _ = std::net::TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// What all threads of a proxy share.
#[derive(Debug)]
struct Shared {
    server: (String, u16),
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    log: Log,
    latency: Duration,
    cut: Cut,
    /// Messages since the cut was asked for.
    counted: usize,
    rewrite: Rewrite,
    links: Vec<Weak<Link>>,
    closed: bool,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pass,
    Lose,
    PassAndLeave,
    PassAndLoseAnswer,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a message takes one way.
    fn one_way(&self) -> Duration {
        self.state().latency / 2
    }

    fn connected(&self) {
        self.state().log.push(Entry::Connected);
    }

    /// Counts a message, and says what becomes of it.
    fn sent(&self, message: Message, first: First) -> Fate {
        let mut state = self.state();
        state.log.push(Entry::Sent(message, first));
        state.counted = state.counted.saturating_add(1);
        match state.cut {
            Cut::Before(at) if at == state.counted => Fate::Lose,
            Cut::During(at) if at == state.counted => Fate::PassAndLeave,
            Cut::After(at) if at == state.counted => Fate::PassAndLoseAnswer,
            _ => Fate::Pass,
        }
    }

    /// The text that goes to the server in place of another one.
    fn rewritten(&self, message: &Message) -> Option<String> {
        let rewrite = self.state().rewrite.0.clone()?;
        if message.kind == 'Q' { rewrite(message.sql()?) } else { None }
    }
}

/// Whether a message is the first that the client sends after the server has said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Yes,
    No,
}

type Replace = dyn Fn(&str) -> Option<String> + Send + Sync;

#[derive(Clone, Default)]
struct Rewrite(Option<Arc<Replace>>);

impl fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Rewrite" } else { "None" })
    }
}

impl Default for Cut {
    /// [`Cut::Never`].
    fn default() -> Self {
        Self::Never
    }
}
