//! `mysql`: the password of an account of a MySQL or MariaDB server.
//!
//! What the server can decides how: MariaDB from 10.4 on and MySQL from 8.0.14 on let one account in by two
//! passwords, so that nobody who logs in notices anything. Earlier ones know one password at a time; then
//! the new one takes the place of the old one before the deploy, and that moment is said.
//!
//! Statements name hashes: a server may write them to its logs. Only MySQL's second password cannot be
//! given so; MySQL keeps passwords out of its logs itself.

mod account;

use self::account::{Login, NATIVE, Server, Wanted, around};
use super::{Accepted, Accounts, Both, Outside, Rotator};
use crate::error::Error;
use crate::rotate::RotateError;
use crate::secret::{End, Plain, Redactor};
use crate::text::clean_line;
use crate::world::World;

pub(super) const NAME: &str = "mysql";

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
        let mut redactor = Redactor::of([self.both.old, self.both.new]);
        let said = redactor.text(why.as_bytes(), End::Whole);
        RotateError::Outside {
            path: self.both.path.to_owned(),
            place: self.server.name(),
            why: clean_line(&String::from_utf8_lossy(&said)),
        }
        .into()
    }
}
