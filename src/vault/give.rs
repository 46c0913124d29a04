//! Sealing for a path's readers what leaves the vault.

use std::io::{Read, Write};

use crate::crypto::stream;
use crate::error::Error;
use crate::fs::FsError;
use crate::recipients::{RecipientKey, Sealing};

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
                // A server's key opens in its vault alone.
                if !matches!(recipient.key, RecipientKey::Transit(_)) {
                    recipients.push(to_recipient(recipient)?);
                }
            }
        }
        let each = recipients.iter().map(Sealing::age);
        let sealed = stream::seal_file(each, input, output);
        sealed.map(drop).map_err(|error| given(path, error))
    }

    /// Seals a few bytes to each recipient of everybody who reads a path, one age file each: for tools that
    /// keep them apart. Gives each recipient with its file.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn seal_to_each_reader(
        &self,
        path: &str,
        to_recipient: &ToRecipient<'_>,
        bytes: &[u8],
    ) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut sealed = Vec::new();
        for reader in &self.rights(path)?.readers {
            for recipient in &self.party(reader)?.recipients {
                if matches!(recipient.key, RecipientKey::Transit(_)) {
                    continue;
                }
                let (to, mut file) = (to_recipient(recipient)?, Vec::new());
                stream::seal_file(std::iter::once(to.age()), bytes, &mut file)
                    .map_err(|error| given(path, error))?;
                sealed.push((recipient.key.to_string(), file));
            }
        }
        Ok(sealed)
    }
}

fn given(path: &str, error: stream::StreamError) -> Error {
    match error {
        stream::StreamError::Io(source) => {
            FsError::io("write", std::path::Path::new(path))(source).into()
        }
        other => VaultError::BadFile {
            name: path.to_owned(),
            why: other.to_string(),
        }
        .into(),
    }
}
