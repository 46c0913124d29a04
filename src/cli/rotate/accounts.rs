//! The accounts that rotators change: found by signed hooks, and spoken to over the connections of a deploy.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::runtime::Runtime;

use crate::cli::context::{Context, as_openers};
use crate::cli::runtime::{runtime, user_here};
use crate::cli::ways::Ways;
use crate::deploy::{Account, MysqlError, Reached, accounts};
use crate::error::{Code, Error, Problem};
use crate::fleet::{AzureAccount, Endpoint, Host};
use crate::fs::Sync;
use crate::hook::{AccountHook, HookError, KeyOfAzure, MysqlAccount, azure_account};
use crate::identity::Bundle;
use crate::name::{SecretName, SecretPath};
use crate::rotate::{Accounts, AzureLogin, Database, Refusal, Rows, has_account, is_azure_key};
use crate::secret::Plain;
use crate::server::{Session, StaticRole};
use crate::vault::{Reader, Vault};

/// Reaches accounts as whoever rotates.
pub(super) struct Hooked<'a> {
    pub(super) cx: &'a Context,
    pub(super) vault: &'a Vault,
    pub(super) bundles: &'a [Bundle],
}

/// An account that can be spoken to, and what it is changed with, if that is another one's password.
struct Connected {
    runtime: Rc<Runtime>,
    reached: Reached,
    admin: Option<Plain>,
}

impl Hooked<'_> {
    /// Where the accounts are that a rotator changes; nowhere for one that changes none.
    pub(super) fn places(&self, rotator: &str, secret: &str) -> Result<Vec<String>, Error> {
        if is_azure_key(rotator) {
            let account = self.azure(secret)?;
            return Ok(vec![format!(
                "{account}, whose other key is made anew: nobody is to use that"
            )]);
        }
        let found = match has_account(rotator) {
            true => self.find(secret)?,
            false => Vec::new(),
        };
        Ok(found.iter().map(Account::name).collect())
    }

    fn find(&self, secret: &str) -> Result<Vec<Account>, Error> {
        let secret = self.vault.find_secret(&secret.parse::<SecretPath>()?)?;
        accounts(self.vault, &secret)
    }

    /// The role that makes the secret, which is the same on all hosts.
    fn static_role(&self, secret: &str) -> Result<StaticRole, Error> {
        let all = self.find(secret)?;
        let roles = all.iter().find_map(|account| match account.hook() {
            AccountHook::VaultStatic(hook) => Some(&hook.role),
            _ => None,
        });
        let secret = secret.to_owned();
        let role = roles.ok_or(HookError::NoAccount { secret })?;
        Ok(StaticRole::parse(role)?)
    }

    /// Connects to each account's host, and opens what it is changed with.
    fn reach(&self, secret: &str) -> Result<Vec<Connected>, Error> {
        let mine = self.cx.openers(self.vault, self.bundles);
        let reader = Reader::new(self.vault, as_openers(&mine), "rotate", Sync::Disk)?;
        let user = user_here(self.cx);
        let ways = Ways::new(self.cx, self.vault, &reader, self.bundles, &user);
        let way = |host: &Host, endpoint: &Endpoint| ways.to(Some(&host.scope), endpoint);
        let runtime = Rc::new(runtime()?);
        let mut all = Vec::new();
        for account in self.find(secret)? {
            let admin = account.admin(self.vault)?;
            let reached = runtime.block_on(account.reach(self.vault, &way))?;
            // Only now: the host has proved itself.
            let admin = admin.map(|name| open(&reader, &name)).transpose()?;
            all.push(Connected {
                runtime: Rc::clone(&runtime),
                reached,
                admin,
            });
        }
        for notice in reader.take_notices() {
            self.cx.ui.warn(&notice);
        }
        Ok(all)
    }
}

fn open(reader: &Reader<'_>, secret: &SecretName) -> Result<Plain, Error> {
    match secret {
        SecretName::Value(document, name) => Ok(reader.value(document, name)?.value),
        SecretName::File(path) => {
            let what = format!("`{path}` is a sealed file, and no password");
            Err(Problem::new(Code::Config, what).into())
        }
    }
}

impl Hooked<'_> {
    fn azure_key(&self, secret: &str) -> Result<KeyOfAzure, Error> {
        azure_account(
            self.vault,
            &self.vault.find_secret(&secret.parse::<SecretPath>()?)?,
        )
    }
}

impl Accounts for Hooked<'_> {
    fn demand(&self, rotator: &str, secret: &str) -> Result<(), Error> {
        let other = self.find(secret)?.into_iter().find_map(|account| {
            let named = account.hook().rotator();
            (named != rotator).then(|| (account.name(), named))
        });
        match other {
            None => Ok(()),
            Some((name, named)) => Err(Problem::new(
                Code::Config,
                format!("`{secret}` has the rotator `{rotator}`, and {name} is for `{named}`"),
            )
            .hint(format!("clws secret policy {secret} --rotator {named}"))
            .into()),
        }
    }

    fn databases(&self, secret: &str) -> Result<Vec<Box<dyn Database + '_>>, Error> {
        let mut all: Vec<Box<dyn Database>> = Vec::new();
        for connected in self.reach(secret)? {
            let AccountHook::Mysql(hook) = connected.reached.account().hook().clone() else {
                continue;
            };
            all.push(Box::new(Server::new(connected, &hook)?));
        }
        Ok(all)
    }

    fn azure(&self, secret: &str) -> Result<AzureAccount, Error> {
        Ok(self.azure_key(secret)?.account)
    }

    fn azure_login(&self, secret: &str) -> Result<Option<AzureLogin>, Error> {
        let Some(document) = self.azure_key(secret)?.login else {
            return Ok(None);
        };
        let mine = self.cx.openers(self.vault, self.bundles);
        let reader = Reader::new(self.vault, as_openers(&mine), "rotate", Sync::Disk)?;
        let value = |name: &str| -> Result<Plain, Error> {
            Ok(reader.value(&document, &name.parse()?)?.value)
        };
        let text = |name: &str| -> Result<String, Error> {
            let text = value(name)?.with(|bytes| String::from_utf8(bytes.clone()).ok());
            // It becomes an argument, and must not be taken for a flag.
            let sound = |text: &String| !text.starts_with('-') && !text.contains(char::is_control);
            text.filter(sound).ok_or_else(|| {
                let what = format!("`{document}/{name}` is no id of Azure's");
                Problem::new(Code::Config, what).into()
            })
        };
        let login = AzureLogin {
            client: text("AZURE_CLIENT_ID")?,
            tenant: text("AZURE_TENANT_ID")?,
            secret: value("AZURE_CLIENT_SECRET")?,
        };
        for notice in reader.take_notices() {
            self.cx.ui.warn(&notice);
        }
        Ok(Some(login))
    }

    fn update_codalab_user(&self, secret: &str, password: &Plain) -> Result<(), Error> {
        for Connected {
            runtime, reached, ..
        } in self.reach(secret)?
        {
            runtime.block_on(async {
                let updated = reached.update_codalab_user(password).await;
                reached.close().await;
                updated
            })?;
        }
        Ok(())
    }

    fn issued(&self, secret: &str) -> Result<Plain, Error> {
        let role = self.static_role(secret)?;
        let asked = async move |session: &Session| role.password(session.client()).await;
        runtime()?.block_on(self.cx.server()?.ask(asked))
    }

    fn reissue(&self, secret: &str) -> Result<(), Error> {
        let role = self.static_role(secret)?;
        let asked = async move |session: &Session| role.rotate(session.client()).await;
        runtime()?.block_on(self.cx.server()?.ask(asked))
    }
}

/// A MySQL or MariaDB server, with what one logs in with.
struct Server {
    runtime: Rc<Runtime>,
    name: String,
    reached: RefCell<Option<Reached>>,
    address: String,
    user: String,
    admin: Option<(String, Plain)>,
}

impl Server {
    fn new(connected: Connected, hook: &MysqlAccount) -> Result<Self, Error> {
        let Connected {
            runtime,
            reached,
            admin,
        } = connected;
        let port = reached.filled(hook.port.as_deref().unwrap_or("3306"))?;
        let admin = match (&hook.admin, admin) {
            (Some(admin), Some(password)) => Some((reached.filled(&admin.user)?, password)),
            _ => None,
        };
        Ok(Self {
            name: reached.account().name(),
            address: format!("{}:{port}", reached.filled(&hook.host)?),
            user: reached.filled(&hook.user)?,
            admin,
            reached: RefCell::new(Some(reached)),
            runtime,
        })
    }

    fn ask(&self, login: (&str, &Plain), statement: &Plain) -> Result<Rows, Refusal> {
        let reached = self.reached.borrow();
        let gone = || Refusal::Failed("its connection is gone".to_owned());
        let reached = reached.as_ref().ok_or_else(gone)?;
        let asked = reached.mysql(&self.address, login, statement);
        self.runtime.block_on(asked).map_err(|error| match error {
            MysqlError::Refused(code, words) => Refusal::ByServer(code, words),
            MysqlError::Broken(words) => Refusal::Failed(words),
        })
    }
}

impl Database for Server {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn user(&self) -> &str {
        &self.user
    }

    fn as_admin(&self, statement: &Plain) -> Option<Result<Rows, Refusal>> {
        let (user, password) = self.admin.as_ref()?;
        Some(self.ask((user, password), statement))
    }

    fn as_account(&self, password: &Plain, statement: &Plain) -> Result<Rows, Refusal> {
        self.ask((&self.user, password), statement)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(reached) = self.reached.take() {
            self.runtime.block_on(reached.close());
        }
    }
}
