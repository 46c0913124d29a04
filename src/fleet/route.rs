//! The way to a host over SSH: each server in turn, the host itself last.
//!
//! Where the party and the person's `ssh_config` both say something, the party's word counts, which
//! administrators signed. A server on the way is a host of the vault like any other, with host keys of
//! its own: nobody is gone through who did not prove themselves.

use std::path::Path;

use super::host::{Endpoint, FleetError, LOCAL};
use super::known_hosts::Revoked;
use super::ssh_config::{Jump, SshConfig, SshConfigError};
use crate::error::Error;
use crate::recipients::Kind;
use crate::vault::Vault;

/// How many servers are gone through at most on the way to a host.
pub const MOST_JUMPS: usize = 4;

/// One server on the way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hop {
    /// Its name in the vault.
    pub name: String,
    /// Address or name.
    pub address: String,
    /// Port.
    pub port: u16,
    /// The user to log in as; the person's own name if nothing says another.
    pub user: Option<String>,
    /// The keys it proves itself with, `TYPE BASE64` each.
    pub host_keys: Vec<String>,
    /// Keys that the person takes back.
    pub revoked: Vec<String>,
    /// Files of private keys that the person's `ssh_config` names, as it writes them.
    pub identity_files: Vec<String>,
    /// Files of certificates of those keys, likewise.
    pub certificate_files: Vec<String>,
    /// Whether no other key of an ssh-agent is tried.
    pub identities_only: bool,
}

/// What a person's folder `~/.ssh` says.
#[derive(Clone, Debug, Default)]
pub struct SshFolder {
    /// How hosts are reached.
    pub config: SshConfig,
    /// Keys that are taken back.
    pub revoked: Revoked,
}

impl SshFolder {
    /// Reads the folder.
    ///
    /// # Errors
    /// [`SshConfigError`].
    pub fn read(folder: &Path) -> Result<Self, SshConfigError> {
        Ok(Self {
            config: SshConfig::read(folder)?,
            revoked: Revoked::read(&folder.join("known_hosts"))?,
        })
    }
}

/// The way to a host, never empty.
///
/// # Errors
/// [`FleetError`]: no address, a jump host that is no party, a circle, more than [`MOST_JUMPS`] of
/// them; [`crate::trust::TrustError`].
pub fn route(vault: &Vault, to: &Endpoint, person: &SshFolder) -> Result<Vec<Hop>, Error> {
    let host = || to.name.to_string();
    let (mut at, mut asked) = (to.clone(), None::<Jump>);
    // What is left of a list that `ssh_config` gave.
    let mut listed: Vec<Jump> = Vec::new();
    let mut way: Vec<Hop> = Vec::new();
    loop {
        let said = person.config.of(at.name.as_str());
        let name = at.name.to_string();
        let address = at.address.clone().or(said.host_name);
        let address = address.ok_or_else(|| FleetError::NoAddress(name.clone()))?;
        let (asked_user, asked_port) = asked.map_or((None, None), |jump| (jump.user, jump.port));
        let port = at.port.or(asked_port).or(said.port).unwrap_or(22);
        let before = match (&at.jump, said.jump) {
            (Some(jump), _) => {
                listed.clear();
                Some(Jump {
                    user: None,
                    host: jump.clone(),
                    port: None,
                })
            }
            (None, _) if !listed.is_empty() => listed.pop(),
            (None, jumps) => {
                listed = jumps.unwrap_or_default();
                listed.pop()
            }
        };
        let called = [Some(&name), Some(&address), said.host_key_alias.as_ref()];
        let called: Vec<&str> = called.into_iter().flatten().map(String::as_str).collect();
        let is_known = way.iter().any(|hop| hop.name == name);
        way.push(Hop {
            revoked: person.revoked.of(&called, port),
            name,
            address,
            port,
            user: at.user.clone().or(asked_user).or(said.user),
            host_keys: at.host_keys.clone(),
            identity_files: said.identity_files,
            certificate_files: said.certificate_files,
            identities_only: said.identities_only.unwrap_or_default(),
        });
        if is_known {
            let way = way.into_iter().map(|hop| hop.name).collect();
            return Err(FleetError::JumpLoop { host: host(), way }.into());
        }
        let Some(jump) = before else {
            way.reverse();
            return Ok(way);
        };
        if way.len() > MOST_JUMPS {
            return Err(FleetError::ManyJumps { host: host() }.into());
        }
        let unknown = || FleetError::UnknownJump {
            host: at.name.to_string(),
            jump: jump.host.clone(),
        };
        at = find(vault, &jump)?.ok_or_else(unknown)?;
        asked = Some(jump);
    }
}

/// The host that a jump means: by its name in the vault, else by its address.
fn find(vault: &Vault, jump: &Jump) -> Result<Option<Endpoint>, Error> {
    let named = jump.host.parse().ok();
    if let Some(name) = named
        && let Some(party) = vault.party_if_known(&name)?
    {
        let is_host = party.kind == Kind::Host && party.address.as_deref() != Some(LOCAL);
        return Ok(is_host.then(|| Endpoint::of_party(&party)));
    }
    for name in vault.trust().accepted.party_names()? {
        let party = vault.party(&name)?;
        let is_there = party.address.as_ref() == Some(&jump.host)
            && (party.port.is_none() || jump.port.is_none() || party.port == jump.port);
        if party.kind == Kind::Host && is_there {
            return Ok(Some(Endpoint::of_party(&party)));
        }
    }
    Ok(None)
}
