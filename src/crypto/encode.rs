//! Length-prefixed encodings: what is signed or authenticated reads back in one way only.
//!
//! `F(x)` is the 32-bit big-endian length of x, then x. `L(tag, x₁…xₙ)` is `F(tag)`, the 32-bit n,
//! then each `F(xᵢ)`. Joining with separators is how other tools let a path move between fields.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::CryptoError;

/// Appends `F(bytes)`.
///
/// A single field never nears 4 GiB: documents end at 16 MiB and file contents enter as hashes.
pub fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Builds `L(tag, x₁…xₙ)`.
#[derive(Clone, Debug)]
pub struct List {
    /// Where the count stands, behind the tag.
    at: usize,
    count: u32,
    bytes: Vec<u8>,
}

/// Most messages are shorter.
const ROOM: usize = 1024;

impl List {
    /// An empty list with its tag.
    #[must_use]
    pub fn new(tag: &str) -> Self {
        Self::with_room(tag, ROOM)
    }

    /// The same for a list that takes about so many bytes.
    #[must_use]
    pub fn with_room(tag: &str, room: usize) -> Self {
        let mut bytes = Vec::with_capacity(room);
        field(&mut bytes, tag.as_bytes());
        let at = bytes.len();
        bytes.extend_from_slice(&0_u32.to_be_bytes());
        Self {
            at,
            count: 0,
            bytes,
        }
    }

    /// Adds a field of bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        field(&mut self.bytes, bytes);
        self.count += 1;
        self
    }

    /// Adds a field of text, as its UTF-8 bytes.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a number as 8 big-endian bytes.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Adds another list as one field.
    #[must_use]
    pub fn list(self, inner: Self) -> Self {
        self.bytes(&inner.encode())
    }

    /// The encoded bytes.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let Self {
            at,
            count,
            mut bytes,
        } = self;
        if let Some(place) = bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&count.to_be_bytes());
        }
        bytes
    }
}

/// Standard, padded base64 (RFC 4648, section 4).
#[must_use]
pub fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64 in its one canonical spelling.
///
/// # Errors
/// [`CryptoError::Encoding`] for missing padding, stray bits, white space or other alphabets.
pub fn decode_base64(text: &str) -> Result<Vec<u8>, CryptoError> {
    STANDARD.decode(text).map_err(|_| CryptoError::Encoding)
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(if nibble < 10 { b'0' } else { b'a' - 10 } + nibble);
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        out.push(digit(byte >> 4));
        out.push(digit(byte & 15));
    }
    out
}

/// Reads exactly `N` bytes of lower-case hexadecimal.
///
/// # Errors
/// [`CryptoError::Encoding`] for any other length or digit.
pub fn from_hex<const N: usize>(text: &str) -> Result<[u8; N], CryptoError> {
    let mut out = [0; N];
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return Err(CryptoError::Encoding);
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return Err(CryptoError::Encoding),
            };
            *byte = *byte << 4 | value;
        }
    }
    Ok(out)
}

/// SHA-256 (FIPS 180-4), 32 bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha256_of(&[bytes])
}

/// The same of bytes that lie in pieces.
#[must_use]
pub fn sha256_of(pieces: &[&[u8]]) -> [u8; 32] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for piece in pieces {
        context.update(piece);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_prefixed_by_lengths() {
        let list = List::new("t").text("ab").number(1);
        let bytes = list.encode();
        assert_eq!(
            bytes,
            [
                0, 0, 0, 1, b't', 0, 0, 0, 2, 0, 0, 0, 2, b'a', b'b', 0, 0, 0, 8, 0, 0, 0, 0, 0, 0,
                0, 1
            ]
        );
    }

    #[test]
    fn other_spellings_of_hex_and_base64_are_refused() {
        assert_eq!(from_hex::<2>("0aff"), Ok([10, 255]));
        assert!(from_hex::<2>("0AFF").is_err());
        assert!(from_hex::<2>("0aff0").is_err());
        assert_eq!(hex(&[10, 255]), "0aff");
        for text in ["YQ", "YR==", "YQ==\n", "Y-=="] {
            assert!(decode_base64(text).is_err(), "{text}");
        }
    }
}
