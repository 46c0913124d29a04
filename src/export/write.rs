//! Writing what was chosen.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Cursor, Read, Write as _};

use zeroize::Zeroizing;

use super::folder::is_below;
use super::render::{self, Form};
use super::sops;
use super::{As, ExportError, Folder, Origins};
use crate::crypto::hex;
use crate::error::Error;
use crate::fs::FsError;
use crate::name::{DocumentPath, FilePath, Scope, SecretName, SecretPath};
use crate::plaintext::Record;
use crate::text::{clean_line, count, list};
use crate::vault::{Found, Listed, OpenInMemory, Opened, PolicyKey, Reader, ToRecipient, Vault};

/// What was written, and what a person should know about it.
#[derive(Debug, Default)]
pub struct Written {
    /// How many files.
    pub files: usize,
    /// In full sentences.
    pub notes: Vec<String>,
}

/// What is meant by some paths: documents and files that are there, sorted; everything without one.
///
/// # Errors
/// [`crate::vault::VaultError::NotFound`], [`ExportError::Value`], [`FsError`].
pub fn choose(vault: &Vault, paths: &[SecretPath]) -> Result<Vec<Listed>, Error> {
    let mut chosen = BTreeSet::new();
    if paths.is_empty() {
        chosen.extend(vault.list(None)?);
    }
    for path in paths {
        if let Found::Value(document, _) = vault.find(path)? {
            let is_there = vault.tree().exists(&document.to_file())?;
            if !is_there || vault.near(path.as_str()).is_some() {
                return Err(vault.missing(path).into());
            }
            return Err(ExportError::Value {
                path: path.to_string(),
            }
            .into());
        }
        let listed = vault.list(Some(path.as_str()))?;
        if listed.is_empty() {
            return Err(vault.missing(path).into());
        }
        chosen.extend(listed);
    }
    Ok(chosen.into_iter().collect())
}

fn scope_of(listed: &Listed) -> Scope {
    match listed {
        Listed::Document(path) => path.scope(),
        Listed::File(path) => path.scope(),
    }
}

fn origins(vault: &Vault, reader: &Reader<'_>, chosen: &[Listed]) -> Result<Origins, Error> {
    let scopes: BTreeSet<Scope> = chosen.iter().map(scope_of).collect();
    Origins::read(vault, reader, scopes.iter())
}

/// One document as text.
///
/// # Errors
/// [`ExportError`], and what keeps it closed.
pub fn one(
    vault: &Vault,
    reader: &Reader<'_>,
    to_recipient: &ToRecipient<'_>,
    (chosen, format): (&[Listed], As),
) -> Result<String, Error> {
    let [Listed::Document(path)] = chosen else {
        return Err(match chosen {
            [Listed::File(path)] => ExportError::NoDocument {
                path: path.to_string(),
            },
            _ => ExportError::NotOneDocument { all: chosen.len() },
        }
        .into());
    };
    let origins = origins(vault, reader, chosen)?;
    let values = reader.document(path)?;
    let record = origins.of(path.as_str());
    if format == As::Sops {
        return sealed(vault, to_recipient, path, &values, record);
    }
    render::values(path.as_str(), &values, record, format)
}

fn sealed(
    vault: &Vault,
    to_recipient: &ToRecipient<'_>,
    path: &DocumentPath,
    values: &[Opened],
    record: Option<&Record>,
) -> Result<String, Error> {
    let keys = record.map(|record| record.keys.clone()).unwrap_or_default();
    sops::document(vault, to_recipient, path.as_str(), values, &keys)
}

/// Writes everything that was chosen into a folder. `step` is called before each, and can stop it.
///
/// # Errors
/// [`ExportError`], [`FsError`], and what keeps a secret closed.
pub fn write(
    vault: &Vault,
    reader: &Reader<'_>,
    to_recipient: &ToRecipient<'_>,
    (chosen, format): (&[Listed], As),
    folder: &Folder,
    step: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<Written, Error> {
    let origins = match format {
        As::Age => Origins::default(),
        _ => origins(vault, reader, chosen)?,
    };
    let mut work = Work {
        vault,
        reader,
        to_recipient,
        format,
        folder,
        origins: &origins,
        written: Written::default(),
    };
    let mut files = Vec::new();
    for listed in chosen {
        step()?;
        match listed {
            Listed::Document(path) if format == As::Age => work.sealed_values(path)?,
            Listed::Document(path) => work.document(path)?,
            Listed::File(path) if format == As::Age => work.sealed_file(path)?,
            Listed::File(path) if origins.is_inventory(path.as_str()) => {}
            Listed::File(path) if format == As::Dir => files.push(path),
            Listed::File(path) => work.file(path)?,
        }
        if files.len() == AT_ONCE {
            work.files(&std::mem::take(&mut files))?;
        }
    }
    work.files(&files)?;
    if format == As::Dir {
        work.others(chosen)?;
    }
    Ok(work.written)
}

struct Work<'a, 'r, 't> {
    vault: &'a Vault,
    reader: &'a Reader<'r>,
    to_recipient: &'a ToRecipient<'t>,
    format: As,
    folder: &'a Folder,
    origins: &'a Origins,
    written: Written,
}

impl Work<'_, '_, '_> {
    fn sealed_values(&mut self, path: &DocumentPath) -> Result<(), Error> {
        for opened in self.reader.document(path)? {
            let relative = format!("{path}/{}.age", opened.name);
            let output = self.folder.create(&relative, path.as_str())?;
            opened.value.with(|bytes| {
                let (vault, bytes) = (self.vault, bytes.as_slice());
                vault.seal_for_readers(path.as_str(), self.to_recipient, bytes, &output)
            })?;
            self.end(&output, 0o600, &relative)?;
        }
        Ok(())
    }

    /// The age file is one already. All of it is verified before it is given out.
    fn sealed_file(&mut self, path: &FilePath) -> Result<(), Error> {
        if self.is_removed(path)? {
            return Ok(());
        }
        let mut input = self.reader.age_file(path)?;
        let relative = format!("{path}.age");
        let mut output = self.folder.create(&relative, path.as_str())?;
        let fail = FsError::io("write", std::path::Path::new(&relative));
        std::io::copy(&mut input, &mut output).map_err(fail)?;
        self.end(&output, 0o600, &relative)
    }

    fn document(&mut self, path: &DocumentPath) -> Result<(), Error> {
        let values = self.reader.document(path)?;
        let record = self.origins.of(path.as_str());
        let (relative, mode, text) = match record.filter(|_| self.format == As::Dir) {
            Some(record) => {
                let (text, form) = render::source(path.as_str(), &values, record)?;
                self.note(path, record, form);
                (place(record, path.as_str())?, mode_of(record), text)
            }
            None if self.format == As::Sops => {
                let text = sealed(self.vault, self.to_recipient, path, &values, record)?;
                (format!("{path}{}", self.format.ending()), 0o600, text)
            }
            None => {
                // A document that no file was made into: variables if it can be, else JSON.
                let format = match self.format {
                    As::Dir => As::Dotenv,
                    format => format,
                };
                let first = render::values(path.as_str(), &values, record, format);
                let (text, format) = match first {
                    Err(_) if self.format == As::Dir => {
                        let json = render::values(path.as_str(), &values, record, As::Json)?;
                        (json, As::Json)
                    }
                    first => (first?, format),
                };
                (format!("{path}{}", format.ending()), 0o600, text)
            }
        };
        let mut output = self.folder.create(&relative, path.as_str())?;
        let fail = FsError::io("write", std::path::Path::new(&relative));
        output.write_all(text.as_bytes()).map_err(fail)?;
        self.end(&output, mode, &relative)
    }

    fn note(&mut self, path: &DocumentPath, record: &Record, form: Form) {
        let source = clean_line(&record.source);
        let notes = &mut self.written.notes;
        match form {
            Form::Kept => {}
            Form::Ours => notes.push(format!(
                "{source} is written anew, without its comments: `{path}` has other values than its layout"
            )),
            Form::Unsealed => notes.push(unsealed(record, path.as_str())),
        }
    }

    /// Writes files as they lay in a tree, on all cores; those that are told more about go one after the other.
    fn files(&mut self, paths: &[&FilePath]) -> Result<(), Error> {
        let (folder, origins) = (self.folder, self.origins);
        let written = self
            .reader
            .open_files(paths, |opened| plain_file(folder, origins, &opened))?;
        for (path, written) in paths.iter().zip(written) {
            match written {
                Some(written) => {
                    written?;
                    self.written.files += 1;
                }
                None => self.file(path)?,
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &FilePath) -> Result<(), Error> {
        if self.is_removed(path)? {
            return Ok(());
        }
        let opened = self.reader.open_file(path)?;
        if !self.format.is_sealed() && opened.policy.value(PolicyKey::NoPrint).is_some() {
            return Err(ExportError::NoPrint {
                secret: path.to_string(),
            }
            .into());
        }
        let record = self.origins.of(path.as_str());
        let (mut relative, mut mode) = (path.to_string(), 0o600);
        let mut content: Box<dyn Read> = opened.reader;
        match (self.format, record) {
            (As::Sops, _) => {
                if opened.content.size > MOST {
                    return Err(ExportError::TooLarge {
                        secret: path.to_string(),
                    }
                    .into());
                }
                let text =
                    sops::file(self.vault, self.to_recipient, path.as_str(), &all(content)?)?;
                relative.push_str(".sops");
                content = Box::new(Cursor::new(text.into_bytes()));
            }
            (As::Dir, Some(record)) => {
                (relative, mode) = (place(record, path.as_str())?, opened.content.mode);
                if record.kind == "age" {
                    self.written.notes.push(unsealed(record, path.as_str()));
                    relative = relative
                        .strip_suffix(".age")
                        .unwrap_or(&relative)
                        .to_owned();
                } else if let Some(envelope) = &record.envelope {
                    let (.., passed) = self.reader.file_sum(path)?;
                    if hex(&passed.sha256) == envelope.of {
                        content = Box::new(Cursor::new(envelope.text.clone().into_bytes()));
                    } else {
                        self.written.notes.push(unsealed(record, path.as_str()));
                    }
                }
            }
            (As::Dir, None) => mode = opened.content.mode,
            _ => {}
        }
        let mut output = self.folder.create(&relative, path.as_str())?;
        let fail = FsError::io("write", std::path::Path::new(&relative));
        std::io::copy(&mut content, &mut output).map_err(fail)?;
        self.end(&output, mode, &relative)
    }

    /// Whether a tombstone says so that counts: an age file that is gone says nothing.
    fn is_removed(&self, path: &FilePath) -> Result<bool, Error> {
        Ok(!self.vault.is_live(&SecretName::File(path.clone()))?)
    }

    /// Empty files come back too; what is public lies where it lay, and links were never taken.
    fn others(&mut self, chosen: &[Listed]) -> Result<(), Error> {
        // A part of a tree was asked for, and which of these belong to it nobody knows.
        let whole: BTreeSet<Scope> = chosen
            .iter()
            .filter(|listed| self.origins.is_inventory(listed.path()))
            .map(scope_of)
            .collect();
        if whole.is_empty() {
            return Ok(());
        }
        let (mut clear, mut left) = (Vec::new(), Vec::new());
        for record in self.origins.others() {
            match (record.action.as_str(), record.kind.as_str()) {
                (_, "empty") => {
                    let relative = place(record, "")?;
                    let output = self.folder.create(&relative, "an empty file")?;
                    self.end(&output, mode_of(record), &relative)?;
                }
                ("clear", _) => clear.push(clean_line(&record.source)),
                _ => left.push(clean_line(&record.source)),
            }
        }
        for (sources, why) in [
            (clear, "left in the clear where they lay"),
            (left, "that the import left out"),
        ] {
            if !sources.is_empty() {
                let shown: Vec<&String> = sources.iter().take(5).collect();
                let note = format!("{} {why}: {}", count(sources.len(), "source"), list(&shown));
                self.written.notes.push(note);
            }
        }
        Ok(())
    }

    fn end(&mut self, output: &File, mode: u32, relative: &str) -> Result<(), Error> {
        set_mode(output, mode, relative)?;
        self.written.files += 1;
        Ok(())
    }
}

/// After so many files a signal is looked for.
const AT_ONCE: usize = 256;

/// Writes a file that was one, and was not sealed by another program; of others it gives nothing.
fn plain_file(
    folder: &Folder,
    origins: &Origins,
    opened: &OpenInMemory<'_>,
) -> Option<Result<(), Error>> {
    let secret = opened.path.as_str();
    let record = origins.of(secret);
    let is_told = |record: &Record| record.kind == "age" || record.envelope.is_some();
    if opened.policy.value(PolicyKey::NoPrint).is_some() || record.is_some_and(is_told) {
        return None;
    }
    let write = || {
        let relative = match record {
            Some(record) => place(record, secret)?,
            None => secret.to_owned(),
        };
        let mut output = folder.create(&relative, secret)?;
        let fail = FsError::io("write", std::path::Path::new(&relative));
        output.write_all(opened.plain).map_err(fail)?;
        set_mode(&output, opened.content.mode, &relative)
    };
    Some(write())
}

/// Where a source lay. An inventory is signed, and still no reason to write anywhere else.
fn place(record: &Record, secret: &str) -> Result<String, Error> {
    if is_below(&record.source) {
        return Ok(record.source.clone());
    }
    Err(ExportError::Path {
        inventory: Origins::inventory_of(secret),
        path: record.source.clone(),
    }
    .into())
}

fn set_mode(output: &File, mode: u32, relative: &str) -> Result<(), Error> {
    let mode = rustix::fs::Mode::from_raw_mode(mode & 0o777);
    let path = std::path::Path::new(relative);
    Ok(rustix::fs::fchmod(output, mode).map_err(FsError::errno("write", path))?)
}

/// Bytes. SOPS holds a file in memory several times over, as we do for it.
const MOST: u64 = 64 * 1024 * 1024;

fn all(content: impl Read) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = content.take(MOST).read_to_end(&mut bytes);
    read.map_err(FsError::io("read", std::path::Path::new("a sealed file")))?;
    Ok(bytes)
}

/// What another program had sealed and is open now.
fn unsealed(record: &Record, path: &str) -> String {
    let source = clean_line(&record.source);
    match record.kind.as_str() {
        "age" => format!("{source} is written open: `clws export {path} --format age` seals it"),
        "ansible-vault" => {
            format!(
                "{source} is no longer sealed by Ansible, since `{path}` changed: seal it again"
            )
        }
        "dotenvx" => format!(
            "{source} is no longer sealed by dotenvx, since `{path}` changed: `dotenvx encrypt` seals it again"
        ),
        _ => format!(
            "{source} is no longer sealed by SOPS, since `{path}` changed: `clws export {path} --format sops` seals it"
        ),
    }
}

fn mode_of(record: &Record) -> u32 {
    let mode = record.mode.as_deref();
    mode.and_then(|mode| u32::from_str_radix(mode, 8).ok())
        .unwrap_or(0o600)
}
