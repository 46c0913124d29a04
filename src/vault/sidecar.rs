//! A sealed file's sidecar, `NAME.age.toml`: everything about the file but its content.

use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::crypto::{List, hex};
use crate::error::Error;
use crate::lines::{self, Kind, LineError, Schema, Table, Value};
use crate::name::FilePath;
use crate::time::Moment;
use crate::trust::RecordMark;

use super::VaultError;
use super::policy::Policy;
use super::signer::Signs;

/// The tables and keys of a sidecar.
pub static SIDECAR_SCHEMA: Schema = Schema {
    what: "sidecar",
    kinds: &[
        Kind {
            name: "file",
            named: false,
            keys: &[
                "format",
                "id",
                "path",
                "state",
                "mode",
                "size",
                "sha256",
                "readers",
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
            ],
        },
        Kind {
            name: "pending",
            named: false,
            keys: &[
                "age", "mode", "size", "readers", "rev", "seq", "changed", "author", "exposed",
                "sig",
            ],
        },
    ],
};

/// Which of the two contents of a sealed file is signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// `[file]`, the content that is given out.
    File,
    /// `[pending]`, the other content of a rotation.
    Pending,
}

impl Part {
    /// The tag of the message: neither can be passed off as the other.
    fn tag(self) -> &'static str {
        match self {
            Self::File => "clws.v1.file",
            Self::Pending => "clws.v1.file-pending",
        }
    }
}

/// What is signed about a sealed file; `Sidecar<()>` before it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sidecar<S = SignedBy> {
    /// 16 random bytes, fixed at creation.
    pub id: [u8; 16],
    /// The path that the writer signed.
    pub path: FilePath,
    /// The content; `None` if the file was removed.
    pub content: Option<Content>,
    /// Whom the age file is sealed to, as its writer claims: stanzas are anonymous.
    pub readers: Vec<String>,
    /// +1 when the content changes.
    pub rev: u64,
    /// +1 at any write.
    pub seq: u64,
    /// When the content was given.
    pub changed: Moment,
    /// Who gave the content.
    pub author: String,
    /// What is known about it.
    pub policy: Policy,
    /// Who vouches for it.
    pub signed: S,
}

/// The content of a sealed file, seen from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Content {
    /// Permission bits of the plaintext file.
    pub mode: u32,
    /// Bytes of plaintext.
    pub size: u64,
    /// SHA-256 of the age file.
    pub sha256: [u8; 32],
}

impl<S> Sidecar<S> {
    /// Signs it, also anew.
    pub(super) fn sign(self, vault: &[u8; 32], signer: &dyn Signs) -> Result<Sidecar, Error> {
        self.sign_as(Part::File, vault, signer)
    }

    pub(super) fn sign_as(
        self,
        part: Part,
        vault: &[u8; 32],
        signer: &dyn Signs,
    ) -> Result<Sidecar, Error> {
        let message = self.message_as(part, vault, signer.public());
        Ok(Sidecar {
            id: self.id,
            path: self.path,
            content: self.content,
            readers: self.readers,
            rev: self.rev,
            seq: self.seq,
            changed: self.changed,
            author: self.author,
            policy: self.policy,
            signed: signer.sign(Namespace::File, &message)?,
        })
    }

    /// `L("clws.v1.file", vault, id, path, scope, state, mode, u64(size), SHA-256(age file),
    /// u64(rev), u64(seq), changed, author, readers, policy, signer blob)`, with another tag for a
    /// pending one.
    pub(super) fn message_as(&self, part: Part, vault: &[u8; 32], signer: &PublicKey) -> Vec<u8> {
        let (state, mode, size, hash) = match &self.content {
            Some(Content { mode, size, sha256 }) => {
                ("live", mode_text(*mode), *size, sha256.as_slice())
            }
            None => ("removed", String::new(), 0, [].as_slice()),
        };
        let readers = self
            .readers
            .iter()
            .fold(List::new("readers"), |list, name| list.text(name));
        List::new(part.tag())
            .bytes(vault)
            .bytes(&self.id)
            .text(self.path.as_str())
            .text(self.path.scope().as_str())
            .text(state)
            .text(&mode)
            .number(size)
            .bytes(hash)
            .number(self.rev)
            .number(self.seq)
            .text(&self.changed.to_string())
            .text(&self.author)
            .list(readers)
            .list(self.policy.message())
            .bytes(signer.blob())
            .encode()
    }
}

/// The permission bits that a table says.
pub(super) fn mode_of(table: &Table<'_>) -> Result<u32, LineError> {
    let mode = table.text("mode")?;
    let bits = u32::from_str_radix(mode, 8).ok();
    let bits = bits.filter(|bits| mode_text(*bits) == mode);
    bits.ok_or_else(|| table.wrong("mode", "four octal digits are wanted".to_owned()))
}

/// `0600`.
pub(super) fn mode_text(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}

impl Sidecar {
    /// Reads the sidecar that lies at `path`.
    ///
    /// # Errors
    /// [`VaultError::Line`]; [`VaultError::WrongPath`] if it was signed for another path.
    pub fn parse(bytes: &[u8], path: &FilePath) -> Result<Self, VaultError> {
        let at = |error| VaultError::Line {
            file: path.to_sidecar(),
            error,
        };
        let parsed = lines::scan(bytes, &SIDECAR_SCHEMA).map_err(at)?;
        let table = parsed.only("file").map_err(at)?;
        let read = || {
            table.demand_format()?;
            let content = match table.optional("state")? {
                Some("removed") => None,
                Some(_) => {
                    return Err(table.wrong("state", "removed, or nothing, is wanted".to_owned()));
                }
                None => Some(Content {
                    mode: mode_of(&table)?,
                    size: table.number("size")?,
                    sha256: table.hex("sha256")?,
                }),
            };
            Ok(Self {
                id: table.hex("id")?,
                path: table.parsed("path")?,
                content,
                readers: table.texts("readers")?.to_vec(),
                rev: table.number("rev")?,
                seq: table.number("seq")?,
                changed: table.parsed("changed")?,
                author: table.text("author")?.to_owned(),
                policy: Policy::parse(&table)?,
                signed: table.parsed("sig")?,
            })
        };
        let sidecar = read().map_err(at)?;
        if sidecar.path == *path {
            Ok(sidecar)
        } else {
            Err(VaultError::WrongPath {
                file: path.to_sidecar(),
                signed: sidecar.path.to_string(),
            })
        }
    }

    /// Prints the file, without what lies beside the content.
    #[must_use]
    pub fn print(&self) -> String {
        lines::render("", &[self.table()])
    }

    /// Prints `[file]`.
    pub(super) fn table(&self) -> String {
        let mut fields: Vec<(&str, Value)> = vec![
            ("format", Value::Integer(1)),
            ("id", hex(&self.id).into()),
            ("path", self.path.as_str().into()),
        ];
        match &self.content {
            None => fields.push(("state", "removed".into())),
            Some(Content { mode, size, sha256 }) => {
                fields.push(("mode", mode_text(*mode).into()));
                fields.push(("size", (*size).into()));
                fields.push(("sha256", hex(sha256).into()));
            }
        }
        fields.push(("readers", Value::Texts(self.readers.clone())));
        fields.push(("rev", self.rev.into()));
        fields.push(("seq", self.seq.into()));
        fields.push(("changed", self.changed.to_string().into()));
        fields.push(("author", self.author.as_str().into()));
        fields.extend(self.policy.fields());
        fields.push(("sig", self.signed.to_string().into()));
        lines::print("file", None, &fields)
    }

    /// The message that the signature is over, for the key that it names.
    #[must_use]
    pub fn message(&self, vault: &[u8; 32], signer: &PublicKey) -> Vec<u8> {
        self.message_as(Part::File, vault, signer)
    }

    /// What it is compared by, given the message that was signed.
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
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::crypto::sha256;
    use crate::crypto::sshsig::SigningKey;

    /// The vector of the specification.
    #[test]
    fn neither_content_is_passed_off_as_the_other() {
        let bytes = |from: u8| move |at| from + u8::try_from(at).unwrap();
        let vault: [u8; 32] = std::array::from_fn(bytes(0));
        let signing = SigningKey::from_seed(&Zeroizing::new([1; 32])).unwrap();
        let unsigned = Sidecar {
            id: std::array::from_fn(bytes(0x40)),
            path: "prod/tls/site.key".parse().unwrap(),
            content: Some(Content {
                mode: 0o600,
                size: 7,
                sha256: std::array::from_fn(bytes(0xc0)),
            }),
            readers: vec!["ada".into(), "ben".into()],
            rev: 7,
            seq: 12,
            changed: "2026-11-24T10:00:00Z".parse().unwrap(),
            author: "ada".into(),
            policy: Policy::default(),
            signed: (),
        };
        let given_out = unsigned.message_as(Part::File, &vault, signing.public());
        let beside = unsigned.message_as(Part::Pending, &vault, signing.public());
        assert_eq!(
            hex(&sha256(&given_out)),
            "1ed7e5f9cbe7d9748e6a0e99734de8316e94f72d25f45bd5cfbc9aea4f9dc5b3"
        );
        assert_eq!(
            hex(&sha256(&beside)),
            "0424954983ee64bd4e81d85407a95bfa254c350e00dd9a86f43b998a9b4a2bb3"
        );
        let removed = Sidecar {
            content: None,
            readers: Vec::new(),
            rev: 8,
            seq: 13,
            ..unsigned
        };
        let removed = hex(&sha256(&removed.message_as(
            Part::File,
            &vault,
            signing.public(),
        )));
        assert!(
            include_str!("../../docs/format.md").contains(&removed),
            "{removed}"
        );
        let signature = signing.sign(Namespace::File, &given_out);
        let verify = |message| {
            signing
                .public()
                .verify(Namespace::File, message, &signature)
        };
        verify(&given_out).unwrap();
        assert!(verify(&beside).is_err());
    }
}
