//! Patterns of names, as OpenSSH has them: `*` is any text, `?` any one character.

/// Whether a text fits a pattern.
///
/// Takes time in proportion to both lengths multiplied at most, whatever the pattern.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and how far what it takes reaches.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, reach)) = star else {
                    return false;
                };
                star = Some((at, reach + 1));
                p = at + 1;
                t = reach + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}

/// Whether a text fits a list of patterns: one of them, and none that begins with `!`.
pub(super) fn fits_list<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    let mut fit = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(without) if fits(without, text) => return false,
            Some(_) => {}
            None => fit |= fits(pattern, text),
        }
    }
    fit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_any_text_and_marks_one_character() {
        for (pattern, text, is_fit) in [
            ("vm-clws-test-*", "vm-clws-test-web-0", true),
            ("vm-clws-test-*", "vm-clws-prod-web-0", false),
            ("*-0", "vm-clws-test-web-0", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXcYbZ", false),
            ("web-?", "web-1", true),
            ("web-?", "web-", false),
            ("", "", true),
            ("*", "", true),
            ("**", "a", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), is_fit, "{pattern} {text}");
        }
        let long = "a".repeat(4000);
        assert!(!fits(&format!("{}b", "*a".repeat(200)), &long));
    }

    #[test]
    fn a_negated_pattern_wins_over_all_others() {
        assert!(fits_list(["web-*", "!web-9"], "web-1"));
        assert!(!fits_list(["!web-9", "web-*"], "web-9"));
        assert!(!fits_list(["web-*", "!web-9"], "web-9"));
        assert!(!fits_list(["!web-9"], "web-1"));
    }
}
