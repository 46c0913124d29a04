//! `vault-static`: the password of an account that a Vault or OpenBao server makes itself. It is taken over
//! into the vault and deployed.
//!
//! The account has one password at a time, and nobody but the server can set it. So there is no way back, and
//! a while in which what runs cannot log in anew. What the server made and the vault does not have, because the
//! server did so by its own clock or a run of ours was killed, is taken over as it is.

use super::{Accepted, Accounts, Both, Old, Outside, Rotator};
use crate::error::Error;
use crate::rotate::RotateError;
use crate::secret::Plain;
use crate::vault::ValueType;
use crate::world::World;

pub(super) const NAME: &str = "vault-static";

/// The rotator.
pub(super) struct VaultStatic<'a> {
    accounts: &'a dyn Accounts,
    old: Option<Plain>,
    given: Option<Plain>,
}

impl<'a> VaultStatic<'a> {
    pub(super) fn new(accounts: &'a dyn Accounts) -> Self {
        Self {
            accounts,
            old: None,
            given: None,
        }
    }

    fn is_old(&self, value: &Plain) -> bool {
        self.old.as_ref().is_some_and(|old| old.same_as(value))
    }
}

impl Rotator for VaultStatic<'_> {
    fn begins(&self) -> bool {
        true
    }

    fn begin(&mut self, _: &str, old: &Old<'_>) -> Result<(), Error> {
        self.old = Some(old.value.duplicate());
        Ok(())
    }

    fn prepare(&mut self, _: &World, path: &str) -> Result<(), Error> {
        let mut given = self.accounts.issued(path)?;
        if self.is_old(&given) {
            self.accounts.reissue(path)?;
            given = self.accounts.issued(path)?;
        }
        self.given = Some(given);
        Ok(())
    }

    fn make(&self, _: &World, path: &str, (_, old): (ValueType, &Plain)) -> Result<Plain, Error> {
        let given = self.given.as_ref().filter(|given| !given.same_as(old));
        let given = given.map(Plain::duplicate);
        given.ok_or_else(|| {
            let path = path.to_owned();
            let why = "the server gives the old one";
            RotateError::NotMade { path, why }.into()
        })
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn is_one_way(&self) -> bool {
        true
    }

    fn accept(&self, _: &World, which: Accepted, both: &Both<'_>) -> Result<Outside, Error> {
        match which {
            // It is so since the server made it.
            Accepted::Both => Ok(Outside::InPlace),
            Accepted::New => Ok(Outside::AsAsked),
            Accepted::BothAgain | Accepted::Old => {
                let path = both.path.to_owned();
                Err(RotateError::OneWay { path }.into())
            }
        }
    }
}
