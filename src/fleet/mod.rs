//! The hosts of the fleet, and the way to each.
//!
//! A host is a party: its address, port and host keys are signed by the administrators. A person's own
//! `~/.ssh/config` adds what the party leaves out, and their `known_hosts` takes keys away. What comes
//! of it is a [`Hop`] for each server on the way, plain data that nothing has connected to yet.

mod azure;
mod host;
mod host_key;
pub mod inventory;
mod known_hosts;
mod pattern;
mod route;
mod select;
mod ssh_config;

pub use azure::{AzureAccount, AzureNameError, AzureService};
pub use host::{BOOT, Endpoint, FleetError, Host, LOCAL, Reach, boot_key, place_of};
pub use host_key::{HostKeyError, HostKeyText};
pub use known_hosts::Revoked;
pub use route::{Hop, MOST_JUMPS, SshFolder, route};
pub use select::{host_parties, hosts};
pub use ssh_config::{Jump, Said, SshConfig, SshConfigError, expand};
