//! Who gave a plaintext, and when: it goes with the plaintext wherever that is sealed.

use crate::time::Moment;

use super::sidecar::Sidecar;

/// Who gave a plaintext, and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Origin {
    pub(super) author: String,
    pub(super) changed: Moment,
}

impl Origin {
    /// Of a sealed file.
    pub(super) fn of(sidecar: &Sidecar) -> Self {
        Self {
            author: sidecar.author.clone(),
            changed: sidecar.changed,
        }
    }
}
