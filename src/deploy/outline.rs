//! A plan in words: a line for each component, and below it each value that it is given, and the way.

use super::hook::EnvValue;
use super::inside::ADDRESS;
use super::plan::{ComponentPlan, Plan, template_text};
use super::template;

impl Plan {
    /// The plan for people, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for host in &self.hosts {
            for plan in &host.components {
                let hook = &plan.hook.hook;
                let known = plan.known();
                let fill = |text: &String| template::fill(text, &known).unwrap_or_default();
                let what = match (&hook.container, &hook.process) {
                    (Some(container), _) => format!("container {}", fill(&container.image)),
                    (_, Some(process)) => {
                        let words: Vec<String> = process.command.iter().map(fill).collect();
                        format!("process {}", words.join(" "))
                    }
                    _ => "files and steps".to_owned(),
                };
                let signers = crate::text::list(&plan.hook.signers);
                lines.push(format!(
                    "{} on {}: {what} (hook {}, signed by {signers})",
                    plan.component(),
                    host.host.name,
                    plan.hook.seq,
                ));
                lines.extend(plan.ways().into_iter().map(|way| format!("    {way}")));
            }
        }
        lines
    }
}

impl ComponentPlan {
    /// Each value that it is given, and the way.
    fn ways(&self) -> Vec<String> {
        let mut known = self.known();
        known.insert(ADDRESS.to_owned(), format!("{{{{ {ADDRESS} }}}}"));
        let filled = |words: &[String]| {
            let words = words.iter().map(|word| template::fill(word, &known));
            let words: Vec<String> = words.map(Result::unwrap_or_default).collect();
            words.join(" ")
        };
        let hook = &self.hook.hook;
        let shown = |name: &str| match self.secrets.get(name) {
            Some((full, rev)) => format!("{full} rev {rev}"),
            None => name.to_owned(),
        };
        let mut ways = Vec::new();
        for (name, value) in &hook.env {
            if let EnvValue::Secret(secret) = value {
                let way = if secret.visible {
                    "in the container's configuration, visible"
                } else {
                    "environment through a file"
                };
                ways.push(format!("{name} = {}, {way}", shown(&secret.secret)));
            }
        }
        for name in &self.for_the_pull {
            ways.push(format!("{}, for pulling the image alone", shown(name)));
        }
        for (path, file) in &hook.file {
            let mode = file.mode.as_deref().unwrap_or("0600");
            match (&file.secret, &file.template) {
                (Some(secret), _) => ways.push(format!("{path} ({mode}) = {}", shown(secret))),
                (_, Some(template)) => {
                    let text = template_text(self.component(), &self.hook.files, template);
                    let names = text.ok().and_then(|text| template::secrets_in(text).ok());
                    let names: Vec<String> =
                        names.unwrap_or_default().into_iter().map(shown).collect();
                    let from = if names.is_empty() {
                        String::new()
                    } else {
                        format!(" with {}", names.join(", "))
                    };
                    ways.push(format!("{path} ({mode}) from {template}{from}"));
                }
                _ => {}
            }
        }
        for step in &hook.before {
            ways.push(format!("before: {}", filled(&step.run)));
        }
        for probe in &hook.probe {
            let with: Vec<String> = probe.secrets().map(shown).collect();
            let with = if with.is_empty() {
                String::new()
            } else {
                format!(" with {}", with.join(", "))
            };
            ways.push(format!("probe: {}{with}", filled(&probe.words())));
        }
        if let Some(check) = hook.container.as_ref().map(|c| &c.healthcheck)
            && !check.off
            && let Some(command) = &check.command
        {
            ways.push(format!("health check: {}", filled(command)));
        }
        for step in &hook.switch {
            let inside = step.inside.as_ref();
            let inside = inside.map(|name| format!(" inside {name}"));
            let inside = inside.unwrap_or_default();
            ways.push(format!("switch{inside}: {}", filled(&step.run)));
        }
        for step in &hook.afterwards {
            ways.push(format!("afterwards: {}", filled(&step.run)));
        }
        ways
    }
}
