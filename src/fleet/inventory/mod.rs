//! Hosts as other tools list them: `az vm list -d -o json`, inventories of Ansible in INI and YAML.
//!
//! Of an inventory only the hosts, their groups and how they are reached are read. Nothing is run, no
//! other file is opened (`host_vars`, `group_vars`), and a template counts as not said.

mod az;
mod groups;
mod ini;
mod plan;
mod words;
mod yaml;

use std::collections::BTreeSet;

use super::host::LOCAL;
use super::ssh_config::Jump;
use crate::error::{Code, Explain};
use crate::plaintext::Fault;
use crate::text::clean_line;

pub use plan::{Change, Defaults, Item, plan};

/// A host as a source lists it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listed {
    /// Its name there.
    pub name: String,
    /// Address or name, from the public net where there are two.
    pub address: Option<String>,
    /// Whether it is this machine, whatever its address is.
    pub is_here: bool,
    /// Address in its own net.
    pub private_address: Option<String>,
    /// The port of its SSH server.
    pub port: Option<u16>,
    /// The user to log in as.
    pub user: Option<String>,
    /// The host to go through.
    pub jump: Option<Jump>,
    /// The groups that it is in.
    pub groups: BTreeSet<String>,
    /// What of it could not be taken, and why.
    pub odd: Vec<String>,
    /// Why it is no host for clws.
    pub unfit: Option<String>,
}

/// Why a file is no list of hosts.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// It does not read.
    #[error("it reads as {kind} and then not: {}{}", fault.why, fault.line.map(|line| format!(" in line {line}")).unwrap_or_default())]
    Broken {
        /// What it seemed to be.
        kind: &'static str,
        /// What is wrong.
        fault: Fault,
    },
    /// It lists nothing.
    #[error("no host stands in it")]
    Empty,
}

impl Explain for InventoryError {
    fn code(&self) -> Code {
        Code::DataErr
    }

    fn hints(&self) -> Vec<String> {
        vec![
            "it takes what `az vm list -d -o json` prints, and Ansible inventories in INI and YAML"
                .to_owned(),
        ]
    }
}

/// Reads a list of hosts, of whichever kind it is.
///
/// # Errors
/// [`InventoryError`].
pub fn read(text: &str) -> Result<Vec<Listed>, InventoryError> {
    let (kind, read) = match kind(text) {
        Kind::Az => ("JSON of `az vm list`", az::read(text)),
        Kind::Yaml => ("an inventory in YAML", yaml::read(text)),
        Kind::Ini => ("an inventory in INI", ini::read(text)),
    };
    let listed = read.map_err(|fault| InventoryError::Broken { kind, fault })?;
    if listed.is_empty() {
        return Err(InventoryError::Empty);
    }
    Ok(listed.into_iter().map(plain).collect())
}

/// Leaves out what is no address, and says so. `local` would be this machine, which no address that somebody else gave a
/// host of theirs is to mean.
fn plain(mut listed: Listed) -> Listed {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._-:%".contains(&b);
    let is_one = |text: &String| text != LOCAL && !text.starts_with('-') && text.bytes().all(good);
    for address in [&mut listed.address, &mut listed.private_address] {
        if let Some(other) = address.take_if(|text| !is_one(text))
            && !listed.is_here
        {
            let other = clean_line(&other);
            listed.odd.push(format!("an address (`{other}` is none)"));
        }
    }
    listed
}

/// Whether somebody can log in under a name: a word, which neither a shell nor SSH takes for more.
#[must_use]
pub fn is_user_name(text: &str) -> bool {
    let is_one =
        |c: char| !c.is_whitespace() && !c.is_control() && !"\"'`$;|&<>()*?/:,".contains(c);
    !text.is_empty() && !text.starts_with('-') && text.chars().all(is_one)
}

enum Kind {
    Az,
    Ini,
    Yaml,
}

/// By the first line that says something: a group of INI stands in brackets like a list of JSON.
fn kind(text: &str) -> Kind {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return Kind::Az;
    }
    let first = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    match first {
        Some(line) if line == "---" || line.starts_with('{') => Kind::Yaml,
        Some(line) => {
            let said = line.split(" #").next().unwrap_or_default().trim_end();
            if said.ends_with(':') {
                Kind::Yaml
            } else {
                Kind::Ini
            }
        }
        None => Kind::Ini,
    }
}
