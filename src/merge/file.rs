//! One sealed file of two branches: the newer content, and what lies beside it for a rotation.

use super::tables::{Join, join};
use crate::lines::{self, Parsed};
use crate::name::FilePath;
use crate::vault::{SIDECAR_SCHEMA, VaultError};

/// The sidecar of the side that counts, `taken`, with `[pending]` as the two sides have made it. Where both
/// changed that, it goes with the content.
///
/// # Errors
/// [`VaultError::Line`] if `taken` does not read.
pub fn sidecar(
    path: &FilePath,
    taken: &[u8],
    base: Option<&[u8]>,
    left: Option<&[u8]>,
) -> Result<String, VaultError> {
    let taken = lines::scan(taken, &SIDECAR_SCHEMA).map_err(|error| VaultError::Line {
        file: path.to_sidecar(),
        error,
    })?;
    let side = |bytes: Option<&[u8]>| {
        let parsed = lines::scan(bytes?, &SIDECAR_SCHEMA).ok()?;
        pending_of(&parsed)
    };
    let ours = pending_of(&taken);
    let (base, theirs) = (side(base), side(left));
    let beside = match join(base.as_deref(), ours.as_deref(), theirs.as_deref()) {
        Join::One(text) => text,
        Join::Both(ours, _) => Some(ours),
    };
    let change = (("pending", None), beside.map(str::to_owned));
    Ok(lines::apply(&taken, &[change].into()))
}

fn pending_of(parsed: &Parsed<'_>) -> Option<String> {
    let header = parsed.find("pending", None)?;
    Some(parsed.text(header).0.trim_end_matches('\n').to_owned())
}
