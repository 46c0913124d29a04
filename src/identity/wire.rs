//! The strings of the SSH protocols: a 32-bit big-endian length, then the bytes (RFC 4251, 5).
//!
//! Lengths come from outside, so nothing is allocated before it is known to be there.

/// Takes one byte off the front.
pub(super) fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

/// Takes a 32-bit number off the front.
pub(super) fn take_number(rest: &mut &[u8]) -> Option<u32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_be_bytes(*number))
}

/// Takes a string off the front.
pub(super) fn take_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut after = *rest;
    let length = usize::try_from(take_number(&mut after)?).ok()?;
    let (string, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_beyond_the_end_takes_nothing() {
        let mut rest: &[u8] = &[0, 0, 0, 2, b'a', b'b', 255, 255, 255, 255, b'c'];
        assert_eq!(take_string(&mut rest), Some(b"ab".as_slice()));
        assert_eq!(take_string(&mut rest), None);
        assert_eq!(rest.len(), 5);
        assert_eq!(take_number(&mut rest), Some(u32::MAX));
        assert_eq!(take_byte(&mut rest), Some(b'c'));
        assert_eq!(take_byte(&mut rest), None);
    }
}
