//! Where a value stands: what binds it to its vault, document, scope and name.

use crate::crypto::List;
use crate::name::{DocumentPath, Scope};

use super::kind::ValueType;

/// A document's place: the parts of every message and of the associated data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// The vault's id, 32 bytes.
    pub vault: [u8; 32],
    /// The document's id, 16 bytes, fixed at its creation.
    pub id: [u8; 16],
    /// The document's path.
    pub path: DocumentPath,
}

impl Place {
    /// Its scope.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.path.scope()
    }

    /// The associated data of one value:
    /// `L("clws.v1.place", vault, doc, scope, name, type, u64(rev), key_id)`.
    ///
    /// The signer is not in it, so that a writer who cannot read may sign again.
    #[must_use]
    pub fn associated(&self, name: &str, kind: ValueType, rev: u64, key_id: &[u8; 32]) -> Vec<u8> {
        List::with_room("clws.v1.place", 256)
            .bytes(&self.vault)
            .bytes(&self.id)
            .text(self.scope().as_str())
            .text(name)
            .text(kind.as_str())
            .number(rev)
            .bytes(key_id)
            .encode()
    }
}
