//! From signed hooks to the plan for a component on a host: what counts, which secrets it is given, in which
//! order components come.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{ComponentPlan, HOST};
use crate::error::{Code, Error, Problem};
use crate::fleet::Host;
use crate::hook::{
    AccountHook, Hook, HookError, HookFiles, Reference, SignedHook, TrustedHook, hook_status,
    read_files, template, template_text,
};
use crate::name::{Component, Scope, SecretName, SecretPath};
use crate::text::clean_line;
use crate::vault::{Issue, Notice, Vault};

/// What is the same on all hosts, read and checked once.
pub(in crate::deploy) struct Shared<'a> {
    vault: &'a Vault,
    /// What the files say, whoever signed them.
    said: BTreeMap<Component, Hook>,
    /// What somebody signed.
    signed: BTreeMap<Component, SignedHook>,
    /// Which secret a full name is, and which value it has.
    named: BTreeMap<String, (SecretName, Issue)>,
    /// What is signed for a scope, with its secrets.
    drafts: BTreeMap<(Scope, Component), Draft>,
    orders: BTreeMap<Scope, Vec<Component>>,
    pub(in crate::deploy) notices: Vec<Notice>,
}

/// A component in a scope, before it is known on which host.
#[derive(Clone)]
pub(in crate::deploy) struct Draft {
    hook: Arc<TrustedHook>,
    secrets: Arc<BTreeMap<String, (SecretName, Issue)>>,
    outside: Arc<BTreeMap<String, Reference>>,
    for_the_pull: Arc<BTreeSet<String>>,
    passing: Arc<BTreeSet<String>>,
}

/// One component on one host.
///
/// # Errors
/// As for [`super()`].
pub(in crate::deploy) fn on_host(
    vault: &Vault,
    component: &Component,
    host: &Host,
) -> Result<ComponentPlan, Error> {
    Shared::new(vault).at(component, host)
}

impl<'a> Shared<'a> {
    pub(in crate::deploy) fn new(vault: &'a Vault) -> Self {
        Self {
            vault,
            said: BTreeMap::new(),
            signed: BTreeMap::new(),
            named: BTreeMap::new(),
            drafts: BTreeMap::new(),
            orders: BTreeMap::new(),
            notices: Vec::new(),
        }
    }

    /// Whether the hook's file says that a component runs on a host, whoever signed it.
    pub(in crate::deploy) fn runs_here(
        &mut self,
        component: &Component,
        host: &Host,
    ) -> Result<bool, Error> {
        if !self.said.contains_key(component) {
            let files = read_files(self.vault.tree(), component)?;
            let own = files
                .get(&format!("{component}.toml"))
                .map(|file| file.bytes.as_slice());
            let hook = Hook::parse(component, own.unwrap_or_default())?;
            self.said.insert(component.clone(), hook);
        }
        let hook = self.said.get(component);
        let machine_type = hook.and_then(|hook| hook.machine_type(&host.scope));
        Ok(machine_type == Some(host.machine_type.as_str()))
    }

    /// What is signed for a component, on one host.
    pub(in crate::deploy) fn at(
        &mut self,
        component: &Component,
        host: &Host,
    ) -> Result<ComponentPlan, Error> {
        Ok(self.draft(component, &host.scope)?.at(host)?)
    }

    pub(in crate::deploy) fn draft(
        &mut self,
        component: &Component,
        scope: &Scope,
    ) -> Result<Draft, Error> {
        let key = (scope.clone(), component.clone());
        if let Some(draft) = self.drafts.get(&key) {
            return Ok(draft.clone());
        }
        let signed = match self.signed.entry(component.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(SignedHook::read(self.vault, component)?),
        };
        let hook = Arc::new(trusted(self.vault, signed, component, scope)?);
        let (mut secrets, mut outside) = (BTreeMap::new(), BTreeMap::new());
        let given = secrets_of(component, &hook.hook, &hook.files)?;
        let mut for_the_pull: BTreeSet<String> = hook.hook.pull_secrets().collect();
        for_the_pull.retain(|name| !given.contains(name));
        let mut passing = passing_secrets(component, &hook.hook, &hook.files)?;
        passing.extend(for_the_pull.iter().cloned());
        for name in given.into_iter().chain(for_the_pull.clone()) {
            if let Some(reference) = reference_of(component, &hook.hook, scope, &name)? {
                outside.insert(name, reference);
                continue;
            }
            let named = |error: Error| -> Error {
                let note =
                    format!("the hook of `{component}` names it, and is to run in `{scope}`");
                Problem::of(&error).note(note).into()
            };
            let secret = self.named(scope, &name).map_err(named)?;
            secrets.insert(name, secret);
        }
        let draft = Draft {
            hook,
            secrets: Arc::new(secrets),
            outside: Arc::new(outside),
            for_the_pull: Arc::new(for_the_pull),
            passing: Arc::new(passing),
        };
        self.drafts.insert(key, draft.clone());
        Ok(draft)
    }

    /// The secret that a hook names, looked up once for all components.
    fn named(&mut self, scope: &Scope, name: &str) -> Result<(SecretName, Issue), Error> {
        match self.named.entry(full_name(scope, name)) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(new) => {
                let secret = resolve(self.vault, scope, name)?;
                let (issue, notice) = self.vault.peek(&secret)?;
                self.notices.extend(notice);
                Ok(new.insert((secret, issue)).clone())
            }
        }
    }

    /// The components of a scope, each after those that it waits for, on whichever host.
    pub(in crate::deploy) fn in_order(
        &mut self,
        scope: &Scope,
        all: &[Component],
    ) -> Result<Vec<Component>, HookError> {
        if let Some(order) = self.orders.get(scope) {
            return Ok(order.clone());
        }
        let drafts = self.drafts.iter().filter(|((of, _), _)| of == scope);
        let hooks = drafts.map(|((_, component), draft)| (component, draft.hook.as_ref()));
        let order = in_order(&hooks.collect(), all)?;
        self.orders.insert(scope.clone(), order.clone());
        Ok(order)
    }
}

impl Draft {
    /// The component on one host.
    fn at(self, host: &Host) -> Result<ComponentPlan, HookError> {
        let Self {
            hook,
            secrets,
            outside,
            for_the_pull,
            passing,
        } = self;
        let settings = hook.hook.settings_for(&host.scope, &host.name);
        let mut names: BTreeMap<String, String> = settings
            .iter()
            .map(|(key, value)| (format!("settings.{key}"), value.clone()))
            .collect();
        names.insert("scope".into(), host.scope.to_string());
        names.insert("component".into(), hook.component.to_string());
        names.insert(HOST.into(), host.name.to_string());
        names.insert("host.machine_type".into(), host.machine_type.clone());
        let plan = ComponentPlan {
            hook,
            names,
            settings,
            secrets,
            outside,
            versions: BTreeMap::new(),
            gone: BTreeSet::new(),
            for_the_pull,
            passing,
            rollback: None,
        };
        plan.check_names()?;
        Ok(plan)
    }
}

/// Whether a hook is what somebody signed, whoever it was.
pub(in crate::deploy) fn is_signed(vault: &Vault, component: &Component) -> bool {
    hook_status(vault, component)
        .is_ok_and(|status| status.differences.is_empty() && !status.signers.is_empty())
}

/// A signed hook, if a signer may deploy all that it has brought in a scope.
fn trusted(
    vault: &Vault,
    signed: &SignedHook,
    component: &Component,
    scope: &Scope,
) -> Result<TrustedHook, Error> {
    signed.in_scope(vault, scope.as_str(), |hook, files| {
        let mut reaches = vec![scope.to_string()];
        let given = secrets_of(component, hook, files)?;
        let rotated = hook.rotated_secrets().map(str::to_owned);
        for name in given.into_iter().chain(hook.pull_secrets()).chain(rotated) {
            reaches.push(match reference_of(component, hook, scope, &name)? {
                Some(reference) => {
                    let path = reference.place.path();
                    vault.rights(path).map_err(|_| nobodys(path))?;
                    path.to_owned()
                }
                None => resolve(vault, scope, &name)?.ruled_path().to_owned(),
            });
        }
        for path in hook.rotate.values().filter_map(AccountHook::issued_at) {
            vault.rights(&path).map_err(|_| nobodys(&path))?;
            reaches.push(path);
        }
        Ok(reaches)
    })
}

/// Whoever signs must be a deployer of what the hook has read at a server, by a rule as for a document.
fn nobodys(path: &str) -> Problem {
    let path = clean_line(path);
    let what = format!("no rule says who may have `{path}` of the server deployed");
    Problem::new(Code::Trust, what).hint(format!(
        "an administrator runs `clws access grant NAME {path} --read --deploy`"
    ))
}

/// What a name means at a server, with the settings of an environment filled in; none for a secret of the vault.
fn reference_of(
    component: &Component,
    hook: &Hook,
    scope: &Scope,
    name: &str,
) -> Result<Option<Reference>, HookError> {
    if Reference::parse(name).is_none() {
        return Ok(None);
    }
    let settings = hook.settings_in(scope).into_iter();
    let mut names: BTreeMap<String, String> = settings
        .map(|(key, value)| (format!("settings.{key}"), value))
        .collect();
    names.insert("scope".into(), scope.to_string());
    names.insert("component".into(), component.to_string());
    let filled = template::fill(name, &names);
    let read = filled.and_then(|filled| Reference::parse(&filled).transpose());
    read.map_err(|why| HookError::in_hook(component, why))
}

/// Every secret that a hook and its templates give to the component, as they write it.
pub(in crate::deploy) fn secrets_of(
    component: &Component,
    hook: &Hook,
    files: &HookFiles,
) -> Result<BTreeSet<String>, Error> {
    let mut names: BTreeSet<String> = hook
        .direct_secrets()
        .into_iter()
        .map(str::to_owned)
        .collect();
    for file in hook.file.values() {
        if let Some(template) = &file.template {
            let text = template_text(component, files, template)?;
            let found = template::secrets_in(text).map_err(|why| HookError::Wrong {
                file: format!("hooks/{component}/{template}"),
                why,
            })?;
            names.extend(found.into_iter().map(str::to_owned));
        }
    }
    Ok(names)
}

/// Those of them of which another value replaces nothing that runs.
fn passing_secrets(
    component: &Component,
    hook: &Hook,
    files: &HookFiles,
) -> Result<BTreeSet<String>, Error> {
    let mut passing = hook.passing_secrets();
    passing.extend(hook.passing_leases());
    let templates = hook.file.values().filter_map(|file| file.template.as_ref());
    for template in templates {
        // It read a moment ago.
        let text = template_text(component, files, template)?;
        for name in template::secrets_in(text).unwrap_or_default() {
            passing.remove(name);
        }
    }
    Ok(passing.into_iter().map(str::to_owned).collect())
}

/// A secret as a hook writes it, in the scope that is deployed.
pub(in crate::deploy) fn resolve(
    vault: &Vault,
    scope: &Scope,
    name: &str,
) -> Result<SecretName, Error> {
    vault.find_secret(&full_name(scope, name).parse::<SecretPath>()?)
}

/// The whole of a name that a hook writes without its scope; `shared/…` is written out.
fn full_name(scope: &Scope, name: &str) -> String {
    match name.starts_with("shared/") {
        true => name.to_owned(),
        false => format!("{scope}/{name}"),
    }
}

/// The components so that each comes after those that it waits for, as far as those are here.
fn in_order(
    hooks: &BTreeMap<&Component, &TrustedHook>,
    all: &[Component],
) -> Result<Vec<Component>, HookError> {
    let mut waits: BTreeMap<&Component, BTreeSet<&str>> = BTreeMap::new();
    for (&component, hook) in hooks {
        for after in &hook.hook.after {
            if !all.iter().any(|other| other.as_str() == after) {
                let (component, after) = (component.to_string(), after.clone());
                return Err(HookError::AfterNothing { component, after });
            }
        }
        let here = |after: &&String| hooks.keys().any(|other| other.as_str() == after.as_str());
        waits.insert(
            component,
            hook.hook
                .after
                .iter()
                .filter(here)
                .map(String::as_str)
                .collect(),
        );
    }
    let mut order: Vec<Component> = Vec::new();
    while !waits.is_empty() {
        let ready: Vec<&Component> = waits
            .iter()
            .filter(|(_, after)| after.is_empty())
            .map(|(name, _)| *name)
            .collect();
        if ready.is_empty() {
            return Err(HookError::Circle(
                waits.keys().map(ToString::to_string).collect(),
            ));
        }
        for name in ready {
            waits.remove(name);
            for after in waits.values_mut() {
                after.remove(name.as_str());
            }
            order.push(name.clone());
        }
    }
    Ok(order)
}
