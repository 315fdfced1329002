//! One connection through a proxy: for each direction a thread that reads messages and a thread that writes them when
//! they are due.

use std::io::{self, BufReader, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::message::Message;
use super::{Fate, First, Shared};

/// The codes that stand in place of a protocol version where a client asks for encryption, by TLS or by GSSAPI
/// (PostgreSQL manual, 55.7).
const ENCRYPTION_REQUESTS: [[u8; 4]; 2] = [[4, 210, 22, 47], [4, 210, 22, 48]];
/// What says that there is none.
const NO_ENCRYPTION: &[u8] = b"N";

const READY_FOR_QUERY: u8 = b'Z';
const TERMINATE: u8 = b'X';

/// The two ends of a connection.
#[derive(Debug)]
pub(super) struct Link {
    client: TcpStream,
    server: TcpStream,
    /// The server has been ready once: connecting is over.
    ready: AtomicBool,
    /// The server has said something since the client last sent anything.
    heard: AtomicBool,
    /// Nothing of what the server says arrives any more.
    muted: AtomicBool,
}

/// What waits to be written.
enum Due {
    At(Instant, Vec<u8>),
    /// Both ends are cut off, after what came before.
    Cut,
}

/// Takes connections until the proxy is dropped.
pub(super) fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.state().closed {
            return;
        }
        let Ok(client) = client else {
            // Most likely there are too many open files: trying at once would only keep the processor busy.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let shared = Arc::clone(shared);
        // Where no thread can be had, the client is dropped, and sees as much.
        let _ = start(move || Link::open(client, &shared).and_then(|link| link.carry(&shared)));
    }
}

impl Link {
    fn open(client: TcpStream, shared: &Shared) -> io::Result<Arc<Self>> {
        let (host, port) = &shared.server;
        let server = TcpStream::connect((host.as_str(), *port))?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let no = || AtomicBool::new(false);
        let link = Arc::new(Self { client, server, ready: no(), heard: no(), muted: no() });
        let mut state = shared.state();
        state.links.retain(|link| link.strong_count() > 0);
        state.links.push(Arc::downgrade(&link));
        // The proxy may have been dropped a moment before.
        if state.closed { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(link) }
    }

    /// Cuts both ends off.
    pub(super) fn sever(&self) {
        // What is cut already stays so.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// Both directions, until the client leaves or the connection is cut.
    fn carry(self: &Arc<Self>, shared: &Arc<Shared>) -> io::Result<()> {
        let (to_server, from_client) = mpsc::channel();
        let (to_client, from_server) = mpsc::channel();
        self.start(move |link| link.deliver(&from_client, &link.server, |_| ()))?;
        let told = Arc::clone(shared);
        self.start(move |link| link.deliver(&from_server, &link.client, |message| link.arrives(message, &told)))?;
        let told = Arc::clone(shared);
        self.start(move |link| link.answers(&to_client, &told))?;
        self.requests(&to_server, shared)
    }

    /// Runs one part of the connection on a thread of its own; without it there is no connection.
    fn start(self: &Arc<Self>, part: impl FnOnce(&Self) -> io::Result<()> + Send + 'static) -> io::Result<()> {
        let link = Arc::clone(self);
        start(move || part(&link)).inspect_err(|_| self.sever())
    }

    /// Reads what the client sends, until it leaves.
    fn requests(&self, to_server: &Sender<Due>, shared: &Shared) -> io::Result<()> {
        let mut from_client = BufReader::new(&self.client);
        self.startup(&mut from_client, to_server, shared)?;
        loop {
            let (kind, body) = message(&mut from_client)?;
            if kind == TERMINATE || !self.ready.load(Ordering::SeqCst) {
                send(to_server, shared, framed(Some(kind), &body));
                continue;
            }
            let first = if self.heard.swap(false, Ordering::SeqCst) { First::Yes } else { First::No };
            let message = Message { kind: kind.into(), body };
            let text = shared.rewritten(&message).map(|text| [text.as_bytes(), &[0]].concat());
            let bytes = framed(Some(kind), text.as_deref().unwrap_or(&message.body));
            match shared.sent(message, first) {
                Fate::Pass => {}
                Fate::Lose => return cut(to_server),
                Fate::PassAndLeave => {
                    // The server may answer before both ends are cut.
                    self.muted.store(true, Ordering::SeqCst);
                    send(to_server, shared, bytes);
                    return cut(to_server);
                }
                Fate::PassAndLoseAnswer => self.muted.store(true, Ordering::SeqCst),
            }
            send(to_server, shared, bytes);
        }
    }

    /// The first message has no type, and a request for encryption may come before it.
    fn startup(&self, from_client: &mut impl Read, to_server: &Sender<Due>, shared: &Shared) -> io::Result<()> {
        loop {
            let body = body(from_client)?;
            if !ENCRYPTION_REQUESTS.iter().any(|request| body.as_slice() == request) {
                send(to_server, shared, framed(None, &body));
                return Ok(());
            }
            (&self.client).write_all(NO_ENCRYPTION)?;
        }
    }

    /// Reads what the server says, until it ends the connection; once muted, until it is ready for more.
    fn answers(&self, to_client: &Sender<Due>, shared: &Shared) -> io::Result<()> {
        let mut from_server = BufReader::new(&self.server);
        loop {
            let (kind, body) = message(&mut from_server)?;
            if !self.muted.load(Ordering::SeqCst) {
                send(to_client, shared, framed(Some(kind), &body));
            } else if kind == READY_FOR_QUERY {
                return cut(to_client);
            }
        }
    }

    /// Writes each message when it is due. At the end the other side learns that nothing more comes.
    fn deliver(&self, due: &Receiver<Due>, mut to: &TcpStream, tell: impl Fn(&[u8])) -> io::Result<()> {
        for due in due {
            let Due::At(when, message) = due else {
                self.sever();
                return Ok(());
            };
            thread::sleep(when.saturating_duration_since(Instant::now()));
            tell(&message);
            to.write_all(&message).inspect_err(|_| self.sever())?;
        }
        to.shutdown(Shutdown::Write)
    }

    /// Takes note before the client can answer.
    fn arrives(&self, message: &[u8], shared: &Shared) {
        if message.first() == Some(&READY_FOR_QUERY) && !self.ready.swap(true, Ordering::SeqCst) {
            shared.connected();
        }
        self.heard.store(true, Ordering::SeqCst);
    }
}

/// Runs something on a thread of its own. Its error is the end of a connection, which is what both ends are to see.
fn start(part: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("proxy".into()).spawn(|| drop(part())).map(drop)
}

fn send(to: &Sender<Due>, shared: &Shared, bytes: Vec<u8>) {
    // Nobody receives any more once the connection is cut: what is sent then is lost, as on any network.
    let _ = to.send(Due::At(Instant::now() + shared.one_way(), bytes));
}

fn cut(at: &Sender<Due>) -> io::Result<()> {
    at.send(Due::Cut).map_err(|_| io::ErrorKind::ConnectionAborted.into())
}

/// A message with its type.
fn message(from: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut kind = [0];
    from.read_exact(&mut kind)?;
    Ok((kind[0], body(from)?))
}

/// What follows a message's length, which counts itself.
fn body(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length).checked_sub(4).ok_or(io::ErrorKind::InvalidData)?;
    // Read as it comes, so that a length that is not true does not take all memory.
    let mut body = Vec::new();
    from.take(length.into()).read_to_end(&mut body)?;
    if body.len() as u64 == u64::from(length) { Ok(body) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn framed(kind: Option<u8>, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).saturating_add(4);
    let mut bytes = Vec::with_capacity(body.len() + 5);
    bytes.extend(kind);
    bytes.extend(length.to_be_bytes());
    bytes.extend(body);
    bytes
}
