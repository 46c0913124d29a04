//! Sealing for a path's readers what leaves the vault.

use std::io::{Read, Write};

use crate::crypto::stream;
use crate::error::Error;
use crate::fs::FsError;

use super::VaultError;
use super::change::ToRecipient;
use super::open::Vault;

impl Vault {
    /// Seals `input` as an age file to everybody who reads a path.
    ///
    /// # Errors
    /// [`VaultError`], [`FsError`].
    pub fn seal_for_readers(
        &self,
        path: &str,
        to_recipient: &ToRecipient<'_>,
        input: impl Read,
        output: impl Write,
    ) -> Result<(), Error> {
        let mut recipients = Vec::new();
        for reader in &self.rights(path)?.readers {
            for recipient in &self.party(reader)?.recipients {
                recipients.push(to_recipient(recipient)?);
            }
        }
        let each = recipients.iter().map(|recipient| &**recipient);
        match stream::seal_file(each, input, output) {
            Ok(_) => Ok(()),
            Err(stream::StreamError::Io(source)) => {
                Err(FsError::io("write", std::path::Path::new(path))(source).into())
            }
            Err(other) => Err(VaultError::BadFile {
                name: path.to_owned(),
                why: other.to_string(),
            }
            .into()),
        }
    }
}
