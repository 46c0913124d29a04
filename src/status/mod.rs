//! How a fleet is, for whoever is on call: what runs where and with which revs, what of it a deploy would
//! change, what waits for somebody.
//!
//! Several features know a part of it: [`crate::deploy`] looks at hosts, [`crate::rotate`] at what is
//! due, [`crate::check`] at the vault. This lays them beside each other as plain data, which is printed as a table or
//! as JSON; what is not as it should be is a [`Finding`] with the command that mends it.

pub mod alarm;
mod answers;
mod component;
mod finding;
mod judge;
mod next;
mod page;
mod report;
mod timer;
mod vault;

use serde::Serialize;

pub use self::answers::{AnswersStatus, ProbeStatus, ServedStatus};
pub use self::component::{ComponentStatus, Numbers, State};
pub use self::finding::{Finding, Kind};
pub use self::page::{Audience, page};
pub use self::report::{DueStatus, OwnerStatus, Report};
pub(crate) use self::timer::unit_name;
pub use self::timer::{Install, Job, NotALine, install};
pub use self::vault::EndStatus;

use crate::deploy::{HostSeen, Stuff, Surveyed};
use crate::error::Error;
use crate::name::Scope;
use crate::text::clean_line;
use crate::time::Moment;
use crate::vault::Vault;

/// How a fleet is. Its JSON is the shape that `--json` prints.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The hosts.
    pub hosts: Vec<HostStatus>,
    /// What ends by itself, the first to end first.
    pub ends: Vec<EndStatus>,
    /// What is not as it should be, then what is worth knowing.
    pub findings: Vec<Finding>,
}

/// How a host is.
#[derive(Debug, Serialize)]
pub struct HostStatus {
    /// Its name.
    pub name: String,
    /// Its environment.
    pub scope: String,
    /// Whether it was reached. Where it was not, a finding says why.
    pub reachable: bool,
    /// Its memory and disks.
    pub space: Vec<SpaceStatus>,
    /// What is there or should be.
    pub components: Vec<ComponentStatus>,
}

/// How much room a host has.
#[derive(Debug, Serialize)]
pub struct SpaceStatus {
    /// `memory` or `disk`.
    pub kind: &'static str,
    /// Where.
    pub path: String,
    /// All of it, in bytes.
    pub size: u64,
    /// What is free, in bytes.
    pub free: u64,
}

impl SpaceStatus {
    /// How much of it is used, of a hundred.
    #[must_use]
    pub fn used(&self) -> u64 {
        let used = self.size.saturating_sub(self.free);
        used.saturating_mul(100)
            .checked_div(self.size)
            .unwrap_or_default()
    }
}

impl Status {
    /// Lays beside each other what was seen of hosts and what the vault says about `scopes`; about all of
    /// them without any.
    ///
    /// # Errors
    /// What keeps the vault from being looked at; what is wrong with it is a finding.
    pub fn of(vault: &Vault, surveyed: &Surveyed, scopes: &[Scope]) -> Result<Self, Error> {
        let now = vault.world().now();
        let mut findings = judge::hooks(&surveyed.faults);
        for host in &surveyed.hosts {
            judge::host(host, &surveyed.next_at_server, now, &mut findings);
        }
        let ends = vault::look(vault, scopes, &mut findings)?;
        let renewals = answers::renewals(&findings);
        for host in &surveyed.hosts {
            judge::answers(host, &renewals, now, &mut findings);
        }
        findings.sort();
        findings.dedup();
        Ok(Self {
            hosts: surveyed
                .hosts
                .iter()
                .map(|host| HostStatus::of(host, now))
                .collect(),
            ends,
            findings,
        })
    }

    /// Whether something is wrong, and not only worth knowing.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.findings.iter().any(|finding| !finding.kind.is_note())
    }
}

impl HostStatus {
    fn of(seen: &HostSeen, now: Moment) -> Self {
        let space = seen.space.iter().flatten().map(|space| SpaceStatus {
            kind: match space.stuff {
                Stuff::Memory => "memory",
                Stuff::Disk => "disk",
            },
            path: clean_line(&space.path),
            size: space.size,
            free: space.free,
        });
        Self {
            name: seen.host.name.to_string(),
            scope: seen.host.scope.to_string(),
            reachable: seen.space.is_ok(),
            space: space.collect(),
            components: seen
                .components
                .iter()
                .map(|component| ComponentStatus::of(component, now))
                .collect(),
        }
    }
}
