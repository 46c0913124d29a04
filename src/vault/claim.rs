//! A signature that somebody who may write here is said to have made, ready to be verified.
//!
//! Finding the key needs the rules; verifying needs nothing else, so that many can be verified on
//! every core at once.

use std::collections::BTreeSet;

use crate::cores;
use crate::crypto::sshsig::{Namespace, PublicKey, Signature, SignedBy};
use crate::name::PartyName;
use crate::recipients::Rights;
use crate::text::clean_line;
use crate::trust::RecordMark;

use super::VaultError;
use super::document::Document;
use super::open::Vault;
use super::pending::Pending;
use super::pending_file::PendingFile;
use super::record::{Part, Record};
use super::sidecar::{self, Sidecar};

/// What is claimed to be signed, by which key.
#[derive(Clone, Debug)]
pub struct Claim {
    name: String,
    signer: String,
    key: PublicKey,
    namespace: Namespace,
    message: Vec<u8>,
    signature: Signature,
    /// SHA-256(message ‖ F(signature text)): what a pin holds of the record once it was verified.
    hash: [u8; 32],
}

impl Claim {
    /// Checks the signature (56 µs).
    ///
    /// # Errors
    /// [`VaultError::BadSignature`].
    pub fn verify(&self) -> Result<(), VaultError> {
        self.key
            .verify(self.namespace, &self.message, &self.signature)
            .map_err(|_| VaultError::BadSignature {
                name: self.name.clone(),
                signer: self.signer.clone(),
            })
    }

    /// Checks the signature, unless the pin has it: then it was verified before, by a key that still
    /// counts.
    pub(super) fn verify_unless(self, pinned: Option<&[u8; 32]>) -> Result<[u8; 32], VaultError> {
        if pinned != Some(&self.hash) {
            self.verify()?;
        }
        Ok(self.hash)
    }
}

/// Below this a thread costs more than it saves: 32 signatures take 2 ms.
pub(super) const WORTH_A_THREAD: usize = 32;

/// The claims that do not hold, by name; verified on all cores.
#[must_use]
pub fn refused(claims: Vec<Claim>) -> Vec<(String, VaultError)> {
    let look = |claim: Claim| claim.verify().err().map(|error| (claim.name, error));
    let each = cores::each(claims, WORTH_A_THREAD, look);
    each.into_iter().flatten().collect()
}

impl Vault {
    /// The claim of a document's own record.
    ///
    /// # Errors
    /// [`VaultError::NotWriter`], [`VaultError::UnknownKey`].
    pub fn claim_of_head(
        &self,
        document: &Document<'_>,
        rights: &Rights,
    ) -> Result<Claim, VaultError> {
        let (place, head) = (&document.place, &document.head);
        self.claim(
            place.path.to_string(),
            &head.signed,
            &rights.writers,
            Namespace::Document,
            |key| head.message(place, key),
        )
    }

    /// The claim of one value's record, and what the record is compared by.
    ///
    /// # Errors
    /// As [`Self::claim_of_head`].
    pub fn claim_of_record(
        &self,
        document: &Document<'_>,
        record: &Record,
        rights: &Rights,
    ) -> Result<(Claim, RecordMark), VaultError> {
        let name = format!("{}/{}", document.place.path, record.name);
        let claim = self.claim(
            name,
            &record.signed,
            &rights.writers,
            Namespace::Value,
            |key| record.message(&document.place, document.key_id_of(record), key),
        )?;
        let mark = record.mark_of(claim.hash);
        Ok((claim, mark))
    }

    /// The claim of the other value of a rotation.
    ///
    /// # Errors
    /// As [`Self::claim_of_head`].
    pub fn claim_of_pending(
        &self,
        document: &Document<'_>,
        pending: &Pending,
        rights: &Rights,
    ) -> Result<Claim, VaultError> {
        let record = &pending.0;
        let name = format!("{}/{}, pending", document.place.path, record.name);
        let signed = &record.signed;
        self.claim(name, signed, &rights.writers, Namespace::Value, |key| {
            let key_id = document.key_id_of(record);
            record.message_as(Part::Pending, &document.place, key_id, key)
        })
    }

    /// The claim of a sealed file's sidecar, and what it is compared by.
    ///
    /// # Errors
    /// As [`Self::claim_of_head`].
    pub fn claim_of_sidecar(
        &self,
        sidecar: &Sidecar,
        rights: &Rights,
    ) -> Result<(Claim, RecordMark), VaultError> {
        let claim = self.claim(
            sidecar.path.to_string(),
            &sidecar.signed,
            &rights.writers,
            Namespace::File,
            |key| sidecar.message(self.id(), key),
        )?;
        let mark = sidecar.mark_of(claim.hash);
        Ok((claim, mark))
    }

    /// The claim of the other content of a sealed file's rotation.
    ///
    /// # Errors
    /// As [`Self::claim_of_head`].
    pub fn claim_of_pending_file(
        &self,
        pending: &PendingFile,
        rights: &Rights,
    ) -> Result<Claim, VaultError> {
        let record = &pending.record;
        let name = format!("{}, pending", record.path);
        let signed = &record.signed;
        self.claim(name, signed, &rights.writers, Namespace::File, |key| {
            record.message_as(sidecar::Part::Pending, self.id(), key)
        })
    }

    /// The key that should have signed: one of somebody who may.
    ///
    /// # Errors
    /// [`VaultError::NotWriter`], [`VaultError::UnknownKey`].
    pub(super) fn signer(
        &self,
        name: impl Fn() -> String,
        signed: &SignedBy,
        allowed: &BTreeSet<PartyName>,
        what: Namespace,
    ) -> Result<PublicKey, VaultError> {
        let Some(writer) = allowed.get(signed.party.as_str()) else {
            let party = signed.party.parse().ok();
            let party = party.map(|party| self.party_if_known(&party)).transpose()?;
            return Err(VaultError::NotWriter {
                name: name(),
                signer: clean_line(&signed.party),
                writers: allowed.iter().map(ToString::to_string).collect(),
                what,
                is_party: party.flatten().is_some(),
            });
        };
        let unknown = || VaultError::UnknownKey {
            name: name(),
            signer: clean_line(&signed.party),
        };
        let party = self.party_if_known(writer)?.ok_or_else(unknown)?;
        let key = party.verifying_key(signed.fingerprint);
        Ok(key.ok_or_else(unknown)?.key.clone())
    }

    /// What is claimed of such a key.
    pub(super) fn claim(
        &self,
        name: String,
        signed: &SignedBy,
        allowed: &BTreeSet<PartyName>,
        namespace: Namespace,
        message: impl Fn(&PublicKey) -> Vec<u8>,
    ) -> Result<Claim, VaultError> {
        let key = self.signer(|| name.clone(), signed, allowed, namespace)?;
        let message = message(&key);
        Ok(Claim {
            name,
            signer: clean_line(&signed.party),
            key,
            namespace,
            hash: signed.hash_over(&message),
            message,
            signature: signed.signature.clone(),
        })
    }
}
