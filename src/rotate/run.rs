//! A rotation, step by step. Each is written down when it is done, and each can be done twice: a run that
//! is killed anywhere is gone on with, or led back. At no moment is there neither value, since both lie in
//! the vault from the first step to the last, and which one is given out changes in one journaled commit.

use super::RotateError;
use super::record::{Numbers, Records, Rotation, Step, Turning};
use super::rotators::{Accepted, Both, Means, Outside, Rotator, is_tls, rotator};
use crate::error::Error;
use crate::fs::Sync;
use crate::name::{SecretName, SecretPath};
use crate::plaintext::certificate::{end_of, set_end};
use crate::secret::Plain;
use crate::vault::{Change, Vault, VaultError};

/// Makes a change of secrets as whoever rotates: what is done to it, then the commit.
pub type Changing<'a> =
    dyn Fn(&mut dyn FnMut(&mut Change<'_>) -> Result<(), Error>) -> Result<(), Error> + 'a;

/// Takes what is given out to where it is used.
pub trait TakeIntoUse {
    /// Brings every component that is given one of `secrets` up to date, and looks that it answers.
    ///
    /// # Errors
    /// If any is not: the step counts as not done.
    fn take_into_use(&self, secrets: &[String]) -> Result<(), Error>;
}

/// What a rotation works with.
pub struct Run<'a> {
    /// The vault.
    pub vault: &'a Vault,
    /// Where it writes down what is done.
    pub records: &'a Records,
    /// Changes the vault.
    pub change: &'a Changing<'a>,
    /// What rotators work with.
    pub means: Means<'a>,
    /// Deploys.
    pub take: &'a dyn TakeIntoUse,
    /// Tells what is done.
    pub say: &'a dyn Fn(&str),
}

impl Run<'_> {
    /// Begins a rotation, and goes through with it.
    ///
    /// # Errors
    /// As [`Self::resume`]. If no new value was made, there is nothing to go on with.
    pub fn begin(&self, values: Vec<Turning>) -> Result<(), Error> {
        let mut rotation = Rotation {
            step: Step::Begun,
            values,
        };
        for value in &rotation.values {
            if has_pending(self.vault, &secret(self.vault, value)?)? {
                let path = value.path.clone();
                return Err(RotateError::UnderWay { path }.into());
            }
        }
        self.records.write(&rotation)?;
        let mut is_certain = true;
        if let Err(error) = self.make(&mut rotation, &mut is_certain) {
            // A commit that failed may be there all the same, or be finished by the next writer.
            if is_certain {
                self.records.forget(&rotation)?;
            }
            return Err(error);
        }
        self.go_on(rotation)
    }

    /// Goes on with a rotation, forward or back, from where it is.
    ///
    /// # Errors
    /// [`RotateError::Moved`], and what changing the vault and deploying can.
    pub fn resume(&self, rotation: Rotation) -> Result<(), Error> {
        self.go_on(rotation)
    }

    /// Leads a rotation back: the old value is issued again as the newest, and taken into use.
    ///
    /// # Errors
    /// As [`Self::resume`].
    pub fn undo(&self, mut rotation: Rotation) -> Result<(), Error> {
        if rotation.step == Step::LedBack {
            return self.go_on(rotation);
        }
        let was_given_out = rotation.values.iter().try_fold(false, |any, value| {
            Ok::<_, Error>(any || matches!(self.stand(value)?, Stand::New | Stand::Back))
        })?;
        self.demand_ways_back(&rotation)?;
        rotation.step = match was_given_out {
            true => Step::Returning,
            false => Step::UsedAgain,
        };
        self.records.write(&rotation)?;
        self.go_on(rotation)
    }

    /// Refuses to lead back to what cannot be accepted any more: going forward is all that is left.
    fn demand_ways_back(&self, rotation: &Rotation) -> Result<(), Error> {
        for value in &rotation.values {
            let rotator = self.rotator(value)?;
            let stand = self.stand(value)?;
            let secret = secret(self.vault, value)?;
            let is_made = value.numbers.is_some() && has_pending(self.vault, &secret)?;
            if !rotator.is_one_way() || !is_made {
                continue;
            }
            let (live, pending) = self.open(&secret)?;
            let (old, new) = match stand {
                Stand::New => (&pending, &live),
                // A server may have withdrawn it when it made the new one.
                Stand::Old => (&live, &pending),
                Stand::Done | Stand::Back | Stand::Other => continue,
            };
            let path = &value.path;
            let both = Both { path, old, new };
            rotator.demand_way_back(self.vault.world(), &both)?;
        }
        Ok(())
    }

    fn go_on(&self, mut rotation: Rotation) -> Result<(), Error> {
        loop {
            match rotation.step {
                Step::Begun => {
                    self.make(&mut rotation, &mut true)?;
                    continue;
                }
                Step::Made => {
                    self.accept(&rotation, Some(Accepted::Both))?;
                    rotation.step = Step::Accepted;
                }
                Step::Accepted => {
                    self.swap(&rotation, &Stand::Old)?;
                    (self.say)("the new value is the one that is given out");
                    rotation.step = Step::Swapped;
                }
                Step::Returning => {
                    // The old one may be withdrawn already.
                    self.accept(&rotation, Some(Accepted::BothAgain))?;
                    self.swap(&rotation, &Stand::New)?;
                    (self.say)("the old value is the one that is given out again");
                    rotation.step = Step::Returned;
                }
                Step::Swapped => {
                    self.take.take_into_use(&rotation.paths())?;
                    rotation.step = Step::Used;
                }
                Step::Returned => {
                    self.take.take_into_use(&rotation.paths())?;
                    rotation.step = Step::UsedAgain;
                }
                Step::Used | Step::UsedAgain => {
                    self.accept(&rotation, None)?;
                    let left = self.left_outside(&rotation)?;
                    if rotation.step == Step::UsedAgain && left.is_empty() {
                        // Once the new one is gone, nothing tells that all of it was done.
                        rotation.step = Step::LedBack;
                    } else {
                        self.end(&rotation)?;
                        return match left.is_empty() {
                            true => Ok(()),
                            false => Err(RotateError::LeftOutside { paths: left }.into()),
                        };
                    }
                }
                Step::LedBack => return self.end(&rotation),
            }
            self.records.write(&rotation)?;
        }
    }

    pub(super) fn rotator(&self, value: &Turning) -> Result<Box<dyn Rotator + '_>, Error> {
        rotator(&value.path, Some(&value.rotator), self.means)
    }

    /// Has values accepted outside of the vault: `which`, or in the end the one that is given out. Where
    /// nothing lies beside a value, that was done before.
    fn accept(&self, rotation: &Rotation, which: Option<Accepted>) -> Result<(), Error> {
        for value in &rotation.values {
            let rotator = self.rotator(value)?;
            let stand = self.stand(value)?;
            let given_out = match stand {
                Stand::Old | Stand::Back => Accepted::Old,
                Stand::New => Accepted::New,
                Stand::Done | Stand::Other => continue,
            };
            let secret = secret(self.vault, value)?;
            let is_made = value.numbers.is_some() && has_pending(self.vault, &secret)?;
            if !rotator.is_outside() || !is_made {
                continue;
            }
            let (live, pending) = self.open(&secret)?;
            let (old, new) = match given_out {
                Accepted::New => (&pending, &live),
                _ => (&live, &pending),
            };
            let path = &value.path;
            let which = which.unwrap_or(given_out);
            let outside = rotator.accept(self.vault.world(), which, &Both { path, old, new })?;
            let was_asked = outside == Outside::AsAsked;
            (self.say)(match which {
                Accepted::Both if was_asked => {
                    "outside, the new value is accepted beside the old one"
                }
                Accepted::BothAgain if was_asked => {
                    "outside, the old value is accepted beside the new one"
                }
                Accepted::Both => {
                    "outside, the new value is accepted in place of the old one: until the deploy is \
                     done, what runs with the old one cannot log in anew"
                }
                Accepted::BothAgain => {
                    "outside, the old value is accepted in place of the new one: until the deploy is \
                     done, what runs with the new one cannot log in anew"
                }
                Accepted::New => "outside, the new value alone is accepted",
                Accepted::Old => "outside, the old value alone is accepted",
            });
        }
        Ok(())
    }

    /// The values for which nothing was done outside: another one came in between, or is gone, and neither the
    /// old nor the new one is given out.
    fn left_outside(&self, rotation: &Rotation) -> Result<Vec<String>, Error> {
        let mut left = Vec::new();
        for value in &rotation.values {
            if self.stand(value)? == Stand::Other && self.rotator(value)?.is_outside() {
                left.push(value.path.clone());
            }
        }
        Ok(left)
    }

    /// The value that is given out.
    pub(super) fn open_given_out(&self, secret: &SecretName) -> Result<Plain, Error> {
        let mut live = None;
        (self.change)(&mut |change| {
            live = Some(change.open_given_out(secret)?);
            Ok(())
        })?;
        live.ok_or_else(|| missing(secret))
    }

    /// Both values of one name.
    pub(super) fn open(&self, secret: &SecretName) -> Result<(Plain, Plain), Error> {
        self.vault
            .record_use("rotate", &[secret.to_string()], Sync::Disk)?;
        let mut both = None;
        (self.change)(&mut |change| {
            both = Some(change.open_both(secret)?);
            Ok(())
        })?;
        both.ok_or_else(|| missing(secret))
    }

    /// Swaps the two values of all that stand at `from`, all or none.
    fn swap(&self, rotation: &Rotation, from: &Stand) -> Result<(), Error> {
        (self.change)(&mut |change| {
            let end = self.end_of_pair(rotation, change)?;
            for value in &rotation.values {
                let stand = self.stand(value)?;
                if stand == *from {
                    let end = end.clone().filter(|_| is_tls(&value.rotator));
                    change.swap_pending(&secret(self.vault, value)?, |new, policy| {
                        set_end(policy, end.or_else(|| end_of(new)));
                    })?;
                } else if stand == Stand::Other && *from == Stand::Old {
                    let path = value.path.clone();
                    return Err(RotateError::Moved { path }.into());
                }
            }
            Ok(())
        })
    }

    /// The day on which the certificate of a pair ends: the key is of no use after it.
    fn end_of_pair(
        &self,
        rotation: &Rotation,
        change: &mut Change<'_>,
    ) -> Result<Option<String>, Error> {
        let mut ends = Vec::new();
        for value in rotation
            .values
            .iter()
            .filter(|value| is_tls(&value.rotator))
        {
            let secret = secret(self.vault, value)?;
            if has_pending(self.vault, &secret)? {
                ends.extend(end_of(&change.open_both(&secret)?.1));
            }
        }
        Ok(ends.into_iter().min())
    }

    /// Takes away what lies beside the values, and the record.
    fn end(&self, rotation: &Rotation) -> Result<(), Error> {
        (self.change)(&mut |change| {
            for value in &rotation.values {
                change.drop_pending(&secret(self.vault, value)?)?;
            }
            Ok(())
        })?;
        self.records.forget(rotation)
    }

    /// Which of its values is given out, as the vault has it now.
    pub(super) fn stand(&self, value: &Turning) -> Result<Stand, Error> {
        let Some((old, new)) = &value.numbers else {
            return Ok(Stand::Old);
        };
        let given = self.vault.given(&secret(self.vault, value)?)?;
        let Some((live, beside)) = given else {
            return Ok(Stand::Other);
        };
        let live = Numbers::of(&live);
        // What lies beside it is in no pin: one of another rotation must not be taken for this one's.
        let beside = beside.map(|beside| Numbers::of(&beside));
        let is_beside = |one: &Numbers| beside.as_ref() == Some(one);
        Ok(match beside {
            _ if live == *old && is_beside(new) => Stand::Old,
            _ if live == *new && is_beside(old) => Stand::New,
            None if live == *new => Stand::Done,
            _ if live.is_again(old, new) && is_beside(new) => Stand::Back,
            _ => Stand::Other,
        })
    }
}

fn missing(secret: &SecretName) -> Error {
    let (name, nearest) = (secret.to_string(), None);
    VaultError::NotFound { name, nearest }.into()
}

/// Which value is given out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stand {
    /// The old one.
    Old,
    /// The new one, and the old one lies beside it.
    New,
    /// The new one alone: the rotation is done.
    Done,
    /// The old one, issued again.
    Back,
    /// One that came in between, or nothing of this rotation lies beside it.
    Other,
}

pub(super) fn secret(vault: &Vault, value: &Turning) -> Result<SecretName, Error> {
    vault.find_secret(&value.path.parse::<SecretPath>()?)
}

/// Whether something lies beside a value, for a rotation.
///
/// # Errors
/// [`VaultError`] if its document or sidecar does not read.
pub fn has_pending(vault: &Vault, secret: &SecretName) -> Result<bool, Error> {
    Ok(matches!(vault.given(secret)?, Some((_, Some(_)))))
}
