//! A document of the past, read once for all of its values that are asked for.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use crate::crypto::DataKey;
use crate::error::Error;
use crate::name::{DocumentPath, ValueName};

use super::{Demand, Past, Vouched, demanded};
use crate::vault::VaultError;
use crate::vault::document::Document;
use crate::vault::head::Head;
use crate::vault::opener::Opener;
use crate::vault::place::Place;
use crate::vault::text::{Tables, There};

/// A document as it was.
pub(super) struct OldDocument {
    place: Place,
    head: Head,
    there: There,
    /// Whether somebody who counts signed its own record, if that was asked.
    counts: Cell<bool>,
    data_key: OnceCell<DataKey>,
}

impl Past<'_> {
    /// The document of a path, if there was one. The last one is kept: somebody may ask for each of its values.
    pub(super) fn document(&self, path: &DocumentPath) -> Result<Option<Rc<OldDocument>>, Error> {
        let last = self.last.borrow().clone();
        if last.as_ref().is_some_and(|last| last.place.path == *path) {
            return Ok(last);
        }
        let Some(bytes) = self.read(&path.to_file())? else {
            return Ok(None);
        };
        let document = Document::parse(&bytes, path, self.vault.id())?;
        let (place, head) = (document.place.clone(), document.head.clone());
        let there = Tables::of(&document).in_text(bytes);
        let there = there.ok_or_else(|| VaultError::NotVerified(path.to_string()))?;
        let old = Rc::new(OldDocument {
            place,
            head,
            there,
            counts: Cell::new(false),
            data_key: OnceCell::new(),
        });
        self.last.replace(Some(Rc::clone(&old)));
        Ok(Some(old))
    }

    /// Lets a document's own record through if somebody who counts signed it, or nobody has to.
    pub(super) fn demand_head(&self, old: &OldDocument, demand: Demand) -> Result<(), VaultError> {
        if !old.counts.get() {
            let vouched = demanded(self.vouches_head(&old.whole()), demand)?;
            old.counts.set(!matches!(vouched, Vouched::Nobody(_)));
        }
        Ok(())
    }

    /// The data key of a document, opened once.
    pub(super) fn key_to<'k>(
        &self,
        old: &'k OldDocument,
        openers: &[&dyn Opener],
    ) -> Result<&'k DataKey, Error> {
        if let Some(known) = old.data_key.get() {
            return Ok(known);
        }
        let data_key = self.data_key(&old.whole(), openers)?;
        Ok(old.data_key.get_or_init(|| data_key))
    }
}

impl OldDocument {
    /// With all of its tables.
    fn whole(&self) -> Document<'_> {
        Document::over(self.place.clone(), self.head.clone(), self.there.lines())
    }

    /// With the one table of a value; none if it had no such value.
    pub(super) fn about(&self, name: &ValueName) -> Option<Document<'_>> {
        let table = self.there.about(name)?;
        Some(Document::over(self.place.clone(), self.head.clone(), table))
    }
}
