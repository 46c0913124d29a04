//! Putting an old one back over another connection, where one broke in the middle.

use std::collections::BTreeMap;

use tokio::time::sleep;

use super::component::Bringing;
use super::place::Opened;
use super::standing::{Standing, UNASKED};
use crate::deploy::plan::Purpose;
use crate::deploy::receipt::Receipt;
use crate::deploy::target::leftover;
use crate::docker::Engine;
use crate::error::Error;
use crate::hook::{Step, Where};

/// What became of a component whose connection broke.
#[derive(Debug)]
pub(in crate::deploy) struct Restored {
    whose: Whose,
    standing: Standing,
    /// What could not be done for the old one.
    missed: Vec<String>,
}

/// Which one there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Whose {
    /// What ran before, if anything did.
    Old,
    /// What was brought; its steps of `afterwards` may be left.
    New { unfinished: bool },
    /// What was brought, and had answered; its receipt was not written any more.
    Unrecorded,
}

impl Restored {
    /// What is the case, a line each.
    pub(in crate::deploy) fn notes(&self) -> Vec<String> {
        let (which, next) = match self.whose {
            Whose::Old => ("old", ""),
            Whose::New { unfinished: false } => ("new", ""),
            Whose::New { unfinished: true } => (
                "new",
                "; its steps of `afterwards` are for the next deploy to do",
            ),
            Whose::Unrecorded => ("new", "; it has no receipt: the next deploy brings it anew"),
        };
        let is = match self.standing {
            Standing::Runs => format!("the {which} one runs, with its {which} secrets{next}"),
            Standing::Placed => format!("the {which} files are in their place{next}"),
            Standing::Ended | Standing::AsItWas | Standing::Stopped => {
                format!("the {which} one is there, and does not run; the next deploy mends it")
            }
            Standing::Nothing => "nothing of it runs".to_owned(),
        };
        let mut notes = vec![format!("connected again: {is}")];
        notes.extend(self.missed.iter().cloned());
        notes
    }
}

impl Bringing<'_> {
    /// Brings back what ran before, after a connection that broke in the middle; what there is then.
    ///
    /// # Errors
    /// [`crate::deploy::TargetError`], [`crate::channel::ChannelError`].
    pub(in crate::deploy) async fn restore(&self) -> Result<Restored, Error> {
        let component = self.plan.component();
        let found = leftover::look(self.target, component).await?;
        let settled = self.settle(&found, None).await?;
        self.leases.settle(found.receipt.as_ref());
        let mut missed = settled.missed;
        if let Err(error) = self.end_steps().await {
            missed.push(format!(
                "a step in a container may still run, until the next deploy: {}",
                error.message()
            ));
        }
        let Some(receipt) = found.receipt else {
            return Ok(Restored {
                whose: Whose::Old,
                standing: Standing::Nothing,
                missed,
            });
        };
        // Before it was looked at nothing was done.
        let was = self.was.get();
        let is_new = was.is_some_and(|was| *was != receipt.place);
        if !is_new && let Err(error) = self.start_other(&receipt).await {
            missed.push(format!("the old one does not start: {}", error.message()));
        }
        let receipt = match self.run_again(&receipt).await {
            Ok(receipt) => receipt,
            Err(error) => {
                missed.push(format!("it does not start again: {}", error.message()));
                receipt
            }
        };
        if receipt.process.is_some() || receipt.container.is_some() {
            sleep(UNASKED).await;
        }
        if !is_new
            && settled.undone
            && let Err(error) = self.lead_to(&receipt).await
        {
            missed.push(format!(
                "others may still be led to the new one, which is gone, until the next deploy: {}",
                error.message()
            ));
        }
        let unrecorded = settled.stays.iter().find(|place| **place != receipt.place);
        let (whose, place) = match unrecorded {
            Some(place) => (Whose::Unrecorded, place.clone()),
            None if is_new => (
                Whose::New {
                    unfinished: receipt.unfinished,
                },
                receipt.place.clone(),
            ),
            None => (Whose::Old, receipt.place.clone()),
        };
        let standing = self.look_at(&Receipt { place, ..receipt }).await?;
        Ok(Restored {
            whose,
            standing,
            missed,
        })
    }

    /// Ends a step in a container, also one of `afterwards`, whose folder is in use.
    async fn end_steps(&self) -> Result<(), Error> {
        let mut steps = self.plan.hook.hook.steps();
        if !steps.any(|step| step.place == Where::Container) {
            return Ok(());
        }
        self.end_step(self.target.engine().await?).await
    }

    /// Ends a step in a container that somebody left in the middle.
    pub(super) async fn end_step(&self, engine: &Engine) -> Result<(), Error> {
        let Some(container) = &self.plan.hook.hook.container else {
            return Ok(());
        };
        let name = self.plan.container_name(container);
        let whose = self.target.whose(self.plan.component());
        Ok(engine.end_step(&name, &whose).await?)
    }

    /// Starts the container of a receipt again, where it was stopped for one of another name or kind.
    async fn start_other(&self, old: &Receipt) -> Result<(), Error> {
        let hook = self.plan.hook.hook.container.as_ref();
        let name = hook.map(|hook| self.plan.container_name(hook));
        if let Some(old) = &old.container
            && name.as_ref() != Some(old)
        {
            let engine = self.target.engine().await?;
            let whose = self.target.whose(self.plan.component());
            engine.start_own(old, &whose).await?;
        }
        Ok(())
    }

    /// Leads others to the old one again, which steps may have led to the new one.
    async fn lead_to(&self, old: &Receipt) -> Result<(), Error> {
        let hook = &self.plan.hook.hook;
        let runs = hook.container.is_some() || hook.process.is_some();
        let steps = if hook.switch.is_empty() && !runs {
            &hook.before
        } else {
            &hook.switch
        };
        if steps.is_empty() {
            return Ok(());
        }
        let is_given = |step: &Step| !step.needs.is_empty() || step.stdin.is_some();
        let opened = match steps.iter().any(is_given) {
            true => self.opened(Purpose::Run).await?,
            false => Opened::new(),
        };
        let engine = match hook.container {
            Some(_) => Some(self.target.engine().await?),
            None => None,
        };
        let names: BTreeMap<String, String> = self.names(&old.place);
        let around = self.surroundings(&opened, &old.place, &names, engine);
        let led = async {
            if hook.switch.is_empty() || old.container.is_none() {
                return self.steps_for_old(&around, Some(old)).await.map(drop);
            }
            let names = around.names_with_address(None).await?;
            around.with(&names, None).steps(&hook.switch).await
        };
        let led = led.await;
        led.map_err(|error| around.redacted_error(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_after_a_connection_broke_is_what_was_seen() {
        let says = |whose, standing| {
            let missed = vec!["more".to_owned()];
            let restored = Restored {
                whose,
                standing,
                missed,
            };
            restored.notes()
        };
        let of_old = says(Whose::Old, Standing::Runs);
        let runs = "connected again: the old one runs, with its old secrets";
        assert_eq!(of_old, [runs, "more"]);
        for standing in [Standing::Ended, Standing::AsItWas, Standing::Stopped] {
            let [said, _] = says(Whose::Old, standing).try_into().unwrap();
            assert!(said.contains("does not run"), "{said}");
        }
        let of_new = says(Whose::New { unfinished: true }, Standing::Runs);
        assert!(of_new[0].contains("the new one runs, with its new secrets"));
        assert!(of_new[0].contains("`afterwards`"));
    }
}
