//! What is not as it should be on hosts, and the command that mends it.

use std::collections::BTreeMap;

use super::answers;
use super::finding::{Finding, Kind};
use super::next::{deploy, logs, on};
use crate::deploy::{
    ComponentSeen, Deployed, Down, Drift, Fault, HostSeen, Meant, Revs, Runs, Space, Stuff, There,
    Unread,
};
use crate::docker::Health;
use crate::fleet::{Host, Reach};
use crate::hook::HookError;
use crate::name::{Component, PartyName};
use crate::text::{clean_line, list, shell_word};
use crate::time::Moment;

/// What a server stores has names that begin so.
const OF_SERVER: &str = "server.";

/// Less than one part in so many is nearly nothing.
const NEARLY_FULL: u64 = 10;

/// The hooks that would not be deployed as they are.
pub(super) fn hooks(faults: &[Fault]) -> Vec<Finding> {
    let faults = faults.iter();
    faults
        .map(|Fault { component, error }| {
            let next = match error.downcast_ref() {
                Some(HookError::Changed { .. } | HookError::Unsigned(_)) => format!(
                    "clws hook diff {component}; if it is meant, clws hook sign {component}"
                ),
                _ => error.hints().join("; "),
            };
            let path = format!("hooks/{component}.toml");
            Finding::new(Kind::Hook, path, error.message(), next)
        })
        .collect()
}

/// Everything that is wrong with a host.
pub(super) fn host(
    seen: &HostSeen,
    next_at_server: &str,
    now: Moment,
    findings: &mut Vec<Finding>,
) {
    let HostSeen {
        host,
        space,
        components,
    } = seen;
    let name = host.name.as_str();
    match space {
        Ok(space) => findings.extend(space.iter().filter_map(|space| full(host, space))),
        Err(error) => {
            let next = match error.hints().is_empty() {
                true => match host.reach {
                    Reach::Local => "clws doctor".to_owned(),
                    Reach::Ssh(_) => on(host, "true"),
                },
                false => error.hints().join("; "),
            };
            findings.push(Finding::new(Kind::Unreachable, name, error.message(), next));
        }
    }
    for component in components {
        Judge {
            host,
            component: &component.component,
            next_at_server,
            now,
            findings,
        }
        .component(component);
    }
}

/// What components of a host answer wrongly, and which certificates are shown for them that should not be.
pub(super) fn answers(
    seen: &HostSeen,
    renewals: &BTreeMap<String, String>,
    now: Moment,
    findings: &mut Vec<Finding>,
) {
    for component in &seen.components {
        if let There::Deployed(deployed) = &component.there {
            let judge = answers::Judge {
                host: &seen.host,
                component: &component.component,
                deployed,
                renewals,
                now,
            };
            findings.extend(judge.findings());
        }
    }
}

fn full(host: &Host, space: &Space) -> Option<Finding> {
    let is_full = space.free < space.size / NEARLY_FULL;
    let what = match space.stuff {
        Stuff::Memory => "the memory-backed folder",
        Stuff::Disk => "the disk at",
    };
    let why = format!(
        "{what} {} has {} MiB of {} MiB free",
        clean_line(&space.path),
        space.free >> 20,
        space.size >> 20
    );
    // What is largest there is what has to go.
    let next = on(
        host,
        &format!(
            "du -xah {} | sort -h | tail",
            shell_word(&clean_line(&space.path))
        ),
    );
    is_full.then(|| Finding::new(Kind::Full, host.name.as_str(), why, next).about(&space.path))
}

/// That a component is there by the word of another host, and what to do: the host says so, and the name is to be
/// pasted.
fn of_another(whose: &str, stop: &str) -> (String, String) {
    match whose.parse::<PartyName>() {
        Ok(whose) => (
            format!("it was deployed to this account as the host {whose}"),
            format!("clws status {whose}; if there is no such host any more, {stop}"),
        ),
        Err(_) => (
            "it was deployed to this account as what is no name of a host".to_owned(),
            stop.to_owned(),
        ),
    }
}

/// One component on one host.
struct Judge<'a> {
    host: &'a Host,
    component: &'a Component,
    next_at_server: &'a str,
    now: Moment,
    findings: &'a mut Vec<Finding>,
}

impl Judge<'_> {
    fn add(&mut self, kind: Kind, why: impl Into<String>, next: String) {
        let path = format!("{}/{}", self.host.name, self.component);
        self.findings.push(Finding::new(kind, path, why, next));
    }

    fn deploy(&self) -> String {
        deploy(self.host, self.component)
    }

    fn component(&mut self, seen: &ComponentSeen) {
        let deployed = match (&seen.there, &seen.meant) {
            // The host itself is a finding.
            (There::Unseen, _) => return,
            (There::Nothing, Meant::Nowhere | Meant::Faulty) => return,
            (There::Nothing, Meant::Runs(_)) => {
                return self.add(Kind::Absent, "it is not there", self.deploy());
            }
            (There::LeftOver, meant) => {
                let stop = match meant {
                    Meant::Runs(_) => "",
                    Meant::Nowhere | Meant::Faulty => " --stop",
                };
                let next = format!("{}{stop}", self.deploy());
                let why =
                    "a deploy that was killed left its files there, and maybe what it started";
                self.add(Kind::LeftOver, why, next);
                return;
            }
            (There::BadReceipt(Unread::Newer(clws)), _) => {
                let why = format!("clws {clws} wrote its receipt, which is newer than this one");
                let next = format!("look with clws {clws}, or install that here");
                return self.add(Kind::Unseen, why, next);
            }
            (There::BadReceipt(Unread::Broken), _) => {
                let next = format!(
                    "look at {}.json there; removing it makes the next deploy a first one",
                    self.component
                );
                return self.add(Kind::Unseen, "its receipt does not read", next);
            }
            (There::Deployed(deployed), _) => deployed,
        };
        let whose = &deployed.receipt.host;
        if whose != self.host.name.as_str() && !matches!(seen.meant, Meant::Runs(_)) {
            // Two names of one account of one machine share what lies there; or it had another name.
            let (why, next) = of_another(whose, &format!("{} --stop", self.deploy()));
            self.add(Kind::LeftOver, why, next);
            return;
        }
        if let Meant::Nowhere = seen.meant {
            let next = format!("{} --stop", self.deploy());
            self.add(
                Kind::LeftOver,
                "it was deployed, and no hook says that it runs there",
                next,
            );
            return;
        }
        self.runs(deployed);
        if let Some(drift) = &deployed.drift {
            self.drift(deployed, drift);
        }
        if deployed.receipt.unfinished {
            let why = "a step of `afterwards` failed, or was not begun";
            self.add(Kind::Unfinished, why, self.deploy());
        }
        if let Some(rollback) = &deployed.receipt.rollback {
            let why = format!(
                "older values than had been seen were brought on purpose: {}",
                clean_line(&rollback.reason)
            );
            self.add(Kind::Rollback, why, self.deploy());
        }
    }

    fn runs(&mut self, deployed: &Deployed) {
        let container = clean_line(deployed.receipt.container.as_deref().unwrap_or_default());
        let logs = logs(self.host, &container);
        let deploy = self.deploy();
        let emptied = "; the folder of its files is gone, as after a reboot";
        match &deployed.runs {
            Runs::Down(down) => {
                let why = match down {
                    Down::Process => "its process is gone".to_owned(),
                    Down::NoContainer => format!("there is no container `{container}`"),
                    Down::Other => {
                        format!("the container `{container}` is another one than was deployed")
                    }
                    Down::Exited(code) => format!("its container ended with exit code {code}"),
                    Down::Stuck => "its container is there and does not run".to_owned(),
                };
                let more = if deployed.has_folder { "" } else { emptied };
                self.add(Kind::Stopped, why + more, deploy);
            }
            Runs::Restarting { restarts } => {
                let why =
                    format!("its container ends and is started again, {restarts} times by now");
                self.add(Kind::Restarting, why, logs);
            }
            Runs::Unseen(why) => {
                let why = format!("whether it runs could not be seen: {why}");
                self.add(Kind::Unseen, why, on(self.host, "docker version"));
            }
            Runs::Up { health, .. } => {
                if *health == Some(Health::Unhealthy) {
                    self.add(Kind::Unhealthy, "its health check says no", logs);
                }
                self.emptied(deployed);
            }
            Runs::Nothing => self.emptied(deployed),
        }
    }

    fn emptied(&mut self, deployed: &Deployed) {
        if !deployed.has_folder {
            let why = "the folder of its files is gone, as after a reboot";
            self.add(Kind::Emptied, why, self.deploy());
        }
    }

    fn drift(&mut self, deployed: &Deployed, drift: &Drift) {
        // A server is right about its versions, whichever is the greater one.
        let is_other = |name: &str, revs: &Revs| {
            let both = revs.there.is_some() && revs.here.is_some();
            both && name.starts_with(OF_SERVER)
        };
        let others = |wanted: fn(&Revs) -> bool| -> Vec<String> {
            let others = drift.others().filter(|(name, revs)| !is_other(name, revs));
            let others = others.filter(|(_, revs)| wanted(revs));
            others.map(|(name, revs)| said(name, revs)).collect()
        };
        let mut old = others(|revs| revs.there < revs.here);
        let of_server = drift.others().filter(|(name, revs)| is_other(name, revs));
        old.extend(of_server.map(|(name, revs)| said(name, revs)));
        old.extend(
            drift
                .remade
                .iter()
                .map(|name| match name.starts_with(OF_SERVER) {
                    true => format!("`{}` was made anew under the same number", clean_line(name)),
                    false => format!("`{}` is another value of the same rev", clean_line(name)),
                }),
        );
        for (path, ends) in &drift.ending {
            let word = if *ends <= self.now { "ended" } else { "ends" };
            let why = format!("what `{}` made for it {word} {ends}", clean_line(path));
            self.add(Kind::Ending, why, self.deploy());
        }
        if !old.is_empty() {
            self.add(Kind::OldRev, list(&old), self.deploy());
        }
        let mut newer = others(|revs| revs.there > revs.here && revs.here.is_some());
        let (there, here) = (deployed.receipt.hook_seq, drift.hook);
        if there > here {
            newer.push(format!(
                "it has number {there} of its hook, this vault {here}"
            ));
        }
        if !newer.is_empty() {
            self.add(Kind::NewerThere, list(&newer), "git pull".to_owned());
        }
        if !drift.gone.is_empty() {
            let why = format!("the server has no value of {} any more", names(&drift.gone));
            let next = format!("give it one; then {} --dry-run", self.deploy());
            self.add(Kind::Drift, why, next);
        }
        if !drift.unseen.is_empty() {
            let why = format!(
                "what the server has of {} is not known",
                names(&drift.unseen)
            );
            self.add(Kind::Unseen, why, self.next_at_server.to_owned());
        }
        let mut differs = others(|revs| revs.here.is_none());
        if drift.hook_differs && there <= here {
            differs.push(match there == here {
                true => format!("it has another hook of number {here}"),
                false => format!("it has number {there} of its hook, this vault {here}"),
            });
        }
        if !drift.settings.is_empty() {
            differs.push(format!("its settings {} are others", list(&drift.settings)));
        }
        if drift.image_differs {
            differs.push("its image's name means another image there by now".to_owned());
        }
        if !differs.is_empty() {
            let differs = clean_line(&list(&differs));
            let next = format!("{} --dry-run", self.deploy());
            self.add(
                Kind::Drift,
                differs,
                format!("{next}; then without --dry-run"),
            );
        }
    }
}

fn names<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names = names
        .into_iter()
        .map(|name| format!("`{}`", clean_line(name)));
    list(&names.collect::<Vec<_>>())
}

fn said(name: &str, revs: &Revs) -> String {
    let name = clean_line(name);
    match (revs.there, revs.here) {
        (Some(there), Some(here)) if name.starts_with(OF_SERVER) => {
            format!("`{name}` is version {there}, the server has {here}")
        }
        (Some(there), Some(here)) => format!("`{name}` is rev {there}, this vault has {here}"),
        (None, _) => format!("`{name}` is not there"),
        (_, None) => format!("`{name}` is there, and not in its hook"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_says_is_one_word_of_a_command() {
        let host = Host {
            name: "web-0".parse().unwrap(),
            scope: "prod".parse().unwrap(),
            machine_type: "web".to_owned(),
            reach: Reach::Local,
            boot: None,
        };
        let full = |path: &str| {
            let space = Space {
                stuff: Stuff::Disk,
                path: path.to_owned(),
                size: 100,
                free: 1,
            };
            full(&host, &space).unwrap().next
        };
        assert_eq!(
            full("/var/lib/clws"),
            "du -xah /var/lib/clws | sort -h | tail"
        );
        assert_eq!(full("/a;id"), "du -xah '/a;id' | sort -h | tail");
        assert_eq!(logs(&host, "web$(id)"), "docker logs --tail 50 'web$(id)'");
        let (why, next) = of_another("web-1", "stop");
        assert!(why.ends_with("as the host web-1"), "{why}");
        assert!(next.starts_with("clws status web-1; "), "{next}");
        let (why, next) = of_another("web; id", "stop");
        assert!(!why.contains("id"), "{why}");
        assert_eq!(next, "stop");
    }
}
