//! Who decides about the vault, and what is left of that if a key is lost.

use super::Diagnosis;
use crate::error::Error;
use crate::membership::last_version;
use crate::vault::Vault;

/// Looks whether one lost key would end all changes of the rules; nothing where the rules do not hold.
///
/// # Errors
/// [`crate::trust::TrustError`] if they cannot be read.
pub fn council(vault: &Vault) -> Result<Option<Diagnosis>, Error> {
    let version = last_version(vault)?;
    let mut admins = version.admins.keys();
    let (Some(alone), None) = (admins.next(), admins.next()) else {
        return Ok(None);
    };
    Ok(Some(Diagnosis::note(
        "administrator",
        format!(
            "{alone} decides alone, with one key: if it is lost, nobody changes the rules any more"
        ),
        "let an identity that is kept offline decide too: `clws trust sign --admin NAME` (docs/people.md)",
    )))
}
