//! As much of DER as it takes to find a date and a public key, and to ask for a certificate. Definite lengths only, and never
//! beyond what is there.

/// One element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// Its content.
    pub(super) content: &'a [u8],
    /// With tag and length.
    pub(super) whole: &'a [u8],
}

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Takes the next element off.
pub(super) fn next<'a>(rest: &mut &'a [u8]) -> Option<Element<'a>> {
    let all = *rest;
    let (&tag, behind) = all.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, behind) = behind.split_first()?;
    let (length, behind) = if first < 0x80 {
        (usize::from(first), behind)
    } else {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (bytes, behind) = behind.split_at_checked(count)?;
        let length = bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        (length, behind)
    };
    let (content, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(Element {
        tag,
        content,
        whole: all.get(..all.len() - behind.len())?,
    })
}

/// Takes the next element off, if it has this tag.
pub(super) fn expect<'a>(rest: &mut &'a [u8], tag: u8) -> Option<Element<'a>> {
    let mut after = *rest;
    let element = next(&mut after).filter(|element| element.tag == tag)?;
    *rest = after;
    Some(element)
}

/// All elements.
pub(super) fn all(mut rest: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::new();
    while !rest.is_empty() {
        elements.push(next(&mut rest)?);
    }
    Some(elements)
}

/// A sequence of this content.
pub(super) fn sequence(content: &[u8]) -> Vec<u8> {
    element(SEQUENCE, content)
}

/// An element of this content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    match content.len() {
        short @ 0..0x80 => out.push(u8::try_from(short).unwrap_or_default()),
        _ => {
            let bytes: Vec<u8> = length.iter().copied().skip_while(|b| *b == 0).collect();
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
            out.extend(bytes);
        }
    }
    out.extend(content);
    out
}
