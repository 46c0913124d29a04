//! Looking at the host keys that a server shows, without believing any of them.
//!
//! The server is asked for its algorithms first, by offering one that nobody has; then a key exchange
//! for each of them shows the key, and the server proves that it has the private half. Nothing is
//! logged in to. RSA keys are read off the wire and only shown: this build verifies no RSA signature.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use russh::AlgorithmKind;
use russh::client;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, HashAlg, PublicKey};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::connect::{Plug, config, explain, reach};
use super::host_key::CHECKABLE;
use super::watcher::{Right, Seen, Watcher};
use super::{Hop, KnownHost, Limits, Session, SshError, connect_through};
use crate::error::Error;

/// What is kept of a server's first bytes: its greeting, its algorithms, its key.
const HEAD_CAP: usize = 64 << 10;

/// A host key that a server shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShownKey {
    /// `TYPE BASE64`.
    pub line: String,
    /// Whether it proved that it has the private half, and clws can check that.
    pub proved: bool,
}

/// The host keys of a server, through the servers before it on the way.
///
/// # Errors
/// [`SshError`]: it, or one before it, cannot be reached or speaks no SSH that is safe enough.
pub async fn scan(
    name: &str,
    (address, port): (&str, u16),
    before: &[Hop<'_>],
    limits: &Limits,
) -> Result<Vec<ShownKey>, Error> {
    let looking = Looking {
        host: KnownHost::unproved(name, address, port),
        before: match before {
            [] => None,
            before => Some(connect_through(before, limits).await?),
        },
        limits,
    };
    let offered = looking.offered().await?;
    let has = |name: &str| offered.iter().any(|offered| offered == name);
    let mut keys = Vec::new();
    for algorithm in CHECKABLE {
        if has(algorithm.as_str()) {
            keys.extend(looking.proved(algorithm).await?);
        }
    }
    let rsa = [HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) });
    if let Some(rsa) = rsa.into_iter().find(|rsa| has(rsa.as_str())) {
        keys.extend(looking.read_off(rsa).await?);
    }
    Ok(keys)
}

struct Looking<'a> {
    host: KnownHost,
    before: Option<Session>,
    limits: &'a Limits,
}

/// What came of a key exchange that was not meant to succeed.
struct Seeing {
    error: Option<russh::Error>,
    seen: Seen,
    head: Head,
}

impl Looking<'_> {
    /// The names of the algorithms that it has keys of.
    async fn offered(&self) -> Result<Vec<String>, SshError> {
        let nobodys = Algorithm::new("none@clws").map_err(|_| self.odd("no algorithm"))?;
        let seeing = self.exchange(nobodys).await?;
        match seeing.error {
            Some(russh::Error::NoCommonAlgo {
                kind: AlgorithmKind::Key,
                theirs,
                ..
            }) => Ok(theirs),
            Some(error) => Err(explain(error, &self.host, &seeing.seen)),
            None => Err(self.odd("it agreed to what nobody has")),
        }
    }

    async fn proved(&self, algorithm: Algorithm) -> Result<Option<ShownKey>, SshError> {
        let seeing = self.exchange(algorithm).await?;
        match (seeing.seen.shown_key(), seeing.error) {
            (Some(line), _) => Ok(Some(ShownKey { line, proved: true })),
            (None, Some(error)) => Err(explain(error, &self.host, &seeing.seen)),
            (None, None) => Ok(None),
        }
    }

    async fn read_off(&self, algorithm: Algorithm) -> Result<Option<ShownKey>, SshError> {
        let seeing = self.exchange(algorithm).await?;
        let key = seeing.head.host_key();
        Ok(key.map(|line| ShownKey {
            line,
            proved: false,
        }))
    }

    /// One key exchange, which no key passes.
    async fn exchange(&self, algorithm: Algorithm) -> Result<Seeing, SshError> {
        let head = Head::default();
        let (error, seen) = match &self.before {
            None => {
                let stream = reach(&self.host, self.limits).await?;
                // Dropped at the end of this arm, which ends what russh still does.
                let _plug =
                    Plug::of(&stream, self.limits).map_err(|source| SshError::Unreachable {
                        host: self.host.clone(),
                        source,
                    })?;
                self.over(Tap(stream, head.clone()), algorithm).await?
            }
            Some(before) => {
                let stream = before.open_way(&self.host, self.limits).await?;
                self.over(Tap(stream, head.clone()), algorithm).await?
            }
        };
        Ok(Seeing { error, seen, head })
    }

    async fn over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        algorithm: Algorithm,
    ) -> Result<(Option<russh::Error>, Seen), SshError> {
        let seen = Seen::default();
        let watcher = Watcher {
            right: Right::None,
            seen: seen.clone(),
        };
        let config = Arc::new(config(vec![algorithm], self.limits));
        let opening = client::connect_stream(config, stream, watcher);
        let opened = timeout(self.limits.login, opening).await;
        let opened = opened.map_err(|_| SshError::Slow {
            host: self.host.clone(),
            phase: "the key exchange",
            limit: self.limits.login,
        })?;
        Ok((opened.err(), seen))
    }

    fn odd(&self, reason: &str) -> SshError {
        SshError::Protocol {
            host: self.host.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// The first bytes that a server sent.
#[derive(Clone, Debug, Default)]
struct Head(Arc<Mutex<Vec<u8>>>);

impl Head {
    fn take_in(&self, bytes: &[u8]) {
        let mut head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = HEAD_CAP - head.len().min(HEAD_CAP);
        head.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    /// The host key in the answer to a Diffie-Hellman exchange (RFC 5656, 4), as `TYPE BASE64`.
    fn host_key(&self) -> Option<String> {
        const ANSWER: u8 = 31;
        let head = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = head.as_slice();
        // Lines of greeting, the last of which names the protocol (RFC 4253, 4.2).
        loop {
            let end = memchr::memchr(b'\n', rest)? + 1;
            let (line, after) = rest.split_at_checked(end)?;
            rest = after;
            if line.starts_with(b"SSH-") {
                break;
            }
        }
        loop {
            // Of which the first byte says how much padding is at the end.
            let packet = take_string(&mut rest)?.get(1..)?;
            if let Some((&ANSWER, mut fields)) = packet.split_first() {
                let mut blob = take_string(&mut fields)?;
                let key = <KeyData as russh::keys::ssh_encoding::Decode>::decode(&mut blob).ok()?;
                return PublicKey::new(key, "").to_openssh().ok();
            }
        }
    }
}

/// A 32-bit length and as many bytes.
fn take_string<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (string, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(string)
}

/// A stream whose first bytes are kept.
struct Tap<S>(S, Head);

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.0).poll_read(context, into);
        self.1
            .take_in(into.filled().get(before..).unwrap_or_default());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_key_is_read_behind_lines_of_greeting_and_other_packets() {
        let line =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        let blob = STANDARD.decode(line.split_once(' ').unwrap().1).unwrap();
        let string = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).unwrap();
            [&length.to_be_bytes(), bytes].concat()
        };
        let packet = |payload: &[u8]| string(&[&[4], payload, &[0; 4]].concat());
        let answer = [&[31][..], &string(&blob), b"the rest"].concat();
        let packets = [packet(b"\x14algorithms"), packet(&answer)].concat();
        let read = |greeting: &str, packets: &[u8]| {
            let head = Head::default();
            head.take_in(greeting.as_bytes());
            head.take_in(packets);
            head.host_key()
        };
        for greeting in ["SSH-2.0-x\r\n", "welcome\r\nto SSH-2.0\r\nSSH-2.0-x\r\n"] {
            assert_eq!(read(greeting, &packets).as_deref(), Some(line));
            for length in 0..packets.len() {
                assert_eq!(read(greeting, &packets[..length]), None);
            }
        }
        assert_eq!(read("welcome\r\n", &packets), None);
    }

    #[test]
    fn no_more_is_kept_than_a_key_needs() {
        let head = Head::default();
        for _ in 0..3 {
            head.take_in(&[0; HEAD_CAP - 1]);
        }
        assert_eq!(head.0.lock().unwrap().len(), HEAD_CAP);
    }
}
