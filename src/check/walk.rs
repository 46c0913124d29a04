//! What lies below `secrets/`: documents, files with their sidecars, and what does not belong there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Finding, Kind};
use crate::error::Error;
use crate::fs::{Entry, EntryKind, is_random_name};
use crate::lines::MAX_FILE;
use crate::name::{DocumentPath, FilePath, Scope};
use crate::text::{clean_line, shell_word};

/// What git itself keeps in folders.
const OF_GIT: [&str; 3] = [".gitattributes", ".gitignore", ".gitkeep"];

/// What was found, by name.
#[derive(Default)]
struct Found {
    documents: Vec<DocumentPath>,
    sidecars: BTreeSet<FilePath>,
    age_files: BTreeSet<FilePath>,
    /// Each path in lower case, with its spellings and what they are.
    spellings: BTreeMap<String, BTreeSet<(String, &'static str)>>,
}

impl Check<'_> {
    /// Checks everything below `secrets/`.
    pub(super) fn secrets(&mut self) -> Result<(), Error> {
        let mut found = Found::default();
        self.folder("", &mut found)?;
        for path in &found.documents {
            let file = path.to_file();
            match self.vault.tree().read(&file, MAX_FILE) {
                Ok(Some(bytes)) => self.document(path, &bytes)?,
                Ok(None) => {}
                Err(error) => {
                    self.unread.insert(path.to_string());
                    self.add(Finding::of(Kind::Form, path.as_str(), &error));
                }
            }
        }
        for path in &found.sidecars {
            self.file(path)?;
        }
        for path in found.age_files.difference(&found.sidecars) {
            let file = path.to_file();
            let why = format!("{file} has no sidecar, so nobody vouches for it");
            let next = format!("git log -- {}", path.to_sidecar());
            self.add(Finding::new(Kind::Content, path.as_str(), why).next(next));
        }
        self.clashes(&found);
        Ok(())
    }

    fn folder(&mut self, path: &str, found: &mut Found) -> Result<(), Error> {
        let folder = format!("secrets/{path}");
        for entry in self.entries(&folder) {
            let full = if path.is_empty() {
                entry.name.clone()
            } else {
                format!("{path}/{}", entry.name)
            };
            match entry.kind {
                EntryKind::Folder if is_folder_name(&full) => {
                    found.spelled(&full, "folder");
                    self.folder(&full, found)?;
                }
                EntryKind::File => {
                    if !found.take(&full) {
                        self.stray(&full, &entry)?;
                    }
                }
                _ => self.stray(&full, &entry)?,
            }
        }
        Ok(())
    }

    /// What lies in a folder; none of one that does not read, which is found.
    pub(super) fn entries(&mut self, folder: &str) -> Vec<Entry> {
        let entries = self.vault.tree().entries(folder.trim_end_matches('/'));
        entries.unwrap_or_else(|error| {
            self.add(Finding::of(Kind::Stray, folder, &error));
            Vec::new()
        })
    }

    /// Something that is neither a document nor a sealed file, and may hold a secret in clear.
    fn stray(&mut self, path: &str, entry: &Entry) -> Result<(), Error> {
        let file = format!("secrets/{}", clean_line(path));
        if entry.kind == EntryKind::File {
            if OF_GIT.contains(&entry.name.as_str()) {
                return Ok(());
            }
            if is_random_name(&entry.name) {
                self.stale(file, "rm");
                return Ok(());
            }
            self.private_key(&format!("secrets/{path}"))?;
        }
        if entry.kind == EntryKind::Folder && is_random_name(&entry.name) {
            self.stale(file, "rm -r");
            return Ok(());
        }
        let what = match entry.kind {
            EntryKind::File => "a file",
            EntryKind::Folder => "a folder",
            EntryKind::Link => "a link, which nothing here follows,",
            EntryKind::Other => "something",
        };
        let why = format!("{what} that is neither a sealed document nor a sealed file");
        // Whoever pushed it has named it, and people paste what is advised.
        let word = shell_word(&file);
        let next = match entry.kind {
            EntryKind::File => format!("clws secret set PATH --from-file {word}, then remove it"),
            _ => format!("git log -- {word}"),
        };
        self.add(Finding::new(Kind::Stray, file, why).next(next));
        Ok(())
    }

    fn stale(&mut self, path: String, remove: &str) {
        let why = "by its name a killed run left it, and what clws writes here is sealed";
        let next = format!("{remove} {path}");
        self.add(Finding::new(Kind::Stale, path, why).next(next));
    }

    fn clashes(&mut self, found: &Found) {
        for spellings in found.spellings.values() {
            let shown: Vec<String> = spellings
                .iter()
                .map(|(path, what)| format!("the {what} `{path}`"))
                .collect();
            if let (Some((first, _)), true) = (spellings.first(), shown.len() > 1) {
                let why = format!("{} would be one name elsewhere", crate::text::list(&shown));
                let next = way_apart(spellings)
                    .unwrap_or_else(|| format!("git log -- 'secrets/{first}*'"));
                self.add(Finding::new(Kind::Clash, first.as_str(), why).next(next));
            }
        }
    }
}

/// What takes one of several things of one name away: a file, or the values of a document, which itself stays
/// where it was signed.
fn way_apart(spellings: &BTreeSet<(String, &'static str)>) -> Option<String> {
    let first = |wanted: &str| {
        let mut all = spellings.iter();
        all.find(|(_, what)| *what == wanted).map(|(path, _)| path)
    };
    let file = first("file").map(|path| format!("clws secret move {path} OTHER"));
    file.or_else(|| {
        let path = first("document")?;
        Some(format!(
            "clws secret move {path}/NAME OTHER/NAME, for each of its values"
        ))
    })
}

impl Found {
    fn spelled(&mut self, path: &str, what: &'static str) {
        let same = self.spellings.entry(path.to_ascii_lowercase()).or_default();
        same.insert((path.to_owned(), what));
    }

    /// Takes in what is ours by its name.
    fn take(&mut self, path: &str) -> bool {
        if let Some(name) = path.strip_suffix(".age.toml") {
            let Ok(file) = name.parse::<FilePath>() else {
                return false;
            };
            self.spelled(name, "file");
            return self.sidecars.insert(file);
        }
        if let Some(name) = path.strip_suffix(".age") {
            let file = name.parse::<FilePath>();
            return file.map(|file| self.age_files.insert(file)).is_ok();
        }
        let document = path.strip_suffix(".toml").map(str::parse);
        match document {
            Some(Ok(document)) => {
                let document: DocumentPath = document;
                self.spelled(document.as_str(), "document");
                self.documents.push(document);
                true
            }
            _ => false,
        }
    }
}

/// A scope, or a folder below one.
fn is_folder_name(path: &str) -> bool {
    path.parse::<Scope>().is_ok() || format!("{path}/x").parse::<FilePath>().is_ok()
}
