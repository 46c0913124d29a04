//! How hard a value is to guess, estimated with care: too low rather than too high.

/// Bits of a word of a language: one of 2,048.
const WORD: f64 = 11.0;

/// Estimates how many bits a guesser has to find, who knows words, dates and how people decorate them.
///
/// Three and more letters in a row of one case count as a word, unless they cannot be spoken; digits count as
/// digits, and a row of the same or of neighbours as one.
#[must_use]
pub(super) fn guess_bits(value: &[u8]) -> f64 {
    let mut bits = 0.0;
    let mut rest = value;
    while let Some(first) = rest.first() {
        let kind = kind(*first);
        let length = rest.iter().take_while(|b| self::kind(**b) == kind).count();
        let (run, behind) = rest.split_at(length);
        bits += match kind {
            Kind::Lower | Kind::Upper if length >= 3 && is_spoken(run) => {
                WORD * f64::from(u32::try_from(length.div_ceil(8)).unwrap_or(u32::MAX))
            }
            Kind::Lower | Kind::Upper => 4.7 * distinct_steps(run),
            Kind::Digit => 3.3 * distinct_steps(run),
            Kind::Other => 4.0 * distinct_steps(run),
        };
        rest = behind;
    }
    bits
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Lower,
    Upper,
    Digit,
    Other,
}

fn kind(byte: u8) -> Kind {
    match byte {
        b'a'..=b'z' => Kind::Lower,
        b'A'..=b'Z' => Kind::Upper,
        b'0'..=b'9' => Kind::Digit,
        _ => Kind::Other,
    }
}

/// How many bytes of a run are neither the one before nor its neighbour.
fn distinct_steps(run: &[u8]) -> f64 {
    let steps = run.windows(2).filter(|pair| match pair {
        [a, b] => a.abs_diff(*b) > 1,
        _ => false,
    });
    f64::from(u32::try_from(1 + steps.count()).unwrap_or(u32::MAX))
}

/// Whether letters can be a word: vowels among them, and never four consonants in a row.
fn is_spoken(letters: &[u8]) -> bool {
    let is_vowel = |b: &u8| b"aeiouyAEIOUY".contains(b);
    let vowels = letters.iter().filter(|b| is_vowel(b)).count();
    let crowded = letters
        .split(is_vowel)
        .any(|consonants| consonants.len() > 3);
    vowels > 0 && !crowded
}

/// Whether a value of 16 and more characters looks drawn at random, and not named by somebody.
///
/// Hexadecimal: digits and letters, ten different ones and more. Otherwise letters of both cases with digits, or letters of one case with many
/// digits, changing between them often.
#[must_use]
pub(super) fn is_random(value: &[u8]) -> bool {
    if value.len() < 16 || distinct(value) < 9 {
        return false;
    }
    let count = |wanted: Kind| value.iter().filter(|b| kind(**b) == wanted).count();
    let (lower, upper, digits, others) = (
        count(Kind::Lower),
        count(Kind::Upper),
        count(Kind::Digit),
        count(Kind::Other),
    );
    if value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-') {
        return digits >= 4
            && lower + upper >= 4
            && (lower == 0 || upper == 0)
            && value.len() - others >= 24;
    }
    let changes = value.windows(2).filter(|pair| match pair {
        [a, b] => kind(*a) != kind(*b),
        _ => false,
    });
    let changes = changes.count() * 100 / value.len();
    let both = lower > 0 && upper > 0;
    let mixed = both && digits > 0 && changes >= 33;
    let one_case = !both && digits * 8 >= value.len() && changes >= 20;
    // At random a byte in 16 of base64 at most is a sign.
    others * 6 <= value.len() && (mixed || one_case) && guess_bits(value) >= 56.0
}

/// Whether letters of both cases and digits mix as in base64 of random bytes.
#[must_use]
pub(super) fn mixes(value: &[u8]) -> bool {
    let has = |wanted: Kind| value.iter().any(|b| kind(*b) == wanted);
    has(Kind::Lower) && has(Kind::Upper) && has(Kind::Digit) && is_random(value)
}

/// How many different bytes there are.
pub(super) fn distinct(value: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in value {
        if let Some(slot) = seen.get_mut(usize::from(*byte)) {
            *slot = true;
        }
    }
    seen.iter().filter(|seen| **seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_choose_is_weaker_than_what_a_generator_draws() {
        for weak in [
            "hunter2",
            "Summer2024!",
            "password123",
            "correct-horse-battery",
            "11111111111111111111",
        ] {
            assert!(
                guess_bits(weak.as_bytes()) < 48.0,
                "{weak} {}",
                guess_bits(weak.as_bytes())
            );
        }
        for strong in ["xK9#mQ2$vL7nP4wT5", "9f86d081884c7d659a2feaa0c55ad015"] {
            assert!(
                guess_bits(strong.as_bytes()) >= 60.0,
                "{strong} {}",
                guess_bits(strong.as_bytes())
            );
        }
    }

    #[test]
    fn names_do_not_look_random() {
        for name in [
            "this_is_a_long_identifier",
            "aVeryLongCamelCaseIdentifier",
            "application/vnd.docker.v2",
            "abcdefghijklmnopqrstuvwxyz",
            "00000000000000000000000000000000",
            "SOME_ENVIRONMENT_VARIABLE_2",
            "https://docs.example.org/v2",
        ] {
            assert!(!is_random(name.as_bytes()), "{name}");
        }
        for random in [
            "kX8vQ2mZ7pR4tY9wB3nL",
            "9f86d081884c7d659a2feaa0c55ad015",
            "q7w2k9x4m1z8p3v6b5n0",
        ] {
            assert!(is_random(random.as_bytes()), "{random}");
        }
    }
}
