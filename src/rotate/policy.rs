//! What a vault says of a secret that is rotated.

use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::SecretName;
use crate::vault::{Document, Policy, Sidecar, Vault};

/// What is known about a secret, by itself or its document.
pub(super) fn policy_of(vault: &Vault, secret: &SecretName) -> Result<Policy, Error> {
    about(vault, secret).map(|(policy, _)| policy)
}

/// What is known about a secret, by itself or its document; who gave it and who vouches for it.
pub(super) fn about(vault: &Vault, secret: &SecretName) -> Result<(Policy, [String; 2]), Error> {
    let text = |file: &str| {
        vault
            .tree()
            .read(file, MAX_FILE)
            .map(Option::unwrap_or_default)
    };
    match secret {
        SecretName::Value(path, name) => {
            let bytes = text(&path.to_file())?;
            let document = Document::parse(&bytes, path, vault.id())?;
            let record = document.record(name)?;
            let record = record.ok_or_else(|| vault.missing(secret))?;
            let policy = record.policy.with(&document.head.policy);
            Ok((policy, [record.author, record.signed.party]))
        }
        SecretName::File(path) => {
            let sidecar = Sidecar::parse(&text(&path.to_sidecar())?, path)?;
            Ok((sidecar.policy, [sidecar.author, sidecar.signed.party]))
        }
    }
}
