//! What a hook declares: `hooks/<component>.toml`, ordinary TOML.
//!
//! A hook names values and never holds one. Unknown keys are errors: a mistyped `needs` would
//! otherwise leave a step without its file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;

use super::hook_error::HookError;
use crate::name::{Component, PartyName, Scope};

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
    /// Steps when the new one runs and answers.
    #[serde(default)]
    pub afterwards: Vec<Step>,
    /// How one knows that it runs.
    #[serde(default)]
    pub probe: Vec<Probe>,
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

/// `[container]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerHook {
    /// Its name; the component's without.
    pub name: Option<String>,
    /// The image, which is on the target.
    pub image: String,
    /// In place of the image's CMD.
    pub command: Option<Vec<String>>,
    /// In place of the image's ENTRYPOINT.
    pub entrypoint: Option<Vec<String>>,
    /// Who runs it.
    pub user: Option<String>,
    /// Networks, made where they are missing.
    #[serde(default)]
    pub networks: Vec<String>,
    /// `host:container`, with `:ro` behind for reading only.
    #[serde(default)]
    pub mounts: Vec<String>,
    /// `127.0.0.1:8080:80`.
    #[serde(default)]
    pub ports: Vec<String>,
    /// How often the daemon starts it again after a failure.
    #[serde(default)]
    pub restarts: u16,
}

/// `[process]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessHook {
    /// The command, which stays in the foreground.
    pub command: Vec<String>,
}

/// A variable: plain, or a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum EnvValue {
    /// A plain text with settings in it.
    Plain(String),
    /// A secret.
    Secret(SecretRef),
}

/// `{ secret = "rest-server/DB_PASSWORD" }`, in the scope that is deployed; `shared/…` is written out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// The secret.
    pub secret: String,
}

/// A file: a template, or a secret as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// Where a step runs.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// On the machine that deploys.
    Local,
    /// On the target.
    #[default]
    Host,
    /// In a container of the component's image that is gone afterwards.
    Container,
}

/// A step: one command, done when it exits with 0.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where it runs.
    #[serde(default, rename = "in")]
    pub place: Where,
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

/// A question that the component must answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Where a command runs.
    #[serde(default, rename = "in")]
    pub place: Where,
    /// A command that exits with 0.
    pub run: Option<Vec<String>>,
    /// A URL, asked from the target.
    pub http: Option<String>,
    /// `host:port`, connected to from the target.
    pub tcp: Option<String>,
    /// What the answer must be.
    #[serde(default)]
    pub expect: Expect,
    /// Variables of this hook that the command is given.
    #[serde(default)]
    pub needs: Vec<String>,
    /// How long it may take until the answer is right; 30 s without.
    pub within: Option<String>,
}

/// What an HTTP answer must be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status; any of 200 to 299 without.
    pub status: Option<u16>,
}

impl Hook {
    /// Reads a hook.
    ///
    /// # Errors
    /// [`HookError`] with the line.
    pub fn parse(component: &Component, bytes: &[u8]) -> Result<Self, HookError> {
        let file = format!("hooks/{component}.toml");
        let wrong = |why: String| HookError::Wrong {
            file: file.clone(),
            why,
        };
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8".into()))?;
        let hook: Self = toml::from_str(text)
            .map_err(|error| wrong(crate::text::clean(error.to_string().trim_end())))?;
        if hook.container.is_some() && hook.process.is_some() {
            return Err(wrong("it is a container and a process".into()));
        }
        for (path, file) in &hook.file {
            if file.template.is_some() == file.secret.is_some() {
                return Err(wrong(format!("`{path}` is either a template or a secret")));
            }
            if path.starts_with('/') && hook.container.is_none() {
                return Err(wrong(format!(
                    "`{path}` is absolute, which only a container's files are"
                )));
            }
            let bad = |part: &str| matches!(part, "" | "." | "..");
            if path.trim_start_matches('/').split('/').any(bad) {
                return Err(wrong(format!("`{path}` is no path of a file")));
            }
            parse_mode(file.mode.as_deref()).map_err(&wrong)?;
        }
        for name in hook.env.keys() {
            if !is_variable(name) {
                return Err(wrong(format!("`{name}` is no name of a variable")));
            }
        }
        for step in hook.before.iter().chain(&hook.afterwards) {
            if step.run.is_empty() {
                return Err(wrong("a step runs nothing".into()));
            }
            if step.stdin.is_some() && !step.needs.is_empty() {
                return Err(wrong(
                    "a step is given either variables or standard input".into(),
                ));
            }
            hook.check_needs(&step.needs).map_err(&wrong)?;
            parse_duration(step.within.as_deref(), STEP).map_err(&wrong)?;
        }
        for probe in &hook.probe {
            let kinds = [
                probe.run.is_some(),
                probe.http.is_some(),
                probe.tcp.is_some(),
            ];
            if kinds.iter().filter(|kind| **kind).count() != 1 {
                return Err(wrong("a probe is one of run, http and tcp".into()));
            }
            hook.check_needs(&probe.needs).map_err(&wrong)?;
            parse_duration(probe.within.as_deref(), PROBE).map_err(&wrong)?;
        }
        Ok(hook)
    }

    /// What a step or probe needs is something that the hook has.
    fn check_needs(&self, needs: &[String]) -> Result<(), String> {
        match needs
            .iter()
            .find(|name| !self.env.contains_key(*name) && !self.file.contains_key(*name))
        {
            Some(name) => Err(format!(
                "`needs` names `{name}`, which is neither in [env] nor in [file]"
            )),
            None => Ok(()),
        }
    }

    /// The machine type that it runs on in an environment; `None` runs nowhere.
    #[must_use]
    pub fn machine_type(&self, scope: &Scope) -> Option<&str> {
        match self.runs_on.by_scope.get(scope.as_str()) {
            Some(here) => Some(&here.machine_type),
            None => self.runs_on.machine_type.as_deref(),
        }
    }

    /// The settings for one host: those for all, overridden by environment, then by host.
    #[must_use]
    pub fn settings_for(&self, scope: &Scope, host: &PartyName) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        let mut add = |table: &toml::Table| {
            for (key, value) in table {
                match value {
                    toml::Value::Table(_) => {}
                    toml::Value::String(text) => drop(settings.insert(key.clone(), text.clone())),
                    other => drop(settings.insert(key.clone(), other.to_string())),
                }
            }
        };
        add(&self.settings);
        for name in [scope.as_str(), host.as_str()] {
            if let Some(toml::Value::Table(table)) = self.settings.get(name) {
                add(table);
            }
        }
        settings
    }

    /// Every text that names are filled into, template files aside.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let container = self.container.iter().flat_map(|container| {
            let lists = [
                container.command.as_deref().unwrap_or_default(),
                container.entrypoint.as_deref().unwrap_or_default(),
                &container.networks,
                &container.mounts,
                &container.ports,
            ];
            std::iter::once(&container.image)
                .chain(&container.user)
                .chain(lists.into_iter().flatten())
        });
        let process = self.process.iter().flat_map(|process| &process.command);
        let env = self.env.values().filter_map(|value| match value {
            EnvValue::Plain(text) => Some(text),
            EnvValue::Secret(_) => None,
        });
        let owners = self.file.values().filter_map(|file| file.owner.as_ref());
        let steps = self.before.iter().chain(&self.afterwards);
        let steps = steps.flat_map(|step| &step.run);
        let probes = self.probe.iter().flat_map(|probe| {
            let run = probe.run.as_deref().unwrap_or_default();
            run.iter().chain(&probe.http).chain(&probe.tcp)
        });
        container
            .chain(process)
            .chain(env)
            .chain(owners)
            .chain(steps)
            .chain(probes)
            .map(String::as_str)
    }

    /// The secrets that it names outside of its templates.
    #[must_use]
    pub fn direct_secrets(&self) -> BTreeSet<&str> {
        let env = self.env.values().filter_map(|value| match value {
            EnvValue::Secret(secret) => Some(secret.secret.as_str()),
            EnvValue::Plain(_) => None,
        });
        let files = self.file.values().filter_map(|file| file.secret.as_deref());
        let steps = self.before.iter().chain(&self.afterwards);
        let stdin = steps.filter_map(|step| Some(step.stdin.as_ref()?.secret.as_str()));
        env.chain(files).chain(stdin).collect()
    }
}

/// A step has a minute where it does not say otherwise.
pub(super) const STEP: Duration = Duration::from_secs(60);
/// A probe has half a minute.
pub(super) const PROBE: Duration = Duration::from_secs(30);

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `0600`, four octal digits; 0600 without.
pub(super) fn parse_mode(text: Option<&str>) -> Result<u32, String> {
    let Some(text) = text else { return Ok(0o600) };
    let mode = u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777 && text.len() == 4);
    mode.ok_or_else(|| format!("`{text}` is no mode like 0600"))
}

/// `90s`, `2m`, `500ms`.
pub(super) fn parse_duration(text: Option<&str>, default: Duration) -> Result<Duration, String> {
    let Some(text) = text else { return Ok(default) };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("`{text}` is no time like 90s"))?;
    match text.get(digits.len()..) {
        Some("ms") => Ok(Duration::from_millis(number)),
        Some("s") => Ok(Duration::from_secs(number)),
        Some("m") => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(format!("`{text}` is no time like 90s, 2m or 500ms")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_could_not_be_meant_is_refused() {
        for text in [
            "proces = { command = [\"x\"] }",
            "[process]\ncommand = [\"x\"]\n[container]\nimage = \"x\"",
            "[file.\"/etc/x\"]\ntemplate = \"x\"",
            "[file.\"../x\"]\ntemplate = \"x\"",
            "[file.x]\ntemplate = \"x\"\nsecret = \"y\"",
            "[file.x]\ntemplate = \"x\"\nmode = \"rw\"",
            "[env]\n\"A B\" = \"x\"",
            "[[before]]\nrun = [\"x\"]\nneeds = [\"TOKEN\"]",
            "[[probe]]\nrun = [\"x\"]\ntcp = \"y:1\"",
            "[[probe]]\nrun = [\"x\"]\nwithin = \"soon\"",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
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
