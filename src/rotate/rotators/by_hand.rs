//! `by-hand`: a person makes the new value where it comes from, a provider's console say, and withdraws the
//! old one there.

use super::{Accepted, Both, Outside, Person, Rotator};
use crate::error::Error;
use crate::rotate::RotateError;
use crate::secret::Plain;
use crate::vault::ValueType;
use crate::world::World;

pub(super) const NAME: &str = "by-hand";

const MAKE: &str = "make a new value where it comes from; leave the old one accepted there";

/// The rotator.
pub(super) struct ByHand<'a> {
    person: &'a dyn Person,
    given: Option<Plain>,
}

impl<'a> ByHand<'a> {
    pub(super) fn new(person: &'a dyn Person) -> Self {
        let given = None;
        Self { person, given }
    }

    fn withdraws(&self, which: &str, path: &str) -> Result<(), Error> {
        let step = format!("withdraw the {which} value where it comes from");
        self.person.withdraws(which, path, (3, &step))
    }
}

impl Rotator for ByHand<'_> {
    fn prepare(&mut self, _: &World, path: &str) -> Result<(), Error> {
        self.given = Some(self.person.gives(path, (1, &[MAKE]))?);
        Ok(())
    }

    fn make(&self, _: &World, path: &str, (_, old): (ValueType, &Plain)) -> Result<Plain, Error> {
        let not = |why| RotateError::NotMade {
            path: path.to_owned(),
            why,
        };
        let given = self.given.as_ref();
        let given = given.ok_or_else(|| not("nobody gave one"))?;
        match given.same_as(old) {
            true => Err(not("what was given is the old one").into()),
            false => Ok(given.duplicate()),
        }
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn accept(&self, _: &World, which: Accepted, both: &Both<'_>) -> Result<Outside, Error> {
        match which {
            // It was made so.
            Accepted::Both | Accepted::BothAgain => {}
            Accepted::New => self.withdraws("old", both.path)?,
            Accepted::Old => self.withdraws("new", both.path)?,
        }
        Ok(Outside::AsAsked)
    }
}
