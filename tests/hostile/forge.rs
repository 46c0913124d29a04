//! What whoever holds some of the keys can make by themselves, by docs/format.md and without the program.

use std::str::FromStr as _;

use clws::crypto::sshsig::{Namespace, SignedBy, SigningKey};
use clws::crypto::{
    DataKey, Label, decode_base64, encode_base64, hex, pad, seal, sha256, unwrap, wrap,
};
use clws::vault::{Document, Place, Policy, Record, State, ValueType, Wrap};
use zeroize::Zeroizing;

use crate::lab::Lab;
use crate::scene::version;

/// A person's own signing key, from the file on their machine.
pub(crate) fn signing_key(lab: &Lab, name: &str) -> SigningKey {
    let file = identity(lab, name).join("signing_key");
    let text = std::fs::read_to_string(file).unwrap();
    let base64: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let bytes = decode_base64(&base64).unwrap();
    // The last string of 64 bytes is the seed and the public key.
    let at = bytes.windows(4).rposition(|four| four == [0, 0, 0, 64]);
    let seed = <[u8; 32]>::try_from(&bytes[at.unwrap() + 4..][..32]).unwrap();
    SigningKey::from_seed(&Zeroizing::new(seed)).unwrap()
}

fn identity(lab: &Lab, name: &str) -> std::path::PathBuf {
    lab.home(name).join(".config/clws/identities").join(name)
}

/// What a person opens wraps with.
pub(crate) fn age_key(lab: &Lab, name: &str) -> age::x25519::Identity {
    let text = std::fs::read_to_string(identity(lab, name).join("age.txt")).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-"));
    age::x25519::Identity::from_str(line.unwrap()).unwrap()
}

/// A document as it lay there at some time, with the data key that somebody could open.
pub(crate) struct Known {
    pub(crate) text: String,
    pub(crate) place: Place,
    pub(crate) key_id: [u8; 32],
    pub(crate) data_key: DataKey,
}

impl Known {
    /// What `name` knows of a document in the tree.
    pub(crate) fn of(lab: &Lab, path: &str, name: &str) -> Self {
        let text = std::fs::read_to_string(lab.vault().join(file_of(path))).unwrap();
        let document =
            Document::parse(text.as_bytes(), &path.parse().unwrap(), &vault(lab)).unwrap();
        let wraps = document.wraps().unwrap();
        let mine = wraps.iter().find(|wrap| wrap.party() == name).unwrap();
        let base64 = mine.text.rsplit(':').next().unwrap();
        let data_key = unwrap(&decode_base64(base64).unwrap(), &age_key(lab, name)).unwrap();
        Self {
            place: document.place.clone(),
            key_id: document.head.key_id,
            data_key,
            text: text.clone(),
        }
    }

    /// Another data key for the same document.
    pub(crate) fn rekeyed(&self, key: [u8; 32]) -> Self {
        let data_key = DataKey::new(key);
        let (place, text) = (self.place.clone(), self.text.clone());
        Self {
            key_id: data_key.commitment(&place.vault, &place.id).unwrap(),
            data_key,
            place,
            text,
        }
    }

    /// A value that is sealed as it should be, signed by whom it says with the key that is given.
    pub(crate) fn record(
        &self,
        name: &str,
        numbers: (u64, u64),
        value: &str,
        signer: (&str, &SigningKey),
    ) -> Record {
        self.record_of(ValueType::String, name, numbers, value, signer)
    }

    /// The same of another type, whatever the value is.
    pub(crate) fn record_of(
        &self,
        kind: ValueType,
        name: &str,
        (rev, seq): (u64, u64),
        value: &str,
        (party, key): (&str, &SigningKey),
    ) -> Record {
        let associated = self.place.associated(name, kind, rev, &self.key_id);
        let sealed = seal(
            &self.data_key,
            Label::Value,
            &[9; 32],
            &associated,
            &pad(value.as_bytes()),
        );
        let kid: String = hex(&self.key_id).chars().take(8).collect();
        let unsigned = SignedBy {
            party: party.to_owned(),
            fingerprint: key.public().fingerprint(),
            signature: key.sign(Namespace::Value, b""),
        };
        let mut record = Record {
            name: name.parse().unwrap(),
            state: State::Live {
                kind,
                text: format!("v1:{kid}:{}", encode_base64(&sealed.unwrap())),
            },
            rev,
            seq,
            changed: "2026-11-24T10:00:00Z".parse().unwrap(),
            author: party.to_owned(),
            policy: Policy::default(),
            signed: unsigned,
        };
        let message = record.message(&self.place, &self.key_id, key.public());
        record.signed.signature = key.sign(Namespace::Value, &message);
        record
    }

    /// The document's own line over this key, signed by whom it says with the key that is given.
    pub(crate) fn head(&self, seq: u64, (party, key): (&str, &SigningKey)) -> String {
        let path = self.place.path.clone();
        let document = Document::parse(self.text.as_bytes(), &path, &self.place.vault).unwrap();
        let mut head = document.head;
        head.seq = seq;
        head.key_id = self.key_id;
        head.signed.party = party.to_owned();
        head.signed.fingerprint = key.public().fingerprint();
        head.signed.signature = key.sign(
            Namespace::Document,
            &head.message(&self.place, key.public()),
        );
        head.print()
    }

    /// A wrap of this key for a public one.
    pub(crate) fn wrap(&self, reader: &str, recipient: &str) -> String {
        let key = age::x25519::Recipient::from_str(recipient).unwrap();
        let kid: String = hex(&self.key_id).chars().take(8).collect();
        let wrapped = wrap(&self.data_key, &key).unwrap();
        Wrap {
            name: reader.to_owned(),
            recipient: recipient.to_owned(),
            text: format!("{kid}:age:{}", encode_base64(&wrapped)),
        }
        .print()
    }
}

/// The vault's id.
pub(crate) fn vault(lab: &Lab) -> [u8; 32] {
    sha256(version(lab, 1).body())
}

/// The file of a document.
pub(crate) fn file_of(path: &str) -> String {
    format!("secrets/{path}.toml")
}

/// The text of one table, from its header to before the empty line behind it.
pub(crate) fn table<'a>(text: &'a str, header: &str) -> &'a str {
    let from = text.find(&format!("{header}\n")).expect(header);
    let length = text[from..].find("\n\n").unwrap_or(text.len() - from);
    &text[from..from + length]
}

/// The text with another table in the place of one.
pub(crate) fn with_table(text: &str, header: &str, new: &str) -> String {
    text.replace(table(text, header), new.trim_end())
}

/// The public keys of a reader, as a document has them: its `[reader.…]` names and recipients.
pub(crate) fn readers(text: &str) -> Vec<(String, String)> {
    let tables = text
        .split("\n\n")
        .filter(|table| table.starts_with("[reader."));
    let quoted = |line: &str| line.split('"').nth(1).unwrap().to_owned();
    tables
        .map(|table| {
            let mut lines = table.lines();
            (quoted(lines.next().unwrap()), quoted(lines.next().unwrap()))
        })
        .collect()
}
