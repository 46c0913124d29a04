//! A key and its certificate: two secrets that are rotated as one.

use super::policy::policy_of;
use super::rotators::{BY_HAND, TLS};
use crate::error::Error;
use crate::name::{SecretName, SecretPath};
use crate::vault::{PolicyKey, Vault};

/// How the names of a pair differ: what the key ends with, and the certificate.
const ENDINGS: [(&str, &str); 7] = [
    (".key", ".crt"),
    (".key", ".pem"),
    (".key", ".cer"),
    (".key", ".cert"),
    ("_KEY", "_CRT"),
    ("_KEY", "_CERT"),
    ("_KEY", "_CERTIFICATE"),
];

/// The other secret of a pair whose key has the rotator `tls`, and what rotates both: `tls:ISSUER`, by the
/// rotator of the certificate. None for what is in no such pair.
///
/// # Errors
/// [`super::RotateError::NotMade`] for a key without a certificate, [`crate::vault::VaultError`].
pub(super) fn pair_of(
    vault: &Vault,
    secret: &SecretName,
    named: &[SecretName],
) -> Result<Option<(SecretName, String)>, Error> {
    let rotator = |secret: &SecretName| -> Result<Option<String>, Error> {
        let policy = policy_of(vault, secret)?;
        Ok(policy.value(PolicyKey::Rotator).map(str::to_owned))
    };
    let own = rotator(secret)?;
    let is_tls = own.as_deref() == Some(TLS);
    // Two that are named are a pair whatever their names are.
    let mut others: Vec<SecretName> = match named {
        [one, other] => [one, other]
            .into_iter()
            .filter(|named| *named != secret)
            .cloned()
            .collect(),
        _ => Vec::new(),
    };
    others.extend(by_name(vault, secret)?);
    for other in others {
        let theirs = rotator(&other)?;
        let issuer = match (is_tls, theirs.as_deref() == Some(TLS)) {
            (false, false) => continue,
            (true, true) => None,
            (true, false) => theirs,
            (false, true) => own,
        };
        let issuer = issuer.unwrap_or_else(|| BY_HAND.to_owned());
        return Ok(Some((other, format!("{TLS}:{issuer}"))));
    }
    if is_tls {
        let (path, why) = (
            secret.to_string(),
            "no certificate of it is found: name both",
        );
        return Err(super::RotateError::NotMade { path, why }.into());
    }
    Ok(None)
}

/// The key of the pair that a secret is the certificate of, by their names, if it has the rotator `tls`. What does not
/// read says nothing.
pub(super) fn tls_key_of(vault: &Vault, certificate: &str) -> Option<String> {
    let is_certificate = |(key, end): &(&str, &str)| {
        let stem = certificate.strip_suffix(end)?;
        let path = format!("{stem}{key}").parse::<SecretPath>().ok()?;
        let key = vault.find_secret(&path).ok()?;
        let policy = policy_of(vault, &key).ok()?;
        (policy.value(PolicyKey::Rotator) == Some(TLS)).then(|| key.to_string())
    };
    ENDINGS.iter().find_map(is_certificate)
}

/// Those that are there under the name that the other one of a pair may have.
fn by_name(vault: &Vault, secret: &SecretName) -> Result<Vec<SecretName>, Error> {
    let full = secret.to_string();
    let mut found = Vec::new();
    for (key, certificate) in ENDINGS {
        for (own, other) in [(key, certificate), (certificate, key)] {
            let Some(stem) = full.strip_suffix(own) else {
                continue;
            };
            let Ok(path) = format!("{stem}{other}").parse::<SecretPath>() else {
                continue;
            };
            if let Ok(secret) = vault.find_secret(&path)
                && vault.is_live(&secret)?
            {
                found.push(secret);
            }
        }
    }
    Ok(found)
}
