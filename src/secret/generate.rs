//! New values from the system's random generator.
//!
//! Every character is drawn with the same chance: a draw that does not fit the alphabet is thrown
//! away, never folded back into it.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Plain;
use crate::text::words;
use crate::world::{World, WorldError};

const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SAFE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const HEX: &[u8] = b"0123456789abcdef";
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What a generated value is made of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Alphabet {
    /// `[A-Za-z0-9_-]`, a letter first: needs no quoting in a shell, a URL, an ini file or SQL.
    Safe,
    /// `[0-9a-f]`.
    Hex,
    /// `[A-Za-z0-9+/]`; it decodes if the length is a multiple of four.
    Base64,
    /// English words with `-` between.
    Words,
}

impl Alphabet {
    /// How long a value is where nobody says: about 128 bits of chance and more, 11 bits a word.
    #[must_use]
    pub fn usual_length(self) -> usize {
        match self {
            Self::Safe => 32,
            Self::Hex => 64,
            Self::Base64 => 44,
            Self::Words => 12,
        }
    }

    /// What the length counts.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Words => "word",
            _ => "character",
        }
    }

    /// The greatest length whose values have no more than so many bytes; no word has more than 8.
    #[must_use]
    pub fn longest_within(self, bytes: usize) -> usize {
        match self {
            Self::Words => (bytes + 1) / 9,
            _ => bytes,
        }
    }

    /// Bits of chance in a value of this length, rounded down.
    #[must_use]
    pub fn bits(self, length: usize) -> usize {
        match self {
            Self::Safe | Self::Base64 => 6 * length,
            Self::Hex => 4 * length,
            Self::Words => 11 * length,
        }
    }
}

/// Makes a value of `length` characters or words.
///
/// # Errors
/// [`WorldError::NoRandomness`].
pub fn generate(world: &World, alphabet: Alphabet, length: usize) -> Result<Plain, WorldError> {
    let mut dice = Dice::new(world);
    // Room for all of it: a value that moves in memory leaves a copy behind.
    let mut value = Plain::new(Vec::with_capacity(9 * length));
    let words: Vec<&str> = match alphabet {
        Alphabet::Words => words(),
        _ => Vec::new(),
    };
    for at in 0..length {
        match alphabet {
            Alphabet::Words => {
                let word = dice.pick(&words)?;
                value.with_mut(|bytes| {
                    bytes.extend((at > 0).then_some(b'-'));
                    bytes.extend_from_slice(word.as_bytes());
                });
            }
            Alphabet::Safe | Alphabet::Hex | Alphabet::Base64 => {
                let characters = match alphabet {
                    Alphabet::Safe if at == 0 => LETTERS,
                    Alphabet::Safe => SAFE,
                    Alphabet::Hex => HEX,
                    _ => BASE64,
                };
                let character = dice.pick(characters)?;
                value.with_mut(|bytes| bytes.push(character));
            }
        }
    }
    Ok(value)
}

/// Throws with any number of sides up to 65,536.
struct Dice<'a> {
    world: &'a World,
    bytes: Zeroizing<[u8; 64]>,
    used: usize,
}

impl<'a> Dice<'a> {
    fn new(world: &'a World) -> Self {
        let bytes = Zeroizing::new([0; 64]);
        Self {
            world,
            used: bytes.len(),
            bytes,
        }
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> Result<T, WorldError> {
        loop {
            let thrown = side(self.throw()?, among.len());
            if let Some(item) = thrown.and_then(|side| among.get(side)) {
                return Ok(*item);
            }
        }
    }

    fn throw(&mut self) -> Result<u16, WorldError> {
        let two = |bytes: &[u8; 64], used| bytes.get(used..)?.first_chunk::<2>().copied();
        if two(&self.bytes, self.used).is_none() {
            self.bytes = Zeroizing::new(self.world.random()?);
            self.used = 0;
        }
        let pair = two(&self.bytes, self.used).unwrap_or_default();
        self.used += 2;
        Ok(u16::from_be_bytes(pair))
    }
}

/// The side that a throw shows; `None` for one that must be thrown again, so that all are alike.
fn side(thrown: u16, sides: usize) -> Option<usize> {
    let mask = sides.next_power_of_two() - 1;
    Some(usize::from(thrown) & mask).filter(|side| *side < sides)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Clock;

    fn made(alphabet: Alphabet, length: usize) -> String {
        let world = World::new(Clock::System, [], "/".into());
        let value = generate(&world, alphabet, length).unwrap();
        value.with(|bytes| String::from_utf8(bytes.clone()).unwrap())
    }

    #[test]
    fn every_side_comes_up_equally_often() {
        for sides in [1, 10, 16, 52, 64, 1000, 2048, 65_536] {
            let mut counts = vec![0_u32; sides];
            for thrown in 0..=u16::MAX {
                if let Some(side) = side(thrown, sides) {
                    counts[side] += 1;
                }
            }
            assert!(counts.iter().all(|count| *count == counts[0]), "{sides}");
            assert!(counts[0] > 0);
        }
    }

    #[test]
    fn values_have_their_length_and_characters() {
        for _ in 0..200 {
            let safe = made(Alphabet::Safe, 24);
            assert_eq!(safe.len(), 24);
            assert!(
                safe.starts_with(|c: char| c.is_ascii_alphabetic()),
                "{safe}"
            );
            assert!(safe.bytes().all(|b| SAFE.contains(&b)), "{safe}");
        }
        let hex = made(Alphabet::Hex, 65);
        assert!(
            hex.len() == 65 && hex.bytes().all(|b| HEX.contains(&b)),
            "{hex}"
        );
        let base64 = made(Alphabet::Base64, 44);
        let decoded = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            base64.as_bytes(),
        );
        assert_eq!(decoded.unwrap().len(), 33);
        let words = made(Alphabet::Words, 12);
        let known = crate::text::words();
        assert_eq!(words.split('-').count(), 12);
        assert!(
            words.split('-').all(|word| known.contains(&word)),
            "{words}"
        );
        assert_ne!(made(Alphabet::Safe, 24), made(Alphabet::Safe, 24));
        assert_eq!(made(Alphabet::Hex, 0), "");
    }

    #[test]
    fn all_characters_and_words_occur() {
        let mut safe = made(Alphabet::Safe, 5000).into_bytes();
        safe.sort_unstable();
        safe.dedup();
        assert_eq!(safe.len(), SAFE.len());
        let list = crate::text::words();
        let beginnings: std::collections::BTreeSet<&str> = list
            .iter()
            .map(|word| word.get(..4).unwrap_or(word))
            .collect();
        assert_eq!((list.len(), beginnings.len()), (2048, 2048));
        assert_eq!(list.iter().map(|word| word.len()).max(), Some(8));
        assert_eq!(Alphabet::Words.longest_within(72), 8);
    }
}
