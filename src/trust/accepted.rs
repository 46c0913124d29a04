//! The rules that this machine goes by: a copy of what a trust version signed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::register::damaged;
use super::rules::{in_file, party_in};
use super::settings::{Rollback, SETTINGS_FILE, Settings};
use super::{Rules, RulesError, TrustError, Version};
use crate::crypto::sha256;
use crate::fs::{self, EntryKind, Files, FsError, Tree};
use crate::name::{PartyName, Scope};
use crate::recipients::{ACCESS_FILE, Access, Party, Rights, party_file};
use crate::text::by_number;

/// No file of rules is larger: 16 MiB, as every file in the line form.
pub(super) const MAX_RULES: usize = crate::lines::MAX_FILE;

/// All of them together: a party of a host takes a kilobyte, and whoever can push can lay thousands of files here, of
/// which git keeps one.
const MAX_ALL: usize = 64 * 1024 * 1024;

/// How much of the files of rules was read.
#[derive(Default)]
pub(super) struct Size(usize);

impl Size {
    /// Reads one more of them.
    pub(super) fn read(
        &mut self,
        tree: &dyn Files,
        file: &str,
    ) -> Result<Option<Vec<u8>>, FsError> {
        let bytes = tree.read(file, MAX_RULES)?;
        self.0 += bytes.as_ref().map_or(0, Vec::len);
        if self.0 > MAX_ALL {
            let path = tree.place().join("recipients");
            return Err(FsError::TooLarge {
                path,
                most: MAX_ALL,
            });
        }
        Ok(bytes)
    }
}

/// The rules of one trust version.
#[derive(Clone, Debug)]
pub struct Accepted {
    number: u64,
    settings: Settings,
    access: Access,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// The copy beside the pin; parties are read when they are asked for.
    Copy(PathBuf),
    /// Files that were read and compared with the version's hashes.
    Read(BTreeMap<String, Vec<u8>>),
}

/// One way in which the files of rules differ from what was signed.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Difference {
    /// Other content.
    Changed(String),
    /// A file that no version lists.
    Added(String),
    /// A listed file that is not there.
    Missing(String),
}

impl Difference {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &str {
        match self {
            Self::Changed(file) | Self::Added(file) | Self::Missing(file) => file,
        }
    }
}

impl Accepted {
    pub(super) fn from_copy(copy: PathBuf, number: u64) -> Result<Self, TrustError> {
        let read = |file: &str| -> Result<Vec<u8>, TrustError> {
            let path = copy.join(file);
            fs::read_private(&path, MAX_RULES)?.ok_or_else(|| damaged(&path, "it is missing"))
        };
        let (settings, access) = (read(SETTINGS_FILE)?, read(ACCESS_FILE)?);
        Ok(Self {
            number,
            settings: Settings::parse(&settings)
                .map_err(in_file(SETTINGS_FILE))
                .map_err(of_version(number))?,
            access: Access::parse(&access)
                .map_err(in_file(ACCESS_FILE))
                .map_err(of_version(number))?,
            source: Source::Copy(copy),
        })
    }

    /// Takes the files of rules from a working tree, if they are what `version` signed.
    pub(super) fn from_tree(tree: &dyn Files, version: &Version) -> Result<Self, TrustError> {
        Self::of_files(signed_files(tree, version)?, version.number)
    }

    /// The rules that these files hold, as if they were accepted: what a change of rules seals by.
    ///
    /// # Errors
    /// [`TrustError::Rules`].
    pub fn of_files(files: BTreeMap<String, Vec<u8>>, number: u64) -> Result<Self, TrustError> {
        let rules = Rules::new(files);
        Ok(Self {
            number,
            settings: rules.settings().map_err(of_version(number))?,
            access: rules.access().map_err(of_version(number))?,
            source: Source::Read(rules.into_files()),
        })
    }

    /// All files of these rules.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn files(&self) -> Result<BTreeMap<String, Vec<u8>>, TrustError> {
        let copy = match &self.source {
            Source::Read(files) => return Ok(files.clone()),
            Source::Copy(copy) => copy,
        };
        let mut files = BTreeMap::new();
        let parties = self
            .party_names()?
            .iter()
            .map(party_file)
            .collect::<Vec<_>>();
        for file in parties
            .into_iter()
            .chain([SETTINGS_FILE.to_owned(), ACCESS_FILE.to_owned()])
        {
            if let Some(bytes) = fs::read_private(&copy.join(&file), MAX_RULES)? {
                files.insert(file, bytes);
            }
        }
        Ok(files)
    }

    /// The trust version whose rules these are.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The vault's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The rules.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Who has which right on a path; `None` if no rule covers it.
    #[must_use]
    pub fn rights(&self, path: &str) -> Option<Rights> {
        Rights::on(&self.access, path)
    }

    /// What a use of something old leads to in a scope.
    #[must_use]
    pub fn rollback(&self, scope: &Scope) -> Rollback {
        self.settings.rollback(scope)
    }

    /// A party.
    ///
    /// # Errors
    /// [`TrustError::NoParty`], [`TrustError::Rules`], [`TrustError::Fs`].
    pub fn party(&self, name: &PartyName) -> Result<Party, TrustError> {
        let missing = || TrustError::NoParty {
            name: name.to_string(),
            nearest: None,
        };
        let file = party_file(name);
        let copied;
        let bytes = match &self.source {
            Source::Copy(copy) => {
                copied = fs::read_private(&copy.join(&file), MAX_RULES)?;
                copied.as_ref()
            }
            Source::Read(files) => files.get(&file),
        };
        party_in(&file, bytes.ok_or_else(missing)?).map_err(of_version(self.number))
    }

    /// The names of all parties, in the order in which people look for them.
    ///
    /// # Errors
    /// [`TrustError::Fs`].
    pub fn party_names(&self) -> Result<Vec<PartyName>, TrustError> {
        let files: Vec<String> = match &self.source {
            Source::Read(files) => files.keys().cloned().collect(),
            Source::Copy(copy) => {
                let entries = Tree::open(copy)?.entries("recipients")?;
                entries
                    .into_iter()
                    .map(|entry| format!("recipients/{}", entry.name))
                    .collect()
            }
        };
        let mut names: Vec<PartyName> = files.iter().filter_map(|file| party_of(file)).collect();
        names.sort_by(|one, other| by_number(one.as_str(), other.as_str()));
        Ok(names)
    }
}

/// That the rules which a version signed are not such.
fn of_version(number: u64) -> impl FnOnce(RulesError) -> TrustError {
    move |error| TrustError::Rules {
        number,
        error: Box::new(error),
    }
}

/// The files of rules in a working tree, if they are what `version` signed and hold together: what may be accepted.
///
/// # Errors
/// [`TrustError::Rules`], [`TrustError::Unsigned`], [`TrustError::Fs`].
pub(super) fn sound_files(
    tree: &dyn Files,
    version: &Version,
) -> Result<BTreeMap<String, Vec<u8>>, TrustError> {
    let rules = Rules::new(signed_files(tree, version)?);
    rules.check().map_err(of_version(version.number))?;
    Ok(rules.into_files())
}

/// The party whose file this is, by its name.
pub(super) fn party_of(file: &str) -> Option<PartyName> {
    file.strip_prefix("recipients/")?
        .strip_suffix(".toml")?
        .parse()
        .ok()
}

/// The files of rules as they lie in a working tree, or in a commit.
///
/// # Errors
/// [`TrustError::Fs`].
pub fn rule_files(tree: &dyn Files) -> Result<BTreeMap<String, Vec<u8>>, TrustError> {
    let mut files = BTreeMap::new();
    let mut names = vec![SETTINGS_FILE.to_owned(), ACCESS_FILE.to_owned()];
    for entry in tree.entries("recipients")? {
        let file = format!("recipients/{}", entry.name);
        if entry.kind != EntryKind::Folder && party_of(&file).is_some() {
            names.push(file);
        }
    }
    let mut size = Size::default();
    for name in names {
        if let Some(bytes) = size.read(tree, &name)? {
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

/// How the working tree's files of rules differ from what `version` signed.
pub(super) fn differences(files: &BTreeMap<String, Vec<u8>>, version: &Version) -> Vec<Difference> {
    let mut found = Vec::new();
    for (file, hash) in &version.files {
        match files.get(file) {
            None => found.push(Difference::Missing(file.clone())),
            Some(bytes) if sha256(bytes) != *hash => found.push(Difference::Changed(file.clone())),
            Some(_) => {}
        }
    }
    for file in files.keys() {
        if !version.files.contains_key(file) {
            found.push(Difference::Added(file.clone()));
        }
    }
    found
}

/// The files of rules in a working tree, if they are what `version` signed; others are left out.
///
/// # Errors
/// [`TrustError::Unsigned`], [`TrustError::Fs`].
pub fn signed_files(
    tree: &dyn Files,
    version: &Version,
) -> Result<BTreeMap<String, Vec<u8>>, TrustError> {
    let mut files = rule_files(tree)?;
    let found = differences(&files, version);
    // A party that nobody signed yet is a proposal, and no reason to distrust the rest.
    let wrong: Vec<_> = found
        .iter()
        .filter(|d| !matches!(d, Difference::Added(_)))
        .collect();
    if let Some(first) = wrong.first() {
        return Err(TrustError::Unsigned {
            file: first.file().to_owned(),
            number: version.number,
            all: wrong.len(),
        });
    }
    files.retain(|file, _| version.files.contains_key(file));
    Ok(files)
}
