//! A party: a person, a host or a service, in `recipients/NAME.toml`.

use crate::crypto::sshsig::{Fingerprint, PublicKey};
use crate::lines::{self, LineError, Schema, Table, Value};
use crate::name::{PartyName, Scope};

use super::mail::MailAddress;
use super::recipient::{PublicRecipient, RecipientKey};

/// The tables and keys of a party's file.
pub static PARTY_SCHEMA: Schema = Schema {
    what: "party",
    kinds: &[
        lines::Kind {
            name: "party",
            named: false,
            keys: &[
                "kind",
                "name",
                "mail",
                "public",
                "address",
                "port",
                "user",
                "become",
                "jump",
                "scope",
                "machine_type",
            ],
        },
        lines::Kind {
            name: "recipient",
            named: true,
            keys: &["age", "ssh", "plugin", "transit"],
        },
        lines::Kind {
            name: "signing",
            named: true,
            keys: &["key", "use"],
        },
        lines::Kind {
            name: "hostkey",
            named: true,
            keys: &["key"],
        },
    ],
};

/// Where a party's file lies in the vault.
#[must_use]
pub fn party_file(name: &PartyName) -> String {
    format!("recipients/{name}.toml")
}

/// What a party is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Somebody who works with the vault.
    Person,
    /// A machine of the fleet.
    Host,
    /// A program that reads: CI, a server.
    Service,
}

impl Kind {
    /// As the file spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Host => "host",
            Self::Service => "service",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "person" => Ok(Self::Person),
            "host" => Ok(Self::Host),
            "service" => Ok(Self::Service),
            _ => Err("person, host or service is wanted"),
        }
    }
}

/// What a signing key is still good for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Use {
    /// New signatures and old ones.
    Sign,
    /// Old signatures only: the key is retired.
    Verify,
}

/// A public key whose signatures count as the party's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifyingKey {
    /// Which of the party's keys: `laptop`.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// What it is still good for.
    pub usable: Use,
}

/// How the account that logs in to a host becomes its root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Become {
    /// By sudo, which asks for no password.
    Sudo,
}

impl Become {
    /// As the file spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sudo => "sudo",
        }
    }
}

impl std::str::FromStr for Become {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sudo" => Ok(Self::Sudo),
            _ => Err("sudo is wanted"),
        }
    }
}

/// A host's own SSH public key, as `TYPE BASE64`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostKey {
    /// Its label in the file: `ed25519`.
    pub name: String,
    /// Type and base64.
    pub key: String,
}

/// A party and its public keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Party {
    /// Its name, which is the file's.
    pub name: PartyName,
    /// What it is.
    pub kind: Kind,
    /// Where a person gets mail: what is due to them.
    pub mail: Option<MailAddress>,
    /// Whether its private half is public on purpose, for demonstrations.
    pub public: bool,
    /// A host's address; `local` is this machine.
    pub address: Option<String>,
    /// A host's SSH port, 22 if none is given.
    pub port: Option<u16>,
    /// The user to log in as.
    pub user: Option<String>,
    /// How that user becomes root for deploys.
    pub becomes: Option<Become>,
    /// The host to go through.
    pub jump: Option<String>,
    /// A host's scope, where its name does not say it.
    pub scope: Option<Scope>,
    /// A host's machine type, where its name does not say it.
    pub machine_type: Option<String>,
    /// What is sealed to it.
    pub recipients: Vec<PublicRecipient>,
    /// Whose signatures count as its own.
    pub signing: Vec<VerifyingKey>,
    /// What an SSH host proves itself with.
    pub host_keys: Vec<HostKey>,
}

impl Party {
    /// Whether the party signs with this key today.
    #[must_use]
    pub fn signs_with(&self, key: &PublicKey) -> bool {
        let mut usable = self.signing.iter().filter(|own| own.usable == Use::Sign);
        usable.any(|own| own.key == *key)
    }

    /// A party with a name, and nothing else yet.
    #[must_use]
    pub fn new(name: PartyName, kind: Kind) -> Self {
        Self {
            name,
            kind,
            mail: None,
            public: false,
            address: None,
            port: None,
            user: None,
            becomes: None,
            jump: None,
            scope: None,
            machine_type: None,
            recipients: Vec::new(),
            signing: Vec::new(),
            host_keys: Vec::new(),
        }
    }

    /// Takes one more host key in, under the first free label like `label`; nothing if it is there.
    pub fn add_host_key(&mut self, label: &str, key: String) {
        if self.host_keys.iter().any(|known| known.key == key) {
            return;
        }
        let taken = |name: &str| self.host_keys.iter().any(|known| known.name == name);
        let numbered = (2..).map(|number| format!("{label}-{number}"));
        let name = std::iter::once(label.to_owned())
            .chain(numbered)
            .find(|name| !taken(name))
            .unwrap_or_default();
        self.host_keys.push(HostKey { name, key });
    }

    /// Reads a party's file.
    ///
    /// # Errors
    /// [`LineError`] with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, LineError> {
        let parsed = lines::scan(bytes, &PARTY_SCHEMA)?;
        let mut party = None;
        let (mut recipients, mut signing, mut host_keys) = (Vec::new(), Vec::new(), Vec::new());
        for table in parsed.all()? {
            match table.header().kind {
                "party" => party = Some(Self::parse_head(&table)?),
                "recipient" => recipients.push(parse_recipient(&table)?),
                "signing" => signing.push(VerifyingKey {
                    name: table.name().to_owned(),
                    key: table.parsed("key")?,
                    usable: match table.text("use")? {
                        "sign" => Use::Sign,
                        "verify" => Use::Verify,
                        _ => return Err(table.wrong("use", "sign or verify is wanted".to_owned())),
                    },
                }),
                "hostkey" => host_keys.push(HostKey {
                    name: table.name().to_owned(),
                    key: table.text("key")?.to_owned(),
                }),
                _ => {}
            }
        }
        let party = match party {
            Some(party) => party,
            // `only` says that it is missing, with the file's own words.
            None => Self::parse_head(&parsed.only("party")?)?,
        };
        Ok(Self {
            recipients,
            signing,
            host_keys,
            ..party
        })
    }

    fn parse_head(table: &Table<'_>) -> Result<Self, LineError> {
        let port = table
            .number_if_there("port")?
            .map(u16::try_from)
            .transpose();
        let owned = |key| table.optional(key).map(|text| text.map(str::to_owned));
        Ok(Self {
            mail: table.parsed_if_there("mail")?,
            public: table.switch("public")?,
            address: owned("address")?,
            port: port.map_err(|_| table.wrong("port", "a port number is wanted".to_owned()))?,
            user: owned("user")?,
            becomes: table.parsed_if_there("become")?,
            jump: owned("jump")?,
            scope: table.parsed_if_there("scope")?,
            machine_type: owned("machine_type")?,
            ..Self::new(table.parsed("name")?, table.parsed("kind")?)
        })
    }

    /// Prints the party's file.
    #[must_use]
    pub fn print(&self) -> String {
        let mut head: Vec<(&str, Value)> = vec![
            ("kind", self.kind.as_str().into()),
            ("name", self.name.as_str().into()),
        ];
        if let Some(mail) = &self.mail {
            head.push(("mail", mail.as_str().into()));
        }
        if self.public {
            head.push(("public", Value::Boolean(true)));
        }
        let mut add =
            |key, text: Option<&str>| head.extend(text.map(|text| (key, Value::from(text))));
        add("address", self.address.as_deref());
        if let Some(port) = self.port {
            head.push(("port", u64::from(port).into()));
        }
        let mut add =
            |key, text: Option<&str>| head.extend(text.map(|text| (key, Value::from(text))));
        add("user", self.user.as_deref());
        add("become", self.becomes.map(Become::as_str));
        add("jump", self.jump.as_deref());
        add("scope", self.scope.as_ref().map(Scope::as_str));
        add("machine_type", self.machine_type.as_deref());
        let mut tables = vec![lines::print("party", None, &head)];
        let mut keys: Vec<(&str, &str, String)> = Vec::new();
        for recipient in &self.recipients {
            let table = [(recipient.key.field(), recipient.key.as_str().into())];
            let text = lines::print("recipient", Some(&recipient.name), &table);
            keys.push(("recipient", &recipient.name, text));
        }
        for signing in &self.signing {
            let usable = match signing.usable {
                Use::Sign => "sign",
                Use::Verify => "verify",
            };
            let table = [
                ("key", signing.key.to_string().into()),
                ("use", usable.into()),
            ];
            let text = lines::print("signing", Some(&signing.name), &table);
            // `signing` follows `recipient` in the specification, and `hostkey` both.
            keys.push(("signing", &signing.name, text));
        }
        for host_key in &self.host_keys {
            let table = [("key", host_key.key.as_str().into())];
            let text = lines::print("hostkey", Some(&host_key.name), &table);
            keys.push(("~hostkey", &host_key.name, text));
        }
        keys.sort();
        tables.extend(keys.into_iter().map(|(_, _, text)| text));
        lines::render("", &tables)
    }

    /// The key that a signature names, whether for new signatures or only for old ones.
    #[must_use]
    pub fn verifying_key(&self, fingerprint: Fingerprint) -> Option<&VerifyingKey> {
        self.signing
            .iter()
            .find(|signing| signing.key.fingerprint() == fingerprint)
    }
}

fn parse_recipient(table: &Table<'_>) -> Result<PublicRecipient, LineError> {
    let mut keys = Vec::new();
    for field in ["age", "ssh", "plugin", "transit"] {
        if let Some(text) = table.optional(field)? {
            let key = RecipientKey::parse_as(field, text);
            let key = key.map_err(|error| table.wrong(field, error.to_string()))?;
            if key.as_str() != text {
                return Err(table.wrong(field, "the key alone, without a comment".to_owned()));
            }
            if key.field() != field {
                return Err(table.wrong(field, format!("this belongs under `{}`", key.field())));
            }
            keys.push(key);
        }
    }
    match <[RecipientKey; 1]>::try_from(keys) {
        Ok([key]) => Ok(PublicRecipient {
            name: table.name().to_owned(),
            key,
        }),
        Err(_) => Err(table.wrong("age", "exactly one public key is wanted".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        let mut party = Party::new("vm-clws-prod-server-0".parse().unwrap(), Kind::Host);
        party.mail = Some("ops@example.org".parse().unwrap());
        party.address = Some("10.0.0.4".into());
        party.port = Some(2222);
        party.user = Some("deploy".into());
        party.becomes = Some(Become::Sudo);
        let age = age::x25519::Identity::generate().to_public().to_string();
        party.recipients.push(PublicRecipient {
            name: "boot".into(),
            key: RecipientKey::Age(age),
        });
        party.signing.push(VerifyingKey {
            name: "laptop".into(),
            key: PublicKey::from_point([1; 32]),
            usable: Use::Verify,
        });
        party.host_keys.push(HostKey {
            name: "ed25519".into(),
            key: "ssh-ed25519 AAAA".into(),
        });
        let text = party.print();
        assert_eq!(Party::parse(text.as_bytes()).unwrap(), party);
        assert!(
            !lines::scan(text.as_bytes(), &PARTY_SCHEMA)
                .unwrap()
                .untidy()
        );
    }

    #[test]
    fn a_private_key_in_a_party_is_refused_and_not_repeated() {
        let text = "[party]\nkind = \"person\"\nname = \"ada\"\n\n[recipient.a]\nage = \"AGE-SECRET-KEY-1QQ\"\n\n[end]\n";
        let error = Party::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(
            error.contains("private key") && !error.contains("1QQ"),
            "{error}"
        );
    }
}
