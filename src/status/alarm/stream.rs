//! A stream from a mail server, bounded: so many bytes in all, and a line at a time.
//!
//! lettre reads a line until it ends, however long that is. And it keeps what a server sent behind its answer to
//! STARTTLS, from before there was TLS, and would take it for an answer under TLS afterwards (the injection of
//! CVE-2011-0411, seen from the client). With one line for each read nothing is kept: what was sent too
//! early is then the first thing that TLS reads, and TLS ends there.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream of which at most so many bytes are read.
pub(super) struct Bounded<S> {
    inner: S,
    peer: SocketAddr,
    left: usize,
    /// What was read and not handed on, from `at` on.
    kept: Vec<u8>,
    at: usize,
}

impl<S> fmt::Debug for Bounded<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded")
            .field("peer", &self.peer)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl<S> Bounded<S> {
    pub(super) fn new(inner: S, peer: SocketAddr, most: usize) -> Self {
        Self {
            inner,
            peer,
            left: most,
            kept: Vec::new(),
            at: 0,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.at >= this.kept.len() {
            let mut room = [0; 4096];
            let mut read = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut this.inner).poll_read(context, &mut read))?;
            let read = read.filled();
            if read.len() > this.left {
                return Poll::Ready(Err(io::Error::other("it says too much")));
            }
            this.left -= read.len();
            this.kept.clear();
            this.kept.extend_from_slice(read);
            this.at = 0;
        }
        let kept = this.kept.get(this.at..).unwrap_or_default();
        let line = memchr::memchr(b'\n', kept).map_or(kept.len(), |end| end + 1);
        let count = line.min(out.remaining());
        out.put_slice(kept.get(..count).unwrap_or_default());
        this.at += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> AsyncTokioStream for Bounded<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_read_ends_with_its_line_and_all_of_them_with_the_limit() {
        let peer = "127.0.0.1:25".parse().unwrap();
        let mut stream = Bounded::new(&b"220 go\r\n250 early\r\nmore"[..], peer, 20);
        let mut room = [0; 64];
        let error = stream.read(&mut room).await.unwrap_err();
        assert_eq!(error.to_string(), "it says too much");
        let mut stream = Bounded::new(&b"220 go\r\n250 early\r\nmore"[..], peer, 23);
        for line in ["220 go\r\n", "250 early\r\n", "more", ""] {
            let count = stream.read(&mut room).await.unwrap();
            assert_eq!(&room[..count], line.as_bytes());
        }
    }
}
