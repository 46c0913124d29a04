//! What this machine has seen and is not here any more, without a tombstone: a branch was switched, or somebody
//! deleted it.

use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath};
use crate::trust::{DocumentPin, PinKey, RecordMark, SeenKind};

use super::document::Document;
use super::open::Vault;

impl Document<'_> {
    /// The values that a pin has and the text does not, not even as tombstones, in their order.
    #[must_use]
    pub fn gone<'p>(&self, pin: &'p DocumentPin) -> Vec<(&'p String, &'p RecordMark)> {
        // Both are sorted, unless a merge left a document that is not.
        let mut here: Vec<&str> = self.names().collect();
        here.sort_unstable();
        let mut here = here.into_iter().peekable();
        let mut gone = Vec::new();
        for (name, mark) in &pin.values {
            while here.next_if(|other| *other < name.as_str()).is_some() {}
            if here.peek() != Some(&name.as_str()) {
                gone.push((name, mark));
            }
        }
        gone
    }
}

impl Vault {
    /// The names of all values and sealed files that were seen at or below a path that `is_meant` and are gone, in
    /// their order. Of a document that another branch founded anew at its path, that one tells.
    ///
    /// # Errors
    /// A damaged pin, a document that does not read.
    pub fn gone(&self, is_meant: impl Fn(&str) -> bool) -> Result<Vec<String>, Error> {
        let pins = &self.trust().pins;
        let mut gone = Vec::new();
        for (kind, key) in pins.all_keys()? {
            let Some(pin) = pins
                .kept_under(kind, &key)?
                .filter(|pin| is_meant(&pin.path))
            else {
                continue;
            };
            match kind {
                SeenKind::File => {
                    let path: FilePath = pin.path.parse()?;
                    if !self.tree().exists(&path.to_sidecar())? {
                        gone.push(pin.path);
                    }
                }
                SeenKind::Document => {
                    let path: DocumentPath = pin.path.parse()?;
                    let names = self.gone_of(&path, &key, &pin)?;
                    gone.extend(names.iter().map(|name| format!("{path}/{name}")));
                }
            }
        }
        gone.sort_unstable();
        Ok(gone)
    }

    fn gone_of<'p>(
        &self,
        path: &DocumentPath,
        key: &PinKey,
        pin: &'p DocumentPin,
    ) -> Result<Vec<&'p String>, Error> {
        let Some(text) = self.tree().read(&path.to_file(), MAX_FILE)? else {
            return Ok(pin.values.keys().collect());
        };
        let document = Document::parse(&text, path, self.id())?;
        Ok(match PinKey::of(&document.head.id, path.as_str()) == *key {
            true => document
                .gone(pin)
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
            false => Vec::new(),
        })
    }
}
