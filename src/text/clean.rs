//! Makes text from outside safe to print.
//!
//! Names in a repository, remote output and server errors may hold sequences that move the cursor,
//! change colours or turn the reading direction. None of it reaches a terminal.

/// The text with control, bidirectional and zero-width characters escaped as `\u{..}`.
///
/// Line ends and tabs stay where `lines` of output are meant; callers that print one line split it.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\n' | '\t') || !is_dangerous(character) {
            out.push(character);
        } else {
            out.extend(character.escape_unicode());
        }
    }
    out
}

/// Control characters (C0, DEL, C1), bidirectional marks and overrides (Unicode TR 36), zero-width
/// characters, line and paragraph separators.
pub(crate) fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_direction_marks_do_not_reach_a_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c"), "a\\u{1b}[31mb\\u{202e}c");
        assert_eq!(clean("zwei\tWörter\n"), "zwei\tWörter\n");
    }
}
