//! What was seen of a document, for whoever changes some of its values.

use std::cmp::Ordering;
use std::path::PathBuf;
use std::sync::Arc;

use super::order::RecordMark;
use super::register::{damaged, read_text};
use super::seen::{parse_head, parse_value};
use super::{DocumentPin, PinKey, Pins, TrustError};

/// A document's pin whose marks are read one by one: a change of one value of 10,000 reads and prints that
/// one, and the lines of the others stay as they are, each with its own checksum.
#[derive(Clone, Debug, Default)]
pub struct PinDraft {
    /// The document's own part, and the marks that are new; all of them where the whole pin was read.
    pub pin: DocumentPin,
    /// The text of the pin, and where the lines of the values begin in it, in the order of their names.
    text: Arc<String>,
    begin: usize,
    /// Where they were read.
    file: PathBuf,
}

impl From<DocumentPin> for PinDraft {
    fn from(pin: DocumentPin) -> Self {
        Self {
            pin,
            ..Self::default()
        }
    }
}

impl PinDraft {
    /// The mark of a value: the new one, or what was seen.
    ///
    /// # Errors
    /// [`TrustError::Damaged`].
    pub fn mark(&self, name: &str) -> Result<Option<RecordMark>, TrustError> {
        if let Some(mark) = self.pin.values.get(name) {
            return Ok(Some(*mark));
        }
        let lines = self.lines();
        let (start, end) = place_of(name, lines);
        let Some(line) = lines.get(start..end).filter(|line| !line.is_empty()) else {
            return Ok(None);
        };
        match parse_value(line.trim_end_matches('\n')) {
            Some((_, mark)) => Ok(Some(mark)),
            None => Err(damaged(&self.file, "a line does not read")),
        }
    }

    /// The lines that were read.
    pub(super) fn lines(&self) -> &str {
        self.text.get(self.begin..).unwrap_or_default()
    }

    /// `head`, and the lines of all values: `new` among the others and in the place of those of the same name.
    pub(super) fn merged(head: &str, lines: &str, new: Vec<(&str, String)>) -> String {
        let added: usize = new.iter().map(|(_, line)| line.len()).sum();
        let mut text = String::with_capacity(head.len() + lines.len() + added);
        text.push_str(head);
        let mut rest = lines;
        for (name, line) in new {
            let (start, end) = place_of(name, rest);
            text.push_str(rest.get(..start).unwrap_or_default());
            text.push_str(&line);
            rest = rest.get(end..).unwrap_or_default();
        }
        text.push_str(rest);
        text
    }
}

impl Pins {
    /// What was seen of a document; nothing is the beginning of a new pin.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn draft(&self, id: &[u8; 16], path: &str) -> Result<PinDraft, TrustError> {
        let file = self.document_file(&PinKey::of(id, path));
        let Some(text) = read_text(&file)? else {
            return Ok(PinDraft::default());
        };
        let read = text
            .split_once('\n')
            .and_then(|(head, _)| Some((parse_head(head)?, head.len() + 1)));
        match read {
            Some((pin, begin)) => Ok(PinDraft {
                pin,
                text: Arc::new(text),
                begin,
                file,
            }),
            None => Err(damaged(&file, "a line does not read")),
        }
    }
}

/// From where to where the line of a value stands among lines that are sorted by name; where it would stand if
/// there is none.
fn place_of(name: &str, lines: &str) -> (usize, usize) {
    let bytes = lines.as_bytes();
    let (mut low, mut high) = (0, bytes.len());
    let mut equal = None;
    while low < high {
        let middle = low + (high - low) / 2;
        let before = bytes.get(low..middle).unwrap_or_default();
        let start = memchr::memrchr(b'\n', before).map_or(low, |at| low + at + 1);
        let behind = bytes.get(middle..high).unwrap_or_default();
        let end = memchr::memchr(b'\n', behind).map_or(high, |at| middle + at + 1);
        let line = bytes.get(start..end).unwrap_or_default();
        let there = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        match there.cmp(name.as_bytes()) {
            Ordering::Less => low = end,
            Ordering::Greater => high = start,
            Ordering::Equal => {
                equal = Some((start, end));
                break;
            }
        }
    }
    equal.unwrap_or((low, low))
}

#[cfg(test)]
mod tests {
    use super::super::pin::tests::pins;
    use super::*;
    use crate::fs::Sync;
    use crate::time::Moment;

    const ID: [u8; 16] = [2; 16];

    fn mark(rev: u64) -> RecordMark {
        RecordMark {
            rev,
            seq: rev,
            changed: Moment::from_seconds(1_000),
            hash: [7; 32],
        }
    }

    fn pin<'n>(values: impl IntoIterator<Item = (&'n str, u64)>) -> DocumentPin {
        let values = values.into_iter();
        DocumentPin {
            path: "prod/web".into(),
            seq: 1,
            values: values
                .map(|(name, rev)| (name.to_owned(), mark(rev)))
                .collect(),
            ..DocumentPin::default()
        }
    }

    #[test]
    fn what_is_new_stands_among_what_was_seen_and_in_its_place() {
        let (_dir, pins) = pins();
        let seen = [("B", 1), ("BB", 2), ("D", 3), ("D-E", 4), ("F", 5)];
        // Each of these in turn: before all, behind all, in between, in the place of another, several at once.
        let cases: [&[(&str, u64)]; 8] = [
            &[],
            &[("A", 9)],
            &[("G", 9)],
            &[("C", 9)],
            &[("B", 9)],
            &[("F", 9)],
            &[
                ("A", 6),
                ("B", 7),
                ("BA", 8),
                ("D", 9),
                ("F", 10),
                ("G", 11),
            ],
            &[("D", 6), ("D-D", 7), ("D-E", 8), ("D.E", 9)],
        ];
        for new in cases {
            pins.set_document(&ID, &pin(seen), Sync::Lazy).unwrap();
            let mut draft = pins.draft(&ID, "prod/web").unwrap();
            for (name, rev) in seen {
                assert_eq!(draft.mark(name).unwrap(), Some(mark(rev)), "{name}");
            }
            assert_eq!(draft.mark("C").unwrap(), None);
            draft.pin.seq = 2;
            for (name, rev) in new {
                draft.pin.values.insert((*name).to_owned(), mark(*rev));
                assert_eq!(draft.mark(name).unwrap(), Some(mark(*rev)), "{name}");
            }
            pins.set_documents(&[(ID, draft)]).unwrap();
            let mut wanted = pin(seen.into_iter().chain(new.iter().copied()));
            wanted.seq = 2;
            assert_eq!(
                pins.document(&ID, "prod/web").unwrap(),
                Some(wanted),
                "{new:?}"
            );
        }
    }

    #[test]
    fn nothing_seen_is_an_empty_draft_and_damage_is_told_where_it_is_asked_for() {
        let (_dir, pins) = pins();
        let mut draft = pins.draft(&ID, "prod/web").unwrap();
        assert_eq!(
            (draft.mark("A").unwrap(), &draft.pin.path),
            (None, &String::new())
        );
        draft.pin = pin([("A", 1), ("B", 2)]);
        pins.set_documents(&[(ID, draft)]).unwrap();
        let file = pins.document_file(&PinKey::of(&ID, "prod/web"));
        let text = std::fs::read_to_string(&file).unwrap();
        let write =
            |text: &str| crate::fs::write_private(&file, text.as_bytes(), Sync::Lazy).unwrap();
        write(&text.replace("B 2 2", "B 1 2"));
        let mut draft = pins.draft(&ID, "prod/web").unwrap();
        assert_eq!(draft.mark("A").unwrap(), Some(mark(1)));
        assert!(matches!(draft.mark("B"), Err(TrustError::Damaged { path, .. }) if path == file));
        // What nobody asked for stays as it is, with its damage.
        draft.pin.values.insert("C".into(), mark(3));
        pins.set_documents(&[(ID, draft)]).unwrap();
        assert!(matches!(
            pins.document(&ID, "prod/web"),
            Err(TrustError::Damaged { .. })
        ));
        write(&text.replacen("prod", "test", 1));
        assert!(matches!(
            pins.draft(&ID, "prod/web"),
            Err(TrustError::Damaged { .. })
        ));
    }
}
