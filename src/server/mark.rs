//! What is noted beside a secret of the server: what of the vault it was, so that comparing reads no value.
//!
//! Nothing of it tells anything about a value: a hash is one of sealed texts, each under a salt of its own.

use std::collections::BTreeMap;

use crate::crypto::{List, hex, sha256};
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath};
use crate::vault::{Document, Sidecar, State, Vault};

/// What all of our keys begin with.
const OURS: &str = "clws-";

/// A server takes 64 entries of 512 bytes. What does not fit is left out: then only names are missing.
const ENTRY: usize = 480;
const ENTRIES: usize = 40;

/// Whether a secret is a document or a sealed file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum What {
    /// A field per value.
    Document,
    /// One field, with the content.
    File,
}

/// A document or file as it lies in the vault, seen from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Here {
    /// Which of the two.
    pub what: What,
    /// A hash over the sealed texts.
    pub content: String,
    /// The commitment to the data key; a rekey seals everything anew and changes no value.
    pub key: String,
    /// The revs of its live values; of a file's one content under no name.
    pub revs: BTreeMap<String, u64>,
    /// A file's permission bits.
    pub mode: Option<u32>,
}

impl Here {
    /// A document; nothing where none is, or where all of its values were removed.
    ///
    /// # Errors
    /// [`crate::vault::VaultError`] for one that does not read.
    pub fn document(vault: &Vault, path: &DocumentPath) -> Result<Option<Self>, Error> {
        let Some(bytes) = vault.tree().read(&path.to_file(), MAX_FILE)? else {
            return Ok(None);
        };
        let document = Document::parse(&bytes, path, vault.id())?;
        let mut content = List::new("clws.server.document");
        let mut revs = BTreeMap::new();
        for record in document.records()? {
            if let State::Live { text, .. } = &record.state {
                let name = record.name.as_str();
                content = content.text(name).number(record.rev).text(text);
                revs.insert(name.to_owned(), record.rev);
            }
        }
        Ok((!revs.is_empty()).then(|| Self {
            what: What::Document,
            content: hex(&sha256(&content.encode())),
            key: hex(&document.head.key_id),
            revs,
            mode: None,
        }))
    }

    /// A sealed file; nothing where none is.
    ///
    /// # Errors
    /// [`crate::vault::VaultError`] for one that does not read.
    pub fn file(vault: &Vault, path: &FilePath) -> Result<Option<Self>, Error> {
        let Some(bytes) = vault.tree().read(&path.to_sidecar(), MAX_FILE)? else {
            return Ok(None);
        };
        let sidecar = Sidecar::parse(&bytes, path)?;
        Ok(sidecar.content.map(|content| Self {
            what: What::File,
            content: hex(&content.sha256),
            // The age file has no key that lasts: sealed anew, it is another one.
            key: hex(&content.sha256),
            revs: BTreeMap::from([(String::new(), sidecar.rev)]),
            mode: Some(content.mode),
        }))
    }
}

/// What was noted when a secret and its document were last the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    /// The vault's id, its first digits.
    vault: String,
    /// The version of the secret.
    pub version: u64,
    /// The document, with those revs that fitted.
    pub here: Here,
}

impl Mark {
    pub(super) fn new(vault: &Vault, version: u64, here: &Here) -> Self {
        Self {
            vault: id_of(vault),
            version,
            here: here.clone(),
        }
    }

    /// Reads what was noted; nothing if no vault noted anything, or another one did.
    #[must_use]
    pub fn of(vault: &Vault, noted: &BTreeMap<String, String>) -> Option<Self> {
        let entry = |key: &str| noted.get(&format!("{OURS}{key}"));
        let what = match entry("kind")?.as_str() {
            "document" => What::Document,
            "file" => What::File,
            _ => return None,
        };
        let prefix = format!("{OURS}revs-");
        let revs = noted.iter().filter(|(key, _)| key.starts_with(&prefix));
        let revs = revs
            .flat_map(|(_, text)| text.split(' '))
            .filter_map(|one| {
                let (name, rev) = one.rsplit_once('=')?;
                Some((name.to_owned(), rev.parse().ok()?))
            });
        let mark = Self {
            vault: entry("vault")?.clone(),
            version: entry("version")?.parse().ok()?,
            here: Here {
                what,
                content: entry("content")?.clone(),
                key: entry("key")?.clone(),
                revs: revs.collect(),
                mode: entry("mode").and_then(|mode| u32::from_str_radix(mode, 8).ok()),
            },
        };
        (mark.vault == id_of(vault)).then_some(mark)
    }

    /// What is to be noted, beside what others noted.
    pub(super) fn beside(&self, noted: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let others = noted.iter().filter(|(key, _)| !key.starts_with(OURS));
        let mut all: BTreeMap<String, String> = others
            .map(|(key, text)| (key.clone(), text.clone()))
            .collect();
        let mut set = |key: &str, text: String| all.insert(format!("{OURS}{key}"), text);
        set("vault", self.vault.clone());
        set("version", self.version.to_string());
        set("content", self.here.content.clone());
        set("key", self.here.key.clone());
        let kind = match self.here.what {
            What::Document => "document",
            What::File => "file",
        };
        set("kind", kind.to_owned());
        if let Some(mode) = self.here.mode {
            set("mode", format!("{mode:04o}"));
        }
        let mut lines = vec![String::new()];
        for (name, rev) in &self.here.revs {
            let one = format!("{name}={rev}");
            match lines.last_mut() {
                Some(line) if line.is_empty() => *line = one,
                Some(line) if line.len() + 1 + one.len() <= ENTRY => {
                    line.push(' ');
                    line.push_str(&one);
                }
                _ => lines.push(one),
            }
        }
        for (number, line) in lines.into_iter().enumerate().take(ENTRIES) {
            set(&format!("revs-{number:02}"), line);
        }
        all
    }

    /// Whether the vault has something else now than when it was noted.
    #[must_use]
    pub fn is_outdated_by(&self, here: &Here) -> bool {
        let resealed = self.here.key != here.key && self.here.revs == here.revs;
        self.here.content != here.content && !(resealed && self.here.what == here.what)
    }
}

fn id_of(vault: &Vault) -> String {
    hex(vault.id()).chars().take(16).collect()
}
