//! Running containers around a component: which one is its own and where it is reached, and commands in
//! another one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::asking::Asking;
use super::place;
use super::step::Surroundings;
use crate::channel::Source;
use crate::deploy::plan::{ADDRESS, ComponentPlan};
use crate::docker;
use crate::error::Error;
use crate::hook::ContainerHook;
use crate::secret::Plain;

/// The address of a container in the first of its networks; empty if it does not run.
pub(in crate::deploy) async fn address_of(
    engine: &docker::Engine,
    plan: &ComponentPlan,
    hook: &ContainerHook,
    names: &BTreeMap<String, String>,
    container: &str,
) -> Result<String, Error> {
    let seen = engine.look(container).await?;
    let addresses = seen.map(|seen| seen.addresses).unwrap_or_default();
    let first = match hook.networks.first() {
        Some(network) => addresses.get(&place::fill(plan, names, network)?),
        None => addresses.values().next(),
    };
    Ok(first.map(ToString::to_string).unwrap_or_default())
}

impl Surroundings<'_> {
    /// Runs a command in another container, if that runs: what does not run need not be told.
    pub(in crate::deploy) async fn inside(
        &self,
        container: &str,
        words: &[String],
        input: Option<Plain>,
        within: Duration,
    ) -> Result<(), Error> {
        let container = place::fill(self.plan, self.names, container)?;
        let engine = match self.engine {
            Some(engine) => engine,
            None => self.target.engine().await?,
        };
        let mut shown = self.shown();
        let found = engine.find(&container).await?;
        if found.is_none_or(|found| found.state != docker::State::Running) {
            let line = format!("{container} does not run and is not told\n");
            shown.push(Source::Out, line.as_bytes());
            shown.finish(false);
            return Ok(());
        }
        let ran = engine
            .exec_probe(&container, words, input.as_ref(), within)
            .await?;
        self.ended(words, &ran, shown)
    }
}

impl Asking<'_> {
    /// The plain names as the component's own container sees them.
    pub(in crate::deploy) fn names_inside(&self) -> BTreeMap<String, String> {
        let mut names = self.names.clone();
        names.insert("place".into(), place::IN_CONTAINER.into());
        names
    }

    /// The plain names, and the address of the container that runs, in its first network.
    pub(in crate::deploy) async fn names_with_address(
        &self,
        running: Option<&str>,
    ) -> Result<BTreeMap<String, String>, Error> {
        let mut names = self.names.clone();
        let hook = &self.plan.hook.hook;
        // The daemon is asked only where somebody wants to know.
        let wanted = hook.later_texts().any(|text| text.contains(ADDRESS));
        if let (Some(hook), Some(engine), true) = (&hook.container, self.engine, wanted) {
            let own = self.container();
            let running = running.unwrap_or(&own);
            // One that has ended has none; that it did not stay is what is said then.
            let address = address_of(engine, self.plan, hook, &names, running).await?;
            names.insert(ADDRESS.into(), address);
        }
        Ok(names)
    }

    /// The component's container, by its name or its id.
    pub(in crate::deploy) fn container(&self) -> String {
        let hook = self.plan.hook.hook.container.as_ref();
        let named = || hook.map(|hook| self.plan.container_name(hook));
        let running = self.running.map(str::to_owned);
        running.or_else(named).unwrap_or_default()
    }
}
