//! The keys that a host proves itself with.
//!
//! They lie in the host's party file and come into a [`KnownHost`], the only thing that can be
//! connected to. There is no first use and no question: a key is on record or it is refused. Of
//! `known_hosts` only what it revokes counts. Only algorithms that are on record are offered, so that a host with several keys
//! shows the one we know. RSA keys are left out: this build cannot verify their signatures, since
//! the `rsa` crate has no fixed version (RUSTSEC-2023-0071), and a host with RSA alone would look
//! like an attack.

use std::sync::Arc;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

use super::SshError;
use crate::text::shell_word;

/// A host with its address and the keys that it must prove itself with. A clone is cheap.
#[derive(Clone, Debug)]
pub struct KnownHost(Arc<Record>);

#[derive(Debug)]
struct Record {
    name: String,
    address: String,
    port: u16,
    user: String,
    keys: Vec<PublicKey>,
    revoked: Vec<PublicKey>,
}

impl KnownHost {
    /// A host as its party describes it; `keys` are lines of `TYPE BASE64`, with a comment or
    /// without.
    ///
    /// # Errors
    /// [`SshError::BadHostKey`] for a line that is no public key, [`SshError::NoHostKey`] if none
    /// is left that can be checked.
    pub fn new(
        name: impl Into<String>,
        address: impl Into<String>,
        port: u16,
        user: impl Into<String>,
        keys: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, SshError> {
        let host = name.into();
        let mut usable = Vec::new();
        let mut other = Vec::new();
        for line in keys {
            let line = line.as_ref();
            let key = PublicKey::from_openssh(line)
                .map_err(|_| SshError::BadHostKey { host: host.clone() })?;
            if is_checkable(&key.algorithm()) {
                usable.push(key);
            } else {
                other.push(key.algorithm().to_string());
            }
        }
        if usable.is_empty() {
            return Err(SshError::NoHostKey {
                host,
                recorded: other,
            });
        }
        Ok(Self(Arc::new(Record {
            name: host,
            address: address.into(),
            port,
            user: user.into(),
            keys: usable,
            revoked: Vec::new(),
        })))
    }

    /// A host of which no key is right, to look at what it shows.
    pub(super) fn unproved(name: &str, address: &str, port: u16) -> Self {
        Self(Arc::new(Record {
            name: name.to_owned(),
            address: address.to_owned(),
            port,
            user: String::new(),
            keys: Vec::new(),
            revoked: Vec::new(),
        }))
    }

    /// The same host, without keys that the person takes back: lines of `TYPE BASE64`.
    ///
    /// # Errors
    /// [`SshError::HostKeyRevoked`] if none is left.
    pub fn without(
        self,
        revoked: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, SshError> {
        let revoked: Vec<PublicKey> = revoked
            .into_iter()
            // A key of a kind that cannot be read here can be shown by no host either.
            .filter_map(|line| PublicKey::from_openssh(line.as_ref()).ok())
            .collect();
        let is_revoked = |key: &PublicKey| contains(&revoked, key);
        let keys: Vec<PublicKey> = self
            .0
            .keys
            .iter()
            .filter(|key| !is_revoked(key))
            .cloned()
            .collect();
        if keys.is_empty() {
            return Err(SshError::HostKeyRevoked {
                host: self.0.name.clone(),
                keys: self.fingerprints(),
            });
        }
        Ok(Self(Arc::new(Record {
            name: self.0.name.clone(),
            address: self.0.address.clone(),
            port: self.0.port,
            user: self.0.user.clone(),
            keys,
            revoked,
        })))
    }

    /// Its name in the vault.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its name or number in the network.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// The port of its SSH server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The account to log in to.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.0.user
    }

    /// `address:port`, as people write it.
    pub(super) fn place(&self) -> String {
        if self.0.address.contains(':') {
            format!("[{}]:{}", self.0.address, self.0.port)
        } else {
            format!("{}:{}", self.0.address, self.0.port)
        }
    }

    /// `user@address`.
    pub(super) fn login(&self) -> String {
        format!("{}@{}", self.0.user, self.0.address)
    }

    /// The command that puts a key there.
    pub(super) fn copy_id(&self) -> String {
        let port = match self.0.port {
            22 => String::new(),
            port => format!("-p {port} "),
        };
        let login = shell_word(&self.login());
        format!("`ssh-copy-id {port}-i KEY.pub {login}`")
    }

    /// Type and fingerprint of each key on record.
    pub(super) fn fingerprints(&self) -> Vec<String> {
        self.0.keys.iter().map(fingerprint).collect()
    }

    /// What to offer: the algorithms on record, in the order of preference.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        CHECKABLE
            .into_iter()
            .filter(|algorithm| self.0.keys.iter().any(|key| key.algorithm() == *algorithm))
            .collect()
    }

    /// Whether this very key is on record.
    pub(super) fn has(&self, key: &PublicKey) -> bool {
        contains(&self.0.keys, key)
    }

    /// Whether this very key was taken back.
    pub(super) fn has_revoked(&self, key: &PublicKey) -> bool {
        contains(&self.0.revoked, key)
    }
}

fn contains(keys: &[PublicKey], key: &PublicKey) -> bool {
    keys.iter().any(|known| known.key_data() == key.key_data())
}

/// What this build can verify, best first.
pub(super) const CHECKABLE: [Algorithm; 4] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP256,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP384,
    },
    Algorithm::Ecdsa {
        curve: EcdsaCurve::NistP521,
    },
];

fn is_checkable(algorithm: &Algorithm) -> bool {
    CHECKABLE.contains(algorithm)
}

/// `ssh-ed25519 SHA256:…`, as `ssh-keygen -l` shows it.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    let name = key.algorithm().to_string();
    let name = crate::text::clean_line(&name);
    format!("{name} {}", key.fingerprint(HashAlg::Sha256))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Explain as _};

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ root@web";
    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC5K9D2bvrOFEHibQFQo9/XuXBxyPspDVC2x7rcA6o/9Vgi2oQfy6evE+iBc0GCtwISb9xwtlmzITeqCncNFCSSq8mFno7xUE+xfGNl6xEKqgU0JzPL4x/RH9Ca9Gem7n7gMMvPSnu+uxFlb2OL9z3wrPF5SidaCSmVBoIFgs3zvw==";

    fn host(keys: &[&str]) -> Result<KnownHost, SshError> {
        KnownHost::new("web", "10.0.0.4", 22, "deploy", keys)
    }

    #[test]
    fn only_what_is_on_record_is_offered_and_never_rsa() {
        let host = host(&[ED25519, RSA]).unwrap();
        assert_eq!(host.algorithms(), [Algorithm::Ed25519]);
        assert!(host.has(&PublicKey::from_openssh(ED25519).unwrap()));
        assert!(!host.has(&PublicKey::from_openssh(RSA).unwrap()));
    }

    #[test]
    fn a_host_with_rsa_alone_is_refused_with_the_way_out() {
        let error = host(&[RSA]).unwrap_err();
        assert_eq!(error.code(), Code::HostKey);
        assert!(error.notes()[0].contains("ssh-rsa"), "{:?}", error.notes());
        assert!(error.hints()[0].contains("ssh-keygen -A"));
        assert!(error.hints()[1].contains("clws host scan web --add"));
    }

    #[test]
    fn a_revoked_key_is_neither_offered_nor_taken() {
        let error = host(&[ED25519]).unwrap().without([ED25519]).unwrap_err();
        assert_eq!(error.code(), Code::HostKey);
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGsX+RWpgXYjnzWNSbfDuKAQ2Iso2yPs9W2kFNXLyXOLQGEEoCbQPBjNKdB3hVgCOtQXiBLYAGpW+lu8D6HwKQk=";
        let host = host(&[ED25519, ecdsa]).unwrap().without([ED25519]).unwrap();
        assert_eq!(host.algorithms().len(), 1);
        let key = PublicKey::from_openssh(ED25519).unwrap();
        assert!(!host.has(&key) && host.has_revoked(&key));
    }

    #[test]
    fn a_host_without_keys_and_a_line_that_is_no_key_are_refused() {
        assert_eq!(host(&[]).unwrap_err().code(), Code::HostKey);
        assert_eq!(
            host(&["ssh-ed25519 AAAA"]).unwrap_err().code(),
            Code::DataErr
        );
    }

    #[test]
    fn places_read_as_people_write_them() {
        let host = KnownHost::new("web", "fd00::4", 2222, "deploy", [ED25519]).unwrap();
        assert_eq!(host.place(), "[fd00::4]:2222");
        assert_eq!(
            host.copy_id(),
            "`ssh-copy-id -p 2222 -i KEY.pub deploy@fd00::4`"
        );
    }
}
