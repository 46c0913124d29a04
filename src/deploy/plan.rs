//! What a deploy will do, as plain data: which hosts, components, secrets by name and rev, in which
//! ways, which steps and probes. `--dry-run` prints it; nothing was opened for it, no host touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::hook::Hook;
use super::hook_error::HookError;
use super::inside::ADDRESS;
use super::outside::{Place, Reference, Version};
use super::receipt::Rollback;
use super::signature::{HookFiles, TrustedHook, components, trusted_hook};
use super::template;
use super::value_hook::Text;
use super::warning::warnings;
use crate::crypto::{List, sha256};
use crate::error::{Code, Error, Problem};
use crate::fleet::Host;
use crate::name::{Component, Scope, SecretName, SecretPath};
use crate::vault::{Notice, Vault};

/// Under which name texts know the host.
pub(super) const HOST: &str = "host.name";

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
    /// Every secret that it is given, as its hook writes it, with its full name and rev.
    pub secrets: BTreeMap<String, (SecretName, u64)>,
    /// Every value of a server that it is given, as its hook writes it.
    pub outside: BTreeMap<String, Reference>,
    /// The versions of what a server stores, as far as they are known; see [`Plan::learn`].
    pub versions: BTreeMap<Place, Version>,
    /// Those of all these that only its image is fetched with.
    pub for_the_pull: BTreeSet<String>,
    /// Those of which another rev changes nothing that runs.
    pub passing: BTreeSet<String>,
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
        plan.secrets.retain(|name, _| is_meant(name));
        plan.outside.retain(|name, _| is_meant(name));
        plan
    }

    /// The component.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.hook.component
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
        let given = self.secrets.iter();
        given
            .filter(|(name, _)| !self.passing.contains(*name))
            .map(|(_, (name, rev))| (name.to_string(), *rev))
            .collect()
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
            return Err(HookError::NotFound(component.to_string()).into());
        }
    }
    let mut left_out = BTreeSet::new();
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
            } else if !is_signed(vault, component) {
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
            return Err(HookError::Wrong {
                file: format!("hooks/{component}.toml"),
                why: "it runs on none of these hosts (`runs_on`)".into(),
            }
            .into());
        }
    }
    Ok(Plan {
        warnings: warnings(&plans),
        hosts: plans,
        left_out: left_out.collect(),
        notices,
    })
}

/// What is the same on all hosts, read and checked once.
pub(super) struct Shared<'a> {
    vault: &'a Vault,
    /// What the files say, whoever signed them.
    said: BTreeMap<Component, Hook>,
    /// What is signed for a scope, with its secrets.
    drafts: BTreeMap<(Scope, Component), Draft>,
    orders: BTreeMap<Scope, Vec<Component>>,
    notices: Vec<Notice>,
}

/// A component in a scope, before it is known on which host.
#[derive(Clone)]
struct Draft {
    hook: Arc<TrustedHook>,
    secrets: BTreeMap<String, (SecretName, u64)>,
    outside: BTreeMap<String, Reference>,
    for_the_pull: BTreeSet<String>,
    passing: BTreeSet<String>,
}

/// One component on one host.
///
/// # Errors
/// As for [`plan`].
pub(super) fn on_host(
    vault: &Vault,
    component: &Component,
    host: &Host,
) -> Result<ComponentPlan, Error> {
    Shared::new(vault).at(component, host)
}

impl<'a> Shared<'a> {
    pub(super) fn new(vault: &'a Vault) -> Self {
        Self {
            vault,
            said: BTreeMap::new(),
            drafts: BTreeMap::new(),
            orders: BTreeMap::new(),
            notices: Vec::new(),
        }
    }

    /// Whether the hook's file says that a component runs on a host, whoever signed it.
    pub(super) fn runs_here(&mut self, component: &Component, host: &Host) -> Result<bool, Error> {
        if !self.said.contains_key(component) {
            let files = super::signature::read_files(self.vault.tree(), component)?;
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
    pub(super) fn at(
        &mut self,
        component: &Component,
        host: &Host,
    ) -> Result<ComponentPlan, Error> {
        Ok(self.draft(component, &host.scope)?.at(host)?)
    }

    fn draft(&mut self, component: &Component, scope: &Scope) -> Result<Draft, Error> {
        let key = (scope.clone(), component.clone());
        if let Some(draft) = self.drafts.get(&key) {
            return Ok(draft.clone());
        }
        let hook = Arc::new(signed_hook(self.vault, component, scope)?);
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
            let full = resolve(self.vault, scope, &name)?;
            let (rev, notice) = self.vault.peek(&full)?;
            self.notices.extend(notice);
            secrets.insert(name, (full, rev));
        }
        let draft = Draft {
            hook,
            secrets,
            outside,
            for_the_pull,
            passing,
        };
        self.drafts.insert(key, draft.clone());
        Ok(draft)
    }

    /// The components of a scope, each after those that it waits for, on whichever host.
    fn in_order(&mut self, scope: &Scope, all: &[Component]) -> Result<Vec<Component>, HookError> {
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
            for_the_pull,
            passing,
            rollback: None,
        };
        plan.check_names()?;
        Ok(plan)
    }
}

/// Whether a hook is what somebody signed, whoever it was.
fn is_signed(vault: &Vault, component: &Component) -> bool {
    super::signature::hook_status(vault, component)
        .is_ok_and(|status| status.differences.is_empty() && !status.signers.is_empty())
}

fn signed_hook(vault: &Vault, component: &Component, scope: &Scope) -> Result<TrustedHook, Error> {
    trusted_hook(vault, component, scope.as_str(), |hook, files| {
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
        Ok(reaches)
    })
}

/// Whoever signs must be a deployer of what the hook has read at a server, by a rule as for a document.
fn nobodys(path: &str) -> Problem {
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
    read.map_err(|why| HookError::Wrong {
        file: format!("hooks/{component}.toml"),
        why,
    })
}

/// Every secret that a hook and its templates give to the component, as they write it.
pub(super) fn secrets_of(
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

/// The text of a template among a hook's files.
pub(super) fn template_text<'a>(
    component: &Component,
    files: &'a HookFiles,
    template: &str,
) -> Result<&'a str, HookError> {
    let path = format!("{component}/{template}");
    let wrong = |why: &str| HookError::Wrong {
        file: format!("hooks/{path}"),
        why: why.to_owned(),
    };
    let file = files
        .get(&path)
        .ok_or_else(|| wrong("there is no such template"))?;
    std::str::from_utf8(&file.bytes).map_err(|_| wrong("it is not UTF-8"))
}

/// A secret as a hook writes it, in the scope that is deployed; `shared/…` is written out.
pub(super) fn resolve(vault: &Vault, scope: &Scope, name: &str) -> Result<SecretName, Error> {
    let full = if name.starts_with("shared/") {
        name.to_owned()
    } else {
        format!("{scope}/{name}")
    };
    vault.find_secret(&full.parse::<SecretPath>()?)
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
}

impl Plan {
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
    fn check_names(&self) -> Result<(), HookError> {
        let known = self.known();
        let wrong = |file: String| move |why| HookError::Wrong { file, why };
        let hook = &self.hook.hook;
        for text in hook.texts() {
            template::fill(text, &known)
                .map_err(wrong(format!("hooks/{}.toml", self.component())))?;
        }
        let mut later = known.clone();
        if hook.container.is_some() {
            later.insert(ADDRESS.to_owned(), format!("{{{{ {ADDRESS} }}}}"));
        }
        for text in hook.later_texts() {
            template::fill(text, &later)
                .map_err(wrong(format!("hooks/{}.toml", self.component())))?;
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
            template::check(text, &known)
                .map_err(wrong(format!("hooks/{}/{template}", self.component())))?;
        }
        Ok(())
    }
}
