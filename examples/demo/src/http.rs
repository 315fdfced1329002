//! One GET request, for the launcher that asks its own instances how they are.
//!
//! Two requests to a server of this very program are all there is to ask, so HTTP/1.0 over a socket serves, and saves the
//! build an HTTP client. It refuses everything that needs more: no TLS, no redirects, no chunks.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// What came back.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Asks for a path in JSON.
///
/// # Errors
///
/// What the socket reports, and where the answer is late or is not HTTP.
pub(crate) async fn ask(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    tokio::time::timeout(PATIENCE, exchange(address, path)).await?
}

async fn exchange(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    let parsed = parse(&String::from_utf8_lossy(&answer));
    parsed.ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut words = head.lines().next()?.split(' ');
    let status = words.next()?.starts_with("HTTP/1.").then(|| words.next())??.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let answer = parse("HTTP/1.0 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}");
        assert_eq!(answer, Some(Answer { status: 503, body: "{}".to_owned() }));
    }

    #[test]
    fn what_is_not_http_is_no_answer() {
        for text in ["", "hello", "HTTP/1.1\r\n\r\n", "HTTP/1.1 fine\r\n\r\n", "SSH-2.0 200\r\n\r\n"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
