//! A plan in words: a line for each component, and below it each value that it is given, and the way.
//! Hosts on which all of it is the same share the lines.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::{ADDRESS, ComponentPlan, HOST, Plan};
use crate::fleet::Host;
use crate::hook::{EnvValue, Reference, template, template_text};
use crate::name::Component;
use crate::text::ranges;

impl Plan {
    /// The plan for people, a line each. What is the same on several hosts is said once.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut known = HashMap::new();
        for (host, plan) in self.all() {
            let mut names = plan.known();
            if self.hosts.len() > 1 {
                // It would make each host a case of its own.
                names.insert(HOST.to_owned(), format!("{{{{ {HOST} }}}}"));
            }
            let (what, ways) = (plan.what(&names), plan.ways(&names));
            let key = (plan.component().clone(), what, ways);
            let at = *known.entry(key.clone()).or_insert(blocks.len());
            if at == blocks.len() {
                let (component, what, ways) = key;
                blocks.push(Block {
                    component,
                    what,
                    ways,
                    hosts: Vec::new(),
                });
            }
            if let Some(block) = blocks.get_mut(at) {
                block.hosts.push(host.name.as_str());
            }
        }
        blocks.iter().flat_map(Block::lines).collect()
    }

    /// The plan for scripts, each component on each host.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rows = self.all().map(|(host, plan)| {
            let secrets = plan.secrets.values();
            let secrets: BTreeMap<String, u64> = secrets
                .map(|(name, issue)| (name.to_string(), issue.rev))
                .collect();
            json!({
                "host": host.name.as_str(),
                "component": plan.component().as_str(),
                "what": plan.started(&plan.known()),
                "hook": plan.hook.seq,
                "signers": plan.hook.signers.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "secrets": secrets,
                "server": plan.server_json(),
                "ways": plan.ways(&plan.known()),
            })
        });
        json!({ "plan": rows.collect::<Vec<_>>() })
    }

    fn all(&self) -> impl Iterator<Item = (&Host, &ComponentPlan)> {
        let hosts = self.hosts.iter();
        hosts.flat_map(|host| host.components.iter().map(|plan| (&host.host, plan)))
    }
}

/// A component, and the hosts on which all of this is the same.
struct Block<'p> {
    component: Component,
    what: String,
    ways: Vec<String>,
    hosts: Vec<&'p str>,
}

impl Block<'_> {
    fn lines(&self) -> Vec<String> {
        let hosts = match self.hosts.as_slice() {
            [one] => (*one).to_owned(),
            many => format!("{} hosts, {}", many.len(), ranges(many)),
        };
        let head = format!("{} on {hosts}: {}", self.component, self.what);
        let ways = self.ways.iter().map(|way| format!("    {way}"));
        std::iter::once(head).chain(ways).collect()
    }
}

impl ComponentPlan {
    /// What a server gives it: the version of what is stored, as far as it is known; nothing for what is made.
    fn server_json(&self) -> BTreeMap<String, Value> {
        let all = self.outside.values().map(|reference| {
            let version = self.versions.get(&reference.place);
            let version = version.map(|version| version.number);
            let is_lease = reference.place.is_lease();
            let seen = json!({ "version": version, "lease": is_lease });
            (
                format!("{}#{}", reference.place.path(), reference.field),
                seen,
            )
        });
        all.collect()
    }

    /// What is started, and by whose word.
    fn what(&self, known: &BTreeMap<String, String>) -> String {
        let signers = crate::text::list(&self.hook.signers);
        let (started, number) = (self.started(known), self.hook.seq);
        format!("{started} (hook {number}, signed by {signers})")
    }

    /// What is started.
    fn started(&self, known: &BTreeMap<String, String>) -> String {
        let hook = &self.hook.hook;
        let fill = |text: &String| template::fill(text, known).unwrap_or_default();
        match (&hook.container, &hook.process) {
            (Some(container), _) => format!("container {}", fill(&container.image)),
            (_, Some(process)) => {
                let words: Vec<String> = process.command.iter().map(fill).collect();
                format!("process {}", words.join(" "))
            }
            _ => "files and steps".to_owned(),
        }
    }

    /// A value of the server, for people.
    fn shown(&self, reference: &Reference) -> String {
        let (path, field) = (reference.place.path(), &reference.field);
        match self.versions.get(&reference.place) {
            _ if reference.place.is_lease() => format!("{path}#{field} made by the server"),
            Some(version) => format!("{path}#{field} of the server, version {}", version.number),
            None => format!("{path}#{field} of the server"),
        }
    }

    /// Each value that it is given, and the way.
    fn ways(&self, known: &BTreeMap<String, String>) -> Vec<String> {
        let mut known = known.clone();
        known.insert(ADDRESS.to_owned(), format!("{{{{ {ADDRESS} }}}}"));
        let filled = |words: &[String]| {
            let words = words.iter().map(|word| template::fill(word, &known));
            let words: Vec<String> = words.map(Result::unwrap_or_default).collect();
            words.join(" ")
        };
        let hook = &self.hook.hook;
        let shown = |name: &str| match (self.secrets.get(name), self.outside.get(name)) {
            (Some((full, issue)), _) => format!("{full} rev {}", issue.rev),
            (None, Some(reference)) => self.shown(reference),
            (None, None) => name.to_owned(),
        };
        let mut ways = Vec::new();
        for (name, value) in &hook.env {
            if let EnvValue::Secret(secret) = value {
                let way = if secret.visible {
                    "in the container's configuration, visible"
                } else if secret.initial {
                    "environment through a file, for its first start alone"
                } else {
                    "environment through a file"
                };
                ways.push(format!("{name} = {}, {way}", shown(&secret.secret)));
            }
        }
        for name in self.for_the_pull.iter() {
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
            let when = if probe.on_call { "on call" } else { "probe" };
            ways.push(format!("{when}: {}{with}", filled(&probe.words())));
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
