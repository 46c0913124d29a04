//! Who signed a value that no writer vouches for, as far as that can be told, for whoever is to vouch for it.

use std::fmt;

use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, PartyName, ValueName};
use crate::recipients::Rights;

use super::VaultError;
use super::document::Document;
use super::open::Vault;
use super::record::{Record, State};

/// Whose value it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SaidSigner {
    /// A party's, whose signature was verified.
    Party(PartyName),
    /// Nobody knows whose: it names somebody who has no such key here. Foreign text, made safe.
    Named(String),
}

impl fmt::Display for SaidSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Party(name) => write!(f, "signed by {name}"),
            Self::Named(name) => {
                write!(
                    f,
                    "which names {name} as its signer, without a key of theirs"
                )
            }
        }
    }
}

impl Vault {
    /// Who signed a value that does not count; nothing of one that does, or that was taken away.
    ///
    /// # Errors
    /// [`VaultError::BadSignature`] if the key of whom it names did not sign it.
    pub fn said_signer(
        &self,
        path: &DocumentPath,
        name: &ValueName,
    ) -> Result<Option<SaidSigner>, Error> {
        let Some(bytes) = self.tree().read(&path.to_file(), MAX_FILE)? else {
            return Ok(None);
        };
        let document = Document::parse(&bytes, path, self.id())?;
        let rights = self.rights(path.as_str())?;
        let record = document.record(name)?;
        let live = record.filter(|record| record.state != State::Removed);
        let Some(record) = live else {
            return Ok(None);
        };
        match self.judge_record(&document, &record, &rights, None) {
            Ok(_) => Ok(None),
            Err(_) => Ok(Some(self.said_signer_of(&document, &record, &rights)?)),
        }
    }

    /// The same of a record.
    pub(super) fn said_signer_of(
        &self,
        document: &Document<'_>,
        record: &Record,
        rights: &Rights,
    ) -> Result<SaidSigner, VaultError> {
        let named = || SaidSigner::Named(crate::text::clean_line(&record.signed.party));
        let Ok(party) = record.signed.party.parse::<PartyName>() else {
            return Ok(named());
        };
        // As if they might write: only whether they signed is asked.
        let rights = Rights {
            writers: [party.clone()].into(),
            ..rights.clone()
        };
        match self.claim_of_record(document, record, &rights) {
            Ok((claim, _)) => claim.verify().map(|()| SaidSigner::Party(party)),
            Err(VaultError::UnknownKey { .. }) => Ok(named()),
            Err(error) => Err(error),
        }
    }
}
