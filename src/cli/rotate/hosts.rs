//! Hosts, for a rotator that changes what lets a key in there.

use std::sync::Arc;

use crate::channel::ssh::{Limits, Login, Logins, SshError, connect_through};
use crate::channel::{Channel, Command};
use crate::cli::context::Context;
use crate::cli::runtime::runtime;
use crate::cli::ways::Ways;
use crate::error::{Code, Error, Problem};
use crate::fleet::{Endpoint, Host, Reach, hosts};
use crate::name::SecretPath;
use crate::rotate::{Held, Hosts};
use crate::secret::Plain;
use crate::text::clean;
use crate::vault::Vault;

pub(super) struct OverSsh<'a> {
    pub(super) cx: &'a Context,
    pub(super) vault: &'a Vault,
    pub(super) ways: Ways<'a>,
}

impl OverSsh<'_> {
    /// A host that is reached over SSH.
    fn endpoint(&self, host: &str) -> Result<(Host, Endpoint), Error> {
        let found = hosts(self.vault, host)?;
        let host = found.into_iter().find(|known| known.name.as_str() == host);
        let reached = host.and_then(|host| match host.reach.clone() {
            Reach::Ssh(endpoint) => Some((host, endpoint)),
            Reach::Local => None,
        });
        reached.ok_or_else(|| Problem::new(Code::NotFound, "it is no host over SSH").into())
    }
}

impl Hosts for OverSsh<'_> {
    fn of(&self, secret: &str) -> Result<Vec<String>, Error> {
        let settings = self.vault.trust().accepted.settings();
        let path = secret.parse::<SecretPath>()?;
        let own = secret.split('/').next().unwrap_or_default();
        let all = match hosts(self.vault, "*") {
            // No host is none to look at.
            Err(error) if error.code() == Code::NotFound => Vec::new(),
            all => all?,
        };
        let is_meant = |host: &Host| {
            let scope = host.scope.as_str();
            let logs_in = settings.ssh_keys.get(&host.scope) == Some(&path);
            let is_remote = matches!(host.reach, Reach::Ssh(_));
            is_remote && (logs_in || own == "shared" || own == scope)
        };
        let meant = all.iter().filter(|host| is_meant(host));
        Ok(meant.map(|host| host.name.to_string()).collect())
    }

    fn run(
        &self,
        host: &str,
        keys: [&Plain; 2],
        script: &str,
        arguments: &[String],
        input: &str,
    ) -> Result<String, Error> {
        let (host, endpoint) = self.endpoint(host)?;
        let mut command = Command::new(script).input(Plain::from(input));
        command.arguments.extend_from_slice(arguments);
        let mut way = self.ways.to(Some(&host.scope), &endpoint)?;
        if let Some(last) = way.last_mut() {
            let none: Logins<'_> = Box::new(|| Box::pin(async { Ok(Vec::new()) }));
            let usual = std::mem::replace(&mut last.logins, none);
            let keys = keys.map(|key| Arc::new(Login::Key(key.duplicate())));
            last.logins = Box::new(move || {
                let (mut logins, usual) = (keys.to_vec(), usual());
                Box::pin(async {
                    // Whoever may log in by either needs nobody's own key.
                    logins.extend(usual.await?);
                    Ok(logins)
                })
            });
        }
        let outcome = runtime()?.block_on(async {
            let session = connect_through(&way, &Limits::default()).await?;
            let channel = Channel::Ssh(Arc::new(session));
            let outcome = channel.run(&command).await?;
            channel.close().await;
            Ok::<_, Error>(outcome)
        })?;
        let failed = |why: String| Problem::new(Code::Remote, why);
        if !outcome.ended.is_success() {
            let said = clean(String::from_utf8_lossy(&outcome.err).trim());
            return Err(failed(format!("a script of ours failed there: {said}")).into());
        }
        match String::from_utf8(outcome.out) {
            Ok(text) if !outcome.truncated => Ok(text),
            _ => Err(failed("its authorized_keys is no text of up to 1 MiB".to_owned()).into()),
        }
    }

    fn lets_in(&self, host: &str, key: &Plain) -> Result<bool, Error> {
        let (host, endpoint) = self.endpoint(host)?;
        let mut way = self.ways.to(Some(&host.scope), &endpoint)?;
        let key = Arc::new(Login::Key(key.duplicate()));
        if let Some(last) = way.last_mut() {
            last.logins = Box::new(move || {
                let logins = vec![Arc::clone(&key)];
                Box::pin(async { Ok(logins) })
            });
        }
        let connected = runtime()?.block_on(connect_through(&way, &Limits::default()));
        match connected {
            Ok(_) => Ok(true),
            Err(error) => match error.downcast_ref() {
                Some(SshError::LoginRefused { host: refusing, .. })
                    if refusing.name() == host.name.as_str() =>
                {
                    Ok(false)
                }
                _ => Err(error),
            },
        }
    }

    fn party_of(&self, line: &str) -> Result<Option<Held>, Error> {
        for name in self.vault.trust().accepted.party_names()? {
            let party = self.vault.party(&name)?;
            let (mut signing, mut recipients) = (party.signing.iter(), party.recipients.iter());
            let held = Held {
                party: name.to_string(),
                signs: signing.any(|known| known.key.to_string() == line),
                opens: recipients.any(|known| known.key.as_str() == line),
            };
            if held.signs || held.opens {
                return Ok(Some(held));
            }
        }
        Ok(None)
    }

    fn tell(&self, line: &str) {
        self.cx.ui.say(line);
    }
}
