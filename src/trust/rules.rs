//! The files of rules as one set, held to being consistent before anybody signs or accepts them.

use std::collections::BTreeMap;

use super::settings::{SETTINGS_FILE, Settings};
use crate::crypto::sshsig::PublicKey;
use crate::error::{Code, Explain};
use crate::lines::LineError;
use crate::name::{PartyName, SecretPath};
use crate::recipients::{ACCESS_FILE, Access, Kind, Party, Rights, party_file};
use crate::text::nearest;

/// What is wrong with a set of rules.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says what its variant is")]
pub enum RulesError {
    #[error("{file}, {error}")]
    Line { file: String, error: LineError },
    #[error("`{0}` is not among the files of rules")]
    Missing(&'static str),
    #[error("{file} describes a party named `{name}`")]
    OtherName { file: String, name: String },
    #[error("`{0}` is the name of a party and of a group")]
    BothPartyAndGroup(String),
    #[error("the rules mention `{name}`, which is neither a party nor a group")]
    Unknown {
        name: String,
        nearest: Option<String>,
    },
    #[error("the group `{group}` has the group `{member}` as a member")]
    Nested { group: String, member: String },
    #[error("the rule for `{0}` covers nothing: no secret has such a path")]
    CoversNothing(String),
    #[error("the rule for `{0}` leaves nobody to read")]
    NobodyReads(String),
    #[error("there is no party `{name}`")]
    NoParty {
        name: String,
        nearest: Option<String>,
    },
    #[error("there is a party `{0}` already")]
    PartyExists(String),
    #[error("there is a host `{0}` already")]
    HostExists(String),
}

impl Explain for RulesError {
    fn code(&self) -> Code {
        match self {
            Self::Line { error, .. } => error.code(),
            Self::NoParty { .. } => Code::NotFound,
            Self::PartyExists(_) | Self::HostExists(_) => Code::Conflict,
            _ => Code::Trust,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Line { error, .. } => error.hints(),
            Self::Unknown {
                nearest: Some(near),
                ..
            }
            | Self::NoParty {
                nearest: Some(near),
                ..
            } => vec![format!("is `{near}` meant?")],
            Self::Unknown {
                name,
                nearest: None,
            } => {
                vec![
                    format!("`clws recipient add {name} FILE` adds a party"),
                    format!(
                        "a group is a table of recipients/access.toml, `[group.{name}]` with `members = [\"…\"]`; then \
                         `clws trust sign`"
                    ),
                ]
            }
            Self::OtherName { file, name } => {
                vec![format!("rename {file} to recipients/{name}.toml")]
            }
            Self::Nested { .. } => vec!["list its members instead".into()],
            Self::CoversNothing(_) => {
                vec!["a scope is wanted, or what follows one at a `/`: `prod`, `prod/web`".into()]
            }
            Self::NoParty { nearest: None, .. } => {
                vec!["`clws recipient list` shows who there is".into()]
            }
            Self::NobodyReads(prefix) => vec![format!(
                "`clws access grant WHO {prefix} --read` gives it another reader first"
            )],
            Self::PartyExists(name) => {
                vec![format!(
                    "`clws recipient update {name} FILE` adds keys to it"
                )]
            }
            Self::HostExists(name) => vec![
                format!(
                    "what it lacks goes into recipients/{name}.toml, `machine_type = \"…\"` say, then `clws trust sign`"
                ),
                format!("`clws host scan {name} --add` takes its host keys"),
            ],
            _ => Vec::new(),
        }
    }
}

impl RulesError {
    /// That a party has this name.
    #[must_use]
    pub fn exists(party: &Party) -> Self {
        let name = party.name.to_string();
        match party.kind {
            Kind::Host => Self::HostExists(name),
            _ => Self::PartyExists(name),
        }
    }
}

/// All files of rules, by their path in the vault.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rules(BTreeMap<String, Vec<u8>>);

impl Rules {
    /// Takes the files as they are.
    #[must_use]
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self(files)
    }

    /// The files.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.0
    }

    /// The files, taken out.
    #[must_use]
    pub fn into_files(self) -> BTreeMap<String, Vec<u8>> {
        self.0
    }

    fn file(&self, name: &'static str) -> Result<&[u8], RulesError> {
        self.0
            .get(name)
            .map(Vec::as_slice)
            .ok_or(RulesError::Missing(name))
    }

    /// The settings.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn settings(&self) -> Result<Settings, RulesError> {
        let file = SETTINGS_FILE;
        Settings::parse(self.file(file)?).map_err(in_file(file))
    }

    /// Groups and rules.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn access(&self) -> Result<Access, RulesError> {
        let file = ACCESS_FILE;
        Access::parse(self.file(file)?).map_err(in_file(file))
    }

    /// All parties, by name.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn parties(&self) -> Result<BTreeMap<PartyName, Party>, RulesError> {
        let mut parties = BTreeMap::new();
        for (file, bytes) in &self.0 {
            if file == SETTINGS_FILE || file == ACCESS_FILE {
                continue;
            }
            let party = party_in(file, bytes)?;
            parties.insert(party.name.clone(), party);
        }
        Ok(parties)
    }

    /// One party.
    ///
    /// # Errors
    /// [`RulesError::NoParty`].
    pub fn party(&self, name: &PartyName) -> Result<Party, RulesError> {
        let file = party_file(name);
        if let Some(bytes) = self.0.get(&file) {
            return party_in(&file, bytes);
        }
        let parties = self.0.keys().filter(|file| *file != ACCESS_FILE);
        let names =
            parties.filter_map(|file| file.strip_prefix("recipients/")?.strip_suffix(".toml"));
        let near = nearest(name.as_str(), names);
        Err(RulesError::NoParty {
            name: name.to_string(),
            nearest: near.map(str::to_owned),
        })
    }

    /// Those of `admins` who decide with a key that their party does not sign with.
    ///
    /// # Errors
    /// [`RulesError`].
    pub fn with_other_keys(
        &self,
        admins: &BTreeMap<PartyName, PublicKey>,
    ) -> Result<Vec<PartyName>, RulesError> {
        let parties = self.parties()?;
        let signs = |name: &PartyName, key: &PublicKey| {
            let party = parties.get(name);
            party.is_some_and(|party| party.signs_with(key))
        };
        let other = admins.iter().filter(|(name, key)| !signs(name, key));
        Ok(other.map(|(name, _)| name.clone()).collect())
    }

    /// Puts groups and rules in.
    pub fn set_access(&mut self, access: &Access) {
        self.0
            .insert(ACCESS_FILE.to_owned(), access.print().into_bytes());
    }

    /// Puts a party in.
    pub fn set_party(&mut self, party: &Party) {
        self.0
            .insert(party_file(&party.name), party.print().into_bytes());
    }

    /// Takes a party out: its file, and its name from every group and rule.
    ///
    /// # Errors
    /// [`RulesError::NoParty`]; [`RulesError`] if the rules do not read.
    pub fn remove_party(&mut self, name: &PartyName) -> Result<(), RulesError> {
        self.party(name)?;
        let mut access = self.access()?;
        access.forget(name);
        self.set_access(&access);
        self.0.remove(&party_file(name));
        Ok(())
    }

    /// Holds the files together: every name leads somewhere, and every rule to a reader.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), RulesError> {
        self.settings()?;
        let (access, parties) = (self.access()?, self.parties()?);
        for (group, members) in &access.groups {
            if parties.contains_key(group) {
                return Err(RulesError::BothPartyAndGroup(group.to_string()));
            }
            if let Some(member) = members
                .iter()
                .find(|member| access.groups.contains_key(*member))
            {
                let (group, member) = (group.to_string(), member.to_string());
                return Err(RulesError::Nested { group, member });
            }
        }
        for name in access.mentioned() {
            if !parties.contains_key(name) && !access.groups.contains_key(name) {
                let known = parties
                    .keys()
                    .chain(access.groups.keys())
                    .map(PartyName::as_str);
                return Err(RulesError::Unknown {
                    name: name.to_string(),
                    nearest: nearest(name.as_str(), known).map(str::to_owned),
                });
            }
        }
        for prefix in access.rules.keys() {
            let path = prefix.parse::<SecretPath>();
            if !path.is_ok_and(|path| path.as_str() == prefix) {
                return Err(RulesError::CoversNothing(prefix.clone()));
            }
            let rights = Rights::on(&access, prefix);
            if rights.is_none_or(|rights| rights.readers.is_empty()) {
                return Err(RulesError::NobodyReads(prefix.clone()));
            }
        }
        Ok(())
    }
}

/// What a file of rules that does not read is refused with.
pub(super) fn in_file(file: &str) -> impl FnOnce(LineError) -> RulesError {
    let file = file.to_owned();
    move |error| RulesError::Line { file, error }
}

/// The party whose file this is. One under another name would lend its keys to that name.
pub(super) fn party_in(file: &str, bytes: &[u8]) -> Result<Party, RulesError> {
    let party = Party::parse(bytes).map_err(in_file(file))?;
    if party_file(&party.name) == *file {
        return Ok(party);
    }
    Err(RulesError::OtherName {
        file: file.to_owned(),
        name: party.name.to_string(),
    })
}
