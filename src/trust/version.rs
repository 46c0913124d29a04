//! One trust version: `recipients/trust/<n>.toml`.
//!
//! Its *body* is everything before the first `[sig.…]` line; signatures are over those very bytes,
//! and the hash of version 1's body is the vault's id.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use super::TrustError;
use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::crypto::{hex, sha256};
use crate::lines::{self, Schema, Value};
use crate::name::PartyName;

/// The tables and keys of a trust version.
pub static TRUST_SCHEMA: Schema = Schema {
    what: "trust version",
    kinds: &[
        lines::Kind {
            name: "trust",
            named: false,
            keys: &["format", "version", "prev", "also", "threshold"],
        },
        lines::Kind {
            name: "admin",
            named: true,
            keys: &["key"],
        },
        lines::Kind {
            name: "file",
            named: true,
            keys: &["sha256"],
        },
        lines::Kind {
            name: "sig",
            named: true,
            keys: &["sig"],
        },
    ],
};

/// Where a trust version lies in the vault.
#[must_use]
pub fn version_file(number: u64) -> String {
    format!("recipients/trust/{number}.toml")
}

/// A trust version as it was read. That it follows from the one before is checked elsewhere.
#[derive(Clone, Debug)]
pub struct Version {
    /// n.
    pub number: u64,
    /// SHA-256 of the body of version n−1; in version 1, 32 random bytes.
    pub previous: [u8; 32],
    /// How many administrators must sign the next version.
    pub threshold: u64,
    /// The administrators and their keys.
    pub admins: BTreeMap<PartyName, PublicKey>,
    /// SHA-256 of each file of rules.
    pub files: BTreeMap<String, [u8; 32]>,
    /// SHA-256 of the body.
    pub hash: [u8; 32],
    body: Vec<u8>,
    signatures: Vec<SignedBy>,
}

impl Version {
    /// Reads a trust version.
    ///
    /// # Errors
    /// [`TrustError::Line`] with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        let parsed = lines::scan(bytes, &TRUST_SCHEMA)?;
        let head = parsed.only("trust")?;
        if head.number("format")? != 1 {
            return Err(head
                .wrong("format", "this clws knows format 1 alone".to_owned())
                .into());
        }
        let mut version = Self {
            number: head.number("version")?,
            previous: head.hex("prev")?,
            threshold: head.number("threshold")?,
            admins: BTreeMap::new(),
            files: BTreeMap::new(),
            hash: Self::body_hash(bytes),
            body: body(bytes).to_vec(),
            signatures: Vec::new(),
        };
        if head.optional("also")?.is_some() {
            let why = "this clws does not join versions; a newer one does".to_owned();
            return Err(head.wrong("also", why).into());
        }
        for table in parsed.all()? {
            let header = table.header();
            // What stands behind the body is signed by nobody: an administrator added there would
            // change neither the hash nor a signature.
            if header.start >= version.body.len() && !matches!(header.kind, "sig" | "end") {
                return Err(TrustError::BehindBody {
                    number: version.number,
                });
            }
            match header.kind {
                "admin" => {
                    let name = table.name().parse::<PartyName>();
                    let name = name.map_err(|error| table.wrong("key", error.to_string()))?;
                    version.admins.insert(name, table.parsed("key")?);
                }
                "file" => {
                    version
                        .files
                        .insert(table.name().to_owned(), table.hex("sha256")?);
                }
                "sig" => {
                    let signed: SignedBy = table.parsed("sig")?;
                    if signed.party != table.name() {
                        return Err(table
                            .wrong("sig", "it names another party".to_owned())
                            .into());
                    }
                    version.signatures.push(signed);
                }
                _ => {}
            }
        }
        let admins = u64::try_from(version.admins.len()).unwrap_or(u64::MAX);
        if version.threshold == 0 || version.threshold > admins {
            let why = format!("a number from 1 to {admins}, the administrators, is wanted");
            return Err(head.wrong("threshold", why).into());
        }
        Ok(version)
    }

    /// SHA-256 of the body of a trust version's bytes, without reading it.
    #[must_use]
    pub fn body_hash(bytes: &[u8]) -> [u8; 32] {
        sha256(body(bytes))
    }

    /// The fingerprint that people compare: 64 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&self.hash)
    }

    /// The administrators of `admins` whose valid signatures this version carries.
    pub fn signers(&self, admins: &BTreeMap<PartyName, PublicKey>) -> BTreeSet<PartyName> {
        let valid = |(name, key): &(&PartyName, &PublicKey)| {
            self.signatures.iter().any(|signed| {
                signed.party == name.as_str()
                    && signed.fingerprint == key.fingerprint()
                    && key
                        .verify(Namespace::Trust, &self.body, &signed.signature)
                        .is_ok()
            })
        };
        admins
            .iter()
            .filter(valid)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Checks that this version may stand first in a chain: all its administrators signed it.
    ///
    /// # Errors
    /// [`TrustError::DoesNotFollow`].
    pub fn check_founding(&self) -> Result<(), TrustError> {
        if self.number != 1 {
            return Err(self.refused("its number is not 1"));
        }
        self.check_added(&BTreeMap::new())
    }

    /// Checks that this version follows from `before`: its hash, the threshold of its
    /// administrators, and every administrator that this one adds.
    ///
    /// # Errors
    /// [`TrustError::DoesNotFollow`] with what is missing.
    pub fn check_after(&self, before: &Self) -> Result<(), TrustError> {
        if self.number != before.number + 1 {
            return Err(self.refused("its number does not follow"));
        }
        if self.previous != before.hash {
            return Err(self.refused("it was made for another version before it"));
        }
        let signed = u64::try_from(self.signers(&before.admins).len()).unwrap_or(0);
        if signed < before.threshold {
            let why = format!("{signed} of {} administrators signed it", before.threshold);
            return Err(self.refused(&why));
        }
        self.check_added(&before.admins)
    }

    fn check_added(&self, before: &BTreeMap<PartyName, PublicKey>) -> Result<(), TrustError> {
        let signed = self.signers(&self.admins);
        for (name, key) in &self.admins {
            if before.get(name) != Some(key) && !signed.contains(name) {
                return Err(self.refused(&format!("{name}, a new administrator, did not sign it")));
            }
        }
        Ok(())
    }

    fn refused(&self, why: &str) -> TrustError {
        TrustError::DoesNotFollow {
            number: self.number,
            why: why.to_owned(),
        }
    }
}

fn body(bytes: &[u8]) -> &[u8] {
    let end = memmem::find(bytes, b"\n[sig.").map_or(bytes.len(), |at| at + 1);
    bytes.get(..end).unwrap_or(bytes)
}

/// A trust version to be signed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// n.
    pub number: u64,
    /// As in [`Version::previous`].
    pub previous: [u8; 32],
    /// As in [`Version::threshold`].
    pub threshold: u64,
    /// As in [`Version::admins`].
    pub admins: BTreeMap<PartyName, PublicKey>,
    /// As in [`Version::files`].
    pub files: BTreeMap<String, [u8; 32]>,
}

impl Draft {
    /// The body that is signed.
    #[must_use]
    pub fn body(&self) -> String {
        let head = [
            ("format", Value::Integer(1)),
            ("version", self.number.into()),
            ("prev", hex(&self.previous).into()),
            ("threshold", self.threshold.into()),
        ];
        let mut tables = vec![lines::print("trust", None, &head)];
        for (name, key) in &self.admins {
            tables.push(lines::print(
                "admin",
                Some(name.as_str()),
                &[("key", key.to_string().into())],
            ));
        }
        for (path, hash) in &self.files {
            tables.push(lines::print(
                "file",
                Some(path),
                &[("sha256", hex(hash).into())],
            ));
        }
        tables.join("\n\n") + "\n\n"
    }

    /// The whole file, with signatures over [`Self::body`].
    #[must_use]
    pub fn print(&self, signatures: &[SignedBy]) -> String {
        let tables: Vec<String> = signatures
            .iter()
            .map(|signed| {
                lines::print(
                    "sig",
                    Some(&signed.party),
                    &[("sig", signed.to_string().into())],
                )
            })
            .collect();
        lines::render(&self.body(), &tables)
    }
}
