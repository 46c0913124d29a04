//! Lines under hexadecimal keys, in 256 files by how the keys begin.
//!
//! A file for each of 10,000 keys costs more than what the lines say, and one file for all of them is
//! written anew for each. Of 10,000 keys forty share a file, of a few KB.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::TrustError;
use crate::cores::{self, lock};
use crate::crypto::{hex, sha256};
use crate::fs::{self, FsError, Stamp};

/// 10,000 values of 128 bytes of name and 110 of marks are 2.4 MB.
pub(super) const MAX_PIN: usize = 16 * 1024 * 1024;

/// So many digits of a key are the name of its file.
const NAME: usize = 2;

/// So many texts are kept, and none that is longer: 64 MiB at the very most.
const KEPT: (usize, usize) = (1024, 64 * 1024);

/// Fewer files than this are printed before a thread has started: forty lines of one take 20 us.
const FEW: usize = 16;

/// Files of registers that were read and are still the same: a change of thousands of keys asks for each of
/// these files again and again.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Mutex<BTreeMap<PathBuf, Text>>>);

/// The text of a file, and the stamp that the file had.
type Text = (Stamp, Arc<str>);

/// A folder of such files.
pub(super) struct Register {
    dir: PathBuf,
    kept: Kept,
}

impl Register {
    pub(super) fn at(dir: PathBuf, kept: &Kept) -> Self {
        let kept = kept.clone();
        Self { dir, kept }
    }

    /// What stands behind a key. Other lines are not checked for it.
    pub(super) fn get(&self, key: &str) -> Result<Option<String>, TrustError> {
        let path = self.dir.join(name(key));
        let text = self.text(&path)?;
        Ok(behind(&text, &path, key)?.map(str::to_owned))
    }

    /// All keys, and what stands behind each.
    pub(super) fn all(&self) -> Result<Vec<(String, String)>, TrustError> {
        let names = fs::names(&self.dir).map_err(FsError::io("list", &self.dir))?;
        let mut all = Vec::new();
        for name in names {
            let name = name.to_string_lossy();
            if name.len() == NAME {
                let path = self.dir.join(&*name);
                all.extend(lines(&self.text(&path)?, &path)?);
            }
        }
        Ok(all)
    }

    /// The files in which these keys have these texts behind them, as they are to be written.
    pub(super) fn with(
        &self,
        new: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Vec<(PathBuf, Vec<u8>)>, TrustError> {
        self.merged(new, |_, text| Ok(Some(text)))
    }

    /// As [`Self::with`], where what stands behind a key decides: `merge` gives the text that is to stand
    /// there, or nothing if it may stay as it is.
    pub(super) fn merged<N: Send>(
        &self,
        new: impl IntoIterator<Item = (String, N)>,
        merge: impl Fn(Option<&str>, N) -> Result<Option<String>, TrustError> + Sync,
    ) -> Result<Vec<(PathBuf, Vec<u8>)>, TrustError> {
        let mut files: BTreeMap<PathBuf, Vec<(String, N)>> = BTreeMap::new();
        for (key, new) in new {
            let file = files.entry(self.dir.join(name(&key))).or_default();
            file.push((key, new));
        }
        let print = |(path, new): (PathBuf, Vec<(String, N)>)| {
            let text = self.text(&path)?;
            let mut changed = Vec::new();
            for (key, new) in new {
                let merged = merge(behind(&text, &path, &key)?, new)?;
                changed.extend(merged.map(|text| (key, text)));
            }
            if changed.is_empty() {
                return Ok(None);
            }
            let mut lines = lines(&text, &path)?;
            lines.extend(changed);
            let lines = lines.iter();
            let text = lines.map(|(key, text)| sealed_line(&format!("{key} {text}")));
            Ok(Some((path, text.collect::<String>().into_bytes())))
        };
        let printed = cores::each(files.into_iter().collect(), FEW, print);
        printed.into_iter().filter_map(Result::transpose).collect()
    }

    fn text(&self, path: &Path) -> Result<Arc<str>, TrustError> {
        // Taken before it is read: what is replaced in between is read once more the next time.
        let Some(stamp) = Stamp::at(path)? else {
            return Ok(Arc::from(""));
        };
        if let Some((_, text)) = lock(&self.kept.0).get(path).filter(|(s, _)| *s == stamp) {
            return Ok(Arc::clone(text));
        }
        let text: Arc<str> = read_text(path)?.unwrap_or_default().into();
        let mut kept = lock(&self.kept.0);
        let is_room = kept.len() < KEPT.0 || kept.contains_key(path);
        if is_room && text.len() <= KEPT.1 {
            kept.insert(path.to_owned(), (stamp, Arc::clone(&text)));
        }
        Ok(text)
    }
}

/// A file of pins, whole.
pub(super) fn read_text(path: &Path) -> Result<Option<String>, TrustError> {
    fs::read_private(path, MAX_PIN)?
        .map(|bytes| String::from_utf8(bytes).map_err(|_| damaged(path, "it is no text")))
        .transpose()
}

pub(super) fn damaged(path: &Path, why: &str) -> TrustError {
    TrustError::Damaged {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

/// The name of the file that a key has its line in.
fn name(key: &str) -> &str {
    key.get(..NAME).unwrap_or_default()
}

/// What stands behind a key in the text of a file. Other lines are not checked for it.
fn behind<'t>(text: &'t str, path: &Path, key: &str) -> Result<Option<&'t str>, TrustError> {
    let Some(line) = text.lines().find(|line| line.starts_with(key)) else {
        return Ok(None);
    };
    match unsealed_line(line).and_then(|line| line.split_once(' ')) {
        Some((_, text)) => Ok(Some(text)),
        None => Err(damaged(path, "a line does not read")),
    }
}

/// All keys in the text of a file, and what stands behind each.
fn lines(text: &str, path: &Path) -> Result<BTreeMap<String, String>, TrustError> {
    let line = |line: &str| {
        let (key, text) = unsealed_line(line)?.split_once(' ')?;
        Some((key.to_owned(), text.to_owned()))
    };
    let lines: Option<_> = text.lines().map(line).collect();
    lines.ok_or_else(|| damaged(path, "a line does not read"))
}

/// A line with 8 digits of its own hash behind it.
pub(super) fn sealed_line(line: &str) -> String {
    format!("{line} {}\n", checksum(line))
}

/// The line before its hash, if that is right.
pub(super) fn unsealed_line(line: &str) -> Option<&str> {
    let (line, sum) = line.rsplit_once(' ')?;
    (checksum(line) == sum).then_some(line)
}

fn checksum(line: &str) -> String {
    hex(sha256(line.as_bytes()).get(..4).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Sync;

    #[test]
    fn lines_are_found_and_replaced_and_damage_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let register = Register::at(dir.path().join("files"), &Kept::default());
        let key = |number: u32| hex(&sha256(&number.to_be_bytes())[..16]);
        let write = |new: Vec<(String, String)>| {
            for (path, bytes) in register.with(new).unwrap() {
                fs::write_private(&path, &bytes, Sync::Lazy).unwrap();
            }
        };
        assert_eq!(register.get(&key(1)).unwrap(), None);
        write((0..2000).map(|n| (key(n), format!("first {n}"))).collect());
        write(vec![(key(7), "second".to_owned())]);
        for number in (0..2000).filter(|number| *number != 7) {
            let text = register.get(&key(number)).unwrap();
            assert_eq!(text, Some(format!("first {number}")));
        }
        assert_eq!(register.get(&key(7)).unwrap().as_deref(), Some("second"));
        assert_eq!(register.get(&key(2000)).unwrap(), None);
        assert_eq!(register.all().unwrap().len(), 2000);
        assert!(fs::names(&dir.path().join("files")).unwrap().len() <= 256);
        let path = dir.path().join("files").join(&key(7)[..NAME]);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("second", "secund")).unwrap();
        assert!(matches!(
            register.get(&key(7)),
            Err(TrustError::Damaged { .. })
        ));
        assert!(matches!(register.all(), Err(TrustError::Damaged { .. })));
    }
}
