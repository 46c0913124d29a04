//! Keyed fingerprints of the vault's values, so that a hook before each commit needs no identity.
//!
//! They lie among the person's state, in a file of mode 0600, beside the key that they are made with. Whoever
//! reads that file can try guesses, so only values that nobody guesses get one ([`guess_bits`]): 64 bits and
//! more, and no part of a value is hashed that is easier to guess than that. For each spelling there are 24
//! bits over its first 16 bytes (16 bits for hexadecimal, where they are 8 bytes of the value), by which text
//! is sifted, and 128 bits of HMAC-SHA256 over all of it, by which what is left is decided.

use ring::hmac;

use super::known::Values;
use super::sift::Sieve;
use super::strength::guess_bits;
use crate::secret::Form;

/// Values that are guessed more easily get no fingerprint.
const LEAST_BITS: f64 = 64.0;

/// What the sieve looks at.
const WINDOW: usize = 16;

const MAGIC: &[u8; 16] = b"clws scan v1\n\0\0\0";

/// A file of fingerprints is no larger: half a million spellings.
pub const LARGEST: usize = 16 * 1024 * 1024;

/// Fingerprints, as they are looked for.
pub struct Prints {
    key: [u8; 32],
    hmac: hmac::Key,
    /// What the vault's sealed files were when they were made.
    pub state: [u8; 32],
    secrets: Vec<String>,
    prints: Vec<Print>,
    /// Secrets that are too easily guessed, and have none.
    pub weak: usize,
    bits: Vec<u64>,
    longest: usize,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Print {
    tag: u32,
    form: u8,
    length: u32,
    secret: u32,
    sum: [u8; 16],
}

const PRINT: usize = 4 + 1 + 4 + 4 + 16;

impl std::fmt::Debug for Prints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Prints({})", self.prints.len())
    }
}

/// By their numbers in a file of prints, so that new ones come last.
const FORMS: [Form; 9] = [
    Form::Clear,
    Form::Base64,
    Form::Hex,
    Form::Url,
    Form::Json,
    Form::Shell,
    Form::Ini,
    Form::Sql,
    Form::Bytes,
];

impl Prints {
    /// Those of the values that were opened, under a fresh key.
    #[must_use]
    pub fn of(values: &Values, key: [u8; 32], state: [u8; 32]) -> Self {
        let mut this = Self::new(key, state);
        this.secrets.clone_from(&values.secrets);
        let mut strong = vec![false; values.secrets.len()];
        // The clear form of each piece comes first.
        let mut is_strong = false;
        for spelling in &values.spellings {
            if spelling.form == Form::Clear {
                is_strong =
                    spelling.bytes.len() >= WINDOW && guess_bits(&spelling.bytes) >= LEAST_BITS;
            }
            if !is_strong || spelling.bytes.len() < WINDOW {
                continue;
            }
            if let Some(strong) = strong.get_mut(spelling.secret) {
                *strong = true;
            }
            let form = FORMS
                .iter()
                .position(|form| *form == spelling.form)
                .unwrap_or(0);
            this.prints.push(Print {
                tag: this.tag(&spelling.bytes, spelling.form),
                form: u8::try_from(form).unwrap_or(0),
                length: u32::try_from(spelling.bytes.len()).unwrap_or(u32::MAX),
                secret: u32::try_from(spelling.secret).unwrap_or(u32::MAX),
                sum: this.sum(&spelling.bytes),
            });
        }
        this.weak = strong.iter().filter(|strong| !**strong).count();
        this.finish();
        this
    }

    fn new(key: [u8; 32], state: [u8; 32]) -> Self {
        Self {
            hmac: hmac::Key::new(hmac::HMAC_SHA256, &key),
            key,
            state,
            secrets: Vec::new(),
            prints: Vec::new(),
            weak: 0,
            bits: vec![0; BITS / 64],
            longest: 0,
        }
    }

    fn finish(&mut self) {
        self.prints.sort_unstable();
        let set = |bits: &mut Vec<u64>, slot: u32| {
            if let Some(word) = bits.get_mut(slot as usize / 64) {
                *word |= 1 << (slot % 64);
            }
        };
        for print in &self.prints {
            let is_hex = FORMS.get(usize::from(print.form)) == Some(&Form::Hex);
            let low = if is_hex { 0..4 } else { 0..1 };
            for low in low {
                set(&mut self.bits, (print.tag >> 6) | low);
            }
            self.longest = self.longest.max(print.length as usize);
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prints.is_empty()
    }

    /// How many secrets have some.
    #[must_use]
    pub fn count(&self) -> usize {
        let mut secrets: Vec<u32> = self.prints.iter().map(|print| print.secret).collect();
        secrets.sort_unstable();
        secrets.dedup();
        secrets.len()
    }

    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// The value that stands here: its name, its form, and how long it is there.
    pub(super) fn at(&self, bytes: &[u8]) -> Option<(&str, Form, usize)> {
        let tag = self.tag(bytes, Form::Clear);
        let hex = bytes
            .get(..WINDOW)?
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then_some(tag & !0xff);
        let found = [Some(tag), hex].into_iter().flatten().find_map(|tag| {
            let from = self.prints.partition_point(|print| print.tag < tag);
            let same = self
                .prints
                .get(from..)?
                .iter()
                .take_while(|print| print.tag == tag);
            same.filter(|print| {
                let spelling = bytes.get(..print.length as usize);
                spelling.is_some_and(|spelling| self.sum(spelling) == print.sum)
            })
            .max_by_key(|print| print.length)
        })?;
        let secret = self.secrets.get(found.secret as usize)?;
        let form = FORMS.get(usize::from(found.form))?;
        Some((secret, *form, found.length as usize))
    }

    /// 24 bits over the first 16 bytes; of hexadecimal the upper 16 of these.
    fn tag(&self, bytes: &[u8], form: Form) -> u32 {
        let Some((first, rest)) = bytes.split_first_chunk::<8>() else {
            return 0;
        };
        let second = rest.first_chunk::<8>().copied().unwrap_or_default();
        let tag = self.hash(u64::from_le_bytes(*first), u64::from_le_bytes(second));
        if form == Form::Hex { tag & !0xff } else { tag }
    }

    #[inline]
    fn hash(&self, first: u64, second: u64) -> u32 {
        let [a, b] = self.multipliers();
        let sum = (first ^ b)
            .wrapping_mul(a | 1)
            .wrapping_add((second ^ a).wrapping_mul(b | 1));
        let mixed = (sum ^ (sum >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        u32::try_from(mixed >> 40).unwrap_or(0)
    }

    #[inline]
    fn multipliers(&self) -> [u64; 2] {
        let half = |from: usize| {
            let bytes = self
                .key
                .get(from..from + 8)
                .and_then(|b| b.first_chunk::<8>());
            u64::from_le_bytes(bytes.copied().unwrap_or_default())
        };
        [half(0), half(8)]
    }

    fn sum(&self, spelling: &[u8]) -> [u8; 16] {
        let tag = hmac::sign(&self.hmac, spelling);
        tag.as_ref()
            .first_chunk::<16>()
            .copied()
            .unwrap_or_default()
    }

    /// As the file has it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let mut out = Vec::with_capacity(128 + self.prints.len() * PRINT + self.secrets.len() * 64);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.key);
        out.extend_from_slice(&self.state);
        for count in [self.weak, self.secrets.len(), self.prints.len()] {
            out.extend_from_slice(&number(count));
        }
        for secret in &self.secrets {
            out.extend_from_slice(&number(secret.len()));
            out.extend_from_slice(secret.as_bytes());
        }
        for print in &self.prints {
            out.extend_from_slice(&print.tag.to_le_bytes());
            out.push(print.form);
            out.extend_from_slice(&print.length.to_le_bytes());
            out.extend_from_slice(&print.secret.to_le_bytes());
            out.extend_from_slice(&print.sum);
        }
        out
    }

    /// Reads a file; `None` if it is none of ours, or cut.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<16>()?;
        let (key, rest) = rest.split_first_chunk::<32>()?;
        let (state, mut rest) = rest.split_first_chunk::<32>()?;
        if magic != MAGIC {
            return None;
        }
        let number = |rest: &mut &[u8]| {
            let (number, behind) = rest.split_first_chunk::<4>()?;
            *rest = behind;
            Some(u32::from_le_bytes(*number))
        };
        let mut this = Self::new(*key, *state);
        this.weak = number(&mut rest)? as usize;
        let (secrets, prints) = (number(&mut rest)?, number(&mut rest)?);
        for _ in 0..secrets {
            let length = number(&mut rest)? as usize;
            let (name, behind) = rest.split_at_checked(length)?;
            this.secrets
                .push(std::str::from_utf8(name).ok()?.to_owned());
            rest = behind;
        }
        for _ in 0..prints {
            let tag = number(&mut rest)?;
            let (form, behind) = rest.split_first()?;
            rest = behind;
            let (length, secret) = (number(&mut rest)?, number(&mut rest)?);
            let (sum, behind) = rest.split_first_chunk::<16>()?;
            rest = behind;
            this.prints.push(Print {
                tag,
                form: *form,
                length,
                secret,
                sum: *sum,
            });
        }
        this.finish();
        (rest.is_empty() && this.longest <= LARGEST).then_some(this)
    }
}

const BITS: usize = 1 << 18;

impl Sieve for Prints {
    #[inline]
    fn may_begin(&self, first: u64, second: u64) -> bool {
        let slot = self.hash(first, second) >> 6;
        self.bits
            .get(slot as usize / 64)
            .is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Plain;

    fn prints(values: &[(&str, &str)]) -> Prints {
        let mut known = Values::none();
        for (name, value) in values {
            known.add(name, &Plain::from(*value));
        }
        known.finish();
        Prints::of(&known, [7; 32], [1; 32])
    }

    #[test]
    fn fingerprints_find_each_form_after_a_file_in_between() {
        let value = "kX8/Q2mZ7\"R4tY9wB3nL";
        let made = prints(&[("a", value), ("weak", "hunter2hunter2hunter2")]);
        let bytes = made.to_bytes();
        assert!(memchr::memmem::find(&bytes, &value.as_bytes()[..6]).is_none());
        let read = Prints::read(&bytes).unwrap();
        assert_eq!((read.count(), read.weak), (1, 1));
        for (form, spelling) in crate::secret::forms(value.as_bytes()) {
            let text = [&spelling[..], b" and more of it"].concat();
            assert_eq!(
                read.at(&text),
                Some(("a", form, spelling.len())),
                "{form:?}"
            );
            let (first, second) = (
                text.first_chunk().unwrap(),
                text[8..].first_chunk().unwrap(),
            );
            assert!(read.may_begin(u64::from_le_bytes(*first), u64::from_le_bytes(*second)));
        }
        assert_eq!(read.at(b"hunter2hunter2hunter2"), None);
        for cut in [0, 15, 80, bytes.len() - 1] {
            assert!(Prints::read(&bytes[..cut]).is_none(), "{cut}");
        }
    }
}
