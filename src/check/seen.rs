//! What this machine has seen and is not there any more.

use super::{Check, Finding, Kind};
use crate::error::Error;
use crate::trust::RecordMark;
use crate::vault::FILE_RECORD;

impl Check<'_> {
    /// Names documents and files that a pin knows and the tree does not have.
    pub(super) fn absent(&mut self) -> Result<(), Error> {
        for (id, pin) in self.vault.trust().pins.documents()? {
            if self.ids.contains_key(&id) || self.unread.contains(&pin.path) {
                continue;
            }
            let newest = pin.values.values().max();
            let is_file = pin.values.contains_key(FILE_RECORD);
            let what = if is_file { "the file" } else { "the document" };
            let why = format!("{what} was seen by this machine and is not here");
            let finding = Finding::new(Kind::Absent, pin.path.as_str(), why).next(WAY);
            self.add(match newest {
                Some(mark) => finding.since(mark.changed),
                None => finding,
            });
        }
        Ok(())
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
        .next(WAY)
}

const WAY: &str = "git merge main, if this is an old branch";
