//! A deployer's signature over all files of one hook: `hooks/<component>.sig.toml`.
//!
//! A hook runs commands with secrets, so an unsigned change runs nowhere. Each component is signed
//! by itself: an image bump needs no administrator, and two pull requests do not collide.

use std::collections::BTreeMap;

use super::declaration::Hook;
use super::error::HookError;
use super::files::{HookFile, HookFiles, read_files};
use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::crypto::{List, hex, sha256};
use crate::error::Error;
use crate::fs::{Edit, Journal, Lock, New};
use crate::lines::{self, Kind, Schema, Value};
use crate::name::{Component, PartyName};
use crate::trust::HookPin;
use crate::vault::{Author, Vault};

/// The tables and keys of a hook's signature.
pub static HOOK_SCHEMA: Schema = Schema {
    what: "hook signature",
    kinds: &[
        Kind {
            name: "hook",
            named: false,
            keys: &["component", "seq"],
        },
        Kind {
            name: "file",
            named: true,
            keys: &["mode", "sha256"],
        },
        Kind {
            name: "sig",
            named: true,
            keys: &["sig"],
        },
    ],
};

/// How far a number may be ahead of the last one seen. A deployer who writes the greatest of all
/// numbers would leave none for those who sign after.
const FURTHEST: u64 = 1000;

/// The signature file, read.
#[derive(Clone, Debug, Default)]
pub(super) struct SignatureFile {
    pub(super) seq: u64,
    files: BTreeMap<String, (String, [u8; 32])>,
    pub(super) signatures: Vec<SignedBy>,
}

/// Where a component's signature lies.
pub(super) fn signature_file(component: &Component) -> String {
    format!("hooks/{component}.sig.toml")
}

impl SignatureFile {
    pub(super) fn parse(component: &Component, bytes: &[u8]) -> Result<Self, HookError> {
        let at = |error| HookError::Line {
            file: signature_file(component),
            error,
        };
        let parsed = lines::scan(bytes, &HOOK_SCHEMA).map_err(at)?;
        let read = || {
            let head = parsed.only("hook")?;
            if head.text("component")? != component.as_str() {
                return Err(head.wrong("component", "it is another component's".to_owned()));
            }
            let mut file = Self {
                seq: head.number("seq")?,
                ..Self::default()
            };
            for table in parsed.all()? {
                match table.header().kind {
                    "file" => {
                        let entry = (table.text("mode")?.to_owned(), table.hex("sha256")?);
                        file.files.insert(table.name().to_owned(), entry);
                    }
                    "sig" => {
                        let signed: SignedBy = table.parsed("sig")?;
                        if signed.party != table.name() {
                            return Err(table.wrong("sig", "it names another party".to_owned()));
                        }
                        file.signatures.push(signed);
                    }
                    _ => {}
                }
            }
            Ok(file)
        };
        read().map_err(at)
    }

    /// `L("clws.v1.hooks", vault, component, u64(seq), L("files", path, sha256, mode …), signer)`.
    fn message(&self, vault: &[u8; 32], component: &Component, signer: &PublicKey) -> Vec<u8> {
        let files = self
            .files
            .iter()
            .fold(List::new("files"), |list, (path, (mode, hash))| {
                list.text(path).bytes(hash).text(mode)
            });
        List::new("clws.v1.hooks")
            .bytes(vault)
            .text(component.as_str())
            .number(self.seq)
            .list(files)
            .bytes(signer.blob())
            .encode()
    }

    /// The hash of all that is signed, whoever does it.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut all = List::new("clws.v1.hook-pin").number(self.seq);
        for (path, (mode, hash)) in &self.files {
            all = all.text(path).bytes(hash).text(mode);
        }
        sha256(&all.encode())
    }

    /// Holds the number against what this machine has seen.
    pub(super) fn follows(
        &self,
        component: &Component,
        pin: Option<HookPin>,
    ) -> Result<(), HookError> {
        let Some(pin) = pin else { return Ok(()) };
        let (component, here, seen) = (component.to_string(), self.seq, pin.seq);
        if here < seen {
            return Err(HookError::Older {
                component,
                here,
                seen,
            });
        }
        if here == seen && pin.files.is_some_and(|files| files != self.hash()) {
            let seq = here;
            return Err(HookError::Sibling { component, seq });
        }
        if here - seen > FURTHEST {
            return Err(HookError::Jump {
                component,
                here,
                seen,
            });
        }
        Ok(())
    }

    pub(super) fn pin(&self) -> HookPin {
        HookPin {
            seq: self.seq,
            files: Some(self.hash()),
        }
    }

    /// The files that are not what was signed.
    pub(super) fn differences(&self, files: &HookFiles) -> Vec<String> {
        let same = |path: &str, file: &HookFile| {
            self.files
                .get(path)
                .is_some_and(|(mode, hash)| mode == file.mode && *hash == sha256(&file.bytes))
        };
        let changed = files
            .iter()
            .filter(|(path, file)| !same(path, file))
            .map(|(path, _)| path);
        let missing = self.files.keys().filter(|path| !files.contains_key(*path));
        changed
            .chain(missing)
            .map(|path| format!("hooks/{path}"))
            .collect()
    }

    fn print(&self, component: &Component) -> String {
        let head = [
            ("component", Value::from(component.as_str())),
            ("seq", Value::from(self.seq)),
        ];
        let mut tables = vec![lines::print("hook", None, &head)];
        for (path, (mode, hash)) in &self.files {
            let fields = [("mode", mode.as_str().into()), ("sha256", hex(hash).into())];
            tables.push(lines::print("file", Some(path), &fields));
        }
        for signed in &self.signatures {
            let fields = [("sig", signed.to_string().into())];
            tables.push(lines::print("sig", Some(&signed.party), &fields));
        }
        lines::render("", &tables)
    }
}

/// How a hook stands to its signature, for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HookStatus {
    /// The signature's number; none if there is no signature.
    pub seq: Option<u64>,
    /// Who signed, with valid signatures.
    pub signers: Vec<String>,
    /// Files that differ from what was signed; all of them without a signature.
    pub differences: Vec<String>,
    /// A sum over all files as they lie, for who signs what was shown.
    pub sum: [u8; 32],
}

/// How a component's hook stands to its signature, whoever may deploy where.
///
/// # Errors
/// [`HookError`].
pub fn hook_status(vault: &Vault, component: &Component) -> Result<HookStatus, Error> {
    let files = read_files(vault.tree(), component)?;
    let bytes = vault
        .tree()
        .read(&signature_file(component), lines::MAX_FILE)?;
    let Some(bytes) = bytes else {
        let differences = files.keys().map(|path| format!("hooks/{path}")).collect();
        return Ok(HookStatus {
            seq: None,
            signers: Vec::new(),
            differences,
            sum: sum(&files),
        });
    };
    let signed = SignatureFile::parse(component, &bytes)?;
    let valid = valid_signers(vault, component, &signed)?;
    Ok(HookStatus {
        seq: Some(signed.seq),
        signers: valid.iter().map(ToString::to_string).collect(),
        differences: signed.differences(&files),
        sum: sum(&files),
    })
}

/// A sum over the files of a hook.
fn sum(files: &HookFiles) -> [u8; 32] {
    let mut list = List::new("clws.v1.hook-shown");
    for (path, file) in files {
        list = list.text(path).bytes(&sha256(&file.bytes)).text(file.mode);
    }
    sha256(&list.encode())
}

/// The parties whose signatures verify.
pub(super) fn valid_signers(
    vault: &Vault,
    component: &Component,
    signed: &SignatureFile,
) -> Result<Vec<PartyName>, Error> {
    let mut valid = Vec::new();
    for signature in &signed.signatures {
        let Ok(name) = signature.party.parse::<PartyName>() else {
            continue;
        };
        let Some(party) = vault.party_if_known(&name)? else {
            continue;
        };
        let Some(key) = party.verifying_key(signature.fingerprint) else {
            continue;
        };
        let message = signed.message(vault.id(), component, &key.key);
        key.key
            .verify(Namespace::Hooks, &message, &signature.signature)
            .map_err(|_| HookError::BadSignature {
                component: component.to_string(),
                signer: name.to_string(),
            })?;
        valid.push(name);
    }
    Ok(valid)
}

/// Signs a component's hook as it was shown, with the sum of its files; gives the signature's number.
///
/// A deployer who signs the same files adds a signature; other files begin a new number.
///
/// # Errors
/// [`HookError`], [`crate::fs::FsError`].
pub fn sign_hook(
    vault: &Vault,
    component: &Component,
    shown: &[u8; 32],
    author: &Author<'_>,
) -> Result<u64, Error> {
    vault.demand_pin_to_write()?;
    let files = read_files(vault.tree(), component)?;
    if sum(&files) != *shown {
        return Err(HookError::Meanwhile(component.to_string()).into());
    }
    let own = files
        .get(&format!("{component}.toml"))
        .map(|file| file.bytes.as_slice());
    Hook::parse(component, own.unwrap_or_default())?.check_files(component, &files)?;
    let pins = &vault.trust().pins;
    let journal = Journal::at(pins.journal_file());
    let _lock = Lock::take(&pins.lock_file(), "hook sign")?;
    journal.begin(vault.tree())?;
    let path = signature_file(component);
    let old = vault.tree().read(&path, lines::MAX_FILE)?;
    let before = old
        .as_deref()
        .map(|bytes| SignatureFile::parse(component, bytes))
        .transpose()?;
    let pin = vault.trust().pins.hook(component)?;
    let seen = pin.map_or(0, |pin| pin.seq);
    let follows = before
        .as_ref()
        .map_or(Ok(()), |before| before.follows(component, pin));
    // The numbers that follow would have to go on from there.
    if let Err(error @ HookError::Jump { .. }) = follows {
        return Err(error.into());
    }
    let mut signed = match before {
        Some(before) if follows.is_ok() && before.differences(&files).is_empty() => before,
        before => SignatureFile {
            seq: before
                .map_or(0, |before| before.seq)
                .max(seen)
                .saturating_add(1),
            files: files
                .iter()
                .map(|(path, file)| (path.clone(), (file.mode.to_owned(), sha256(&file.bytes))))
                .collect(),
            signatures: Vec::new(),
        },
    };
    let message = signed.message(vault.id(), component, author.signer.public());
    let signature = author.signer.sign(Namespace::Hooks, &message)?;
    signed
        .signatures
        .retain(|other| other.party != signature.party);
    signed.signatures.push(signature);
    signed.signatures.sort_by(|a, b| a.party.cmp(&b.party));
    vault.record_use(
        "hook sign",
        &[format!("hooks/{component}")],
        crate::fs::Sync::Disk,
    )?;
    let new = New::Bytes(signed.print(component).into_bytes());
    let edit = Edit::of(path, old.as_deref(), new);
    journal.commit(vault.tree(), vault.world(), vec![edit])?;
    pins.set_hook(component, signed.pin())?;
    journal.end();
    Ok(signed.seq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::sshsig::SigningKey;
    use crate::error::{Code, Explain as _};

    #[test]
    fn the_hook_of_the_specification_comes_out_to_the_byte() {
        let counting = |from: u8| std::array::from_fn(|at| from + u8::try_from(at).unwrap());
        let file = |path: &str, mode: &str| (path.to_owned(), (mode.to_owned(), counting(0xc0)));
        let signed = SignatureFile {
            seq: 2,
            files: [file("web.toml", "0644"), file("web/run.sh", "0755")].into(),
            signatures: Vec::new(),
        };
        let signing = SigningKey::from_seed(&zeroize::Zeroizing::new([1; 32])).unwrap();
        let component = "web".parse().unwrap();
        let message = signed.message(&counting(0), &component, signing.public());
        let page = include_str!("../../docs/format.md");
        for vector in [hex(&sha256(&message)), hex(&signed.hash())] {
            assert!(page.contains(&vector), "{vector}");
        }
        let pin = |seq| Some(HookPin { seq, files: None });
        let far = SignatureFile {
            seq: 2 + FURTHEST,
            ..SignatureFile::default()
        };
        far.follows(&component, pin(2)).unwrap();
        let jump = far.follows(&component, pin(1)).unwrap_err();
        assert_eq!(jump.code(), Code::Rollback);
    }
}
