//! One run at a server: with whose token, kept alive for as long as it takes, given back at its end.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::de::IgnoredAny;
use serde_json::json;
use tokio::sync::Notify;

use super::lease::Active;
use super::login::{Way, login};
use super::renewal::{PAUSE, renewal};
use super::{About, Answer, Client, Limits, ServerError, Settings, Token};
use crate::identity::Keyring;
use crate::secret::Plain;

/// Whose token it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The environment's.
    Environment,
    /// The keyring's, from `clws server login`.
    Keyring,
    /// This run logged in, and ends the token.
    Run,
}

/// A run: a client with a token.
pub struct Session {
    client: Client,
    origin: Origin,
    /// When the token is renewed next; nothing for one that cannot be.
    renew_at: Mutex<Option<Instant>>,
    pub(super) leases: Mutex<Vec<Active>>,
    /// A lease was made.
    pub(super) news: Notify,
    /// The leases of this run that something goes on using.
    pub(super) left: Mutex<BTreeSet<String>>,
}

impl Session {
    /// Takes a token that is there. The server is asked how long it lasts.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn with_token(
        settings: &Settings,
        token: Token,
        origin: Origin,
    ) -> Result<(Self, About), ServerError> {
        let client = Client::new(settings, Limits::default(), Some(token))?;
        client.find_leader().await;
        let looked: Answer<About> = client.get("auth/token/lookup-self").await?;
        let about = looked.into_data()?;
        let (left, whole) = (about.ttl, about.creation_ttl.max(about.ttl));
        let renew_at = (about.renewable && left > 0)
            .then(|| renewal(Duration::from_secs(whole), Duration::from_secs(left)));
        Ok((Self::new(client, origin, renew_at), about))
    }

    /// Logs in for this run alone.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn log_in(
        settings: &Settings,
        way: &Way,
        credential: &Plain,
    ) -> Result<Self, ServerError> {
        let mut client = Client::new(settings, Limits::default(), None)?;
        client.find_leader().await;
        let login = login(&client, way, credential).await?;
        client.set_token(Some(login.token));
        let lasts = login.lasts.filter(|_| login.renewable);
        let renew_at = lasts.map(|lasts| renewal(lasts, lasts));
        Ok(Self::new(client, Origin::Run, renew_at))
    }

    fn new(client: Client, origin: Origin, renew_at: Option<Instant>) -> Self {
        Self {
            client,
            origin,
            renew_at: Mutex::new(renew_at),
            leases: Mutex::default(),
            news: Notify::new(),
            left: Mutex::default(),
        }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Keeps the token beyond the run.
    #[must_use]
    pub fn into_token(self) -> Option<Token> {
        self.client.into_token()
    }

    /// Whose token it is.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Does some work, and meanwhile renews the token, and what was leased, each time that two thirds of their
    /// time have gone.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            never = self.keep() => match never {},
        }
    }

    async fn keep(&self) -> std::convert::Infallible {
        loop {
            let at = self.renew_at.lock().ok().and_then(|at| *at);
            let lease = self.next_lease();
            let lease = lease.filter(|(lease, _)| at.is_none_or(|token| *lease < token));
            let due = async {
                match lease.as_ref().map(|(lease, _)| *lease).or(at) {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.news.notified() => continue,
            }
            if let Some((_, lease)) = lease {
                self.renew_lease(&lease).await;
                continue;
            }
            let renewed = self.renew().await;
            let next = match renewed {
                Ok(Some(lasts)) => Some(renewal(lasts, lasts)),
                // It ends when it ends; the work then says what it could not do.
                Ok(None) => None,
                Err(error) if error.status().is_some() => None,
                Err(_) => Some(Instant::now() + PAUSE * 5),
            };
            if let Ok(mut at) = self.renew_at.lock() {
                *at = next;
            }
        }
    }

    /// Renews the token; gives how long it lasts now, if it can be renewed again.
    async fn renew(&self) -> Result<Option<Duration>, ServerError> {
        let path = "auth/token/renew-self";
        let answer: Answer<IgnoredAny> = self.client.post(path, &json!({})).await?;
        let login = answer.login.filter(|login| login.renewable);
        Ok(login.and_then(|login| login.lasts))
    }

    /// Ends the run: what it leased and left to nobody, and a token that it got itself, unless a lease of it is
    /// used on.
    ///
    /// # Errors
    /// [`ServerError`]; the token then lasts until its lease ends.
    pub async fn end(self) -> Result<(), ServerError> {
        let ended = self.end_leases().await;
        let is_used = self.left.lock().is_ok_and(|left| !left.is_empty());
        match self.origin {
            Origin::Run if !is_used => revoke(&self.client).await,
            Origin::Run | Origin::Environment | Origin::Keyring => ended,
        }
    }
}

/// Ends the client's own token.
///
/// # Errors
/// [`ServerError`].
pub async fn revoke(client: &Client) -> Result<(), ServerError> {
    let path = "auth/token/revoke-self";
    let ended = client.post::<IgnoredAny>(path, &json!({})).await;
    ended.map(drop)
}

/// A token in the person's keyring, one for each server and namespace.
pub struct Kept {
    keyring: Keyring,
    account: String,
}

impl Kept {
    /// The place of this server's token.
    #[must_use]
    pub fn of(keyring: Keyring, settings: &Settings) -> Self {
        let address = settings.cluster.first().map(ToString::to_string);
        let address = address.unwrap_or_default();
        let account = match &settings.namespace {
            Some(namespace) => format!("server {address} namespace {namespace}"),
            None => format!("server {address}"),
        };
        Self { keyring, account }
    }

    /// Refuses where no keyring answers, before a credential is used up.
    ///
    /// # Errors
    /// [`ServerError::NoKeyring`].
    pub fn demand(&self) -> Result<(), ServerError> {
        self.keyring.demand().map_err(ServerError::NoKeyring)
    }

    /// The token, if one is there.
    ///
    /// # Errors
    /// [`ServerError::NoKeyring`], [`ServerError::BadToken`].
    pub fn read(&self) -> Result<Option<Token>, ServerError> {
        let read = self.keyring.read_if_there(&self.account);
        let read = read.map_err(ServerError::NoKeyring)?;
        read.map(|text| Token::new(&text)).transpose()
    }

    /// Keeps a token.
    ///
    /// # Errors
    /// [`ServerError::NoKeyring`].
    pub fn write(&self, token: &Token) -> Result<(), ServerError> {
        let text = token.with(|bytes| Plain::new(bytes.to_vec()));
        let label = format!("clws token of {}", self.account);
        let written = self.keyring.write(&self.account, &label, &text);
        written.map_err(ServerError::NoKeyring)
    }

    /// Forgets it.
    ///
    /// # Errors
    /// [`ServerError::NoKeyring`].
    pub fn remove(&self) -> Result<(), ServerError> {
        let removed = self.keyring.remove(&self.account);
        removed.map_err(ServerError::NoKeyring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_renewed_at_two_thirds() {
        let in_seconds = |whole, left| {
            let at = renewal(Duration::from_secs(whole), Duration::from_secs(left));
            let wait = at.duration_since(Instant::now());
            wait.as_secs_f64().round() as u64
        };
        assert_eq!(in_seconds(3600, 3600), 2400);
        assert_eq!(in_seconds(3600, 1800), 600);
        assert_eq!(in_seconds(3600, 10), 1);
        assert_eq!(in_seconds(1, 1), 1);
    }
}
