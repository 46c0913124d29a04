//! A vault with people, and mallory, who can write any file of it and signs with a key of her own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clws::crypto::sshsig::{Namespace, PublicKey, SignedBy, SigningKey};
use clws::crypto::{decode_base64, hex, sha256};
use clws::trust::{Draft, Version};
use zeroize::Zeroizing;

use crate::lab::Lab;

/// What mallory signs with; her private key is her own.
pub(crate) fn mallory() -> SigningKey {
    SigningKey::from_seed(&Zeroizing::new([77; 32])).unwrap()
}

/// A signature with this key in the name of a party.
pub(crate) fn signed(key: &SigningKey, party: &str, body: &[u8]) -> SignedBy {
    SignedBy {
        party: party.to_owned(),
        fingerprint: key.public().fingerprint(),
        signature: key.sign(Namespace::Trust, body),
    }
}

/// The newest trust version in the tree.
pub(crate) fn newest(lab: &Lab) -> Version {
    let number = (1..).take_while(|n| file(lab, *n).exists()).last().unwrap();
    version(lab, number)
}

pub(crate) fn version(lab: &Lab, number: u64) -> Version {
    Version::parse(&std::fs::read(file(lab, number)).unwrap()).unwrap()
}

/// An administrator's key in a version.
pub(crate) fn admin_key(version: &Version, name: &str) -> Option<PublicKey> {
    let name: clws::name::PartyName = name.parse().unwrap();
    version.admins.get(&name).cloned()
}

/// Where version n lies.
pub(crate) fn file(lab: &Lab, number: u64) -> PathBuf {
    lab.vault().join(format!("recipients/trust/{number}.toml"))
}

/// What may follow on a version, to be changed by mallory.
pub(crate) fn draft_after(before: &Version) -> Draft {
    Draft {
        number: before.number + 1,
        previous: before.hash,
        also: None,
        threshold: before.threshold,
        admins: before.admins.clone(),
        files: before.files.clone(),
    }
}

/// Writes a file of the vault.
pub(crate) fn plant(lab: &Lab, path: &str, bytes: impl AsRef<[u8]>) {
    let path = lab.vault().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Reads a file of the vault.
pub(crate) fn read(lab: &Lab, path: &str) -> String {
    std::fs::read_to_string(lab.vault().join(path)).unwrap()
}

/// Has ada sign a host of prod, and a hook that runs there with `web/TOKEN`.
pub(crate) fn deployable(lab: &Lab) {
    plant(
        lab,
        "recipients/box.toml",
        "[party]\nkind = \"host\"\nname = \"box\"\naddress = \"local\"\nscope = \"prod\"\nmachine_type = \"server\"\n\n[end]\n",
    );
    lab.clws("trust sign --yes").succeeds();
    plant(
        lab,
        "hooks/web.toml",
        "runs_on = { machine_type = \"server\" }\nprocess = { command = [\"sleep\", \"1\"] }\n[env]\nTOKEN = { secret = \"web/TOKEN\" }\n",
    );
    lab.clws("hook sign --yes").succeeds();
    lab.clws("deploy --on prod --dry-run").succeeds();
}

pub(crate) fn trust_file(number: u64) -> String {
    format!("recipients/trust/{number}.toml")
}

pub(crate) fn accept(lab: &Lab, names: &[&str]) {
    lab.accepted_by(names);
    for name in names {
        // What they can read they have read: a first look at a value moves a pin, rightly.
        lab.clws("secret get prod/web/TOKEN").by(name).run();
    }
}

/// Everything below a folder, but locks, the mark that a change was begun, and what git keeps.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                if name != ".git" {
                    folders.push(path);
                }
            } else if name != "lock" && name != "journal.unfinished" {
                // What a link leads to counts as well; of a pipe or a device its being there does.
                let bytes = match std::fs::metadata(&path) {
                    Ok(about) if about.is_file() => std::fs::read(&path).unwrap(),
                    _ => Vec::new(),
                };
                found.insert(path, hex(&sha256(&bytes)));
            }
        }
    }
    found
}

/// What a person's machine remembers of vaults.
pub(crate) fn pins(lab: &Lab, name: &str) -> BTreeMap<PathBuf, String> {
    let pins = files_below(&lab.home(name).join(".local/state/clws/vaults"));
    assert!(!pins.is_empty(), "{name} has accepted nothing");
    pins
}

/// The files that two states do not have alike.
fn changed(a: &BTreeMap<PathBuf, String>, b: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let all = a.keys().chain(b.keys());
    let mut other: Vec<_> = all.filter(|file| a.get(*file) != b.get(*file)).collect();
    other.sort();
    other.dedup();
    other
        .iter()
        .map(|file| file.display().to_string())
        .collect()
}

/// Runs a command that must end with this code, write nothing and move no pin.
pub(crate) fn refused(lab: &Lab, by: &str, words: &str, code: i32) -> String {
    let before = (files_below(&lab.vault()), pins(lab, by));
    let ran = lab.clws(words).by(by).stdin(b"new").exits(code);
    assert!(
        ran.out.is_empty() || code == 0 || code == 1,
        "{words} gave {}",
        ran.text()
    );
    let after = (files_below(&lab.vault()), pins(lab, by));
    assert_eq!(changed(&before.0, &after.0), [""; 0], "{words} wrote");
    assert_eq!(
        changed(&before.1, &after.1),
        [""; 0],
        "{words} moved the pin"
    );
    ran.err
}

/// What each kind of use ends with where a trust version does not hold: nothing works.
pub(crate) fn nothing_works(lab: &Lab, by: &str, code: i32) -> String {
    for words in [
        "secret set prod/web/TOKEN",
        "secret list",
        "access grant mallory prod --read --yes",
        "trust sign --yes",
        "rekey --yes",
    ] {
        refused(lab, by, words, code);
    }
    refused(lab, by, "secret get prod/web/TOKEN", code)
}

/// A party file for a signing key, without anything that is sealed to it.
pub(crate) fn party(name: &str, key: &PublicKey) -> String {
    format!(
        "[party]\nkind = \"person\"\nname = \"{name}\"\n\n[signing.main]\nkey = \"{key}\"\nuse = \"sign\"\n\n[end]\n"
    )
}

/// The bytes of the signature that a line `sig = "NAME/FP:BASE64"` holds.
pub(crate) fn signature_of(text: &str, name: &str) -> (String, Vec<u8>) {
    let start = format!("sig = \"{name}/");
    let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
    let base64 = line.split_once(':').unwrap().1.trim_end_matches('"');
    (base64.to_owned(), decode_base64(base64).unwrap())
}
