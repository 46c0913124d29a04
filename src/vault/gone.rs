//! What this machine has seen and is not here any more, without a tombstone: a branch was switched, or somebody
//! deleted it.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath};
use crate::trust::{DocumentPin, RecordMark, SeenKind};

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
    /// their order.
    ///
    /// # Errors
    /// A damaged pin, a document that does not read.
    pub fn gone(&self, is_meant: impl Fn(&str) -> bool) -> Result<Vec<String>, Error> {
        let pins = &self.trust().pins;
        let mut gone = BTreeSet::new();
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
                        gone.insert(pin.path);
                    }
                }
                SeenKind::Document => {
                    let path: DocumentPath = pin.path.parse()?;
                    let values = self.gone_of(&path, &pin)?;
                    gone.extend(values.iter().map(|(name, _)| format!("{path}/{name}")));
                }
            }
        }
        Ok(gone.into_iter().collect())
    }

    /// The values of a document that were seen and are gone, also where somebody founded another one at its path.
    ///
    /// # Errors
    /// What keeps the document from being read.
    pub fn gone_of<'p>(
        &self,
        path: &DocumentPath,
        pin: &'p DocumentPin,
    ) -> Result<Vec<(&'p String, &'p RecordMark)>, Error> {
        match self.tree().read(&path.to_file(), MAX_FILE)? {
            None => Ok(pin.values.iter().collect()),
            Some(text) => Ok(Document::parse(&text, path, self.id())?.gone(pin)),
        }
    }
}
