//! Credentials that a server makes and takes back: what is asked for in a run is kept alive in it, and either
//! ended or left to something that goes on using it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::answer::LONGEST;
use super::fields::texts;
use super::renewal::{PAUSE, renewal};
use super::{About, Answer, Client, Lease, ServerError, Session};
use crate::secret::Plain;
use crate::time::Moment;

/// A lease of this run that is kept alive.
pub(super) struct Active {
    lease: Lease,
    ends: Instant,
    /// When it is renewed next; nothing for one that cannot be.
    renew_at: Option<Instant>,
}

impl Active {
    fn new(lease: Lease) -> Self {
        let now = Instant::now();
        Self {
            ends: now.checked_add(lease.lasts).unwrap_or(now),
            renew_at: renewal_of(&lease),
            lease,
        }
    }
}

fn renewal_of(lease: &Lease) -> Option<Instant> {
    lease.renewable.then(|| renewal(lease.lasts, lease.lasts))
}

/// What a token may at some paths.
#[derive(Deserialize)]
struct Capabilities {
    #[serde(flatten)]
    by_path: BTreeMap<String, Value>,
}

impl Session {
    /// Has credentials made at `path`; gives the lease's name and the credentials, by field.
    ///
    /// # Errors
    /// [`ServerError::NotAnAnswer`] for what has no end, or none that can be counted with.
    pub async fn lease(
        &self,
        path: &str,
    ) -> Result<(String, BTreeMap<String, Plain>), ServerError> {
        let answer: Answer<BTreeMap<String, Value>> = self.client().get(path).await?;
        let lease = answer.lease.clone();
        let fields = texts(answer.into_data()?);
        let lease = lease.ok_or(ServerError::NotAnAnswer {
            why: "what it gives has no lease, or one of no time",
        })?;
        let id = lease.id.clone();
        if let Ok(mut active) = self.leases.lock() {
            active.push(Active::new(lease));
        }
        self.news.notify_one();
        Ok((id, fields))
    }

    /// Leaves a lease to something that goes on using it: makes it last for as long as the server lets it, and
    /// renews it no more. A token that this run got is then not revoked at its end, since a server ends all
    /// leases of a token with it. Gives when the credentials end, by the lease or by the token.
    ///
    /// # Errors
    /// [`ServerError`] if the lease has ended.
    pub async fn let_go(&self, id: &str, now: Moment) -> Result<Moment, ServerError> {
        let known = self.leases.lock().ok().and_then(|active| {
            let known = active.iter().find(|active| active.lease.id == id);
            known.map(|active| (active.lease.clone(), active.ends))
        });
        let (lease, ends) = known.ok_or(ServerError::NotAnAnswer {
            why: "the lease has ended",
        })?;
        let mut left = ends.saturating_duration_since(Instant::now());
        if lease.renewable {
            let longest = Duration::from_secs(LONGEST);
            match self.client().renew(&lease, longest).await {
                Ok(renewed) => left = renewed.lasts,
                Err(error) if matches!(error.status(), Some(400 | 404)) => return Err(error),
                // It ends as it was given.
                Err(_) => {}
            }
        }
        let token: Result<Answer<About>, _> = self.client().get("auth/token/lookup-self").await;
        let ttl = token
            .ok()
            .and_then(|token| token.data)
            .map(|about| about.ttl);
        if let Some(ttl) = ttl.filter(|ttl| *ttl > 0) {
            left = left.min(Duration::from_secs(ttl));
        }
        self.forget(id);
        if let Ok(mut left) = self.left.lock() {
            left.insert(id.to_owned());
        }
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        Ok(Moment::from_seconds(now.seconds().saturating_add(seconds)))
    }

    /// Ends a lease, of this run or of an earlier one.
    ///
    /// # Errors
    /// [`ServerError`]; it then lasts until its time is over.
    pub async fn end_lease(&self, id: &str) -> Result<(), ServerError> {
        self.forget(id);
        if let Ok(mut left) = self.left.lock() {
            left.remove(id);
        }
        let lease = Lease {
            id: id.to_owned(),
            lasts: Duration::ZERO,
            renewable: false,
        };
        match self.client().revoke(&lease).await {
            // Ended twice it is ended.
            Err(ServerError::Uncertain { .. }) => self.client().revoke(&lease).await,
            // One that is not there has ended.
            Err(error) if error.status() == Some(400) && error.says("not found") => Ok(()),
            ended => ended,
        }
    }

    /// Ends what this run leased and left to nobody.
    pub(super) async fn end_leases(&self) -> Result<(), ServerError> {
        let active = self
            .leases
            .lock()
            .map(|mut active| std::mem::take(&mut *active));
        for active in active.unwrap_or_default() {
            self.client().revoke(&active.lease).await?;
        }
        Ok(())
    }

    fn forget(&self, id: &str) {
        if let Ok(mut active) = self.leases.lock() {
            active.retain(|active| active.lease.id != id);
        }
    }

    /// When the next lease is to be renewed, and which.
    pub(super) fn next_lease(&self) -> Option<(Instant, Lease)> {
        let active = self.leases.lock().ok()?;
        let next = active
            .iter()
            .filter_map(|active| Some((active.renew_at?, &active.lease)));
        let next = next.min_by_key(|(at, _)| *at);
        next.map(|(at, lease)| (at, lease.clone()))
    }

    /// Makes a lease last for its whole time again.
    pub(super) async fn renew_lease(&self, lease: &Lease) {
        let renewed = self.client().renew(lease, lease.lasts).await;
        let now = Instant::now();
        let Ok(mut active) = self.leases.lock() else {
            return;
        };
        let Some(active) = active.iter_mut().find(|active| active.lease.id == lease.id) else {
            return;
        };
        match renewed {
            Ok(renewed) => {
                active.ends = now.checked_add(renewed.lasts).unwrap_or(now);
                active.renew_at = renewal_of(&renewed);
            }
            // It ends when it ends; what uses it then says what it could not do.
            Err(error) if error.status().is_some() => active.renew_at = None,
            Err(_) => active.renew_at = Some(now + PAUSE * 5),
        }
    }
}

/// Why a server makes nothing at some paths, as far as it says so before anything is made.
#[derive(Debug, Default)]
pub struct Unlent {
    /// The token may not have them made.
    pub denied: Vec<String>,
    /// Their roles are not there.
    pub without_role: Vec<String>,
}

/// Asks what will not be made at these paths, each `MOUNT/creds/ROLE`. Nothing is made for the question, and a role
/// is looked at only where the token may read it: few need to.
///
/// # Errors
/// [`ServerError`].
pub async fn unlent(client: &Client, paths: &[String]) -> Result<Unlent, ServerError> {
    let roles: Vec<Option<String>> = paths.iter().map(|path| role_of(path)).collect();
    let asked: Vec<&String> = paths.iter().chain(roles.iter().flatten()).collect();
    let body = json!({ "paths": asked });
    let capabilities: Answer<Capabilities> = client.post("sys/capabilities-self", &body).await?;
    let by_path = capabilities.into_data()?.by_path;
    let reads = |path: &String| {
        let may = by_path.get(path).and_then(Value::as_array);
        let mut may = may.into_iter().flatten().filter_map(Value::as_str);
        may.any(|word| matches!(word, "read" | "root"))
    };
    let mut unlent = Unlent::default();
    for (path, role) in paths.iter().zip(&roles) {
        if !reads(path) {
            unlent.denied.push(path.clone());
        } else if let Some(role) = role.as_ref().filter(|role| reads(role))
            && is_missing(client, role).await?
        {
            unlent.without_role.push(path.clone());
        }
    }
    Ok(unlent)
}

/// Where the role of a path lies: `MOUNT/roles/ROLE`, as databases, message queues, clouds and clusters have it.
fn role_of(path: &str) -> Option<String> {
    let (front, role) = path.rsplit_once('/')?;
    let mount = front.strip_suffix("/creds")?;
    Some(format!("{mount}/roles/{role}"))
}

/// Whether it is certain that a role is not there. An engine that keeps its roles under another name says in words
/// that it has no such path; that, and whatever else is amiss, is said when credentials are made.
async fn is_missing(client: &Client, role: &str) -> Result<bool, ServerError> {
    match client.get::<IgnoredAny>(role).await {
        Ok(_) => Ok(false),
        Err(error) if error.status() == Some(404) => {
            Ok(error.says_nothing() || error.says("no handler for route"))
        }
        Err(error) if error.status().is_some() => Ok(false),
        Err(error) => Err(error),
    }
}
