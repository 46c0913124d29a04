//! In what a component differs from what a deploy would bring.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::hex;
use crate::deploy::bring::place::fill;
use crate::deploy::plan::ComponentPlan;
use crate::deploy::receipt::Receipt;
use crate::docker::Engine;
use crate::time::Moment;

/// A secret's number on the host and in this vault; none where it is not given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Revs {
    /// On the host.
    pub there: Option<u64>,
    /// In this vault.
    pub here: Option<u64>,
}

/// What differs. A deploy brings a component anew if any of it does.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Drift {
    /// All its secrets by full name, those that do not differ as well.
    pub secrets: BTreeMap<String, Revs>,
    /// Those of them that a server stores and that could not be looked at: whether they differ is not known.
    pub unseen: BTreeSet<String>,
    /// Those of which the server has no value any more.
    pub gone: BTreeSet<String>,
    /// What has a number that it had before, and is another value: made anew on a server, or given in another clone.
    pub remade: Vec<String>,
    /// What made credentials of which less than a third of their time is left, with the moment when they end.
    pub ending: BTreeMap<String, Moment>,
    /// The number of the hook's signature in this vault.
    pub hook: u64,
    /// Whether the hook's files are others than those that were deployed.
    pub hook_differs: bool,
    /// The settings that are others by now.
    pub settings: Vec<String>,
    /// Whether the image's name means another one on the host by now.
    pub image_differs: bool,
}

impl Drift {
    /// Compares a receipt with a plan, and with the image that its name means on the host.
    pub(super) async fn between(
        receipt: &Receipt,
        plan: &ComponentPlan,
        engine: Option<&Engine>,
        now: Moment,
    ) -> Self {
        Self {
            image_differs: image_differs(receipt, plan, engine).await,
            ..Self::of(receipt, plan, now)
        }
    }

    fn of(receipt: &Receipt, plan: &ComponentPlan, now: Moment) -> Self {
        let mut secrets: BTreeMap<String, Revs> = BTreeMap::new();
        let mut remade = Vec::new();
        for (name, given) in &receipt.secrets {
            let (there, here) = (Some(given.rev), None);
            secrets.insert(name.clone(), Revs { there, here });
        }
        for (name, given) in plan.given() {
            let there = receipt.secrets.get(&name);
            if there.is_some_and(|there| there.rev == given.rev && !there.is_same(&given)) {
                remade.push(name.clone());
            }
            let revs = secrets.entry(name).or_insert(Revs {
                there: None,
                here: None,
            });
            revs.here = Some(given.rev);
        }
        let without = plan.without_version().into_iter();
        let without = without.filter(|(name, _)| secrets.contains_key(name));
        let (gone, unseen): (Vec<_>, Vec<_>) = without.partition(|(_, is_gone)| *is_gone);
        let names = |found: Vec<(String, bool)>| found.into_iter().map(|(name, _)| name).collect();
        let ending = receipt
            .leases
            .iter()
            .filter(|(_, lent)| !lent.is_fresh(now));
        let ending = ending.map(|(path, lent)| (path.clone(), Moment::from_seconds(lent.ends)));
        let keys = receipt.settings.keys().chain(plan.settings.keys());
        let mut settings: Vec<String> = keys
            .filter(|name| receipt.settings.get(*name) != plan.settings.get(*name))
            .cloned()
            .collect();
        settings.sort();
        settings.dedup();
        Self {
            unseen: names(unseen),
            gone: names(gone),
            secrets,
            remade,
            ending: ending.collect(),
            hook: plan.hook.seq,
            hook_differs: receipt.hook != hex(&plan.hook.hash),
            settings,
            image_differs: false,
        }
    }

    /// The secrets that differ.
    pub fn others(&self) -> impl Iterator<Item = (&String, &Revs)> {
        let all = self.secrets.iter();
        all.filter(|(name, revs)| {
            revs.there != revs.here && !self.unseen.contains(*name) && !self.gone.contains(*name)
        })
    }

    /// The names of those of which the host has another value.
    pub fn other_names(&self) -> impl Iterator<Item = &String> {
        let others = self.others().map(|(name, _)| name);
        others.chain(&self.remade).chain(&self.gone)
    }

    /// Whether anything differs.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.hook_differs
            || !self.ending.is_empty()
            || self.image_differs
            || !self.settings.is_empty()
            || self.other_names().next().is_some()
    }
}

/// An image that is not on the host would be fetched, which is known when that is done.
async fn image_differs(receipt: &Receipt, plan: &ComponentPlan, engine: Option<&Engine>) -> bool {
    let (Some(hook), Some(engine)) = (&plan.hook.hook.container, engine) else {
        return false;
    };
    let Ok(name) = fill(plan, &plan.names, &hook.image) else {
        return false;
    };
    let found = engine.image(&name).await;
    found.is_ok_and(|image| receipt.image.as_ref() != Some(&image.id))
}
