//! Taking over what counts only if a writer says so.

use crate::error::Error;
use crate::name::{DocumentPath, ValueName};
use crate::vault::policy::Policy;
use crate::vault::record::{Record, State, seal_value};
use crate::vault::{SaidSigner, VaultError};

use super::Change;
use crate::vault::exposure::expose;

/// What was taken over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Adopted {
    /// Nothing had to be: it counts as it is.
    Counts,
    /// It was sealed under a key from before, which those who left had.
    Resealed {
        /// They.
        left: Vec<String>,
    },
    /// It was handed in.
    HandedIn {
        /// By whom.
        by: String,
        /// Who could read it then and has left since.
        left: Vec<String>,
    },
    /// It was signed by somebody who may not write here.
    Vouched {
        /// Whoever signed it, as far as that can be told.
        signer: SaidSigner,
    },
}

impl Change<'_> {
    /// Seals and signs a value as it lies there: one that was added on a branch under a key from before a
    /// rekey, or one whose signer may not write here any more.
    ///
    /// Of what a writer had signed, author, age and policy stay. Of the other, nothing is known but the
    /// value, which somebody sealed who could read the document.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Older`] if a newer one was seen, which is what [`Self::restore`] is
    /// for; [`VaultError::BadSignature`] if the key of whom it names did not sign it; [`VaultError`] if it does not open
    /// or this author may not write.
    pub fn adopt(&mut self, path: &DocumentPath, name: &ValueName) -> Result<Adopted, Error> {
        let (vault, author) = (self.vault, self.author);
        let draft = self.draft(path)?;
        let missing = || VaultError::NotFound {
            name: format!("{path}/{name}"),
            nearest: None,
        };
        let record = draft.before(name)?.ok_or_else(missing)?;
        let State::Live { kind, .. } = record.state else {
            return Err(missing().into());
        };
        let document = draft.document_of(name).ok_or_else(missing)?;
        let left = match document.check_kid(&record) {
            Ok(()) => None,
            Err(VaultError::OtherKey {
                left: Some(left), ..
            }) => Some(left),
            Err(error) => return Err(error.into()),
        };
        let is_vouched = draft.is_vouched(vault, &record);
        if is_vouched && left.is_none() {
            return Ok(Adopted::Counts);
        }
        let signer = match is_vouched {
            true => None,
            false => Some(vault.said_signer_of(&document, &record, &draft.rights)?),
        };
        draft.demand_not_older(&record)?;
        let plain = document.open_record(&record, &draft.data_key)?;
        let vouched = Some(&record).filter(|_| is_vouched);
        let (next_rev, seq) = draft.next(name, vouched)?;
        let (rev, changed, by, mut policy) = match vouched {
            // The same value as before goes on under its number.
            Some(record) => (
                record.rev,
                record.changed,
                record.author.as_str(),
                record.policy.clone(),
            ),
            None => (
                next_rev,
                vault.world().now(),
                author.party.as_str(),
                Policy::default(),
            ),
        };
        expose(
            &mut policy,
            left.as_deref().unwrap_or_default(),
            vault.world().now(),
        );
        let salt = vault.world().random()?;
        let keys = (&draft.head.key_id, &draft.data_key);
        let text = seal_value(&draft.place, name.as_str(), kind, rev, keys, &salt, &plain)?;
        let unsigned = Record {
            name: name.clone(),
            state: State::Live { kind, text },
            rev,
            seq,
            changed,
            author: by.to_owned(),
            policy,
            signed: (),
        };
        let signed = unsigned.sign(&draft.place, keys.0, author.signer)?;
        draft.records.insert(name.clone(), signed);
        draft.plain.insert(name.clone(), plain);
        Ok(match signer {
            Some(signer) => Adopted::Vouched { signer },
            None => Adopted::Resealed {
                left: left.unwrap_or_default(),
            },
        })
    }
}
