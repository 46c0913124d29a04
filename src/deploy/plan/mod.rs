//! What a deploy will do, as plain data: which hosts, components, secrets by name and rev, in which
//! ways, which steps and probes. `--dry-run` prints it; nothing was opened for it, no host touched.

pub(super) mod drafting;
pub(super) mod graph;
mod outline;
pub(super) mod outside;
pub(super) mod refused;
pub(super) mod users;
mod warning;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::drafting::{Shared, is_signed};
use self::outside::Version;
use self::warning::warnings;
use super::receipt::Rollback;
use crate::crypto::{List, sha256};
use crate::error::Error;
use crate::fleet::Host;
use crate::hook::{
    ContainerHook, HookError, Place, Reference, Text, TrustedHook, components, template,
    template_text,
};
use crate::name::{Component, SecretName};
use crate::vault::{Issue, Notice, Vault};

/// Under which name texts know the host.
pub(super) const HOST: &str = "host.name";

/// Under which name texts know where the component's container is reached from the target.
pub(super) const ADDRESS: &str = "container.address";

/// A whole deploy.
///
/// Which component waits for which follows from `after` in the hooks, on all hosts of one scope
/// together; see `graph.rs`.
#[derive(Debug)]
pub struct Plan {
    /// What runs where.
    pub hosts: Vec<HostPlan>,
    /// What should not surprise anybody, a sentence each.
    pub warnings: Vec<String>,
    /// Components that drop out by a word that nobody signed, a sentence each.
    pub left_out: Vec<String>,
    /// What somebody should know before.
    pub notices: Vec<Notice>,
}

/// One host's part.
#[derive(Debug)]
pub struct HostPlan {
    /// The host.
    pub host: Host,
    /// Its components, each after those of them that it waits for.
    pub components: Vec<ComponentPlan>,
}

/// One component on one host.
#[derive(Clone, Debug)]
pub struct ComponentPlan {
    /// The signed hook, one for all hosts of a scope.
    pub hook: Arc<TrustedHook>,
    /// Plain names for templates: settings, host, scope.
    pub names: BTreeMap<String, String>,
    /// The settings alone, for the receipt.
    pub settings: BTreeMap<String, String>,
    /// Every secret that it is given, as its hook writes it, with its full name and which value it is.
    pub secrets: Arc<BTreeMap<String, (SecretName, Issue)>>,
    /// Every value of a server that it is given, as its hook writes it.
    pub outside: Arc<BTreeMap<String, Reference>>,
    /// The versions of what a server stores, as far as they are known; see [`Plan::learn`].
    pub versions: BTreeMap<Place, Version>,
    /// Where a server has no value, as far as that is known to who only looks.
    pub gone: BTreeSet<Place>,
    /// Those of all these that only its image is fetched with.
    pub for_the_pull: Arc<BTreeSet<String>>,
    /// Those of which another rev changes nothing that runs.
    pub passing: Arc<BTreeSet<String>>,
    /// What of it is older than seen, and is brought all the same.
    pub rollback: Option<Rollback>,
}

/// What secrets are opened for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// Fetching the image.
    Pull,
    /// The component, its steps and its probes.
    Run,
}

impl ComponentPlan {
    /// The same plan with the secrets of one purpose alone.
    pub(super) fn with_secrets(&self, purpose: Purpose) -> Self {
        let mut plan = self.clone();
        let pull: BTreeSet<String> = self.hook.hook.pull_secrets().collect();
        let is_meant = |name: &String| match purpose {
            Purpose::Pull => pull.contains(name),
            Purpose::Run => !self.for_the_pull.contains(name),
        };
        Arc::make_mut(&mut plan.secrets).retain(|name, _| is_meant(name));
        Arc::make_mut(&mut plan.outside).retain(|name, _| is_meant(name));
        plan
    }

    /// The component.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.hook.component
    }

    /// What its container is called on the target.
    pub(super) fn container_name(&self, hook: &ContainerHook) -> String {
        let component = || self.component().to_string();
        hook.name.clone().unwrap_or_else(component)
    }

    /// Whether a secret may be older than the target has it.
    pub(super) fn allows_older(&self, secret: &str) -> bool {
        let allowed = self.rollback.iter().flat_map(|rollback| &rollback.older);
        allowed.into_iter().any(|older| older == secret)
    }

    /// A sum over all that says what is to be brought and where: names, revs, settings, the hook. Two
    /// plans of one sum do the same.
    #[must_use]
    pub fn sum(&self, host: &Host) -> [u8; 32] {
        let mut list = List::new("clws.v1.deployed")
            .text(host.name.as_str())
            .text(&format!("{:?}", host.reach))
            .text(self.component().as_str())
            .number(self.hook.seq)
            .bytes(&self.hook.hash);
        for (name, value) in &self.settings {
            list = list.text(name).text(value);
        }
        for (name, given) in self.given() {
            list = list.text(&name).number(given.rev);
            if let Some(made) = given.made {
                list = list.text(&made);
            }
        }
        sha256(&list.encode())
    }

    /// The secrets of the vault that it runs with, by full name, with their revs.
    pub fn revs(&self) -> BTreeMap<String, u64> {
        self.lasting()
            .map(|(name, issue)| (name.to_string(), issue.rev))
            .collect()
    }

    /// The secrets of the vault that it runs with.
    pub(super) fn lasting(&self) -> impl Iterator<Item = &(SecretName, Issue)> {
        let given = self.secrets.iter();
        given
            .filter(|(name, _)| !self.passing.contains(*name))
            .map(|(_, secret)| secret)
    }
}

/// Plans a deploy of `wanted` components (all that run there, without) on `hosts`.
///
/// # Errors
/// [`HookError`], [`crate::vault::VaultError`], [`crate::trust::TrustError`]: whatever is missing,
/// unsigned or older than seen stops it before any host is touched.
pub fn plan(vault: &Vault, hosts: Vec<Host>, wanted: &[Component]) -> Result<Plan, Error> {
    vault.trust().demand_clean(vault.tree())?;
    let all = components(vault.tree())?;
    for component in wanted {
        if !all.contains(component) {
            return Err(HookError::missing(component, &all).into());
        }
    }
    let mut left_out = BTreeSet::new();
    // Whether somebody signed it is the same for all hosts, and a signature is dear.
    let mut signed: BTreeMap<&Component, bool> = BTreeMap::new();
    let mut drafts: Vec<(Host, BTreeSet<Component>)> = Vec::new();
    let mut shared = Shared::new(vault);
    for host in hosts {
        let mut here = BTreeSet::new();
        for component in &all {
            // A look at the unsigned file says only whether it runs here; nothing is done with it.
            let named = wanted.is_empty() || wanted.contains(component);
            if !named {
                continue;
            }
            if shared.runs_here(component, &host)? {
                shared.draft(component, &host.scope)?;
                here.insert(component.clone());
            } else if !*signed
                .entry(component)
                .or_insert_with(|| is_signed(vault, component))
            {
                if wanted.contains(component) {
                    shared.draft(component, &host.scope)?;
                }
                left_out.insert(component);
            }
        }
        if !here.is_empty() {
            drafts.push((host, here));
        }
    }
    let mut plans = Vec::new();
    for (host, here) in drafts {
        let mut components = Vec::new();
        for component in shared.in_order(&host.scope, &all)? {
            if here.contains(&component) {
                components.push(shared.at(&component, &host)?);
            }
        }
        demand_names(&host, &components)?;
        plans.push(HostPlan { host, components });
    }
    let notices = shared.notices;
    // It may be signed that it runs here, and unsigned that it does not.
    let left_out = left_out.into_iter().map(|component| {
        format!(
            "`{component}` is left out: its hook, which nobody signed so, says it does not run here"
        )
    });
    for component in wanted {
        let runs = |plan: &HostPlan| plan.components.iter().any(|c| c.component() == component);
        if !plans.iter().any(runs) {
            let why = "it runs on none of these hosts (`runs_on`)";
            return Err(HookError::in_hook(component, why).into());
        }
    }
    Ok(Plan {
        warnings: warnings(&plans),
        hosts: plans,
        left_out: left_out.collect(),
        notices,
    })
}

/// Refuses two containers of one name on a host: each deploy of one would stop the other.
fn demand_names(host: &Host, components: &[ComponentPlan]) -> Result<(), HookError> {
    let mut names: BTreeMap<String, &Component> = BTreeMap::new();
    for plan in components {
        let Some(container) = &plan.hook.hook.container else {
            continue;
        };
        let name = plan.container_name(container);
        if let Some(other) = names.get(&name) {
            let why = format!(
                "the container of `{other}`, which runs on {} too, has the name `{name}`",
                host.name
            );
            return Err(HookError::in_hook(plan.component(), why));
        }
        names.insert(name, plan.component());
    }
    Ok(())
}

impl Plan {
    /// Lets `older` secrets and documents pass, for a reason that the receipts keep.
    pub fn allow_older(&mut self, older: &BTreeMap<String, String>, reason: &str) {
        for plan in self.hosts.iter_mut().flat_map(|host| &mut host.components) {
            let mut given = BTreeSet::new();
            for (name, _) in plan.secrets.values() {
                let document = match name {
                    SecretName::Value(document, _) => Some(document.to_string()),
                    SecretName::File(_) => None,
                };
                let names = [Some(name.to_string()), document].into_iter().flatten();
                given.extend(names.filter(|name| older.contains_key(name)));
            }
            plan.rollback = (!given.is_empty()).then(|| Rollback {
                reason: reason.to_owned(),
                older: given.into_iter().collect(),
            });
        }
    }

    /// The values of a server that its components are given.
    #[must_use]
    pub fn outside(&self) -> BTreeSet<Reference> {
        let all = self.hosts.iter().flat_map(|host| &host.components);
        all.flat_map(|plan| plan.outside.values().cloned())
            .collect()
    }

    /// Takes in which versions a server has.
    pub fn learn(&mut self, versions: &BTreeMap<Place, Version>) {
        for plan in self.hosts.iter_mut().flat_map(|host| &mut host.components) {
            plan.learn(versions);
        }
    }
}

impl ComponentPlan {
    /// What names stand for, as far as it is known before the target is.
    pub(super) fn known(&self) -> BTreeMap<String, String> {
        let mut known = self.names.clone();
        for later in ["place", "run"] {
            known.insert(later.to_owned(), format!("{{{{ {later} }}}}"));
        }
        known
    }

    /// Every name that the hook and its templates fill in leads somewhere: what is missing is found
    /// before any host is touched.
    pub(super) fn check_names(&self) -> Result<(), HookError> {
        let known = self.known();
        let wrong = |why| HookError::in_hook(self.component(), why);
        let hook = &self.hook.hook;
        for text in hook.texts() {
            template::fill(text, &known).map_err(wrong)?;
        }
        let mut later = known.clone();
        if hook.container.is_some() {
            later.insert(ADDRESS.to_owned(), format!("{{{{ {ADDRESS} }}}}"));
        }
        for text in hook.later_texts() {
            template::fill(text, &later).map_err(wrong)?;
        }
        for probe in &hook.probe {
            if let Some(Text::Plain(ca)) = &probe.ca {
                template_text(self.component(), &self.hook.files, ca)?;
            }
        }
        for template in hook
            .file
            .values()
            .filter_map(|file| file.template.as_deref())
        {
            let text = template_text(self.component(), &self.hook.files, template)?;
            template::check(text, &known).map_err(|why| HookError::Wrong {
                file: format!("hooks/{}/{template}", self.component()),
                why,
            })?;
        }
        Ok(())
    }
}
