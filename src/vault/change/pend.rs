//! The two values of a rotation: one beside the other, and each in its turn the one that is given out.

use super::draft::Draft;
use super::{Change, NewValue};
use crate::crypto::DataKey;
use crate::error::Error;
use crate::name::{DocumentPath, SecretName, ValueName};
use crate::secret::Plain;
use crate::vault::document::Document;
use crate::vault::open::Vault;
use crate::vault::origin::Origin;
use crate::vault::pending::{Given, Pending};
use crate::vault::policy::{Policy, PolicyKey};
use crate::vault::record::{Part, Record, State, seal_value};
use crate::vault::signer::Signs;
use crate::vault::{ValueType, VaultError};

impl Change<'_> {
    /// Seals a new value beside the one that is given out, for a rotation; one that is there already
    /// gives way. `make` gives it for the old one and its type, which stays; a sealed file is a string
    /// if it is UTF-8. Gives which is given out, and which lies beside it.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if there is no such value, [`VaultError`].
    pub fn set_pending(
        &mut self,
        secret: &SecretName,
        make: impl FnOnce(ValueType, &Plain) -> Result<Plain, Error>,
    ) -> Result<(Given, Given), Error> {
        match secret {
            SecretName::Value(path, name) => {
                let (live, pending) = self.set_pending_value(path, name, make)?;
                Ok((Given::of(&live), Given::of(pending.record())))
            }
            SecretName::File(path) => self.set_pending_file(path, |old| {
                let is_text = old.with(|old| std::str::from_utf8(old).is_ok());
                let kind = if is_text {
                    ValueType::String
                } else {
                    ValueType::Bytes
                };
                make(kind, old)
            }),
        }
    }

    /// Makes the pending value the one that is given out, as the newest, and that one the pending one.
    /// Done twice, the value from before is the newest again. Who is known to know either stays with it;
    /// `known` says what else is known of the one that is now given out.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if nothing is pending, [`VaultError`] if it does not count or open.
    pub fn swap_pending(
        &mut self,
        secret: &SecretName,
        known: impl FnOnce(&Plain, &mut Policy),
    ) -> Result<(), Error> {
        match secret {
            SecretName::Value(path, name) => self.swap_pending_value(path, name, known),
            SecretName::File(path) => self.swap_pending_file(path, known),
        }
    }

    /// Opens the value that is given out; whoever asks has logged it.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if there is no such value, [`VaultError`].
    pub fn open_given_out(&mut self, secret: &SecretName) -> Result<Plain, Error> {
        match secret {
            SecretName::Value(path, name) => {
                let vault = self.vault;
                let draft = self.draft(path)?;
                let live = draft.live(vault, name)?;
                open(draft, vault, &live)
            }
            SecretName::File(path) => Ok(self.open_live(path)?.1),
        }
    }

    /// Opens the value that is given out and the one beside it, and changes nothing; whoever asks has
    /// logged it.
    ///
    /// # Errors
    /// As [`Self::swap_pending`].
    pub fn open_both(&mut self, secret: &SecretName) -> Result<(Plain, Plain), Error> {
        match secret {
            SecretName::Value(path, name) => self.open_both_values(path, name),
            SecretName::File(path) => self.open_both_files(path),
        }
    }

    /// Ends a rotation: the value that is given out is the only one.
    ///
    /// # Errors
    /// [`VaultError`] if this author may not write here.
    pub fn drop_pending(&mut self, secret: &SecretName) -> Result<(), Error> {
        match secret {
            SecretName::Value(path, name) => {
                self.draft(path)?.drop_pending(name);
                Ok(())
            }
            SecretName::File(path) => self.drop_pending_file(path),
        }
    }

    /// Whether a rotation of a value is open, which does not know what is set now.
    ///
    /// # Errors
    /// [`VaultError`] if this author may not write here.
    pub fn is_rotating(&mut self, path: &DocumentPath, name: &ValueName) -> Result<bool, Error> {
        Ok(self.draft(path)?.has_pending(name))
    }

    fn set_pending_value(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        make: impl FnOnce(ValueType, &Plain) -> Result<Plain, Error>,
    ) -> Result<(Record, Pending), Error> {
        let origin = self.origin();
        let (vault, signer) = (self.vault, self.author.signer);
        let draft = self.draft(path)?;
        let live = draft.live(vault, name)?;
        let State::Live { kind, .. } = live.state else {
            return Err(draft.missing(name.to_string()).into());
        };
        let plain = make(kind, &open(draft, vault, &live)?)?;
        let full = format!("{path}/{name}");
        plain.with(|plain| kind.check(&full, plain))?;
        let (rev, seq) = draft.next(name, Some(&live))?;
        let keys = (&draft.head.key_id, &draft.data_key);
        let salt = vault.world().random()?;
        let text = seal_value(&draft.place, name.as_str(), kind, rev, keys, &salt, &plain)?;
        let unsigned = Record {
            name: name.clone(),
            state: State::Live { kind, text },
            rev,
            seq,
            changed: origin.changed,
            author: origin.author,
            policy: Policy::default(),
            signed: (),
        };
        let pending = unsigned.sign_as(Part::Pending, &draft.place, keys.0, signer)?;
        let pending = Pending(pending);
        draft.stand_by(&pending, plain);
        Ok((live, pending))
    }

    fn swap_pending_value(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
        known: impl FnOnce(&Plain, &mut Policy),
    ) -> Result<(), Error> {
        let (vault, signer) = (self.vault, self.author.signer);
        let draft = self.draft(path)?;
        let live = draft.live(vault, name)?;
        let (pending, new) = draft.pending(vault, name)?;
        let old = open(draft, vault, &live)?;
        let mut said = Policy::default();
        let exposed = live.policy.value(PolicyKey::Exposed).map(str::to_owned);
        said.set(PolicyKey::Exposed, exposed);
        draft.sign_pending(live, said, old, signer)?;
        let Record {
            state,
            author,
            changed,
            policy,
            ..
        } = pending.0;
        let State::Live { kind, .. } = state else {
            return Err(VaultError::NotVerified(format!("{path}/{name}")).into());
        };
        let exposed = policy.value(PolicyKey::Exposed).map(str::to_owned);
        let seen = new.duplicate();
        let new = NewValue { kind, plain: new };
        let origin = Origin { author, changed };
        self.set_from(path, name, new, origin, |kept| {
            kept.set(PolicyKey::Exposed, exposed);
            known(&seen, kept);
        })?;
        Ok(())
    }

    fn open_both_values(
        &mut self,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<(Plain, Plain), Error> {
        let vault = self.vault;
        let draft = self.draft(path)?;
        let live = draft.live(vault, name)?;
        let (_, beside) = draft.pending(vault, name)?;
        Ok((open(draft, vault, &live)?, beside))
    }
}

impl Draft {
    /// The document as it lies there.
    fn whole(&self, vault: &Vault) -> Result<Option<Document<'_>>, VaultError> {
        let there = self.there.as_ref();
        there
            .map(|there| Document::parse(there.text.as_bytes(), &self.place.path, vault.id()))
            .transpose()
    }

    fn missing(&self, what: String) -> VaultError {
        VaultError::NotFound {
            name: format!("{}/{what}", self.place.path),
            nearest: None,
        }
    }

    /// The value that is given out, if it counts.
    fn live(&self, vault: &Vault, name: &ValueName) -> Result<Record, Error> {
        let before = self.before(name)?;
        let before = before.filter(|record| record.state != State::Removed);
        let live = before.ok_or_else(|| self.missing(name.to_string()))?;
        self.judge_before(vault, &live)?;
        if let Some(document) = self.document_of(name) {
            document.check_kid(&live)?;
        }
        Ok(live)
    }

    /// What is pending, if it counts, opened.
    fn pending(&self, vault: &Vault, name: &ValueName) -> Result<(Pending, Plain), Error> {
        let missing = || self.missing(format!("{name}, as something pending"));
        let document = self.whole(vault)?.ok_or_else(missing)?;
        let pending = document.pending(name)?.ok_or_else(missing)?;
        let claim = vault.claim_of_pending(&document, &pending, &self.rights)?;
        claim.verify()?;
        let plain = document.open_record(&pending.0, &self.data_key)?;
        Ok((pending, plain))
    }

    /// Signs a record as the pending one; its sealed text stays.
    fn sign_pending(
        &mut self,
        record: Record,
        policy: Policy,
        plain: Plain,
        signer: &dyn Signs,
    ) -> Result<(), Error> {
        let unsigned = Record { policy, ..record };
        let key_id = &self.head.key_id;
        let pending = unsigned.sign_as(Part::Pending, &self.place, key_id, signer)?;
        self.stand_by(&Pending(pending), plain);
        Ok(())
    }

    fn stand_by(&mut self, pending: &Pending, plain: Plain) {
        let name = pending.name().clone();
        self.pending.insert(name, Some((pending.clone(), plain)));
    }

    /// Whether something is pending in the file under this name.
    fn has_pending(&self, name: &ValueName) -> bool {
        let there = self.there.as_ref();
        there.is_some_and(|there| there.has_pending(name))
    }

    /// Takes what is pending out, if anything is.
    pub(super) fn drop_pending(&mut self, name: &ValueName) {
        if self.has_pending(name) {
            self.pending.insert(name.clone(), None);
        }
    }

    /// Seals what is pending under another key of the document. What those who left could read says so.
    pub(super) fn reseal_pending(
        &mut self,
        (vault, before): (&Vault, &Vault),
        document: &Document<'_>,
        old: &DataKey,
        new: (&[u8; 32], &DataKey),
        left: &[String],
        signer: &dyn Signs,
    ) -> Result<(), Error> {
        let rights = before.rights(document.place.path.as_str())?;
        for pending in document.all_pending()? {
            let claim = before.claim_of_pending(document, &pending, &rights)?;
            claim.verify()?;
            let plain = document.open_record(&pending.0, old)?;
            let mut gone = left.to_vec();
            gone.extend(document.left_with(&pending.0).into_iter().flatten());
            let Record {
                name,
                state,
                rev,
                seq,
                changed,
                author,
                mut policy,
                ..
            } = pending.0;
            let State::Live { kind, .. } = state else {
                continue;
            };
            crate::vault::exposure::expose(&mut policy, &gone, vault.world().now());
            let salt = vault.world().random()?;
            let text = seal_value(&self.place, name.as_str(), kind, rev, new, &salt, &plain)?;
            let unsigned = Record {
                name,
                state: State::Live { kind, text },
                rev,
                seq,
                changed,
                author,
                policy,
                signed: (),
            };
            let sealed = unsigned.sign_as(Part::Pending, &self.place, new.0, signer)?;
            self.stand_by(&Pending(sealed), plain);
        }
        Ok(())
    }
}

/// Opens the value that is given out.
fn open(draft: &Draft, vault: &Vault, live: &Record) -> Result<Plain, Error> {
    let document = draft.whole(vault)?;
    let document = document.ok_or_else(|| draft.missing(live.name.to_string()))?;
    Ok(document.open_record(live, &draft.data_key)?)
}
