//! The real `ssh-keygen` verifies what we sign, and we verify what it signs.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use clws::crypto::sshsig::{Namespace, PublicKey, Signature, SigningKey};
use clws::crypto::{decode_base64, encode_base64, field};
use tempfile::TempDir;

use crate::support::tool::{run, said};

const NAMESPACES: [Namespace; 7] = [
    Namespace::Value,
    Namespace::Document,
    Namespace::Submit,
    Namespace::File,
    Namespace::Trust,
    Namespace::Hooks,
    Namespace::Audit,
];

#[test]
fn ssh_keygen_accepts_our_signature_in_its_namespace_alone() {
    let ours = SigningKey::from_seed(&zeroize::Zeroizing::new([7; 32])).unwrap();
    let lab = Lab::new();
    lab.allow(ours.public());
    let message = b"what was signed\0 to the last byte\n";
    for signed_in in NAMESPACES {
        let signature = ours.sign(signed_in, message);
        lab.write("signature", &armor(ours.public(), signed_in, &signature));
        for asked in NAMESPACES {
            let output = lab.verify(asked, message);
            assert_eq!(
                output.status.success(),
                asked == signed_in,
                "signed as {}, asked as {}: {}",
                signed_in.as_str(),
                asked.as_str(),
                said(&output)
            );
        }
        assert!(!lab.verify(signed_in, b"another message").status.success());
    }

    // The namespace is in what is signed, not only in the armor around it.
    let signature = ours.sign(Namespace::Value, message);
    lab.write(
        "signature",
        &armor(ours.public(), Namespace::File, &signature),
    );
    assert!(!lab.verify(Namespace::File, message).status.success());
    // And a key that nobody allowed is refused.
    lab.allow(
        SigningKey::from_seed(&zeroize::Zeroizing::new([8; 32]))
            .unwrap()
            .public(),
    );
    lab.write(
        "signature",
        &armor(ours.public(), Namespace::Value, &signature),
    );
    assert!(!lab.verify(Namespace::Value, message).status.success());
}

#[test]
fn we_accept_the_signature_of_ssh_keygen_in_its_namespace_alone() {
    let lab = Lab::new();
    let key = lab.generate("ed25519");
    let message = b"a value's message";
    for signed_in in NAMESPACES {
        let signature = lab.sign(signed_in, message);
        let (public, namespace, hash, signature) = disarm(&signature);
        assert_eq!(public, key.blob());
        assert_eq!(namespace, signed_in.as_str());
        assert_eq!(
            hash, "sha512",
            "the default of ssh-keygen, and our only one"
        );
        for asked in NAMESPACES {
            assert_eq!(
                key.verify(asked, message, &signature).is_ok(),
                asked == signed_in
            );
        }
        assert!(key.verify(signed_in, b"another", &signature).is_err());
        for bit in 0..8 * signature.as_bytes().len() {
            let mut bytes = signature.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = Signature::new(bytes).unwrap();
            assert!(
                key.verify(signed_in, message, &changed).is_err(),
                "bit {bit}"
            );
        }
    }
}

#[test]
fn only_ed25519_keys_of_ssh_keygen_can_be_read() {
    for kind in ["rsa", "ecdsa"] {
        let lab = Lab::new();
        let line = lab.generate_line(kind);
        assert!(line.parse::<PublicKey>().is_err(), "{line}");
    }
    let lab = Lab::new();
    assert_eq!(lab.generate("ed25519").to_string(), lab.public_line());
}

/// A folder with a key, a message, a signature and the list of allowed signers.
pub(crate) struct Lab {
    folder: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn allow(&self, key: &PublicKey) {
        self.write("allowed", &format!("ada {key}\n"));
    }

    pub(crate) fn verify(&self, namespace: Namespace, message: &[u8]) -> Output {
        let (allowed, signature) = (self.path("allowed"), self.path("signature"));
        let arguments = ["-Y", "verify", "-I", "ada", "-n", namespace.as_str(), "-f"];
        let files = [allowed.to_str().unwrap(), "-s", signature.to_str().unwrap()];
        run("ssh-keygen", arguments.into_iter().chain(files), message)
    }

    /// Makes a key and gives its public half as `TYPE BASE64`.
    fn generate_line(&self, kind: &str) -> String {
        let key = self.path("key");
        let arguments = ["-q", "-t", kind, "-N", "", "-C", "", "-f"];
        let output = run("ssh-keygen", arguments.into_iter().chain(key.to_str()), b"");
        assert!(output.status.success(), "{}", said(&output));
        self.public_line()
    }

    fn public_line(&self) -> String {
        fs::read_to_string(self.path("key.pub"))
            .unwrap()
            .trim_end()
            .to_owned()
    }

    fn generate(&self, kind: &str) -> PublicKey {
        self.generate_line(kind).parse().unwrap()
    }

    fn sign(&self, namespace: Namespace, message: &[u8]) -> String {
        let key = self.path("key");
        let arguments = ["-Y", "sign", "-n", namespace.as_str(), "-f"];
        let output = run(
            "ssh-keygen",
            arguments.into_iter().chain(key.to_str()),
            message,
        );
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The armor that OpenSSH reads, built from its parts (OpenSSH, PROTOCOL.sshsig).
pub(crate) fn armor(key: &PublicKey, namespace: Namespace, signature: &Signature) -> String {
    let mut inner = Vec::new();
    field(&mut inner, b"ssh-ed25519");
    field(&mut inner, signature.as_bytes());
    let mut blob = b"SSHSIG".to_vec();
    blob.extend_from_slice(&1_u32.to_be_bytes());
    field(&mut blob, key.blob());
    field(&mut blob, namespace.as_str().as_bytes());
    field(&mut blob, b"");
    field(&mut blob, b"sha512");
    field(&mut blob, &inner);
    let base64 = encode_base64(&blob);
    let mut text = "-----BEGIN SSH SIGNATURE-----\n".to_owned();
    for line in base64.as_bytes().chunks(70) {
        text.push_str(str::from_utf8(line).unwrap());
        text.push('\n');
    }
    text + "-----END SSH SIGNATURE-----\n"
}

/// Takes armor apart: key blob, namespace, hash, signature.
fn disarm(text: &str) -> (Vec<u8>, String, String, Signature) {
    let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let blob = decode_base64(&base64).unwrap();
    let mut rest = blob.strip_prefix(b"SSHSIG\0\0\0\x01").unwrap();
    let mut take = || take_field(&mut rest);
    let (key, namespace, reserved, hash, inner) = (take(), take(), take(), take(), take());
    assert!(reserved.is_empty() && rest.is_empty());
    let mut inner = inner.as_slice();
    assert_eq!(take_field(&mut inner), b"ssh-ed25519");
    let signature = Signature::new(take_field(&mut inner)).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (key, text(namespace), text(hash), signature)
}

fn take_field(rest: &mut &[u8]) -> Vec<u8> {
    let (length, after) = rest.split_first_chunk::<4>().unwrap();
    let (bytes, after) = after.split_at(u32::from_be_bytes(*length) as usize);
    *rest = after;
    bytes.to_vec()
}
