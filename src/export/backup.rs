//! A backup for the day on which every other key is gone: age files that offline keys open, and nothing else.
//!
//! Each secret is sealed to those keys of its own readers that are kept offline, so that nobody gets to read
//! what the rules do not give them. A person with such a key needs `age` alone: neither clws nor the vault. The list
//! beside them, `backup.json`, has no value and no hash of one: names, numbers, types and modes, as they stand in
//! clear in the vault too.

use std::fs::File;
use std::io::{Read, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ExportError, Folder, Written};
use crate::crypto::hex;
use crate::error::Error;
use crate::fs::FsError;
use crate::name::{DocumentPath, FilePath, SecretName, SecretPath};
use crate::vault::{Listed, Reader, ToRecipient, Vault};

/// What the list is called.
pub const BACKUP_FILE: &str = "backup.json";

/// So many paths are named in an error.
const NAMED: usize = 5;

/// The list of a backup.
#[derive(Debug, Deserialize, Serialize)]
pub struct Backup {
    /// The version of this shape: 1.
    pub format: u32,
    /// The vault's id, 64 hex digits.
    pub vault: String,
    /// When it was made.
    pub at: String,
    /// How one is opened, for whoever finds it.
    pub open: String,
    /// What is in it, each in the file of its path with `.age` at the end.
    pub secrets: Vec<Kept>,
}

/// One secret of a backup.
#[derive(Debug, Deserialize, Serialize)]
pub struct Kept {
    /// Its full path.
    pub path: String,
    /// Its number.
    pub rev: u64,
    /// A value's type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// A file's mode: `0600`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mode: Option<String>,
}

/// Writes a backup of everything that was chosen by its targets into a folder. `step` is called before each, and can stop it.
///
/// # Errors
/// [`ExportError::NoRecovery`] and [`ExportError::Gone`] before anything is written; [`FsError`], and what keeps a secret closed.
pub fn backup(
    vault: &Vault,
    reader: &Reader<'_>,
    to_recipient: &ToRecipient<'_>,
    (targets, chosen): (&[SecretPath], &[Listed]),
    folder: &Folder,
    step: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<Written, Error> {
    demand_recovery(vault, chosen)?;
    demand_all(vault, targets)?;
    let mut making = Making {
        vault,
        reader,
        to_recipient,
        folder,
        kept: Vec::new(),
    };
    for listed in chosen {
        step()?;
        match listed {
            Listed::Document(path) => making.document(path)?,
            Listed::File(path) => making.file(path)?,
        }
    }
    let list = Backup {
        format: 1,
        vault: hex(vault.id()),
        at: vault.world().now().to_string(),
        open: "age -d -i IDENTITY PATH.age".to_owned(),
        secrets: making.kept,
    };
    let text = serde_json::to_string_pretty(&list).unwrap_or_default();
    let mut file = folder.create(BACKUP_FILE, "the list of the backup")?;
    let fail = || FsError::io("write", Path::new(BACKUP_FILE));
    file.write_all(text.as_bytes()).map_err(fail())?;
    file.write_all(b"\n").map_err(fail())?;
    file.sync_all().map_err(fail())?;
    Ok(Written {
        files: list.secrets.len(),
        notes: Vec::new(),
    })
}

/// Refuses where something of it would open with no offline key: a backup with a hole is found on the wrong day.
fn demand_recovery(vault: &Vault, chosen: &[Listed]) -> Result<(), Error> {
    let mut paths = Vec::new();
    for listed in chosen {
        if paths.len() < NAMED && !vault.can_recover(listed.path())? {
            paths.push(listed.path().to_owned());
        }
    }
    match paths.is_empty() {
        true => Ok(()),
        false => Err(ExportError::NoRecovery { paths }.into()),
    }
}

/// Refuses where something that this machine has seen at or below the targets is gone: nobody would miss it in the backup.
fn demand_all(vault: &Vault, targets: &[SecretPath]) -> Result<(), Error> {
    let is_meant = |path: &str| {
        let is_below = |target: &SecretPath| {
            let rest = path.strip_prefix(target.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        targets.is_empty() || targets.iter().any(is_below)
    };
    let names = vault.gone(is_meant)?;
    match names.is_empty() {
        true => Ok(()),
        false => Err(ExportError::Gone { names }.into()),
    }
}

struct Making<'a, 'r, 't> {
    vault: &'a Vault,
    reader: &'a Reader<'r>,
    to_recipient: &'a ToRecipient<'t>,
    folder: &'a Folder,
    kept: Vec<Kept>,
}

impl Making<'_, '_, '_> {
    fn document(&mut self, path: &DocumentPath) -> Result<(), Error> {
        for opened in self.reader.document(path)? {
            let name = format!("{path}/{}", opened.name);
            let sealed = |bytes: &Vec<u8>| self.seal(path.as_str(), &name, bytes.as_slice());
            opened.value.with(sealed)?;
            self.kept.push(Kept {
                path: name,
                rev: opened.rev,
                kind: Some(opened.kind.as_str().to_owned()),
                mode: None,
            });
        }
        Ok(())
    }

    /// The age file in the vault is sealed to everybody who reads it; here it is to be sealed to fewer.
    fn file(&mut self, path: &FilePath) -> Result<(), Error> {
        // By a tombstone that counts: an age file that is gone says nothing.
        if !self.vault.is_live(&SecretName::File(path.clone()))? {
            return Ok(());
        }
        let opened = self.reader.open_file(path)?;
        self.seal(path.as_str(), path.as_str(), opened.reader)?;
        self.kept.push(Kept {
            path: path.to_string(),
            rev: opened.rev,
            kind: None,
            mode: Some(format!("{:04o}", opened.content.mode)),
        });
        Ok(())
    }

    fn seal(&self, rule: &str, name: &str, input: impl Read) -> Result<(), Error> {
        let file = format!("{name}.age");
        let output: File = self.folder.create(&file, name)?;
        let vault = self.vault;
        vault.seal_for_recovery(rule, self.to_recipient, input, &output)?;
        let synced = output.sync_all();
        Ok(synced.map_err(FsError::io("write", Path::new(&file)))?)
    }
}
