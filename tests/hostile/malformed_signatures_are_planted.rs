//! Ada's real signature over a real version, in every shape that it must not have. The cases follow
//! Wycheproof's for Ed25519: lengths, S of L or more, small order, other spellings.

use clws::crypto::encode_base64;

use crate::lab::Lab;
use crate::scene::{accept, newest, nothing_works, plant, refused, signature_of, trust_file};

/// The group's order, little-endian (RFC 8032, 5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

const DATAERR: i32 = 10;
const TRUST: i32 = 13;

fn plus(s: &[u8], times: usize) -> Vec<u8> {
    let mut sum = s.to_vec();
    for _ in 0..times {
        let mut carry = 0_u16;
        for (byte, add) in sum.iter_mut().zip(L) {
            let all = u16::from(*byte) + u16::from(add) + carry;
            *byte = u8::try_from(all & 0xff).unwrap();
            carry = all >> 8;
        }
        assert_eq!(carry, 0, "S + {times} L has 33 bytes");
    }
    sum
}

fn join(r: &[u8], s: &[u8]) -> String {
    encode_base64(&[r, s].concat())
}

fn cases(base64: &str, bytes: &[u8]) -> Vec<(&'static str, String, i32)> {
    let (r, s) = bytes.split_at(32);
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut spelled_neutral = [0xff; 32];
    (spelled_neutral[0], spelled_neutral[31]) = (0xee, 0x7f);
    let mut turned = bytes.to_vec();
    turned[31] ^= 0x80;
    let mut high = s.to_vec();
    high[31] |= 0x80;
    let mut one_bit = bytes.to_vec();
    one_bit[0] ^= 1;
    let last = base64.trim_end_matches('=');
    let (start, end) = last.split_at(last.len() - 1);
    // The last digit of 64 bytes carries four bits that are zero.
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let at = digits.find(end).unwrap();
    let loose = format!("{start}{}==", &digits[at + 1..at + 2]);
    vec![
        ("empty", String::new(), DATAERR),
        ("one byte", encode_base64(&[0]), DATAERR),
        ("R alone", encode_base64(r), DATAERR),
        ("a byte short", encode_base64(&bytes[..63]), DATAERR),
        ("a byte long", join(bytes, &[0]), DATAERR),
        ("twice", join(bytes, bytes), DATAERR),
        (
            "with a hardware key's flags",
            join(bytes, &[1, 0, 0, 0, 1]),
            TRUST,
        ),
        ("S + L", join(r, &plus(s, 1)), TRUST),
        ("S + 4 L", join(r, &plus(s, 4)), TRUST),
        ("S = L", join(r, &L), TRUST),
        ("S with its highest bit", join(r, &high), TRUST),
        ("S = 0", join(r, &[0; 32]), TRUST),
        ("all zero", join(&[0; 32], &[0; 32]), TRUST),
        ("all ones", join(&[0xff; 32], &[0xff; 32]), TRUST),
        ("R neutral, S = 0", join(&neutral, &[0; 32]), TRUST),
        ("R neutral", join(&neutral, s), TRUST),
        (
            "R neutral, spelled as p + 1",
            join(&spelled_neutral, s),
            TRUST,
        ),
        ("R with the other sign", encode_base64(&turned), TRUST),
        ("one bit of R", encode_base64(&one_bit), TRUST),
        ("R and S exchanged", join(s, r), TRUST),
        ("base64 without padding", last.to_owned(), DATAERR),
        ("base64 with bits behind", loose, DATAERR),
        (
            "base64 in the URL alphabet",
            base64.replace(['+', '/'], "-"),
            DATAERR,
        ),
        ("base64 with a blank", format!("{base64} "), DATAERR),
        ("hexadecimal", clws::crypto::hex(bytes), DATAERR),
    ]
}

#[test]
fn none_of_them_signs_a_version() {
    let lab = Lab::new()
        .people(&["ben"])
        .secret("prod/web/TOKEN", "hunter2");
    lab.clws("access grant ben prod --read --yes").succeeds();
    accept(&lab, &["ben"]);
    lab.clws("access grant ben dev --read --yes").succeeds();
    let file = trust_file(newest(&lab).number);
    let real = std::fs::read_to_string(lab.vault().join(&file)).unwrap();
    let (base64, bytes) = signature_of(&real, "ada");
    let mut tried = 0;
    for (what, planted, code) in cases(&base64, &bytes) {
        if planted == base64 {
            // A signature without + and / is the same in both alphabets.
            continue;
        }
        plant(&lab, &file, real.replace(&base64, &planted));
        let said = refused(&lab, "ben", "secret get prod/web/TOKEN", code);
        assert!(!said.contains("panicked"), "{what}: {said}");
        tried += 1;
    }
    assert!(tried >= 24, "{tried}");
    plant(&lab, &file, real.replace(&base64, ""));
    nothing_works(&lab, "ben", DATAERR);
    plant(&lab, &file, &real);
    lab.clws("secret get prod/web/TOKEN").by("ben").succeeds();
}

#[test]
fn a_key_that_anybody_could_sign_with_makes_nobody_an_administrator() {
    let lab = Lab::new().people(&["ben"]);
    let real = std::fs::read_to_string(lab.vault().join("recipients/ben.toml")).unwrap();
    let line = real
        .lines()
        .find(|line| line.starts_with("key = \"ssh-ed25519"))
        .unwrap();
    let mut neutral = vec![0; 32];
    neutral[0] = 1;
    for point in [
        neutral,
        vec![0; 32],
        [vec![0xee], vec![0xff; 30], vec![0x7f]].concat(),
    ] {
        let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
        blob.extend(&point);
        let key = format!("key = \"ssh-ed25519 {}\"", encode_base64(&blob));
        let party = real.replace(line, &key).replace("\"ben\"", "\"mallory\"");
        assert_ne!(party, real);
        lab.clws("recipient add mallory - --yes")
            .stdin(party.as_bytes())
            .exits(10);
        assert!(!lab.vault().join("recipients/mallory.toml").exists());
    }
}
