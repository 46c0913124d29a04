//! Texts that are nearly right: seeds with something changed, doubled, left out, or put elsewhere.

use crate::random::Random;

/// No text is longer: a parser's own limits are larger, and one second has to do for each.
pub(crate) const MOST: usize = 64 * 1024;

/// What breaks parsers, whatever they read.
const BAD: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b" ",
    b"\"",
    b"'",
    b"\\",
    b"\\u",
    b"\\x",
    b"=",
    b":",
    b"#",
    b"[",
    b"]",
    b"[[",
    b"{",
    b"}",
    b"(",
    b",",
    b";",
    b"/",
    b"..",
    b"../",
    b"-",
    b"--",
    b"\x1b[2J",
    b"\xff",
    b"\xc3",
    b"\xc3\x28",
    b"\xf4\x90\x80\x80",
    "\u{202e}".as_bytes(),
    "\u{feff}".as_bytes(),
    "é".as_bytes(),
    "e\u{301}".as_bytes(),
    b"0",
    b"-1",
    b"255",
    b"65536",
    b"2147483648",
    b"4294967296",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1e309",
    b"-0.0",
    b"nan",
    b"inf",
    b"null",
    b"true",
    b"1970-01-01T00:00:00Z",
    b"9999-12-31T23:59:60Z",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"====",
    b"AAAA",
    b"%s%n",
];

/// One to eight changes of a text; `words` are those of its language, `others` are texts to take from.
pub(crate) fn mutated(
    text: &[u8],
    words: &[&str],
    others: &[Vec<u8>],
    random: &mut Random,
) -> Vec<u8> {
    let mut text = text.to_vec();
    let most = 1 << random.below(4);
    for _ in 0..=random.below(most) {
        change(&mut text, words, others, random);
        text.truncate(MOST);
    }
    text
}

fn change(text: &mut Vec<u8>, words: &[&str], others: &[Vec<u8>], random: &mut Random) {
    let at = random.below(text.len() + 1);
    let part = some_part(text.len(), random);
    match random.below(12) {
        0 => {
            if let Some(byte) = text.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            let bad = *random.of(BAD);
            insert(text, at, bad);
        }
        2 | 3 if !words.is_empty() => insert(text, at, random.of(words).as_bytes()),
        4 => drop(text.drain(part)),
        5 => {
            let copy = text[part].to_vec();
            insert(text, at, &copy);
        }
        // Deep nesting, long names, many of a kind.
        6 => {
            let copy = text[part].to_vec();
            let times = 1 << random.below(12);
            insert(text, at, &copy[..copy.len().min(64)].repeat(times));
        }
        7 => {
            let other = random.of(others);
            let part = some_part(other.len(), random);
            insert(text, at, &other[part]);
        }
        8 => text.truncate(at),
        9 => swap_lines(text, random),
        10 => {
            let bad = *random.of(BAD);
            text.splice(part, bad.iter().copied());
        }
        _ => {
            let line = text[at..].iter().position(|byte| *byte == b'\n');
            let end = line.map_or(text.len(), |line| at + line + 1);
            text.drain(at..end);
        }
    }
}

fn insert(text: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    text.splice(at..at, bytes.iter().copied());
}

fn some_part(length: usize, random: &mut Random) -> std::ops::Range<usize> {
    let start = random.below(length + 1);
    let most = 1 << random.below(10);
    start..length.min(start + random.below(most))
}

fn swap_lines(text: &mut Vec<u8>, random: &mut Random) {
    let mut lines: Vec<Vec<u8>> = text
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if lines.is_empty() {
        return;
    }
    let (one, other) = (random.below(lines.len()), random.below(lines.len()));
    lines.swap(one, other);
    *text = lines.concat();
}
