//! Lines of the log, read for people. Whether they hold is [`Log::verify`]'s to say.

use serde_json::Value;

use super::log::{AuditError, Log};
use crate::fs::read_private;
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
    /// The command.
    pub what: String,
    /// The vault's id, in hexadecimal.
    pub vault: String,
    /// The secrets, by name.
    pub secrets: Vec<String>,
    /// Why older values were deployed, where somebody allowed it.
    pub allow_rollback: Option<String>,
}

impl Log {
    /// All lines that read, in their order; what a killed process left half-written is passed over.
    ///
    /// # Errors
    /// [`AuditError::NotReadable`].
    pub fn entries(&self) -> Result<Vec<Entry>, AuditError> {
        let bytes = read_private(&self.file(), MOST).map_err(AuditError::NotReadable)?;
        let bytes = bytes.unwrap_or_default();
        Ok(bytes
            .split(|byte| *byte == b'\n')
            .filter_map(parse)
            .collect())
    }
}

fn parse(line: &[u8]) -> Option<Entry> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let names = value.get("secrets")?.as_array()?.iter();
    Some(Entry {
        number: value.get("n")?.as_u64()?,
        at: text("at")?.parse().ok()?,
        what: text("what")?,
        vault: text("vault")?,
        secrets: names
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect(),
        allow_rollback: text("allow_rollback"),
    })
}
