//! What an import keeps about its sources beside their values: sealed, one file a scope.
//!
//! Names, modes, layouts and findings are what `clws export --format dir` needs to give a tree back
//! as it was. All of it may say too much to stand in the clear, so it is a sealed file itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Finding;
use super::layout::Layout;

/// All sources of a scope that were ever imported.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    format: u32,
    /// Sorted by source.
    pub sources: Vec<Record>,
}

/// The last part of an inventory's path.
pub const INVENTORY: &str = "import.json";

/// One source.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its path below what was imported.
    pub source: String,
    /// What it was.
    pub kind: String,
    /// What became of it.
    pub action: String,
    /// The document or sealed file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Its permission bits, as `0600`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The source's own names, for values that could not keep theirs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, String>,
    /// Its text without its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The text that Ansible had sealed, where all of the source was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope: Option<Envelope>,
    /// What was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Told>,
}

/// A source that was sealed by Ansible as a whole.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// As it lay there.
    pub text: String,
    /// SHA-256 of what was in it, in hexadecimal.
    pub of: String,
}

/// A finding, as it was told.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Its kind.
    pub kind: String,
    /// The lines that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<usize>,
    /// What it says.
    pub text: String,
}

impl From<&Finding> for Told {
    fn from(finding: &Finding) -> Self {
        Self {
            kind: finding.matter.as_str().to_owned(),
            lines: finding.lines.clone(),
            text: finding.text.clone(),
        }
    }
}

impl Default for Inventory {
    fn default() -> Self {
        Self {
            format: 1,
            sources: Vec::new(),
        }
    }
}

impl Inventory {
    /// Reads one.
    ///
    /// # Errors
    /// If it is none, or of a later format.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let read: Self = serde_json::from_slice(bytes)?;
        if read.format == 1 {
            Ok(read)
        } else {
            Err(serde::de::Error::custom("a format of a later clws"))
        }
    }

    /// Its text, ended by a newline.
    ///
    /// # Errors
    /// None that is known of.
    pub fn print(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Takes records in, each instead of the one of the same secret, or of the same source if
    /// neither has one.
    pub fn take(&mut self, records: impl IntoIterator<Item = Record>) {
        let key = |record: &Record| match &record.secret {
            Some(secret) => (0, secret.clone()),
            None => (1, record.source.clone()),
        };
        let known = std::mem::take(&mut self.sources);
        let mut all: BTreeMap<(u8, String), Record> = known
            .into_iter()
            .map(|record| (key(&record), record))
            .collect();
        for record in records {
            all.insert(key(&record), record);
        }
        self.sources = all.into_values().collect();
        self.sources
            .sort_by(|a, b| (&a.source, &a.secret).cmp(&(&b.source, &b.secret)));
    }
}
