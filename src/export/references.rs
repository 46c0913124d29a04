//! Where a document's values lie on a Vault or OpenBao server, for tools that fetch them there.
//!
//! The form is that of vals and helmfile: `ref+vault://MOUNT/PATH#/FIELD`. Nothing is opened for it, and no
//! server is asked.

use serde_json::{Map, Value};

use super::ExportError;
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::vault::{Document, Listed, State, Vault};

/// The references of one document's values, or of one sealed file's content, by name.
///
/// `kv` is the store there, and what stands before paths in it: `secret/clws`.
///
/// # Errors
/// [`ExportError::NotOneDocument`]; what does not read.
pub fn references(vault: &Vault, chosen: &[Listed], kv: &str) -> Result<Value, Error> {
    let [listed] = chosen else {
        return Err(ExportError::NotOneDocument { all: chosen.len() }.into());
    };
    let place = format!("{}/{}", kv.trim_matches('/'), listed.path());
    let one = |field: &str| {
        let reference = format!("ref+vault://{place}#/{field}");
        (field.to_owned(), Value::String(reference))
    };
    let Listed::Document(path) = listed else {
        return Ok(Value::Object(Map::from_iter([one("content")])));
    };
    let bytes = vault.tree().read(&path.to_file(), MAX_FILE)?;
    let bytes = bytes.unwrap_or_default();
    let document = Document::parse(&bytes, path, vault.id())?;
    let records = document.records()?.into_iter();
    let live = records.filter(|record| record.state != State::Removed);
    Ok(live.map(|record| one(record.name.as_str())).collect())
}
