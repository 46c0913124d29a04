//! What a certificate says in the clear: until when it holds, for whom, and for which key.

use std::io::{self, Cursor, Read};
use std::net::{Ipv4Addr, Ipv6Addr};

use zeroize::Zeroizing;

use super::blocks;
use super::der::{self, BIT_STRING, OCTET_STRING, OID, SEQUENCE, SET};
use crate::crypto::sha256;
use crate::secret::Plain;
use crate::time::Moment;
use crate::vault::{Policy, PolicyKey};

/// subjectAltName (RFC 5280, 4.2.1.6).
pub(super) const ALTERNATIVES: &[u8] = &[0x55, 0x1d, 0x11];

/// As much of an X.509 certificate (RFC 5280) as is needed. Nothing is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// SHA-256 of all of it, by which it is told from others.
    pub sha256: [u8; 32],
    /// From when it holds.
    pub not_before: Moment,
    /// Until when.
    pub not_after: Moment,
    /// Its subject's common name, or what else is last in its name.
    pub subject: String,
    /// The bits of its public key.
    pub public_key: Vec<u8>,
    /// Its public key with its kind, as DER.
    pub key_info: Vec<u8>,
    /// Its subject's whole name, as DER.
    pub name: Vec<u8>,
    /// Its alternative names, as DER; none where it has none.
    pub alternatives: Option<Vec<u8>>,
}

/// The certificates of a text, leaf first as servers show them; those that do not read are left out.
#[must_use]
pub fn certificates(text: &str) -> Vec<Vec<u8>> {
    let all = blocks(text).into_iter();
    all.filter(|block| block.label == "CERTIFICATE")
        .filter_map(|block| block.content.map(|content| content.to_vec()))
        .collect()
}

/// The day on which the first of the certificates in a value ends; none if there is none.
#[must_use]
pub fn end_of(value: &Plain) -> Option<String> {
    value.with(|bytes| {
        let text = std::str::from_utf8(bytes).ok()?;
        let all = certificates(text).into_iter();
        let ends = all.filter_map(|der| Certificate::parse(&der).map(|read| read.not_after));
        ends.min().map(Moment::date)
    })
}

/// Says in a policy until when a value holds that is a certificate; what else is said stays.
pub fn set_end(policy: &mut Policy, end: Option<String>) {
    if let Some(end) = end {
        policy.set(PolicyKey::Expires, Some(end));
    }
}

/// The end of the certificates that a stream begins with, if it does, and the stream as it was. No chain is
/// longer than 64 KiB.
///
/// # Errors
/// If it cannot be read.
pub fn end_of_stream<R: Read>(mut input: R) -> io::Result<(Option<String>, impl Read)> {
    let mut head = Plain::new(Vec::new());
    head.with_mut(|head| input.by_ref().take(64 << 10).read_to_end(head))?;
    let end = end_of(&head);
    let head = head.with(|head| Zeroizing::new(head.clone()));
    Ok((end, Cursor::new(head).chain(input)))
}

impl Certificate {
    /// Reads one; `None` if it is none.
    #[must_use]
    pub fn parse(der: &[u8]) -> Option<Self> {
        let mut rest = der;
        let mut outer = der::expect(&mut rest, SEQUENCE)?.content;
        if !rest.is_empty() {
            return None;
        }
        let mut body = der::expect(&mut outer, SEQUENCE)?.content;
        // The version, where there is one.
        der::expect(&mut body, 0xa0);
        der::expect(&mut body, der::INTEGER)?;
        let _algorithm = der::expect(&mut body, SEQUENCE)?;
        let _issuer = der::expect(&mut body, SEQUENCE)?;
        let mut validity = der::expect(&mut body, SEQUENCE)?.content;
        let not_before = time(der::next(&mut validity)?)?;
        let not_after = time(der::next(&mut validity)?)?;
        let name = der::expect(&mut body, SEQUENCE)?;
        let info = der::expect(&mut body, SEQUENCE)?;
        let mut key = info.content;
        der::expect(&mut key, SEQUENCE)?;
        let bits = der::expect(&mut key, BIT_STRING)?.content;
        Some(Self {
            sha256: sha256(der),
            not_before,
            not_after,
            subject: last_of(name.content).unwrap_or_default(),
            key_info: info.whole.to_vec(),
            name: name.whole.to_vec(),
            alternatives: alternatives(body),
            public_key: bits
                .split_first()
                .filter(|(unused, _)| **unused == 0)?
                .1
                .to_vec(),
        })
    }

    /// The names and addresses that it is for: those in subjectAltName, as servers are known by.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let all = self.alternatives.as_deref();
        let sequence = all.and_then(|all| der::expect(&mut { all }, SEQUENCE));
        let names = sequence.and_then(|sequence| der::all(sequence.content));
        let text = |name: &der::Element<'_>| match (name.tag, name.content.len()) {
            (0x82, _) => String::from_utf8(name.content.to_vec()).ok(),
            (0x87, 4) => <[u8; 4]>::try_from(name.content)
                .ok()
                .map(|bytes| Ipv4Addr::from(bytes).to_string()),
            (0x87, 16) => <[u8; 16]>::try_from(name.content)
                .ok()
                .map(|bytes| Ipv6Addr::from(bytes).to_string()),
            _ => None,
        };
        names.iter().flatten().filter_map(text).collect()
    }
}

/// The alternative names among what stands behind the public key: \[1\], \[2\] ids, \[3\] extensions.
fn alternatives(mut body: &[u8]) -> Option<Vec<u8>> {
    der::expect(&mut body, 0x81);
    der::expect(&mut body, 0x82);
    let extensions = der::expect(&mut body, 0xa3)?.content;
    let list = der::expect(&mut { extensions }, SEQUENCE)?.content;
    let value = |extension: der::Element<'_>| {
        let mut parts = extension.content;
        let id = der::expect(&mut parts, OID)?.content;
        // Whether it is critical, where that is said.
        der::expect(&mut parts, 0x01);
        let value = der::expect(&mut parts, OCTET_STRING)?.content;
        (id == ALTERNATIVES).then(|| value.to_vec())
    };
    der::all(list)?.into_iter().find_map(value)
}

/// UTCTime or GeneralizedTime, in the one form that certificates may have.
fn time(element: der::Element<'_>) -> Option<Moment> {
    let text = std::str::from_utf8(element.content).ok()?;
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let full = match (element.tag, digits.len()) {
        (0x17, 12) => {
            let century = if digits < "50" { "20" } else { "19" };
            format!("{century}{digits}")
        }
        (0x18, 14) => digits.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| full.get(from..to);
    format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    )
    .parse()
    .ok()
}

/// The last attribute of a name that is text.
fn last_of(sets: &[u8]) -> Option<String> {
    let mut found = None;
    for set in der::all(sets)? {
        let mut pair = der::expect(&mut { set.content }, SEQUENCE)
            .filter(|_| set.tag == SET)?
            .content;
        der::expect(&mut pair, der::OID)?;
        let value = der::next(&mut pair)?;
        found = std::str::from_utf8(value.content)
            .ok()
            .map(str::to_owned)
            .or(found);
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::blocks;
    use super::*;

    #[test]
    fn the_fixture_says_until_when_and_for_whom() {
        let text = include_str!("../../tests/fixtures/certs/certs/tls/dev/codalab.crt");
        let blocks = blocks(text);
        let read = |at: usize| Certificate::parse(blocks[at].content.as_ref().unwrap()).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(read(0).not_after.date(), "2027-01-03");
        assert!(!read(0).subject.is_empty());
        assert_eq!(read(0).public_key.len(), 65);
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_result(mut at in 0..500_usize, byte in any::<u8>(), cut in any::<bool>()) {
            let text = include_str!("../../tests/fixtures/certs/certs/tls/dev/codalab.crt");
            let mut bytes = blocks(text)[0].content.clone().unwrap().to_vec();
            at %= bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            drop(Certificate::parse(&bytes));
        }
    }
}
