//! age plugins: programs that wrap and unwrap file keys with hardware or elsewhere (C2SP
//! age-plugin, `recipient-v1` and `identity-v1`).
//!
//! A plugin is code that runs, so it runs only if the person's own `config.toml` names it, is found
//! only in absolute folders of `PATH`, and is given a cleaned environment. The age crate has a
//! client, which starts any plugin with the whole environment and prints the dialogue, file keys
//! included, when `AGEDEBUG=plugin` is set; this one does neither, caps what a plugin may say, and
//! turns odd replies into errors.

mod dialogue;
mod process;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use age::secrecy::ExposeSecret as _;
use age_core::format::{FileKey, Stanza};
use rustix::fs::Access;

use self::dialogue::Dialogue;
use super::ask::Ask;
use crate::error::{Code, Explain, Hint};
use crate::world::World;

/// Why a plugin did not help.
#[derive(Debug, thiserror::Error)]
pub enum PluginFault {
    /// The text is no plugin's recipient or identity.
    #[error("it is no recipient or identity of an age plugin")]
    NotOne,
    /// The person's configuration does not allow it.
    #[error("the age plugin `{name}` is not allowed by your configuration")]
    NotAllowed {
        /// The plugin's name.
        name: PluginName,
    },
    /// It is not installed.
    #[error("`age-plugin-{name}` is in no folder of PATH")]
    NotFound {
        /// The plugin's name.
        name: PluginName,
    },
    /// It could not be started, or reading from or writing to it failed.
    #[error("`age-plugin-{name}` cannot be spoken to")]
    Io {
        /// The plugin's name.
        name: PluginName,
        /// Why.
        source: std::io::Error,
    },
    /// It said nothing for too long.
    #[error("`age-plugin-{name}` said nothing for {seconds} s")]
    Silent {
        /// The plugin's name.
        name: PluginName,
        /// How long it was given.
        seconds: u64,
    },
    /// It broke the protocol.
    #[error("`age-plugin-{name}` gave an odd reply: {what}")]
    Odd {
        /// The plugin's name.
        name: PluginName,
        /// What is odd about it.
        what: &'static str,
    },
    /// It reported errors of its own.
    #[error("`age-plugin-{name}` failed")]
    Failed {
        /// The plugin's name.
        name: PluginName,
        /// Its messages, safe to print.
        messages: Vec<String>,
    },
}

impl Explain for PluginFault {
    fn code(&self) -> Code {
        match self {
            Self::NotOne => Code::DataErr,
            Self::NotAllowed { .. } => Code::Denied,
            Self::NotFound { .. } => Code::Config,
            _ => Code::Backend,
        }
    }

    fn notes(&self) -> Vec<String> {
        match self {
            Self::Failed { messages, .. } => messages.clone(),
            _ => Vec::new(),
        }
    }

    fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NotAllowed { name } => vec![format!(
                "if you trust it, add to your config.toml: [age] plugins = [\"{name}\"]"
            )],
            Self::NotFound { name } => vec![format!("install age-plugin-{name}")],
            _ => Vec::new(),
        }
    }
}

/// The name of a plugin: `[a-zA-Z0-9+_-][a-zA-Z0-9+._-]*`, so that it cannot leave its folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PluginName(String);

impl PluginName {
    /// The name, if it is one. CVE-2024-56327 was a name with a path separator.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'_' | b'-');
        let good = !name.is_empty() && !name.starts_with('.') && name.len() <= 64;
        (good && name.bytes().all(fits)).then(|| Self(name.to_owned()))
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What plugins may be started, and with what around them.
#[derive(Clone, Debug)]
pub(super) struct Plugins {
    allowed: Vec<PluginName>,
    folders: Vec<PathBuf>,
    environment: Vec<(OsString, OsString)>,
}

/// What a plugin is given: to find programs and its own settings, to ask through a window or an
/// agent, to speak the person's language. No `CLWS_*`, no token, no `LD_*`, no `AGEDEBUG`.
const PASSED: [&str; 17] = [
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TERM",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
    // Sockets of agents and smart card daemons lie here.
    "XDG_RUNTIME_DIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    // Without it a window for the PIN does not open under X11.
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
    // Plugins that derive keys from an SSH key ask the agent.
    "SSH_AUTH_SOCK",
    "GPG_TTY",
    "TZ",
];

impl Plugins {
    /// Takes from the world what plugins need of it.
    pub(super) fn of(world: &World, allowed: &[PluginName]) -> Self {
        // A relative folder would be looked up where the person happens to be: in the repository.
        let folders: Vec<PathBuf> = world
            .variable("PATH")
            .map(|path| std::env::split_paths(path).collect())
            .unwrap_or_default();
        let folders: Vec<PathBuf> = folders.into_iter().filter(|f| f.is_absolute()).collect();
        let mut environment = Vec::new();
        if !allowed.is_empty() {
            for (name, value) in world.environment() {
                let named = name.to_str().unwrap_or_default();
                if PASSED.contains(&named) || named.starts_with("LC_") {
                    environment.push((name.to_owned(), value.to_owned()));
                }
            }
            // Nothing can fail to join here: each folder came out of a joined list.
            if let Ok(path) = std::env::join_paths(&folders) {
                environment.push((OsString::from("PATH"), path));
            }
        }
        Self {
            allowed: allowed.to_vec(),
            folders,
            environment,
        }
    }

    fn find(&self, name: &str) -> Result<Program, PluginFault> {
        let name = PluginName::new(name).ok_or(PluginFault::NotOne)?;
        if !self.allowed.contains(&name) {
            return Err(PluginFault::NotAllowed { name });
        }
        let file = format!("age-plugin-{name}");
        let runs =
            |path: &PathBuf| path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok();
        match self
            .folders
            .iter()
            .map(|folder| folder.join(&file))
            .find(runs)
        {
            Some(path) => Ok(Program {
                name,
                path,
                environment: self.environment.clone(),
            }),
            None => Err(PluginFault::NotFound { name }),
        }
    }

    /// The identity in `AGE-PLUGIN-NAME-1…`, which asks `ask` whatever the plugin asks.
    pub(super) fn identity<'a>(
        &self,
        text: &str,
        ask: &'a dyn Ask,
    ) -> Result<PluginIdentity<'a>, PluginFault> {
        let parsed: age::plugin::Identity = text.parse().map_err(|_| PluginFault::NotOne)?;
        Ok(PluginIdentity {
            program: self.find(parsed.plugin())?,
            text: text.to_owned(),
            ask,
        })
    }
}

/// A plugin that was found and is allowed.
#[derive(Clone, Debug)]
struct Program {
    name: PluginName,
    path: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

/// An identity behind a plugin.
pub(super) struct PluginIdentity<'a> {
    program: Program,
    text: String,
    ask: &'a dyn Ask,
}

impl age::Identity for PluginIdentity<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        let unwrapped = Dialogue::start(&self.program, "identity-v1", self.ask)
            .and_then(|dialogue| dialogue.unwrap(&self.text, stanzas));
        unwrapped.transpose().map(|result| {
            result.map_err(|fault| {
                // Whoever opens a wrap hears only that it stayed closed, so the person hears why.
                self.ask.message(&tell(&fault));
                age::DecryptError::Io(std::io::Error::other(fault))
            })
        })
    }
}

/// A recipient behind a plugin.
pub struct PluginRecipient<'a> {
    program: Program,
    text: String,
    ask: &'a dyn Ask,
}

/// The recipient in `age1NAME1…`, which asks `ask` whatever the plugin asks.
///
/// # Errors
/// [`PluginFault`] if it is none, or its plugin is not allowed or not installed.
pub fn plugin_recipient<'a>(
    world: &World,
    allowed: &[PluginName],
    text: &str,
    ask: &'a dyn Ask,
) -> Result<PluginRecipient<'a>, PluginFault> {
    let parsed: age::plugin::Recipient = text.parse().map_err(|_| PluginFault::NotOne)?;
    Ok(PluginRecipient {
        program: Plugins::of(world, allowed).find(parsed.plugin())?,
        text: text.to_owned(),
        ask,
    })
}

impl age::Recipient for PluginRecipient<'_> {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        Dialogue::start(&self.program, "recipient-v1", self.ask)
            .and_then(|dialogue| dialogue.wrap(&self.text, file_key.expose_secret()))
            .map_err(|fault| {
                self.ask.message(&tell(&fault));
                age::EncryptError::Io(std::io::Error::other(fault))
            })
    }
}

impl fmt::Debug for PluginRecipient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginRecipient({})", self.text)
    }
}

/// A fault with what the plugin itself said about it, in one line.
fn tell(fault: &PluginFault) -> String {
    let mut text = fault.to_string();
    if let PluginFault::Io { source, .. } = fault {
        text.push_str(&format!(": {source}"));
    }
    for note in fault.notes() {
        text.push_str(&format!(": {note}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_name_cannot_leave_its_folder() {
        for good in ["yubikey", "tpm-2", "a+b_c.d", "-"] {
            assert!(PluginName::new(good).is_some(), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".x",
            "a/b",
            "../sh",
            "a\0",
            "a b",
            "ä",
            &"a".repeat(65),
        ] {
            assert!(PluginName::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_plugin_is_started_only_if_the_configuration_names_it() {
        let variables = [
            ("PATH", "/usr/bin:relative::/bin"),
            ("CLWS_TRUST", "x"),
            ("LC_ALL", "C"),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let clock = crate::world::Clock::System;
        let world = World::new(clock, variables, PathBuf::from("/"));
        let fault = Plugins::of(&world, &[]).find("true").unwrap_err();
        assert!(matches!(fault, PluginFault::NotAllowed { .. }));
        let allowed = [PluginName::new("no-such-plugin").unwrap()];
        let plugins = Plugins::of(&world, &allowed);
        let fault = plugins.find("no-such-plugin").unwrap_err();
        assert!(matches!(fault, PluginFault::NotFound { .. }));
        assert!(matches!(
            plugins.find("../sh").unwrap_err(),
            PluginFault::NotOne
        ));
        let mut names: Vec<_> = plugins.environment.iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["LC_ALL", "PATH"]);
        assert_eq!(plugins.environment[1].1, "/usr/bin:/bin");
    }
}
