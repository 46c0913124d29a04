//! One `[secret.NAME]`: the sealed value and everything that is signed with it.

use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::crypto::{
    DataKey, Label, List, SALT_LEN, decode_base64, encode_base64, hex, open, pad, seal, unpad,
};
use crate::error::Error;
use crate::lines::{self, LineError, Table, Value};
use crate::name::ValueName;
use crate::secret::Plain;
use crate::time::Moment;
use crate::trust::RecordMark;

use super::kind::{MAX_VALUE, ValueType};
use super::place::Place;
use super::policy::{Policy, PolicyKey};
use super::{VaultError, signer::Signs};

/// Whether there is a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// A sealed value.
    Live {
        /// Its type.
        kind: ValueType,
        /// `v1:kid:base64(S ‖ C ‖ T)`.
        text: String,
    },
    /// A tombstone: the value was removed, and a pin knows it.
    Removed,
}

/// Which of the two tables of a name a record is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// `[secret.NAME]`, the value that is given out.
    Secret,
    /// `[pending.NAME]`, the other value of a rotation.
    Pending,
}

impl Part {
    fn table(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Pending => "pending",
        }
    }

    /// The tag of the message: neither can be passed off as the other.
    fn tag(self) -> &'static str {
        match self {
            Self::Secret => "clws.v1.value",
            Self::Pending => "clws.v1.pending",
        }
    }
}

/// One record of a document; `Record<()>` before it is signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record<S = SignedBy> {
    /// The value's name.
    pub name: ValueName,
    /// The value, sealed.
    pub state: State,
    /// +1 when the plaintext changes.
    pub rev: u64,
    /// +1 at any write.
    pub seq: u64,
    /// When the plaintext was given.
    pub changed: Moment,
    /// Who gave the plaintext.
    pub author: String,
    /// What is known about it.
    pub policy: Policy,
    /// Who vouches for it.
    pub signed: S,
}

/// The keys of `[secret.…]`, in their order.
pub(super) const SECRET_KEYS: &[&str] = &[
    "value",
    "type",
    "state",
    "rev",
    "seq",
    "changed",
    "author",
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

impl<S> Record<S> {
    /// Signs it, also anew.
    pub(super) fn sign(
        self,
        place: &Place,
        key_id: &[u8; 32],
        signer: &dyn Signs,
    ) -> Result<Record, Error> {
        self.sign_as(Part::Secret, place, key_id, signer)
    }

    pub(super) fn sign_as(
        self,
        part: Part,
        place: &Place,
        key_id: &[u8; 32],
        signer: &dyn Signs,
    ) -> Result<Record, Error> {
        let message = self.message_as(part, place, key_id, signer.public());
        Ok(Record {
            name: self.name,
            state: self.state,
            rev: self.rev,
            seq: self.seq,
            changed: self.changed,
            author: self.author,
            policy: self.policy,
            signed: signer.sign(Namespace::Value, &message)?,
        })
    }

    /// `L("clws.v1.value", vault, doc, scope, name, state, type, u64(rev), u64(seq), changed, author,
    /// key_id, value text, policy, signer blob)`, with another tag for a pending one; type, key_id and value are empty
    /// for a tombstone.
    pub(super) fn message_as(
        &self,
        part: Part,
        place: &Place,
        key_id: &[u8; 32],
        signer: &PublicKey,
    ) -> Vec<u8> {
        let (word, kind, key_id, value) = match &self.state {
            State::Live { kind, text } => ("live", kind.as_str(), key_id.as_slice(), text.as_str()),
            State::Removed => ("removed", "", [].as_slice(), ""),
        };
        List::new(part.tag())
            .bytes(&place.vault)
            .bytes(&place.id)
            .text(place.scope().as_str())
            .text(self.name.as_str())
            .text(word)
            .text(kind)
            .number(self.rev)
            .number(self.seq)
            .text(&self.changed.to_string())
            .text(&self.author)
            .bytes(key_id)
            .text(value)
            .list(self.policy.message())
            .bytes(signer.blob())
            .encode()
    }
}

impl Record {
    pub(super) fn parse(table: &Table<'_>) -> Result<Self, LineError> {
        let state = match table.optional("state")? {
            None => {
                let kind = table.parsed("type")?;
                State::Live {
                    kind,
                    text: table.text("value")?.to_owned(),
                }
            }
            Some("removed") => {
                if table.optional("value")?.is_some() || table.optional("type")?.is_some() {
                    return Err(table.wrong("state", "what is removed has no value".to_owned()));
                }
                State::Removed
            }
            Some(_) => {
                return Err(table.wrong("state", "removed, or nothing, is wanted".to_owned()));
            }
        };
        let name = table.name().parse::<ValueName>();
        Ok(Self {
            name: name.map_err(|error| table.wrong("rev", error.to_string()))?,
            state,
            rev: table.number("rev")?,
            seq: table.number("seq")?,
            changed: table.parsed("changed")?,
            author: table.text("author")?.to_owned(),
            policy: Policy::parse(table)?,
            signed: table.parsed("sig")?,
        })
    }

    /// Prints the table.
    #[must_use]
    pub fn print(&self) -> String {
        self.print_as(Part::Secret)
    }

    pub(super) fn print_as(&self, part: Part) -> String {
        let mut fields: Vec<(&str, Value)> = match &self.state {
            State::Live { kind, text } => {
                vec![
                    ("value", text.as_str().into()),
                    ("type", kind.as_str().into()),
                ]
            }
            State::Removed => vec![("state", "removed".into())],
        };
        fields.push(("rev", self.rev.into()));
        fields.push(("seq", self.seq.into()));
        fields.push(("changed", self.changed.to_string().into()));
        fields.push(("author", self.author.as_str().into()));
        fields.extend(self.policy.fields());
        fields.push(("sig", self.signed.to_string().into()));
        lines::print(part.table(), Some(self.name.as_str()), &fields)
    }

    /// The message that the signature is over, for the key that it names.
    #[must_use]
    pub fn message(&self, place: &Place, key_id: &[u8; 32], signer: &PublicKey) -> Vec<u8> {
        self.message_as(Part::Secret, place, key_id, signer)
    }

    /// What records are compared by, given the message that was signed.
    #[must_use]
    pub fn mark(&self, message: &[u8]) -> RecordMark {
        self.mark_of(self.signed.hash_over(message))
    }

    /// The same by its hash.
    pub(super) fn mark_of(&self, hash: [u8; 32]) -> RecordMark {
        RecordMark {
            rev: self.rev,
            seq: self.seq,
            changed: self.changed,
            hash,
        }
    }

    /// The first 8 digits of the commitment to the key that this value is sealed under.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        match &self.state {
            State::Live { text, .. } => text.strip_prefix("v1:")?.split(':').next(),
            State::Removed => None,
        }
    }

    /// Opens the value.
    ///
    /// # Errors
    /// [`VaultError::Broken`] if anything about it does not verify; [`VaultError::TooLarge`].
    pub fn open(
        &self,
        place: &Place,
        key_id: &[u8; 32],
        data_key: &DataKey,
    ) -> Result<Plain, VaultError> {
        let broken = || VaultError::Broken {
            name: format!("{}/{}", place.path, self.name),
        };
        let State::Live { kind, text } = &self.state else {
            return Err(broken());
        };
        let sealed = text
            .strip_prefix("v1:")
            .and_then(|rest| rest.split_once(':'));
        let sealed = sealed
            .and_then(|(_, sealed)| decode_base64(sealed).ok())
            .ok_or_else(broken)?;
        let associated = place.associated(self.name.as_str(), *kind, self.rev, key_id);
        let plain = open(data_key, Label::Value, &associated, sealed)
            .and_then(unpad)
            .map_err(|_| broken())?;
        match plain.with(Vec::len) {
            size if size > MAX_VALUE => Err(VaultError::TooLarge {
                name: format!("{}/{}", place.path, self.name),
                size,
            }),
            _ => Ok(plain),
        }
    }

    /// Whether a policy forbids printing the value.
    #[must_use]
    pub fn no_print(&self) -> bool {
        self.policy.value(PolicyKey::NoPrint).is_some()
    }
}

/// Seals a value: `v1:kid:base64(S ‖ C ‖ T)`. The salt must be fresh.
pub(super) fn seal_value(
    place: &Place,
    name: &str,
    kind: ValueType,
    rev: u64,
    (key_id, data_key): (&[u8; 32], &DataKey),
    salt: &[u8; SALT_LEN],
    plain: &Plain,
) -> Result<String, VaultError> {
    let associated = place.associated(name, kind, rev, key_id);
    let sealed = plain
        .with(|plain| seal(data_key, Label::Value, salt, &associated, &pad(plain)))
        .map_err(|_| VaultError::Broken {
            name: format!("{}/{name}", place.path),
        })?;
    Ok(format!("v1:{}:{}", kid_of(key_id), encode_base64(&sealed)))
}

/// The short name of a data key: 8 hexadecimal digits.
pub(super) fn kid_of(key_id: &[u8; 32]) -> String {
    hex(key_id.get(..4).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::crypto::sha256;
    use crate::crypto::sshsig::SigningKey;

    /// The vector of the specification, made with OpenSSH as the judge of its signature.
    #[test]
    fn the_vector_of_the_specification_holds() {
        let vault: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let id: [u8; 16] = std::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap());
        let data_key = DataKey::new(std::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap()));
        let salt: [u8; 32] = std::array::from_fn(|i| 0xc0 + u8::try_from(i).unwrap());
        let place = Place {
            vault,
            id,
            path: "prod/web".parse().unwrap(),
        };
        let key_id = data_key.commitment(&vault, &id).unwrap();
        assert_eq!(
            hex(&key_id),
            "6b4ee6a354ae631d70c069d3faa462bd2786dcc7d23f306c25c42b4f205b754e"
        );
        let subkey = data_key.derive(&salt, Label::Value).unwrap();
        assert_eq!(
            hex(subkey.as_slice()),
            "43481499be9f73210eae60f6174f5ddbd15181f8a292d88ca2bbc1704bad9d23"
        );
        let plain = Plain::from("hunter2");
        let kind = ValueType::String;
        let keys = (&key_id, &data_key);
        let text = seal_value(&place, "DB_PASSWORD", kind, 7, keys, &salt, &plain).unwrap();
        assert_eq!(
            text,
            "v1:6b4ee6a3:wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t+ry4B9j/TrfYXxThl1suCbSm2MyZKEx4j7IJnv5LOmNeW2UphRFrwJHvSJ/5dSA+g="
        );
        let mut policy = Policy::default();
        policy.set(PolicyKey::RotateEvery, Some("90d".into()));
        let signing = SigningKey::from_seed(&Zeroizing::new([1; 32])).unwrap();
        let mut record = Record {
            name: "DB_PASSWORD".parse().unwrap(),
            state: State::Live { kind, text },
            rev: 7,
            seq: 12,
            changed: "2026-11-24T10:00:00Z".parse().unwrap(),
            author: "ada".into(),
            policy,
            signed: "ada/7def39264223a3c5:SYiXCaZeGQA0SjStn7aiozNUsC9ZZ4iqNftjI1NqUlZBfXvZE7WwpiVWP7RNFV4nXdIV0xL7ALgsLGceH5cABA=="
                .parse()
                .unwrap(),
        };
        let message = record.message(&place, &key_id, signing.public());
        assert_eq!(
            hex(&sha256(&message)),
            "a3ad5481fdf64d26f59eef8bde4414ba8c3c7ef750bb324ece055ed3cda64843"
        );
        assert_eq!(
            signing.sign(Namespace::Value, &message),
            record.signed.signature
        );
        assert_eq!(signing.public().fingerprint(), record.signed.fingerprint);
        signing
            .public()
            .verify(Namespace::Value, &message, &record.signed.signature)
            .unwrap();
        assert!(
            signing
                .public()
                .verify(Namespace::File, &message, &record.signed.signature)
                .is_err()
        );
        assert!(
            record
                .open(&place, &key_id, &data_key)
                .unwrap()
                .same_as(&plain)
        );
        let page = include_str!("../../docs/format.md");
        let hash = hex(&record.signed.hash_over(&message));
        assert!(page.contains(&hash), "{hash}");
        let tombstone = Record {
            state: State::Removed,
            rev: 8,
            seq: 13,
            policy: Policy::default(),
            ..record.clone()
        };
        let removed = tombstone.message(&place, &key_id, signing.public());
        let hash = hex(&sha256(&removed));
        assert!(page.contains(&hash), "{hash}");
        // Somebody may seal more than a value has; it is given to nobody.
        for (size, is_value) in [(MAX_VALUE, true), (MAX_VALUE + 1, false)] {
            let large = Plain::new(vec![b'x'; size]);
            let text = seal_value(&place, "DB_PASSWORD", kind, 7, keys, &salt, &large).unwrap();
            let record = Record {
                state: State::Live { kind, text },
                ..record.clone()
            };
            let opened = record.open(&place, &key_id, &data_key);
            assert_eq!(opened.is_ok(), is_value, "{size}");
            let refused = opened.err();
            assert!(refused.is_none_or(|error| matches!(error, VaultError::TooLarge { .. })));
        }
        // The same as the other value of a rotation: another message, so another signature.
        let pending = record.message_as(Part::Pending, &place, &key_id, signing.public());
        assert_eq!(
            hex(&sha256(&pending)),
            "5b78e158e0ee8d64f44231f009ddec94662bbb48a54ce2aa490cb879e4a77556"
        );
        assert!(
            signing
                .public()
                .verify(Namespace::Value, &pending, &record.signed.signature)
                .is_err()
        );
        record.rev = 8;
        assert!(record.open(&place, &key_id, &data_key).is_err());
    }
}
