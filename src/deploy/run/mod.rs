//! A deploy over its hosts, several at a time: connect, check the host key, lock; only then open
//! secrets.
//!
//! All of it is one task of one thread, which waits for hosts far longer than it works for them. What
//! is next is asked of the [`Table`] each time something ended, which has the results, too.

pub(super) mod record;
pub(super) mod results;
mod table;

use std::cell::OnceCell;
use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use tokio::time::{Instant, sleep};

use self::record::Record;
use self::results::{Event, Row};
use self::table::{Table, Tells};
use super::bring::component::{Bringing, Brings};
use super::bring::leases::Leases;
use super::bring::opening::Opening;
use super::bring::output::Quota;
use super::bring::restoring::Restored;
use super::bring::stop::stop;
use super::limit::{Limit, Signals, at_once, time_to_stop, to_put_back};
use super::plan::outside::Outside;
use super::plan::{ComponentPlan, HostPlan, Plan};
use super::target::lock::{self, Taker};
use super::target::{Target, leftover};
use crate::channel::ssh::{Hop, Limits, SshError};
use crate::channel::{Channel, ChannelError};
use crate::crypto::hex;
use crate::error::{Code, Error, Problem};
use crate::fleet::{Endpoint, Host};
use crate::hook::components;
use crate::name::Component;
use crate::vault::{Reader, Vault};

/// How long a host may take to be put in order over a new connection, when one broke.
const AGAIN: Duration = Duration::from_secs(60);

/// Finds the servers on the way to a host, itself the last.
pub type FindWay<'a> = dyn Fn(&Host, &Endpoint) -> Result<Vec<Hop<'a>>, Error> + 'a;

/// How long after a connection broke early it is tried once more. A server that is asked by many at
/// once hangs up on some of them (`MaxStartups`).
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// What a deploy works with.
pub struct Run<'a> {
    /// The vault.
    pub vault: &'a Vault,
    /// Opens what a host is given, when it is connected.
    pub reader: &'a Reader<'a>,
    /// The way to a host over SSH, with what one logs in with.
    pub way: &'a FindWay<'a>,
    /// The server beside the vault.
    pub outside: &'a dyn Outside,
    /// What of the plan is brought.
    pub brings: Brings,
    /// The party who deploys.
    pub by: &'a str,
    /// Shows a line of what a step prints, redacted and safe.
    pub say: &'a (dyn Fn(&str) + Sync),
    /// Says what somebody should know.
    pub warn: &'a (dyn Fn(&str) + Sync),
    /// Is told how far it is.
    pub report: &'a dyn Fn(Event<'_>),
    /// Remembers what is done, for a run that goes on.
    pub record: Option<&'a Record>,
    /// The signals that came: what runs is then put back, and the rest left.
    pub signals: Signals,
    /// How many hosts at a time; fewer where descriptors are short.
    pub parallel: usize,
    /// How long a host may take, besides what its steps and probes ask for.
    pub host_time: Duration,
    /// How long a host may take to be connected to.
    pub limits: Limits,
}

impl Run<'_> {
    /// Carries a plan out. Components that wait for one that failed are left, and everything that is
    /// not begun when a signal came. Gives the rows in the order of the plan.
    pub async fn deploy(&self, plan: &Plan) -> Vec<Row> {
        let deploy = format!("{}-{}", self.vault.world().now().compact(), self.by);
        let tells = Tells {
            warn: self.warn,
            report: self.report,
            record: self.record,
            signals: self.signals.clone(),
        };
        let table = Table::new(plan, tells);
        let opening = Opening::new(self.vault, self.reader);
        let most = at_once(self.parallel, plan);
        let mut visits = FuturesUnordered::new();
        loop {
            while visits.len() < most
                && !self.is_interrupted()
                && let Some(at) = table.take_host()
            {
                if let Some(host) = plan.hosts.get(at) {
                    visits.push(self.visit(at, host, (&deploy, &opening), &table));
                }
            }
            if visits.is_empty() {
                break;
            }
            tokio::select! {
                _ = visits.next() => {}
                () = table.news() => {}
            }
        }
        drop(visits);
        table.finish()
    }

    fn is_interrupted(&self) -> bool {
        self.signals.borrow().is_some()
    }

    /// Works on a host as long as something can begin there.
    async fn visit(
        &self,
        at: usize,
        plan: &HostPlan,
        shared: (&str, &Opening<'_>),
        table: &Table<'_>,
    ) {
        let name = plan.host.name.as_str();
        (self.report)(Event::Connects(name));
        let began = Instant::now();
        let limit = Limit::new(plan, self.host_time, self.signals.clone());
        match limit.run(self.reach(plan, None)).await {
            Ok(target) => {
                if target.facts.swap {
                    (self.warn)(&format!(
                        "{} swaps, and its kernel may write what lies in {} to the disk",
                        plan.host.name, target.facts.run
                    ));
                }
                self.work(at, plan, shared, table, (&target, &limit)).await;
                target.close().await;
            }
            Err(error) => table.unreached(at, error, began),
        }
        table.let_go(at);
        (self.report)(Event::Leaves(name));
    }

    async fn work(
        &self,
        at: usize,
        plan: &HostPlan,
        (deploy, opening): (&str, &Opening<'_>),
        table: &Table<'_>,
        (target, limit): (&Target, &Limit),
    ) {
        let quota = Quota::new(self.say, plan.host.name.as_str());
        let warned = Quota::new(self.warn, plan.host.name.as_str());
        let (say, warn) = (|line: &str| quota.say(line), |line: &str| warned.say(line));
        while !self.is_interrupted() {
            let Some(at) = table.begin_on(at) else { return };
            let Some(component) = plan.components.get(at.1) else {
                return;
            };
            (self.report)(Event::Begins(
                plan.host.name.as_str(),
                component.component(),
            ));
            let began = Instant::now();
            let leases = self.leases(&plan.host, component.component(), &warn);
            let was = OnceCell::new();
            let bringing = Bringing {
                vault: self.vault,
                target,
                plan: component,
                brings: self.brings,
                deploy,
                was: &was,
                by: self.by,
                opening,
                leases: &leases,
                say: &say,
                limit,
            };
            let result = bringing.bring().await;
            let lost = match &result {
                Ok(_) => false,
                Err(_) => target.is_lost().await,
            };
            let result = match result {
                Err(error) if lost => {
                    let error = as_lost(&plan.host, error);
                    // One that went down for good is not waited for.
                    let time = AGAIN.saturating_add(to_put_back(&component.hook.hook));
                    let again = Limit::of(&limit.host, time, self.signals.clone());
                    let restored = again.run(async {
                        let target = self.reach(plan, Some(target)).await?;
                        let over = Bringing {
                            target: &target,
                            limit: &again,
                            ..bringing
                        };
                        let restored = over.restore().await?;
                        target.close().await;
                        Ok(restored)
                    });
                    Err(with_what_became(&error, restored.await))
                }
                result => result,
            };
            leases.end().await;
            table.ended(at, result, began);
            if lost || limit.is_over() {
                table.lost(at.0);
                return;
            }
        }
    }

    /// Stops what earlier deploys started on hosts, several at a time. Needs no hook: receipts say
    /// what it is. Gives what kept each from being stopped.
    pub async fn stop(
        &self,
        hosts: &[Host],
        wanted: &[Component],
        report: impl Fn(&Host, Result<Stopped<'_>, &Error>),
    ) -> Vec<Error> {
        let most = at_once(self.parallel, hosts);
        let report = &report;
        let stopping = hosts.iter().map(|host| async move {
            if self.is_interrupted() {
                return None;
            }
            match self.stop_on(host, wanted, report).await {
                Ok(0) => report(host, Ok(Stopped::Nothing)),
                Ok(_) => {}
                Err(error) => {
                    report(host, Err(&error));
                    return Some(error);
                }
            }
            None
        });
        let failed = pin!(stream::iter(stopping).buffer_unordered(most));
        failed.filter_map(async |error| error).collect().await
    }

    async fn stop_on(
        &self,
        host: &Host,
        wanted: &[Component],
        report: &impl Fn(&Host, Result<Stopped<'_>, &Error>),
    ) -> Result<usize, Error> {
        let limit_of = |time| Limit::of(host.name.as_str(), time, self.signals.clone());
        let limit = limit_of(self.host_time);
        let reaching = self.reach_by(host, None, false, || format!("{} stops", self.by));
        let target = limit.run(reaching).await?;
        let warned = Quota::new(self.warn, host.name.as_str());
        let warn = |line: &str| warned.say(line);
        let mut stopped = 0;
        let mut first = None;
        let mut there = limit.run(target.receipts()).await?;
        // What a killed run left has no receipt.
        there.extend(limit.run(leftover::components(&target)).await?);
        there.sort();
        there.dedup();
        target.demand_few(there.len())?;
        let hooks = components(self.vault.tree())?;
        let limit = limit_of(time_to_stop(self.host_time, &there, &hooks));
        for component in there.iter().rev() {
            let meant = wanted.is_empty() || wanted.contains(component);
            if !meant {
                continue;
            }
            let leases = self.leases(host, component, &warn);
            let stopping = stop(self.vault, &target, component, &leases, &warn);
            match limit.run(stopping).await {
                Ok(true) => {
                    report(host, Ok(Stopped::One(component)));
                    stopped += 1;
                }
                Ok(false) => {}
                Err(error) => {
                    let lost = !self.is_interrupted() && target.is_lost().await;
                    let error = match lost {
                        true => as_lost(host, error),
                        false => error,
                    };
                    if lost || self.is_interrupted() || limit.is_over() {
                        if let Some(before) = first {
                            report(host, Err(&before));
                        }
                        return Err(error);
                    }
                    // The others can be stopped all the same.
                    if let Some(before) = first.replace(error) {
                        report(host, Err(&before));
                    }
                }
            }
        }
        target.close().await;
        first.map_or(Ok(stopped), Err)
    }

    /// What the server makes for a component on a host.
    fn leases<'a>(
        &'a self,
        host: &Host,
        component: &Component,
        warn: &'a dyn Fn(&str),
    ) -> Leases<'a> {
        let whose = format!("{component} on {}", host.name);
        Leases::new(self.outside, self.vault.world(), warn, whose)
    }

    /// Connects, makes the folders, and takes the lock, for a deploy; also from the connection of `lost`,
    /// which the host may not have noticed to be broken.
    async fn reach(&self, plan: &HostPlan, lost: Option<&Target>) -> Result<Target, Error> {
        let components = plan.components.iter().map(ComponentPlan::component);
        let components: Vec<&str> = components.map(Component::as_str).collect();
        let mut hooks = plan.components.iter().map(|plan| &plan.hook.hook);
        let early = hooks.any(|hook| hook.container.is_some());
        self.reach_by(&plan.host, lost, early, || {
            let some = components.get(..5).unwrap_or(&components).join(", ");
            let more = if components.len() > 5 { ", …" } else { "" };
            format!("{} deploys {some}{more}", self.by)
        })
        .await
    }

    /// Connects, makes the folders, and takes the lock; once more if the connection broke while it
    /// was made. Nothing secret has gone out then. With `early` the host's engine is asked meanwhile.
    async fn reach_by(
        &self,
        host: &Host,
        lost: Option<&Target>,
        early: bool,
        doing: impl Fn() -> String,
    ) -> Result<Target, Error> {
        let claim = match lost {
            Some(target) => target.claim.clone(),
            None => lock::new_claim(self.vault.world())?,
        };
        match self.reach_once(host, &claim, early, &doing()).await {
            Err(error) if broke_early(&error) => {
                sleep(PAUSE).await;
                self.reach_once(host, &claim, early, &doing()).await
            }
            other => other,
        }
    }

    async fn reach_once(
        &self,
        host: &Host,
        claim: &str,
        early: bool,
        doing: &str,
    ) -> Result<Target, Error> {
        let way = |endpoint: &Endpoint| (self.way)(host, endpoint);
        let channel = Channel::open(host, self.vault.world(), way, &self.limits).await?;
        // Two vaults may deploy to one host; each has its folders.
        let vault: String = hex(self.vault.id()).chars().take(12).collect();
        let by = format!("{doing} since {}", self.vault.world().now());
        let taker = Taker {
            vault: &vault,
            by: &by,
            claim,
        };
        Target::take(host, channel, self.vault.world(), &taker, early).await
    }
}

/// What was stopped on a host.
#[derive(Debug)]
pub enum Stopped<'a> {
    /// One component.
    One(&'a Component),
    /// There was nothing.
    Nothing,
}

/// Whether a connection broke before there was a session to speak of: nobody answered, or somebody
/// hung up. What took too long would do so again.
pub(super) fn broke_early(error: &Error) -> bool {
    let ssh = error
        .downcast_ref::<SshError>()
        .is_some_and(|error| match error {
            SshError::Unreachable { source, .. } => source.kind() != ErrorKind::TimedOut,
            SshError::Protocol { .. } => true,
            _ => false,
        });
    ssh || matches!(
        error.downcast_ref::<ChannelError>(),
        Some(ChannelError::Lost { .. })
    )
}

/// The error of what was done on a host whose connection is lost. What its daemon did not answer was the
/// connection's fault.
fn as_lost(host: &Host, error: Error) -> Error {
    if error.code() != Code::Backend {
        return error;
    }
    let lost = ChannelError::Lost {
        target: host.name.to_string(),
        reason: None,
    };
    Problem::of(&lost.into()).note(error.message()).into()
}

/// The error of a component whose connection broke, with what became of it over another one.
fn with_what_became(error: &Error, restored: Result<Restored, Error>) -> Error {
    let notes = match restored {
        Ok(restored) => restored.notes(),
        Err(other) => vec![format!(
            "the old one could not be put back over another connection ({}); the next deploy tidies up",
            other.message()
        )],
    };
    let problem = Problem::of(error);
    notes.into_iter().fold(problem, Problem::note).into()
}
