//! One sealed file: its sidecar, and the age file beside it.

use super::document::{no_rule, untidy};
use super::full::of_error;
use super::{Check, Finding, Kind};
use crate::error::Error;
use crate::fs::{FsError, hash_file};
use crate::lines::{self, MAX_FILE};
use crate::name::FilePath;
use crate::recipients::Rights;
use crate::trust::{FILE_RECORD, SeenKind};
use crate::vault::{Content, PendingFile, SIDECAR_SCHEMA, Sidecar, VaultError};

impl Check<'_> {
    pub(super) fn file(&mut self, path: &FilePath) -> Result<(), Error> {
        self.counts.files += 1;
        let name = path.as_str();
        let bytes = self.vault.tree().read(&path.to_sidecar(), MAX_FILE)?;
        let bytes = bytes.unwrap_or_default();
        let sidecar = match self.sidecar(path, &bytes) {
            Ok(sidecar) => sidecar,
            Err(finding) => {
                self.unread.insert(name.to_owned());
                self.add(finding);
                return Ok(());
            }
        };
        let before = self.findings.len();
        self.note_id(sidecar.id, SeenKind::File, name);
        self.content(path, sidecar.content)?;
        let Some(rights) = self.vault.trust().accepted.rights(name) else {
            self.add(no_rule(name));
            return Ok(());
        };
        if sidecar.content.is_some() {
            self.readers_of_file(name, &sidecar.readers, &rights);
            self.exposed(name, &sidecar.policy, sidecar.changed);
            self.due(name, &sidecar.policy, sidecar.changed);
            self.policy(name, &sidecar.policy, Some(sidecar.changed));
        }
        match self.vault.claim_of_sidecar(&sidecar, &rights) {
            Ok((claim, mark)) => {
                self.claim(claim);
                let pin = self.pin(name, |pins| pins.file(&sidecar.id, name));
                self.compare(name, &mark, pin.values.get(FILE_RECORD));
            }
            Err(error) => {
                let finding = Finding::of(Kind::Unvouched, name, &error);
                self.add(finding.since(sidecar.changed));
            }
        }
        self.pending_file(&sidecar, &bytes, &rights);
        let notes = |found: &&Finding| !found.kind.is_note();
        let faults = self.findings.iter().skip(before).filter(notes).count();
        let sound = faults == 0;
        if sound && sidecar.content.is_some() {
            self.open_file(path)?;
        }
        Ok(())
    }

    /// The other content of a rotation.
    fn pending_file(&mut self, sidecar: &Sidecar, bytes: &[u8], rights: &Rights) {
        let name = sidecar.path.as_str();
        let pending = match PendingFile::of(bytes, sidecar) {
            Ok(Some(pending)) => pending,
            Ok(None) => return,
            Err(error) => return self.add(Finding::of(Kind::Form, name, &error)),
        };
        let since = pending.record().changed;
        let readers = &pending.record().readers;
        if *readers != sidecar.readers {
            self.readers_of_file(name, readers, rights);
        }
        match self.vault.claim_of_pending_file(&pending, rights) {
            Ok(claim) => {
                self.claim(claim);
                match pending.demand_place(self.vault) {
                    Ok(()) => self.open_pending_file(name, &pending),
                    Err(error) => self.add(of_error(Kind::Content, name, &error).since(since)),
                }
            }
            Err(error) => self.add(Finding::of(Kind::Unvouched, name, &error).since(since)),
        }
        self.add(Finding::pending(name).since(since));
    }

    fn sidecar(&mut self, path: &FilePath, bytes: &[u8]) -> Result<Sidecar, Finding> {
        let name = path.as_str();
        let form = |error| {
            let file = path.to_sidecar();
            Finding::of(Kind::Form, name, &VaultError::Line { file, error })
        };
        let parsed = lines::scan(bytes, &SIDECAR_SCHEMA).map_err(form)?;
        parsed.all().map_err(form)?;
        if parsed.untidy() {
            self.add(untidy(name));
        }
        Sidecar::parse(bytes, path).map_err(|error| {
            let kind = match error {
                VaultError::WrongPath { .. } => Kind::Path,
                _ => Kind::Form,
            };
            Finding::of(kind, name, &error)
        })
    }

    /// The age file must be the one that the sidecar was signed over, and gone where it says so.
    fn content(&mut self, path: &FilePath, content: Option<Content>) -> Result<(), Error> {
        let name = path.as_str();
        let file = path.to_file();
        let there = match self.vault.tree().file(&file) {
            Ok(there) => there,
            Err(error) => {
                self.add(Finding::of(Kind::Content, name, &error));
                return Ok(());
            }
        };
        let put_back = format!("git checkout -- {file}");
        match (there, content) {
            (None, None) => {}
            (None, Some(_)) => {
                let why = format!("{file} is missing beside its sidecar");
                self.add(Finding::new(Kind::Content, name, why).next(put_back));
            }
            (Some(_), None) => {
                let why = "it was removed, and its age file is here";
                self.add(Finding::new(Kind::Content, name, why).next(format!("git rm {file}")));
            }
            (Some(mut there), Some(content)) => {
                let full = self.vault.tree().join(&file);
                let hash = hash_file(&mut there).map_err(FsError::io("read", &full))?;
                if hash != content.sha256 {
                    let why = "its age file is not the one that was signed";
                    self.add(Finding::new(Kind::Content, name, why).next(put_back));
                } else if let Err(error) = self.vault.demand_place(path, &mut there) {
                    self.add(of_error(Kind::Content, name, &error));
                }
            }
        }
        Ok(())
    }
}
