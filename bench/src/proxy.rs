//! A TCP proxy that is as far away as it is told to be, and counts round trips.
//!
//! Each direction is delayed by half of the latency. Nothing is reordered, and throughput is not limited: what was read
//! waits in a queue without an end, each piece with the time at which it is due. Threads and not tasks, because tokio's
//! timer counts whole milliseconds.
//!
//! A **round trip** is counted where the client sends something after it was given something: then it had waited for an
//! answer. However much is sent meanwhile without waiting, it is one.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// A proxy in front of a port of this machine. It lives as long as the process.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    counter: Arc<Counter>,
}

impl Proxy {
    pub(crate) fn start(server: u16, latency: Duration) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let counter = Arc::new(Counter::default());
        let counted = Arc::clone(&counter);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A connection that cannot be passed on is dropped here, which its client is told by the kernel.
                let _ = pass_on(client, server, latency / 2, &counted);
            }
        });
        Ok(Self { port, counter })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many round trips there were so far, on all connections together.
    pub(crate) fn round_trips(&self) -> u64 {
        self.counter.round_trips.load(Ordering::SeqCst)
    }
}

#[derive(Debug, Default)]
struct Counter {
    round_trips: AtomicU64,
    /// Whether the client was last given something, instead of having last sent something.
    answered: AtomicBool,
}

/// Which way a stream goes, and what that means for the count.
enum Direction {
    ToServer,
    ToClient,
}

fn pass_on(client: TcpStream, server: u16, delay: Duration, counter: &Arc<Counter>) -> Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    // The first thing that a client sends, it sends unasked.
    counter.answered.store(true, Ordering::SeqCst);
    one_way(client.try_clone()?, server.try_clone()?, delay, Direction::ToServer, Arc::clone(counter));
    one_way(server, client, delay, Direction::ToClient, Arc::clone(counter));
    Ok(())
}

fn one_way(from: TcpStream, to: TcpStream, delay: Duration, direction: Direction, counter: Arc<Counter>) {
    let (sender, receiver) = mpsc::channel();
    let answers = match direction {
        Direction::ToServer => None,
        Direction::ToClient => Some(Arc::clone(&counter)),
    };
    let questions = match direction {
        Direction::ToServer => Some(counter),
        Direction::ToClient => None,
    };
    thread::spawn(move || take(from, &sender, delay, questions.as_deref()));
    thread::spawn(move || deliver(to, &receiver, answers.as_deref()));
}

/// A piece of the stream, and when it is due.
type Piece = (Instant, Vec<u8>);

fn take(mut from: TcpStream, sender: &Sender<Piece>, delay: Duration, questions: Option<&Counter>) {
    let mut buffer = vec![0; 256 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let due = Instant::now() + delay;
        if let Some(counter) = questions
            && counter.answered.swap(false, Ordering::SeqCst)
        {
            counter.round_trips.fetch_add(1, Ordering::SeqCst);
        }
        if sender.send((due, buffer[..length].to_vec())).is_err() {
            break;
        }
    }
}

fn deliver(mut to: TcpStream, receiver: &Receiver<Piece>, answers: Option<&Counter>) {
    for (due, piece) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // Before it is written: the client may send again at once.
        if let Some(counter) = answers {
            counter.answered.store(true, Ordering::SeqCst);
        }
        if to.write_all(&piece).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every byte with one of its own.
    fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut byte = [0];
            while stream.read_exact(&mut byte).is_ok() {
                stream.write_all(&byte).unwrap();
            }
        });
        port
    }

    #[test]
    fn each_answer_that_is_waited_for_is_a_round_trip_and_takes_the_latency() {
        let proxy = Proxy::start(echo(), Duration::from_millis(10)).unwrap();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        let started = Instant::now();
        for sent in 0..5 {
            let mut answer = [0];
            client.write_all(&[sent]).unwrap();
            client.read_exact(&mut answer).unwrap();
            assert_eq!(answer, [sent]);
        }
        assert!(started.elapsed() >= Duration::from_millis(50), "{:?}", started.elapsed());
        assert_eq!(proxy.round_trips(), 5);
    }

    #[test]
    fn what_is_sent_without_waiting_is_one_round_trip_and_arrives_in_order() {
        let proxy = Proxy::start(echo(), Duration::from_millis(100)).unwrap();
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        let sent: Vec<u8> = (0..50).collect();
        for byte in &sent {
            client.write_all(&[*byte]).unwrap();
        }
        let mut answer = vec![0; sent.len()];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, sent);
        assert_eq!(proxy.round_trips(), 1);
    }
}
