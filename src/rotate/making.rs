//! Making new values beside the old ones: what rotators are shown, what they make, and what they have only
//! begun, for somebody outside who has to do a part of it.

use std::collections::BTreeMap;

use super::RotateError;
use super::record::{Numbers, Rotation, Step};
use super::rotators::{Old, Rotator, make_as};
use super::run::{Run, Stand, has_pending, secret};
use crate::error::Error;
use crate::secret::Plain;

/// Rotators, by what their values share.
type Rotators<'a> = BTreeMap<String, Box<dyn Rotator + 'a>>;

impl Run<'_> {
    /// Makes the new values, beside the old ones. `is_certain` is whether nothing of it was committed, if
    /// it fails.
    pub(super) fn make(&self, rotation: &mut Rotation, is_certain: &mut bool) -> Result<(), Error> {
        let world = self.vault.world();
        let mut made = Vec::new();
        let mut rotators = self.rotators(rotation)?;
        self.show(rotation, &mut rotators)?;
        let mut awaited = None;
        for value in &rotation.values {
            if value.like.is_none()
                && let Some(rotator) = rotators.get_mut(value.shares())
                && let Err(error) = rotator.prepare(world, &value.path)
            {
                awaited = Some(error);
                break;
            }
        }
        if let Some(error) = awaited {
            if let Some(RotateError::Awaited { .. }) = error.downcast_ref() {
                self.keep(rotation, &rotators, is_certain)?;
            }
            return Err(error);
        }
        (self.change)(&mut |change| {
            made.clear();
            let mut leaders: BTreeMap<&str, Plain> = BTreeMap::new();
            for value in &rotation.values {
                let Some(rotator) = rotators.get(value.shares()) else {
                    continue;
                };
                let secret = secret(self.vault, value)?;
                let (old, new) = change.set_pending(&secret, |kind, old| {
                    let like = value.like.as_deref().and_then(|path| leaders.get(path));
                    let new = match (like, value.shape) {
                        (Some(leader), _) => leader.duplicate(),
                        (None, Some(shape)) => make_as(world, &value.path, (kind, old), shape)?,
                        (None, None) => rotator.make(world, &value.path, (kind, old))?,
                    };
                    leaders.insert(&value.path, new.duplicate());
                    Ok(new)
                })?;
                made.push((Numbers::of(&old), Numbers::of(&new)));
            }
            *is_certain = false;
            Ok(())
        })?;
        for (value, numbers) in rotation.values.iter_mut().zip(made) {
            value.numbers = Some(numbers);
        }
        (self.say)("a new value lies beside the old one");
        rotation.step = Step::Made;
        self.records.write(rotation)
    }

    /// A rotator for each value, or one for several that it has to see together.
    fn rotators(&self, rotation: &Rotation) -> Result<Rotators<'_>, Error> {
        let each = rotation.values.iter();
        each.map(|value| Ok((value.shares().to_owned(), self.rotator(value)?)))
            .collect()
    }

    /// Shows the old values to the rotators that have to see them, with what this rotation kept beside them.
    fn show(&self, rotation: &Rotation, rotators: &mut Rotators<'_>) -> Result<(), Error> {
        for value in &rotation.values {
            let Some(rotator) = rotators.get_mut(value.shares()) else {
                continue;
            };
            if !rotator.begins() {
                continue;
            }
            let secret = secret(self.vault, value)?;
            // Only what was written down is ours: anything else may have been put there.
            let is_kept = value.numbers.is_some() && self.stand(value)? == Stand::Old;
            let (live, beside) = match is_kept && has_pending(self.vault, &secret)? {
                true => self
                    .open(&secret)
                    .map(|(live, beside)| (live, Some(beside)))?,
                false => (self.open_given_out(&secret)?, None),
            };
            let (value_of, beside) = (&live, beside.as_ref());
            rotator.begin(
                &value.path,
                &Old {
                    value: value_of,
                    beside,
                },
            )?;
        }
        Ok(())
    }

    /// Keeps what rotators have begun beside the old values, and writes down that it is theirs.
    fn keep(
        &self,
        rotation: &mut Rotation,
        rotators: &Rotators<'_>,
        is_certain: &mut bool,
    ) -> Result<(), Error> {
        let mut kept = Vec::new();
        (self.change)(&mut |change| {
            kept.clear();
            for (at, value) in rotation.values.iter().enumerate() {
                let rotator = rotators.get(value.shares());
                let Some(begun) = rotator.and_then(|rotator| rotator.begun(&value.path)) else {
                    continue;
                };
                let secret = secret(self.vault, value)?;
                let (old, new) = change.set_pending(&secret, |_, _| Ok(begun.duplicate()))?;
                kept.push((at, (Numbers::of(&old), Numbers::of(&new))));
            }
            *is_certain = false;
            Ok(())
        })?;
        for (at, numbers) in kept {
            if let Some(value) = rotation.values.get_mut(at) {
                value.numbers = Some(numbers);
            }
        }
        self.records.write(rotation)
    }
}
