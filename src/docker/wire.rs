//! The bytes between us and a daemon: one fresh stream for each request, and a limit on each.
//!
//! bollard can be handed a transport. Ours dials through whatever leads to the daemon, a unix socket
//! or a channel of an SSH connection, speaks HTTP/1.1 on it, and counts what comes back: bollard
//! gathers an answer, or one frame of a log that may announce 4 GiB, in memory before it shows it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bollard::BollardRequest;
use bollard::errors::Error as BollardError;
use hyper::Uri;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More than any answer we ask for and any step's output that a person reads, and little enough to
/// hold in memory: a buffer that grows by doubling takes three times as much for a moment, and all of
/// it is to stay below 128 MiB (measured: 64 MiB here came to 137).
pub(super) const CONNECTION_LIMIT: usize = 32 << 20;

/// A stream that leads to a daemon.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

type Dialled = Pin<Box<dyn Future<Output = io::Result<Box<dyn Duplex>>> + Send>>;

/// Opens one more stream to the daemon.
pub(super) type Dial = Arc<dyn Fn() -> Dialled + Send + Sync>;

/// The version prefix of every path, `/v1.41`, from the moment it is agreed.
///
/// bollard negotiates a version and then leaves it out of the path (its `Uri::parse` joins an
/// absolute path, 0.21.1), which asks the daemon for whatever is newest there.
pub(super) type Prefix = Arc<OnceLock<String>>;

/// Boxes a closure that opens streams.
pub(super) fn dial<F, A, S>(open: F) -> Dial
where
    F: Fn() -> A + Send + Sync + 'static,
    A: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Arc::new(move || {
        let opening = open();
        Box::pin(async move { Ok(Box::new(opening.await?) as Box<dyn Duplex>) })
    })
}

/// Sends one request over a stream of its own.
///
/// The connection runs as a task that ends when the answer was read, or is no longer waited for.
pub(super) async fn send(
    dial: Dial,
    prefix: Prefix,
    request: BollardRequest,
) -> Result<hyper::Response<Incoming>, BollardError> {
    let request = addressed(request, &prefix)?;
    let stream = Counted {
        inner: dial().await?,
        left: CONNECTION_LIMIT,
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its error also reaches whoever waits for the answer.
    drop(tokio::spawn(connection.with_upgrades()));
    Ok(sender.send_request(request).await?)
}

/// Turns bollard's absolute address into what HTTP/1.1 wants on a direct connection (RFC 9112,
/// 3.2.1): the path alone, and a `Host`.
fn addressed(mut request: BollardRequest, prefix: &Prefix) -> Result<BollardRequest, BollardError> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let prefix = prefix.get().map_or("", String::as_str);
    *request.uri_mut() = Uri::try_from(format!("{prefix}{path}"))?;
    request
        .headers_mut()
        .insert(HOST, HeaderValue::from_static("docker"));
    Ok(request)
}

/// A stream that fails once more was read from it than one connection may bring.
struct Counted<S> {
    inner: S,
    left: usize,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let came = buffer.filled().len().saturating_sub(before);
        match self.left.checked_sub(came) {
            Some(left) => {
                self.left = left;
                polled
            }
            None => {
                // An error and bytes in one answer is more than the trait allows.
                buffer.set_filled(before);
                Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_ends_with_an_error_at_its_limit() {
        use tokio::io::AsyncReadExt as _;
        let mut stream = Counted {
            inner: tokio::io::repeat(b'x'),
            left: 1000,
        };
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_request_names_the_agreed_version_and_a_host() {
        let prefix: Prefix = Arc::new(OnceLock::from("/v1.41".to_owned()));
        let request = hyper::Request::get("clws://docker/containers/x/json?size=true")
            .body(bollard::body_full(hyper::body::Bytes::new()))
            .unwrap();
        let sent = addressed(request, &prefix).unwrap();
        assert_eq!(sent.uri(), "/v1.41/containers/x/json?size=true");
        assert_eq!(sent.headers().get(HOST).unwrap(), "docker");
    }
}
