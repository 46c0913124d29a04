//! What this machine has seen of a vault, outside of it: `<state>/vaults/<vault id>/`.
//!
//! It follows the vault's id and not the clone: worktrees and clones share it. It is moved last,
//! only after all was verified, only forward, and by whoever holds the vault's lock. Losing a move on a read accepts more, never less,
//! so those do not wait for the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::join::Step;
use super::order::RecordMark;
use super::{Accepted, TrustError};
use crate::crypto::{from_hex, hex, sha256};
use crate::fs::{self, FsError, Sync};
use crate::name::{Component, PartyName};
use crate::world::{World, WorldError};

/// 10,000 values of 128 bytes of name and 110 of marks are 2.4 MB.
const MAX_PIN: usize = 16 * 1024 * 1024;

/// The pins of one vault.
#[derive(Clone, Debug)]
pub struct Pins {
    dir: PathBuf,
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

/// What was seen of one component's hook.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HookPin {
    /// The number of its signature.
    pub seq: u64,
    /// The hash of what was signed under that number; a pin of an earlier version has none.
    pub files: Option<[u8; 32]>,
}

impl Pins {
    /// The pins of the vault with this id.
    ///
    /// # Errors
    /// [`WorldError::NoHome`] if there is no state folder.
    pub fn of(world: &World, vault: &[u8; 32]) -> Result<Self, WorldError> {
        Ok(Self {
            dir: world.state_dir()?.join("vaults").join(hex(vault)),
        })
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The lock that a writer of this vault takes.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// The journal of a change of many files.
    #[must_use]
    pub fn journal_file(&self) -> PathBuf {
        self.dir.join("journal")
    }

    /// The trust versions 1 to n that this machine stepped through; none before first use.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn chain(&self) -> Result<Vec<Step>, TrustError> {
        let path = self.dir.join("trust");
        let Some(text) = self.read(&path)? else {
            return Ok(Vec::new());
        };
        let mut hashes = Vec::new();
        for (line, number) in text.lines().zip(1_u64..) {
            let mut words = line.split(' ');
            let is_next = words.next() == Some(&*number.to_string());
            let all: Result<Vec<[u8; 32]>, _> = words.map(from_hex).collect();
            let step = all.ok().filter(|_| is_next).and_then(|all| {
                let (hash, joined) = all.split_first()?;
                let joined = joined.to_vec();
                Some(Step {
                    hash: *hash,
                    joined,
                })
            });
            hashes.push(step.ok_or_else(|| damaged(&path, "a line of the trust chain"))?);
        }
        if hashes.is_empty() {
            Err(damaged(&path, "it is empty"))
        } else {
            Ok(hashes)
        }
    }

    /// Moves the trust chain forward to version n, keeping a copy of the rules that n signed.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn accept(
        &self,
        chain: &[Step],
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<PathBuf, TrustError> {
        let copy = self.accepted_dir(chain.len());
        // A copy that was cut off may be of another version of this number, with other parties.
        for folder in ["", "recipients"] {
            for name in fs::names(&copy.join(folder)).map_err(FsError::io("list", &copy))? {
                let path = copy.join(folder).join(&name);
                let is_ours = |file: &String| path == copy.join(file);
                if !path.is_dir() && !files.keys().any(is_ours) {
                    fs::remove_private(&path)?;
                }
            }
        }
        for (path, bytes) in files {
            fs::write_private(&copy.join(path), bytes, Sync::Disk)?;
        }
        let mut text = String::new();
        for (step, number) in chain.iter().zip(1_u64..) {
            text.push_str(&format!("{number} {}", hex(&step.hash)));
            for joined in &step.joined {
                text.push_str(&format!(" {}", hex(joined)));
            }
            text.push('\n');
        }
        self.write(&self.dir.join("trust"), &text, Sync::Disk)?;
        Ok(copy)
    }

    /// Where the copy of the rules of version n lies.
    #[must_use]
    pub fn accepted_dir(&self, number: usize) -> PathBuf {
        self.dir.join("accepted").join(number.to_string())
    }

    /// What was seen of a document.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn document(&self, id: &[u8; 16]) -> Result<Option<DocumentPin>, TrustError> {
        let path = self.document_file(id);
        let Some(text) = self.read(&path)? else {
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
    pub fn value(&self, id: &[u8; 16], name: &str) -> Result<Option<DocumentPin>, TrustError> {
        let path = self.document_file(id);
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

    /// Remembers what was seen of a document, in the place of what was known before.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn set_document(
        &self,
        id: &[u8; 16],
        pin: &DocumentPin,
        sync: Sync,
    ) -> Result<(), TrustError> {
        for (file, bytes) in self.newly_at([(id, pin)])? {
            fs::write_private(&self.paths_dir().join(file), &bytes, sync)?;
        }
        self.write(&self.document_file(id), &print_document(pin), sync)
    }

    /// Remembers what was seen of many documents, and waits for the disk once.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn set_documents(&self, pins: &[([u8; 16], DocumentPin)]) -> Result<(), TrustError> {
        let paths = self.newly_at(pins.iter().map(|(id, pin)| (id, pin)))?;
        let mut files: Vec<(PathBuf, Vec<u8>)> = paths
            .into_iter()
            .map(|(name, bytes)| (self.paths_dir().join(name), bytes))
            .collect();
        for (id, pin) in pins {
            files.push((self.document_file(id), print_document(pin).into_bytes()));
        }
        Ok(fs::write_all_private(&self.dir, &files)?)
    }

    /// All documents and sealed files that were seen.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn documents(&self) -> Result<Vec<([u8; 16], DocumentPin)>, TrustError> {
        let mut all = Vec::new();
        for id in self.document_ids()? {
            if let Some(pin) = self.document(&id)? {
                all.push((id, pin));
            }
        }
        all.sort_by(|a, b| a.1.path.cmp(&b.1.path));
        Ok(all)
    }

    /// The ids of all documents and sealed files that were seen.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn document_ids(&self) -> Result<Vec<[u8; 16]>, TrustError> {
        let folder = self.dir.join("documents");
        let names = fs::names(&folder).map_err(FsError::io("list", &folder))?;
        let id = |name: &std::ffi::OsString| from_hex(&name.to_string_lossy()).ok();
        Ok(names.iter().filter_map(id).collect())
    }

    /// What was seen of a component's hook.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn hook(&self, component: &Component) -> Result<Option<HookPin>, TrustError> {
        let path = self.dir.join("hooks").join(component.as_str());
        let Some(text) = self.read(&path)? else {
            return Ok(None);
        };
        let mut lines = text.lines();
        let seq = lines.next().and_then(|line| line.parse().ok());
        let files = lines
            .next()
            .map(|line| crate::crypto::from_hex(line).map_err(|_| damaged(&path, "no hash")));
        Ok(Some(HookPin {
            seq: seq.ok_or_else(|| damaged(&path, "no number"))?,
            files: files.transpose()?,
        }))
    }

    /// Remembers what was seen of a component's hook.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn set_hook(&self, component: &Component, pin: HookPin) -> Result<(), TrustError> {
        let path = self.dir.join("hooks").join(component.as_str());
        let hash = pin.files.map(|files| format!("{}\n", hex(&files)));
        let text = format!("{}\n{}", pin.seq, hash.unwrap_or_default());
        self.write(&path, &text, Sync::Disk)
    }

    fn document_file(&self, id: &[u8; 16]) -> PathBuf {
        self.dir.join("documents").join(hex(id))
    }

    pub(super) fn read(&self, path: &Path) -> Result<Option<String>, TrustError> {
        fs::read_private(path, MAX_PIN)?
            .map(|bytes| String::from_utf8(bytes).map_err(|_| damaged(path, "it is no text")))
            .transpose()
    }

    fn write(&self, path: &Path, text: &str, sync: Sync) -> Result<(), TrustError> {
        Ok(fs::write_private(path, text.as_bytes(), sync)?)
    }

    /// The accepted rules, read from the copy of version n.
    pub(super) fn accepted(&self, number: usize) -> Result<Accepted, TrustError> {
        Accepted::from_copy(
            self.accepted_dir(number),
            u64::try_from(number).unwrap_or(0),
        )
    }
}

/// The file of a party in the accepted copy; the copy has the vault's own paths.
pub(super) fn copied_party(copy: &Path, name: &PartyName) -> PathBuf {
    copy.join(crate::recipients::party_file(name))
}

pub(super) fn damaged(path: &Path, why: &str) -> TrustError {
    TrustError::Damaged {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

fn dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// A line with 8 digits of its own hash behind it.
pub(super) fn sealed_line(line: &str) -> String {
    format!("{line} {}\n", checksum(line))
}

fn checksum(line: &str) -> String {
    hex(sha256(line.as_bytes()).get(..4).unwrap_or_default())
}

pub(super) fn unsealed_line(line: &str) -> Option<&str> {
    let (line, sum) = line.rsplit_once(' ')?;
    (checksum(line) == sum).then_some(line)
}

fn print_document(pin: &DocumentPin) -> String {
    let mut text = sealed_line(&format!(
        "{} {} {} {}",
        pin.path,
        pin.seq,
        dash(&pin.key_id),
        hex(&pin.hash)
    ));
    for (name, mark) in &pin.values {
        let RecordMark {
            rev,
            seq,
            changed,
            hash,
        } = mark;
        text.push_str(&sealed_line(&format!(
            "{name} {rev} {seq} {changed} {}",
            hex(hash)
        )));
    }
    text
}

fn parse_document(text: &str) -> Option<DocumentPin> {
    let mut lines = text.lines();
    let mut pin = parse_head(lines.next()?)?;
    for line in lines {
        let (name, mark) = parse_value(line)?;
        pin.values.insert(name.to_owned(), mark);
    }
    Some(pin)
}

fn parse_head(line: &str) -> Option<DocumentPin> {
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

fn parse_value(line: &str) -> Option<(&str, RecordMark)> {
    let mut words = unsealed_line(line)?.split(' ');
    let name = words.next()?;
    let rev = words.next()?.parse().ok()?;
    let seq = words.next()?.parse().ok()?;
    let changed = words.next()?.parse().ok()?;
    let hash = from_hex(words.next()?).ok()?;
    Some((
        name,
        RecordMark {
            rev,
            seq,
            changed,
            hash,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Moment;
    use crate::world::Clock;

    fn pins() -> (tempfile::TempDir, Pins) {
        let dir = tempfile::tempdir().unwrap();
        let environment = [("CLWS_STATE_DIR".into(), dir.path().into())];
        let world = World::new(Clock::System, environment, "/".into());
        let pins = Pins::of(&world, &[1; 32]).unwrap();
        (dir, pins)
    }

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
            key_id: String::new(),
            hash: [1; 32],
            values,
        };
        pins.set_document(&[2; 16], &pin, Sync::Lazy).unwrap();
        assert_eq!(pins.document(&[2; 16]).unwrap().unwrap(), pin);
        let many: Vec<_> = (0..50).map(|n| ([n; 16], pin.clone())).collect();
        pins.set_documents(&many).unwrap();
        assert_eq!(pins.documents().unwrap().len(), 50);
        for number in [0, 1, 150, 299] {
            let found = pins
                .value(&[2; 16], &format!("NAME_{number}"))
                .unwrap()
                .unwrap();
            assert_eq!(
                found.values.values().next(),
                Some(&mark(number)),
                "{number}"
            );
        }
        assert!(
            pins.value(&[2; 16], "NAME_300")
                .unwrap()
                .unwrap()
                .values
                .is_empty()
        );
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
        let path = pins.document_file(&[2; 16]);
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace(" 3 ", " 2 ");
        std::fs::write(&path, text).unwrap();
        assert!(matches!(
            pins.document(&[2; 16]),
            Err(TrustError::Damaged { .. })
        ));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .unwrap();
        assert!(matches!(pins.document(&[2; 16]), Err(TrustError::Fs(_))));
    }

    #[test]
    fn a_copy_of_rules_that_was_cut_off_lends_no_party_to_the_next_one() {
        let (_dir, pins) = pins();
        let cut_off = pins.accepted_dir(1).join("recipients/eve.toml");
        fs::write_private(&cut_off, b"eve", Sync::Lazy).unwrap();
        let files = BTreeMap::from([("recipients/ada.toml".to_owned(), b"ada".to_vec())]);
        pins.accept(&[Step::of([1; 32])], &files).unwrap();
        assert!(!cut_off.exists());
        assert!(cut_off.with_file_name("ada.toml").exists());
    }
}
