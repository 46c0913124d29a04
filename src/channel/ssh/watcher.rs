//! What russh asks while a session lives: is this the right host key, may the server open a channel.
//!
//! Every answer is no, but for a host key that is on record. russh's own defaults accept the channels
//! that a server opens.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{self, ChannelOpenHandle, DisconnectReason, Msg};
use russh::keys::PublicKeyOrCertificate;
use russh::{Names, cipher};

use super::KnownHost;
use super::error::short;
use super::host_key::fingerprint;
use crate::text;

/// How much of a banner is kept: more than any that is meant to be read.
const BANNER_CAP: usize = 4 << 10;

/// What was seen of a host, shared with russh's task.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    refused: Option<String>,
    revoked: bool,
    shown: Option<String>,
    banner: Vec<u8>,
    farewell: Option<String>,
    cuttable: bool,
    /// Whether the host took its leave when it hung up.
    took_leave: bool,
}

impl Seen {
    fn with<R>(&self, look: impl FnOnce(&mut Facts) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Type and fingerprint of the host key that was refused.
    pub(super) fn refused_key(&self) -> Option<String> {
        self.with(|facts| facts.refused.clone())
    }

    /// Whether that was because it was taken back.
    pub(super) fn was_revoked(&self) -> bool {
        self.with(|facts| facts.revoked)
    }

    /// The host key that was shown and proved, as `TYPE BASE64`, where one only looks.
    pub(super) fn shown_key(&self) -> Option<String> {
        self.with(|facts| facts.shown.take())
    }

    /// Whether ChaCha20-Poly1305 was agreed on without strict numbering, and the session ended.
    pub(super) fn was_cuttable(&self) -> bool {
        self.with(|facts| facts.cuttable)
    }

    /// Whether the host took its leave when it hung up, as OpenSSH does after too many keys.
    pub(super) fn took_leave(&self) -> bool {
        self.with(|facts| facts.took_leave)
    }

    /// What the host said when it hung up, safe to print.
    pub(super) fn farewell(&self) -> Option<String> {
        self.with(|facts| facts.farewell.clone())
    }

    /// What the host showed at login, safe to print.
    pub(super) fn banner(&self) -> Option<String> {
        self.with(|facts| {
            let text = String::from_utf8_lossy(&facts.banner);
            let text = text::clean(text.trim());
            (!text.is_empty()).then_some(text)
        })
    }
}

/// Which host keys are right.
pub(super) enum Right {
    /// Those on record.
    Known(KnownHost),
    /// None: one only looks.
    None,
}

/// Answers russh's questions: which host key is right, and no to every channel that a server opens.
pub(super) struct Watcher {
    pub(super) right: Right,
    pub(super) seen: Seen,
}

/// A refusal is what becomes of a reply that is dropped; the defaults of russh accept.
macro_rules! refuse_channels {
    ($($name:ident($($argument:ty),*);)*) => {$(
        async fn $name(
            &mut self,
            _: russh::Channel<Msg>,
            $(_: $argument,)*
            reply: ChannelOpenHandle,
            _: &mut client::Session,
        ) -> Result<(), russh::Error> {
            drop(reply);
            Ok(())
        }
    )*};
}

impl client::Handler for Watcher {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        let (host, key) = match (&self.right, shown) {
            (Right::Known(host), PublicKeyOrCertificate::PublicKey { key, .. }) => (host, key),
            (Right::None, PublicKeyOrCertificate::PublicKey { key, .. }) => {
                let line = key.to_openssh().ok();
                self.seen.with(|facts| facts.shown = line);
                return Ok(false);
            }
            // None was offered, so none can be right.
            (_, PublicKeyOrCertificate::Certificate(_)) => {
                let key = fingerprint(&shown.public_key());
                self.seen.with(|facts| facts.refused = Some(key));
                return Ok(false);
            }
        };
        let known = host.has(key) && !host.has_revoked(key);
        if !known {
            let revoked = host.has_revoked(key);
            let key = fingerprint(key);
            self.seen.with(|facts| {
                facts.refused = Some(key);
                facts.revoked = revoked;
            });
        }
        Ok(known)
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        names: &Names,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        if names.cipher == cipher::CHACHA20_POLY1305 && !names.strict_kex() {
            self.seen.with(|facts| facts.cuttable = true);
            return Err(russh::Error::Kex);
        }
        Ok(())
    }

    async fn auth_banner(
        &mut self,
        banner: &str,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.seen.with(|facts| {
            let left = BANNER_CAP - facts.banner.len();
            let fits = banner.as_bytes();
            facts
                .banner
                .extend_from_slice(fits.get(..left).unwrap_or(fits));
        });
        Ok(())
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<russh::Error>,
    ) -> Result<(), russh::Error> {
        let said = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.seen.with(|facts| facts.took_leave = true);
                info.message
            }
            DisconnectReason::Error(error) => error.to_string(),
        };
        self.seen.with(|facts| facts.farewell = Some(short(&said)));
        Ok(())
    }

    refuse_channels! {
        server_channel_open_forwarded_tcpip(&str, u32, &str, u32);
        server_channel_open_forwarded_streamlocal(&str);
        server_channel_open_agent_forward();
        server_channel_open_session();
        server_channel_open_direct_tcpip(&str, u32, &str, u32);
        server_channel_open_direct_streamlocal(&str);
        server_channel_open_x11(&str, u32);
        server_channel_open_unknown();
    }
}
