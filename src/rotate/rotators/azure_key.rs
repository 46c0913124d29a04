//! `azure-key`: a key of a storage or batch account of Azure's. An account has two, and either lets in.
//!
//! The key that is given out is one of them. The *other* one is made anew, which nobody uses, and becomes the
//! value; when everything runs with it, the one that was given out is made anew as well, so that what was known of
//! it is of no use. Azure makes keys and takes none: one that was made anew is not had back.
//!
//! `az` does it where it is installed, else a person, who is told the steps.

mod az;
mod keys;

pub use self::az::AzureLogin;

use self::az::Az;
use self::keys::{Keys, Slot, key_in, with_key};
use super::{Accepted, Accounts, Both, Old, Outside, Person, Rotator};
use crate::error::{Code, Error, Problem};
use crate::fleet::AzureAccount;
use crate::rotate::RotateError;
use crate::secret::Plain;
use crate::vault::ValueType;
use crate::world::World;

pub(super) const NAME: &str = "azure-key";

/// Whether nobody but a person can do it here.
pub(super) fn is_by_hand(world: &World) -> bool {
    world.program("az").is_none()
}

/// The rotator.
pub(super) struct AzureKey<'a> {
    accounts: &'a dyn Accounts,
    person: &'a dyn Person,
    /// The key that is given out.
    old: Option<Plain>,
    /// The other one, made anew.
    new: Option<Plain>,
}

impl<'a> AzureKey<'a> {
    pub(super) fn new(accounts: &'a dyn Accounts, person: &'a dyn Person) -> Self {
        Self {
            accounts,
            person,
            old: None,
            new: None,
        }
    }

    /// Does something with `az`, logged in.
    fn with_az<T>(
        &self,
        world: &World,
        path: &str,
        hidden: &[&Plain],
        work: impl FnOnce(&Az<'_>) -> Result<T, String>,
    ) -> Result<Result<T, String>, Error> {
        let account = self.accounts.azure(path)?;
        let login = self.accounts.azure_login(path)?;
        let Some(program) = world.program("az") else {
            return Ok(Err("az is not installed here any more".to_owned()));
        };
        let begun = Az::begin(program, world, &account, login.as_ref(), hidden)?;
        Ok(begun.and_then(|az| work(&az)))
    }

    /// Which key a person sees that `key` is, if it is one.
    fn seen(&self, path: &str, account: &AzureAccount, key: &Plain) -> Result<Option<Slot>, Error> {
        let group = account.resource_group();
        let steps: [&str; 2] = [
            &format!(
                "open {account} (resource group {group}) in the Azure portal, there the access keys"
            ),
            "give the first key as it is now, and the second if it is not that: clws looks which one is in use",
        ];
        self.person.told(path, (1, &steps));
        for slot in [Slot::First, Slot::Second] {
            let shown = slot.shown(account.service());
            if key_in(&self.person.shows(path, &format!("{shown} as it is now"))?).same_as(key) {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    fn by_hand(&self, path: &str, old: &Plain) -> Result<Plain, Error> {
        let account = self.accounts.azure(path)?;
        let seen = self.seen(path, &account, old)?;
        let other = seen.ok_or_else(|| not_made(path, NEITHER))?.other();
        let shown = other.shown(account.service());
        let rotate = format!("rotate {shown} of {account}, and no other: nothing is to use it");
        let given = self.person.gives(path, (3, &[&rotate]))?;
        Ok(key_in(&given))
    }
}

const NEITHER: &str = "neither key of the account is the one that is given out";

impl Rotator for AzureKey<'_> {
    fn begins(&self) -> bool {
        true
    }

    fn begin(&mut self, _: &str, old: &Old<'_>) -> Result<(), Error> {
        self.old = Some(key_in(old.value));
        Ok(())
    }

    fn prepare(&mut self, world: &World, path: &str) -> Result<(), Error> {
        let old = self.old.take();
        let old = old.ok_or_else(|| not_made(path, "nobody showed it the old one"))?;
        let new = if is_by_hand(world) {
            self.by_hand(path, &old)?
        } else {
            let made = self.with_az(world, path, &[&old], |az| {
                let Some(slot) = az.keys()?.slot_of(&old) else {
                    return Ok(None);
                };
                let keys = az.renew(slot.other())?;
                Ok(Some(keys.of(slot.other()).duplicate()))
            })?;
            let account = self.accounts.azure(path)?;
            let made = made.map_err(|why| {
                Problem::new(Code::Remote, format!("`{path}`: {account}: {why}"))
                    .hint("what is given out is as it was, and lets in")
            })?;
            made.ok_or_else(|| not_made(path, NEITHER))?
        };
        self.new = Some(new);
        Ok(())
    }

    fn make(&self, _: &World, path: &str, (_, old): (ValueType, &Plain)) -> Result<Plain, Error> {
        let new = self.new.as_ref();
        let new = new.ok_or_else(|| not_made(path, "no key was made"))?;
        match new.same_as(&key_in(old)) {
            true => Err(not_made(path, "what was given is the old one")),
            false => Ok(with_key(old, new)),
        }
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn is_one_way(&self) -> bool {
        true
    }

    fn accept(&self, world: &World, which: Accepted, both: &Both<'_>) -> Result<Outside, Error> {
        let (path, old, new) = (both.path, &key_in(both.old), &key_in(both.new));
        let account = self.accounts.azure(path)?;
        if is_by_hand(world) {
            let which = match which {
                // It was made so, and looked at before there was a way back.
                Accepted::Both | Accepted::BothAgain => return Ok(Outside::AsAsked),
                Accepted::New => ("old", "longer ago"),
                Accepted::Old => ("new", "last"),
            };
            let step = format!(
                "rotate the other key of {account}: the one that was rotated {}",
                which.1
            );
            self.person.withdraws(which.0, path, (5, &step))?;
            return Ok(Outside::AsAsked);
        }
        let (stays, goes) = match which {
            Accepted::Both => (new, None),
            Accepted::BothAgain => (old, None),
            Accepted::New => (new, Some(old)),
            Accepted::Old => (old, Some(new)),
        };
        let done = self.with_az(world, path, &[old, new], |az| {
            let keys = az.keys()?;
            demand(&keys, stays)?;
            if which == Accepted::Both {
                demand(&keys, old)?;
            }
            // Made anew before, if it is not there.
            if let Some(slot) = goes.and_then(|goes| keys.slot_of(goes)) {
                demand(&az.renew(slot)?, stays)?;
            }
            Ok(())
        })?;
        done.map(|()| Outside::AsAsked)
            .map_err(|why| failed(path, &account, why))
    }

    fn demand_way_back(&self, world: &World, both: &Both<'_>) -> Result<(), Error> {
        if !is_by_hand(world) {
            return self.accept(world, Accepted::BothAgain, both).map(drop);
        }
        let account = self.accounts.azure(both.path)?;
        match self.seen(both.path, &account, &key_in(both.old))? {
            Some(_) => Ok(()),
            None => Err(failed(both.path, &account, GONE.to_owned())),
        }
    }
}

/// Refuses where a key that has to let in is none of the account's.
fn demand(keys: &Keys, key: &Plain) -> Result<(), String> {
    match keys.slot_of(key) {
        Some(_) => Ok(()),
        None => Err(GONE.to_owned()),
    }
}

const GONE: &str =
    "the key that is to let in was made anew there, and Azure gives no key back; it has two others";

fn failed(path: &str, account: &AzureAccount, why: String) -> Error {
    let (path, place) = (path.to_owned(), account.to_string());
    RotateError::Outside { path, place, why }.into()
}

fn not_made(path: &str, why: &'static str) -> Error {
    let path = path.to_owned();
    RotateError::NotMade { path, why }.into()
}
