//! Lines of the log, read for people. Whether they hold is [`Log::verify`]'s to say.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _};
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

impl Log {
    /// The lines that read and are `wanted`, in their order; what a killed process left half-written is passed
    /// over.
    ///
    /// # Errors
    /// [`AuditError::NotReadable`].
    pub fn entries(&self, wanted: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>, AuditError> {
        let path = self.file();
        let fail = |error| AuditError::NotReadable(FsError::io("read", &path)(error));
        let mut entries = Vec::new();
        let opened = open_private(&path, MOST).map_err(AuditError::NotReadable)?;
        let Some((file, _)) = opened else {
            return Ok(entries);
        };
        let mut file = BufReader::new(file);
        let (mut line, mut names) = (Vec::new(), HashSet::new());
        loop {
            line.clear();
            // What is longer is none of ours, and goes on as the next line.
            let mut limited = file.by_ref().take(2 * MAX_LINE);
            if limited.read_until(b'\n', &mut line).map_err(fail)? == 0 {
                return Ok(entries);
            }
            entries.extend(parse(&line, &mut names).filter(&wanted));
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
    fn what_is_not_asked_for_is_not_held_and_a_name_is_held_once() {
        let dir = tempfile::tempdir().unwrap();
        let environment = [("CLWS_STATE_DIR".into(), dir.path().into())];
        let world = World::new(Clock::System, environment, "/".into());
        let log = Log::of(&world).unwrap();
        assert!(log.entries(|_| true).unwrap().is_empty());
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
        let all = log.entries(|_| true).unwrap();
        let numbers: Vec<u64> = all.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, [1, 3, 4]);
        assert!(Arc::ptr_eq(&all[0].secrets[0], &all[2].secrets[0]));
        let some = log.entries(|entry| &*entry.what == "deploy").unwrap();
        assert_eq!((some.len(), some[0].number), (1, 3));
    }
}
