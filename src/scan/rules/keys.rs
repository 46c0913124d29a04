//! Private keys, as text and as they lie in binary files.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::memmem;
use zeroize::Zeroizing;

use super::super::checksum::is_bech32;
use super::super::text::Text;
use super::{Grounds, Rule, at};
use crate::crypto::{PrivateKey, private_key_at};

/// A key's text is followed so far; the longest RSA keys in use have 13,000 bytes of it.
const LONGEST: usize = 16 * 1024;

pub(super) const RULES: &[Rule] = &[
    at(
        "private-key",
        "a private key",
        Grounds::Form,
        &[b"-----begin "],
        pem,
        "https://www.rfc-editor.org/rfc/rfc7468",
    ),
    at(
        "private-key-base64",
        "a private key in base64, as in a Kubernetes Secret",
        Grounds::Form,
        &[b"ls0tls1crudjti"],
        wrapped,
        "https://kubernetes.io/docs/concepts/configuration/secret/",
    ),
    at(
        "age-identity",
        "an age identity",
        Grounds::Checksum,
        &[b"age-secret-key-", b"age-plugin-"],
        age,
        "https://age-encryption.org/v1",
    ),
    at(
        "putty-key",
        "a private key of PuTTY",
        Grounds::Form,
        &[b"putty-user-key-file-"],
        putty,
        "https://the.earth.li/~sgtatham/putty/0.83/htmldoc/AppendixC.html",
    ),
    at(
        "ssh-com-key",
        "a private key in the form of SSH.COM",
        Grounds::Form,
        &[b"---- begin ssh2 encrypted private key"],
        ssh2,
        "https://www.rfc-editor.org/rfc/rfc4716",
    ),
    at(
        "jwk-private-key",
        "a private key as a JSON Web Key",
        Grounds::Place,
        &[b"\"kty\""],
        jwk,
        "https://www.rfc-editor.org/rfc/rfc7518#section-6",
    ),
    at(
        "wireguard-key",
        "a private key of WireGuard",
        Grounds::Place,
        &[b"privatekey", b"presharedkey"],
        wireguard,
        "https://man7.org/linux/man-pages/man8/wg.8.html",
    ),
    at(
        "der-private-key",
        "a private key in DER",
        Grounds::Form,
        &[b"\x02\x01\x00\x30"],
        pkcs8,
        "https://www.rfc-editor.org/rfc/rfc5208",
    ),
    at(
        "pkcs12-file",
        "a PKCS #12 file, which holds private keys",
        Grounds::Form,
        &[b"\x02\x01\x03\x30"],
        pkcs12,
        "https://www.rfc-editor.org/rfc/rfc7292",
    ),
    at(
        "java-keystore",
        "a keystore of Java, which holds private keys",
        Grounds::Form,
        &[
            b"\xfe\xed\xfe\xed\x00\x00\x00\x02",
            b"\xce\xce\xce\xce\x00\x00\x00\x02",
        ],
        keystore,
        "https://docs.oracle.com/en/java/javase/21/docs/specs/man/keytool.html",
    ),
];

/// From its first line to its last one, so that nothing inside is looked at again.
fn pem(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    private_key_at(text.from(at)).filter(|key| *key == PrivateKey::Pem)?;
    let rest = text.get(at..at + LONGEST);
    // The label says itself that it ends.
    let end = memmem::find(rest, b"-----END ").map_or(64, |end| end + 9);
    Some(at..(at + end).min(text.bytes.len()))
}

/// PEM that is in base64 once more, on one line or on several.
fn wrapped(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    /// Of 288 bytes, which tell.
    const ENOUGH: usize = 384;
    let is_base64 = |b: &u8| super::super::form::holds(b'b', *b);
    let rest = text.get(at..at + LONGEST * 4 / 3);
    let goes_on = |b: &&u8| is_base64(b) || matches!(**b, b'\n' | b'\r' | b' ');
    let length = rest.iter().take_while(goes_on).count();
    let mut begins: Vec<u8> = rest
        .iter()
        .copied()
        .take(length)
        .filter(is_base64)
        .collect();
    begins.truncate(ENOUGH.min(begins.len() / 4 * 4));
    let begins = Zeroizing::new(STANDARD_NO_PAD.decode(&begins).ok()?);
    private_key_at(&begins).filter(|key| *key == PrivateKey::Pem)?;
    let end = rest.get(..length)?.trim_ascii_end().len();
    Some(at..at + end)
}

fn age(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let length = text.run(at, 2048, |b| {
        b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-'
    });
    let range = at..at + length;
    (length > 30 && is_bech32(text.get(range.clone()))).then_some(range)
}

fn putty(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    private_key_at(text.from(at)).filter(|key| *key == PrivateKey::Putty)?;
    let rest = text.get(at..at + LONGEST);
    let end = memmem::find(rest, b"Private-MAC:")?;
    Some(at..at + end)
}

fn ssh2(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..at + LONGEST);
    let begins = rest.starts_with(b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----");
    let end = memmem::find(rest, b"---- END SSH2 ENCRYPTED PRIVATE KEY ----")?;
    (begins && end > 100).then_some(at..at + end)
}

/// A `"d"` or a `"k"` of at least 16 bytes in the same object.
fn jwk(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let from = at.saturating_sub(2048);
    let start = memchr::memrchr(b'{', text.get(from..at)).map(|open| from + open)?;
    let object = text.get(start..at + 4096);
    let object = object.get(..memchr::memchr(b'}', object)?)?;
    [&b"\"d\""[..], b"\"k\""].into_iter().find_map(|name| {
        let behind = memmem::find(object, name)? + name.len();
        let gap = text.run(start + behind, 8, |b| {
            matches!(b, b' ' | b':' | b'"' | b'\n')
        });
        let value = start + behind + gap;
        let length = text.run(value, 2048, |b| super::super::form::holds(b'w', b));
        (length >= 22 && text.byte(value + length) == Some(b'"')).then_some(value..value + length)
    })
}

/// 32 bytes in base64, behind `PrivateKey =` of `wg(8)`.
fn wireguard(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let name = text.run(at, 16, |b| b.is_ascii_alphabetic());
    let gap = text.run(at + name, 8, |b| matches!(b, b' ' | b'='));
    let start = at + name + gap;
    let length = text.run(start, 45, |b| super::super::form::holds(b'b', b));
    let is_key = gap > 0 && length == 43 && text.has(start + 43, b"=");
    is_key.then_some(start..start + 44)
}

/// `PrivateKeyInfo` with the object identifier of RSA, of elliptic curves, of Ed25519.
fn pkcs8(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    const KINDS: [&[u8]; 3] = [
        b"\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04",
        b"\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06",
        b"\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20",
    ];
    let is_key = KINDS.iter().any(|kind| text.has(at + 4, kind));
    // The sequence around it, with a length in one byte, in two or in three.
    let start = at.checked_sub(2)?;
    let opens = [2, 3, 4]
        .iter()
        .any(|n| at.checked_sub(*n).and_then(|a| text.byte(a)) == Some(0x30));
    (is_key && opens).then_some(start..at + 4)
}

/// `PFX`: version 3 and a content info, at the very beginning.
fn pkcs12(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let begins = text.from_start && (2..=4).contains(&at) && text.has(0, b"\x30");
    let content = memmem::find(
        text.get(at..at + 24),
        b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07",
    );
    (begins && content.is_some()).then_some(0..at + 4)
}

fn keystore(text: &Text<'_>, at: usize) -> Option<Range<usize>> {
    let is_ours = text.has(at, b"\xfe\xed\xfe\xed\x00\x00\x00\x02")
        || text.has(at, b"\xce\xce\xce\xce\x00\x00\x00\x02");
    (text.from_start && at == 0 && is_ours).then_some(0..8)
}
