//! Lines of the log, read for people. Whether they hold is [`Log::verify`]'s to say.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::log::{AuditError, Log};
use super::tail::MAX_LINE;
use crate::fs::{FsError, open_private};
use crate::time::Moment;

/// 1,000,000 uses are about 300 MB; who keeps more reads the file itself.
const MOST: usize = 512 * 1024 * 1024;

/// One use, as its line has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its number, from 1.
    pub number: u64,
    /// When.
    pub at: Moment,
    /// The command. What many lines have is held once, here and below.
    pub what: Arc<str>,
    /// The vault's id, in hexadecimal.
    pub vault: Arc<str>,
    /// The secrets, by name.
    pub secrets: Vec<Arc<str>>,
    /// Why older values were deployed, where somebody allowed it.
    pub allow_rollback: Option<String>,
}

/// The lines of a log that read, one after the other; what a killed process left half-written is passed over.
pub struct Entries {
    file: Option<BufReader<File>>,
    path: PathBuf,
    line: Vec<u8>,
    names: HashSet<Arc<str>>,
}

impl Log {
    /// The lines, in their order.
    ///
    /// # Errors
    /// [`AuditError::NotReadable`], now and for each.
    pub fn entries(&self) -> Result<Entries, AuditError> {
        let path = self.file();
        let opened = open_private(&path, MOST).map_err(AuditError::NotReadable)?;
        Ok(Entries {
            file: opened.map(|(file, _)| BufReader::new(file)),
            path,
            line: Vec::new(),
            names: HashSet::new(),
        })
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        let file = self.file.as_mut()?;
        loop {
            self.line.clear();
            // What is longer is none of ours, and goes on as the next line.
            let mut limited = file.by_ref().take(2 * MAX_LINE);
            match limited.read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => {
                    let error = FsError::io("read", &self.path)(error);
                    self.file = None;
                    return Some(Err(AuditError::NotReadable(error)));
                }
            }
            if let Some(entry) = parse(&self.line, &mut self.names) {
                return Some(Ok(entry));
            }
        }
    }
}

fn parse(line: &[u8], names: &mut HashSet<Arc<str>>) -> Option<Entry> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| value.get(key)?.as_str();
    let mut held = |name: &str| match names.get(name) {
        Some(name) => Arc::clone(name),
        None => {
            let name = Arc::<str>::from(name);
            names.insert(Arc::clone(&name));
            name
        }
    };
    Some(Entry {
        number: value.get("n")?.as_u64()?,
        at: text("at")?.parse().ok()?,
        what: held(text("what")?),
        vault: held(text("vault")?),
        secrets: value
            .get("secrets")?
            .as_array()?
            .iter()
            .filter_map(|name| Some(held(name.as_str()?)))
            .collect(),
        allow_rollback: text("allow_rollback").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Clock, World};

    #[test]
    fn what_does_not_read_is_passed_over_and_a_name_is_held_once() {
        let dir = tempfile::tempdir().unwrap();
        let environment = [("CLWS_STATE_DIR".into(), dir.path().into())];
        let world = World::new(Clock::System, environment, "/".into());
        let log = Log::of(&world).unwrap();
        assert!(log.entries().unwrap().next().is_none());
        let line = |number: u64, what: &str| {
            format!(
                "{{\"n\":{number},\"at\":\"2026-11-28T10:00:00Z\",\"what\":\"{what}\",\"vault\":\"aa\",\
                 \"secrets\":[\"prod/web/TOKEN\"],\"sig\":\"\"}}\n"
            )
        };
        let text = [
            line(1, "exec"),
            "{\"n\":2,\n".into(),
            line(3, "deploy"),
            line(4, "exec"),
        ];
        let file = log.file();
        crate::fs::write_private(&file, text.concat().as_bytes(), crate::fs::Sync::Lazy).unwrap();
        let all: Vec<Entry> = log.entries().unwrap().map(Result::unwrap).collect();
        let numbers: Vec<u64> = all.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, [1, 3, 4]);
        assert!(Arc::ptr_eq(&all[0].secrets[0], &all[2].secrets[0]));
    }
}
