//! What was seen of documents and sealed files.
//!
//! A document has a file of its own, sorted by the names of its values, so that one of 10,000 is found by
//! bisection. Sealed files are a line each, many in one file ([`Register`]). Both go by their id and their path
//! ([`PinKey`]).

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::order::RecordMark;
use super::register::{MAX_PIN, Register, damaged, read_text, sealed_line, unsealed_line};
use super::{PinDraft, Pins, TrustError};
use crate::cores;
use crate::crypto::{from_hex, hex, sha256};
use crate::fs::{self, FsError, StagedPrivate, Sync};

/// What can lie at a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SeenKind {
    /// A document.
    Document,
    /// A sealed file.
    File,
}

/// What was seen of one document, or of one sealed file under the name `.`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DocumentPin {
    /// Where it lay.
    pub path: String,
    /// The number of its document line.
    pub seq: u64,
    /// Its key commitment, 64 hexadecimal digits; empty for a sealed file.
    pub key_id: String,
    /// SHA-256 of the document line that was verified.
    pub hash: [u8; 32],
    /// Each value's record.
    pub values: BTreeMap<String, RecordMark>,
}

/// The name under which a sealed file's one record is kept.
pub const FILE_RECORD: &str = ".";

/// What a pin is kept under: `ID-PATH`, the id and the first 16 digits of SHA-256 of the path.
///
/// Whoever may write at one path can sign a document there under the id of another path's, so that neither an id alone
/// nor a path alone tells what was seen.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PinKey(pub(super) String);

impl PinKey {
    /// The key of what has this id and lies at this path.
    #[must_use]
    pub fn of(id: &[u8; 16], path: &str) -> Self {
        let path = hex(&sha256(path.as_bytes()));
        Self(format!(
            "{}-{}",
            hex(id),
            path.get(..16).unwrap_or_default()
        ))
    }
}

impl std::fmt::Display for PinKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Pins that are written and do not count yet.
#[derive(Debug)]
#[must_use = "they count once they are committed"]
pub struct StagedPins(StagedPrivate);

impl StagedPins {
    /// Remembers them.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn commit(self) -> Result<(), TrustError> {
        Ok(self.0.commit()?)
    }
}

impl DocumentPin {
    /// What kind of thing it was.
    #[must_use]
    pub fn kind(&self) -> SeenKind {
        if self.values.contains_key(FILE_RECORD) {
            SeenKind::File
        } else {
            SeenKind::Document
        }
    }
}

impl Pins {
    /// What was seen of a document.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn document(&self, id: &[u8; 16], path: &str) -> Result<Option<DocumentPin>, TrustError> {
        self.kept_under(SeenKind::Document, &PinKey::of(id, path))
    }

    /// What was seen of one kind under an id at a path.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn seen(
        &self,
        kind: SeenKind,
        id: &[u8; 16],
        path: &str,
    ) -> Result<Option<DocumentPin>, TrustError> {
        self.kept_under(kind, &PinKey::of(id, path))
    }

    /// What is kept under a key.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn kept_under(
        &self,
        kind: SeenKind,
        key: &PinKey,
    ) -> Result<Option<DocumentPin>, TrustError> {
        if kind == SeenKind::File {
            let text = self.files().get(&key.0)?;
            return text.map(|text| self.file_pin(&text)).transpose();
        }
        let path = self.document_file(key);
        let Some(text) = read_text(&path)? else {
            return Ok(None);
        };
        parse_document(&text)
            .map(Some)
            .ok_or_else(|| damaged(&path, "a line does not read"))
    }

    /// What was seen of one value, without reading the marks of all the others.
    ///
    /// Gives the document's own part with at most that value in it.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn value(
        &self,
        (id, path): (&[u8; 16], &str),
        name: &str,
    ) -> Result<Option<DocumentPin>, TrustError> {
        let path = self.document_file(&PinKey::of(id, path));
        let Some((file, length)) = fs::open_private(&path, MAX_PIN)? else {
            return Ok(None);
        };
        let wrong = || damaged(&path, "a line does not read");
        let read = |part| {
            let bytes = fs::read_range(&file, part).map_err(FsError::io("read", &path))?;
            String::from_utf8(bytes).map_err(|_| wrong())
        };
        let io = |error| FsError::io("read", &path)(error);
        // Whether a line was damaged is told by its own checksum, so 10,000 are not hashed for one.
        let head_end = fs::find_bytes(&file, 0..length, b"\n").map_err(io)?;
        let head_end = head_end.ok_or_else(wrong)?;
        let mut pin = parse_head(&read(0..head_end)?).ok_or_else(wrong)?;
        let place = |line: &[u8]| Some(line.split(|b| *b == b' ').next()?.cmp(name.as_bytes()));
        let found = fs::find_sorted(&file, head_end + 1..length, b"\n", place).map_err(io)?;
        if let Some(part) = found {
            let line = read(part)?;
            let (name, mark) = parse_value(line.trim_end_matches('\n')).ok_or_else(wrong)?;
            pin.values.insert(name.to_owned(), mark);
        }
        Ok(Some(pin))
    }

    /// Remembers what was seen of a document or a sealed file, in the place of what was known before.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn set_document(
        &self,
        id: &[u8; 16],
        pin: &DocumentPin,
        sync: Sync,
    ) -> Result<(), TrustError> {
        let files = self.changed([(id, pin, "")])?;
        for (path, bytes) in files {
            fs::write_private(&path, &bytes, sync)?;
        }
        Ok(())
    }

    /// Remembers what was seen of many documents and sealed files, and waits for the disk once.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn set_documents(&self, pins: &[([u8; 16], PinDraft)]) -> Result<(), TrustError> {
        self.stage(pins)?.commit()
    }

    /// Writes what [`Self::set_documents`] would, so that it can be committed later. Until then nobody else may
    /// write pins.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn stage(&self, pins: &[([u8; 16], PinDraft)]) -> Result<StagedPins, TrustError> {
        let files = self.changed(
            pins.iter()
                .map(|(id, draft)| (id, &draft.pin, draft.lines())),
        )?;
        Ok(StagedPins(StagedPrivate::new(self.dir(), &files)?))
    }

    /// The files that remember these pins, each with the lines that it has beside its values, as they are to be
    /// written: which ids lie where comes first.
    fn changed<'p>(
        &self,
        pins: impl IntoIterator<Item = (&'p [u8; 16], &'p DocumentPin, &'p str)> + Clone,
    ) -> Result<Vec<(PathBuf, Vec<u8>)>, TrustError> {
        let places = pins.clone().into_iter().map(|(id, pin, _)| (id, pin));
        let mut files = self.newly_at(places)?;
        let mut lines = Vec::new();
        for (id, pin, beside) in pins {
            match pin.values.get(FILE_RECORD) {
                Some(mark) => lines.push((
                    PinKey::of(id, &pin.path).0,
                    format!("{} {}", pin.path, print_mark(mark)),
                )),
                None => files.push((
                    self.document_file(&PinKey::of(id, &pin.path)),
                    print_document(pin, beside).into_bytes(),
                )),
            }
        }
        files.extend(self.files().with(lines)?);
        Ok(files)
    }

    /// The keys of all documents that were seen, with the id in each.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn document_keys(&self) -> Result<Vec<([u8; 16], PinKey)>, TrustError> {
        let folder = self.dir().join("documents");
        let names = fs::names(&folder).map_err(FsError::io("list", &folder))?;
        let key = |name: &std::ffi::OsString| {
            let name = name.to_str()?;
            let id = from_hex(name.split_once('-')?.0).ok()?;
            Some((id, PinKey(name.to_owned())))
        };
        Ok(names.iter().filter_map(key).collect())
    }

    /// The keys of all documents and sealed files that were seen.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn all_keys(&self) -> Result<Vec<(SeenKind, PinKey)>, TrustError> {
        let documents = self.document_keys()?.into_iter();
        let documents = documents.map(|(_, key)| (SeenKind::Document, key));
        let files = self.files().all()?.into_iter();
        let files = files.map(|(key, _)| (SeenKind::File, PinKey(key)));
        Ok(documents.chain(files).collect())
    }

    pub(super) fn document_file(&self, key: &PinKey) -> PathBuf {
        self.dir().join("documents").join(&key.0)
    }

    fn files_dir(&self) -> PathBuf {
        self.dir().join("files")
    }

    fn files(&self) -> Register {
        Register::at(self.files_dir(), &self.kept)
    }

    fn file_pin(&self, text: &str) -> Result<DocumentPin, TrustError> {
        let pin = text.split_once(' ').and_then(|(path, mark)| {
            Some(DocumentPin {
                path: path.to_owned(),
                values: [(FILE_RECORD.to_owned(), parse_mark(mark)?)].into(),
                ..DocumentPin::default()
            })
        });
        pin.ok_or_else(|| damaged(&self.files_dir(), "a line does not read"))
    }
}

fn dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// The text of a document's pin, with what stands there `beside` its values.
fn print_document(pin: &DocumentPin, beside: &str) -> String {
    let head = sealed_line(&format!(
        "{} {} {} {}",
        pin.path,
        pin.seq,
        dash(&pin.key_id),
        hex(&pin.hash)
    ));
    let print = |(name, mark): (&'_ String, &RecordMark)| {
        sealed_line(&format!("{name} {}", print_mark(mark)))
    };
    let lines = cores::each(pin.values.iter().collect(), cores::LINES, print);
    let names = pin.values.keys().map(String::as_str);
    PinDraft::merged(&head, beside, names.zip(lines).collect())
}

fn print_mark(mark: &RecordMark) -> String {
    let RecordMark {
        rev,
        seq,
        changed,
        hash,
    } = mark;
    format!("{rev} {seq} {changed} {}", hex(hash))
}

fn parse_document(text: &str) -> Option<DocumentPin> {
    let mut lines = text.lines();
    let mut pin = parse_head(lines.next()?)?;
    let parse = |line| parse_value(line).map(|(name, mark)| (name.to_owned(), mark));
    let values = cores::each(lines.collect(), cores::LINES, parse).into_iter();
    pin.values = values.collect::<Option<_>>()?;
    Some(pin)
}

pub(super) fn parse_head(line: &str) -> Option<DocumentPin> {
    let mut words = unsealed_line(line)?.split(' ');
    let path = words.next()?.to_owned();
    let seq = words.next()?.parse().ok()?;
    let key_id = words
        .next()
        .map(|word| if word == "-" { "" } else { word })?
        .to_owned();
    let hash = from_hex(words.next()?).ok()?;
    Some(DocumentPin {
        path,
        seq,
        key_id,
        hash,
        values: BTreeMap::new(),
    })
}

pub(super) fn parse_value(line: &str) -> Option<(&str, RecordMark)> {
    let (name, mark) = unsealed_line(line)?.split_once(' ')?;
    Some((name, parse_mark(mark)?))
}

fn parse_mark(text: &str) -> Option<RecordMark> {
    let mut words = text.split(' ');
    Some(RecordMark {
        rev: words.next()?.parse().ok()?,
        seq: words.next()?.parse().ok()?,
        changed: words.next()?.parse().ok()?,
        hash: from_hex(words.next()?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Moment;
    use crate::trust::pin::tests::pins;

    #[test]
    fn one_value_of_many_is_found_and_reads_back() {
        let (_dir, pins) = pins();
        let mark = |number| RecordMark {
            rev: number,
            seq: number + 1,
            changed: Moment::from_seconds(1_000),
            hash: [7; 32],
        };
        let values = (0..300).map(|n| (format!("NAME_{n}"), mark(n))).collect();
        let pin = DocumentPin {
            path: "prod/web".into(),
            seq: 3,
            key_id: "ab".repeat(32),
            hash: [1; 32],
            values,
        };
        pins.set_document(&[2; 16], &pin, Sync::Lazy).unwrap();
        assert_eq!(pins.document(&[2; 16], "prod/web").unwrap().unwrap(), pin);
        let many: Vec<_> = (0..50).map(|n| ([n; 16], pin.clone().into())).collect();
        pins.set_documents(&many).unwrap();
        assert_eq!(pins.all_keys().unwrap().len(), 50);
        for number in [0, 1, 150, 299] {
            let found = pins
                .value((&[2; 16], "prod/web"), &format!("NAME_{number}"))
                .unwrap()
                .unwrap();
            assert_eq!(
                found.values.values().next(),
                Some(&mark(number)),
                "{number}"
            );
        }
        assert!(
            pins.value((&[2; 16], "prod/web"), "NAME_300")
                .unwrap()
                .unwrap()
                .values
                .is_empty()
        );
        // Of a document as large as any: names of 128 bytes.
        let values = (0..10_000)
            .map(|n| (format!("N{n:0127}"), mark(n)))
            .collect();
        let largest = DocumentPin { values, ..pin };
        pins.set_document(&[2; 16], &largest, Sync::Lazy).unwrap();
        assert_eq!(
            pins.document(&[2; 16], "prod/web").unwrap().unwrap(),
            largest
        );
    }

    #[test]
    fn sealed_files_are_kept_apart_from_documents_of_their_id() {
        let (_dir, pins) = pins();
        let pin = |number: u8, value: &str| DocumentPin {
            path: format!("prod/keys/{number}.key"),
            values: [(
                value.to_owned(),
                RecordMark {
                    rev: u64::from(number),
                    seq: 7,
                    changed: Moment::from_seconds(1_000),
                    hash: [number; 32],
                },
            )]
            .into(),
            ..DocumentPin::default()
        };
        let files = (0..50).map(|n| ([n; 16], pin(n, FILE_RECORD).into()));
        let files: Vec<(_, PinDraft)> = files.collect();
        pins.set_documents(&files).unwrap();
        let document = pin(3, "TOKEN");
        pins.set_document(&[3; 16], &document, Sync::Lazy).unwrap();
        for (id, PinDraft { pin, .. }) in &files {
            assert_eq!(
                pins.seen(SeenKind::File, id, &pin.path).unwrap().as_ref(),
                Some(pin)
            );
            let ids = pins.ids_at(&pin.path, SeenKind::File).unwrap();
            assert_eq!(ids, [*id]);
        }
        let seen = |id: u8, path| pins.document(&[id; 16], path).unwrap();
        assert_eq!(seen(3, "prod/keys/3.key"), Some(document));
        assert_eq!(seen(4, "prod/keys/3.key"), None);
        // Another path's document may be signed under the same id.
        assert_eq!(seen(3, "dev/keys/3.key"), None);
        let file = |id: u8, path| pins.seen(SeenKind::File, &[id; 16], path).unwrap();
        assert_eq!(file(99, "prod/keys/9.key"), None);
        assert_eq!(file(9, "prod/keys/8.key"), None);
        assert_eq!(pins.all_keys().unwrap().len(), 51);
    }

    #[test]
    fn a_damaged_pin_is_no_pin() {
        let (_dir, pins) = pins();
        let pin = DocumentPin {
            path: "prod/web".into(),
            seq: 3,
            ..DocumentPin::default()
        };
        pins.set_document(&[2; 16], &pin, Sync::Lazy).unwrap();
        let path = pins.document_file(&PinKey::of(&[2; 16], "prod/web"));
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace(" 3 ", " 2 ");
        std::fs::write(&path, text).unwrap();
        assert!(matches!(
            pins.document(&[2; 16], "prod/web"),
            Err(TrustError::Damaged { .. })
        ));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .unwrap();
        assert!(matches!(
            pins.document(&[2; 16], "prod/web"),
            Err(TrustError::Fs(_))
        ));
    }
}
