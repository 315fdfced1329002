//! Which server process a client was told that it talks to, when it connected.
//!
//! tokio-postgres tells nobody. But it hands out what cancels a query, and writes that to any stream: here to one that
//! leads nowhere. The message holds the process and the secret key as the server gave them (PostgreSQL manual, 55.7,
//! CancelRequest). Nothing is sent, and no query is cancelled.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Client;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// The process that was named at connect. A pooler names one of its own invention.
pub(crate) fn process(client: &Client) -> Option<i32> {
    let mut nowhere = Nowhere::default();
    // Nothing in it ever waits.
    client.cancel_token().cancel_query_raw(&mut nowhere, NoHandshake).now_or_never()?.ok()?;
    // The last 16 bytes: length, code, process, key.
    let from = nowhere.0.len().checked_sub(8)?;
    let bytes = nowhere.0.get(from..from + 4)?;
    Some(i32::from_be_bytes(bytes.try_into().ok()?))
}

/// Keeps what is written, and answers whatever is asked with `S`, as a server does that speaks TLS.
#[derive(Default)]
struct Nowhere(Vec<u8>);

impl AsyncRead for Nowhere {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0 {
            buffer.put_slice(b"S");
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Nowhere {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl TlsStream for &mut Nowhere {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

/// Where a client insists on TLS, its cancellation does so as well.
struct NoHandshake;

impl<'a> TlsConnect<&'a mut Nowhere> for NoHandshake {
    type Stream = &'a mut Nowhere;
    type Error = io::Error;
    type Future = Ready<Result<&'a mut Nowhere, io::Error>>;

    fn connect(self, stream: &'a mut Nowhere) -> Self::Future {
        ready(Ok(stream))
    }
}
