//! A host: a party of that kind, with its scope and machine type.
//!
//! CodaLab's machines say both in their names, `vm-clws-<env>-<machine-type>-<index>`; any other name
//! is fine where the party says them.

use crate::error::{Code, Error, Explain};
use crate::name::{PartyName, Scope};
use crate::recipients::{Kind, Party};
use crate::vault::Vault;

/// A machine that components run on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Host {
    /// Its name, which is its party's.
    pub name: PartyName,
    /// The environment it belongs to.
    pub scope: Scope,
    /// What runs there: `server`, `worker`, `gpuworker`, `mysql`.
    pub machine_type: String,
    /// The way to it.
    pub reach: Reach,
}

/// The way to a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reach {
    /// This machine.
    Local,
    /// Over SSH.
    Ssh {
        /// Address or name.
        address: String,
        /// Port, 22 if the party says none.
        port: u16,
        /// The user to log in as; the person's own name if the party says none.
        user: Option<String>,
        /// The keys it proves itself with, `TYPE BASE64` each.
        host_keys: Vec<String>,
    },
}

/// Why a party is no host that can be deployed to.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FleetError {
    /// Neither the name nor the party says it.
    #[error("nothing says which {what} the host {host} has")]
    Unknown {
        /// The host.
        host: String,
        /// `scope` or `machine_type`.
        what: &'static str,
    },
    /// The party has no address.
    #[error("the host {0} has no address")]
    NoAddress(String),
    /// A host that goes through another one.
    #[error("the host {0} is reached through another one, which this version does not do")]
    Jump(String),
    /// No host of that name or environment.
    #[error("there is no host or environment `{on}`")]
    Nothing {
        /// What was asked for.
        on: String,
        /// The hosts that there are.
        known: Vec<String>,
    },
}

impl Explain for FleetError {
    fn code(&self) -> Code {
        match self {
            Self::Nothing { .. } => Code::NotFound,
            _ => Code::Config,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Nothing { known, .. } if !known.is_empty() => {
                vec![format!("hosts are {}", crate::text::list(known))]
            }
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unknown { host, what } => {
                vec![format!(
                    "write `{what} = \"…\"` into recipients/{host}.toml, then `clws trust sign`"
                )]
            }
            Self::NoAddress(host) => vec![format!(
                "write `address = \"…\"` into recipients/{host}.toml, then `clws trust sign`"
            )],
            Self::Jump(_) => Vec::new(),
            Self::Nothing { on, .. } => vec![format!(
                "a host is a party of `kind = \"host\"`: `clws recipient add {on} FILE`"
            )],
        }
    }
}

impl Host {
    /// The host that a party is.
    ///
    /// # Errors
    /// [`FleetError`].
    pub fn of_party(party: &Party) -> Result<Self, FleetError> {
        let name = party.name.as_str();
        let parsed = parse_name(name);
        let unknown = |what| FleetError::Unknown {
            host: name.to_owned(),
            what,
        };
        let scope = party
            .scope
            .clone()
            .or_else(|| parsed.as_ref()?.0.parse().ok());
        let machine_type = party
            .machine_type
            .clone()
            .or_else(|| parsed.map(|(_, kind)| kind.to_owned()));
        if party.jump.is_some() {
            return Err(FleetError::Jump(name.to_owned()));
        }
        let address = party
            .address
            .clone()
            .ok_or_else(|| FleetError::NoAddress(name.to_owned()))?;
        let reach = if address == "local" {
            Reach::Local
        } else {
            Reach::Ssh {
                address,
                port: party.port.unwrap_or(22),
                user: party.user.clone(),
                host_keys: party.host_keys.iter().map(|key| key.key.clone()).collect(),
            }
        };
        Ok(Self {
            name: party.name.clone(),
            scope: scope.ok_or_else(|| unknown("scope"))?,
            machine_type: machine_type.ok_or_else(|| unknown("machine_type"))?,
            reach,
        })
    }
}

/// Environment and machine type of `vm-clws-<env>-<machine-type>-<index>`.
fn parse_name(name: &str) -> Option<(&str, &str)> {
    let (rest, index) = name.strip_prefix("vm-clws-")?.rsplit_once('-')?;
    let (scope, machine_type) = rest.split_once('-')?;
    let fits =
        !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()) && !machine_type.is_empty();
    fits.then_some((scope, machine_type))
}

/// The hosts that `on` means: all of an environment, or the one of that name.
///
/// # Errors
/// [`FleetError`], [`crate::trust::TrustError`].
pub fn hosts(vault: &Vault, on: &str) -> Result<Vec<Host>, Error> {
    let mut known = Vec::new();
    let mut meant = Vec::new();
    for name in vault.trust().accepted.party_names()? {
        let party = vault.party(&name)?;
        if party.kind != Kind::Host {
            continue;
        }
        known.push(name.to_string());
        match Host::of_party(&party) {
            Ok(host) if host.scope.as_str() == on || host.name.as_str() == on => meant.push(host),
            Ok(_) => {}
            // A broken host matters only to whoever means it.
            Err(error) if name.as_str() == on => return Err(error.into()),
            Err(_) => {}
        }
    }
    if meant.is_empty() {
        return Err(FleetError::Nothing {
            on: on.to_owned(),
            known,
        }
        .into());
    }
    Ok(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_fleet_say_scope_and_machine_type() {
        assert_eq!(
            parse_name("vm-clws-prod-gpuworker-2"),
            Some(("prod", "gpuworker"))
        );
        for other in [
            "vm-clws-prod-2",
            "vm-clws-prod-worker-",
            "web-1",
            "vm-clws-prod-worker-x",
        ] {
            assert_eq!(parse_name(other), None, "{other}");
        }
    }
}
