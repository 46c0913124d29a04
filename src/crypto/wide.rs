//! For tests: a recipient that takes much of a header.

use std::collections::HashSet;

use age::{EncryptError, Recipient};
use age_core::format::{FileKey, Stanza};

/// One whose stanza has an argument of so many characters, and who may have another one `beside` it.
pub(super) struct Wide {
    pub(super) width: usize,
    pub(super) beside: Option<age::x25519::Recipient>,
}

impl Recipient for Wide {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let beside = self.beside.as_ref();
        let wrapped = beside.map(|beside| beside.wrap_file_key(file_key));
        let (mut stanzas, labels) = wrapped.transpose()?.unwrap_or_default();
        stanzas.push(Stanza {
            tag: "wide".to_owned(),
            args: vec!["x".repeat(self.width)],
            body: vec![0; 3],
        });
        Ok((stanzas, labels))
    }
}
