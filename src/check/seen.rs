//! What this machine has seen and is not there any more.

use std::collections::HashSet;

use super::{Check, Finding, Kind};
use crate::error::MERGE;
use crate::name::DocumentPath;
use crate::trust::{DocumentPin, PinKey, Pins, RecordMark, SeenKind, TrustError};

impl Check<'_> {
    /// What was seen, as far as it reads.
    pub(super) fn pin(
        &mut self,
        path: &str,
        of: impl FnOnce(&Pins) -> Result<Option<DocumentPin>, TrustError>,
    ) -> DocumentPin {
        match of(&self.vault.trust().pins) {
            Ok(pin) => pin.unwrap_or_default(),
            Err(error) => {
                self.add(Finding::of(Kind::Pin, path, &error));
                DocumentPin::default()
            }
        }
    }

    /// Names documents and files that a pin knows and the tree does not have.
    pub(super) fn absent(&mut self) {
        let keys = match self.vault.trust().pins.all_keys() {
            Ok(keys) => keys,
            Err(error) => {
                return self.add(Finding::of(Kind::Pin, "secrets", &error));
            }
        };
        let here = self.ids.iter().flat_map(|(id, paths)| {
            let paths = paths.iter();
            paths.map(|(_, path)| PinKey::of(id, path))
        });
        let here: HashSet<PinKey> = here.collect();
        let all = self.ids.values().flatten();
        let paths: HashSet<String> = all.map(|(_, path)| path.clone()).collect();
        for (kind, key) in keys {
            if here.contains(&key) {
                continue;
            }
            let pin = self.pin("secrets", |pins| pins.kept_under(kind, &key));
            if pin.path.is_empty() || self.unread.contains(&pin.path) {
                continue;
            }
            // Founded on two branches, or anew where somebody deleted it: which counts is said of the one that is here.
            if paths.contains(&pin.path) {
                if kind == SeenKind::Document {
                    self.absent_of(&pin);
                }
                continue;
            }
            let newest = pin.values.values().max();
            let what = match kind {
                SeenKind::File => "the file",
                SeenKind::Document => "the document",
            };
            let why = format!("{what} was seen by this machine and is not here");
            let finding = Finding::new(Kind::Absent, pin.path.as_str(), why).next(MERGE);
            self.add(match newest {
                Some(mark) => finding.since(mark.changed),
                None => finding,
            });
        }
    }
}

impl Check<'_> {
    /// Names the values of a document that the other one at its path has not.
    fn absent_of(&mut self, pin: &DocumentPin) {
        // What does not read is said where it is looked at.
        let path = pin.path.parse::<DocumentPath>();
        let gone = path.map(|path| self.vault.gone_of(&path, pin));
        for (name, mark) in gone.into_iter().flatten().flatten() {
            self.add(absent(&format!("{}/{name}", pin.path), mark));
        }
    }
}

/// A value that is gone without a tombstone.
pub(super) fn absent(name: &str, mark: &RecordMark) -> Finding {
    let why = format!(
        "rev {} was seen by this machine and is not here, without a tombstone",
        mark.rev
    );
    Finding::new(Kind::Absent, name, why)
        .since(mark.changed)
        .next(MERGE)
}
