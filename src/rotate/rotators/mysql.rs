//! `mysql`: the password of an account of a MySQL or MariaDB server.
//!
//! What the server can decides how: MariaDB from 10.4 on and MySQL from 8.0.14 on let one account in by two
//! passwords, so that nobody who logs in notices anything. Earlier ones know one password at a time; then
//! the new one takes the place of the old one before the deploy, and that moment is said.
//!
//! Statements name hashes: a server may write them to its logs. Only MySQL's second password cannot be
//! given so; MySQL keeps passwords out of its logs itself.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::Value;

use super::{Accepted, Accounts, Both, Outside, Rotator};
use crate::crypto::hex;
use crate::error::Error;
use crate::rotate::RotateError;
use crate::secret::{Plain, Redactor};
use crate::text::clean_line;
use crate::world::World;

pub(super) const NAME: &str = "mysql";

const NATIVE: &str = "mysql_native_password";

/// Error numbers of a server that lets nobody in: a wrong password, or none for an account of another kind.
const NOT_LET_IN: [u16; 2] = [1045, 1698];

/// Error numbers of a server that lets somebody in, who may not look at or change accounts.
const NOT_ALLOWED: [u16; 3] = [1142, 1143, 1227];

/// What became of a statement.
#[derive(Debug)]
pub enum Refusal {
    /// The server's own error: the number and the words, foreign text.
    ByServer(u16, String),
    /// It was not reached, or not understood.
    Failed(String),
}

/// Rows of texts; none is NULL.
pub type Rows = Vec<Vec<Option<String>>>;

/// A server with an account whose password is a secret.
pub trait Database {
    /// What messages call it.
    fn name(&self) -> String;

    /// The account's name.
    fn user(&self) -> &str;

    /// Runs a statement as who may change the account; `None` if that is nobody but the account itself.
    ///
    /// # Errors
    /// [`Refusal`].
    fn as_admin(&self, statement: &Plain) -> Option<Result<Rows, Refusal>>;

    /// Runs a statement as the account.
    ///
    /// # Errors
    /// [`Refusal`].
    fn as_account(&self, password: &Plain, statement: &Plain) -> Result<Rows, Refusal>;
}

/// The rotator.
pub(super) struct Mysql<'a> {
    accounts: &'a dyn Accounts,
}

impl<'a> Mysql<'a> {
    pub(super) fn new(accounts: &'a dyn Accounts) -> Self {
        Self { accounts }
    }
}

impl Rotator for Mysql<'_> {
    fn is_outside(&self) -> bool {
        true
    }

    fn accept(&self, _: &World, which: Accepted, both: &Both<'_>) -> Result<Outside, Error> {
        let mut outside = Outside::AsAsked;
        for server in self.accounts.databases(both.path)? {
            let wanted = Wanted::new(which, both);
            let server = &*server;
            let changing = Changing { server, both };
            if changing.change(&wanted)? == Outside::InPlace {
                outside = Outside::InPlace;
            }
        }
        Ok(outside)
    }
}

/// A password, and what a server keeps of it.
struct Password<'a> {
    plain: &'a Plain,
    hash: String,
}

impl<'a> Password<'a> {
    /// `mysql_native_password` keeps the SHA-1 of the SHA-1, in capital hexadecimal digits behind a `*`.
    fn new(plain: &'a Plain) -> Self {
        let sha1 = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
        let twice = plain.with(|bytes| sha1(sha1(bytes).as_ref()));
        let hash = format!("*{}", hex(twice.as_ref()).to_uppercase());
        Self { plain, hash }
    }
}

/// What is to be let in.
struct Wanted<'a> {
    /// The one that is to be used from then on.
    first: Password<'a>,
    /// The other one of the rotation.
    other: Password<'a>,
    /// Whether the other one is let in as well.
    is_both: bool,
    /// Whether nothing may have been changed before.
    is_way_back: bool,
}

impl<'a> Wanted<'a> {
    fn new(which: Accepted, both: &Both<'a>) -> Self {
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

    fn is_one(&self, hash: &str) -> bool {
        self.first.hash == hash || self.other.hash == hash
    }
}

/// What a server can, by its version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Server {
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
    fn of(version: &str) -> Self {
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
    fn has_two(self) -> bool {
        matches!(self, Self::Alternatives | Self::Dual)
    }

    /// Asks for the accounts of a name.
    fn look(self, user: &str) -> String {
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
    fn read(self, row: &[Option<String>]) -> Option<Login> {
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
struct Login {
    host: String,
    /// Whether it is let in by `mysql_native_password` alone.
    is_native: bool,
    /// What is kept of its passwords, the main one first.
    hashes: Vec<String>,
}

impl Login {
    /// `{"plugin": …, "authentication_string": …, "auth_or": [{}, {…}]}`, where `{}` is the outer one.
    fn of_json(host: String, json: &str) -> Option<Self> {
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
    fn statements(&self, server: Server, user: &str, wanted: &Wanted<'_>) -> Vec<Plain> {
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

/// A value inside of a text of SQL, with what ends a quoted text escaped.
fn around(before: &str, value: &Plain, behind: &str) -> Plain {
    value.with(|value| {
        let mut text = Vec::with_capacity(before.len() + 2 * value.len() + behind.len());
        text.extend_from_slice(before.as_bytes());
        for byte in value {
            if matches!(byte, b'\'' | b'\\') {
                text.push(b'\\');
            }
            text.push(*byte);
        }
        text.extend_from_slice(behind.as_bytes());
        Plain::new(text)
    })
}

/// A change of one server.
struct Changing<'a> {
    server: &'a dyn Database,
    both: &'a Both<'a>,
}

impl Changing<'_> {
    fn change(&self, wanted: &Wanted<'_>) -> Result<Outside, Error> {
        let user = self.server.user();
        self.is_plain(user)?;
        let (old, new) = (self.both.old, self.both.new);
        let let_in = [self.lets_in(old)?, self.lets_in(new)?];
        // Where it is let in from elsewhere alone, what the server keeps has to do.
        let is_seen_here = let_in.contains(&true);
        let own = match let_in {
            [_, true] => new,
            _ => old,
        };
        let version = match self.ask(own, &Plain::from("SELECT VERSION()")) {
            Err(Refusal::ByServer(code, _))
                if NOT_LET_IN.contains(&code) && !is_seen_here && wanted.is_way_back =>
            {
                return Ok(Outside::AsAsked);
            }
            asked => self.done(asked)?,
        };
        let version = version.into_iter().flatten().flatten().next();
        let server = Server::of(&version.unwrap_or_default());
        let in_place = match self.ask(own, &Plain::from(server.look(user).as_str())) {
            Err(Refusal::ByServer(code, _)) if NOT_ALLOWED.contains(&code) && is_seen_here => {
                self.set_own(own, server, wanted)?;
                true
            }
            rows => {
                let rows = self.done(rows)?;
                self.set_all(own, server, &rows, wanted)?;
                !server.has_two()
            }
        };
        if is_seen_here {
            self.prove(wanted, in_place)?;
        }
        Ok(match in_place && wanted.is_both {
            true => Outside::InPlace,
            false => Outside::AsAsked,
        })
    }

    /// Changes every account of the name that has one of the two values.
    fn set_all(
        &self,
        own: &Plain,
        server: Server,
        rows: &Rows,
        wanted: &Wanted<'_>,
    ) -> Result<(), Error> {
        let logins = rows.iter().filter_map(|row| server.read(row));
        let has_one = |login: &Login| login.hashes.iter().any(|hash| wanted.is_one(hash));
        let logins: Vec<Login> = logins.filter(has_one).collect();
        // What was never changed need not be led back.
        if logins.is_empty() && !wanted.is_way_back {
            let user = clean_line(self.server.user());
            return Err(self.failed(&format!(
                "no account `{user}` there has this value as its `{NATIVE}`"
            )));
        }
        for login in logins {
            self.is_plain(&login.host)?;
            let statements = login.statements(server, self.server.user(), wanted);
            if !login.is_native && !statements.is_empty() {
                return Err(self.failed(&format!(
                    "'{}'@'{}' is let in by something besides `{NATIVE}`, which would be lost",
                    self.server.user(),
                    login.host
                )));
            }
            for statement in statements {
                let ran = self.ask(own, &statement);
                self.done(ran)?;
            }
        }
        Ok(())
    }

    /// Changes the account as itself, which may do nothing else.
    fn set_own(&self, own: &Plain, server: Server, wanted: &Wanted<'_>) -> Result<(), Error> {
        if own.same_as(wanted.first.plain) {
            return Ok(());
        }
        let statement = match server {
            Server::Alternatives | Server::Setting => {
                Plain::from(format!("SET PASSWORD = '{}'", wanted.first.hash).as_str())
            }
            // MySQL from 5.7.6 on takes no hash here, and writes none of it into its logs.
            Server::Dual | Server::Altering => around("SET PASSWORD = '", wanted.first.plain, "'"),
        };
        let ran = self.ask(own, &statement);
        self.done(ran).map(drop)
    }

    /// Logs in with either value: what counts is who is let in.
    fn prove(&self, wanted: &Wanted<'_>, in_place: bool) -> Result<(), Error> {
        let is_other = wanted.is_both && !in_place;
        match (
            self.lets_in(wanted.first.plain)?,
            self.lets_in(wanted.other.plain)?,
        ) {
            (true, other) if other == is_other => Ok(()),
            (true, true) => Err(self.failed("it still lets in who has the other value")),
            (true, false) => Err(self.failed("it does not let in who has the other value")),
            (false, _) => Err(self.failed("it does not let in who has the wanted value")),
        }
    }

    fn lets_in(&self, password: &Plain) -> Result<bool, Error> {
        match self.server.as_account(password, &Plain::from("DO 0")) {
            Ok(_) => Ok(true),
            Err(Refusal::ByServer(code, _)) if NOT_LET_IN.contains(&code) => Ok(false),
            Err(refusal) => self.done(Err(refusal)).map(|_| false),
        }
    }

    /// Asks as the administrator; as the account where there is none.
    fn ask(&self, own: &Plain, statement: &Plain) -> Result<Rows, Refusal> {
        let asked = self.server.as_admin(statement);
        asked.unwrap_or_else(|| self.server.as_account(own, statement))
    }

    /// What would need quoting in a statement is no name that anybody has.
    fn is_plain(&self, name: &str) -> Result<(), Error> {
        match name.contains(['\'', '\\', '\0']) {
            true => Err(self.failed(&format!("`{}` is no name of an account", clean_line(name)))),
            false => Ok(()),
        }
    }

    fn done(&self, asked: Result<Rows, Refusal>) -> Result<Rows, Error> {
        asked.map_err(|refusal| match refusal {
            Refusal::ByServer(code, words) => self.failed(&format!("error {code}: {words}")),
            Refusal::Failed(words) => self.failed(&words),
        })
    }

    /// An error of the server, whose words may repeat a statement.
    fn failed(&self, why: &str) -> Error {
        let mut redactor = Redactor::new();
        redactor.learn(self.both.old);
        redactor.learn(self.both.new);
        let mut said = redactor.push(why.as_bytes());
        said.extend(redactor.finish());
        RotateError::Outside {
            path: self.both.path.to_owned(),
            place: self.server.name(),
            why: clean_line(&String::from_utf8_lossy(&said)),
        }
        .into()
    }
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
            [format!(r"{with} BY 'it\'s' RETAIN CURRENT PASSWORD")]
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
