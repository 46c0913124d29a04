//! What a rotation will do, before anything is opened.

use super::RotateError;
use super::record::Turning;
use super::rotators::{Means, rotator};
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{SecretName, SecretPath};
use crate::vault::{Document, PolicyKey, Vault, VaultError};

/// The values at `paths`, each with its rotator by its policy or its document's, which is there.
///
/// # Errors
/// [`RotateError::NoRotator`], [`RotateError::IsFile`], [`VaultError`] for what is not there or does not
/// count.
pub fn planned(
    vault: &Vault,
    paths: &[SecretPath],
    means: Means<'_>,
) -> Result<Vec<Turning>, Error> {
    let mut all: Vec<Turning> = Vec::new();
    for path in paths {
        let secret = vault.find_secret(path)?;
        vault.peek(&secret)?;
        let full = secret.to_string();
        let SecretName::Value(document_path, name) = secret else {
            return Err(RotateError::IsFile { path: full }.into());
        };
        let bytes = vault.tree().read(&document_path.to_file(), MAX_FILE)?;
        let bytes = bytes.unwrap_or_default();
        let document = Document::parse(&bytes, &document_path, vault.id())?;
        let record = document
            .record(&name)?
            .ok_or_else(|| VaultError::NotFound {
                name: full.clone(),
                nearest: None,
            })?;
        let policy = record.policy.with(&document.head.policy);
        let named = policy.value(PolicyKey::Rotator);
        rotator(&full, named, means)?;
        if all.iter().all(|value| value.path != full) {
            let named = named.unwrap_or_default().to_owned();
            all.push(Turning::new(full, named));
        }
    }
    all.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(all)
}
