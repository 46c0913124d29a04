//! Words that are told apart when they are said aloud.

/// 2,048 English words of 3 to 8 letters, no two with the same first four: the list of BIP 39, as the
/// crate bip39 3.0.0 ships it under CC0 1.0. SHA-256 2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8
/// eff3a2ed3b24dbda.
const WORDS: &str = include_str!("words.txt");

/// All words, sorted.
#[must_use]
pub fn words() -> Vec<&'static str> {
    WORDS.lines().collect()
}

/// Bytes as words, to be read to somebody over the telephone: 11 bits each, the most significant first,
/// with zeros behind the last. 32 bytes are 24 words.
#[must_use]
pub fn in_words(bytes: &[u8]) -> Vec<&'static str> {
    let all = words();
    let bit = |at: usize| {
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        usize::from(byte >> (7 - at % 8) & 1)
    };
    let word = |number: usize| {
        let index = (number * 11..number * 11 + 11).fold(0, |index, at| index << 1 | bit(at));
        all.get(index).copied().unwrap_or_default()
    };
    (0..(bytes.len() * 8).div_ceil(11)).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_words_most_significant_first() {
        assert_eq!(words().len(), 2048);
        assert_eq!(in_words(&[0; 32]), vec!["abandon"; 24]);
        assert_eq!(in_words(&[0xff, 0xe0]), ["zoo", "abandon"]);
        // 00000000001 00000000010 000…
        assert_eq!(
            in_words(&[0x00, 0x20, 0x08]),
            ["ability", "able", "abandon"]
        );
        let mut hash = [0xff; 32];
        hash[31] = 0xfe;
        let all = in_words(&hash);
        assert_eq!((all.len(), all[22]), (24, "zoo"));
    }
}
