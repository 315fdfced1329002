//! A proxy between a client and the server that counts the client's queries, and cuts the connection at one of them.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use graven_testkit::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, NoTls};

/// At which query the connection is cut, counted from 1 over all connections.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Never,
    /// The server never gets it.
    Before(usize),
    /// The server has done all of it, and its answer never arrives.
    After(usize),
    /// The server gets it, and the client is gone before it answers.
    During(usize),
}

pub(crate) struct Proxy {
    port: u16,
    queries: Arc<AtomicUsize>,
    texts: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// A proxy before the server of a database.
    pub(crate) async fn before(database: &Database, cut: Cut) -> Self {
        Self::start(database, cut, Locks::Real).await
    }

    /// A proxy that lets everybody have every advisory lock, as if the server had none.
    pub(crate) async fn without_locks(database: &Database) -> Self {
        Self::start(database, Cut::Never, Locks::ForEverybody).await
    }

    async fn start(database: &Database, cut: Cut, locks: Locks) -> Self {
        let config: tokio_postgres::Config = database.url().parse().unwrap();
        let server = config.get_ports()[0];
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let queries = Arc::new(AtomicUsize::new(0));
        let texts = Arc::new(Mutex::new(Vec::new()));
        let wire = Wire { cut, locks, queries: Arc::clone(&queries), texts: Arc::clone(&texts) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let wire = wire.clone();
                tokio::spawn(async move {
                    // An error is the end of this connection, which is what both sides are to see.
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await {
                        let _ = wire.carry(client, server).await;
                    }
                });
            }
        });
        Self { port, queries, texts }
    }

    /// A client that reaches the database through the proxy.
    pub(crate) async fn connect(&self, database: &Database) -> Client {
        self.connect_to(database, "public").await
    }

    /// The same, at work in another schema from its first message on.
    pub(crate) async fn connect_to(&self, database: &Database, schema: &str) -> Client {
        let direct: tokio_postgres::Config = database.url().parse().unwrap();
        let mut through = tokio_postgres::Config::new();
        through.host("127.0.0.1").port(self.port).user(direct.get_user().unwrap());
        through.password(direct.get_password().unwrap()).dbname(database.name());
        through.ssl_mode(SslMode::Disable).application_name("proxied").options(format!("-c search_path={schema}"));
        let (client, connection) = through.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// How many queries have come by.
    pub(crate) fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }

    /// Their texts.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.texts.lock().unwrap().clone()
    }
}

#[derive(Clone, Copy)]
enum Locks {
    Real,
    ForEverybody,
}

#[derive(Clone)]
struct Wire {
    cut: Cut,
    locks: Locks,
    queries: Arc<AtomicUsize>,
    texts: Arc<Mutex<Vec<String>>>,
}

/// What becomes of the connection at a query.
enum Fate {
    Pass,
    Drop,
    PassAndDrop,
    PassAndDropReply,
}

impl Wire {
    async fn carry(&self, client: TcpStream, server: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut from_client, to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        let muted = Arc::new(AtomicBool::new(false));
        // Dropping the set ends what is in it, and with it the connection.
        let mut answers = JoinSet::new();
        answers.spawn(carry_answers(from_server, to_client, Arc::clone(&muted)));
        // The first message has no type.
        let length = from_client.read_u32().await?;
        pass(&mut from_client, &mut to_server, None, length).await?;
        loop {
            let kind = tokio::select! {
                kind = from_client.read_u8() => kind?,
                _ = answers.join_next() => return Ok(()),
            };
            let length = from_client.read_u32().await?;
            if kind != b'Q' {
                pass(&mut from_client, &mut to_server, Some(kind), length).await?;
                continue;
            }
            let query = read(&mut from_client, length).await?;
            let fate = self.fate(&query);
            match fate {
                Fate::Drop => return Ok(()),
                Fate::PassAndDropReply => muted.store(true, Ordering::SeqCst),
                Fate::Pass | Fate::PassAndDrop => {}
            }
            let query = self.locks.rewrite(query);
            write(&mut to_server, Some(kind), query.len() as u32 + 4, &query).await?;
            match fate {
                Fate::Pass => {}
                Fate::PassAndDropReply => {
                    answers.join_next().await;
                    return Ok(());
                }
                Fate::Drop | Fate::PassAndDrop => return Ok(()),
            }
        }
    }

    fn fate(&self, query: &[u8]) -> Fate {
        let number = self.queries.fetch_add(1, Ordering::SeqCst) + 1;
        self.texts.lock().unwrap().push(String::from_utf8_lossy(query).trim_end_matches('\0').to_owned());
        match self.cut {
            Cut::Before(at) if at == number => Fate::Drop,
            Cut::After(at) if at == number => Fate::PassAndDropReply,
            Cut::During(at) if at == number => Fate::PassAndDrop,
            _ => Fate::Pass,
        }
    }
}

impl Locks {
    fn rewrite(self, query: Vec<u8>) -> Vec<u8> {
        match (self, String::from_utf8(query)) {
            (Self::ForEverybody, Ok(text)) => {
                text.replace("pg_catalog.pg_try_advisory_lock(", "(true OR 0 = ").into_bytes()
            }
            (Self::Real, Ok(text)) => text.into_bytes(),
            (_, Err(error)) => error.into_bytes(),
        }
    }
}

/// Carries the server's messages; once muted, until it is ready for another query, and none of them arrives.
async fn carry_answers(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    muted: Arc<AtomicBool>,
) -> io::Result<()> {
    loop {
        let kind = server.read_u8().await?;
        let length = server.read_u32().await?;
        let body = read(&mut server, length).await?;
        if !muted.load(Ordering::SeqCst) {
            write(&mut client, Some(kind), length, &body).await?;
        } else if kind == b'Z' {
            return Ok(());
        }
    }
}

async fn pass(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, kind: Option<u8>, length: u32) -> io::Result<()> {
    let body = read(from, length).await?;
    write(to, kind, length, &body).await
}

/// The length of a message counts itself.
async fn read(from: &mut OwnedReadHalf, length: u32) -> io::Result<Vec<u8>> {
    let mut body = vec![0; (length as usize).saturating_sub(4)];
    from.read_exact(&mut body).await?;
    Ok(body)
}

async fn write(to: &mut OwnedWriteHalf, kind: Option<u8>, length: u32, body: &[u8]) -> io::Result<()> {
    let mut message: Vec<u8> = kind.into_iter().collect();
    message.extend(length.to_be_bytes());
    message.extend(body);
    to.write_all(&message).await
}
