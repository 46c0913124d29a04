//! Reboots: what a host needs so that its containers run again with the same secrets, with nobody there.
//!
//! Folders of secrets are memory, and a boot empties them. A *prepared* host has a key of its own, and
//! keeps beside each folder of a deploy a sealed bundle of it, an age file to that key. A unit opens
//! the bundles into the same paths before Docker starts; no rules, git, network or person takes part.
//! All of it lies in `/var/lib/clws/boot/<vault>/` there: `key`, `open`, `bundles/<component>/<deploy>.age`.
//!
//! The host seals what lies in its memory already: so a bundle has the very modes, owners and bytes that
//! the container has, and nothing is opened or sent again for it.

mod bundle;
mod prepare;
mod unit;

pub use prepare::{Found, Preparing, PreparingError};

pub(in crate::deploy) use bundle::forget;

/// Where it all lies on a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Places {
    /// The vault's folder for boots.
    pub folder: String,
    /// The name of the systemd unit.
    pub unit: String,
}

impl Places {
    /// Of the vault whose folders on hosts have this name.
    #[must_use]
    pub fn new(vault: &str) -> Self {
        Self {
            folder: format!("/var/lib/clws/boot/{vault}"),
            unit: format!("clws-{vault}.service"),
        }
    }

    /// The command that opens the bundles, for hosts without systemd.
    #[must_use]
    pub fn command(&self) -> String {
        format!("sh {}/open", self.folder)
    }
}
