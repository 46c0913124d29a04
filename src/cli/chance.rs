//! What a value that is made at random is to be like: `--length`, `--alphabet`.

use clap::ValueEnum;

use super::context::Context;
use super::usage;
use crate::error::Error;
use crate::secret::Alphabet;

/// Fewer bits of chance can be guessed by whoever gets hold of a hash (NIST SP 800-131A asks 112 of
/// keys; a password behind a login that counts attempts may do with less).
const FEW_BITS: usize = 64;

/// Nobody's database takes a longer password, and a value has at most 64 KiB.
const MOST: usize = 4096;

/// The words for what a value is made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum AlphabetWord {
    /// Letters, digits, `_` and `-`, a letter first: needs no quoting anywhere
    Safe,
    /// `0-9 a-f`
    Hex,
    /// Letters, digits, `+` and `/`
    Base64,
    /// English words with `-` between, 11 bits each
    Words,
}

impl From<AlphabetWord> for Alphabet {
    fn from(alphabet: AlphabetWord) -> Self {
        match alphabet {
            AlphabetWord::Safe => Self::Safe,
            AlphabetWord::Hex => Self::Hex,
            AlphabetWord::Base64 => Self::Base64,
            AlphabetWord::Words => Self::Words,
        }
    }
}

/// What a value is to be made of, and how long it is to be; warns of one that can be guessed.
pub(crate) fn shape(
    length: Option<usize>,
    alphabet: Option<AlphabetWord>,
    cx: &Context,
) -> Result<(Alphabet, usize), Error> {
    let alphabet = Alphabet::from(alphabet.unwrap_or(AlphabetWord::Safe));
    let length = length.unwrap_or(alphabet.usual_length());
    if !(1..=MOST).contains(&length) {
        let wrong = format!("a length from 1 to {MOST} is wanted");
        return Err(usage(wrong).into());
    }
    let bits = alphabet.bits(length);
    if bits < FEW_BITS {
        let usual = alphabet.usual_length();
        cx.ui.warn(&format!(
            "{bits} bits of chance can be guessed; {usual} {}s have {}",
            alphabet.unit(),
            alphabet.bits(usual)
        ));
    }
    Ok((alphabet, length))
}
