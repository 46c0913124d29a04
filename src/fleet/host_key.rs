//! A host key as people and files write it: `TYPE BASE64`, with a comment behind it or without.

use crate::crypto::{decode_base64, encode_base64, sha256};
use crate::error::{Code, Explain};

/// A text that is no host key. It may be a private key, so it is not repeated.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is no host key like `ssh-ed25519 AAAA…`")]
pub struct HostKeyError;

impl Explain for HostKeyError {
    fn code(&self) -> Code {
        Code::Usage
    }

    fn hints(&self) -> Vec<String> {
        vec!["it is what `cat /etc/ssh/ssh_host_ed25519_key.pub` prints on the host".to_owned()]
    }
}

/// A host key: its type, and the bytes that servers show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostKeyText {
    kind: String,
    blob: Vec<u8>,
}

impl std::str::FromStr for HostKeyText {
    type Err = HostKeyError;

    fn from_str(text: &str) -> Result<Self, HostKeyError> {
        let wrong = || HostKeyError;
        let mut words = text.split_ascii_whitespace();
        let (kind, base64) = words.next().zip(words.next()).ok_or_else(wrong)?;
        let blob = decode_base64(base64).map_err(|_| wrong())?;
        // The bytes begin with the type again, as a string of the SSH protocol.
        let mut head = Vec::new();
        crate::crypto::field(&mut head, kind.as_bytes());
        if !blob.starts_with(&head) || blob.len() == head.len() {
            return Err(wrong());
        }
        Ok(Self {
            kind: kind.to_owned(),
            blob,
        })
    }
}

impl std::fmt::Display for HostKeyText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, encode_base64(&self.blob))
    }
}

impl HostKeyText {
    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let base64 = encode_base64(&sha256(&self.blob));
        format!("SHA256:{}", base64.trim_end_matches('='))
    }

    /// Its label in a party's file: `ed25519`, `ecdsa`, `rsa`.
    #[must_use]
    pub fn label(&self) -> &str {
        let name = self.kind.strip_prefix("ssh-").unwrap_or(&self.kind);
        name.split(['-', '@', '.']).next().unwrap_or("main")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_with_its_comment_and_prints_without() {
        let line =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        let key: HostKeyText = format!("{line} root@web").parse().unwrap();
        assert_eq!(key.to_string(), line);
        assert_eq!(key.label(), "ed25519");
        for wrong in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
        ] {
            assert!(wrong.parse::<HostKeyText>().is_err(), "{wrong}");
        }
    }
}
