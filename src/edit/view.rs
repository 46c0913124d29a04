//! A document as a person edits it: plain TOML, a value a line, notes as comments above.
//!
//! What is printed here reads back as the same type and the same bytes, which [`super::parse`] and
//! the property tests hold. Where no TOML could promise that, the value is left out of the view, and
//! left alone when the view is saved ([`why_hidden`]).

use zeroize::Zeroizing;

use super::literal;
use crate::name::ValueName;
use crate::secret::Plain;
use crate::text::clean_for_eyes;
use crate::vault::{Literal, Opened, PolicyKey, ValueType};

/// Begins the lines of ours at the head of the text; they are not kept.
pub(super) const HEAD: &str = "#:";
/// Begins the lines that say why an edit was not saved.
pub(super) const REASON: &str = "#!";

/// A value with what is shown of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: ValueName,
    pub(super) kind: ValueType,
    pub(super) plain: Plain,
    pub(super) note: Option<String>,
}

impl From<Opened> for Entry {
    fn from(opened: Opened) -> Self {
        let note = opened.policy.value(PolicyKey::Note);
        Self {
            note: note.and_then(shown_note),
            name: opened.name,
            kind: opened.kind,
            plain: opened.value,
        }
    }
}

/// The whole text: the head, an empty line, the values in their order.
pub(super) fn view(head: &[String], entries: &[Entry]) -> Zeroizing<String> {
    let size: usize = entries
        .iter()
        .map(|entry| entry.plain.with(Vec::len) + 160)
        .sum();
    let mut out = Zeroizing::new(String::with_capacity(size + 1024));
    for line in head {
        out.extend([HEAD, " ", line, "\n"]);
    }
    out.push('\n');
    for (index, entry) in entries.iter().enumerate() {
        if let Some(note) = &entry.note {
            // An empty line before the comment shows where it belongs.
            if index > 0 {
                out.push('\n');
            }
            for line in note.split('\n') {
                out.push_str(if line.is_empty() { "#" } else { "# " });
                out.push_str(line);
                out.push('\n');
            }
        }
        print(&mut out, entry);
        out.push('\n');
    }
    out
}

/// Prints `name = value`, without a line end.
pub(super) fn print(out: &mut String, entry: &Entry) {
    let name = entry.name.as_str();
    // The only character of a name that a bare key may not have.
    if name.contains('.') {
        out.extend(["\"", name, "\" = "]);
    } else {
        out.extend([name, " = "]);
    }
    literal::print(out, entry.kind, &entry.plain);
}

/// Why a value is left out of the view; `None` for one that is shown.
pub(super) fn why_hidden(opened: &Opened) -> Option<&'static str> {
    if opened.no_print {
        return Some("its policy says no_print");
    }
    opened.value.with(|plain| {
        let text = match (opened.kind, std::str::from_utf8(plain)) {
            (ValueType::Bytes, _) | (ValueType::String, Ok(_)) => return None,
            (_, Err(_)) => return Some("it is no UTF-8"),
            (_, Ok(text)) => text,
        };
        match Literal::parse(text) {
            Some(literal) if literal.kind != opened.kind => Some("it is not of its type"),
            None => Some("it is not of its type"),
            // A real table of this form would come back as bytes.
            Some(_) if literal::is_reserved(text) => {
                Some("its form is the one that stands for bytes")
            }
            Some(_) => None,
        }
    })
}

/// A note as the view shows it and reads it back: no trailing blanks, nothing that moves a cursor.
pub(super) fn shown_note(note: &str) -> Option<String> {
    let lines: Vec<String> = note
        .split('\n')
        .map(|line| clean_for_eyes(line).trim_end().to_owned())
        .collect();
    let any = lines.iter().any(|line| !line.is_empty());
    any.then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: ValueType, plain: &[u8]) -> String {
        let entry = Entry {
            name: "X".parse().unwrap(),
            kind,
            plain: Plain::new(plain.to_vec()),
            note: None,
        };
        let mut out = String::new();
        print(&mut out, &entry);
        out
    }

    #[test]
    fn text_of_several_lines_is_a_block_only_where_it_comes_back_unharmed() {
        let string = |text: &str| line(ValueType::String, text.as_bytes());
        assert_eq!(string("a\nb"), "X = '''\na\nb'''");
        assert_eq!(string("\na\n"), "X = '''\n\na\n'''");
        assert_eq!(string("it's \\ \"x\"\n"), "X = '''\nit's \\ \"x\"\n'''");
        for (text, shown) in [
            ("one", "\"one\""),
            ("a\n'''", "\"a\\n'''\""),
            ("a\n'", "\"a\\n'\""),
            ("a \nb", "\"a \\nb\""),
            ("a\r\nb", "\"a\\r\\nb\""),
            ("a\n\tb", "\"a\\n\\tb\""),
            ("a\n\u{1b}b", "\"a\\n\\u001bb\""),
            ("\u{202e}\u{e0001}", "\"\\u202e\\U000e0001\""),
        ] {
            assert_eq!(string(text), format!("X = {shown}"));
        }
    }

    #[test]
    fn literals_are_shown_as_typed_and_bytes_in_the_reserved_form() {
        assert_eq!(line(ValueType::Integer, b"0x1F"), "X = 0x1F");
        assert_eq!(line(ValueType::Array, b"[ 1,2 ]"), "X = [ 1,2 ]");
        assert_eq!(line(ValueType::Bytes, b"\xff"), "X = { base64 = \"/w==\" }");
    }

    #[test]
    fn a_note_is_shown_as_it_is_kept() {
        let note = "::group::ours\n##[section] of it";
        assert_eq!(shown_note(note).as_deref(), Some(note));
    }

    #[test]
    fn notes_stand_above_and_names_with_a_dot_in_quotes() {
        let entry = |name: &str, note: &str| Entry {
            name: name.parse().unwrap(),
            kind: ValueType::Integer,
            plain: Plain::from("1"),
            note: shown_note(note),
        };
        let text = view(
            &["a document".into()],
            &[
                entry("A", "one\n\n two "),
                entry("b.c", ""),
                entry("D", ": x\u{1b}"),
            ],
        );
        assert_eq!(
            *text,
            "#: a document\n\n# one\n#\n#  two\nA = 1\n\"b.c\" = 1\n\n# : x\\u{1b}\nD = 1\n"
        );
    }
}
