//! A status as a page in a file.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use crate::error::Error;
use crate::fs::FsError;
use crate::status::{Audience, Status, page};
use crate::vault::Vault;

/// Writes the page beside its place, then puts it there: whoever serves the folder never has half of it.
pub(super) fn write(
    file: &Path,
    status: &Status,
    vault: &Vault,
    is_public: bool,
) -> Result<(), Error> {
    let audience = match is_public {
        true => Audience::Public,
        false => Audience::Team,
    };
    let text = page(status, vault, audience)?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = file.with_file_name(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside)
        .and_then(|mut out| out.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&beside, file));
    written.map_err(|error| {
        // What is left is a part of the page, and the error says what is wrong.
        std::fs::remove_file(&beside).unwrap_or_default();
        FsError::io("write", file)(error).into()
    })
}
