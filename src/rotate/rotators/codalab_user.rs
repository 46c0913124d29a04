//! `codalab-user`: the password of CodaLab's root user, with which its workers and its monitor log in.
//!
//! The server's own user update sets it, and it has one at a time: from that moment on new logins need the
//! new one, and what logged in before goes on. Workers log in again when their token is about to end, so the
//! deploy that follows at once brings them the new one before.

use super::{Accepted, Accounts, Both, Outside, Rotator};
use crate::error::Error;
use crate::world::World;

pub(super) const NAME: &str = "codalab-user";

/// The rotator.
pub(super) struct CodalabUser<'a> {
    accounts: &'a dyn Accounts,
}

impl<'a> CodalabUser<'a> {
    pub(super) fn new(accounts: &'a dyn Accounts) -> Self {
        Self { accounts }
    }
}

impl Rotator for CodalabUser<'_> {
    fn is_outside(&self) -> bool {
        true
    }

    fn accept(&self, _: &World, which: Accepted, both: &Both<'_>) -> Result<Outside, Error> {
        let (password, outside) = match which {
            Accepted::Both => (both.new, Outside::InPlace),
            Accepted::BothAgain => (both.old, Outside::InPlace),
            Accepted::New => (both.new, Outside::AsAsked),
            Accepted::Old => (both.old, Outside::AsAsked),
        };
        self.accounts.update_codalab_user(both.path, password)?;
        Ok(outside)
    }
}
