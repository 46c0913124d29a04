//! `random`: a new random value, for what only the components themselves compare. Nothing outside of the
//! vault has to change.

use super::Rotator;
use crate::error::Error;
use crate::rotate::{RotateError, Shape};
use crate::secret::{Alphabet, Plain, generate};
use crate::vault::ValueType;
use crate::world::World;

pub(super) const NAME: &str = "random";

/// So many bits of chance are enough, and a value that has them keeps its length: where it lands may
/// take no other.
const ENOUGH_BITS: usize = 128;

/// A longer line is no password.
const MOST: usize = 512;

/// The rotator.
pub(super) struct Random;

impl Rotator for Random {}

/// Makes a value in place of `old`.
pub(super) fn make(
    world: &World,
    path: &str,
    (kind, old): (ValueType, &Plain),
) -> Result<Plain, Error> {
    let why = "it is no password: several lines, or a long one";
    let line = old.with(|old| shape(old.strip_suffix(b"\n").unwrap_or(old)));
    let (alphabet, length) = line.ok_or_else(|| not(path, why))?;
    make_as(world, path, (kind, old), Shape { alphabet, length })
}

/// Makes a value in place of `old`, of a shape that somebody asked for.
pub(crate) fn make_as(
    world: &World,
    path: &str,
    (kind, old): (ValueType, &Plain),
    shape: Shape,
) -> Result<Plain, Error> {
    if kind != ValueType::String {
        return Err(not(path, "only a string can be made at random").into());
    }
    let mut new = generate(world, shape.alphabet, shape.length)?;
    // A file that ended with a line end is read by something that may want one.
    if old.with(|old| old.ends_with(b"\n")) {
        new.with_mut(|new| new.push(b'\n'));
    }
    Ok(new)
}

fn not(path: &str, why: &'static str) -> RotateError {
    let path = path.to_owned();
    RotateError::NotMade { path, why }
}

/// What a value in place of `old` is made of, and its length; none if `old` is no password.
fn shape(old: &[u8]) -> Option<(Alphabet, usize)> {
    if old.len() > MOST || old.iter().any(u8::is_ascii_control) {
        return None;
    }
    let is_hex = old
        .iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let alphabet = if is_hex {
        Alphabet::Hex
    } else {
        Alphabet::Safe
    };
    Some(if alphabet.bits(old.len()) >= ENOUGH_BITS {
        (alphabet, old.len())
    } else {
        (Alphabet::Safe, Alphabet::Safe.usual_length())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_length_stays_and_a_guessable_one_does_not() {
        let hex = b"0123456789abcdef0123456789abcdef";
        assert_eq!(shape(hex), Some((Alphabet::Hex, 32)));
        let safe = b"Abcdefghijklmnopqrstuvwxyz-0123456789_X";
        assert_eq!(shape(safe), Some((Alphabet::Safe, safe.len())));
        for short in [&b"hunter2"[..], b"", b"1234"] {
            assert_eq!(shape(short), Some((Alphabet::Safe, 32)));
        }
        assert_eq!(shape(b"-----BEGIN KEY-----\nx"), None);
    }
}
