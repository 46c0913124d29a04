//! Makes text from outside safe to print.
//!
//! Names in a repository, remote output and server errors may hold sequences that move the cursor,
//! change colours or turn the reading direction. None of it reaches a terminal. Nor does a line that the runner of
//! a CI job would take for a word to itself: it reads those in the job's log, and sets variables by them.

use std::io;

/// The text with control, bidirectional and zero-width characters escaped as `\u{..}`, and words to the runner of a CI
/// job broken.
///
/// Line ends and tabs stay where `lines` of output are meant; callers that print one line split it.
#[must_use]
pub fn clean(text: &str) -> String {
    escaped(text, is_word_to_runner)
}

/// As [`clean`], where nobody but a person looks: in their editor, and on their terminal.
#[must_use]
pub fn clean_for_eyes(text: &str) -> String {
    escaped(text, |_, _| false)
}

/// Escapes what draws, and what `is_word`: told the rest of the text, and whether nothing but blanks stands before it in
/// its line.
fn escaped(text: &str, is_word: impl Fn(Option<&str>, bool) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut begins = true;
    for (at, character) in text.char_indices() {
        let is_shown = matches!(character, '\n' | '\t') || !is_dangerous(character);
        if is_shown && !is_word(text.get(at..), begins) {
            out.push(character);
        } else {
            out.extend(character.escape_unicode());
        }
        begins = character == '\n' || begins && character.is_whitespace();
    }
    out
}

/// Whether a text begins with a word to the runner of a CI job: `##vso[…]` of Azure Pipelines, `##[…]` of GitHub and
/// `##teamcity[…]` wherever they stand, `::…::` of GitHub where nothing but blanks stands before it in the line.
fn is_word_to_runner(text: Option<&str>, begins: bool) -> bool {
    let text = text.unwrap_or_default();
    if let Some(behind) = text.strip_prefix("##") {
        let behind = behind.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        return behind.starts_with('[');
    }
    let behind = text.strip_prefix("::").filter(|_| begins);
    // An address of IPv6 has two colons once.
    behind.is_some_and(|behind| {
        behind
            .lines()
            .next()
            .is_some_and(|line| line.contains("::"))
    })
}

/// As [`clean`], on one line: line ends and tabs are escaped too. For names.
#[must_use]
pub fn clean_line(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain && !text.contains("##") && !text.contains("::") {
        return text.to_owned();
    }
    clean(text).replace('\n', "\\u{a}").replace('\t', "\\u{9}")
}

/// The text of JSON with the same characters as `\uXXXX`, which means the same.
///
/// Outside of strings JSON has none of them but line ends and tabs, which stay.
#[must_use]
pub fn clean_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for (at, character) in json.char_indices() {
        let is_shown = matches!(character, '\n' | '\t') || !is_dangerous(character);
        // A line of JSON begins with no colon.
        if is_shown && !is_word_to_runner(json.get(at..), false) {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// What is written into it as JSON goes on as [`clean_json`] gives it, piece by piece.
#[derive(Debug)]
pub struct CleanJson<W>(pub W);

impl<W: io::Write> io::Write for CleanJson<W> {
    /// A piece holds whole characters, as `serde_json` writes them.
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let is_plain = piece.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n'));
        if is_plain && memchr::memmem::find(piece, b"##").is_none() {
            self.0.write_all(piece)?;
        } else {
            let text = str::from_utf8(piece).map_err(io::Error::other)?;
            self.0.write_all(clean_json(text).as_bytes())?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
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
        assert_eq!(clean_line("a\nb\t\u{1b}"), "a\\u{a}b\\u{9}\\u{1b}");
    }

    #[test]
    fn no_word_reaches_the_runner_of_a_job() {
        let word = "##vso[task.setvariable variable=PATH]/tmp/evil";
        let shown = r"\u{23}#vso[task.setvariable variable=PATH]/tmp/evil";
        assert_eq!(clean_line(word), shown);
        assert_eq!(
            clean_line(&format!("web: #{word}")),
            format!("web: #{shown}")
        );
        assert_eq!(clean("##[add-path]x"), r"\u{23}#[add-path]x");
        let lines = "a ::b::\n \t::set-output name=x::y\n::error::z";
        let shown = "a ::b::\n \t\\u{3a}:set-output name=x::y\n\\u{3a}:error::z";
        assert_eq!(clean(lines), shown);
        assert_eq!(clean(shown), shown);
        assert_eq!(
            clean_for_eyes(&format!("{lines}{word}\u{1b}")),
            format!("{lines}{word}\\u{{1b}}")
        );
        for said in ["::1", "::ffff:10.0.0.1 port 22", "## [1.0]", "# a[0]", "##"] {
            assert_eq!(
                (clean(said), clean_line(said)),
                (said.to_owned(), said.to_owned())
            );
        }
        let value = serde_json::json!({ word: [word] });
        let mut out = Vec::new();
        serde_json::to_writer_pretty(CleanJson(&mut out), &value).unwrap();
        let json = String::from_utf8(out).unwrap();
        assert!(!json.contains("##") && !clean_json(&value.to_string()).contains("##"));
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn cleaned_json_means_the_same() {
        let value = serde_json::json!({ "a\u{202e}": "\u{1b}\n\u{e0041}\u{9b}ü" });
        let text = clean_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(text.is_ascii() || !text.chars().any(|c| c != '\n' && is_dangerous(c)));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    #[test]
    fn json_that_is_written_piece_by_piece_is_the_same() {
        let value =
            serde_json::json!({ "a\u{202e}": ["\u{1b}[2J", "é\u{7f}\"\n\t\u{200b}", 1.5, null] });
        let mut out = Vec::new();
        serde_json::to_writer_pretty(CleanJson(&mut out), &value).unwrap();
        let whole = clean_json(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(String::from_utf8(out).unwrap(), whole);
        assert!(!whole.contains(|c| c != '\n' && is_dangerous(c)));
    }
}
