//! What components answer to the probes of their hooks, asked by somebody who only looks.
//!
//! A deploy asks the same questions with the same code. Here nothing is placed, no lock is held and no
//! credentials are made, so a question that would need such a thing is left out, and that is said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::answers::{Answer, Answers, ProbeSeen};
use super::drift::Drift;
use crate::channel::Channel;
use crate::deploy::bring::asking::Asking;
use crate::deploy::bring::opening::Opening;
use crate::deploy::bring::place::{Opened, fill};
use crate::deploy::bring::probe::{MOMENT, Patience, QUESTION};
use crate::deploy::plan::{ComponentPlan, Purpose};
use crate::deploy::receipt::Receipt;
use crate::docker::Engine;
use crate::error::Error;
use crate::hook::{EnvValue, Probe, Question, Where};
use crate::secret::End;
use crate::text::{clean_line, list};
use crate::world::World;

/// What is shown where an answer may have a value in it that is not known here, and so could not be left
/// out.
const HIDDEN: &str = "its answer is wrong; it is not shown, since it may hold a value that cannot be \
                      opened here, or is no longer this vault's";

/// How long all that is asked of a component may take: twice a moment for each probe, and a look at its
/// certificate.
pub(super) fn time_for(plan: &ComponentPlan) -> Duration {
    let probes = u32::try_from(plan.hook.hook.probe.len()).unwrap_or(u32::MAX);
    (2 * MOMENT + QUESTION).saturating_mul(probes.saturating_add(1))
}

/// Asks the components of one host.
pub(super) struct Asker<'a> {
    pub(super) world: &'a World,
    pub(super) opening: &'a Opening<'a>,
    pub(super) channel: &'a Channel,
    pub(super) engine: Option<&'a Engine>,
}

impl Asker<'_> {
    /// Asks all of a component that runs.
    pub(super) async fn ask(
        &self,
        plan: &ComponentPlan,
        receipt: &Receipt,
        drift: &Drift,
    ) -> Answers {
        let probes = &plan.hook.hook.probe;
        let nothing = Opened::new();
        let names = names(plan, receipt);
        let around = Asking {
            channel: self.channel,
            state: None,
            plan,
            opened: &nothing,
            folder: &receipt.place,
            names: &names,
            engine: self.engine,
            running: None,
            world: self.world,
        };
        let with_address = around.names_with_address(None).await;
        let names = with_address.unwrap_or_else(|_| names.clone());
        let around = Asking {
            names: &names,
            ..around
        };
        let mut answers = Answers::default();
        for probe in probes {
            let answer = self.answer(around, probe, drift).await;
            let next = probe.next.as_deref();
            answers.probes.push(ProbeSeen {
                called: match around.called(probe) {
                    Ok(called) => clean_line(&called),
                    Err(_) => clean_line(&probe.words().join(" ")),
                },
                answer,
                next: next.and_then(|next| Some(clean_line(&fill(plan, &names, next).ok()?))),
                of_deploys: !probe.on_call,
            });
        }
        answers.served = self.served(around, receipt, drift).await;
        answers
    }

    /// Asks with the values that the question needs; where the answer is wrong once more with all, so
    /// that none is shown.
    async fn answer(&self, around: Asking<'_>, probe: &Probe, drift: &Drift) -> Answer {
        let plan = around.plan;
        let opened = match self.needed(plan, probe, drift) {
            Ok(needed) => self.open(plan, |name| needed.contains(name)).await,
            Err((why, next)) => return Answer::Unasked { why, next },
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => return unasked(&error),
        };
        let first = Asking {
            opened: &opened,
            ..around
        };
        let patience = match probe.question() {
            // It grows no younger while one waits.
            Some(Question::File(_)) => Patience::Once,
            _ => Patience::Still,
        };
        if let Ok(Ok(())) = first.probe(probe, patience).await {
            return Answer::Right;
        }
        let is_known = drift.other_names().next().is_none() && plan.outside.is_empty();
        if !is_known {
            return Answer::Wrong(HIDDEN.to_owned());
        }
        let Ok(all) = self.open(plan, |_| true).await else {
            return Answer::Wrong(HIDDEN.to_owned());
        };
        let again = Asking {
            opened: &all,
            ..around
        };
        match again.probe(probe, Patience::Once).await {
            Ok(Ok(())) => Answer::Right,
            Ok(Err(said)) => {
                Answer::Wrong(clean_line(&again.redacted(said.as_bytes(), End::Whole)))
            }
            Err(error) => Answer::Unasked {
                why: clean_line(&again.redacted(error.message().as_bytes(), End::Whole)),
                next: None,
            },
        }
    }

    /// The values that a question is asked with, by the names that the hook writes.
    fn needed(
        &self,
        plan: &ComponentPlan,
        probe: &Probe,
        drift: &Drift,
    ) -> Result<BTreeSet<String>, (String, Option<String>)> {
        let mut needed: BTreeSet<String> = probe.secrets().map(str::to_owned).collect();
        // In its container the variables are those that it has.
        if probe.place != Where::Container {
            let variables = probe.needs.iter();
            let given = variables.filter_map(|name| plan.hook.hook.env.get(name));
            needed.extend(given.filter_map(|value| match value {
                EnvValue::Secret(secret) => Some(secret.secret.clone()),
                EnvValue::Plain(_) => None,
            }));
        }
        let of_server: Vec<String> = needed
            .iter()
            .filter(|name| plan.outside.contains_key(*name))
            .map(|name| clean_line(name))
            .collect();
        if !of_server.is_empty() {
            let why = format!(
                "it is asked with what a server has ({}), which a deploy alone reads",
                list(&of_server)
            );
            return Err((why, None));
        }
        let full = |name: &String| plan.secrets.get(name).map(|(full, _)| full.to_string());
        let others: BTreeSet<&String> = drift.other_names().collect();
        let other: Vec<String> = needed
            .iter()
            .filter_map(full)
            .filter(|name| others.contains(name))
            .collect();
        if !other.is_empty() {
            let why = format!(
                "it would be asked with {} of this vault, and the component has another one",
                list(&other)
            );
            // A deploy refuses to bring what is older.
            let is_newer = |name: &String| {
                let revs = drift.secrets.get(name);
                revs.is_some_and(|revs| revs.there > revs.here)
            };
            let next = other.iter().any(is_newer).then(|| "git pull".to_owned());
            return Err((why, next));
        }
        Ok(needed)
    }

    /// Opens some of a component's values, logged before.
    ///
    /// # Errors
    /// As for [`Opening::open`].
    pub(super) async fn open(
        &self,
        plan: &ComponentPlan,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Opened, Error> {
        let mut wanted = plan.with_secrets(Purpose::Run);
        Arc::make_mut(&mut wanted.secrets).retain(|name, _| is_wanted(name));
        self.opening.open(&wanted).await
    }
}

/// What kept a value from being opened.
fn unasked(error: &Error) -> Answer {
    let hints = error.hints();
    Answer::Unasked {
        why: clean_line(&error.message()),
        next: (!hints.is_empty()).then(|| clean_line(&hints.join("; "))),
    }
}

/// The plain names, as far as a receipt knows them: its folder lies in the component's, in the vault's.
fn names(plan: &ComponentPlan, receipt: &Receipt) -> BTreeMap<String, String> {
    let mut names = plan.names.clone();
    let run = receipt.place.rsplitn(3, '/').nth(2).unwrap_or_default();
    names.insert("place".to_owned(), receipt.place.clone());
    names.insert("run".to_owned(), run.to_owned());
    names
}
