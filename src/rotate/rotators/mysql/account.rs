//! What a server keeps of an account's passwords, and the statements that change it.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::Value;

use super::super::{Accepted, Both};
use crate::crypto::hex;
use crate::secret::Plain;

pub(super) const NATIVE: &str = "mysql_native_password";

/// A password, and what a server keeps of it.
pub(super) struct Password<'a> {
    pub(super) plain: &'a Plain,
    pub(super) hash: String,
}

impl<'a> Password<'a> {
    /// `mysql_native_password` keeps the SHA-1 of the SHA-1, in capital hexadecimal digits behind a `*`.
    pub(super) fn new(plain: &'a Plain) -> Self {
        let sha1 = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
        let twice = plain.with(|bytes| sha1(sha1(bytes).as_ref()));
        let hash = format!("*{}", hex(twice.as_ref()).to_uppercase());
        Self { plain, hash }
    }
}

/// What is to be let in.
pub(super) struct Wanted<'a> {
    /// The one that is to be used from then on.
    pub(super) first: Password<'a>,
    /// The other one of the rotation.
    pub(super) other: Password<'a>,
    /// Whether the other one is let in as well.
    pub(super) is_both: bool,
    /// Whether nothing may have been changed before.
    pub(super) is_way_back: bool,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(which: Accepted, both: &Both<'a>) -> Self {
        let (old, new) = (Password::new(both.old), Password::new(both.new));
        let (first, other) = match which {
            Accepted::Both | Accepted::New => (new, old),
            Accepted::BothAgain | Accepted::Old => (old, new),
        };
        Self {
            first,
            other,
            is_both: matches!(which, Accepted::Both | Accepted::BothAgain),
            is_way_back: which == Accepted::Old,
        }
    }

    pub(super) fn is_one(&self, hash: &str) -> bool {
        self.first.hash == hash || self.other.hash == hash
    }
}

/// What a server can, by its version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Server {
    /// `IDENTIFIED VIA … OR …`.
    Alternatives,
    /// `RETAIN CURRENT PASSWORD`.
    Dual,
    /// One password; `ALTER USER` takes its hash.
    Altering,
    /// One password; `SET PASSWORD` takes its hash.
    Setting,
}

impl Server {
    pub(super) fn of(version: &str) -> Self {
        let is_mariadb = version.contains("MariaDB");
        let mut numbers = version
            .split(|c: char| !c.is_ascii_digit())
            .map(|number| number.parse().unwrap_or(0_u32));
        let mut next = || numbers.next().unwrap_or(0);
        match (is_mariadb, (next(), next(), next())) {
            (true, version) if version >= (10, 4, 0) => Self::Alternatives,
            (false, version) if version >= (8, 0, 14) => Self::Dual,
            (false, version) if version >= (5, 7, 6) => Self::Altering,
            _ => Self::Setting,
        }
    }

    /// Whether it lets one account in by two passwords.
    pub(super) fn has_two(self) -> bool {
        matches!(self, Self::Alternatives | Self::Dual)
    }

    /// Asks for the accounts of a name.
    pub(super) fn look(self, user: &str) -> String {
        match self {
            Self::Alternatives => {
                format!("SELECT Host, Priv FROM mysql.global_priv WHERE User = '{user}'")
            }
            Self::Dual => format!(
                "SELECT Host, plugin, authentication_string, JSON_UNQUOTE(JSON_EXTRACT(\
                 User_attributes, '$.additional_password')) FROM mysql.user WHERE User = '{user}'"
            ),
            Self::Altering => format!(
                "SELECT Host, plugin, authentication_string FROM mysql.user WHERE User = '{user}'"
            ),
            Self::Setting => {
                format!("SELECT Host, plugin, Password FROM mysql.user WHERE User = '{user}'")
            }
        }
    }

    /// An account as a row of that answer has it.
    pub(super) fn read(self, row: &[Option<String>]) -> Option<Login> {
        let text = |at: usize| row.get(at).and_then(Option::as_deref);
        let host = text(0)?.to_owned();
        let hashes = match self {
            Self::Alternatives => return Login::of_json(host, text(1)?),
            _ => [text(2), text(3)].into_iter().flatten().map(str::to_owned),
        };
        // Before 5.7 an account without a plugin has this one.
        let plugin = text(1)
            .filter(|plugin| !plugin.is_empty())
            .unwrap_or(NATIVE);
        Some(Login {
            host,
            is_native: plugin == NATIVE,
            hashes: hashes.collect(),
        })
    }
}

/// An account of the name, for clients from one or several hosts.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Login {
    pub(super) host: String,
    /// Whether it is let in by `mysql_native_password` alone.
    pub(super) is_native: bool,
    /// What is kept of its passwords, the main one first.
    pub(super) hashes: Vec<String>,
}

impl Login {
    /// `{"plugin": …, "authentication_string": …, "auth_or": [{}, {…}]}`, where `{}` is the outer one.
    pub(super) fn of_json(host: String, json: &str) -> Option<Self> {
        let whole: Value = serde_json::from_str(json).ok()?;
        let own = [whole.clone()];
        let ways = whole.get("auth_or").and_then(Value::as_array);
        let ways = ways.map_or(&own[..], Vec::as_slice);
        let of = |way: &Value, key: &str| {
            let way = match way.get("plugin") {
                Some(_) => way,
                None => &whole,
            };
            way.get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Some(Self {
            host,
            // Accounts of before MariaDB 10.4 that have no password name no plugin.
            is_native: ways
                .iter()
                .all(|way| matches!(&*of(way, "plugin"), "" | NATIVE)),
            hashes: ways
                .iter()
                .map(|way| of(way, "authentication_string"))
                .collect(),
        })
    }

    /// The statements that lead to what is wanted; none where it is so already.
    pub(super) fn statements(&self, server: Server, user: &str, wanted: &Wanted<'_>) -> Vec<Plain> {
        let account = format!("'{user}'@'{}'", self.host);
        let (first, other) = (&wanted.first.hash, &wanted.other.hash);
        let has = |hash: &String| self.hashes.contains(hash);
        let is_main = self.hashes.first() == Some(first);
        let plain = |text: String| Plain::new(text.into_bytes());
        match server {
            Server::Alternatives => {
                if has(first) && has(other) == wanted.is_both {
                    return Vec::new();
                }
                let hashes = match wanted.is_both {
                    true => vec![first, other],
                    false => vec![first],
                };
                let ways = hashes.iter().map(|hash| format!("{NATIVE} USING '{hash}'"));
                let ways: Vec<String> = ways.collect();
                vec![plain(format!(
                    "ALTER USER {account} IDENTIFIED VIA {}",
                    ways.join(" OR ")
                ))]
            }
            Server::Dual if wanted.is_both => match has(first) && has(other) {
                true => Vec::new(),
                // The main one becomes the second one.
                false => vec![around(
                    &format!("ALTER USER {account} IDENTIFIED WITH {NATIVE} BY '"),
                    wanted.first.plain,
                    "' RETAIN CURRENT PASSWORD",
                )],
            },
            Server::Dual | Server::Altering => {
                let main = format!("ALTER USER {account} IDENTIFIED WITH {NATIVE} AS '{first}'");
                let main = (!is_main).then(|| plain(main));
                let second = format!("ALTER USER {account} DISCARD OLD PASSWORD");
                let second = (self.hashes.len() > 1).then(|| plain(second));
                main.into_iter().chain(second).collect()
            }
            Server::Setting if is_main => Vec::new(),
            Server::Setting => vec![plain(format!("SET PASSWORD FOR {account} = '{first}'"))],
        }
    }
}

/// A value inside of a quoted text of SQL. A quote is doubled, as that ends no text in any mode of the server, also
/// where a backslash is a character like others.
pub(super) fn around(before: &str, value: &Plain, behind: &str) -> Plain {
    value.with(|value| {
        let mut text = Vec::with_capacity(before.len() + 2 * value.len() + behind.len());
        text.extend_from_slice(before.as_bytes());
        for byte in value {
            if matches!(byte, b'\'' | b'\\') {
                text.push(*byte);
            }
            text.push(*byte);
        }
        text.extend_from_slice(behind.as_bytes());
        Plain::new(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7";
    const NEW: &str = "*DFB95DB49D7C9A10A1C5AD86AE5AF0DD3A5A3FCD";

    /// What MariaDB 10.11's `PASSWORD('secret')` gives.
    #[test]
    fn a_hash_is_what_the_server_keeps() {
        assert_eq!(Password::new(&Plain::from("secret")).hash, OLD);
    }

    #[test]
    fn a_version_says_what_a_server_can() {
        for (version, server) in [
            ("10.11.19-MariaDB-0+deb12u1-log", Server::Alternatives),
            ("11.4.2-MariaDB", Server::Alternatives),
            ("10.3.39-MariaDB", Server::Setting),
            ("5.5.53", Server::Setting),
            ("5.7.5-m15", Server::Setting),
            ("5.7.44-log", Server::Altering),
            ("8.0.13", Server::Altering),
            ("8.0.14", Server::Dual),
            ("8.4.3", Server::Dual),
        ] {
            assert_eq!(Server::of(version), server, "{version}");
        }
    }

    /// Rows of MariaDB 10.11.
    #[test]
    fn an_account_is_read_from_what_mariadb_keeps() {
        let read = |json: &str| Login::of_json("%".into(), json).unwrap();
        let two = read(&format!(
            r#"{{"access":0,"plugin":"mysql_native_password","authentication_string":"{OLD}",
                "auth_or":[{{}},{{"plugin":"mysql_native_password","authentication_string":"{NEW}"}}]}}"#
        ));
        assert!(two.is_native);
        assert_eq!(two.hashes, [OLD, NEW]);
        let socket = read(&format!(
            r#"{{"plugin":"mysql_native_password","authentication_string":"{OLD}",
                "auth_or":[{{"plugin":"unix_socket"}},{{}}]}}"#
        ));
        assert!(!socket.is_native);
        assert_eq!(socket.hashes, ["", OLD]);
    }

    fn said(server: Server, hashes: &[&str], which: Accepted) -> Vec<String> {
        let (old, new) = (Plain::from("secret"), Plain::from("it's"));
        let both = Both {
            path: "dev/db/PASSWORD",
            old: &old,
            new: &new,
        };
        let wanted = Wanted::new(which, &both);
        let hashes = hashes.iter().map(|hash| match *hash {
            "old" => OLD.to_owned(),
            _ => Password::new(&new).hash,
        });
        let login = Login {
            host: "%".into(),
            is_native: true,
            hashes: hashes.collect(),
        };
        let statements = login.statements(server, "app", &wanted).into_iter();
        let new = Password::new(&new).hash;
        let text = |plain: Plain| plain.with(|text| String::from_utf8(text.clone()).unwrap());
        statements
            .map(|statement| text(statement).replace(OLD, "OLD").replace(&new, "NEW"))
            .collect()
    }

    #[test]
    fn mariadb_is_told_which_hashes_it_lets_in() {
        let said = |hashes: &[&str], which| said(Server::Alternatives, hashes, which);
        let via = "ALTER USER 'app'@'%' IDENTIFIED VIA mysql_native_password USING";
        assert_eq!(
            said(&["old"], Accepted::Both),
            [format!("{via} 'NEW' OR mysql_native_password USING 'OLD'")]
        );
        assert_eq!(said(&["old", "new"], Accepted::Both), [""; 0]);
        assert_eq!(
            said(&["old", "new"], Accepted::New),
            [format!("{via} 'NEW'")]
        );
        assert_eq!(
            said(&["new", "old"], Accepted::Old),
            [format!("{via} 'OLD'")]
        );
        assert_eq!(said(&["new"], Accepted::New), [""; 0]);
    }

    /// After the statements of MySQL's manual, "Dual Password Support"; the main password comes first.
    #[test]
    fn mysql_keeps_the_one_before_until_it_is_discarded() {
        let said = |hashes: &[&str], which| said(Server::Dual, hashes, which);
        let with = "ALTER USER 'app'@'%' IDENTIFIED WITH mysql_native_password";
        let discard = "ALTER USER 'app'@'%' DISCARD OLD PASSWORD";
        assert_eq!(
            said(&["old"], Accepted::Both),
            [format!("{with} BY 'it''s' RETAIN CURRENT PASSWORD")]
        );
        // Once more would forget the old one.
        assert_eq!(said(&["new", "old"], Accepted::Both), [""; 0]);
        assert_eq!(said(&["new", "old"], Accepted::New), [discard]);
        assert_eq!(
            said(&["new", "old"], Accepted::Old),
            [&format!("{with} AS 'OLD'"), discard]
        );
        assert_eq!(
            said(&["new"], Accepted::BothAgain),
            [format!("{with} BY 'secret' RETAIN CURRENT PASSWORD")]
        );
        assert_eq!(said(&["new"], Accepted::New), [""; 0]);
    }

    #[test]
    fn one_password_at_a_time_is_replaced() {
        assert_eq!(
            said(Server::Setting, &["old"], Accepted::Both),
            ["SET PASSWORD FOR 'app'@'%' = 'NEW'"]
        );
        assert_eq!(said(Server::Setting, &["new"], Accepted::New), [""; 0]);
        assert_eq!(
            said(Server::Altering, &["new"], Accepted::BothAgain),
            ["ALTER USER 'app'@'%' IDENTIFIED WITH mysql_native_password AS 'OLD'"]
        );
    }
}
