//! Whether one record of a document may be used now. Needs plain data alone, so that many are judged on all cores.

use crate::error::Error;
use crate::recipients::Rights;
use crate::trust::{Order, RecordMark, Rollback};

use super::VaultError;
use super::document::Document;
use super::judge::Notice;
use super::open::Vault;
use super::record::{Record, State};

/// A record that may be used, and what is to be said about it.
pub(super) struct Passed {
    pub(super) mark: RecordMark,
    pub(super) order: Order,
    pub(super) notices: Vec<Notice>,
}

/// Whether a record counts, be it of a value or a tombstone.
pub(super) fn counts(
    vault: &Vault,
    document: &Document<'_>,
    record: &Record,
    rights: &Rights,
    known: Option<&RecordMark>,
) -> Result<Passed, Error> {
    let judged = vault.judge_record(document, record, rights, known)?;
    let name = format_args!("{}/{}", document.place.path, record.name);
    let notice = vault.judge_order(&name, &judged, known)?;
    Ok(Passed {
        mark: judged.mark,
        order: judged.order,
        notices: notice.into_iter().collect(),
    })
}

/// Whether there is a value to be used. `is_strict` refuses those under a key that somebody left with.
pub(super) fn usable(
    vault: &Vault,
    is_strict: bool,
    document: &Document<'_>,
    record: &Record,
    rights: &Rights,
    known: Option<&RecordMark>,
) -> Result<Passed, Error> {
    let mut passed = counts(vault, document, record, rights, known)?;
    let name = || format!("{}/{}", document.place.path, record.name);
    if record.state == State::Removed {
        return Err(VaultError::removed(name(), &record.signed, &record.policy).into());
    }
    if let Err(error) = document.check_kid(record) {
        let VaultError::OtherKey {
            left: Some(left), ..
        } = &error
        else {
            return Err(error.into());
        };
        let scope = document.place.path.scope();
        if is_strict && vault.trust().accepted.rollback(&scope) == Rollback::Refuse {
            return Err(error.into());
        }
        let name = name();
        passed.notices.push(format!(
            "`{name}` was sealed on a branch under a key from before {}: `clws secret adopt {name}`",
            match left.as_slice() {
                [] => "a rekey".to_owned(),
                left => format!("{} left", crate::text::list(left)),
            }
        ));
    }
    Ok(passed)
}
