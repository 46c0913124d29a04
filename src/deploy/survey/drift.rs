//! In what a component differs from what a deploy would bring.

use std::collections::BTreeMap;

use crate::crypto::hex;
use crate::deploy::docker::Engine;
use crate::deploy::place::fill;
use crate::deploy::plan::ComponentPlan;
use crate::deploy::receipt::Receipt;
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
    /// All its secrets by full name, those that do not differ as well. What a server stores and could not be
    /// looked at is taken for what it was.
    pub secrets: BTreeMap<String, Revs>,
    /// What a server stores under a number that it had before, and made at another time.
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
            if there.is_some_and(|there| there.rev == given.rev && there.made != given.made) {
                remade.push(name.clone());
            }
            let revs = secrets.entry(name).or_insert(Revs {
                there: None,
                here: None,
            });
            revs.here = Some(given.rev);
        }
        for name in plan.unseen() {
            if let Some(revs) = secrets.get_mut(&name) {
                revs.here = revs.there;
            }
        }
        let ending = receipt
            .leases
            .iter()
            .filter(|(_, lent)| !lent.is_fresh(now));
        let ending = ending.map(|(path, lent)| (path.clone(), Moment::from_seconds(lent.ends)));
        let names = receipt.settings.keys().chain(plan.settings.keys());
        let mut settings: Vec<String> = names
            .filter(|name| receipt.settings.get(*name) != plan.settings.get(*name))
            .cloned()
            .collect();
        settings.sort();
        settings.dedup();
        Self {
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
        all.filter(|(_, revs)| revs.there != revs.here)
    }

    /// Whether anything differs.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.hook_differs
            || !self.remade.is_empty()
            || !self.ending.is_empty()
            || self.image_differs
            || !self.settings.is_empty()
            || self.others().next().is_some()
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
