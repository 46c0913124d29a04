//! What in a plan should not surprise anybody: values that others can see, and checks that see none.

use super::{ComponentPlan, HostPlan};
use crate::hook::{Question, Where};

/// A sentence for each, said once on however many hosts.
pub(in crate::deploy) fn warnings(plans: &[HostPlan]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in plans
        .iter()
        .flat_map(|host| &host.components)
        .flat_map(ComponentPlan::warnings)
    {
        if !all.contains(&line) {
            all.push(line);
        }
    }
    all
}

impl ComponentPlan {
    /// What of it others can see, and what it cannot see itself.
    fn warnings(&self) -> Vec<String> {
        let hook = &self.hook.hook;
        let component = self.component();
        let mut warnings = Vec::new();
        for (name, _) in hook.env.iter().filter(|(_, value)| value.is_visible()) {
            warnings.push(format!(
                "{component}: `{name}` is visible: `docker inspect` shows it, and Docker keeps it on \
                 the host's disk, also when the container is gone"
            ));
        }
        for shown in hook.shown_arguments() {
            warnings.push(format!(
                "{component}: `{}` gets `{}` as an argument, which `ps` shows",
                shown.option, shown.variable
            ));
        }
        let hidden = hook.env.values().any(|value| !value.is_visible());
        for probe in &hook.probe {
            if let Some(Question::Run(run)) = probe.question()
                && hidden
                && probe.place == Where::Container
                && probe.needs.is_empty()
            {
                warnings.push(format!(
                    "{component}: the probe `{}` runs without the variables of [env], which \
                     `docker exec` does not see; `needs` gives it those that it names",
                    run.join(" ")
                ));
            }
        }
        warnings
    }
}
