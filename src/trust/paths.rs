//! Which ids were seen at which path.
//!
//! Pins go by id and path. Two branches that do not know each other can found one document twice, and the numbers of what
//! is gone and founded anew must go on; both are found here without reading every pin.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::register::Register;
use super::register::damaged;
use super::{DocumentPin, FILE_RECORD, Pins, SeenKind, TrustError};
use crate::cores;
use crate::crypto::{from_hex, hex, sha256};

impl Pins {
    fn paths(&self) -> Register {
        Register::at(self.dir().join("paths"), &self.kept)
    }

    /// The ids under which something was seen at a path; most often one.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn ids_at(&self, path: &str, kind: SeenKind) -> Result<Vec<[u8; 16]>, TrustError> {
        match self.paths().get(&key(path, kind))? {
            Some(text) => self.ids_of(&text),
            None => Ok(Vec::new()),
        }
    }

    /// The ids of a line: they stand behind its path.
    fn ids_of(&self, text: &str) -> Result<Vec<[u8; 16]>, TrustError> {
        let ids = text.split(' ').skip(1).map(|id| from_hex(id).ok());
        let ids: Option<Vec<_>> = ids.collect();
        ids.ok_or_else(|| damaged(&self.dir().join("paths"), "an id does not read"))
    }

    /// The files that say which ids lie at which path, where one of these is new there.
    pub(super) fn newly_at<'p>(
        &self,
        pins: impl IntoIterator<Item = (&'p [u8; 16], &'p DocumentPin)>,
    ) -> Result<Vec<(PathBuf, Vec<u8>)>, TrustError> {
        let place = |(id, pin): (&'p [u8; 16], &'p DocumentPin)| {
            (key(&pin.path, pin.kind()), id, pin.path.as_str())
        };
        let placed = cores::each(pins.into_iter().collect(), cores::LINES, place);
        let mut places: BTreeMap<String, (&str, Vec<[u8; 16]>)> = BTreeMap::new();
        for (key, id, path) in placed {
            places.entry(key).or_insert((path, Vec::new())).1.push(*id);
        }
        self.paths().merged(places, |there, (path, new)| {
            let mut ids = there.map_or(Ok(Vec::new()), |there| self.ids_of(there))?;
            let known = ids.len();
            for id in new {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            let print = || {
                let ids: Vec<String> = ids.iter().map(|id| hex(id)).collect();
                format!("{path} {}", ids.join(" "))
            };
            Ok((ids.len() > known).then(print))
        })
    }

    /// What was seen at a path under other ids than this one, without the values of documents.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn others_at(
        &self,
        path: &str,
        kind: SeenKind,
        id: &[u8; 16],
    ) -> Result<Vec<([u8; 16], DocumentPin)>, TrustError> {
        let mut others = Vec::new();
        for other in self.ids_at(path, kind)? {
            if other == *id {
                continue;
            }
            let seen = match kind {
                SeenKind::Document => self.value((&other, path), FILE_RECORD)?,
                SeenKind::File => self.seen(kind, &other, path)?,
            };
            others.extend(seen.map(|pin| (other, pin)));
        }
        Ok(others)
    }

    /// What was seen of a sealed file, with the mark of the newest that was seen at its path: founded on
    /// two branches, it may have had another id.
    ///
    /// # Errors
    /// [`TrustError::Damaged`], [`TrustError::Fs`].
    pub fn file(&self, id: &[u8; 16], path: &str) -> Result<Option<DocumentPin>, TrustError> {
        let own = self.seen(SeenKind::File, id, path)?;
        let others = self.others_at(path, SeenKind::File, id)?;
        let newest = others.into_iter().map(|(_, pin)| pin).chain(own);
        Ok(newest.max_by_key(|pin| pin.values.get(FILE_RECORD).copied()))
    }
}

fn key(path: &str, kind: SeenKind) -> String {
    let about = format!("{kind:?} {path}").to_lowercase();
    let mut name = hex(&sha256(about.as_bytes()));
    name.truncate(32);
    name
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::RecordMark;
    use super::super::pin::tests::pins;
    use super::*;
    use crate::fs::Sync;
    use crate::time::Moment;

    fn document(path: &str, seq: u64) -> DocumentPin {
        DocumentPin {
            path: path.to_owned(),
            seq,
            ..DocumentPin::default()
        }
    }

    fn file(path: &str, rev: u64) -> DocumentPin {
        let mark = RecordMark {
            rev,
            seq: rev,
            changed: "2026-11-24T10:00:00Z".parse::<Moment>().unwrap(),
            hash: [1; 32],
        };
        DocumentPin {
            path: path.to_owned(),
            values: BTreeMap::from([(FILE_RECORD.to_owned(), mark)]),
            ..DocumentPin::default()
        }
    }

    #[test]
    fn what_was_founded_twice_is_found_by_its_path() {
        let (_dir, pins) = pins();
        let (one, two) = (document("dev/web", 1), document("dev/web", 2));
        let aside = file("dev/web", 1);
        pins.set_documents(&[
            ([1; 16], one.clone().into()),
            ([2; 16], two.clone().into()),
            ([3; 16], aside.into()),
        ])
        .unwrap();
        let others = |id| {
            pins.others_at("dev/web", SeenKind::Document, &[id; 16])
                .unwrap()
        };
        assert_eq!(others(1), [([2; 16], two.clone())]);
        assert_eq!(others(2), [([1; 16], one.clone())]);
        assert_eq!(others(9), [([1; 16], one.clone()), ([2; 16], two)]);
        assert!(
            pins.others_at("dev/db", SeenKind::Document, &[9; 16])
                .unwrap()
                .is_empty()
        );
        // What another path has under the same id changes nothing here.
        pins.set_document(&[2; 16], &document("dev/evil", 3), Sync::Lazy)
            .unwrap();
        assert_eq!(others(1).len(), 1);
        assert_eq!(others(9).len(), 2);
    }

    #[test]
    fn a_sealed_file_is_held_to_the_newest_that_was_seen_at_its_path() {
        let (_dir, pins) = pins();
        let (old, new) = (file("dev/keys/a", 1), file("dev/keys/a", 2));
        pins.set_documents(&[([1; 16], old.into()), ([2; 16], new.clone().into())])
            .unwrap();
        for id in [1, 2, 9] {
            let held = pins.file(&[id; 16], "dev/keys/a").unwrap();
            assert_eq!(held.as_ref(), Some(&new), "{id}");
        }
        assert_eq!(pins.file(&[9; 16], "dev/keys/b").unwrap(), None);
        assert_eq!(pins.file(&[2; 16], "dev/keys/b").unwrap(), None);
    }

    #[test]
    fn a_place_that_is_known_is_not_written_again() {
        let (_dir, pins) = pins();
        let pin = file("dev/keys/a", 1);
        pins.set_document(&[1; 16], &pin, Sync::Lazy).unwrap();
        assert!(pins.newly_at([(&[1; 16], &pin)]).unwrap().is_empty());
        assert_eq!(pins.newly_at([(&[2; 16], &pin)]).unwrap().len(), 1);
    }
}
