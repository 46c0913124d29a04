//! Ben writes a private key whose public half is somebody else's. Whoever rotates it would put a key that he reads
//! beside hers: on the hosts that list hers, and in the rules, where it would sign in her name.

use std::process::Command;

use ssh_key::private::{EcdsaKeypair, KeypairData, RsaKeypair, SkEd25519};
use ssh_key::public::{EcdsaPublicKey, KeyData};
use ssh_key::{LineEnding, PrivateKey, PublicKey};

use crate::lab::Lab;
use crate::scene::{accept, refused};

const PATH: &str = "prod/web/KEY";

/// A key of hardware, by its public half.
const HARDWARE: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAINdamAGCsQq31Uv+\
                        08lkBzoO4XLz2qYjJa8CGmj3B1EaAAAABHNzaDo=";

fn lab() -> Lab {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "bens-own-token");
    lab.clws("access grant ben prod/web --read --write --yes")
        .succeeds();
    lab.clws("recipient update ada --yes --sign-key")
        .word(HARDWARE)
        .succeeds();
    accept(&lab, &["ben"]);
    lab
}

/// Ben writes a key, to be rotated.
fn written(lab: &Lab, key: &PrivateKey) {
    let text = key.to_openssh(LineEnding::LF).unwrap();
    lab.clws(&format!("secret set {PATH}"))
        .by("ben")
        .stdin(text.trim_end().as_bytes())
        .succeeds();
    lab.clws(&format!("secret policy {PATH} --rotator ssh-key"))
        .by("ben")
        .succeeds();
    lab.clws(&format!("secret get {PATH}")).succeeds();
}

/// As `ssh-keygen` makes it.
fn made(kind: &str) -> PrivateKey {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-N", "", "-t", kind, "-f"]).arg(&file);
    assert!(keygen.status().unwrap().success());
    PrivateKey::from_openssh(std::fs::read(&file).unwrap()).unwrap()
}

/// The private half of one with the public half of another.
fn forged(ours: &PrivateKey, theirs: &PublicKey) -> PrivateKey {
    let pair = match (ours.key_data(), theirs.key_data()) {
        (KeypairData::Rsa(ours), KeyData::Rsa(theirs)) => {
            KeypairData::Rsa(RsaKeypair::new(theirs.clone(), ours.private().clone()).unwrap())
        }
        (
            KeypairData::Ecdsa(EcdsaKeypair::NistP256 { private, .. }),
            KeyData::Ecdsa(EcdsaPublicKey::NistP256(public)),
        ) => KeypairData::Ecdsa(EcdsaKeypair::NistP256 {
            public: *public,
            private: private.clone(),
        }),
        (_, KeyData::SkEd25519(theirs)) => {
            KeypairData::SkEd25519(SkEd25519::new(theirs.clone(), 1, *b"a handle").unwrap())
        }
        _ => unreachable!(),
    };
    PrivateKey::new(pair, "deploys").unwrap()
}

fn is_refused(lab: &Lab, key: &PrivateKey) {
    written(lab, key);
    let told = refused(lab, "ada", &format!("rotate {PATH} --yes"), 2);
    assert!(told.contains("does not prove its public one"), "{told}");
}

#[test]
fn who_signs_with_hardware() {
    let lab = lab();
    let ours = made("ed25519");
    is_refused(&lab, &forged(&ours, &HARDWARE.parse().unwrap()));
    // One that is whole is rotated.
    written(&lab, &ours);
    lab.clws(&format!("rotate {PATH} --yes")).succeeds();
}

#[test]
fn whose_key_of_another_kind_hosts_list() {
    let lab = lab();
    for kind in ["rsa", "ecdsa"] {
        let (ours, theirs) = (made(kind), made(kind));
        is_refused(&lab, &forged(&ours, theirs.public_key()));
        written(&lab, &ours);
        lab.clws(&format!("rotate {PATH} --yes")).succeeds();
    }
}
