//! `[container]` of a hook: what Docker is told, all of it plain.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::times::{HEALTH, parse_duration};
use super::value::{SecretRef, Text};
use crate::docker::{LONGEST_STOP, checked_name};
use crate::name::Component;

/// `[container]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerHook {
    /// Its name; the component's without.
    pub name: Option<String>,
    /// The image.
    pub image: String,
    /// Whether an image that is not on the target is fetched, from a registry without a login.
    #[serde(default)]
    pub pull: bool,
    /// Where an image that is not on the target is fetched from.
    pub registry: Option<Registry>,
    /// In place of the image's CMD.
    pub command: Option<Vec<String>>,
    /// In place of the image's ENTRYPOINT.
    pub entrypoint: Option<Vec<String>>,
    /// Who runs it.
    pub user: Option<String>,
    /// The folder in which it starts.
    pub working_dir: Option<String>,
    /// Networks, made where they are missing.
    #[serde(default)]
    pub networks: Vec<String>,
    /// More names of it, by network.
    #[serde(default)]
    pub aliases: BTreeMap<String, Vec<String>>,
    /// `name:address`, lines of its `/etc/hosts`.
    #[serde(default)]
    pub extra_hosts: Vec<String>,
    /// `host:container`, with `:ro` behind for reading only.
    #[serde(default)]
    pub mounts: Vec<String>,
    /// `127.0.0.1:8080:80`.
    #[serde(default)]
    pub ports: Vec<String>,
    /// How often the daemon starts it again after a failure.
    #[serde(default)]
    pub restarts: u16,
    /// How long it has to stop before it is killed; 10 s without.
    pub stop_within: Option<String>,
    /// Whether a small first process takes over orphans.
    #[serde(default)]
    pub init: bool,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// In place of the image's HEALTHCHECK.
    #[serde(default)]
    pub healthcheck: HealthHook,
}

/// `registry = { server = "…", username = "…", password = { secret = "…" } }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Its name, as the image's name begins.
    pub server: String,
    /// Who logs in.
    pub username: Text,
    /// The password or token, for the pull alone.
    pub password: SecretRef,
}

/// `[container.healthcheck]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthHook {
    /// Whether there is none, whatever the image says.
    #[serde(default)]
    pub off: bool,
    /// The command; the image's without.
    pub command: Option<Vec<String>>,
    /// The time between two runs.
    pub interval: Option<String>,
    /// How long one may take.
    pub timeout: Option<String>,
    /// How long failures do not count at the start.
    pub start_period: Option<String>,
    /// How many failures make it unhealthy.
    pub retries: Option<u16>,
    /// How long the deploy waits for `healthy`; two minutes without.
    pub within: Option<String>,
}

impl ContainerHook {
    /// Whether an image that is missing is fetched.
    #[must_use]
    pub fn pulls(&self) -> bool {
        self.pull || self.registry.is_some()
    }

    /// Refuses what could not be meant.
    pub(crate) fn check(&self, component: &Component) -> Result<(), String> {
        // The daemon would say it when the old one has been stopped.
        let name = self.name.as_deref().unwrap_or(component.as_str());
        checked_name("the container", name).map_err(|error| error.to_string())?;
        for network in self.networks.iter().filter(|name| !name.contains("{{")) {
            checked_name("the network", network).map_err(|error| error.to_string())?;
        }
        if let Some(network) = self.aliases.keys().find(|n| !self.networks.contains(n)) {
            return Err(format!(
                "`aliases` names the network `{network}`, which is not in `networks`"
            ));
        }
        if let Some(label) = self.labels.keys().find(|name| name.starts_with("clws.")) {
            return Err(format!(
                "the label `{label}` is one that clws keeps for itself"
            ));
        }
        if let Some(registry) = &self.registry
            && !self.image.starts_with(&format!("{}/", registry.server))
        {
            return Err(format!(
                "the image `{}` does not begin with its registry, `{}/`",
                self.image, registry.server
            ));
        }
        if self.stopping()?.is_some_and(|time| time > LONGEST_STOP) {
            return Err("`stop_within` is 10m at most".into());
        }
        self.healthcheck.check()
    }

    /// How long it has to stop, where that is said.
    pub(crate) fn stopping(&self) -> Result<Option<Duration>, String> {
        let within = self.stop_within.as_deref();
        within
            .map(|within| parse_duration(Some(within), Duration::ZERO))
            .transpose()
    }

    /// Every text that names are filled into.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &String> {
        let lists = [
            self.command.as_deref().unwrap_or_default(),
            self.entrypoint.as_deref().unwrap_or_default(),
            &self.networks,
            &self.extra_hosts,
            &self.mounts,
            &self.ports,
            self.healthcheck.command.as_deref().unwrap_or_default(),
        ];
        let username = self.registry.iter().filter_map(|r| match &r.username {
            Text::Plain(text) => Some(text),
            Text::Secret(_) => None,
        });
        std::iter::once(&self.image)
            .chain(&self.user)
            .chain(&self.working_dir)
            .chain(self.aliases.values().flatten())
            .chain(self.labels.values())
            .chain(username)
            .chain(lists.into_iter().flatten())
    }

    /// The secrets of its registry.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.registry.iter().flat_map(|registry| {
            let username = match &registry.username {
                Text::Plain(_) => None,
                Text::Secret(secret) => Some(secret.secret.as_str()),
            };
            username
                .into_iter()
                .chain(std::iter::once(registry.password.secret.as_str()))
        })
    }
}

impl HealthHook {
    fn check(&self) -> Result<(), String> {
        let times = [&self.interval, &self.timeout, &self.start_period];
        for time in times.into_iter().flatten() {
            let time = parse_duration(Some(time), HEALTH)?;
            // The daemon refuses what is shorter than that, and is not zero.
            if !time.is_zero() && time < Duration::from_millis(1) {
                return Err("a time of a health check is shorter than 1ms".into());
            }
        }
        if self.command.as_ref().is_some_and(Vec::is_empty) {
            return Err(
                "the health check runs nothing; `off = true` takes the image's away".into(),
            );
        }
        self.within().map(drop)
    }

    /// How long the deploy waits for it.
    pub(crate) fn within(&self) -> Result<Duration, String> {
        parse_duration(self.within.as_deref(), HEALTH)
    }
}
