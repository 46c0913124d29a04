//! Which account of Azure's has a secret as a key: said by `[rotate."SECRET".azure-key]` of a signed hook, which
//! need not run anywhere.

use std::collections::BTreeMap;

use super::declaration::Hook;
use super::error::HookError;
use super::files::hooks_that_read;
use super::rotate::{AccountHook, AzureKeyHook};
use super::template::fill;
use super::trusted::trusted_hook;
use crate::error::Error;
use crate::fleet::{AzureAccount, AzureService};
use crate::name::{Component, DocumentPath, Scope, SecretName};
use crate::text::list;
use crate::vault::Vault;

/// An account with what one logs in with.
#[derive(Debug)]
pub struct KeyOfAzure {
    /// The account.
    pub account: AzureAccount,
    /// The document with the service principal.
    pub login: Option<DocumentPath>,
}

impl AzureKeyHook {
    /// The document that it names, in full.
    fn login(&self, scope: &Scope) -> Result<Option<DocumentPath>, Error> {
        let full = |name: &String| match name.starts_with("shared/") {
            true => name.parse(),
            false => format!("{scope}/{name}").parse(),
        };
        Ok(self.login.as_ref().map(full).transpose()?)
    }

    fn account(
        &self,
        hook: &Hook,
        component: &Component,
        scope: &Scope,
    ) -> Result<AzureAccount, Error> {
        let wrong = |why: String| HookError::in_hook(component, why);
        let settings = hook.settings_in(scope).into_iter();
        let mut names: BTreeMap<String, String> = settings
            .map(|(key, value)| (format!("settings.{key}"), value))
            .collect();
        names.insert("scope".to_owned(), scope.to_string());
        let filled = |text: &String| fill(text, &names).map_err(|why| wrong(why.to_string()));
        let (service, name) = match (&self.storage, &self.batch) {
            (Some(name), None) => (AzureService::Storage, name),
            (None, Some(name)) => (AzureService::Batch, name),
            _ => {
                let why = "azure-key is of one account, `storage` or `batch`";
                return Err(wrong(why.to_owned()).into());
            }
        };
        let subscription = self.subscription.as_ref().map(filled).transpose()?;
        let account = AzureAccount::new(
            service,
            &filled(name)?,
            &filled(&self.resource_group)?,
            subscription.as_deref(),
        );
        Ok(account.map_err(|error| wrong(error.to_string()))?)
    }
}

/// Finds the account that has `secret` as a key, as those signed it who may deploy the secret and what logs in.
///
/// # Errors
/// [`HookError::NoAzureAccount`] if no hook names it, CONFIG if several do, or if the account's other key is
/// another secret; what is wrong with that hook or its signature.
pub fn azure_account(vault: &Vault, secret: &SecretName) -> Result<KeyOfAzure, Error> {
    let (scope, full) = (secret.scope(), secret.to_string());
    let found: Vec<(Component, Hook)> = hooks_that_read(vault.tree())?.collect::<Result<_, _>>()?;
    let by: Vec<&Component> = found
        .iter()
        .filter(|(_, hook)| hook.rotates(&scope, &full).is_some())
        .map(|(component, _)| component)
        .collect();
    let [component] = by.as_slice() else {
        return Err(match by.first() {
            None => HookError::NoAzureAccount { secret: full },
            Some(first) => {
                let why = format!("`{full}` stands in [rotate] of {}", list(&by));
                HookError::in_hook(first, why)
            }
        }
        .into());
    };
    let component = (*component).clone();
    let of = |hook: &Hook| match hook.rotates(&scope, &full) {
        Some(AccountHook::AzureKey(key)) => Ok(key.clone()),
        Some(other) => {
            let rotator = other.rotator();
            let why = format!("`{full}` is for `{rotator}` there, and not for `azure-key`");
            Err(HookError::in_hook(&component, why))
        }
        None => Err(HookError::NoAzureAccount {
            secret: full.clone(),
        }),
    };
    let trusted = trusted_hook(vault, &component, scope.as_str(), |hook, _| {
        let login = of(hook)?.login(&scope)?;
        let own = [scope.to_string(), secret.ruled_path().to_owned()];
        Ok(own
            .into_iter()
            .chain(login.map(|login| login.to_string()))
            .collect())
    })?;
    let key = of(&trusted.hook)?;
    let account = key.account(&trusted.hook, &component, &scope)?;
    demand_alone(vault, &found, (&component, &scope), &full, &account)?;
    Ok(KeyOfAzure {
        login: key.login(&scope)?,
        account,
    })
}

/// Refuses where the account's other key is given out as another secret: it would be made anew under it. A hook names
/// secrets within a scope, so the one of that name in another scope is another secret, and somebody else's.
fn demand_alone(
    vault: &Vault,
    found: &[(Component, Hook)],
    (component, scope): (&Component, &Scope),
    full: &str,
    account: &AzureAccount,
) -> Result<(), Error> {
    for (other, hook) in found {
        for (name, kind) in &hook.rotate {
            let AccountHook::AzureKey(key) = kind else {
                continue;
            };
            let is_account = |scope: &Scope| {
                let one = key.account(hook, other, scope);
                one.is_ok_and(|one| one == *account)
            };
            let is_this = other == component && (full == name || full == format!("{scope}/{name}"));
            let mut same = (is_account(scope) && !is_this).then(|| name.clone());
            for elsewhere in vault.trust().accepted.access().scopes() {
                let elsewhere: Scope = elsewhere.parse()?;
                let there = format!("{elsewhere}/{name}");
                let is_other = elsewhere != *scope && !name.starts_with("shared/");
                if is_other && is_account(&elsewhere) && is_there(vault, &there)? {
                    same = Some(there);
                }
            }
            if let Some(name) = same {
                let why = format!(
                    "`{name}` is a key of {account} as well as `{full}`: one is made anew while the other \
                     one is in use, so an account has one secret"
                );
                return Err(HookError::in_hook(other, why).into());
            }
        }
    }
    Ok(())
}

fn is_there(vault: &Vault, path: &str) -> Result<bool, Error> {
    match vault.find_secret(&path.parse()?) {
        Ok(secret) => vault.is_live(&secret),
        Err(_) => Ok(false),
    }
}
