//! The fleet as a grid: a card for each host, by environment.

use std::collections::BTreeMap;

use super::html::Html;
use super::{Audience, section};
use crate::status::{AnswersStatus, ComponentStatus, HostStatus, SpaceStatus, State};
use crate::text::count;

pub(super) fn write(html: &mut Html, hosts: &[HostStatus], audience: Audience) {
    let mut scopes: BTreeMap<&str, Vec<&HostStatus>> = BTreeMap::new();
    for host in hosts {
        scopes.entry(&host.scope).or_default().push(host);
    }
    for (scope, hosts) in scopes {
        section(
            html,
            &format!("{scope}: {}", count(hosts.len(), "host")),
            |html| {
                html.element("ul", &[("class", "grid")], |html| {
                    hosts.iter().for_each(|host| card(html, host, audience));
                });
            },
        );
    }
}

fn card(html: &mut Html, host: &HostStatus, audience: Audience) {
    let class = if host.reachable { "host" } else { "host down" };
    html.element("li", &[("class", class)], |html| {
        html.line("h3", &[], &host.name);
        if !host.reachable {
            html.line("p", &[("class", "bad")], "unreachable");
        }
        for space in &host.space {
            room(html, space, audience);
        }
        if host.components.is_empty() {
            return;
        }
        html.element("ul", &[], |html| {
            for component in &host.components {
                html.element("li", &[], |html| line(html, component));
            }
        });
    });
}

fn room(html: &mut Html, space: &SpaceStatus, audience: Audience) {
    let used = space.used().to_string();
    let place = match audience {
        Audience::Team => format!("{} {}", space.kind, space.path),
        Audience::Public => space.kind.to_owned(),
    };
    html.element("p", &[("class", "room")], |html| {
        html.text(&format!("{place} {used} % "));
        let attributes = [("max", "100"), ("high", "90"), ("value", used.as_str())];
        let named = [&attributes[..], &[("aria-label", place.as_str())]].concat();
        html.element("meter", &named, |_| {});
    });
}

fn line(html: &mut Html, component: &ComponentStatus) {
    let class = match component.state {
        State::Runs | State::Placed => "good",
        State::Starting => "going",
        State::Unhealthy | State::Restarting | State::Stopped | State::Absent | State::Unseen => {
            "bad"
        }
    };
    html.line("b", &[], &component.component);
    html.text(" ");
    html.line("span", &[("class", class)], component.state.as_str());
    let secrets = component.secrets.len();
    if secrets > 0 {
        let told = match component.others {
            0 => format!(", {}", count(secrets, "secret")),
            others => format!(", {others} of {} others", count(secrets, "secret")),
        };
        html.text(&told);
        if component.unseen > 0 {
            html.text(&format!(", {} not known", component.unseen));
        }
    }
    if component.drifts == Some(true) {
        html.text(", drifts");
    }
    if let Some(answers) = &component.answers {
        probes(html, answers);
    }
}

fn probes(html: &mut Html, answers: &AnswersStatus) {
    let all = count(answers.probes.len(), "probe");
    let (class, told) = match (answers.count("wrong"), answers.count("unasked")) {
        _ if answers.probes.is_empty() => return,
        (0, 0) => ("good", format!("{all} right")),
        (0, unasked) => ("going", format!("{unasked} of {all} unasked")),
        (wrong, _) => ("bad", format!("{wrong} of {all} wrong")),
    };
    html.text(", ");
    html.line("span", &[("class", class)], &told);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::status::Numbers;

    #[test]
    fn a_thousand_hosts_are_less_than_2_mib() {
        let secret = |name: usize| (format!("prod/web/NAME_{name}"), Numbers::default());
        let component = |number: usize| ComponentStatus {
            component: format!("component-{number}"),
            state: State::Runs,
            since: None,
            restarts: Some(3),
            container: None,
            image: None,
            deploy: None,
            hook: Numbers::default(),
            secrets: (0..20).map(secret).collect::<BTreeMap<_, _>>(),
            others: 1,
            unseen: 1,
            drifts: Some(true),
            answers: None,
        };
        let space = |kind, path: &str| SpaceStatus {
            kind,
            path: path.to_owned(),
            size: 100,
            free: 20,
        };
        let host = |number: usize| HostStatus {
            name: format!("vm-clws-prod-gpuworker-{number}"),
            scope: "prod".to_owned(),
            reachable: true,
            space: vec![space("memory", "/run/clws"), space("disk", "/var/lib/clws")],
            components: (0..8).map(component).collect(),
        };
        let hosts: Vec<HostStatus> = (0..1000).map(host).collect();
        let mut html = Html::default();
        write(&mut html, &hosts, Audience::Team);
        let length = html.into_string().len();
        assert!(length < 2 * 1024 * 1024, "{length}");
    }
}
