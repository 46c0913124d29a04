//! `[document]`: what binds a document's id to its path, and commits to its data key.

use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::crypto::{List, hex};
use crate::lines::{self, LineError, Parsed, Value};
use crate::name::DocumentPath;

use super::open::Signs;
use super::place::Place;
use super::policy::Policy;
use super::retired::{self, Retired};

/// The keys of `[document]`, in their order.
pub(super) const HEAD_KEYS: &[&str] = &[
    "format",
    "id",
    "path",
    "seq",
    "key_id",
    "expires",
    "exposed",
    "moved_to",
    "no_print",
    "note",
    "owner",
    "rotate_every",
    "rotator",
    "sig",
];

/// A document's own record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// 16 random bytes, fixed at creation.
    pub id: [u8; 16],
    /// The path that the writer signed.
    pub path: DocumentPath,
    /// This record: +1 at a rekey or a move.
    pub seq: u64,
    /// The commitment to the data key.
    pub key_id: [u8; 32],
    /// The default policy of its values.
    pub policy: Policy,
    /// The data keys from before, which only those who have the current one can open.
    pub(super) retired: Vec<Retired>,
    /// Who signed it.
    pub signed: SignedBy,
}

impl Head {
    /// Signs a new document's record.
    pub(super) fn sign(
        place: &Place,
        seq: u64,
        key_id: [u8; 32],
        (policy, retired): (Policy, Vec<Retired>),
        signer: &dyn Signs,
    ) -> Result<Self, crate::error::Error> {
        let message = message(place, seq, &key_id, &retired, &policy, signer.public());
        let signed = signer.sign(Namespace::Document, &message)?;
        Ok(Self {
            id: place.id,
            path: place.path.clone(),
            seq,
            key_id,
            policy,
            retired,
            signed,
        })
    }

    pub(super) fn parse(parsed: &Parsed<'_>) -> Result<Self, LineError> {
        let table = parsed.only("document")?;
        if table.number("format")? != 1 {
            return Err(table.wrong("format", "this clws knows format 1 alone".to_owned()));
        }
        let retired = parsed
            .of_kind("retired")
            .map(|header| Retired::parse(&parsed.table(header)?));
        let retired: Result<Vec<_>, LineError> = retired.collect();
        Ok(Self {
            id: table.hex("id")?,
            path: table.parsed("path")?,
            seq: table.number("seq")?,
            key_id: table.hex("key_id")?,
            policy: Policy::parse(&table)?,
            retired: retired?,
            signed: table.parsed("sig")?,
        })
    }

    /// Prints the table.
    #[must_use]
    pub fn print(&self) -> String {
        let mut fields: Vec<(&str, Value)> = vec![
            ("format", Value::Integer(1)),
            ("id", hex(&self.id).into()),
            ("path", self.path.as_str().into()),
            ("seq", self.seq.into()),
            ("key_id", hex(&self.key_id).into()),
        ];
        fields.extend(self.policy.fields());
        fields.push(("sig", self.signed.to_string().into()));
        lines::print("document", None, &fields)
    }

    /// The message that the signature is over, for the key that it names.
    #[must_use]
    pub fn message(&self, place: &Place, signer: &PublicKey) -> Vec<u8> {
        message(
            place,
            self.seq,
            &self.key_id,
            &self.retired,
            &self.policy,
            signer,
        )
    }

    /// Whether its data key is one that was seen, or took that one's place: a key that is changed is kept for a
    /// while by the next ones.
    pub(super) fn follows_key(&self, key_id: &str) -> bool {
        let old = self.retired.iter().map(|retired| &retired.key_id);
        old.chain([&self.key_id]).any(|known| hex(known) == key_id)
    }

    /// Who left with an old key, if that is kept.
    pub(super) fn left_with(&self, key_id: &[u8; 32]) -> Option<Vec<String>> {
        let mut kept = self.retired.iter();
        kept.find(|retired| retired.key_id == *key_id)
            .map(|retired| retired.left.clone())
    }

    /// SHA-256(message ‖ F(signature text)): what a pin holds of a verified record.
    #[must_use]
    pub fn hash(&self, message: &[u8]) -> [u8; 32] {
        self.signed.hash_over(message)
    }
}

/// `L("clws.v1.document", vault, doc, path, scope, u64(seq), key_id, retired, policy, signer blob)`.
fn message(
    place: &Place,
    seq: u64,
    key_id: &[u8; 32],
    retired: &[Retired],
    policy: &Policy,
    signer: &PublicKey,
) -> Vec<u8> {
    List::new("clws.v1.document")
        .bytes(&place.vault)
        .bytes(&place.id)
        .text(place.path.as_str())
        .text(place.scope().as_str())
        .number(seq)
        .bytes(key_id)
        .list(retired::message(retired))
        .list(policy.message())
        .bytes(signer.blob())
        .encode()
}
