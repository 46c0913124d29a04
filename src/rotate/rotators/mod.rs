//! What makes a new value, and has it accepted outside of the vault; by the name in the secret's policy.

mod authorized;
mod azure_key;
mod by_hand;
mod child;
mod codalab_user;
mod fit;
mod mysql;
mod random;
mod script;
mod ssh_key;
mod tls;
mod vault_static;

pub use self::azure_key::AzureLogin;
pub use self::mysql::{Database, Refusal, Rows};

use self::azure_key::AzureKey;
use self::by_hand::ByHand;
use self::codalab_user::CodalabUser;
use self::mysql::Mysql;
use self::random::Random;
pub(super) use self::random::make_as;
use self::script::Script;
use self::ssh_key::SshKey;
use self::tls::Tls;
use self::vault_static::VaultStatic;
use super::RotateError;
use crate::error::Error;
use crate::fleet::AzureAccount;
use crate::secret::Plain;
use crate::vault::ValueType;
use crate::world::World;

/// The names of the rotators that clws has; any other name is a hook's.
pub const ROTATORS: &[&str] = &[
    azure_key::NAME,
    by_hand::NAME,
    codalab_user::NAME,
    mysql::NAME,
    random::NAME,
    ssh_key::NAME,
    tls::NAME,
    vault_static::NAME,
];

/// What a script is called that has a new value accepted.
pub const SCRIPT: &str = "rotate.sh";

/// What a script is called that has certificates issued.
pub const ISSUER: &str = "issue.sh";

/// The rotator of what nothing outside of the vault knows.
pub(super) const RANDOM: &str = random::NAME;

/// The script of a rotator that clws does not have itself, in the tree of a vault.
#[must_use]
pub fn script_of(rotator: &str) -> Option<String> {
    let is_own = ROTATORS.contains(&rotator) || is_tls(rotator);
    (!is_own).then(|| format!("hooks/{rotator}/{SCRIPT}"))
}

/// Whether a rotator asks somebody, on this machine.
#[must_use]
pub fn needs_person(world: &World, rotator: &str) -> bool {
    rotator == by_hand::NAME
        || is_tls(rotator) && issuer_of(rotator) == Issuer::Person
        || is_azure_key(rotator) && azure_key::is_by_hand(world)
}

/// Whether a rotator makes new values at random, to any length.
pub(super) fn is_random(rotator: &str) -> bool {
    !(matches!(rotator, by_hand::NAME | vault_static::NAME)
        || is_ssh_key(rotator)
        || is_tls(rotator)
        || is_azure_key(rotator))
}

/// Whether it is the rotator of keys that Azure makes.
#[must_use]
pub fn is_azure_key(rotator: &str) -> bool {
    rotator == azure_key::NAME
}

/// Whether it is the rotator of keys that log in to hosts.
#[must_use]
pub fn is_ssh_key(rotator: &str) -> bool {
    rotator == ssh_key::NAME
}

/// Whether a rotator changes an account that a hook names.
#[must_use]
pub fn has_account(rotator: &str) -> bool {
    matches!(
        rotator,
        mysql::NAME | codalab_user::NAME | vault_static::NAME
    )
}

/// What makes a new value, and has it accepted outside of the vault.
pub trait Rotator {
    /// Whether it sees what there is before it asks anybody.
    fn begins(&self) -> bool {
        false
    }

    /// Sees it.
    ///
    /// # Errors
    /// [`RotateError::NotMade`] for what it does not know.
    fn begin(&mut self, _path: &str, _old: &Old<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Asks whom it has to ask, before anybody waits for it.
    ///
    /// # Errors
    /// If nobody answers; [`RotateError::Awaited`] if the answer comes later.
    fn prepare(&mut self, _: &World, _path: &str) -> Result<(), Error> {
        Ok(())
    }

    /// What is to be kept for the answer that comes later.
    fn begun(&self, _path: &str) -> Option<Plain> {
        None
    }

    /// A new value of the same type, in place of `old`. `path` is for messages.
    ///
    /// # Errors
    /// [`RotateError::NotMade`] for a value that it cannot make.
    fn make(&self, world: &World, path: &str, old: (ValueType, &Plain)) -> Result<Plain, Error> {
        random::make(world, path, old)
    }

    /// Whether anything outside of the vault has to change.
    fn is_outside(&self) -> bool {
        false
    }

    /// Whether a value that was withdrawn outside can never be accepted there again.
    fn is_one_way(&self) -> bool {
        false
    }

    /// Refuses to lead back where the old value is not accepted any more, for one that is one-way: for both it then
    /// changes nothing.
    ///
    /// # Errors
    /// If it is not accepted, or that cannot be seen.
    fn demand_way_back(&self, world: &World, both: &Both<'_>) -> Result<(), Error> {
        self.accept(world, Accepted::BothAgain, both).map(drop)
    }

    /// Changes what is accepted outside of the vault. May be asked for again after it was done.
    ///
    /// # Errors
    /// If it is not done; what was accepted before then still is.
    fn accept(&self, _: &World, _which: Accepted, _both: &Both<'_>) -> Result<Outside, Error> {
        Ok(Outside::AsAsked)
    }
}

/// Which values are to be accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accepted {
    /// The new one as well as the old one, before the new one is given out.
    Both,
    /// The old one as well as the new one, before the old one is given out again.
    BothAgain,
    /// The new one alone.
    New,
    /// The old one alone.
    Old,
}

/// What there is of a value before there is a new one.
#[derive(Clone, Copy, Debug)]
pub struct Old<'a> {
    /// The value.
    pub value: &'a Plain,
    /// What was kept beside it when an answer was to come later.
    pub beside: Option<&'a Plain>,
}

/// Who issues certificates. (A place for servers that do, such as a PKI of OpenBao.)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Issuer {
    /// A person, at whatever CA.
    Person,
    /// The script `hooks/NAME/issue.sh`.
    Script(String),
}

/// What came of a change outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outside {
    /// What was asked for is accepted.
    AsAsked,
    /// Only one at a time is accepted there: both were asked for, and it is the one that comes.
    InPlace,
}

/// The two values of a rotation.
#[derive(Clone, Copy, Debug)]
pub struct Both<'a> {
    /// The secret's full path.
    pub path: &'a str,
    /// The old value.
    pub old: &'a Plain,
    /// The new value.
    pub new: &'a Plain,
}

/// Where the scripts of rotators come from.
pub trait Scripts {
    /// The script of a rotator, as those signed it who may deploy what `secret` is given to.
    ///
    /// # Errors
    /// If there is none, or nobody who counts signed it.
    fn script(&self, rotator: &str, secret: &str) -> Result<Plain, Error>;

    /// The script that has certificates issued, in the same way.
    ///
    /// # Errors
    /// As for [`Self::script`].
    fn issuer(&self, name: &str, secret: &str) -> Result<Plain, Error>;
}

/// The hosts of the vault, for a key that logs in to them.
pub trait Hosts {
    /// The hosts on which a secret's key may be listed: those of its scope, and of each scope whose hosts
    /// it logs in to.
    ///
    /// # Errors
    /// If the rules do not read.
    fn of(&self, secret: &str) -> Result<Vec<String>, Error>;

    /// Runs a script on a host, logged in with one of `keys`, or as for a deploy. Gives what it printed.
    ///
    /// # Errors
    /// If the host cannot be reached, or the script fails.
    fn run(
        &self,
        host: &str,
        keys: [&Plain; 2],
        script: &str,
        arguments: &[String],
        input: &str,
    ) -> Result<String, Error>;

    /// Whether a key alone logs in to a host.
    ///
    /// # Errors
    /// If the host cannot be reached.
    fn lets_in(&self, host: &str, key: &Plain) -> Result<bool, Error>;

    /// The party whose key this is, given by its public line, and what the rules say that it is for.
    ///
    /// # Errors
    /// If the rules do not read.
    fn party_of(&self, line: &str) -> Result<Option<Held>, Error>;

    /// Tells what is done.
    fn tell(&self, line: &str);
}

/// What a party's key is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// The party.
    pub party: String,
    /// Its signatures count.
    pub signs: bool,
    /// Secrets are sealed to it.
    pub opens: bool,
}

/// The accounts outside of the vault whose passwords are secrets.
pub trait Accounts {
    /// Looks that there is an account for a rotator, as those signed it who may deploy it.
    ///
    /// # Errors
    /// If there is none, or it is for another rotator.
    fn demand(&self, rotator: &str, secret: &str) -> Result<(), Error>;

    /// The servers on which the secret is a password.
    ///
    /// # Errors
    /// As for [`Self::demand`]; if one cannot be reached.
    fn databases(&self, secret: &str) -> Result<Vec<Box<dyn Database + '_>>, Error>;

    /// The account of Azure's that has the secret as a key, by a hook of those who may deploy it.
    ///
    /// # Errors
    /// As for [`Self::demand`]; for names that are none.
    fn azure(&self, secret: &str) -> Result<AzureAccount, Error>;

    /// What its hook says to log in with; none for the person's own login.
    ///
    /// # Errors
    /// What keeps it closed.
    fn azure_login(&self, secret: &str) -> Result<Option<AzureLogin>, Error>;

    /// Gives the root user of CodaLab a password, by its server's own user update.
    ///
    /// # Errors
    /// As for [`Self::demand`]; if the server does not do it.
    fn update_codalab_user(&self, secret: &str, password: &Plain) -> Result<(), Error>;

    /// The password that a server has made for the account.
    ///
    /// # Errors
    /// As for [`Self::demand`]; if the server does not give it.
    fn issued(&self, secret: &str) -> Result<Plain, Error>;

    /// Has that server make another one, in place of it.
    ///
    /// # Errors
    /// As for [`Self::issued`]; it may be done all the same.
    fn reissue(&self, secret: &str) -> Result<(), Error>;
}

/// Who does by hand what nothing else does.
pub trait Person {
    /// Does the steps, at the end of which there is a new value, and gives it.
    ///
    /// # Errors
    /// If nobody can be asked.
    fn gives(&self, path: &str, steps: Steps<'_>) -> Result<Plain, Error>;

    /// Is told what to do.
    fn told(&self, path: &str, steps: Steps<'_>);

    /// Gives a value that is there already, to be compared.
    ///
    /// # Errors
    /// If nobody can be asked.
    fn shows(&self, path: &str, what: &str) -> Result<Plain, Error>;

    /// Has a certificate issued for a request (PEM), and hands it in with those that lead to its CA; none if
    /// it is not there yet.
    ///
    /// # Errors
    /// If nobody can be asked.
    fn certifies(&self, path: &str, request: &str) -> Result<Option<Plain>, Error>;

    /// Withdraws the `old` or the `new` value where it comes from.
    ///
    /// # Errors
    /// If nobody says that it is done.
    fn withdraws(&self, which: &str, path: &str, step: (usize, &str)) -> Result<(), Error>;
}

/// What a person does by hand, and the number of the first of it.
pub type Steps<'a> = (usize, &'a [&'a str]);

/// What rotators work with.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// Has their scripts.
    pub scripts: &'a dyn Scripts,
    /// Reaches hosts.
    pub hosts: &'a dyn Hosts,
    /// Knows the accounts.
    pub accounts: &'a dyn Accounts,
    /// Does by hand what they cannot.
    pub person: &'a dyn Person,
}

/// The rotator of a name: one of clws, or a script of the vault.
///
/// # Errors
/// [`RotateError::NoRotator`]; if there is no such script.
pub(super) fn rotator<'a>(
    path: &str,
    name: Option<&str>,
    means: Means<'a>,
) -> Result<Box<dyn Rotator + 'a>, Error> {
    match name {
        Some(random::NAME) => Ok(Box::new(Random)),
        Some(by_hand::NAME) => Ok(Box::new(ByHand::new(means.person))),
        Some(azure_key::NAME) => {
            means.accounts.azure(path)?;
            Ok(Box::new(AzureKey::new(means.accounts, means.person)))
        }
        Some(ssh_key::NAME) => Ok(Box::new(SshKey::new(means.hosts))),
        Some(name) if is_tls(name) => Ok(Box::new(Tls::new(means, issuer_of(name)))),
        Some(mysql::NAME) => {
            means.accounts.demand(mysql::NAME, path)?;
            Ok(Box::new(Mysql::new(means.accounts)))
        }
        Some(codalab_user::NAME) => {
            means.accounts.demand(codalab_user::NAME, path)?;
            Ok(Box::new(CodalabUser::new(means.accounts)))
        }
        Some(vault_static::NAME) => {
            means.accounts.demand(vault_static::NAME, path)?;
            Ok(Box::new(VaultStatic::new(means.accounts)))
        }
        Some(name) => Ok(Box::new(Script::new(
            name,
            means.scripts.script(name, path)?,
        ))),
        None => Err(RotateError::NoRotator {
            path: path.to_owned(),
        }
        .into()),
    }
}

pub(super) const BY_HAND: &str = by_hand::NAME;
pub(super) const TLS: &str = tls::NAME;

/// Whether a rotator is `tls`, with whatever issuer: it sees all of its values at once.
#[must_use]
pub fn is_tls(name: &str) -> bool {
    let issuer = name.strip_prefix(tls::NAME);
    issuer.is_some_and(|issuer| issuer.is_empty() || issuer.starts_with(':'))
}

/// Who issues the certificates of a rotator `tls`.
fn issuer_of(name: &str) -> Issuer {
    match name.trim_start_matches(tls::NAME).trim_start_matches(':') {
        "" | by_hand::NAME => Issuer::Person,
        name => Issuer::Script(name.to_owned()),
    }
}
