//! What lies in the vault, by name, without opening anything.

use crate::error::Error;
use crate::fs::{EntryKind, FsError};
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, SecretName, SecretPath, ValueName};

use crate::trust::SeenKind;

use super::VaultError;
use super::open::Vault;

/// What a typed path stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// A scope, or a folder of files.
    Folder(String),
    /// A document.
    Document(DocumentPath),
    /// A value of a document that is there (whether or not the value is), or of a new one.
    Value(DocumentPath, ValueName),
    /// A sealed file, there or new.
    File(FilePath),
}

/// A document or a sealed file.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Listed {
    /// A document.
    Document(DocumentPath),
    /// A sealed file.
    File(FilePath),
}

impl Listed {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Document(path) => path.as_str(),
            Self::File(path) => path.as_str(),
        }
    }
}

impl Vault {
    /// Finds out what a path stands for: documents lie directly in a scope and have values one level
    /// below; anything deeper or in a folder is a file.
    ///
    /// # Errors
    /// [`crate::name::NameError`] if the path can be none of them, [`FsError`].
    pub fn find(&self, path: &SecretPath) -> Result<Found, Error> {
        let text = path.as_str();
        let segments = path.segments();
        let is_file =
            || -> Result<bool, FsError> { self.tree().exists(&format!("secrets/{text}.age.toml")) };
        let is_folder = |path: &str| self.tree().exists(&format!("secrets/{path}"));
        match segments.as_slice() {
            [_] => Ok(Found::Folder(text.to_owned())),
            [_, _] => {
                if is_file()? {
                    return Ok(Found::File(text.parse()?));
                }
                if is_folder(text)? && !self.has_document(text)? {
                    return Ok(Found::Folder(text.to_owned()));
                }
                match text.parse() {
                    Ok(document) => Ok(Found::Document(document)),
                    // `shared/NOTES.txt` can be no document.
                    Err(_) => Ok(Found::File(text.parse()?)),
                }
            }
            [scope, document, name] => {
                let parent = format!("{scope}/{document}");
                // Gone, and the only one that was ever seen there.
                let pins = &self.trust().pins;
                if !self.has_document(&parent)?
                    && !is_folder(text)?
                    && !pins.ids_at(text, SeenKind::File)?.is_empty()
                {
                    return Ok(Found::File(text.parse()?));
                }
                if is_file()? || (is_folder(&parent)? && !self.has_document(&parent)?) {
                    return if is_folder(text)? && !is_file()? {
                        Ok(Found::Folder(text.to_owned()))
                    } else {
                        Ok(Found::File(text.parse()?))
                    };
                }
                Ok(Found::Value(parent.parse()?, name.parse()?))
            }
            _ if is_folder(text)? && !is_file()? => Ok(Found::Folder(text.to_owned())),
            _ => Ok(Found::File(text.parse()?)),
        }
    }

    fn has_document(&self, path: &str) -> Result<bool, FsError> {
        self.tree().exists(&format!("secrets/{path}.toml"))
    }

    /// Whether a scope or a folder is there.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn has_folder(&self, path: &str) -> Result<bool, FsError> {
        self.tree().exists(&format!("secrets/{path}"))
    }

    /// Whether a document or a sealed file of this path is there, or was seen there.
    fn knows(&self, path: &str, kind: SeenKind) -> Result<bool, Error> {
        let file = match kind {
            SeenKind::Document => format!("secrets/{path}.toml"),
            SeenKind::File => format!("secrets/{path}.age.toml"),
        };
        Ok(self.tree().exists(&file)? || !self.trust().pins.ids_at(path, kind)?.is_empty())
    }

    /// Demands a sealed file that is there or was seen there.
    ///
    /// # Errors
    /// [`VaultError::NotFound`].
    pub fn demand_file(&self, file: &FilePath) -> Result<(), Error> {
        match self.knows(file.as_str(), SeenKind::File)? {
            true => Ok(()),
            false => Err(self.missing(file).into()),
        }
    }

    /// Finds one secret by its path. Of a value its document says whether there is one.
    ///
    /// # Errors
    /// [`VaultError::IsDocument`] for a document, [`VaultError::NotFound`] for a folder and for what is not there.
    pub fn find_secret(&self, path: &SecretPath) -> Result<SecretName, Error> {
        match self.find(path)? {
            Found::Value(document, name) => Ok(SecretName::Value(document, name)),
            Found::File(file) if self.knows(file.as_str(), SeenKind::File)? => {
                Ok(SecretName::File(file))
            }
            Found::Document(document) if self.knows(document.as_str(), SeenKind::Document)? => {
                Err(VaultError::IsDocument(document.to_string()).into())
            }
            Found::File(_) | Found::Document(_) | Found::Folder(_) => {
                Err(self.missing(path).into())
            }
        }
    }

    /// All documents and sealed files below a path (all of the vault without one), sorted.
    ///
    /// Names that are none of ours are passed over: `check` reports them.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn list(&self, below: Option<&str>) -> Result<Vec<Listed>, FsError> {
        let mut all = Vec::new();
        match below {
            None => self.walk("", &mut all)?,
            Some(path) => {
                if self.has_document(path)?
                    && let Ok(document) = path.parse()
                {
                    all.push(Listed::Document(document));
                } else if self.tree().exists(&format!("secrets/{path}.age.toml"))?
                    && let Ok(file) = path.parse()
                {
                    all.push(Listed::File(file));
                } else {
                    self.walk(path, &mut all)?;
                }
            }
        }
        all.sort();
        Ok(all)
    }

    /// How many values and files these are, about: tables are counted, and not read.
    ///
    /// # Errors
    /// [`FsError`].
    pub fn count<'l>(&self, items: impl IntoIterator<Item = &'l Listed>) -> Result<usize, FsError> {
        let mut count = 0;
        for item in items {
            count += match item {
                Listed::File(_) => 1,
                Listed::Document(path) => {
                    let text = self.tree().read(&path.to_file(), MAX_FILE)?;
                    let text = text.unwrap_or_default();
                    memchr::memmem::find_iter(&text, b"\n[secret.").count()
                }
            };
        }
        Ok(count)
    }

    fn walk(&self, path: &str, all: &mut Vec<Listed>) -> Result<(), FsError> {
        let join = |name: &str| {
            if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}/{name}")
            }
        };
        for entry in self
            .tree()
            .entries(format!("secrets/{path}").trim_end_matches('/'))?
        {
            match entry.kind {
                EntryKind::Folder => self.walk(&join(&entry.name), all)?,
                EntryKind::File => {
                    if let Some(name) = entry.name.strip_suffix(".age.toml") {
                        all.extend(join(name).parse().ok().map(Listed::File));
                    } else if let Some(name) = entry.name.strip_suffix(".toml") {
                        all.extend(join(name).parse().ok().map(Listed::Document));
                    }
                }
                EntryKind::Link | EntryKind::Other => {}
            }
        }
        Ok(())
    }
}
