//! `clws.toml`: the format's version, the vault's name, policy by scope.

use std::collections::BTreeMap;

use crate::lines::{self, LineError, Schema};
use crate::name::{Scope, SecretPath};

/// Where the settings lie; the file that marks a vault.
pub const SETTINGS_FILE: &str = "clws.toml";

/// The tables and keys of `clws.toml`.
pub static SETTINGS_SCHEMA: Schema = Schema {
    what: "clws.toml",
    kinds: &[
        lines::Kind {
            name: "vault",
            named: false,
            keys: &["format", "name"],
        },
        lines::Kind {
            name: "scope",
            named: true,
            keys: &["rollback", "ssh_key"],
        },
        lines::Kind {
            name: "ansible",
            named: true,
            keys: &["secret"],
        },
    ],
};

/// What happens to a use of something older than this machine has seen.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Rollback {
    /// It is refused.
    #[default]
    Refuse,
    /// It is allowed with a line on stderr.
    Warn,
}

/// The settings of a vault.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// The vault's name, for people.
    pub name: String,
    /// Scopes with a policy of their own.
    pub rollback: BTreeMap<Scope, Rollback>,
    /// The secret that is the SSH key for the hosts of a scope.
    pub ssh_keys: BTreeMap<Scope, SecretPath>,
    /// The secret that is the password for a vault id of Ansible.
    pub ansible: BTreeMap<String, SecretPath>,
}

impl Settings {
    /// Reads `clws.toml`.
    ///
    /// # Errors
    /// [`LineError`] with the line; a format number other than 1 among them.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineError> {
        let mut settings = Self::default();
        let parsed = lines::scan(bytes, &SETTINGS_SCHEMA)?;
        let vault = parsed.only("vault")?;
        if vault.number("format")? != 1 {
            return Err(vault.wrong("format", "this clws knows format 1 alone".to_owned()));
        }
        vault.text("name")?.clone_into(&mut settings.name);
        for table in parsed.all()? {
            if table.header().kind == "ansible" {
                let secret = table.parsed("secret")?;
                settings.ansible.insert(table.name().to_owned(), secret);
            }
            if table.header().kind == "scope" {
                let scope = table.name().parse::<Scope>();
                let scope = scope.map_err(|error| table.wrong("rollback", error.to_string()))?;
                let (rollback, ssh_key) = (table.optional("rollback")?, table.optional("ssh_key")?);
                let rollback = match rollback {
                    Some("refuse") => Some(Rollback::Refuse),
                    Some("warn") => Some(Rollback::Warn),
                    Some(_) => {
                        return Err(table.wrong("rollback", "refuse or warn is wanted".to_owned()));
                    }
                    None if ssh_key.is_none() => {
                        let why = "rollback or ssh_key is wanted".to_owned();
                        return Err(table.wrong("rollback", why));
                    }
                    None => None,
                };
                let ssh_key = ssh_key.map(str::parse::<SecretPath>).transpose();
                let ssh_key = ssh_key.map_err(|error| table.wrong("ssh_key", error.to_string()))?;
                settings
                    .rollback
                    .extend(rollback.map(|rollback| (scope.clone(), rollback)));
                settings.ssh_keys.extend(ssh_key.map(|path| (scope, path)));
            }
        }
        Ok(settings)
    }

    /// Each secret that is named, with what for.
    pub fn named(&self) -> impl Iterator<Item = (String, &SecretPath)> {
        let keys = self.ssh_keys.iter();
        let keys = keys.map(|(scope, path)| (format!("the SSH key of `{scope}`"), path));
        let passwords = self.ansible.iter();
        keys.chain(passwords.map(|(id, path)| (format!("the password of Ansible's `{id}`"), path)))
    }

    /// What a use of something old leads to in a scope.
    #[must_use]
    pub fn rollback(&self, scope: &Scope) -> Rollback {
        self.rollback.get(scope).copied().unwrap_or_default()
    }
}
