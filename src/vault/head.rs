//! `[document]`: what binds a document's id to its path, and commits to its data key.

use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::crypto::{List, hex};
use crate::lines::{self, LineError, Parsed, Value};
use crate::name::DocumentPath;

use super::place::Place;
use super::policy::Policy;
use super::retired::{self, Retired};
use super::signer::Signs;

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
    /// Signs a new document's record. Gives its hash too: what a pin holds of a verified record.
    pub(super) fn sign(
        place: &Place,
        seq: u64,
        key_id: [u8; 32],
        (policy, retired): (Policy, Vec<Retired>),
        signer: &dyn Signs,
    ) -> Result<(Self, [u8; 32]), crate::error::Error> {
        let message = message(place, seq, &key_id, &retired, &policy, signer.public());
        let signed = signer.sign(Namespace::Document, &message)?;
        let hash = signed.hash_over(&message);
        let head = Self {
            id: place.id,
            path: place.path.clone(),
            seq,
            key_id,
            policy,
            retired,
            signed,
        };
        Ok((head, hash))
    }

    pub(super) fn parse(parsed: &Parsed<'_>) -> Result<Self, LineError> {
        let table = parsed.only("document")?;
        table.demand_format()?;
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

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::crypto::sshsig::SigningKey;
    use crate::crypto::{DataKey, Label, encode_base64, seal, sha256};
    use crate::vault::policy::PolicyKey;

    /// The vectors of the specification, which names the key that was replaced by the text of its id.
    #[test]
    fn the_documents_of_the_specification_come_out_to_the_byte() {
        let page = include_str!("../../docs/format.md");
        let bytes = |from: u8| move |at| from + u8::try_from(at).unwrap();
        let place = Place {
            vault: std::array::from_fn(bytes(0)),
            id: std::array::from_fn(bytes(0x40)),
            path: "prod/web".parse().unwrap(),
        };
        let (old, new) = (
            DataKey::new(std::array::from_fn(bytes(0x80))),
            DataKey::new(std::array::from_fn(bytes(0xe0))),
        );
        let id_of = |key: &DataKey| key.commitment(&place.vault, &place.id).unwrap();
        let (old_id, new_id) = (id_of(&old), id_of(&new));
        let salt = std::array::from_fn(bytes(0xc0));
        let associated = retired::associated(&place, &old_id, &new_id);
        let key = old.with(|old| seal(&new, Label::Retired, &salt, &associated, old));
        let key = encode_base64(&key.unwrap());
        let text = format!(
            "[retired.6b4ee6a354ae631d]\nkey = \"{key}\"\nkey_id = \"{}\"\n\
             until = \"2027-05-23T10:00:00Z\"\nleft = [\"ben\"]\n\n[end]\n",
            hex(&old_id)
        );
        let parsed =
            lines::scan(text.as_bytes(), &crate::vault::document::DOCUMENT_SCHEMA).unwrap();
        let header = parsed.of_kind("retired").next().unwrap();
        let retired = Retired::parse(&parsed.table(header).unwrap()).unwrap();
        retired.open(&place, (&new_id, &new)).unwrap();
        let mut policy = Policy::default();
        policy.set(PolicyKey::RotateEvery, Some("90d".into()));
        let signing = SigningKey::from_seed(&Zeroizing::new([1; 32])).unwrap();
        let hash = |seq, key_id, retired: &[Retired]| {
            let signed = message(&place, seq, key_id, retired, &policy, signing.public());
            hex(&sha256(&signed))
        };
        for vector in [
            hash(3, &old_id, &[]),
            hash(4, &new_id, &[retired]),
            hex(&new_id),
            key,
        ] {
            assert!(page.contains(&vector), "{vector}");
        }
    }
}
