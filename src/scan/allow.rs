//! `clws:allow REASON` in a line: somebody looked at it, and says why it may stay.

use super::text::Text;

/// What a line says of its finding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Allowed {
    No,
    /// With a reason.
    Yes,
    /// Without one, which allows nothing.
    Unreasoned,
}

const WORD: &[u8] = b"clws:allow";

/// What the line around a place says.
pub(super) fn allowed(text: &Text<'_>, at: usize) -> Allowed {
    let line = text.get(text.line(at));
    let Some(found) = memchr::memmem::find(line, WORD) else {
        return Allowed::No;
    };
    let reason = line.get(found + WORD.len()..).unwrap_or_default();
    // Signs that end a comment are no reason.
    match reason
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count()
        >= 3
    {
        true => Allowed::Yes,
        false => Allowed::Unreasoned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_wanted_and_in_the_same_line() {
        let says = |text: &str| allowed(&Text::of(text.as_bytes(), "x"), 2);
        assert_eq!(says("k = v # clws:allow a test's own key"), Allowed::Yes);
        assert_eq!(says("k = v /* clws:allow */"), Allowed::Unreasoned);
        assert_eq!(says("k = v\n# clws:allow some reason"), Allowed::No);
    }
}
