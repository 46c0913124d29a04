//! What a component answers to its probes, and which certificate is shown for it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::finding::{Finding, Kind};
use super::next::{deploy, logs, on};
use crate::deploy::{Answer, Answers, Deployed, ProbeSeen, ServedSeen};
use crate::fleet::Host;
use crate::name::Component;
use crate::rotate::Reason;
use crate::text::{clean_line, shell_word};
use crate::time::Moment;

/// A certificate that ends within so many days is named, as the vault's own are.
const SOON: i64 = 30;

/// What a component answers.
#[derive(Debug, Serialize)]
pub struct AnswersStatus {
    /// Its probes, in the order of its hook.
    pub probes: Vec<ProbeStatus>,
    /// The certificates that are shown for it.
    pub served: Vec<ServedStatus>,
}

/// A probe.
#[derive(Debug, Serialize)]
pub struct ProbeStatus {
    /// What it is called.
    pub probe: String,
    /// `right`, `wrong` or `unasked`. The words are part of `--json` and stay.
    pub answer: &'static str,
    /// What was said, or why it was not asked.
    pub why: Option<String>,
}

/// A certificate as it is served.
#[derive(Debug, Serialize)]
pub struct ServedStatus {
    /// The name that was asked for.
    pub name: String,
    /// `HOST:PORT`, as the host sees it.
    pub address: String,
    /// Its subject.
    pub subject: String,
    /// Its last day: `2026-12-24`.
    pub day: String,
    /// How many days are left; none are, once it has ended.
    pub days_left: i64,
    /// The secret that was placed for it, if one was.
    pub secret: Option<String>,
    /// Whether it is the one that was placed; none where none was.
    pub is_placed: Option<bool>,
}

impl AnswersStatus {
    pub(super) fn of(answers: &Answers, now: Moment) -> Self {
        let probes = answers.probes.iter().map(|seen| {
            let (answer, why) = match &seen.answer {
                Answer::Right => ("right", None),
                Answer::Wrong(why) => ("wrong", Some(why.clone())),
                Answer::Unasked { why, .. } => ("unasked", Some(why.clone())),
            };
            ProbeStatus {
                probe: seen.called.clone(),
                answer,
                why,
            }
        });
        let served = answers.served.iter().map(|seen| ServedStatus {
            name: seen.name.clone(),
            address: seen.address.clone(),
            subject: seen.subject.clone(),
            day: seen.until.date(),
            days_left: days_left(seen, now),
            secret: seen.secret.clone(),
            is_placed: seen.is_placed,
        });
        Self {
            probes: probes.collect(),
            served: served.collect(),
        }
    }

    /// How many of its probes have this answer.
    #[must_use]
    pub fn count(&self, answer: &str) -> usize {
        let probes = self.probes.iter();
        probes.filter(|probe| probe.answer == answer).count()
    }
}

/// Of a part of a day one is left.
fn days_left(seen: &ServedSeen, now: Moment) -> i64 {
    let left = seen.until.seconds() - now.seconds();
    (left.max(0) + 86_399) / 86_400
}

/// What gives each secret that is due a new value, by its path.
pub(super) fn renewals(findings: &[Finding]) -> BTreeMap<String, String> {
    let ends = |kind| matches!(kind, Kind::Due(Reason::Expired | Reason::Expiring));
    let due = findings.iter().filter(|finding| ends(finding.kind));
    due.map(|finding| (finding.path.clone(), finding.next.clone()))
        .collect()
}

/// One component on one host, which was asked.
pub(super) struct Judge<'a> {
    pub(super) host: &'a Host,
    pub(super) component: &'a Component,
    pub(super) deployed: &'a Deployed,
    /// See [`renewals`].
    pub(super) renewals: &'a BTreeMap<String, String>,
    pub(super) now: Moment,
}

impl Judge<'_> {
    /// What is wrong with its answers.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let Some(answers) = &self.deployed.answers else {
            return Vec::new();
        };
        let probes = answers.probes.iter().filter_map(|seen| self.probe(seen));
        let served = answers.served.iter().flat_map(|seen| self.served(seen));
        probes.chain(served).collect()
    }

    fn finding(&self, kind: Kind, why: String, next: String) -> Finding {
        let path = format!("{}/{}", self.host.name, self.component);
        Finding::new(kind, path, why, next)
    }

    fn probe(&self, seen: &ProbeSeen) -> Option<Finding> {
        let deploy = || deploy(self.host, self.component);
        let (kind, why, next) = match &seen.answer {
            Answer::Right => return None,
            Answer::Wrong(why) => (Kind::Probe, why, &seen.next),
            Answer::Unasked { why, next } => (Kind::Unasked, why, next),
        };
        let next = match next {
            Some(next) => next.clone(),
            None if kind == Kind::Unasked || seen.of_deploys => deploy(),
            // A deploy does not ask it, and so would change nothing.
            None => self.last_words().unwrap_or_else(|| deploy() + " --dry-run"),
        };
        let finding = self.finding(kind, format!("`{}`: {why}", seen.called), next);
        Some(finding.about(&seen.called))
    }

    /// The command that shows what it printed last.
    fn last_words(&self) -> Option<String> {
        let receipt = &self.deployed.receipt;
        let output = receipt.process.as_ref().map(|_| {
            let file = clean_line(&format!("{}/output", receipt.place));
            on(self.host, &format!("tail -n 50 {}", shell_word(&file)))
        });
        let container = receipt.container.as_deref();
        output.or_else(|| container.map(|container| logs(self.host, container)))
    }

    fn served(&self, seen: &ServedSeen) -> Vec<Finding> {
        let mut found = Vec::new();
        let (name, address, until) = (&seen.name, &seen.address, seen.until.date());
        let about = format!("{address} {name}");
        let deploy = deploy(self.host, self.component);
        if seen.is_placed == Some(false) {
            let placed = seen.secret.as_deref().unwrap_or("what was placed");
            let why = format!(
                "{address} shows another certificate for `{name}` than `{placed}`: one for `{}` \
                 until {until}",
                seen.subject
            );
            // Who is asked for it by a deploy is brought anew; who is not would count as unchanged.
            let next = match seen.is_probed {
                true => deploy.clone(),
                false => format!("{deploy} --stop; then {deploy}"),
            };
            found.push(self.finding(Kind::CertServedOther, why, next).about(&about));
        }
        let is_over = seen.until.seconds() <= self.now.seconds();
        let kind = match days_left(seen, self.now) {
            _ if is_over => Kind::CertServedExpired,
            ..=SOON => Kind::CertServedExpiring,
            _ => return found,
        };
        let why = match is_over {
            true => format!("the certificate that {address} shows for `{name}` ended on {until}"),
            false => format!("the certificate that {address} shows for `{name}` ends on {until}"),
        };
        let next = match &seen.secret {
            // What was placed is another one, or this vault has a newer one.
            Some(_) if seen.is_placed == Some(false) || seen.has_newer => deploy,
            Some(secret) => match self.renewals.get(secret) {
                Some(renewal) => format!("{renewal}; then {deploy}"),
                None => format!("clws secret set {secret}; then {deploy}"),
            },
            None => format!(
                "clws ssh {}: no secret of this vault is that one",
                self.host.name
            ),
        };
        found.push(self.finding(kind, why, next).about(about));
        found
    }
}
