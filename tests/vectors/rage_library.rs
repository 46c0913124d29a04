//! The library of rage opens what we seal, and we open what it seals: by pyrage, a release of it that cannot be
//! built into clws, on other arithmetic.

use std::io::Cursor;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity as TheirIdentity;
use clws::crypto::sshsig::SigningKey;
use clws::crypto::stream::{open_file, seal_file};
use clws::crypto::x25519::{Identity, Recipient};
use clws::crypto::{decode_base64, encode_base64, ssh_ed25519};
use zeroize::Zeroizing;

use crate::support::tool::{run, said};

/// Around the chunk of 64 KiB, and none at all.
const LENGTHS: [usize; 6] = [0, 1, 65_535, 65_536, 65_537, 200_000];

const SEAL: &str = "
import base64, json, sys, pyrage
to, plain, armored = json.load(sys.stdin)
kind = lambda one: pyrage.ssh if one.startswith('ssh-') else pyrage.x25519
to = [kind(one).Recipient.from_str(one) for one in to]
sealed = pyrage.encrypt(base64.b64decode(plain), to, armored=armored)
print(json.dumps(base64.b64encode(sealed).decode()))
";

const OPEN: &str = "
import base64, json, sys, pyrage
identity, sealed = json.load(sys.stdin)
if identity.startswith('AGE-'):
    identity = pyrage.x25519.Identity.from_str(identity)
else:
    identity = pyrage.ssh.Identity.from_buffer(identity.encode())
try:
    plain = pyrage.decrypt(base64.b64decode(sealed), [identity])
    print(json.dumps(base64.b64encode(plain).decode()))
except pyrage.DecryptError:
    print(json.dumps(None))
";

fn python(script: &str, input: &serde_json::Value) -> Option<Vec<u8>> {
    let output = run("judge-python", ["-c", script], input.to_string().as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    let text: Option<String> = serde_json::from_slice(&output.stdout).unwrap();
    text.map(|text| decode_base64(&text).unwrap())
}

fn rage_seals(to: &[&str], plain: &[u8], armored: bool) -> Vec<u8> {
    let input = serde_json::json!([to, encode_base64(plain), armored]);
    python(SEAL, &input).unwrap()
}

fn rage_opens(identity: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    python(OPEN, &serde_json::json!([identity, encode_base64(sealed)]))
}

fn we_open(identity: &dyn age::Identity, sealed: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut input = Cursor::new(sealed);
    let opened = open_file(&mut input, std::iter::once(identity), &mut out);
    opened.ok().map(|_| out)
}

fn we_seal(to: &[&dyn age::Recipient], plain: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    seal_file(to.iter().copied(), plain, &mut sealed).unwrap();
    sealed
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

/// A pair: the text of the identity, and ours of both halves.
fn person() -> (String, Identity, Recipient) {
    let text = TheirIdentity::generate().to_string();
    let text = text.expose_secret().to_owned();
    let identity = Identity::parse(&text).unwrap();
    let recipient = Recipient::parse(identity.public()).unwrap();
    (text, identity, recipient)
}

#[test]
fn files_go_both_ways_for_each_of_several_readers() {
    let (ada, ben, stranger) = (person(), person(), person());
    for length in LENGTHS {
        let plain = pattern(length);
        let ours = we_seal(&[&ada.2, &ben.2], &plain);
        for armored in [false, true] {
            let theirs = rage_seals(&[ada.1.public(), ben.1.public()], &plain, armored);
            for (_, identity, _) in [&ada, &ben] {
                assert!(
                    we_open(identity, &theirs).as_ref() == Some(&plain),
                    "{length}"
                );
            }
            assert!(we_open(&stranger.1, &theirs).is_none());
        }
        for (text, ..) in [&ada, &ben] {
            assert!(rage_opens(text, &ours).as_ref() == Some(&plain), "{length}");
        }
        assert!(rage_opens(&stranger.0, &ours).is_none());
    }
}

#[test]
fn files_for_an_ssh_key_go_both_ways() {
    let seed = Zeroizing::new([5; 32]);
    let signing = SigningKey::from_seed(&seed).unwrap();
    let identity = ssh_ed25519::Identity::new(&seed, signing.public()).unwrap();
    let recipient = ssh_ed25519::Recipient::new(signing.public()).unwrap();
    let pair = ssh_key::private::Ed25519Keypair::from_seed(&seed);
    let private = ssh_key::PrivateKey::from(pair);
    let private = private.to_openssh(ssh_key::LineEnding::LF).unwrap();
    for length in LENGTHS {
        let plain = pattern(length);
        let theirs = rage_seals(&[&signing.public().to_string()], &plain, false);
        assert!(
            we_open(&identity, &theirs).as_ref() == Some(&plain),
            "{length}"
        );
        let ours = we_seal(&[&recipient, &person().2], &plain);
        assert!(
            rage_opens(&private, &ours).as_ref() == Some(&plain),
            "{length}"
        );
    }
}

#[test]
fn neither_opens_what_was_cut_or_changed() {
    let (text, identity, recipient) = person();
    let sealed = we_seal(&[&recipient], &pattern(70_000));
    for place in [0, 30, 120, 190, 60_000, sealed.len() - 1] {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        for broken in [changed.as_slice(), &sealed[..place]] {
            assert!(rage_opens(&text, broken).is_none(), "{place}");
            assert!(we_open(&identity, broken).is_none(), "{place}");
        }
    }
}
