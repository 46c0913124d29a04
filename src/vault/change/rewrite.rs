//! Changing a part of a secret: opened, and sealed anew in the same change.

use super::{Change, NewValue};
use crate::error::Error;
use crate::fs::Sync;
use crate::name::SecretName;
use crate::secret::Plain;
use crate::vault::read::Reader;
use crate::vault::sealing::NewFile;
use crate::vault::{Notice, Policy, PolicyKey, ValueType};

/// A file that was not there is for nobody else.
const NEW_MODE: u32 = 0o600;

impl Change<'_> {
    /// Makes a secret's next content of the one that is given out; its type or mode stays. One that is
    /// not there is made of nothing. While something of the old content is in it, that stays exposed. Gives
    /// what the person should know.
    ///
    /// # Errors
    /// What keeps it closed; [`crate::vault::VaultError::TooLargeToRotate`] for a large file;
    /// [`crate::vault::VaultError`].
    pub fn rewrite(
        &mut self,
        secret: &SecretName,
        make: impl Fn(&Plain) -> Plain,
    ) -> Result<Vec<Notice>, Error> {
        let is_live = self.vault.is_live(secret)?;
        let nothing = || Plain::new(Vec::new());
        match secret {
            SecretName::Value(document, name) => {
                let openers = self.openers.to_vec();
                let reader =
                    Reader::new(self.vault, openers, self.what, Sync::Disk)?.holding_lock();
                let (kind, old, policy) = match is_live {
                    true => {
                        let opened = reader.value(document, name)?;
                        (opened.kind, opened.value, opened.policy)
                    }
                    false => (ValueType::String, nothing(), Policy::default()),
                };
                let plain = make(&old);
                let exposed = still_exposed(&policy, &plain, &make(&nothing()));
                self.set(document, name, NewValue { kind, plain }, |policy| {
                    policy.set(PolicyKey::Exposed, exposed);
                })?;
                Ok(reader.take_notices())
            }
            SecretName::File(path) => {
                let ((mode, old), policy) = match is_live {
                    true => {
                        let sidecar = self.counting(path, self.vault)?.1;
                        (self.open_live(path)?, sidecar.policy)
                    }
                    false => ((NEW_MODE, nothing()), Policy::default()),
                };
                let plain = make(&old);
                let exposed = still_exposed(&policy, &plain, &make(&nothing()));
                plain.with(|bytes| {
                    let input = bytes.as_slice();
                    self.set_file(path, NewFile { mode, input }, |policy| {
                        policy.set(PolicyKey::Exposed, exposed);
                    })
                })?;
                Ok(Vec::new())
            }
        }
    }
}

/// Why the new content is exposed: as the old one was, unless it is the one that is made of nothing.
fn still_exposed(policy: &Policy, new: &Plain, of_nothing: &Plain) -> Option<String> {
    let exposed = policy.value(PolicyKey::Exposed)?.to_owned();
    (!new.same_as(of_nothing)).then_some(exposed)
}
