//! A status as a page in a file.

use std::path::Path;

use crate::error::Error;
use crate::fs::write_beside;
use crate::status::{Audience, Status, page};
use crate::vault::Vault;

/// Writes the page beside its place, then puts it there: whoever serves the folder never has half of it.
pub(super) fn write(
    file: &Path,
    status: &Status,
    vault: &Vault,
    is_public: bool,
) -> Result<(), Error> {
    let audience = match is_public {
        true => Audience::Public,
        false => Audience::Team,
    };
    let text = page(status, vault, audience)?;
    Ok(write_beside(file, text.as_bytes(), 0o600)?)
}
