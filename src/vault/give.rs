//! Sealing for a path's readers what leaves the vault.

use std::io::{Read, Write};

use crate::crypto::stream;
use crate::error::Error;
use crate::recipients::{PublicRecipient, RecipientKey, Sealing};

use super::change::ToRecipient;
use super::open::Vault;
use super::opener::Opener;
use super::unseal::{failed, with_each};

impl Vault {
    /// Seals `input` as an age file to everybody who reads a path.
    ///
    /// # Errors
    /// [`super::VaultError`], [`crate::fs::FsError`].
    pub fn seal_for_readers(
        &self,
        path: &str,
        to_recipient: &ToRecipient<'_>,
        input: impl Read,
        output: impl Write,
    ) -> Result<(), Error> {
        self.seal_for(path, |_| true, to_recipient, input, output)
    }

    /// Seals `input` as an age file to those keys of everybody who reads a path that are kept offline.
    ///
    /// # Errors
    /// [`super::VaultError`], among them that there is none; [`crate::fs::FsError`].
    pub fn seal_for_recovery(
        &self,
        path: &str,
        to_recipient: &ToRecipient<'_>,
        input: impl Read,
        output: impl Write,
    ) -> Result<(), Error> {
        let is_offline = PublicRecipient::is_offline;
        self.seal_for(path, is_offline, to_recipient, input, output)
    }

    /// Whether somebody who reads a path has a key that is kept offline.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn can_recover(&self, path: &str) -> Result<bool, Error> {
        for reader in &self.rights(path)?.readers {
            let party = self.party(reader)?;
            let mut offline = party.recipients.iter().filter(|each| each.is_offline());
            if offline.any(opens_anywhere) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn seal_for(
        &self,
        path: &str,
        is_meant: impl Fn(&PublicRecipient) -> bool,
        to_recipient: &ToRecipient<'_>,
        input: impl Read,
        output: impl Write,
    ) -> Result<(), Error> {
        let mut recipients = Vec::new();
        for reader in &self.rights(path)?.readers {
            for recipient in &self.party(reader)?.recipients {
                if opens_anywhere(recipient) && is_meant(recipient) {
                    recipients.push(to_recipient(recipient)?);
                }
            }
        }
        let each = recipients.iter().map(Sealing::age);
        let sealed = stream::seal_file(each, input, output);
        sealed.map(drop).map_err(|error| failed(path, error))
    }

    /// Seals a few bytes to each recipient of everybody who reads a path, one age file each: for tools that
    /// keep them apart. Gives each recipient with its file.
    ///
    /// # Errors
    /// [`super::VaultError`].
    pub fn seal_to_each_reader(
        &self,
        path: &str,
        to_recipient: &ToRecipient<'_>,
        bytes: &[u8],
    ) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let mut sealed = Vec::new();
        for reader in &self.rights(path)?.readers {
            for recipient in &self.party(reader)?.recipients {
                if !opens_anywhere(recipient) {
                    continue;
                }
                let (to, mut file) = (to_recipient(recipient)?, Vec::new());
                stream::seal_file(std::iter::once(to.age()), bytes, &mut file)
                    .map_err(|error| failed(path, error))?;
                sealed.push((recipient.key.to_string(), file));
            }
        }
        Ok(sealed)
    }
}

/// Opens a file that was given out, to its end, and keeps none of it: SHA-256 and size of what is inside.
///
/// # Errors
/// [`super::VaultError::BadFile`]; what keeps an opener closed.
pub fn verify_given(
    openers: &[&dyn Opener],
    file: &mut std::fs::File,
    name: &str,
) -> Result<stream::Passed, Error> {
    with_each(openers, name, |identity| {
        stream::verify_file(file, std::iter::once(identity))
    })?
    .map_err(|error| failed(name, error))
}

/// Whether it opens what lies in a file of its own: a server's key opens in its vault alone.
fn opens_anywhere(recipient: &PublicRecipient) -> bool {
    !matches!(recipient.key, RecipientKey::Transit(_))
}
