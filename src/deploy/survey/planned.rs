//! What the hooks of a vault say about hosts, as far as they hold: a deploy refuses a hook that is not
//! what was signed, and whoever looks wants to see the rest all the same.

use std::collections::BTreeSet;

use super::Meant;
use crate::deploy::plan::drafting::Shared;
use crate::error::Error;
use crate::fleet::Host;
use crate::hook::{HookError, HookStatus, components, hook_status};
use crate::name::{Component, Scope};
use crate::vault::Vault;

/// Why a hook would not be deployed.
#[derive(Debug)]
pub struct Fault {
    /// The component.
    pub component: Component,
    /// What a deploy would say.
    pub error: Error,
}

/// What is meant to run where.
pub(super) struct Planned {
    /// Each host with its components.
    pub(super) hosts: Vec<(Host, Vec<(Component, Meant)>)>,
    /// A line for each hook and environment for which it does not hold.
    pub(super) faults: Vec<Fault>,
}

/// Plans each component on its own.
///
/// # Errors
/// [`crate::fs::FsError`].
pub(super) fn planned(vault: &Vault, hosts: Vec<Host>) -> Result<Planned, Error> {
    let all = components(vault.tree())?;
    let mut shared = Shared::new(vault);
    let mut faults = Faults::default();
    for component in &all {
        // What nobody signed may say that it runs elsewhere by now, and is not believed.
        if let Err(error) = demand_signed(vault, component) {
            faults.add(component, None, error);
        }
    }
    let mut planned = Vec::new();
    for host in hosts {
        let mut here = Vec::new();
        for component in &all {
            match shared.runs_here(component, &host) {
                Ok(false) => {}
                Ok(true) => {
                    let meant = meant(&mut shared, component, &host, &mut faults);
                    here.push((component.clone(), meant));
                }
                // Nobody knows where it is to run.
                Err(error) => faults.add(component, None, error),
            }
        }
        planned.push((host, here));
    }
    Ok(Planned {
        hosts: planned,
        faults: faults.found,
    })
}

/// Refuses a hook that is not what somebody signed, whoever it was.
fn demand_signed(vault: &Vault, component: &Component) -> Result<(), Error> {
    let HookStatus {
        seq, differences, ..
    } = hook_status(vault, component)?;
    let component = component.to_string();
    match (seq, differences.is_empty()) {
        (None, _) => Err(HookError::Unsigned(component).into()),
        (_, false) => Err(HookError::Changed {
            component,
            files: differences,
        }
        .into()),
        (_, true) => Ok(()),
    }
}

fn meant(
    shared: &mut Shared<'_>,
    component: &Component,
    host: &Host,
    faults: &mut Faults,
) -> Meant {
    if faults.has(component, None) || faults.has(component, Some(&host.scope)) {
        return Meant::Faulty;
    }
    match shared.at(component, host) {
        Ok(plan) => Meant::Runs(Box::new(plan)),
        Err(error) => {
            faults.add(component, Some(&host.scope), error);
            Meant::Faulty
        }
    }
}

/// What does not hold, each once however many hosts it is about.
#[derive(Default)]
struct Faults {
    known: BTreeSet<(Component, Option<Scope>)>,
    found: Vec<Fault>,
}

impl Faults {
    fn has(&self, component: &Component, scope: Option<&Scope>) -> bool {
        self.known.contains(&(component.clone(), scope.cloned()))
    }

    fn add(&mut self, component: &Component, scope: Option<&Scope>, error: Error) {
        if !self.known.insert((component.clone(), scope.cloned())) {
            return;
        }
        self.found.push(Fault {
            component: component.clone(),
            error,
        });
    }
}
