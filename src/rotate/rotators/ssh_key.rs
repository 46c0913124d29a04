//! `ssh-key`: a key that logs in to hosts. Its new public half is listed beside the old one on every host
//! that lists that, the new key proves that it logs in, and only then the old line goes.
//!
//! A host that is down keeps what it has: it is reported, and the rotation is not done before it is. Until
//! then both keys lie in the vault, and clws logs in with either.

use super::authorized::{Listed, READ, WRITE};
use super::{Accepted, Both, Held, Hosts, Outside, Rotator};
use crate::channel::ssh::has_both_halves;
use crate::crypto::{hex, sha256};
use crate::error::Error;
use crate::identity::{KeyPair, LoginKey};
use crate::rotate::RotateError;
use crate::secret::Plain;
use crate::vault::ValueType;
use crate::world::World;

pub(super) const NAME: &str = "ssh-key";

/// The rotator.
pub(super) struct SshKey<'a> {
    hosts: &'a dyn Hosts,
}

impl<'a> SshKey<'a> {
    pub(super) fn new(hosts: &'a dyn Hosts) -> Self {
        Self { hosts }
    }
}

impl Rotator for SshKey<'_> {
    fn make(
        &self,
        world: &World,
        path: &str,
        (_, old): (ValueType, &Plain),
    ) -> Result<Plain, Error> {
        let line = public_line(path, old)?;
        let mut words = line.splitn(3, ' ');
        if words.next() != Some("ssh-ed25519") {
            self.hosts
                .tell(&format!("{path}: the new key is an Ed25519 key"));
        }
        let comment = words.nth(1).unwrap_or_default();
        Ok(KeyPair::ed25519(world, comment)?.private)
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn accept(&self, _: &World, which: Accepted, both: &Both<'_>) -> Result<Outside, Error> {
        let turn = Turn::of(self.hosts, which, both)?;
        turn.demand_party()?;
        let (mut done, mut left) = (0, Vec::new());
        for host in self.hosts.of(both.path)? {
            match turn.on_host(&host) {
                Ok(None) => {}
                Ok(Some(what)) => {
                    done += 1;
                    self.hosts.tell(&format!("{host}: {what}"));
                }
                Err(error) => left.push((host, error.message())),
            }
        }
        // While both are to be accepted, a host that is down goes on with the one that it has.
        let can_wait = turn.gone.is_none() && done > 0;
        for (host, why) in left.iter().filter(|_| can_wait) {
            self.hosts.tell(&format!("{host} is left for later: {why}"));
        }
        if can_wait || left.is_empty() {
            return Ok(Outside::AsAsked);
        }
        let path = both.path.to_owned();
        Err(RotateError::Hosts { path, done, left }.into())
    }
}

/// A key with its public half.
struct Key<'a> {
    private: &'a Plain,
    listed: Listed,
}

impl<'a> Key<'a> {
    fn of(path: &str, private: &'a Plain) -> Result<Self, Error> {
        let line = public_line(path, private)?;
        let listed = Listed::of(&line).ok_or_else(|| not_made(path, NO_KEY))?;
        Ok(Self { private, listed })
    }
}

/// What is to be the case on each host.
struct Turn<'a> {
    hosts: &'a dyn Hosts,
    path: &'a str,
    /// The key that must log in from then on.
    wanted: Key<'a>,
    other: Key<'a>,
    /// Whether the other one goes, and what it is called.
    gone: Option<&'static str>,
}

impl<'a> Turn<'a> {
    fn of(hosts: &'a dyn Hosts, which: Accepted, both: &Both<'a>) -> Result<Self, Error> {
        let path = both.path;
        let (old, new) = (Key::of(path, both.old)?, Key::of(path, both.new)?);
        let (wanted, other, gone) = match which {
            Accepted::Both => (new, old, None),
            Accepted::BothAgain => (old, new, None),
            Accepted::New => (new, old, Some("old")),
            Accepted::Old => (old, new, Some("new")),
        };
        Ok(Self {
            hosts,
            path,
            wanted,
            other,
            gone,
        })
    }

    /// Where the key is a party's, the rules must list the one that is given out for all that the other is for,
    /// and in the end that one alone: what the other signs would count for ever, and it would open.
    fn demand_party(&self) -> Result<(), Error> {
        let (wanted, other) = (self.wanted.listed.line(), self.other.listed.line());
        let Some(held) = self.hosts.party_of(&other)? else {
            return Ok(());
        };
        let new = self.hosts.party_of(&wanted)?;
        let lacks = |is: fn(&Held) -> bool| is(&held) && !new.as_ref().is_some_and(is);
        let (option, line) = if lacks(|held| held.signs) {
            ("--sign-key", wanted)
        } else if lacks(|held| held.opens) {
            ("--ssh", wanted)
        } else if self.gone.is_some() {
            ("--drop", other)
        } else {
            return Ok(());
        };
        Err(RotateError::OfParty {
            path: self.path.to_owned(),
            party: held.party,
            option,
            line,
        }
        .into())
    }

    /// Gives what was done there; none if the host lists neither key.
    fn on_host(&self, host: &str) -> Result<Option<String>, Error> {
        let (wanted, other) = (&self.wanted, &self.other);
        let text = self.run(host, READ, &[], "")?;
        if !wanted.listed.is_listed(&text) && !other.listed.is_listed(&text) {
            return match self.hosts.lets_in(host, other.private)? {
                true => Err(self.wrong(
                    host,
                    "lets the key in, and does not list it in ~/.ssh/authorized_keys",
                )),
                false => Ok(None),
            };
        }
        let both = wanted.listed.beside(&other.listed, &text);
        self.write(host, &text, &both)?;
        if !self.hosts.lets_in(host, wanted.private)? {
            return Err(self.wrong(host, "lists the key, and does not let it in"));
        }
        let Some(gone) = self.gone else {
            return Ok(Some("lets both keys in".to_owned()));
        };
        let alone = other.listed.gone_from(&both);
        self.write(host, &both, &alone)?;
        if self.hosts.lets_in(host, other.private)? {
            let why = format!("lets the {gone} key in from elsewhere than ~/.ssh/authorized_keys");
            return Err(self.wrong(host, &why));
        }
        Ok(Some(format!("does not let the {gone} key in any more")))
    }

    fn write(&self, host: &str, was: &str, new: &str) -> Result<(), Error> {
        if was != new {
            let sums = [was, new].map(|text| hex(&sha256(text.as_bytes())));
            self.run(host, WRITE, &sums, new)?;
        }
        Ok(())
    }

    fn run(
        &self,
        host: &str,
        script: &str,
        arguments: &[String],
        input: &str,
    ) -> Result<String, Error> {
        let keys = [self.wanted.private, self.other.private];
        self.hosts.run(host, keys, script, arguments, input)
    }

    fn wrong(&self, host: &str, why: &str) -> Error {
        let (path, host) = (self.path.to_owned(), host.to_owned());
        let why = why.to_owned();
        RotateError::OnHost { path, host, why }.into()
    }
}

const NO_KEY: &str = "it is no private key in OpenSSH's form; `ssh-keygen -p -f FILE` writes one";

const NOT_WHOLE: &str = "its private half does not prove its public one, as far as clws can tell (ed25519, ecdsa, \
                         rsa of 2048 to 4096 bits)";

fn public_line(path: &str, private: &Plain) -> Result<String, Error> {
    let key = private.with(|text| LoginKey::parse(text, path));
    let key = key.map_err(|_| not_made(path, NO_KEY))?;
    if key.is_sealed() {
        return Err(not_made(
            path,
            "it has a passphrase, and nobody is asked for it",
        ));
    }
    // Lines and parties are found by the public half, and what is beside them goes to whoever reads this value.
    if !has_both_halves(private) {
        return Err(not_made(path, NOT_WHOLE));
    }
    key.public_line().ok_or_else(|| not_made(path, NO_KEY))
}

fn not_made(path: &str, why: &'static str) -> Error {
    let path = path.to_owned();
    RotateError::NotMade { path, why }.into()
}
