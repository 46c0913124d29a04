//! Changing a part of a secret: opened, and sealed anew in the same change.

use super::{Change, NewValue};
use crate::error::Error;
use crate::fs::Sync;
use crate::name::SecretName;
use crate::secret::Plain;
use crate::vault::file::NewFile;
use crate::vault::read::Reader;
use crate::vault::{Notice, ValueType};

/// A file that was not there is for nobody else.
const NEW_MODE: u32 = 0o600;

impl Change<'_> {
    /// Makes a secret's next content of the one that is given out; its type or mode stays. One that is
    /// not there is made of nothing. Gives what the person should know.
    ///
    /// # Errors
    /// What keeps it closed; [`crate::vault::VaultError::TooLargeToRotate`] for a large file;
    /// [`crate::vault::VaultError`].
    pub fn rewrite(
        &mut self,
        secret: &SecretName,
        make: impl FnOnce(&Plain) -> Plain,
    ) -> Result<Vec<Notice>, Error> {
        let is_live = self.vault.is_live(secret)?;
        let nothing = || Plain::new(Vec::new());
        match secret {
            SecretName::Value(document, name) => {
                let openers = self.openers.to_vec();
                let reader =
                    Reader::new(self.vault, openers, self.what, Sync::Disk)?.holding_lock();
                let (kind, old) = match is_live {
                    true => {
                        let opened = reader.value(document, name)?;
                        (opened.kind, opened.value)
                    }
                    false => (ValueType::String, nothing()),
                };
                let plain = make(&old);
                self.set(document, name, NewValue { kind, plain }, |_| {})?;
                Ok(reader.take_notices())
            }
            SecretName::File(path) => {
                let (mode, old) = match is_live {
                    true => self.open_live(path)?,
                    false => (NEW_MODE, nothing()),
                };
                make(&old).with(|bytes| {
                    let input = bytes.as_slice();
                    self.set_file(path, NewFile { mode, input }, |_| {})
                })?;
                Ok(Vec::new())
            }
        }
    }
}
