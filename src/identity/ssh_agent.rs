//! A small client of the ssh-agent (draft-ietf-sshm-ssh-agent), for Ed25519 signatures.
//!
//! It speaks two requests over the Unix socket of `SSH_AUTH_SOCK`: which keys there are, and sign
//! this. The agent is not trusted: what it answers is cut off at 256 KiB and at a deadline, and a
//! signature is verified before anybody sees it.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::file::shown;
use super::wire::{take_byte, take_number, take_string};
use crate::crypto::sshsig::{Namespace, PublicKey, Signature, signed_bytes};
use crate::crypto::{field, sha256};
use crate::error::{Code, Explain, Hint};
use crate::text::clean_line;
use crate::world::World;

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const FAILURE: u8 = 5;

/// OpenSSH's own limit for one message of the agent.
const LONGEST: usize = 256 * 1024;

/// To list keys an agent asks nobody.
const LIST_WITHIN: Duration = Duration::from_secs(5);

/// To sign it may ask its person to confirm or to touch something.
const SIGN_WITHIN: Duration = Duration::from_secs(60);

/// Why the ssh-agent did not help.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// `SSH_AUTH_SOCK` is not set.
    #[error("there is no ssh-agent: SSH_AUTH_SOCK is not set")]
    NoAgent,
    /// Nothing answers on the socket, or not in time, or it broke off.
    #[error("the ssh-agent at `{}` does not answer", shown(socket))]
    Silent {
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An answer that makes no sense.
    #[error("the ssh-agent at `{}` gave an odd answer: {what}", shown(socket))]
    Odd {
        /// The socket.
        socket: PathBuf,
        /// What is odd about it.
        what: &'static str,
    },
    /// No key with that fingerprint is loaded.
    #[error("the ssh-agent holds no Ed25519 key {fingerprint}")]
    NoKey {
        /// The fingerprint, `SHA256:…`.
        fingerprint: String,
        /// The Ed25519 keys that it holds.
        held: Vec<String>,
    },
    /// The agent declined, as it does when the key is locked or its person says no.
    #[error("the ssh-agent declined to sign with {fingerprint}")]
    Declined {
        /// The key.
        fingerprint: String,
    },
    /// The signature is not one of the key.
    #[error("the ssh-agent gave a signature that is not one of {fingerprint}")]
    WrongSignature {
        /// The key.
        fingerprint: String,
    },
}

impl Explain for AgentError {
    fn code(&self) -> Code {
        match self {
            Self::NoKey { .. } | Self::Declined { .. } => Code::NoKey,
            Self::WrongSignature { .. } => Code::Auth,
            _ => Code::Backend,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::NoKey { held, .. } if !held.is_empty() => {
                vec![format!("it holds {}", crate::text::list(held))]
            }
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NoAgent => {
                vec!["`eval \"$(ssh-agent)\"` starts one, `ssh-add` loads keys".to_owned()]
            }
            Self::NoKey { .. } => vec!["`ssh-add ~/.ssh/id_ed25519` loads a key".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// OpenSSH's name of a public key: `SHA256:` and unpadded base64.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    let base64 = crate::crypto::encode_base64(&sha256(key.blob()));
    format!("SHA256:{}", base64.trim_end_matches('='))
}

/// The socket that the environment names.
pub(super) fn socket(world: &World) -> Option<PathBuf> {
    world
        .variable("SSH_AUTH_SOCK")
        .map(|path| world.folder().join(path))
}

/// The Ed25519 keys in the agent, with their comments.
///
/// # Errors
/// [`AgentError`] if there is no agent or it makes no sense.
pub fn agent_keys(world: &World) -> Result<Vec<(AgentKey, String)>, AgentError> {
    let socket = socket(world).ok_or(AgentError::NoAgent)?;
    let answer = ask(&socket, &[REQUEST_IDENTITIES], LIST_WITHIN)?;
    let odd = |what| AgentError::Odd {
        socket: socket.clone(),
        what,
    };
    let mut rest = answer.as_slice();
    if take_byte(&mut rest) != Some(IDENTITIES_ANSWER) {
        return Err(odd("it is no list of keys"));
    }
    let count = take_number(&mut rest).ok_or_else(|| odd("the list is cut off"))?;
    let mut keys = Vec::new();
    for _ in 0..count {
        // Each turn takes at least 8 bytes or ends, so the count alone allocates nothing.
        let blob = take_string(&mut rest).ok_or_else(|| odd("the list is cut off"))?;
        let comment = take_string(&mut rest).ok_or_else(|| odd("the list is cut off"))?;
        let Ok(public) = PublicKey::from_blob(blob) else {
            continue;
        };
        // A hardware key's signatures have another form, and count for two namespaces alone.
        if public == PublicKey::from_point(*public.point()) {
            let key = AgentKey::new(Some(socket.clone()), public);
            keys.push((key, clean_line(&String::from_utf8_lossy(comment))));
        }
    }
    Ok(keys)
}

/// A signing key that lies in an ssh-agent.
#[derive(Clone, Debug)]
pub struct AgentKey {
    socket: Option<PathBuf>,
    public: PublicKey,
}

impl AgentKey {
    pub(super) fn new(socket: Option<PathBuf>, public: PublicKey) -> Self {
        Self { socket, public }
    }

    /// The key of that name in the agent.
    ///
    /// # Errors
    /// [`AgentError::NoKey`] if it is not loaded.
    pub(super) fn find(world: &World, wanted: &str) -> Result<Self, AgentError> {
        let mut held = Vec::new();
        for (key, _) in agent_keys(world)? {
            if key.fingerprint() == wanted {
                return Ok(key);
            }
            held.push(key.fingerprint());
        }
        Err(AgentError::NoKey {
            fingerprint: clean_line(wanted),
            held,
        })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// `SHA256:…`, as `ssh-add -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.public)
    }

    /// Has the agent sign `message` in a namespace, and verifies what it gave.
    ///
    /// # Errors
    /// [`AgentError`]; an agent that declines is told apart from one that is odd.
    pub fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<Signature, AgentError> {
        let socket = self.socket.as_ref().ok_or(AgentError::NoAgent)?;
        let mut request = vec![SIGN_REQUEST];
        field(&mut request, self.public.blob());
        field(&mut request, &signed_bytes(namespace, message));
        request.extend_from_slice(&[0; 4]);
        let answer = ask(socket, &request, SIGN_WITHIN)?;
        let signature = match answer.split_first() {
            Some((&SIGN_RESPONSE, rest)) => signature_in(rest),
            Some((&FAILURE, _)) => {
                return Err(AgentError::Declined {
                    fingerprint: self.fingerprint(),
                });
            }
            _ => None,
        };
        let signature = signature.ok_or_else(|| AgentError::Odd {
            socket: socket.clone(),
            what: "it is no Ed25519 signature",
        })?;
        self.public
            .verify(namespace, message, &signature)
            .map_err(|_| AgentError::WrongSignature {
                fingerprint: self.fingerprint(),
            })?;
        Ok(signature)
    }
}

/// `F(F("ssh-ed25519") ‖ F(64 bytes))` (RFC 8709, 6).
fn signature_in(mut rest: &[u8]) -> Option<Signature> {
    let mut inner = take_string(&mut rest)?;
    let kind = take_string(&mut inner)?;
    let signature = take_string(&mut inner)?;
    let whole = rest.is_empty() && inner.is_empty() && kind == b"ssh-ed25519";
    (whole && signature.len() == 64)
        .then(|| Signature::new(signature.to_vec()).ok())
        .flatten()
}

/// One request and its answer, without the length before them.
fn ask(socket: &Path, request: &[u8], within: Duration) -> Result<Vec<u8>, AgentError> {
    let silent = |source| AgentError::Silent {
        socket: socket.to_path_buf(),
        source,
    };
    let odd = |what| AgentError::Odd {
        socket: socket.to_path_buf(),
        what,
    };
    let deadline = Instant::now() + within;
    let mut stream = connect(socket).map_err(silent)?;
    let mut message = Vec::with_capacity(4 + request.len());
    field(&mut message, request);
    stream.set_write_timeout(Some(within)).map_err(silent)?;
    stream.write_all(&message).map_err(silent)?;
    let mut length = [0; 4];
    fill(&mut stream, &mut length, deadline).map_err(silent)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length == 0 || length > LONGEST {
        return Err(odd("its length is out of bounds"));
    }
    let mut answer = vec![0; length];
    fill(&mut stream, &mut answer, deadline).map_err(silent)?;
    Ok(answer)
}

/// Connects without waiting: to an agent whose queue is full a blocking `connect` waits for ever.
fn connect(socket: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let new = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&new, &SocketAddrUnix::new(socket)?) {
        Err(Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
        other => other?,
    }
    let stream = UnixStream::from(new);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Fills `buffer`, with one deadline for all of it: a byte now and then wins no more time.
fn fill(stream: &mut UnixStream, buffer: &mut [u8], deadline: Instant) -> io::Result<()> {
    let mut rest = buffer;
    while !rest.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(rest) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => rest = rest.split_at_mut(length).1,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
