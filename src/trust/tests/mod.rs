//! Chains of trust versions with keys by number, in a vault of files of rules alone.

mod chain;
mod join;
mod proposal;
mod rules;
mod version;

use std::collections::BTreeMap;
use std::fs;

use zeroize::Zeroizing;

use super::{Draft, Trust, TrustError, Version, open, version_file};
use crate::crypto::sha256;
use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy, SigningKey};
use crate::fs::Tree;
use crate::name::PartyName;
use crate::world::{Clock, World};

/// A name, and the number of a key.
type Who<'a> = (&'a str, u8);

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&Zeroizing::new([number; 32])).unwrap()
}

fn name(text: &str) -> PartyName {
    text.parse().unwrap()
}

fn admins(all: &[Who<'_>]) -> BTreeMap<PartyName, PublicKey> {
    all.iter()
        .map(|(who, number)| (name(who), key(*number).public().clone()))
        .collect()
}

fn signature(body: &str, (who, number): Who<'_>) -> SignedBy {
    let key = key(number);
    SignedBy {
        party: who.to_owned(),
        fingerprint: key.public().fingerprint(),
        signature: key.sign(Namespace::Trust, body.as_bytes()),
    }
}

/// A version after another one, with the same files of rules.
fn next(before: &Version, threshold: u64, all: &[Who<'_>]) -> Draft {
    Draft {
        number: before.number + 1,
        previous: before.hash,
        also: None,
        threshold,
        admins: admins(all),
        files: before.files.clone(),
    }
}

/// The version as it reads with these signatures.
fn signed(draft: &Draft, by: &[Who<'_>]) -> Version {
    Version::parse(printed(draft, by).as_bytes()).unwrap()
}

fn printed(draft: &Draft, by: &[Who<'_>]) -> String {
    let body = draft.body();
    let all: Vec<SignedBy> = by.iter().map(|who| signature(&body, *who)).collect();
    draft.print(&all)
}

/// Who must sign a version, in words, for it to count after `before`.
fn refused(result: Result<(), TrustError>) -> String {
    match result {
        Err(TrustError::DoesNotFollow { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

/// A vault's files of rules and trust versions, and a machine that looks at them.
struct Vault {
    dir: tempfile::TempDir,
    world: World,
}

const SETTINGS: &str = "[vault]\nformat = 1\nname = \"v\"\n\n[end]\n";
const ACCESS: &str = "[rule.dev]\nreaders = [\"ada\"]\n\n[end]\n";
const ADA: &str = "[party]\nkind = \"person\"\nname = \"ada\"\n\n[end]\n";

impl Vault {
    /// One that ada founded with key 1.
    fn new() -> (Self, Version) {
        let dir = tempfile::tempdir().unwrap();
        let environment = [("CLWS_STATE_DIR".into(), dir.path().join("state").into())];
        let world = World::new(Clock::System, environment, "/".into());
        let vault = Self { dir, world };
        let mut files = BTreeMap::new();
        for (file, text) in [
            ("clws.toml", SETTINGS),
            ("recipients/access.toml", ACCESS),
            ("recipients/ada.toml", ADA),
        ] {
            vault.write(file, text);
            files.insert(file.to_owned(), sha256(text.as_bytes()));
        }
        let founding = Draft {
            number: 1,
            previous: [9; 32],
            also: None,
            threshold: 1,
            admins: admins(&[("ada", 1)]),
            files,
        };
        let version = vault.put(&founding, &[("ada", 1)]);
        (vault, version)
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.dir.path().join("vault").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.dir.path().join("vault").join(file)).unwrap();
    }

    /// Lays a version in its place.
    fn put(&self, draft: &Draft, by: &[Who<'_>]) -> Version {
        self.write(&version_file(draft.number), &printed(draft, by));
        signed(draft, by)
    }

    /// Lays a version among those of other branches.
    fn put_beside(&self, draft: &Draft, by: &[Who<'_>]) -> Version {
        let version = signed(draft, by);
        self.write(&super::also_file(&version.hash), &printed(draft, by));
        version
    }

    fn tree(&self) -> Tree {
        Tree::open(&self.dir.path().join("vault")).unwrap()
    }

    fn open(&self) -> Result<Trust, TrustError> {
        open(&self.tree(), &self.world, None)
    }

    /// Opens it as a first use that expects this version.
    fn open_expecting(&self, version: &Version) -> Result<Trust, TrustError> {
        let expected = format!("{}@{}", version.fingerprint(), version.number);
        open(&self.tree(), &self.world, Some(&expected.parse().unwrap()))
    }

    /// Whatever this machine remembers is gone.
    fn forget(&self) {
        fs::remove_dir_all(self.dir.path().join("state")).unwrap();
    }
}
