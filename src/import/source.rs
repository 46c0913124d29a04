//! A plaintext tree, gone through without following a link.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::cores;
use crate::error::Error;
use crate::fs::{EntryKind, FsError, Tree};

use super::ImportError;

/// How much of a file is looked at to tell its kind: a page.
pub(super) const HEAD: usize = 4096;

/// Each file is two steps of one journal, of 64 MiB at most, and a step with long paths takes
/// 1.5 KB.
const MOST: usize = 20_000;

/// Twice as deep as any tree of credentials that was met; paths stay far below the system's limit.
const DEEPEST: usize = 32;

/// A folder or one file, to be imported.
#[derive(Debug)]
pub struct Source {
    tree: Tree,
    only: Option<String>,
    /// The name of the folder that was meant, where it has one.
    pub(super) folder_name: Option<String>,
}

/// Something in the tree.
#[derive(Debug)]
pub(super) struct Met {
    /// Below the source.
    pub(super) path: String,
    pub(super) what: What,
}

/// What it is.
#[derive(Debug)]
pub(super) enum What {
    File(Begun),
    Link,
    Special,
    /// A folder `.git`.
    Repository,
    /// With the reason.
    Unreadable(String),
    NotUtf8Name,
}

/// The beginning of a file.
#[derive(Debug)]
pub(super) struct Begun {
    /// Its first bytes, a page at most; none if it is empty.
    pub(super) head: Zeroizing<Vec<u8>>,
    /// Its permission bits.
    pub(super) mode: u32,
}

/// Fewer files than this are read before a thread has started.
const FEW: usize = 64;

impl Source {
    /// Opens a folder, or the folder of one file.
    ///
    /// # Errors
    /// [`ImportError::NoSource`]; [`ImportError::Vault`] if the vault in `vault` lies in it, or it in
    /// the vault's own folders; [`FsError`].
    pub fn open(path: &Path, vault: &Path) -> Result<Self, Error> {
        let about = std::fs::metadata(path);
        let no_source = |missing| ImportError::NoSource {
            path: path.to_owned(),
            missing,
        };
        let about = match about {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(no_source(true).into());
            }
            about => about.map_err(FsError::io("read", path))?,
        };
        let full = path.canonicalize().map_err(FsError::io("read", path))?;
        let vault = vault.canonicalize().map_err(FsError::io("read", vault))?;
        let own = ["secrets", "recipients", "hooks", ".git"];
        if vault.starts_with(&full) || own.iter().any(|own| full.starts_with(vault.join(own))) {
            return Err(ImportError::Vault {
                path: path.to_owned(),
            }
            .into());
        }
        let text = |name: Option<&std::ffi::OsStr>| Some(name?.to_str()?.to_owned());
        if about.is_dir() {
            return Ok(Self {
                tree: Tree::open(path)?,
                only: None,
                folder_name: text(full.file_name()),
            });
        }
        let (Some(name), true) = (text(path.file_name()), about.is_file()) else {
            return Err(no_source(false).into());
        };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        Ok(Self {
            tree: Tree::open(folder)?,
            only: Some(name),
            folder_name: text(full.parent().and_then(Path::file_name)),
        })
    }

    /// What `look` makes of everything that is not a folder, sorted by path. Of a tree it is done on all cores,
    /// so that no more than a few beginnings of files are held at once.
    pub(super) fn walk<T: Send>(
        &self,
        look: impl Fn(Met) -> T + std::marker::Sync,
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        if let Some(name) = &self.only {
            // Through the tree, so that a link is refused here too.
            let what = self.file(name)?;
            let path = name.clone();
            return Ok(vec![look(Met { path, what })]);
        }
        let (mut folders, mut files) = (vec![String::new()], Vec::new());
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            if folder.split('/').count() > DEEPEST {
                return Err(ImportError::TooDeep {
                    path: folder,
                    most: DEEPEST,
                }
                .into());
            }
            let entries = match self.tree.entries(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    let what = What::Unreadable(reason(&error));
                    all.push(Met { path: folder, what });
                    continue;
                }
            };
            seen += entries.len();
            if seen > MOST {
                return Err(ImportError::TooMany { most: MOST }.into());
            }
            for entry in entries {
                let path = match folder.as_str() {
                    "" => entry.name.clone(),
                    folder => format!("{folder}/{}", entry.name),
                };
                let what = match entry.kind {
                    EntryKind::Folder if entry.name == ".git" => What::Repository,
                    EntryKind::Folder => {
                        folders.push(path);
                        continue;
                    }
                    EntryKind::File => {
                        files.push(path);
                        continue;
                    }
                    EntryKind::Link => What::Link,
                    EntryKind::Other => self.other(&path),
                };
                all.push(Met { path, what });
            }
        }
        let mut looked: Vec<(String, T)> = cores::each(files, FEW, |path| {
            let what = self.file(&path);
            let what = what.unwrap_or_else(|error| What::Unreadable(reason(&error)));
            (path.clone(), look(Met { path, what }))
        });
        looked.extend(all.into_iter().map(|met| (met.path.clone(), look(met))));
        looked.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(looked.into_iter().map(|(_, looked)| looked).collect())
    }

    fn file(&self, path: &str) -> Result<What, FsError> {
        let (file, about) = self.open_file(path)?;
        let limit = u64::try_from(HEAD).unwrap_or(u64::MAX);
        // All of its memory is wiped, byte by byte.
        let room = usize::try_from(about.len().saturating_add(1)).unwrap_or(HEAD);
        let mut head = Zeroizing::new(Vec::with_capacity(room.min(HEAD)));
        file.take(limit)
            .read_to_end(&mut head)
            .map_err(|error| FsError::io("read", &self.tree.join(path))(error))?;
        let mode = about.permissions().mode() & 0o7777;
        Ok(What::File(Begun { head, mode }))
    }

    /// A name that is not UTF-8 is listed by what it looks like, under which nothing lies.
    fn other(&self, path: &str) -> What {
        match self.tree.exists(path) {
            Ok(true) => What::Special,
            Ok(false) => What::NotUtf8Name,
            Err(error) => What::Unreadable(reason(&error)),
        }
    }

    /// Opens one of its files.
    pub(super) fn open_file(&self, path: &str) -> Result<(File, std::fs::Metadata), FsError> {
        let gone =
            || FsError::io("read", &self.tree.join(path))(std::io::ErrorKind::NotFound.into());
        self.tree.file_and_about(path)?.ok_or_else(gone)
    }

    /// Reads one of its files, of at most `most` bytes; `None` if it is larger.
    pub(super) fn read(
        &self,
        path: &str,
        most: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, FsError> {
        match self.tree.read(path, most) {
            Ok(Some(bytes)) => Ok(Some(Zeroizing::new(bytes))),
            Ok(None) => Err(FsError::io("read", &self.tree.join(path))(
                std::io::ErrorKind::NotFound.into(),
            )),
            Err(FsError::TooLarge { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a single file was named.
    pub(super) fn is_one_file(&self) -> bool {
        self.only.is_some()
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }
}

/// Why, without the path.
fn reason(error: &FsError) -> String {
    match error {
        FsError::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}
