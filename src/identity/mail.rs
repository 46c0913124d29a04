//! `[mail]` of the person's configuration: which server takes mail, with which login, and who gets it.
//!
//! All of it is the person's own. A repository says at most where a party gets mail (signed), and never which
//! server is given a password.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Value;

use crate::name::SecretPath;
use crate::recipients::MailAddress;

pub(super) const KEYS: [&str; 9] = [
    "ca", "from", "owners", "password", "port", "server", "tls", "to", "user",
];

/// How what is said to a mail server is encrypted. It always is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encryption {
    /// After a greeting in clear, by STARTTLS (RFC 3207).
    StartTls,
    /// From the first byte (RFC 8314).
    Implicit,
}

/// By which server mail goes out, and to whom.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MailConfig {
    /// `server = "smtp.example.org"`: a name or an address of the network, as its certificate says it.
    pub server: String,
    /// `port = 587`; 465 with `tls = "implicit"`.
    pub port: u16,
    /// `tls = "starttls"`, or `"implicit"`.
    pub encryption: Encryption,
    /// `user` and `password`: the login, and the secret of the vault that is its password.
    pub login: Option<(String, SecretPath)>,
    /// `from = "clws@example.org"`.
    pub from: MailAddress,
    /// `to = ["oncall@example.org"]`: who gets alarms, and what is due to nobody.
    pub to: Vec<MailAddress>,
    /// `ca = "/etc/ssl/ours.pem"`: who alone may have signed the server's certificate.
    pub ca: Option<PathBuf>,
    /// `[mail.owners]`: where owners get mail whose party does not say it, or says it otherwise.
    pub owners: BTreeMap<String, MailAddress>,
}

/// What is wrong with the table.
#[derive(Debug)]
pub(super) enum Fault {
    /// A key that means nothing.
    Unknown(String),
    /// A key, and what would fit.
    Wrong(&'static str, &'static str),
}

/// Reads the table.
pub(super) fn parse(value: &Value) -> Result<MailConfig, Fault> {
    let table = value.as_table().ok_or(Fault::Wrong("mail", "a table"))?;
    if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Fault::Unknown(unknown.clone()));
    }
    let text = |key: &str| table.get(key).map(Value::as_str);
    let address = "an address like ada@example.org";
    let server = text("server").flatten().filter(|name| is_server(name));
    let wanted = "the name or the network address of a mail server";
    let server = server.ok_or(Fault::Wrong("mail.server", wanted))?;
    let encryption = match text("tls") {
        None | Some(Some("starttls")) => Encryption::StartTls,
        Some(Some("implicit")) => Encryption::Implicit,
        Some(_) => return Err(Fault::Wrong("mail.tls", "\"starttls\" or \"implicit\"")),
    };
    let port = match (table.get("port"), encryption) {
        (None, Encryption::StartTls) => 587,
        (None, Encryption::Implicit) => 465,
        (Some(port), _) => {
            let port = port.as_integer().and_then(|port| u16::try_from(port).ok());
            port.filter(|port| *port > 0)
                .ok_or(Fault::Wrong("mail.port", "a port number"))?
        }
    };
    let from = text("from").flatten().and_then(|text| text.parse().ok());
    let from = from.ok_or(Fault::Wrong("mail.from", address))?;
    let to = table.get("to").and_then(addresses);
    let to = to.filter(|to| !to.is_empty());
    let to = to.ok_or(Fault::Wrong("mail.to", "a list of addresses"))?;
    let ca = match text("ca") {
        None => None,
        Some(path) => Some(path.ok_or(Fault::Wrong("mail.ca", "a path"))?.into()),
    };
    let owners = match table.get("owners") {
        None => BTreeMap::new(),
        Some(owners) => owners
            .as_table()
            .and_then(|owners| {
                let each = owners.iter();
                each.map(|(name, to)| Some((name.clone(), to.as_str()?.parse().ok()?)))
                    .collect()
            })
            .ok_or(Fault::Wrong(
                "mail.owners",
                "a table of owners and their addresses",
            ))?,
    };
    Ok(MailConfig {
        server: server.to_owned(),
        port,
        encryption,
        login: login(text("user"), text("password"))?,
        from,
        to,
        ca,
        owners,
    })
}

fn login(
    user: Option<Option<&str>>,
    password: Option<Option<&str>>,
) -> Result<Option<(String, SecretPath)>, Fault> {
    let (user, password) = match (user, password) {
        (None, None) => return Ok(None),
        (Some(user), Some(password)) => (user, password),
        (Some(_), None) => {
            return Err(Fault::Wrong("mail.password", "named where `user` is"));
        }
        (None, Some(_)) => return Err(Fault::Wrong("mail.user", "named where `password` is")),
    };
    let is_good = |user: &&str| !user.is_empty() && !user.chars().any(char::is_control);
    let user = user
        .filter(is_good)
        .ok_or(Fault::Wrong("mail.user", "a text"))?;
    let password = password.and_then(|path| path.parse().ok());
    let wanted = "the path of a secret in the vault, and no password";
    let password = password.ok_or(Fault::Wrong("mail.password", wanted))?;
    Ok(Some((user.to_owned(), password)))
}

fn addresses(value: &Value) -> Option<Vec<MailAddress>> {
    let items = value.as_array()?.iter();
    items.map(|item| item.as_str()?.parse().ok()).collect()
}

/// A name of the DNS or an address of the network, without a scheme, a port and anything else.
fn is_server(name: &str) -> bool {
    let is_one = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let is_name = !name.is_empty() && name.len() <= 253 && name.bytes().all(is_one);
    is_name || name.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<MailConfig, Fault> {
        parse(&Value::Table(text.parse().unwrap()))
    }

    const LEAST: &str =
        "server = \"smtp.example.org\"\nfrom = \"clws@example.org\"\nto = [\"ops@example.org\"]\n";

    #[test]
    fn what_is_left_out_is_the_usual() {
        let config = read(LEAST).unwrap();
        assert_eq!(
            (config.port, config.encryption),
            (587, Encryption::StartTls)
        );
        assert_eq!(config.login, None);
        let config = read(&format!("{LEAST}tls = \"implicit\"\n")).unwrap();
        assert_eq!(
            (config.port, config.encryption),
            (465, Encryption::Implicit)
        );
        let all = "user = \"clws\"\npassword = \"shared/mail/PASSWORD\"\nport = 25\nca = \"/ca.pem\"\n\
                   [owners]\n\"team web\" = \"web@example.org\"\n";
        let config = read(&format!("{LEAST}{all}")).unwrap();
        assert_eq!(config.login.unwrap().1.as_str(), "shared/mail/PASSWORD");
        assert_eq!(config.owners["team web"].as_str(), "web@example.org");
    }

    #[test]
    fn what_does_not_fit_is_refused_and_a_password_is_not_repeated() {
        for (text, key) in [
            ("user = \"clws\"\n", "mail.password"),
            ("password = \"shared/mail/PASSWORD\"\n", "mail.user"),
            (
                "user = \"clws\"\npassword = \"hunter2 hunter3\"\n",
                "mail.password",
            ),
            (
                "user = \"a\\u0000b\"\npassword = \"shared/mail/PASSWORD\"\n",
                "mail.user",
            ),
            ("tls = \"none\"\n", "mail.tls"),
            ("port = 0\n", "mail.port"),
            ("port = 65536\n", "mail.port"),
            ("ca = 1\n", "mail.ca"),
            ("[owners]\nben = \"ben\"\n", "mail.owners"),
        ] {
            let fault = read(&format!("{LEAST}{text}")).unwrap_err();
            let Fault::Wrong(found, wanted) = fault else {
                panic!("{text}: {fault:?}");
            };
            assert_eq!(found, key, "{text}");
            assert!(!wanted.contains("hunter2"));
        }
        for server in [
            "",
            "https://smtp.example.org",
            "smtp.example.org:25",
            "a b",
            "a\\r\\nb",
        ] {
            let text = LEAST.replace("smtp.example.org", server);
            let fault = read(&text).unwrap_err();
            assert!(matches!(fault, Fault::Wrong("mail.server", _)), "{server}");
        }
    }
}
