//! An account outside of the vault whose password is a secret: where a signed hook says it is, and what
//! can be asked of it. What is asked goes from the target, over the connection to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::bring::inside::address_of;
use super::bring::place::fill;
use super::mysql::{MysqlError, MysqlRows, Session};
use super::plan::{ADDRESS, ComponentPlan, drafting};
use super::run::FindWay;
use super::target::connected::connect_over;
use crate::channel::ssh::{Limits, connect_through};
use crate::channel::{Channel, Local};
use crate::docker::Ended;
use crate::error::{Code, Error, Problem};
use crate::fleet::{Host, Reach, hosts};
use crate::hook::{AccountHook, HookError, hooks_that_read};
use crate::name::{Component, SecretName};
use crate::secret::{End, Plain, Redactor};
use crate::text::{clean, list};
use crate::vault::Vault;

/// How long a login and a statement may take.
const STATEMENT: Duration = Duration::from_secs(15);

/// How long CodaLab's server may take to change a user.
const USER_UPDATE: Duration = Duration::from_secs(120);

/// Takes the container's variables and becomes CodaLab's own user update, which reads the password twice.
const UPDATE_USER: &str = "[ ! -f /run/clws/env ] || . /run/clws/env; \
                           exec python3 scripts/create-root-user.py";

/// An account on one host.
#[derive(Debug)]
pub struct Account {
    host: Host,
    plan: ComponentPlan,
    hook: AccountHook,
}

/// Finds the accounts that have `secret`: by the hook that names it in `[rotate]`, on each host where that
/// component runs.
///
/// # Errors
/// [`HookError::NoAccount`] if no hook names it, CONFIG if several do; what is wrong with that hook or its
/// signature.
pub fn accounts(vault: &Vault, secret: &SecretName) -> Result<Vec<Account>, Error> {
    let full = secret.to_string();
    let all = match hosts(vault, "*") {
        Err(error) if error.code() == Code::NotFound => Vec::new(),
        hosts => hosts?,
    };
    let mut named = Vec::new();
    for hook in hooks_that_read(vault.tree())? {
        let (component, hook) = hook?;
        let runs =
            |host: &&Host| hook.machine_type(&host.scope) == Some(host.machine_type.as_str());
        for host in all.iter().filter(runs) {
            if hook.rotates(&host.scope, &full).is_some() {
                named.push((component.clone(), host.clone()));
            }
        }
    }
    let mut by: Vec<&Component> = named.iter().map(|(name, _)| name).collect();
    by.dedup();
    match by.as_slice() {
        [_] => {}
        [] => return Err(HookError::NoAccount { secret: full }.into()),
        [first, ..] => {
            let why = format!("`{full}` stands in [rotate] of {}", list(&by));
            return Err(HookError::in_hook(first, why).into());
        }
    }
    let mut accounts = Vec::new();
    for (component, host) in named {
        let plan = drafting::on_host(vault, &component, &host)?;
        // What is signed now may be another text than what was looked at.
        let Some(hook) = plan.hook.hook.rotates(&host.scope, &full).cloned() else {
            return Err(HookError::NoAccount { secret: full }.into());
        };
        accounts.push(Account { host, plan, hook });
    }
    Ok(accounts)
}

impl Account {
    /// What messages call it: `mysql on vm-clws-prod-mysql-0`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} on {}", self.plan.component(), self.host.name)
    }

    /// What it is.
    #[must_use]
    pub fn hook(&self) -> &AccountHook {
        &self.hook
    }

    /// The secret with which it is changed by somebody else.
    ///
    /// # Errors
    /// If there is no such secret.
    pub fn admin(&self, vault: &Vault) -> Result<Option<SecretName>, Error> {
        let name = self.hook.admin();
        name.map(|name| drafting::resolve(vault, &self.host.scope, name))
            .transpose()
    }

    /// Connects to its host, and finds out where it is there.
    ///
    /// # Errors
    /// What connecting and asking the container engine can.
    pub async fn reach(self, vault: &Vault, way: &FindWay<'_>) -> Result<Reached, Error> {
        let channel = match &self.host.reach {
            Reach::Local => Channel::Local(Local::new(vault.world())),
            Reach::Ssh(endpoint) => {
                let way = way(&self.host, endpoint)?;
                let session = connect_through(&way, &Limits::default()).await?;
                Channel::Ssh(Arc::new(session))
            }
        };
        let mut names = self.plan.names.clone();
        if self.hook.texts().any(|text| text.contains(ADDRESS))
            && let Some(hook) = &self.plan.hook.hook.container
        {
            let engine = connect_over(&channel, self.host.name.as_str()).await?;
            let container = self.plan.container_name(hook);
            let address = address_of(&engine, &self.plan, hook, &names, &container).await?;
            if address.is_empty() {
                let why = format!("{}: the container `{container}` does not run", self.name());
                let deploy = format!(
                    "clws deploy {} --on {}",
                    self.plan.component(),
                    self.host.name
                );
                return Err(Problem::new(Code::Remote, why).hint(deploy).into());
            }
            names.insert(ADDRESS.to_owned(), address);
        }
        Ok(Reached {
            account: self,
            channel,
            names,
        })
    }
}

/// An account that can be spoken to.
#[derive(Debug)]
pub struct Reached {
    account: Account,
    channel: Channel,
    names: BTreeMap<String, String>,
}

impl Reached {
    /// The account.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// A text of the hook with its names filled in.
    ///
    /// # Errors
    /// [`HookError`].
    pub fn filled(&self, text: &str) -> Result<String, Error> {
        fill(&self.account.plan, &self.names, text)
    }

    /// Logs in to a MySQL or MariaDB server and runs one statement.
    ///
    /// # Errors
    /// [`MysqlError`].
    pub async fn mysql(
        &self,
        address: &str,
        (user, password): (&str, &Plain),
        statement: &Plain,
    ) -> Result<MysqlRows, MysqlError> {
        let asking = async {
            let opened = self.channel.open_tcp(address).await;
            let stream = opened.map_err(MysqlError::Broken)?;
            let mut session = Session::login(stream, user, password, None).await?;
            let rows = session.query(statement).await;
            session.quit().await;
            rows
        };
        let asked = timeout(STATEMENT, asking).await;
        asked.unwrap_or_else(|_| Err("no answer in time".into()))
    }

    /// Has CodaLab's server, which is this component's container, give its root user a password.
    ///
    /// # Errors
    /// REMOTE with what the server's program said, without the password.
    pub async fn update_codalab_user(&self, password: &Plain) -> Result<(), Error> {
        let plan = &self.account.plan;
        let wrong =
            |why: String| Problem::new(Code::Remote, format!("{}: {why}", self.account.name()));
        let hook = plan.hook.hook.container.as_ref();
        let hook = hook.ok_or_else(|| wrong("it is no container".to_owned()))?;
        let host = self.account.host.name.as_str();
        let engine = connect_over(&self.channel, host).await?;
        let mut twice = Plain::new(Vec::new());
        password.with(|line| {
            twice.with_mut(|twice| {
                twice.reserve_exact(2 * line.len() + 2);
                for _ in 0..2 {
                    twice.extend_from_slice(line);
                    twice.push(b'\n');
                }
            });
        });
        let command = ["sh", "-c", UPDATE_USER].map(str::to_owned);
        let ran = engine
            .exec_probe(
                &plan.container_name(hook),
                &command,
                Some(&twice),
                USER_UPDATE,
            )
            .await?;
        let how = match ran.ended {
            Ended::Code(0) => return Ok(()),
            Ended::Code(code) => format!("CodaLab's user update ended with {code}"),
            Ended::Overdue => "CodaLab's user update takes too long".to_owned(),
        };
        let said = Redactor::of([password]).text(&ran.output, End::Whole);
        let said = clean(String::from_utf8_lossy(&said).trim());
        let last = said.lines().last().unwrap_or_default();
        Err(wrong(format!("{how}: {last}")).into())
    }

    /// Takes leave of the host.
    pub async fn close(self) {
        self.channel.close().await;
    }
}
