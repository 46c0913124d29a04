//! A deploy over its hosts: connect, check the host key, lock; only then open secrets.

use std::time::{Duration, Instant};

use super::component::{Bringing, Done, stop};
use super::limit::{Limit, Signals};
use super::place::Opened;
use super::plan::{ComponentPlan, HostPlan, Plan};
use super::replacing::copy_of;
use super::ssh::{Hop, Limits, connect_through};
use super::target::Target;
use super::{Channel, Held, Local, leftover};
use crate::crypto::hex;
use crate::error::{Code, Error, Problem};
use crate::fleet::{Endpoint, Host, Reach};
use crate::name::{Component, SecretName};
use crate::secret::Plain;
use crate::vault::{Reader, Vault};

/// How long a host may take to be put in order over a new connection, when one broke.
const AGAIN: Duration = Duration::from_secs(60);

/// Finds the servers on the way to a host, itself the last.
pub type FindWay<'a> = dyn Fn(&Host, &Endpoint) -> Result<Vec<Hop<'a>>, Error> + 'a;

/// What a deploy works with.
pub struct Run<'a> {
    /// The vault.
    pub vault: &'a Vault,
    /// Opens what a host is given, when it is connected.
    pub reader: &'a Reader<'a>,
    /// The way to a host over SSH, with what one logs in with.
    pub way: &'a FindWay<'a>,
    /// The party who deploys.
    pub by: &'a str,
    /// Shows a line of what a step prints, redacted and safe.
    pub say: &'a (dyn Fn(&str) + Sync),
    /// Says what somebody should know.
    pub warn: &'a (dyn Fn(&str) + Sync),
    /// The signals that came: what runs is then put back, and the rest left.
    pub signals: Signals,
    /// How long a host may take, besides what its steps and probes ask for.
    pub host_time: Duration,
}

/// A row of the result table.
#[derive(Debug)]
pub struct Row {
    /// The host.
    pub host: String,
    /// The component; none for what concerns the whole host.
    pub component: Option<Component>,
    /// What became of it.
    pub result: Result<Done, Error>,
    /// How long it took.
    pub seconds: f64,
}

impl Run<'_> {
    /// Carries a plan out, host by host; a host's later components are left when one fails, and
    /// everything that is left when a signal came.
    ///
    /// `report` is called as each row is known.
    pub async fn deploy(&self, plan: &Plan, mut report: impl FnMut(&Row)) -> Vec<Row> {
        let mut rows = Vec::new();
        let deploy = format!("{}-{}", self.vault.world().now().compact(), self.by);
        for host in &plan.hosts {
            let before = rows.len();
            if let Err(error) = self.host(host, &deploy, &mut rows, &mut report).await {
                let host = host.host.name.to_string();
                rows.push(Row {
                    host,
                    component: None,
                    result: Err(error),
                    seconds: 0.0,
                });
                if let Some(row) = rows.last() {
                    report(row);
                }
            }
            debug_assert!(rows.len() > before);
            let interrupted = |row: &Row| row.result.as_ref().is_err_and(is_interruption);
            if rows.last().is_some_and(interrupted) {
                break;
            }
        }
        rows
    }

    async fn host(
        &self,
        plan: &HostPlan,
        deploy: &str,
        rows: &mut Vec<Row>,
        report: &mut impl FnMut(&Row),
    ) -> Result<(), Error> {
        let limit = Limit::new(plan, self.host_time, self.signals.clone());
        let (target, lock) = limit.run(self.reach(&plan.host, "deploys")).await?;
        if target.swap {
            (self.warn)(&format!(
                "{} swaps, and its kernel may write what lies in {} to the disk",
                plan.host.name, target.run
            ));
        }
        let open = |plan: &ComponentPlan| self.open(plan);
        for component in &plan.components {
            let began = Instant::now();
            // Nothing is begun when a signal came between two components.
            let result = match limit.run(async { Ok(()) }).await {
                Ok(()) => {
                    self.bringing(&target, component, deploy, &open, &limit)
                        .bring()
                        .await
                }
                Err(error) => Err(error),
            };
            let result = match result {
                Err(error) if target.is_lost().await => {
                    // One that went down for good is not waited for.
                    let again = Limit::of(&limit.host, AGAIN, self.signals.clone());
                    let restored = again.run(async {
                        let (target, lock) = self.reach(&plan.host, "deploys").await?;
                        let restored = self
                            .bringing(&target, component, deploy, &open, &limit)
                            .restore()
                            .await?;
                        lock.close().await;
                        target.channel.close().await;
                        Ok(restored)
                    });
                    let note = match restored.await {
                        Ok(true) => {
                            "connected again: the old one runs, with its old secrets".into()
                        }
                        Ok(false) => "connected again: nothing of it runs".into(),
                        Err(other) => format!(
                            "it could not be connected to again ({}); the next deploy tidies up",
                            other.message()
                        ),
                    };
                    Err(copy_of(&error).note(note).into())
                }
                result => result,
            };
            let failed = result.is_err();
            rows.push(Row {
                host: plan.host.name.to_string(),
                component: Some(component.component().clone()),
                result,
                seconds: began.elapsed().as_secs_f64(),
            });
            if let Some(row) = rows.last() {
                report(row);
            }
            // What comes after it may wait for it.
            if failed {
                break;
            }
        }
        lock.close().await;
        target.channel.close().await;
        Ok(())
    }

    fn bringing<'b>(
        &'b self,
        target: &'b Target,
        plan: &'b ComponentPlan,
        deploy: &'b str,
        open: &'b dyn Fn(&ComponentPlan) -> Result<Opened, Error>,
        limit: &'b Limit,
    ) -> Bringing<'b> {
        Bringing {
            vault: self.vault,
            world: self.vault.world(),
            target,
            plan,
            deploy,
            by: self.by,
            open,
            say: self.say,
            limit,
        }
    }

    /// Stops what earlier deploys started on a host. Needs no hook: receipts say what it is.
    ///
    /// # Errors
    /// What keeps the host from being reached, or a component from being stopped.
    pub async fn stop(
        &self,
        host: &Host,
        wanted: &[Component],
        mut report: impl FnMut(&Component),
    ) -> Result<usize, Error> {
        let limit = Limit::of(host.name.as_str(), self.host_time, self.signals.clone());
        let (target, lock) = limit.run(self.reach(host, "stops")).await?;
        let mut stopped = 0;
        let mut components = target.receipts().await?;
        // What a killed run left has no receipt.
        components.extend(leftover::components(&target).await?);
        components.sort();
        components.dedup();
        for component in components.iter().rev() {
            let meant = wanted.is_empty() || wanted.contains(component);
            if meant && limit.run(stop(&target, component)).await? {
                report(component);
                stopped += 1;
            }
        }
        lock.close().await;
        target.channel.close().await;
        Ok(stopped)
    }

    /// Connects, makes the folders, and takes the lock.
    async fn reach(&self, host: &Host, doing: &str) -> Result<(Target, Held), Error> {
        let target = self.target(host).await?;
        let by = format!("{} {doing} since {}", self.by, self.vault.world().now());
        let lock = target.lock(&by).await?;
        Ok((target, lock))
    }

    async fn target(&self, host: &Host) -> Result<Target, Error> {
        let channel = match &host.reach {
            Reach::Local => Channel::Local(Local::new(self.vault.world())),
            Reach::Ssh(endpoint) => {
                let way = (self.way)(host, endpoint)?;
                let session = connect_through(&way, &Limits::default()).await?;
                Channel::Ssh(std::sync::Arc::new(session))
            }
        };
        // Two vaults may deploy to one host; each has its folders.
        let vault: String = hex(self.vault.id()).chars().take(12).collect();
        Target::prepare(host, channel, &vault).await
    }

    /// Opens the secrets of one component: logged and synced before.
    fn open(&self, plan: &ComponentPlan) -> Result<Opened, Error> {
        let mut opened = Opened::new();
        for (name, (secret, rev)) in &plan.secrets {
            let (value, now) = match secret {
                SecretName::Value(document, value) => {
                    let value = self.reader.value(document, value)?;
                    (value.value, value.rev)
                }
                SecretName::File(path) => {
                    let mut bytes = zeroize::Zeroizing::new(Vec::new());
                    let (_, rev) = self.reader.file(path, &mut *bytes)?;
                    (Plain::new(std::mem::take(&mut *bytes)), rev)
                }
            };
            if now != *rev {
                return Err(Problem::new(
                    Code::Conflict,
                    format!("`{secret}` changed while the deploy ran"),
                )
                .hint("run the deploy again")
                .into());
            }
            opened.insert(name.clone(), value);
        }
        Ok(opened)
    }
}

/// Whether a signal ended it.
#[must_use]
pub fn is_interruption(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Interrupt | Code::Terminated | Code::Hangup
    )
}

/// How a deploy ends as a whole: well, with the signal that ended it, with the first error where no
/// host was done, else PARTIAL.
///
/// # Errors
/// The error to end with; it was shown in its row already.
pub fn outcome(rows: &[Row]) -> Result<(), Code> {
    let failed: std::collections::BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.result.is_err())
        .map(|row| row.host.as_str())
        .collect();
    let all: std::collections::BTreeSet<&str> = rows.iter().map(|row| row.host.as_str()).collect();
    let mut errors = rows.iter().filter_map(|row| row.result.as_ref().err());
    let first = errors.clone().next();
    match first {
        None => Ok(()),
        Some(_) if let Some(error) = errors.find(|error| is_interruption(error)) => {
            Err(error.code())
        }
        Some(error) if failed.len() == all.len() => Err(error.code()),
        Some(_) => Err(Code::Partial),
    }
}
