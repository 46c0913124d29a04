//! `clws.toml`: the format's version, the vault's name, policy by scope.

use std::collections::BTreeMap;

use crate::lines::{self, LineError, Schema, Table};
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
            keys: &["rollback", "ssh_key", "ssh_certificate", "ssh_principal"],
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

/// Whom a certificate is for: the principal in it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Principal {
    /// The account that is logged in as, as OpenSSH wants where nothing else is set up.
    #[default]
    User,
    /// The host by its name in the vault, so that no other host takes it.
    Host,
}

/// Certificates that a server's SSH CA signs for logging in. Which server is the person's to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SshCertificate {
    /// Where it signs: `MOUNT/sign/ROLE`.
    pub path: String,
    /// Whom for.
    pub principal: Principal,
}

impl SshCertificate {
    /// Reads what a scope says; the key and why it is wrong otherwise.
    fn of(
        path: Option<&str>,
        principal: Option<&str>,
    ) -> Result<Option<Self>, (&'static str, &'static str)> {
        let principal = match principal {
            Some("user") => Some(Principal::User),
            Some("host") => Some(Principal::Host),
            Some(_) => return Err(("ssh_principal", "user or host is wanted")),
            None => None,
        };
        match path {
            Some(path) if is_sign_path(path) => Ok(Some(Self {
                path: path.to_owned(),
                principal: principal.unwrap_or_default(),
            })),
            Some(_) => Err(("ssh_certificate", "MOUNT/sign/ROLE of a server is wanted")),
            None if principal.is_some() => Err(("ssh_principal", "it is for an ssh_certificate")),
            None => Ok(None),
        }
    }
}

/// Whoever signs the settings makes others' tokens be used at a path; so it is this and no other.
fn is_sign_path(path: &str) -> bool {
    let is_name = |part: &&str| {
        let is_one = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        part.contains(|c: char| c != '.') && part.chars().all(is_one)
    };
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [mount @ .., "sign", role] => {
            !mount.is_empty() && mount.iter().all(&is_name) && is_name(role)
        }
        _ => false,
    }
}

/// Reads the path of a secret. Some put the secret itself there, so what is none is not repeated.
fn path_of(table: &Table<'_>, key: &'static str, text: &str) -> Result<SecretPath, LineError> {
    let why = || "the path of a secret is wanted".to_owned();
    text.parse().map_err(|_| table.wrong(key, why()))
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
    /// The certificates for the hosts of a scope.
    pub ssh_certificates: BTreeMap<Scope, SshCertificate>,
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
        vault.demand_format()?;
        vault.text("name")?.clone_into(&mut settings.name);
        for table in parsed.all()? {
            if table.header().kind == "ansible" {
                let secret = path_of(&table, "secret", table.text("secret")?)?;
                settings.ansible.insert(table.name().to_owned(), secret);
            }
            if table.header().kind == "scope" {
                let scope = table.name().parse::<Scope>();
                let scope = scope.map_err(|error| table.wrong("rollback", error.to_string()))?;
                let (rollback, ssh_key) = (table.optional("rollback")?, table.optional("ssh_key")?);
                let certificate = SshCertificate::of(
                    table.optional("ssh_certificate")?,
                    table.optional("ssh_principal")?,
                )
                .map_err(|(key, why)| table.wrong(key, why.to_owned()))?;
                let rollback = match rollback {
                    Some("refuse") => Some(Rollback::Refuse),
                    Some("warn") => Some(Rollback::Warn),
                    Some(_) => {
                        return Err(table.wrong("rollback", "refuse or warn is wanted".to_owned()));
                    }
                    None if ssh_key.is_none() && certificate.is_none() => {
                        let why = "rollback, ssh_key or ssh_certificate is wanted".to_owned();
                        return Err(table.lacks(why));
                    }
                    None => None,
                };
                let ssh_key = ssh_key.map(|text| path_of(&table, "ssh_key", text));
                let ssh_key = ssh_key.transpose()?;
                settings
                    .rollback
                    .extend(rollback.map(|rollback| (scope.clone(), rollback)));
                settings
                    .ssh_certificates
                    .extend(certificate.map(|certificate| (scope.clone(), certificate)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_come_from_where_a_server_signs_and_nowhere_else() {
        let of = |lines: &str| {
            let text =
                format!("[vault]\nformat = 1\nname = \"v\"\n\n[scope.prod]\n{lines}\n\n[end]\n");
            Settings::parse(text.as_bytes())
                .map(|settings| settings.ssh_certificates.values().next().cloned())
        };
        let certificate = |path: &str, principal| {
            let path = path.to_owned();
            Some(SshCertificate { path, principal })
        };
        assert_eq!(
            of("ssh_certificate = \"ssh/sign/deploy\"").unwrap(),
            certificate("ssh/sign/deploy", Principal::User)
        );
        assert_eq!(
            of("ssh_certificate = \"a/b.c/sign/r_1\"\nssh_principal = \"host\"").unwrap(),
            certificate("a/b.c/sign/r_1", Principal::Host)
        );
        assert_eq!(of("rollback = \"warn\"").unwrap(), None);
        for path in [
            "",
            "sign/deploy",
            "ssh/deploy",
            "ssh/issue/deploy",
            "ssh/sign/",
            "/sign/deploy",
            "../sign/deploy",
            "ssh/../sign/x",
            "ssh/sign/..",
            "ssh/sign/a?b",
            "ssh/sign/a%2fb",
            "https://other/sign/deploy",
            "ssh/sign/deploy/",
        ] {
            assert!(
                of(&format!("ssh_certificate = \"{path}\"")).is_err(),
                "{path}"
            );
        }
        for lines in [
            "ssh_principal = \"host\"",
            "rollback = \"warn\"\nssh_principal = \"user\"",
            "ssh_certificate = \"ssh/sign/deploy\"\nssh_principal = \"root\"",
        ] {
            assert!(of(lines).is_err(), "{lines}");
        }
    }
}
