//! How a component is on a host.

use std::collections::BTreeMap;

use serde::Serialize;

use super::answers::AnswersStatus;
use crate::deploy::{ComponentSeen, Deployed, Meant, Revs, Runs, There};
use crate::docker::Health;
use crate::text::clean_line;
use crate::time::Moment;

/// A word on how a component is. The words are part of `--json` and stay.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It runs, and its health check has nothing against it.
    Runs,
    /// It runs, and its health check has not said anything yet.
    Starting,
    /// It runs, and its health check says no.
    Unhealthy,
    /// The daemon starts it again and again.
    Restarting,
    /// It does not run.
    Stopped,
    /// It is there, and is nothing that runs.
    Placed,
    /// It is not there.
    Absent,
    /// It could not be seen.
    Unseen,
}

impl State {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Starting => "starting",
            Self::Unhealthy => "unhealthy",
            Self::Restarting => "restarting",
            Self::Stopped => "stopped",
            Self::Placed => "placed",
            Self::Absent => "absent",
            Self::Unseen => "unseen",
        }
    }
}

/// How a component is on a host.
#[derive(Debug, Serialize)]
pub struct ComponentStatus {
    /// The component.
    pub component: String,
    /// How it is.
    pub state: State,
    /// Since when it runs, where that is known.
    pub since: Option<String>,
    /// How often the daemon has started its container again.
    pub restarts: Option<u64>,
    /// Its container's name.
    pub container: Option<String>,
    /// Its image's id, `sha256:…`.
    pub image: Option<String>,
    /// The deploy that brought it: `20261124T100000Z-ada`.
    pub deploy: Option<String>,
    /// The number of its hook.
    pub hook: Numbers,
    /// Its secrets by full name.
    pub secrets: BTreeMap<String, Numbers>,
    /// How many of its secrets are others than in this vault, or than a server has.
    #[serde(skip)]
    pub others: usize,
    /// Of how many it is not known whether they are.
    #[serde(skip)]
    pub unseen: usize,
    /// Whether a deploy would bring it anew; none where that is not known.
    pub drifts: Option<bool>,
    /// What it answers to its probes and shows over TLS; none where it was not asked.
    #[serde(flatten)]
    pub answers: Option<AnswersStatus>,
}

/// A number on the host, and in this vault.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Numbers {
    /// On the host.
    pub there: Option<u64>,
    /// In this vault.
    pub here: Option<u64>,
}

impl ComponentStatus {
    pub(super) fn of(seen: &ComponentSeen, now: Moment) -> Self {
        let deployed = match &seen.there {
            There::Deployed(deployed) => Some(&**deployed),
            _ => None,
        };
        let runs = deployed.map(|deployed| &deployed.runs);
        let (since, restarts) = match runs {
            Some(Runs::Up {
                since, restarts, ..
            }) => (since.map(|since| since.to_string()), *restarts),
            Some(Runs::Restarting { restarts }) => (None, Some(*restarts)),
            _ => (None, None),
        };
        let receipt = deployed.map(|deployed| &deployed.receipt);
        let drift = deployed.and_then(|deployed| deployed.drift.as_ref());
        let text = |text: &Option<String>| text.as_deref().map(clean_line);
        Self {
            component: seen.component.to_string(),
            state: state(&seen.there),
            since,
            restarts,
            container: receipt.and_then(|receipt| text(&receipt.container)),
            image: receipt.and_then(|receipt| text(&receipt.image)),
            deploy: receipt.map(|receipt| clean_line(&receipt.deploy)),
            hook: Numbers {
                there: receipt.map(|receipt| receipt.hook_seq),
                here: match &seen.meant {
                    Meant::Runs(plan) => Some(plan.hook.seq),
                    Meant::Faulty | Meant::Nowhere => None,
                },
            },
            secrets: deployed.map(secrets).unwrap_or_default(),
            others: drift.map_or(0, |drift| drift.other_names().count()),
            unseen: drift.map_or(0, |drift| drift.unseen.len()),
            drifts: drift.and_then(|drift| match (drift.is_some(), drift.unseen.is_empty()) {
                (false, false) => None,
                (drifts, _) => Some(drifts),
            }),
            answers: deployed
                .and_then(|deployed| deployed.answers.as_ref())
                .map(|answers| AnswersStatus::of(answers, now)),
        }
    }
}

fn secrets(deployed: &Deployed) -> BTreeMap<String, Numbers> {
    match &deployed.drift {
        Some(drift) => {
            let secrets = drift.secrets.iter();
            secrets
                .map(|(name, Revs { there, here })| {
                    let (there, here) = (*there, *here);
                    (clean_line(name), Numbers { there, here })
                })
                .collect()
        }
        // What the vault has is not known where its hook is not believed.
        None => {
            let secrets = deployed.receipt.secrets.iter();
            let only = |rev| Numbers {
                there: Some(rev),
                here: None,
            };
            secrets
                .map(|(name, given)| (clean_line(name), only(given.rev)))
                .collect()
        }
    }
}

fn state(there: &There) -> State {
    let deployed = match there {
        There::Unseen | There::BadReceipt(_) => return State::Unseen,
        There::Nothing | There::LeftOver => return State::Absent,
        There::Deployed(deployed) => deployed,
    };
    match &deployed.runs {
        Runs::Up { health, .. } => match health {
            Some(Health::Unhealthy) => State::Unhealthy,
            Some(Health::Starting) => State::Starting,
            Some(Health::Healthy) | None => State::Runs,
        },
        Runs::Restarting { .. } => State::Restarting,
        Runs::Down(_) => State::Stopped,
        Runs::Nothing => State::Placed,
        Runs::Unseen(_) => State::Unseen,
    }
}
