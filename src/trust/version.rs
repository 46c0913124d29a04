//! One trust version: `recipients/trust/<n>.toml`.
//!
//! Its *body* is everything before the first `[sig.…]` line; signatures are over those very bytes,
//! and the hash of version 1's body is the vault's id.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use memchr::memmem;

use super::TrustError;
use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::crypto::{hex, sha256};
use crate::lines::{self, Schema, Value};
use crate::name::PartyName;
use crate::text;

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

/// Whose signatures a version lacks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lacking {
    /// How many more of the administrators before it must sign.
    pub more: u64,
    /// The administrators before it who have not signed.
    pub of: Vec<PartyName>,
    /// The same of the version that it joins: how many more must sign.
    pub beside: u64,
    /// The administrators of the version that it joins who have not signed.
    pub of_beside: Vec<PartyName>,
    /// The administrators whom it adds, or gives another key, and who have not signed with that.
    pub added: Vec<PartyName>,
}

impl Lacking {
    /// Whether nothing is.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.more == 0 && self.beside == 0 && self.added.is_empty()
    }
}

/// What is said of an administrator who is added.
pub const IS_NEW: &str = ", who is new";

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of: Vec<&str> = self.of.iter().map(PartyName::as_str).collect();
        let new = |name: &PartyName| match of.contains(&name.as_str()) {
            true => format!("{name} with the new key"),
            false => format!("{name}{IS_NEW}"),
        };
        let mut all = some_of(self.more, &self.of);
        for who in some_of(self.beside, &self.of_beside) {
            if !all.contains(&who) {
                all.push(who);
            }
        }
        all.extend(self.added.iter().map(new));
        // The last of them is joined without a comma, and the clause before it ends in one.
        if let [.., clause, _] = all.as_mut_slice()
            && clause.ends_with(IS_NEW)
        {
            clause.push(',');
        }
        f.write_str(&text::list(&all))
    }
}

/// How many of these, or all of them by name.
fn some_of(more: u64, of: &[PartyName]) -> Vec<String> {
    match more {
        0 => Vec::new(),
        _ if u64::try_from(of.len()).is_ok_and(|count| count == more) => {
            of.iter().map(ToString::to_string).collect()
        }
        1 => vec![format!("one of {}", text::list(of))],
        more => vec![format!("{more} of {}", text::list(of))],
    }
}

/// A trust version as it was read. That it follows from the one before is checked elsewhere.
#[derive(Clone, Debug)]
pub struct Version {
    /// n.
    pub number: u64,
    /// SHA-256 of the body of version n−1; in version 1, 32 random bytes.
    pub previous: [u8; 32],
    /// SHA-256 of the body of another branch's version, which this one joins.
    pub also: Option<[u8; 32]>,
    /// That version, once it was found and verified. Without it this one does not follow.
    pub side: Option<Box<Version>>,
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

/// How much of a version is read.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Part {
    Whole,
    WhoSigned,
}

impl Version {
    /// Reads a trust version.
    ///
    /// # Errors
    /// [`TrustError::Line`] with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        Self::read(bytes, Part::Whole)
    }

    /// The same without the files, which are nearly all of it: for a body that was read whole before, and whose hash
    /// is known since.
    pub(super) fn parse_signed(bytes: &[u8]) -> Result<Self, TrustError> {
        Self::read(bytes, Part::WhoSigned)
    }

    fn read(bytes: &[u8], part: Part) -> Result<Self, TrustError> {
        let parsed = lines::scan(bytes, &TRUST_SCHEMA)?;
        let head = parsed.only("trust")?;
        head.demand_format()?;
        let mut version = Self {
            number: head.number("version")?,
            previous: head.hex("prev")?,
            also: None,
            side: None,
            threshold: head.number("threshold")?,
            admins: BTreeMap::new(),
            files: BTreeMap::new(),
            hash: Self::body_hash(bytes),
            body: body(bytes).to_vec(),
            signatures: Vec::new(),
        };
        if head.optional("also")?.is_some() {
            version.also = Some(head.hex("also")?);
        }
        parsed.check_case()?;
        for header in parsed.headers() {
            // What stands behind the body is signed by nobody: an administrator added there would
            // change neither the hash nor a signature.
            if header.start >= version.body.len() && !matches!(header.kind, "sig" | "end") {
                return Err(TrustError::BehindBody {
                    number: version.number,
                });
            }
            if header.kind == "file" && part == Part::WhoSigned {
                continue;
            }
            let table = parsed.table(*header)?;
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
                    // Whoever takes a new key signs with both: the second stands under NAME/FP.
                    let second = format!("{}/{}", signed.party, signed.fingerprint);
                    if signed.party != table.name() && second != table.name() {
                        return Err(table
                            .wrong("sig", "it names another party".to_owned())
                            .into());
                    }
                    version.signatures.push(signed);
                }
                _ => {}
            }
        }
        // One key under two names would count twice.
        let points: BTreeSet<_> = version.admins.values().map(PublicKey::point).collect();
        if points.len() < version.admins.len() {
            let why = "two administrators have one key".to_owned();
            return Err(head.wrong("threshold", why).into());
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
            let all = &mut self.signatures.iter();
            all.any(|signed| self.verifies(name, key, signed))
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
        if self.number != 1 || self.also.is_some() {
            return Err(self.refused("its number is not 1, or it joins another"));
        }
        self.check_added(&self.unsigned_added(&BTreeMap::new()))
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
        if self.also != self.side.as_ref().map(|side| side.hash) {
            return Err(self.refused("the version that it joins is not here"));
        }
        if self
            .side
            .as_ref()
            .is_some_and(|side| side.number >= self.number)
        {
            return Err(self.refused("the version that it joins is no older one"));
        }
        let lacking = self.lacking(before);
        if let (Some(beside), 1..) = (&self.side, lacking.beside) {
            let (signed, wanted) = (beside.threshold - lacking.beside, beside.threshold);
            let why = format!("{signed} of {wanted} administrators of the other branch signed it");
            return Err(self.refused(&why));
        }
        if lacking.more > 0 {
            let (signed, wanted) = (before.threshold - lacking.more, before.threshold);
            return Err(self.refused(&format!("{signed} of {wanted} administrators signed it")));
        }
        self.check_added(&lacking.added)
    }

    /// Whose signatures this version lacks to count after `before`.
    #[must_use]
    pub fn lacking(&self, before: &Self) -> Lacking {
        let signed = self.signers(&before.admins);
        let count = u64::try_from(signed.len()).unwrap_or(u64::MAX);
        let others = before.admins.keys().filter(|name| !signed.contains(*name));
        let (mut beside, mut of_beside) = (0, Vec::new());
        if let Some(side) = &self.side {
            let signed = self.signers(&side.admins);
            let count = u64::try_from(signed.len()).unwrap_or(u64::MAX);
            beside = side.threshold.saturating_sub(count);
            let others = side.admins.keys().filter(|name| !signed.contains(*name));
            of_beside.extend(others.cloned());
        }
        Lacking {
            more: before.threshold.saturating_sub(count),
            of: others.cloned().collect(),
            beside,
            of_beside,
            added: self.unsigned_added(&before.admins),
        }
    }

    /// The administrators, of `before` and of this version, whose valid signatures it carries.
    #[must_use]
    pub fn signed_by(&self, before: &Self) -> BTreeSet<PartyName> {
        let mut signed = self.proposers(before);
        signed.extend(self.signers(&self.admins));
        signed
    }

    /// Those of them who decided before this version, on either of the branches that it joins.
    #[must_use]
    pub fn proposers(&self, before: &Self) -> BTreeSet<PartyName> {
        let mut signed = self.signers(&before.admins);
        if let Some(side) = &self.side {
            signed.extend(self.signers(&side.admins));
        }
        signed
    }

    /// The administrator, of `before` or of this version, whose key this is and who has not signed
    /// with it.
    #[must_use]
    pub fn awaits(&self, before: &Self, key: &PublicKey) -> Option<PartyName> {
        let mut all = self.concerned(before);
        let (name, key) = all.find(|(_, known)| *known == key)?;
        let alone = BTreeMap::from([(name.clone(), key.clone())]);
        self.signers(&alone).is_empty().then(|| name.clone())
    }

    /// Every administrator whose signature counts for this version.
    pub fn concerned<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a PartyName, &'a PublicKey)> {
        let beside = self.side.iter().flat_map(|side| &side.admins);
        before.admins.iter().chain(&self.admins).chain(beside)
    }

    /// What is signed.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The whole file with more signatures; those that do not verify are left out.
    #[must_use]
    pub fn print_with(&self, before: &Self, more: Vec<SignedBy>) -> String {
        let admins: Vec<_> = self.concerned(before).collect();
        let mut all: Vec<SignedBy> = Vec::new();
        for signed in self.signatures.iter().cloned().chain(more) {
            let known = admins
                .iter()
                .any(|(name, key)| self.verifies(name, key, &signed));
            if known && !all.contains(&signed) {
                all.push(signed);
            }
        }
        print_signed(&String::from_utf8_lossy(&self.body), &all)
    }

    fn verifies(&self, name: &PartyName, key: &PublicKey, signed: &SignedBy) -> bool {
        signed.party == name.as_str()
            && signed.fingerprint == key.fingerprint()
            && key
                .verify(Namespace::Trust, &self.body, &signed.signature)
                .is_ok()
    }

    fn check_added(&self, unsigned: &[PartyName]) -> Result<(), TrustError> {
        match unsigned.first() {
            None => Ok(()),
            Some(name) => {
                Err(self.refused(&format!("{name}, a new administrator, did not sign it")))
            }
        }
    }

    fn unsigned_added(&self, before: &BTreeMap<PartyName, PublicKey>) -> Vec<PartyName> {
        let mut added = self.admins.clone();
        added.retain(|name, key| before.get(name) != Some(key));
        let signed = self.signers(&added);
        added.retain(|name, _| !signed.contains(name));
        added.into_keys().collect()
    }

    pub(super) fn refused(&self, why: &str) -> TrustError {
        TrustError::DoesNotFollow {
            number: self.number,
            why: why.to_owned(),
        }
    }
}

/// Everything before the signatures; in a version that has none yet, everything before `[end]`.
fn body(bytes: &[u8]) -> &[u8] {
    let end = memmem::find(bytes, b"\n[sig.").or_else(|| memmem::find(bytes, b"\n[end]"));
    let end = end.map_or(bytes.len(), |at| at + 1);
    bytes.get(..end).unwrap_or(bytes)
}

/// A trust version to be signed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// n.
    pub number: u64,
    /// As in [`Version::previous`].
    pub previous: [u8; 32],
    /// As in [`Version::also`].
    pub also: Option<[u8; 32]>,
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
        let mut head = vec![
            ("format", Value::Integer(1)),
            ("version", self.number.into()),
            ("prev", hex(&self.previous).into()),
        ];
        head.extend(self.also.map(|also| ("also", hex(&also).into())));
        head.push(("threshold", self.threshold.into()));
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
        print_signed(&self.body(), signatures)
    }
}

fn print_signed(body: &str, signatures: &[SignedBy]) -> String {
    let mut tables = BTreeMap::new();
    let mut sorted: Vec<&SignedBy> = signatures.iter().collect();
    sorted.sort_by_key(|signed| (&signed.party, &signed.fingerprint));
    for signed in sorted {
        let mut name = signed.party.clone();
        if tables.contains_key(&name) {
            name = format!("{name}/{}", signed.fingerprint);
        }
        let table = lines::print("sig", Some(&name), &[("sig", signed.to_string().into())]);
        tables.insert(name, table);
    }
    lines::render(body, &tables.into_values().collect::<Vec<_>>())
}
