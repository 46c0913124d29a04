//! What a certificate says in the clear: until when it holds, for whom, and for which key.

use super::der::{self, BIT_STRING, SEQUENCE, SET};
use crate::time::Moment;

/// As much of an X.509 certificate (RFC 5280) as is needed. Nothing is verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// From when it holds.
    pub not_before: Moment,
    /// Until when.
    pub not_after: Moment,
    /// Its subject's common name, or what else is last in its name.
    pub subject: String,
    /// The bits of its public key.
    pub public_key: Vec<u8>,
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
        let subject = der::expect(&mut body, SEQUENCE)?.content;
        let mut key = der::expect(&mut body, SEQUENCE)?.content;
        der::expect(&mut key, SEQUENCE)?;
        let bits = der::expect(&mut key, BIT_STRING)?.content;
        Some(Self {
            not_before,
            not_after,
            subject: name(subject).unwrap_or_default(),
            public_key: bits
                .split_first()
                .filter(|(unused, _)| **unused == 0)?
                .1
                .to_vec(),
        })
    }
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
fn name(sets: &[u8]) -> Option<String> {
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
