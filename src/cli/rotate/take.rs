//! Taking into use is a deploy of the components that are given what has changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::context::Context;
use crate::cli::deploy;
use crate::deploy::{Plan, Users, plan};
use crate::error::{Code, Error, Problem};
use crate::fleet::{Host, hosts};
use crate::name::{Component, Scope};
use crate::rotate::TakeIntoUse;
use crate::text::list;
use crate::vault::Vault;

pub(super) struct Deploys<'a> {
    pub(super) cx: &'a Context,
    pub(super) vault: &'a Vault,
}

impl TakeIntoUse for Deploys<'_> {
    fn take_into_use(&self, secrets: &[String]) -> Result<(), Error> {
        for mut plan in self.plans(secrets)? {
            deploy::bring(self.cx, self.vault, &mut plan)?
                .map_err(|code| not_in_use(code, secrets))?;
        }
        Ok(())
    }
}

impl Deploys<'_> {
    /// A deploy for each environment that one of the secrets is used in.
    pub(super) fn plans(&self, secrets: &[String]) -> Result<Vec<Plan>, Error> {
        let users = Users::of(self.vault)?;
        // No host is none to deploy to.
        let hosts = match hosts(self.vault, "*") {
            Err(error) if error.code() == Code::NotFound => Vec::new(),
            hosts => hosts?,
        };
        let mut scopes: BTreeMap<Scope, (Vec<Host>, BTreeSet<Component>)> = BTreeMap::new();
        for host in hosts {
            let used = secrets.iter().flat_map(|secret| users.on(secret, &host));
            let used: BTreeSet<Component> = used.cloned().collect();
            if !used.is_empty() {
                let (hosts, components) = scopes.entry(host.scope.clone()).or_default();
                components.extend(used);
                hosts.push(host);
            }
        }
        let plans = scopes.into_values().map(|(hosts, components)| {
            let components: Vec<Component> = components.into_iter().collect();
            plan(self.vault, hosts, &components)
        });
        plans.collect()
    }
}

/// What was printed with its row is not repeated.
fn not_in_use(code: Code, secrets: &[String]) -> Problem {
    let paths = secrets.join(" ");
    let not = "not everything that uses it runs with what is given out now";
    Problem::new(code, format!("{}: {not}", list(secrets)))
        .hint(format!(
            "`clws rotate --resume {paths}` once the reason is gone"
        ))
        .hint(format!(
            "`clws rotate --undo {paths}` leads back to the old value"
        ))
}
