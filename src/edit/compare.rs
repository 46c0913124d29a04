//! What an edit changes: the values as they were opened beside the values of the text.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use super::fault::{At, Fault};
use super::parse::Typed;
use super::view::Entry;
use crate::name::ValueName;
use crate::secret::Plain;
use crate::vault::{NewValue, ValueType};

/// A value shorter than this stands in half of all sentences by accident.
const TELLING: usize = 6;

/// What becomes of a note.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Note {
    /// It stays as it is, also where the view shows it a little differently.
    Keep,
    /// It becomes this, or goes.
    To(Option<String>),
}

/// A value that gets a new plaintext or type.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) name: ValueName,
    pub(super) new: NewValue,
    pub(super) note: Note,
    pub(super) is_new: bool,
}

/// What an edit changes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) set: Vec<Set>,
    pub(super) notes: Vec<(ValueName, Option<String>)>,
    pub(super) removed: Vec<ValueName>,
    /// Notes that came to hold a value: the note's name, the value's name.
    pub(super) telling: Vec<(ValueName, ValueName)>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.notes.is_empty() && self.removed.is_empty()
    }

    /// All names that are touched.
    pub(super) fn names(&self) -> impl Iterator<Item = &ValueName> {
        let set = self.set.iter().map(|set| &set.name);
        set.chain(self.notes.iter().map(|(name, _)| name))
            .chain(&self.removed)
    }
}

/// The values of a document as they were opened.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// Those that the view shows.
    pub(super) shown: Vec<Entry>,
    /// Those that it does not, and why.
    pub(super) hidden: BTreeMap<ValueName, &'static str>,
    /// All names, removed ones too.
    pub(super) names: BTreeSet<ValueName>,
}

/// Compares; a value is changed only if its type or its bytes differ.
///
/// # Errors
/// [`Fault::Case`], for a new name that differs in case alone from one that the document has.
pub(super) fn compare(before: &Before, typed: Vec<Typed>) -> Result<Changes, At> {
    let folded: BTreeMap<String, &ValueName> = before
        .names
        .iter()
        .map(|name| (name.as_str().to_ascii_lowercase(), name))
        .collect();
    let mut old: BTreeMap<&ValueName, &Entry> = before
        .shown
        .iter()
        .map(|entry| (&entry.name, entry))
        .collect();
    let mut changes = Changes {
        telling: telling(before, &typed, &old),
        ..Changes::default()
    };
    for Typed {
        name,
        line,
        new,
        note,
    } in typed
    {
        if let Some(entry) = old.remove(&name) {
            let same = entry.kind == new.kind && entry.plain.same_as(&new.plain);
            match (same, entry.note == note) {
                (true, true) => {}
                (true, false) => changes.notes.push((name, note)),
                (false, same_note) => changes.set.push(Set {
                    name,
                    new,
                    note: if same_note {
                        Note::Keep
                    } else {
                        Note::To(note)
                    },
                    is_new: false,
                }),
            }
            continue;
        }
        if let Some(other) = folded.get(&name.as_str().to_ascii_lowercase())
            && **other != name
        {
            return Err((line, Fault::Case(other.to_string(), name.to_string())));
        }
        let is_new = !before.hidden.contains_key(&name);
        changes.set.push(Set {
            // The note of a hidden value was not shown, so its absence says nothing.
            note: if note.is_none() && !is_new {
                Note::Keep
            } else {
                Note::To(note)
            },
            name,
            new,
            is_new,
        });
    }
    changes.removed = old.into_keys().cloned().collect();
    Ok(changes)
}

/// The notes of the text that are new and hold a value, or a line that was commented out: a note is
/// clear text in git. Gives the note's name and the value's.
fn telling(
    before: &Before,
    typed: &[Typed],
    old: &BTreeMap<&ValueName, &Entry>,
) -> Vec<(ValueName, ValueName)> {
    let values = || {
        let old = before.shown.iter();
        let old = old.map(|entry| (&entry.name, entry.kind, &entry.plain));
        let new = typed.iter();
        old.chain(new.map(|typed| (&typed.name, typed.new.kind, &typed.new.plain)))
    };
    let tells = |note: &str, (name, kind, plain): &(&ValueName, ValueType, &Plain)| {
        let assigned = note.lines().filter_map(|line| line.split_once('='));
        let is_text = matches!(kind, ValueType::String | ValueType::Bytes);
        assigned
            .map(|(left, _)| left.trim().trim_matches('"'))
            .any(|left| left == name.as_str())
            || is_text
                && plain.with(|plain| {
                    plain.len() >= TELLING && memmem::find(note.as_bytes(), plain).is_some()
                })
    };
    let mut found = Vec::new();
    for typed in typed {
        let known = old.get(&typed.name).and_then(|entry| entry.note.as_ref());
        let Some(note) = typed.note.as_ref().filter(|note| Some(*note) != known) else {
            continue;
        };
        let value = values().find(|value| tells(note, value));
        found.extend(value.map(|(name, ..)| (typed.name.clone(), name.clone())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{parse::parse, view::view};
    use super::*;

    fn before(text: &str) -> Before {
        let shown: Vec<Entry> = parse(text.as_bytes())
            .unwrap()
            .into_iter()
            .map(|typed| Entry {
                name: typed.name,
                kind: typed.new.kind,
                plain: typed.new.plain,
                note: typed.note,
            })
            .collect();
        let names = shown.iter().map(|entry| entry.name.clone()).collect();
        Before {
            shown,
            names,
            hidden: BTreeMap::new(),
        }
    }

    fn changed(before: &Before, text: &str) -> Changes {
        compare(before, parse(text.as_bytes()).unwrap()).unwrap()
    }

    fn names(names: &[ValueName]) -> Vec<&str> {
        names.iter().map(ValueName::as_str).collect()
    }

    #[test]
    fn only_what_differs_in_type_or_bytes_is_changed() {
        let before = before("A = 1\nB = \"x\"\n# n\nC = [1]\nD = \"d\"\n");
        let same = view(&[], &before.shown);
        assert!(changed(&before, &same).is_empty());
        assert!(changed(&before, "D='d'\nB = \"\"\"x\"\"\"\n# n\nC = [1]\nA = 1").is_empty());

        let changes = changed(&before, "A = \"1\"\nB = \"x\"\nC = [1]\nE = \"d\"");
        let set: Vec<_> = changes
            .set
            .iter()
            .map(|set| (set.name.as_str(), set.is_new))
            .collect();
        assert_eq!(set, [("A", false), ("E", true)]);
        assert_eq!(changes.notes, [("C".parse().unwrap(), None)]);
        assert_eq!(names(&changes.removed), ["D"]);
        assert_eq!(changes.names().count(), 4);
    }

    #[test]
    fn a_hidden_value_is_left_alone_until_a_line_gives_it_a_new_one() {
        let mut before = before("A = 1\n");
        let hidden: ValueName = "H".parse().unwrap();
        before.names.insert(hidden.clone());
        before.hidden.insert(hidden.clone(), "it is no UTF-8");
        assert!(changed(&before, "A = 1").is_empty());
        let changes = changed(&before, "A = 1\nH = 2");
        assert_eq!(
            (&changes.set[0].name, &changes.set[0].note),
            (&hidden, &Note::Keep)
        );
        assert!(!changes.set[0].is_new && changes.removed.is_empty());
    }

    #[test]
    fn a_name_that_differs_in_case_from_a_removed_one_is_a_fault() {
        let mut before = before("A = 1\n");
        before.names.insert("gone".parse().unwrap());
        let typed = parse(b"A = 1\nGONE = 1").unwrap();
        let (line, fault) = compare(&before, typed).unwrap_err();
        assert!(matches!((line, fault), (2, Fault::Case(..))));
    }

    #[test]
    fn a_note_that_holds_a_value_is_noticed_and_one_that_was_there_is_not() {
        let before = before("# is hunter2 now\nA = \"hunter2\"\nB = \"b\"\nP = 80\n");
        let telling = |text: &str| {
            let found = changed(&before, text).telling;
            let found = found.iter().map(|(note, value)| format!("{note} {value}"));
            found.collect::<Vec<_>>()
        };
        let rest = "# is hunter2 now\nA = \"hunter2\"\n";
        assert!(telling(&format!("{rest}# the b of P\nB = \"b\"\nP = 80")).is_empty());
        assert_eq!(
            telling(&format!("{rest}# as hunter2\nB = \"b\"\nP = 80")),
            ["B A"]
        );
        assert_eq!(
            telling(&format!("{rest}B = \"b\"\n#P = 80\nQ = 80")),
            ["Q P"]
        );
        assert_eq!(
            telling("# A = \"x\"\nB = \"b\"\nP = 80\n# hunter3!\nA = \"hunter3!\""),
            ["B A", "A A"]
        );
    }
}
