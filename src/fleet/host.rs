//! A host: a party of that kind, with its scope and machine type.
//!
//! CodaLab's machines say both in their names, `vm-clws-<env>-<machine-type>-<index>`; any other name
//! is fine where the party says them.

use super::MOST_JUMPS;
use crate::error::{Code, Explain};
use crate::name::{Component, PartyName, Scope};
use crate::recipients::{Become, Party, RecipientKey};

/// The address of this machine.
pub const LOCAL: &str = "local";

/// More hosts than this are counted and not named.
const MANY: usize = 20;

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
    /// Its own public key, `age1…`, if it is prepared for boots.
    pub boot: Option<String>,
}

/// The way to a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reach {
    /// This machine.
    Local,
    /// Over SSH.
    Ssh(Endpoint),
}

/// What a party says of its SSH server. What it leaves out, a person's `ssh_config` may say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// The host.
    pub name: PartyName,
    /// Address or name.
    pub address: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// The user to log in as.
    pub user: Option<String>,
    /// How that user becomes root for deploys.
    pub becomes: Option<Become>,
    /// The host to go through.
    pub jump: Option<String>,
    /// The keys it proves itself with, `TYPE BASE64` each.
    pub host_keys: Vec<String>,
}

impl Endpoint {
    /// The SSH server of a party.
    #[must_use]
    pub fn of_party(party: &Party) -> Self {
        Self {
            name: party.name.clone(),
            address: party.address.clone(),
            port: party.port,
            user: party.user.clone(),
            becomes: party.becomes,
            jump: party.jump.clone(),
            host_keys: party.host_keys.iter().map(|key| key.key.clone()).collect(),
        }
    }
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
    /// A way to become root that nobody goes.
    #[error("the host {0} is this machine, which nobody logs in to, so nobody becomes root there")]
    LocalBecomes(String),
    /// Neither the party nor the person's `ssh_config` has an address.
    #[error("the host {0} has no address")]
    NoAddress(String),
    /// A jump host that is no party.
    #[error(
        "the host {host} is reached through `{}`, which is no host of this vault",
        crate::text::clean_line(jump)
    )]
    UnknownJump {
        /// The host.
        host: String,
        /// What it is to be reached through.
        jump: String,
    },
    /// A jump host that leads back.
    #[error("the way to the host {host} goes in a circle: {}", way.join(" → "))]
    JumpLoop {
        /// The host.
        host: String,
        /// The names on the way, the host's own first.
        way: Vec<String>,
    },
    /// More jump hosts than are gone through.
    #[error("the way to the host {host} has more than {MOST_JUMPS} jump hosts")]
    ManyJumps {
        /// The host.
        host: String,
    },
    /// Nothing that a word of a selection means.
    #[error(
        "there is no host, environment or group `{}`",
        crate::text::clean_line(on)
    )]
    Nothing {
        /// What was asked for.
        on: String,
        /// The hosts that there are.
        known: Vec<String>,
        /// The host, environment or group that may be meant.
        nearest: Option<String>,
        /// The component that has this name.
        component: Option<Component>,
    },
    /// An environment of hosts that nothing says the machine type of.
    #[error(
        "no host of {scope} can be deployed to: nothing says the machine type of {}",
        crate::text::list(hosts)
    )]
    NoMachineType {
        /// The environment.
        scope: String,
        /// Its hosts.
        hosts: Vec<String>,
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
            Self::Nothing { known, .. } if known.len() > MANY => {
                vec![format!("there are {} hosts", known.len())]
            }
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
            Self::NoMachineType { hosts, .. } => {
                let write = |host: &String| {
                    format!(
                        "write `machine_type = \"…\"` into recipients/{host}.toml, then `clws trust sign`"
                    )
                };
                hosts.iter().take(1).map(write).collect()
            }
            Self::LocalBecomes(host) => vec![format!(
                "take `become` out of recipients/{host}.toml, then `clws trust sign`; run clws itself as root"
            )],
            Self::NoAddress(host) => vec![format!(
                "write `address = \"…\"` into recipients/{host}.toml, then `clws trust sign`"
            )],
            Self::UnknownJump { host, jump } => vec![format!(
                "make it one: `clws host add NAME --address {} --host-key \"TYPE KEY\"`; else take `jump` \
                 out of recipients/{host}.toml, then `clws trust sign`",
                crate::text::clean_line(jump)
            )],
            Self::JumpLoop { host, .. } | Self::ManyJumps { host } => vec![format!(
                "look at `jump` in recipients/{host}.toml and at `ProxyJump` in ~/.ssh/config"
            )],
            Self::Nothing {
                component: Some(component),
                known,
                nearest,
                ..
            } if !known.is_empty() => {
                let near = nearest.iter().map(|near| format!("is `{near}` meant?"));
                let place = format!(
                    "`{component}` is a component; where it runs is wanted here: an environment or a host, as \
                     `clws host list` shows"
                );
                near.chain([place]).collect()
            }
            Self::Nothing { known, .. } if known.is_empty() => {
                vec![
                    "`clws host add NAME --address ADDRESS --scope ENV --machine-type TYPE` makes a host"
                        .to_owned(),
                ]
            }
            Self::Nothing {
                nearest: Some(near),
                ..
            } => vec![format!("is `{near}` meant?")],
            Self::Nothing { .. } => vec!["`clws host list` shows what there is".to_owned()],
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
        let (scope, machine_type) = place_of(party);
        let unknown = |what| FleetError::Unknown {
            host: name.to_owned(),
            what,
        };
        let reach = match party.address.as_deref() {
            Some(LOCAL) if party.becomes.is_some() => {
                return Err(FleetError::LocalBecomes(name.to_owned()));
            }
            Some(LOCAL) => Reach::Local,
            _ => Reach::Ssh(Endpoint::of_party(party)),
        };
        Ok(Self {
            name: party.name.clone(),
            scope: scope.ok_or_else(|| unknown("scope"))?,
            machine_type: machine_type.ok_or_else(|| unknown("machine_type"))?,
            reach,
            boot: boot_key(party).map(str::to_owned),
        })
    }

    /// Whether another party may be the same machine: both are this one, or prove themselves with one key.
    #[must_use]
    pub fn may_be(&self, party: &Party) -> bool {
        match &self.reach {
            Reach::Local => party.address.as_deref() == Some(LOCAL),
            Reach::Ssh(endpoint) => {
                let mut theirs = party.host_keys.iter().map(|key| &key.key);
                theirs.any(|key| endpoint.host_keys.contains(key))
            }
        }
    }
}

/// Which of a host's recipients is its own key, to which what it needs after a boot is sealed.
pub const BOOT: &str = "boot";

/// The public key of a host that is prepared for boots.
#[must_use]
pub fn boot_key(party: &Party) -> Option<&str> {
    let mut recipients = party.recipients.iter();
    let own = recipients.find(|recipient| recipient.name == BOOT)?;
    match &own.key {
        RecipientKey::Age(key) => Some(key),
        // A plugin needs somebody there, and a server may not be reached yet.
        RecipientKey::Ssh(_) | RecipientKey::Plugin(_) | RecipientKey::Transit(_) => None,
    }
}

/// The scope and machine type of a party, as far as it or its name says them.
#[must_use]
pub fn place_of(party: &Party) -> (Option<Scope>, Option<String>) {
    let parsed = parse_name(party.name.as_str());
    let scope = party.scope.clone();
    let machine_type = party.machine_type.clone();
    (
        scope.or_else(|| parsed?.0.parse().ok()),
        machine_type.or_else(|| Some(parsed?.1.to_owned())),
    )
}

/// Environment and machine type of `vm-clws-<env>-<machine-type>-<index>`.
fn parse_name(name: &str) -> Option<(&str, &str)> {
    let (rest, index) = name.strip_prefix("vm-clws-")?.rsplit_once('-')?;
    let (scope, machine_type) = rest.split_once('-')?;
    let fits =
        !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()) && !machine_type.is_empty();
    fits.then_some((scope, machine_type))
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
