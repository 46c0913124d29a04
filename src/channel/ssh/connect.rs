//! From an address to a session: look up, connect, check the host, log in.
//!
//! Algorithms are few. Keys are exchanged with ML-KEM-768 and X25519 together, so that a recorded
//! session stays closed to a later quantum computer, or with X25519 alone. Ciphers are AES-GCM and
//! ChaCha20-Poly1305, the latter only where both sides number packets strictly: without it an
//! intruder can cut the first messages off (Terrapin, CVE-2023-48795), which AES-GCM does not allow.

use std::borrow::{Borrow, Cow};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use russh::client::{self, Handle};
use russh::keys::Algorithm;
use russh::{
    AlgorithmKind, ChannelOpenFailure, Disconnect, Preferred, SshId, cipher, compression, kex, mac,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::error::{LOOK_UP, short};
use super::login::login;
use super::watcher::{Right, Seen, Watcher};
use super::{KnownHost, Limits, Login, SshError, Stream};
use crate::channel::quoting::As;
use crate::error::{Code, Error, Problem};

/// A session with a host that proved itself, logged in.
///
/// Dropping it ends the connection and all that goes over it.
pub struct Session {
    pub(super) handle: Arc<Handle<Watcher>>,
    name: String,
    user: String,
    target: String,
    pub(super) limits: Limits,
    /// As whom commands run; a live one always runs as who logged in.
    pub(super) who: As,
    seen: Seen,
    /// Last, so that the handle is gone when the line is.
    _line: Line,
}

/// What a session goes over.
pub(super) enum Line {
    /// A socket of ours.
    Socket { _plug: Plug },
    /// The session before it on the way.
    Through { _before: Box<Session> },
}

/// One server on the way to a host.
pub struct Hop<'a> {
    /// The server.
    pub host: KnownHost,
    /// The ways to log in there; asked for when it has proved itself.
    pub logins: Logins<'a>,
}

/// Gives ways to log in, perhaps after somebody was asked for them.
pub type Logins<'a> = Box<dyn Fn() -> LocalBoxFuture<'a, Result<Vec<Arc<Login>>, Error>> + 'a>;

/// Connects to a host and logs in.
///
/// # Errors
/// [`SshError`]: the host cannot be reached, did not prove itself, or refused every login.
pub async fn connect(
    host: &KnownHost,
    logins: &[Login],
    limits: &Limits,
) -> Result<Session, SshError> {
    let proved = Proved::over_socket(host, limits).await?;
    proved.log_in(logins, limits).await
}

/// Connects to the last of these servers, through those before it, and logs in to each.
///
/// # Errors
/// [`SshError`] of the first that fails, or what kept its logins from being had.
pub async fn connect_through(way: &[Hop<'_>], limits: &Limits) -> Result<Session, Error> {
    let (last, before) = way.split_last().ok_or_else(nowhere)?;
    let mut session = None;
    for hop in before.iter().chain([last]) {
        let proved = match session.take() {
            None => Proved::over_socket(&hop.host, limits).await?,
            Some(before) => Proved::through(before, &hop.host, limits).await?,
        };
        session = Some(proved.log_in(&(hop.logins)().await?, limits).await?);
    }
    session.ok_or_else(nowhere)
}

fn nowhere() -> Error {
    Problem::new(Code::Bug, "a way without a host").into()
}

/// A host that proved itself, and knows nothing of us yet.
struct Proved {
    handle: Handle<Watcher>,
    host: KnownHost,
    seen: Seen,
    line: Line,
    /// What is left of the time for key exchange and login.
    left: Duration,
}

impl Proved {
    async fn over_socket(host: &KnownHost, limits: &Limits) -> Result<Self, SshError> {
        let stream = reach(host, limits).await?;
        let plug = Plug::of(&stream, limits).map_err(|source| SshError::Unreachable {
            host: host.clone(),
            source,
        })?;
        Self::exchange(host, stream, Line::Socket { _plug: plug }, limits).await
    }

    async fn through(before: Session, host: &KnownHost, limits: &Limits) -> Result<Self, SshError> {
        let stream = before.open_way(host, limits).await?;
        let line = Line::Through {
            _before: Box::new(before),
        };
        Self::exchange(host, stream, line, limits).await
    }

    async fn exchange(
        host: &KnownHost,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        line: Line,
        limits: &Limits,
    ) -> Result<Self, SshError> {
        let seen = Seen::default();
        let watcher = Watcher {
            right: Right::Known(host.clone()),
            seen: seen.clone(),
        };
        let config = config(host.algorithms(), limits);
        let began = Instant::now();
        let opening = client::connect_stream(Arc::new(config), stream, watcher);
        let handle = timeout(limits.login, opening)
            .await
            .map_err(|_| SshError::Slow {
                host: host.clone(),
                phase: "the key exchange",
                limit: limits.login,
            })?
            .map_err(|error| explain(error, host, &seen))?;
        Ok(Self {
            handle,
            host: host.clone(),
            seen,
            line,
            left: limits.login.saturating_sub(began.elapsed()),
        })
    }

    async fn log_in(
        mut self,
        logins: &[impl Borrow<Login>],
        limits: &Limits,
    ) -> Result<Session, SshError> {
        let logging_in = login(&mut self.handle, self.host.user(), logins);
        let refusal = timeout(self.left, logging_in)
            .await
            .map_err(|_| SshError::Slow {
                host: self.host.clone(),
                phase: "the login",
                limit: limits.login,
            })?;
        refusal.map_err(|refusal| match refusal.is_cut && !self.seen.took_leave() {
            // Nothing was refused: the same key may be let in the next time.
            true => SshError::Protocol {
                host: self.host.clone(),
                reason: "it hung up during the login".to_owned(),
            },
            false => SshError::LoginRefused {
                host: self.host.clone(),
                tried: refusal.tried,
                methods: refusal.methods,
                said: self.seen.farewell().or(self.seen.banner()),
            },
        })?;
        Ok(Session {
            handle: Arc::new(self.handle),
            name: self.host.name().to_owned(),
            user: self.host.user().to_owned(),
            target: format!("host `{}`", self.host.name()),
            limits: *limits,
            who: As::Login,
            seen: self.seen,
            _line: self.line,
        })
    }
}

impl Session {
    /// The host.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Who logged in.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// The host, as messages name it.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// What the host showed at login, safe to print; its first 4 KiB.
    #[must_use]
    pub fn banner(&self) -> Option<String> {
        self.seen.banner()
    }

    /// Opens the way to the next host, as this one sees it.
    pub(super) async fn open_way(
        &self,
        to: &KnownHost,
        limits: &Limits,
    ) -> Result<Stream, SshError> {
        let (address, port) = (to.address(), u32::from(to.port()));
        let not_through = |reason: String, forbidden| SshError::NotThrough {
            host: to.clone(),
            via: self.name.clone(),
            reason,
            forbidden,
        };
        // It looks the name up and connects, as we do.
        let limit = limits.dns + limits.tcp;
        // The originator is for the server's log; there is none.
        let opening = self
            .handle
            .channel_open_direct_tcpip(address, port, "127.0.0.1", 0);
        match timeout(limit, opening).await {
            Ok(Ok(channel)) => Ok(Stream(channel.into_stream())),
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => {
                let forbidden = matches!(reason, ChannelOpenFailure::AdministrativelyProhibited);
                let said = match reason {
                    ChannelOpenFailure::AdministrativelyProhibited => "it lets nobody through",
                    ChannelOpenFailure::ConnectFailed => "it gets no answer there",
                    _ => "it opens no way there",
                };
                Err(not_through(said.to_owned(), forbidden))
            }
            Ok(Err(_)) => Err(not_through("the connection ended".to_owned(), false)),
            Err(_) => Err(SshError::Slow {
                host: to.clone(),
                phase: "the way through the host before it",
                limit,
            }),
        }
    }

    /// What the host said when it hung up.
    pub(super) fn farewell(&self) -> Option<String> {
        self.seen.farewell()
    }

    /// Says goodbye. Waits a second at most: the connection ends anyway.
    pub(crate) async fn close(self) {
        let goodbye = async {
            let reason = Disconnect::ByApplication;
            drop(self.handle.disconnect(reason, "", "").await);
            while !self.handle.is_closed() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        drop(timeout(Duration::from_secs(1), goodbye).await);
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.target)
    }
}

pub(super) async fn reach(host: &KnownHost, limits: &Limits) -> Result<TcpStream, SshError> {
    let looking = tokio::net::lookup_host((host.address(), host.port()));
    let addresses: Vec<SocketAddr> = timeout(limits.dns, looking)
        .await
        .map_err(|_| SshError::Slow {
            host: host.clone(),
            phase: LOOK_UP,
            limit: limits.dns,
        })?
        .map_err(|source| SshError::NoAddress {
            host: host.clone(),
            source,
        })?
        .collect();
    let until = Instant::now() + limits.tcp;
    let mut source = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (tried, address) in addresses.iter().enumerate() {
        // What is left is shared out, so that one dead address does not use up all of it.
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => source = error,
            Err(_) => source = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(SshError::Unreachable {
        host: host.clone(),
        source,
    })
}

pub(super) fn config(algorithms: Vec<Algorithm>, limits: &Limits) -> client::Config {
    client::Config {
        client_id: SshId::Standard("SSH-2.0-clws".into()),
        preferred: Preferred {
            // P-256 before X25519: it is in assembler in the OpenSSL of a server, and the one that FIPS leaves.
            kex: Cow::Borrowed(&[
                kex::MLKEM768X25519_SHA256,
                kex::ECDH_SHA2_NISTP256,
                kex::CURVE25519,
                kex::CURVE25519_PRE_RFC_8731,
                kex::EXTENSION_SUPPORT_AS_CLIENT,
                kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
            ]),
            key: algorithms.into(),
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: Cow::Borrowed(&[cipher::AES_256_GCM, cipher::CHACHA20_POLY1305]),
            // Both ciphers bring their own; a server must find something in common all the same.
            mac: Cow::Borrowed(&[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256]),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        // russh ends the connection at the third beat that finds the one before unanswered.
        keepalive_interval: Some(limits.silence / 3),
        keepalive_max: 2,
        ..client::Config::default()
    }
}

/// Ends the connection when dropped. russh goes on in a task of its own, also when nobody waits for
/// it any more, and a peer that says nothing would keep that task for ever.
pub(super) struct Plug(OwnedFd);

impl Plug {
    pub(super) fn of(stream: &TcpStream, limits: &Limits) -> io::Result<Self> {
        // Without it each small packet waits for the answer to the last: 40 ms a login, measured.
        stream.set_nodelay(true)?;
        // A peer that takes nothing any more blocks russh in a write, where no keepalive is counted.
        #[cfg(target_os = "linux")]
        let silence = u32::try_from(limits.silence.as_millis()).unwrap_or(u32::MAX);
        #[cfg(target_os = "linux")]
        rustix::net::sockopt::set_tcp_user_timeout(stream, silence)?;
        Ok(Self(stream.as_fd().try_clone_to_owned()?))
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        // An error says that it has ended already.
        rustix::net::shutdown(&self.0, rustix::net::Shutdown::Both).unwrap_or_default();
    }
}

/// What an error of russh means for the person in front of it.
pub(super) fn explain(error: russh::Error, host: &KnownHost, seen: &Seen) -> SshError {
    let host = host.clone();
    if let Some(shown) = seen.refused_key() {
        return match seen.was_revoked() {
            true => SshError::HostKeyRevoked {
                host: host.name().to_owned(),
                keys: vec![shown],
            },
            false => SshError::HostKeyChanged { host, shown },
        };
    }
    match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => {
            // A hello can name thousands; twenty tell enough.
            let offered = theirs.iter().take(20).map(|name| short(name)).collect();
            let what = match kind {
                AlgorithmKind::Key => return SshError::HostKeyType { host, offered },
                AlgorithmKind::Kex => "key exchange",
                AlgorithmKind::Cipher => "cipher",
                AlgorithmKind::Compression => "compression",
                AlgorithmKind::Mac => "message authentication",
            };
            SshError::NoCommon {
                host,
                what,
                offered,
            }
        }
        russh::Error::WrongServerSig => SshError::HostKeyUnproven { host },
        russh::Error::Kex if seen.was_cuttable() => SshError::NoCommon {
            host,
            what: "cipher that is safe without strict key exchange",
            offered: vec!["chacha20-poly1305@openssh.com".to_owned()],
        },
        russh::Error::IO(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
            SshError::Protocol {
                host,
                reason: "it hung up".to_owned(),
            }
        }
        other => SshError::Protocol {
            host,
            reason: short(&other.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_short_and_strong_and_the_best_comes_first() {
        let line =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        let host = KnownHost::new("web", "10.0.0.4", 22, "deploy", [line]).unwrap();
        let config = config(host.algorithms(), &Limits::default());
        let preferred = &config.preferred;
        let names = |list: &[kex::Name]| -> Vec<String> {
            list.iter().map(|name| name.as_ref().to_owned()).collect()
        };
        assert_eq!(
            names(&preferred.kex),
            [
                "mlkem768x25519-sha256",
                "ecdh-sha2-nistp256",
                "curve25519-sha256",
                "curve25519-sha256@libssh.org",
                "ext-info-c",
                "kex-strict-c-v00@openssh.com",
            ]
        );
        assert_eq!(*preferred.key, [russh::keys::Algorithm::Ed25519]);
        assert!(preferred.host_key_certificates.is_empty());
        assert_eq!(preferred.compression.as_ref(), [compression::NONE]);
        let weak = ["none", "cbc", "sha1", "md5", "3des", "rc4"];
        for name in preferred.cipher.iter().map(AsRef::as_ref) {
            assert!(
                !weak.iter().any(|weak: &&str| str::contains(name, weak)),
                "{name}"
            );
        }
        for name in preferred.mac.iter().map(AsRef::as_ref) {
            assert!(
                !weak.iter().any(|weak: &&str| str::contains(name, weak)),
                "{name}"
            );
        }
        // Three beats of 10 s: the first two are asked, the third finds them unanswered.
        assert_eq!(config.keepalive_interval, Some(Duration::from_secs(10)));
        assert_eq!(config.keepalive_max, 2);
    }
}
