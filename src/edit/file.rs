//! A sealed file, as the bytes that it is, under its own name so that an editor knows its kind.
//!
//! It passes through in pieces: what a file may weigh is up to the memory that the folder lies in.
//! As with values, a file that had no newline at its end gets none from the editor; an empty or a new
//! one keeps what comes back.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use super::EditError;
use super::buffer::{self, Buffer};
use super::session::{Desk, Outcome, Session, Subject, demand_writer, say_what_may_be_meant};
use crate::error::Error;
use crate::fs::FsError;
use crate::lines::MAX_FILE;
use crate::name::FilePath;
use crate::plaintext::certificate::{end_of_stream, set_end};
use crate::text::{clean_line, count};
use crate::vault::{NewFile, OpenedFile, Policy, PolicyKey, Sidecar, Vault};

/// Edits a sealed file, or makes a new one with mode 0600.
///
/// # Errors
/// [`EditError`], and whatever keeps the file from being opened or written.
pub fn edit_file(desk: &dyn Desk, path: &FilePath) -> Result<Outcome, Error> {
    let vault = desk.vault()?;
    demand_writer(desk, &vault, path.as_str())?;
    let session = Session::start(desk)?;
    let sidecar = sidecar_of(&vault, path)?;
    let not_shown = |policy: &Policy| match policy.value(PolicyKey::NoPrint) {
        None => Ok(()),
        Some(_) => Err(EditError::NotShown {
            name: path.to_string(),
        }),
    };
    if sidecar.is_none() {
        say_what_may_be_meant(desk, &vault, path.as_str());
    }
    let mut opened = None;
    if let Some(live) = sidecar.as_ref().filter(|sidecar| sidecar.content.is_some()) {
        // Before it is opened by what the file says, and after by what was signed.
        not_shown(&live.policy)?;
        desk.read(&vault, &mut |reader| {
            let file = reader.open_file(path)?;
            not_shown(&file.policy)?;
            opened = Some(file);
            Ok(())
        })?;
    }
    session.run(WholeFile {
        desk,
        path: path.clone(),
        mode: opened.as_ref().map_or(0o600, |opened| opened.content.mode),
        opened,
        sidecar,
        before: None,
        no_newline: false,
    })
}

fn sidecar_of(vault: &Vault, path: &FilePath) -> Result<Option<Sidecar>, Error> {
    let bytes = vault.tree().read(&path.to_sidecar(), MAX_FILE)?;
    let sidecar = bytes
        .map(|bytes| Sidecar::parse(&bytes, path))
        .transpose()?;
    Ok(sidecar)
}

struct WholeFile<'a> {
    desk: &'a dyn Desk,
    path: FilePath,
    mode: u32,
    opened: Option<OpenedFile>,
    /// As it lay when the file was opened.
    sidecar: Option<Sidecar>,
    /// The hash of the content that was opened; none for a new file.
    before: Option<[u8; 32]>,
    /// Whether there was content, and no newline at its end.
    no_newline: bool,
}

impl WholeFile<'_> {
    fn io(&self) -> impl FnOnce(std::io::Error) -> FsError {
        FsError::io("read", std::path::Path::new(self.path.as_str()))
    }
}

/// The last byte of a file.
fn last_byte(file: &mut File) -> std::io::Result<Option<u8>> {
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last.first().copied())
}

impl Subject for WholeFile<'_> {
    /// The file, and how many bytes of it count.
    type Edit = (File, u64);

    fn file_name(&self) -> &str {
        self.path.name()
    }

    fn fill(&mut self, buffer: &mut Buffer) -> Result<(), Error> {
        let Some(mut opened) = self.opened.take() else {
            return Ok(buffer.fill(&mut &b""[..])?);
        };
        buffer.fill(&mut opened.reader)?;
        self.before = Some(*buffer.given());
        if let Some(mut file) = buffer.open()? {
            let last = last_byte(&mut file).map_err(self.io())?;
            self.no_newline = last.is_some_and(|last| last != b'\n');
        }
        Ok(())
    }

    fn understand(&mut self, mut file: File) -> Result<Option<Self::Edit>, Error> {
        let mut size = file.metadata().map_err(self.io())?.len();
        if self.no_newline && last_byte(&mut file).map_err(self.io())? == Some(b'\n') {
            size -= 1;
        }
        let same = match &self.before {
            None => size == 0,
            Some(before) => {
                file.rewind().map_err(self.io())?;
                buffer::hash(&mut (&file).take(size)).map_err(self.io())? == *before
            }
        };
        Ok((!same).then_some((file, size)))
    }

    fn questions(&self, (_, size): &Self::Edit) -> Vec<String> {
        let question = || format!("nothing is left of {}: seal it empty?", self.path);
        (*size == 0 && self.before.is_some())
            .then(question)
            .into_iter()
            .collect()
    }

    fn save(&mut self, (mut file, size): Self::Edit) -> Result<String, Error> {
        let vault = self.desk.vault()?;
        let path = &self.path;
        self.desk.change(&vault, &mut |change| {
            let now = sidecar_of(&vault, path)?;
            if now != self.sidecar {
                let by = now.map_or("somebody who took it out".to_owned(), |now| {
                    clean_line(&now.signed.party)
                });
                return Err(EditError::Conflict {
                    path: path.to_string(),
                    names: vec![path.to_string()],
                    by: vec![by],
                }
                .into());
            }
            file.rewind().map_err(self.io())?;
            let read = end_of_stream((&file).take(size));
            let (end, input) = read.map_err(self.io())?;
            let mode = self.mode;
            change.set_file(path, NewFile { mode, input }, |policy| {
                set_end(policy, end);
            })?;
            Ok(())
        })?;
        Ok(format!("sealed {path}, {}", count(size, "byte")))
    }

    fn explain(&mut self, _: &mut Buffer, trouble: &Error) -> Result<Option<usize>, Error> {
        if let Some(EditError::Conflict { .. }) = trouble.downcast_ref() {
            self.sidecar = sidecar_of(&self.desk.vault()?, &self.path)?;
        }
        Ok(None)
    }
}
