//! One value, as the text that it is.
//!
//! Editors end a text with a newline. So where a value had none at its end, exactly one is taken off
//! what comes back: a password stays what it was, also when nothing but the newline came along. (A
//! newline that is meant is typed twice.) A value that had one keeps what comes back as it is.

use std::fs::File;

use super::EditError;
use super::buffer::{self, Buffer};
use super::fault::Fault;
use super::literal;
use super::session::{Desk, Outcome, Session, Subject, demand_writer, say_what_may_be_meant};
use super::snapshot::Snapshot;
use crate::error::Error;
use crate::fs::FsError;
use crate::name::{DocumentPath, ValueName};
use crate::plaintext::certificate::{end_of, set_end};
use crate::secret::Plain;
use crate::vault::{MAX_VALUE, NewValue, State, ValueType, VaultError};

/// Edits a value, or gives a new one, which is a string.
///
/// # Errors
/// [`EditError`], and whatever keeps the value from being opened or written.
pub fn edit_value(
    desk: &dyn Desk,
    document: &DocumentPath,
    name: &ValueName,
) -> Result<Outcome, Error> {
    let vault = desk.vault()?;
    demand_writer(desk, &vault, document.as_str())?;
    let session = Session::start(desk)?;
    let snapshot = Snapshot::take(&vault, document)?;
    let full = format!("{document}/{name}");
    let mut before = None;
    match snapshot.record(name) {
        Some(record) if record.state != State::Removed => {
            if record.no_print() {
                return Err(EditError::NotShown { name: full }.into());
            }
            desk.read(&vault, &mut |reader| {
                before = Some(reader.value(document, name)?);
                Ok(())
            })?;
        }
        Some(_) => {}
        None => {
            demand_free(&snapshot, document, name)?;
            say_what_may_be_meant(desk, &vault, &full);
            let pinned = match snapshot.id() {
                Some(id) => vault
                    .trust()
                    .pins
                    .value((id, document.as_str()), name.as_str())?,
                None => None,
            };
            if pinned.is_some_and(|pin| pin.values.contains_key(name.as_str())) {
                desk.warn(&format!(
                    "`{full}` is not here, and this machine has seen it: another branch has it"
                ));
            }
        }
    }
    if before.as_ref().is_some_and(|opened| opened.no_print) {
        return Err(EditError::NotShown { name: full }.into());
    }
    let (kind, before) = match before {
        Some(opened) => (opened.kind, Some(opened.value)),
        None => (ValueType::String, None),
    };
    session.run(OneValue {
        desk,
        document: document.clone(),
        name: name.clone(),
        kind,
        before,
        snapshot,
    })
}

/// Two names that differ in case alone cannot stand in one document: better said before than after.
fn demand_free(
    snapshot: &Snapshot,
    document: &DocumentPath,
    name: &ValueName,
) -> Result<(), VaultError> {
    let same = |other: &&ValueName| other.as_str().eq_ignore_ascii_case(name.as_str());
    let other = snapshot.records().map(|record| &record.name).find(same);
    other.map_or(Ok(()), |other| {
        Err(VaultError::Clash {
            path: format!("{document}/{name}"),
            why: format!("`{other}` is there, and differs in case alone"),
        })
    })
}

struct OneValue<'a> {
    desk: &'a dyn Desk,
    document: DocumentPath,
    name: ValueName,
    kind: ValueType,
    before: Option<Plain>,
    snapshot: Snapshot,
}

impl OneValue<'_> {
    fn full(&self) -> String {
        format!("{}/{}", self.document, self.name)
    }

    fn wrong(&self, fault: Fault) -> EditError {
        let name = self.full();
        EditError::Value { name, fault }
    }

    /// The value that a text stands for.
    fn value_of(&self, mut text: Plain) -> Result<NewValue, Fault> {
        if !self.before.as_ref().is_some_and(ends_in_newline) {
            text.with_mut(|text| text.pop_if(|last| *last == b'\n'));
        }
        let full = self.full();
        let kind = self.kind;
        let new = match kind {
            ValueType::String | ValueType::Bytes => NewValue { kind, plain: text },
            // A literal: blanks around it mean nothing, and an array may be typed on several lines.
            _ => {
                let new = text.with(|text| {
                    let text = std::str::from_utf8(text).map_err(|_| Fault::NotUtf8)?;
                    literal::parse(text, &full)
                })?;
                if new.kind != kind {
                    let now = new.kind.as_str();
                    return Err(Fault::OtherType(kind.as_str(), now));
                }
                new
            }
        };
        new.plain.with(|plain| kind.check(&full, plain))?;
        Ok(new)
    }
}

fn ends_in_newline(plain: &Plain) -> bool {
    plain.with(|plain| plain.ends_with(b"\n"))
}

impl Subject for OneValue<'_> {
    type Edit = NewValue;

    fn file_name(&self) -> &str {
        self.name.as_str()
    }

    fn fill(&mut self, buffer: &mut Buffer) -> Result<(), Error> {
        match &self.before {
            Some(plain) => plain.with(|plain| buffer.fill(&mut plain.as_slice()))?,
            None => buffer.fill(&mut &b""[..])?,
        }
        Ok(())
    }

    fn understand(&mut self, mut text: File) -> Result<Option<NewValue>, Error> {
        let file = std::path::Path::new(self.name.as_str());
        // One more than a value has: the newline that may be taken off.
        let read = buffer::read(&mut text, MAX_VALUE + 1).map_err(FsError::io("read", file))?;
        let text = read.ok_or_else(|| self.wrong(Fault::TooLarge(MAX_VALUE)))?;
        let is_empty = text.with(Vec::is_empty);
        let new = self.value_of(text).map_err(|fault| self.wrong(fault))?;
        let same = match &self.before {
            Some(before) => before.same_as(&new.plain) && self.kind == new.kind,
            None => is_empty,
        };
        Ok((!same).then_some(new))
    }

    fn questions(&self, new: &NewValue) -> Vec<String> {
        let is_empty = |plain: &Plain| plain.with(Vec::is_empty);
        let was_there = self.before.as_ref().is_some_and(|before| !is_empty(before));
        let question = || format!("nothing is left of {}: seal it empty?", self.full());
        let is_asked = was_there && is_empty(&new.plain);
        is_asked.then(question).into_iter().collect()
    }

    fn save(&mut self, new: NewValue) -> Result<String, Error> {
        let (document, name) = (&self.document, &self.name);
        let mut rev = 0;
        self.snapshot.save(self.desk, &[name], &mut |change| {
            let new = NewValue {
                kind: new.kind,
                plain: new.plain.duplicate(),
            };
            let end = end_of(&new.plain);
            rev = change.set(document, name, new, |policy| set_end(policy, end))?;
            Ok(())
        })?;
        Ok(format!("sealed {}, rev {rev}", self.full()))
    }

    fn explain(&mut self, _: &mut Buffer, trouble: &Error) -> Result<Option<usize>, Error> {
        // There is no place for a reason in a text that is the value. The terminal has said it, and
        // saving again is meant to replace.
        if let Some(EditError::Conflict { .. }) = trouble.downcast_ref() {
            let now = Snapshot::take(&self.desk.vault()?, &self.document)?;
            self.snapshot.adopt(&now, std::iter::once(&self.name));
        }
        Ok(None)
    }
}
