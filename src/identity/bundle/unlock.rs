//! Opening an identity's private halves, and holding each against the public one that was shown.

use super::{Bundle, Half, Source};
use crate::cores::lock;
use crate::crypto::sshsig::SigningKey;
use crate::identity::IdentityError;
use crate::identity::age_file::{self, Entry, Key};
use crate::identity::ask::{Ask, ask_for};
use crate::identity::opening::{Opening, Several};
use crate::identity::place::Kept;
use crate::identity::signer::Signer;
use crate::identity::ssh_agent::AgentKey;
use crate::identity::ssh_key::KeyFile;
use crate::secret::Plain;

impl Bundle {
    /// Opens the age half, and checks that it belongs to the public half that was shown.
    ///
    /// # Errors
    /// [`IdentityError::NoAge`] if there is none; a passphrase that nobody gives; a private half of
    /// something else; what is wrong with the file, the keyring or the plugin.
    pub fn open_age<'a>(&self, ask: &'a dyn Ask) -> Result<Opening<'a>, IdentityError> {
        let text = self.age_text()?;
        if text.with(|bytes| age_file::is_sealed(bytes)) {
            let label = self.age_label();
            let open = self.with_passphrase(&label, ask, |passphrase| {
                Ok(text.with(|bytes| age_file::unseal(bytes, passphrase, &label))?)
            })?;
            open.with(|bytes| self.open_entries(bytes, ask))
        } else {
            text.with(|bytes| self.open_entries(bytes, ask))
        }
    }

    fn open_entries<'a>(
        &self,
        bytes: &[u8],
        ask: &'a dyn Ask,
    ) -> Result<Opening<'a>, IdentityError> {
        let label = self.age_label();
        // A bundle has one, for the public half is one; a file that was named may have several.
        let entries = match self.source {
            Source::Folder { .. } => vec![age_file::one_entry(bytes, &label)?],
            Source::Text(_) => age_file::entries(bytes, &label)?,
        };
        let mut identities = Vec::with_capacity(entries.len());
        for entry in &entries {
            identities.push(self.open_entry(entry, &label, ask)?);
        }
        match (identities.pop(), identities.is_empty()) {
            (Some(one), true) => Ok(one),
            (Some(last), false) => {
                identities.push(last);
                Ok(Opening::Other(Box::new(Several(identities))))
            }
            (None, _) => Err(IdentityError::Empty { label }),
        }
    }

    fn open_entry<'a>(
        &self,
        entry: &Entry<'_>,
        label: &str,
        ask: &'a dyn Ask,
    ) -> Result<Opening<'a>, IdentityError> {
        let key = match entry.key {
            Key::Plugin(text) => {
                let plugin = self.reach.plugins.identity(text, ask)?;
                return Ok(Opening::Other(Box::new(plugin)));
            }
            Key::Ssh(text) => return self.open_ssh(text, label, ask),
            Key::Native(text) => age_file::native(text, label)?,
        };
        for claimed in [entry.claimed, self.recipient()].into_iter().flatten() {
            demand_same(claimed, key.public(), label)?;
        }
        Ok(Opening::Native(key))
    }

    fn open_ssh<'a>(
        &self,
        text: &[u8],
        label: &str,
        ask: &dyn Ask,
    ) -> Result<Opening<'a>, IdentityError> {
        let mut key = KeyFile::parse(text, label)?;
        if key.is_sealed() {
            key = self.with_passphrase(label, ask, |passphrase| Ok(key.unseal(passphrase)?))?;
        }
        let (public, identity) = key.age_identity()?;
        let claimed = self.recipient().unwrap_or_default();
        demand_same(claimed, &public.to_string(), label)?;
        Ok(Opening::Other(Box::new(identity)))
    }

    /// What signs: the key itself, or the agent that holds it.
    ///
    /// # Errors
    /// As [`Self::open_age`], of the other half. An agent is not asked yet.
    pub fn signer(&self, ask: &dyn Ask) -> Result<Signer, IdentityError> {
        if let Some(Half {
            kept: Kept::Agent,
            public: Some(public),
        }) = &self.sign
        {
            let agent = self.reach.agent.clone();
            return Ok(Signer::Agent(AgentKey::new(agent, public.clone())));
        }
        Ok(Signer::Key(self.open_key(ask)?.1))
    }

    /// The signing key in OpenSSH's form, without a passphrase, for a login in memory.
    ///
    /// # Errors
    /// As [`Self::signer`], and [`IdentityError::StaysInAgent`].
    pub fn signing_key_openssh(&self, ask: &dyn Ask) -> Result<Plain, IdentityError> {
        if self.signing_kept() == Some(Kept::Agent) {
            return Err(IdentityError::StaysInAgent {
                label: self.label.clone(),
            });
        }
        Ok(self.open_key(ask)?.0.text()?)
    }

    fn open_key(&self, ask: &dyn Ask) -> Result<(KeyFile, SigningKey), IdentityError> {
        let mut key = self.key_file()?;
        if key.is_sealed() {
            key = self.with_passphrase(&self.key_label(), ask, |passphrase| {
                Ok(key.unseal(passphrase)?)
            })?;
        }
        // The public half beside the private one must be what the seed gives, not what is claimed.
        let signing = key.signing_key()?;
        match self.verifying_key()? {
            Some(claimed) if claimed != signing.public() => Err(IdentityError::Mismatch {
                label: self.key_label(),
                public: claimed.to_string(),
            }),
            _ => Ok((key, signing)),
        }
    }

    /// Tries the passphrase that opened the other half, then what the person gives, three times.
    fn with_passphrase<T>(
        &self,
        label: &str,
        ask: &dyn Ask,
        open: impl Fn(&Plain) -> Result<Option<T>, IdentityError>,
    ) -> Result<T, IdentityError> {
        let mut kept = lock(&self.passphrase);
        if let Some(passphrase) = kept.as_ref()
            && let Some(opened) = open(passphrase)?
        {
            return Ok(opened);
        }
        let (opened, passphrase) = ask_for(label, ask, open)?;
        *kept = Some(passphrase);
        Ok(opened)
    }
}

/// What a file shows in the clear must be what its private half gives.
fn demand_same(claimed: &str, public: &str, label: &str) -> Result<(), IdentityError> {
    if claimed == public {
        return Ok(());
    }
    Err(IdentityError::Mismatch {
        label: label.to_owned(),
        public: claimed.to_owned(),
    })
}
