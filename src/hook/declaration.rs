//! What a hook declares: `hooks/<component>.toml`, ordinary TOML.
//!
//! A hook names values and never holds one. Unknown keys are errors: a mistyped `needs` would
//! otherwise leave a step without its file.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::container::ContainerHook;
use super::probe::{Probe, Where};
use super::reference::LEASE;
use super::rotate::AccountHook;
use super::value::{EnvValue, SecretEnv, SecretRef, name_of};
use crate::name::Scope;

/// A hook as it was written, not yet trusted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct Hook {
    /// Which machines it runs on.
    #[serde(default)]
    pub runs_on: RunsOn,
    /// Components that must run before.
    #[serde(default)]
    pub after: Vec<String>,
    /// The component is a container.
    pub container: Option<ContainerHook>,
    /// The component is a process on the target.
    pub process: Option<ProcessHook>,
    /// Plain values; tables in it override by environment, then by host.
    #[serde(default)]
    pub settings: toml::Table,
    /// The environment.
    #[serde(default)]
    pub env: BTreeMap<String, EnvValue>,
    /// Files, by their path on the target.
    #[serde(default)]
    pub file: BTreeMap<String, FileHook>,
    /// Steps before the start.
    #[serde(default)]
    pub before: Vec<Step>,
    /// Steps that lead others to the new one, while the old one still runs.
    #[serde(default)]
    pub switch: Vec<Step>,
    /// Steps when the new one runs and answers.
    #[serde(default)]
    pub afterwards: Vec<Step>,
    /// How one knows that it runs.
    #[serde(default)]
    pub probe: Vec<Probe>,
    /// What has a secret as its password, by the secret.
    #[serde(default)]
    pub rotate: BTreeMap<String, AccountHook>,
    /// The secrets that its scripts `rotate.sh` and `issue.sh` are run for, by their full paths, and no others: a policy
    /// names a script, and whoever may write a value signs that, in each scope.
    #[serde(default)]
    pub scripts_for: Vec<String>,
    /// Whether its files may lie on a disk, where the target has no memory-backed folder.
    #[serde(default)]
    pub allow_disk: bool,
}

/// `runs_on = { machine_type = "server" }`, with tables by environment.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RunsOn {
    /// The machine type.
    pub machine_type: Option<String>,
    /// Overrides by environment.
    #[serde(flatten)]
    pub by_scope: BTreeMap<String, RunsOnScope>,
}

/// An override for one environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunsOnScope {
    /// The machine type there.
    pub machine_type: String,
}

/// `[process]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessHook {
    /// The command, which stays in the foreground.
    pub command: Vec<String>,
}

/// A file: a template, or a secret as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "WrittenFile")]
pub struct FileHook {
    /// A file below `hooks/<component>/`, filled in.
    pub template: Option<String>,
    /// A value or sealed file.
    pub secret: Option<String>,
    /// Its mode; 0600 without.
    pub mode: Option<String>,
    /// The uid that it belongs to.
    pub owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    template: Option<String>,
    secret: Option<String>,
    server: Option<String>,
    lease: Option<String>,
    mode: Option<String>,
    owner: Option<String>,
}

impl TryFrom<WrittenFile> for FileHook {
    type Error = String;

    fn try_from(written: WrittenFile) -> Result<Self, String> {
        Ok(Self {
            template: written.template,
            secret: name_of(written.secret, written.server, written.lease)?,
            mode: written.mode,
            owner: written.owner,
        })
    }
}

/// A step: one command, done when it exits with 0.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where it runs.
    #[serde(default, rename = "in")]
    pub place: Where,
    /// The running container, by its name, in which it runs in place of that.
    pub inside: Option<String>,
    /// The command.
    pub run: Vec<String>,
    /// Variables and files of this hook that it is given.
    #[serde(default)]
    pub needs: Vec<String>,
    /// What it reads on standard input.
    pub stdin: Option<SecretRef>,
    /// How long it may take; a minute without.
    pub within: Option<String>,
}

impl Hook {
    /// The probes that a deploy asks.
    pub(crate) fn probes_of_deploys(&self) -> impl Iterator<Item = &Probe> {
        self.probe.iter().filter(|probe| !probe.on_call)
    }

    /// All steps, in their order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        let switch = self.before.iter().chain(&self.switch);
        switch.chain(&self.afterwards)
    }

    /// The machine type that it runs on in an environment; `None` runs nowhere.
    #[must_use]
    pub fn machine_type(&self, scope: &Scope) -> Option<&str> {
        match self.runs_on.by_scope.get(scope.as_str()) {
            Some(here) => Some(&here.machine_type),
            None => self.runs_on.machine_type.as_deref(),
        }
    }

    /// Every text that names are filled into before the component runs, template files aside.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let container = self.container.iter().flat_map(ContainerHook::texts);
        let process = self.process.iter().flat_map(|process| &process.command);
        let env = self.env.values().filter_map(|value| match value {
            EnvValue::Plain(text) => Some(text),
            EnvValue::Secret(_) => None,
        });
        let owners = self.file.values().filter_map(|file| file.owner.as_ref());
        container
            .chain(process)
            .chain(env)
            .chain(owners)
            .chain(self.before.iter().flat_map(Step::texts))
            .map(String::as_str)
    }

    /// Every text that names are filled into once the component runs.
    pub fn later_texts(&self) -> impl Iterator<Item = &str> {
        let steps = self.switch.iter().chain(&self.afterwards);
        let steps = steps.flat_map(Step::texts);
        steps
            .chain(self.probe.iter().flat_map(Probe::texts))
            .chain(self.rotate.values().flat_map(AccountHook::texts))
            .map(String::as_str)
    }

    /// The secrets that its image is fetched with.
    pub(crate) fn pull_secrets(&self) -> impl Iterator<Item = String> {
        let container = self.container.iter();
        container
            .flat_map(ContainerHook::secrets)
            .map(str::to_owned)
    }

    /// The secrets that it names outside of its templates, for the component, its steps and probes.
    #[must_use]
    pub fn direct_secrets(&self) -> BTreeSet<&str> {
        let env = self.env.values().filter_map(|value| match value {
            EnvValue::Secret(secret) => Some(secret.secret.as_str()),
            EnvValue::Plain(_) => None,
        });
        let files = self.file.values().filter_map(|file| file.secret.as_deref());
        let stdin = self
            .steps()
            .filter_map(|step| Some(step.stdin.as_ref()?.secret.as_str()));
        let probes = self.probe.iter().flat_map(Probe::secrets);
        env.chain(files).chain(stdin).chain(probes).collect()
    }

    /// Those of them that are in use where another value replaces nothing that runs: what is read at the
    /// first start alone, and what probes ask with.
    pub(crate) fn passing_secrets(&self) -> BTreeSet<&str> {
        let mut passing: BTreeSet<&str> = self.probe.iter().flat_map(Probe::secrets).collect();
        let mut staying = BTreeSet::new();
        for value in self.env.values() {
            match value {
                EnvValue::Secret(secret) if secret.initial => {
                    passing.insert(secret.secret.as_str());
                }
                EnvValue::Secret(secret) => drop(staying.insert(secret.secret.as_str())),
                EnvValue::Plain(_) => {}
            }
        }
        staying.extend(self.file.values().filter_map(|file| file.secret.as_deref()));
        staying.extend(
            self.steps()
                .filter_map(|step| Some(step.stdin.as_ref()?.secret.as_str())),
        );
        passing.retain(|name| !staying.contains(name));
        passing
    }

    /// What is leased for its steps and probes alone: nothing that stays was given it, so it ends with the run.
    /// Variables stay with what runs, files anywhere.
    pub(crate) fn passing_leases(&self) -> BTreeSet<&str> {
        let mut passing = self.direct_secrets();
        passing.retain(|name| name.starts_with(LEASE));
        let files = self.file.values().filter_map(|file| file.secret.as_deref());
        let runs = self.container.is_some() || self.process.is_some();
        let variables = self.env.values().filter_map(|value| match value {
            EnvValue::Secret(secret) if runs => Some(secret.secret.as_str()),
            EnvValue::Secret(_) | EnvValue::Plain(_) => None,
        });
        for name in files.chain(variables) {
            passing.remove(name);
        }
        passing
    }

    /// What has `secret`, a full path, as its password in a scope.
    pub(crate) fn rotates(&self, scope: &Scope, secret: &str) -> Option<&AccountHook> {
        let own = secret.strip_prefix(scope.as_str());
        let own = own.and_then(|rest| rest.strip_prefix('/'));
        // `shared/…` is never a folder of a scope.
        let own = own.filter(|rest| !rest.starts_with("shared/"));
        let shared = secret.starts_with("shared/").then_some(secret);
        let mut names = own.into_iter().chain(shared);
        names.find_map(|name| self.rotate.get(name))
    }

    /// The secrets that are named for rotators alone: whoever signs must be a deployer of those, too.
    pub(crate) fn rotated_secrets(&self) -> impl Iterator<Item = &str> {
        let admins = self.rotate.values().filter_map(AccountHook::admin);
        self.rotate.keys().map(String::as_str).chain(admins)
    }
}

impl EnvValue {
    /// Whether it goes into the container's configuration.
    pub(crate) fn is_visible(&self) -> bool {
        matches!(self, Self::Secret(SecretEnv { visible: true, .. }))
    }
}

impl Step {
    fn texts(&self) -> impl Iterator<Item = &String> {
        self.run.iter().chain(&self.inside)
    }
}

/// `0600`, four octal digits; 0600 without.
pub(crate) fn parse_mode(text: Option<&str>) -> Result<u32, String> {
    let Some(text) = text else { return Ok(0o600) };
    let mode = u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777 && text.len() == 4);
    mode.ok_or_else(|| format!("`{text}` is no mode like 0600"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::error::HookError;

    fn parse(text: &str) -> Result<Hook, HookError> {
        Hook::parse(&"web".parse().unwrap(), text.as_bytes())
    }

    #[test]
    fn settings_are_overridden_by_environment_then_by_host() {
        let hook = parse(
            "[settings]\nversion = \"1\"\nport = 80\n[settings.prod]\nversion = \"2\"\n[settings.vm-clws-prod-web-1]\nport = 81\n",
        )
        .unwrap();
        let host = "vm-clws-prod-web-1".parse().unwrap();
        let settings = hook.settings_for(&"prod".parse().unwrap(), &host);
        assert_eq!(settings["version"], "2");
        assert_eq!(settings["port"], "81");
    }

    #[test]
    fn machine_types_can_differ_by_environment() {
        let hook = parse(
            "[runs_on]\nmachine_type = \"server\"\n[runs_on.prod]\nmachine_type = \"mysql\"\n",
        )
        .unwrap();
        assert_eq!(hook.machine_type(&"prod".parse().unwrap()), Some("mysql"));
        assert_eq!(hook.machine_type(&"dev".parse().unwrap()), Some("server"));
    }
}
