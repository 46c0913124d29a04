//! Names of the vault and of this person, as files and their headers show them.
//!
//! A fault hides names and is nobody's error: the command itself says what is wrong.

use std::any::TypeId;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};

use super::line::Line;
use crate::cli::context::Context;
use crate::exec::{FileRequest, Rename};
use crate::fleet::place_of;
use crate::fs::{EntryKind, Tree};
use crate::hook;
use crate::lines::MAX_FILE;
use crate::name::{
    Component, DocumentPath, FilePath, IdentityName, PartyName, Scope, SecretPath, ValueName,
};
use crate::recipients::{self, ACCESS_FILE, Access, Party, Use};
use crate::rotate::ROTATORS;
use crate::trust::{newest_number, read_version};
use crate::world::World;

/// What kind of name is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Scopes, documents, values, files.
    Secrets,
    Scopes,
    /// The same behind `NAME=`.
    Assigned,
    /// Parties, hosts among them.
    Parties,
    /// Parties who can sign: by their name, or by each of their keys where it would have to be said.
    Signers,
    /// Administrators.
    Admins,
    /// Parties, and groups of the rules.
    Holders,
    Hosts,
    /// Hosts, environments, and groups like `prod_server`, separated by commas.
    Targets,
    Components,
    /// Those of clws, and components.
    Rotators,
    Identities,
    /// Keys of the party that the line names.
    Keys,
}

/// What kind of name an argument takes, if it is one that is there already: its type says so mostly.
pub(super) fn wanted(command: &Command, arg: &Arg) -> Option<Kind> {
    let parser = arg.get_value_parser().type_id();
    let is = |id: TypeId| parser == id;
    let below = |noun: &str| {
        let path = command.get_bin_name().unwrap_or_default();
        path.split(' ').nth(1) == Some(noun)
    };
    let verb = command.get_name();
    match arg.get_id().as_str() {
        "on" => Some(Kind::Targets),
        "rotator" => Some(Kind::Rotators),
        "admins" => Some(Kind::Signers),
        "without" => Some(Kind::Admins),
        "drop" if below("recipient") => Some(Kind::Keys),
        _ if is(TypeId::of::<SecretPath>()) => Some(Kind::Secrets),
        _ if is(TypeId::of::<FileRequest>()) || is(TypeId::of::<Rename>()) => Some(Kind::Assigned),
        _ if is(TypeId::of::<Scope>()) => Some(Kind::Scopes),
        _ if is(TypeId::of::<Component>()) => Some(Kind::Components),
        "name" if matches!(verb, "add" | "new" | "init" | "import") => None,
        "name" if below("identity") => Some(Kind::Identities),
        "who" | "owner" => Some(Kind::Holders),
        "host" | "jump" => Some(Kind::Hosts),
        "name" if below("host") => Some(Kind::Hosts),
        _ if is(TypeId::of::<PartyName>()) => Some(Kind::Parties),
        _ if is(TypeId::of::<IdentityName>()) => Some(Kind::Identities),
        _ => None,
    }
}

/// Where names are looked for.
pub(super) struct Names<'a> {
    tree: Option<Tree>,
    world: &'a World,
}

impl<'a> Names<'a> {
    /// Those of the vault that the line names, or of the one that a command would take.
    pub(super) fn of(cx: &'a Context, vault: Option<&str>) -> Self {
        let named = vault.map(|dir| cx.world.folder().join(at_home(&cx.world, dir)));
        let folder = named.map_or_else(|| cx.vault_path().ok(), Some);
        Self {
            tree: folder.and_then(|folder| Tree::open(&folder).ok()),
            world: &cx.world,
        }
    }

    /// The names of a kind that may begin with what is typed; each is a whole word.
    pub(super) fn of_kind(&self, kind: Kind, line: &Line<'_>) -> Vec<String> {
        let typed = line.typed.as_str();
        match kind {
            Kind::Secrets => self.secrets(typed),
            Kind::Scopes => texts(self.scopes()),
            Kind::Assigned => match typed.split_once('=') {
                Some((name, path)) => {
                    let paths = self.secrets(path).into_iter();
                    paths.map(|path| format!("{name}={path}")).collect()
                }
                None => Vec::new(),
            },
            Kind::Parties => texts(self.parties()),
            Kind::Signers => self.signers(typed),
            Kind::Admins => texts(self.admins()),
            Kind::Holders => {
                let groups = self.read(ACCESS_FILE).and_then(|b| Access::parse(&b).ok());
                let groups = groups.map(|access| access.groups).unwrap_or_default();
                texts(self.parties().into_iter().chain(groups.into_keys()))
            }
            Kind::Hosts => texts(self.hosts(typed).into_iter().map(|host| host.name)),
            Kind::Targets => self.targets(typed),
            Kind::Components => texts(self.components()),
            Kind::Rotators => {
                let ours = ROTATORS.iter().map(ToString::to_string);
                ours.chain(texts(self.components())).collect()
            }
            Kind::Identities => self.identities(),
            Kind::Keys => line
                .named
                .as_deref()
                .map_or_else(Vec::new, |party| self.keys(party)),
        }
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.tree.as_ref()?.read(path, MAX_FILE).ok()?
    }

    /// The files and folders of a folder that are what they seem.
    fn entries(&self, folder: &str) -> Vec<(String, bool)> {
        let tree = self.tree.as_ref();
        let entries = tree.and_then(|tree| tree.entries(folder).ok());
        let known = entries.into_iter().flatten().filter_map(|entry| {
            let is_folder = entry.kind == EntryKind::Folder;
            (is_folder || entry.kind == EntryKind::File).then_some((entry.name, is_folder))
        });
        known.collect()
    }

    fn scopes(&self) -> Vec<Scope> {
        let entries = self.entries("secrets").into_iter();
        let folders = entries.filter(|(_, is_folder)| *is_folder);
        folders.filter_map(|(name, _)| name.parse().ok()).collect()
    }

    /// One step further down than `typed`, and two where that leaves one document.
    fn secrets(&self, typed: &str) -> Vec<String> {
        let Some((folder, _)) = typed.rsplit_once('/') else {
            return texts(self.scopes())
                .iter()
                .map(|scope| format!("{scope}/"))
                .collect();
        };
        if folder.parse::<SecretPath>().is_err() {
            return Vec::new();
        }
        let mut found = self.values(folder);
        let mut documents = Vec::new();
        for (name, is_folder) in self.entries(&format!("secrets/{folder}")) {
            let path = |name: &str| format!("{folder}/{name}");
            if is_folder {
                // It may hold files, whose names tell whether it could be one of ours.
                let named = path(&name);
                found.extend(
                    named
                        .parse::<FilePath>()
                        .is_ok()
                        .then(|| format!("{named}/")),
                );
            } else if let Some(name) = name.strip_suffix(".age.toml") {
                found.extend(
                    path(name)
                        .parse::<FilePath>()
                        .ok()
                        .map(|path| path.to_string()),
                );
            } else if let Some(name) = name.strip_suffix(".toml") {
                documents.extend(path(name).parse::<DocumentPath>().ok());
            }
        }
        documents.retain(|document| document.as_str().starts_with(typed));
        if let [only] = documents.as_slice() {
            found.extend(self.values(only.as_str()));
        }
        found.extend(texts(documents));
        found
    }

    /// The values of a document, by their headers; without those that were removed.
    fn values(&self, document: &str) -> Vec<String> {
        let Ok(path) = document.parse::<DocumentPath>() else {
            return Vec::new();
        };
        let text = self.read(&path.to_file()).unwrap_or_default();
        let mut found = Vec::<ValueName>::new();
        let mut inside = false;
        for line in text.split(|byte| *byte == b'\n') {
            if line.first() == Some(&b'[') {
                let name = std::str::from_utf8(line).ok().and_then(named_by);
                inside = name.is_some();
                found.extend(name);
            } else if inside && line == br#"state = "removed""# {
                found.pop();
                inside = false;
            }
        }
        found.iter().map(|name| format!("{path}/{name}")).collect()
    }

    fn parties(&self) -> Vec<PartyName> {
        let files = self.entries("recipients").into_iter();
        let files = files.filter(|(_, is_folder)| !is_folder);
        files
            .filter_map(|(name, _)| name.strip_suffix(".toml")?.parse().ok())
            .collect()
    }

    /// The parties whose names begin so, read.
    fn begun(&self, typed: &str) -> impl Iterator<Item = Party> {
        let parties = self.parties().into_iter();
        let begun = parties.filter(move |name| name.as_str().starts_with(typed));
        begun.filter_map(|name| {
            let bytes = self.read(&recipients::party_file(&name))?;
            let party = Party::parse(&bytes).ok()?;
            (party.name == name).then_some(party)
        })
    }

    /// The hosts whose names begin so.
    fn hosts(&self, typed: &str) -> Vec<Party> {
        let is_host = |party: &Party| party.kind == recipients::Kind::Host;
        self.begun(typed).filter(is_host).collect()
    }

    /// The names of a party's keys, to open with, to sign with, and a host's own.
    fn keys(&self, party: &str) -> Vec<String> {
        let party = self.begun(party).find(|known| known.name.as_str() == party);
        let Some(party) = party else {
            return Vec::new();
        };
        let opens = party.recipients.iter().map(|key| &key.name);
        let signs = party.signing.iter().map(|key| &key.name);
        let proves = party.host_keys.iter().map(|key| &key.name);
        let names: BTreeSet<&String> = opens.chain(signs).chain(proves).collect();
        // A label is any text; one that is no name is left out.
        let names = names
            .into_iter()
            .filter(|name| name.parse::<PartyName>().is_ok());
        names.cloned().collect()
    }

    fn signers(&self, typed: &str) -> Vec<String> {
        let name = typed.split('/').next().unwrap_or_default();
        let mut found = Vec::new();
        for party in self.begun(name) {
            let keys = party.signing.iter();
            let keys: Vec<_> = keys.filter(|key| key.usable == Use::Sign).collect();
            match keys.as_slice() {
                [_] => found.push(party.name.to_string()),
                keys => {
                    let labels = keys.iter().map(|key| key.name.as_str());
                    // A label is any text; one that is no name is left out.
                    let labels = labels.filter(|label| label.parse::<PartyName>().is_ok());
                    found.extend(labels.map(|label| format!("{}/{label}", party.name)));
                }
            }
        }
        found
    }

    fn admins(&self) -> Vec<PartyName> {
        let newest = self.tree.as_ref().and_then(|tree| {
            let number = newest_number(tree).ok()?;
            read_version(tree, number).ok()
        });
        newest.map_or_else(Vec::new, |version| version.admins.into_keys().collect())
    }

    fn targets(&self, typed: &str) -> Vec<String> {
        let before = typed.rfind(',').map_or(0, |at| at + 1);
        let mut found = BTreeSet::new();
        for host in self.hosts("") {
            if let (Some(scope), machine_type) = place_of(&host) {
                let group = machine_type.map(|machine_type| format!("{scope}_{machine_type}"));
                // A machine type is any text; one that is no name is left out.
                found.extend(group.filter(|group| group.parse::<PartyName>().is_ok()));
                found.insert(scope.to_string());
            }
            found.insert(host.name.to_string());
        }
        let before = typed.get(..before).unwrap_or_default();
        let found = found.into_iter();
        found.map(|name| format!("{before}{name}")).collect()
    }

    fn components(&self) -> Vec<Component> {
        let tree = self.tree.as_ref();
        tree.and_then(|tree| hook::components(tree).ok())
            .unwrap_or_default()
    }

    fn identities(&self) -> Vec<String> {
        let folder = self.world.config_dir().map(|dir| dir.join("identities"));
        let names = folder.ok().and_then(|dir| crate::fs::names(&dir).ok());
        let names = names.unwrap_or_default().into_iter();
        let names = names.filter_map(|name| name.to_str()?.parse::<IdentityName>().ok());
        let mut names: Vec<String> = names.map(|name| name.as_str().to_owned()).collect();
        names.sort();
        names
    }
}

/// The name in a header `[secret.NAME]`.
fn named_by(line: &str) -> Option<ValueName> {
    let name = line.strip_prefix("[secret.")?.strip_suffix(']')?;
    let bare = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    bare.unwrap_or(name).parse().ok()
}

fn texts(names: impl IntoIterator<Item: Display>) -> Vec<String> {
    names.into_iter().map(|name| name.to_string()).collect()
}

/// A folder as the shell has it before it puts the home folder in.
fn at_home(world: &World, dir: &str) -> PathBuf {
    let home = world.variable("HOME").map(Path::new);
    match (dir.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(dir),
    }
}
