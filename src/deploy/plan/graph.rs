//! Who waits for whom: every component on every host is a node, and `after` holds across hosts.
//!
//! A component waits for all nodes of the components in its `after`, on whichever host of its scope
//! they are. It is left when one of them fails or is left; nothing else is. A host is taken up when
//! something can begin there, and let go when nothing can, so that no host waits for another one with
//! a connection open: any number of hosts at a time, one even, comes to an end.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::error::Code;
use crate::fleet::Reach;
use crate::name::{Component, PartyName, Scope};

/// Why a component was not begun.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Left {
    /// It comes after one that did not come to run.
    Waits {
        /// That one.
        component: Component,
        /// Where.
        host: PartyName,
        /// Whether it was left, too; it failed else.
        left: bool,
    },
    /// Its host was lost, or its time over, before.
    HostLost,
    /// A signal came.
    Interrupted(Code),
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waits {
                component,
                host,
                left,
            } => {
                let what = if *left { "was left" } else { "failed" };
                write!(f, "waits for {component} on {host}, which {what}")
            }
            Self::HostLost => write!(f, "its host was given up"),
            Self::Interrupted(_) => write!(f, "the deploy was interrupted"),
        }
    }
}

/// A node: the numbers of its host and its component there, as in the plan.
pub(in crate::deploy) type At = (usize, usize);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Waits,
    Runs,
    Ended,
}

#[derive(Debug)]
struct Node {
    /// Its own group.
    group: usize,
    /// The groups that it waits for.
    after: Vec<usize>,
    state: State,
}

/// All nodes of one component in one scope.
#[derive(Debug, Default)]
struct Group {
    /// How many have not ended.
    open: usize,
    /// One that did not come to run.
    broken: Option<Left>,
}

#[derive(Debug)]
struct OnHost {
    name: PartyName,
    nodes: Vec<Node>,
    /// Somebody is there.
    taken: bool,
    /// The first host that is reached in the same way: one machine may be several hosts, and has one
    /// lock.
    machine: usize,
}

/// The nodes of a plan, and how far they are.
#[derive(Debug)]
pub(in crate::deploy) struct Graph {
    hosts: Vec<OnHost>,
    groups: Vec<Group>,
    names: Vec<Component>,
}

impl Graph {
    pub(in crate::deploy) fn new(plan: &Plan) -> Self {
        let mut numbers: BTreeMap<(&Scope, &str), usize> = BTreeMap::new();
        let mut names = Vec::new();
        for host in &plan.hosts {
            for component in host.components.iter().map(|plan| plan.component()) {
                numbers
                    .entry((&host.host.scope, component.as_str()))
                    .or_insert_with(|| {
                        names.push(component.clone());
                        names.len() - 1
                    });
            }
        }
        let mut groups: Vec<Group> = names.iter().map(|_| Group::default()).collect();
        let mut hosts = Vec::new();
        let mut machines: BTreeMap<String, usize> = BTreeMap::new();
        for host in &plan.hosts {
            let way = match &host.host.reach {
                Reach::Local => String::new(),
                Reach::Ssh(server) => {
                    let own = server.name.as_str();
                    let address = server.address.as_deref().unwrap_or(own);
                    format!("{address} {:?} {:?}", server.port, server.jump)
                }
            };
            let machine = *machines.entry(way).or_insert(hosts.len());
            let number = |name: &str| numbers.get(&(&host.host.scope, name)).copied();
            let mut nodes = Vec::new();
            for plan in &host.components {
                let Some(group) = number(plan.component().as_str()) else {
                    continue;
                };
                if let Some(group) = groups.get_mut(group) {
                    group.open += 1;
                }
                // What is not deployed in this run is not waited for.
                let after = plan.hook.hook.after.iter();
                nodes.push(Node {
                    group,
                    after: after.filter_map(|name| number(name)).collect(),
                    state: State::Waits,
                });
            }
            hosts.push(OnHost {
                name: host.host.name.clone(),
                nodes,
                taken: false,
                machine,
            });
        }
        Self {
            hosts,
            groups,
            names,
        }
    }

    /// Takes up a host where something can begin; none if there is no such.
    pub(in crate::deploy) fn take_host(&mut self) -> Option<usize> {
        let taken = self.hosts.iter().filter(|host| host.taken);
        let taken: BTreeSet<usize> = taken.map(|host| host.machine).collect();
        let is_free = |host: &OnHost| !taken.contains(&host.machine);
        let mut hosts = self.hosts.iter().enumerate();
        let at = hosts
            .find(|(at, host)| is_free(host) && self.ready_on(*at).is_some())
            .map(|(at, _)| at)?;
        self.hosts.get_mut(at)?.taken = true;
        Some(at)
    }

    /// Lets go of a host.
    pub(in crate::deploy) fn let_go(&mut self, host: usize) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.taken = false;
        }
    }

    /// Begins what can begin on a host.
    pub(in crate::deploy) fn begin_on(&mut self, host: usize) -> Option<At> {
        let number = self.ready_on(host)?;
        let node = self.hosts.get_mut(host)?.nodes.get_mut(number)?;
        node.state = State::Runs;
        Some((host, number))
    }

    fn ready_on(&self, host: usize) -> Option<usize> {
        let is_over = |group: &usize| self.groups.get(*group).is_some_and(|group| group.open == 0);
        let nodes = &self.hosts.get(host)?.nodes;
        nodes
            .iter()
            .position(|node| node.state == State::Waits && node.after.iter().all(is_over))
    }

    /// Ends a node that came to run.
    pub(in crate::deploy) fn done(&mut self, at: At) {
        self.end(at, None);
    }

    /// Ends a node that failed; gives those that are left for it.
    pub(in crate::deploy) fn failed(&mut self, at: At) -> Vec<(At, Left)> {
        self.end(at, Some(false));
        self.leave_who_waits()
    }

    /// Ends all that waits on a host that is lost, with what waits for it.
    pub(in crate::deploy) fn lost(&mut self, host: usize) -> Vec<(At, Left)> {
        let mut left: Vec<(At, Left)> = self
            .waiting()
            .into_iter()
            .filter(|at| at.0 == host)
            .map(|at| (at, Left::HostLost))
            .collect();
        for (at, _) in &left {
            self.end(*at, Some(true));
        }
        left.extend(self.leave_who_waits());
        left
    }

    /// The nodes that were not begun.
    pub(in crate::deploy) fn waiting(&self) -> Vec<At> {
        let hosts = self.hosts.iter().enumerate();
        let nodes = hosts.flat_map(|(host, on)| {
            let nodes = on.nodes.iter().enumerate();
            nodes.map(move |(number, node)| ((host, number), node.state))
        });
        nodes
            .filter(|(_, state)| *state == State::Waits)
            .map(|(at, _)| at)
            .collect()
    }

    fn leave_who_waits(&mut self) -> Vec<(At, Left)> {
        let mut all = Vec::new();
        loop {
            let broken = |at: &At| {
                let node = self.hosts.get(at.0)?.nodes.get(at.1)?;
                let mut groups = node
                    .after
                    .iter()
                    .filter_map(|group| self.groups.get(*group));
                groups.find_map(|group| group.broken.clone())
            };
            let waiting = self.waiting().into_iter();
            let left: Vec<(At, Left)> = waiting.filter_map(|at| Some((at, broken(&at)?))).collect();
            if left.is_empty() {
                return all;
            }
            for (at, _) in &left {
                self.end(*at, Some(true));
            }
            all.extend(left);
        }
    }

    /// `broken` says that it did not come to run, and whether it was left.
    fn end(&mut self, at: At, broken: Option<bool>) {
        let Some(on) = self.hosts.get_mut(at.0) else {
            return;
        };
        let Some(node) = on.nodes.get_mut(at.1) else {
            return;
        };
        node.state = State::Ended;
        if let (Some(group), Some(name)) =
            (self.groups.get_mut(node.group), self.names.get(node.group))
        {
            group.open -= 1;
            if let (Some(left), None) = (broken, &group.broken) {
                group.broken = Some(Left::Waits {
                    component: name.clone(),
                    host: on.name.clone(),
                    left,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap as Map, BTreeSet};
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::deploy::{ComponentPlan, HostPlan};
    use crate::fleet::{Endpoint, Host};
    use crate::hook::Hook;
    use crate::hook::TrustedHook;

    /// A plan of hosts with components, each as `name after after`.
    fn plan(hosts: &[(&str, &[&str])]) -> Plan {
        let component = |words: &str| {
            let (name, after) = words.split_once(' ').unwrap_or((words, ""));
            let component: Component = name.parse().unwrap();
            let after: Vec<&str> = after.split_whitespace().collect();
            let hook = Hook::parse(&component, format!("after = {after:?}").as_bytes()).unwrap();
            ComponentPlan {
                hook: Arc::new(TrustedHook::for_tests(component, hook)),
                names: Map::new(),
                settings: Map::new(),
                outside: Arc::default(),
                versions: BTreeMap::new(),
                gone: BTreeSet::new(),
                secrets: Arc::default(),
                for_the_pull: Arc::default(),
                passing: Arc::default(),
                rollback: None,
            }
        };
        let host = |(name, components): &(&str, &[&str])| HostPlan {
            host: Host {
                name: name.parse().unwrap(),
                scope: "prod".parse().unwrap(),
                machine_type: "server".into(),
                reach: Reach::Ssh(Endpoint {
                    name: name.parse().unwrap(),
                    address: Some((*name).to_owned()),
                    port: None,
                    user: None,
                    becomes: None,
                    jump: None,
                    host_keys: Vec::new(),
                }),
                boot: None,
            },
            components: components.iter().map(|words| component(words)).collect(),
        };
        Plan {
            hosts: hosts.iter().map(host).collect(),
            warnings: Vec::new(),
            left_out: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Plays a graph with one host at a time; what fails is named by host and component.
    fn play(plan: &Plan, fails: impl Fn(At) -> bool) -> (Vec<At>, Vec<(At, String)>) {
        let mut graph = Graph::new(plan);
        let (mut order, mut left) = (Vec::new(), Vec::new());
        while let Some(host) = graph.take_host() {
            while let Some(at) = graph.begin_on(host) {
                order.push(at);
                if fails(at) {
                    left.extend(graph.failed(at));
                } else {
                    graph.done(at);
                }
            }
            graph.let_go(host);
        }
        assert_eq!(graph.waiting(), []);
        let left = left.into_iter().map(|(at, why)| (at, why.to_string()));
        (order, left.collect())
    }

    #[test]
    fn a_component_waits_for_those_on_other_hosts_and_goes_back_and_forth() {
        let plan = plan(&[("a", &["web", "proxy api"]), ("b", &["api web", "log"])]);
        let (order, left) = play(&plan, |_| false);
        assert_eq!(order, [(0, 0), (1, 0), (1, 1), (0, 1)]);
        assert_eq!(left, []);
    }

    #[test]
    fn only_what_depends_on_a_failure_is_left_and_told_of_which() {
        let plan = plan(&[
            ("db-0", &["mysql"]),
            ("db-1", &["mysql"]),
            ("app", &["log", "rest mysql", "worker rest"]),
        ]);
        let (order, left) = play(&plan, |at| at == (1, 0));
        assert_eq!(order, [(0, 0), (1, 0), (2, 0)]);
        let said = |at, text: &str| (at, text.to_owned());
        assert_eq!(
            left,
            [
                said((2, 1), "waits for mysql on db-1, which failed"),
                said((2, 2), "waits for rest on app, which was left"),
            ]
        );
    }

    #[test]
    fn one_machine_that_is_two_hosts_is_worked_on_by_one_at_a_time() {
        let mut plan = plan(&[("a", &["web"]), ("b", &["log"]), ("c", &["log"])]);
        plan.hosts[1].host.reach = plan.hosts[0].host.reach.clone();
        let mut graph = Graph::new(&plan);
        assert_eq!((graph.take_host(), graph.take_host()), (Some(0), Some(2)));
        assert_eq!(graph.take_host(), None);
        graph.let_go(0);
        graph.begin_on(0);
        assert_eq!(graph.take_host(), Some(1));
    }

    #[test]
    fn what_waits_on_a_lost_host_is_left_with_what_waits_for_it() {
        let plan = plan(&[("db", &["log", "mysql"]), ("app", &["rest mysql", "page"])]);
        let mut graph = Graph::new(&plan);
        let host = graph.take_host().unwrap();
        let at = graph.begin_on(host).unwrap();
        assert_eq!(graph.failed(at), []);
        let left = graph.lost(host);
        assert_eq!(left[0], ((0, 1), Left::HostLost));
        assert_eq!(left[1].0, (1, 0));
        assert_eq!(graph.waiting(), [(1, 1)]);
    }

    proptest! {
        #[test]
        fn every_node_ends_once_and_after_what_it_waits_for(
            edges in proptest::collection::vec((0..6usize, 0..6usize), 0..12),
            places in proptest::collection::vec((0..4usize, 0..6usize), 1..16),
            broken in proptest::collection::vec(any::<bool>(), 24),
        ) {
            let words: Vec<String> = (0..6)
                .map(|to| {
                    let after = edges.iter().filter(|(from, other)| *other == to && *from < to);
                    let after: Vec<String> = after.map(|(from, _)| format!("c{from}")).collect();
                    format!("c{to} {}", after.join(" "))
                })
                .collect();
            let hosts: Vec<Vec<&str>> = (0..4)
                .map(|host| {
                    let here = (0..6).filter(|c| places.contains(&(host, *c)));
                    here.map(|c| words[c].as_str()).collect()
                })
                .collect();
            let named: Vec<(&str, &[&str])> = ["h0", "h1", "h2", "h3"]
                .into_iter()
                .zip(hosts.iter().map(Vec::as_slice))
                .collect();
            let plan = plan(&named);
            let fails = |at: At| broken[at.0 * 6 + at.1];
            let (order, left) = play(&plan, fails);
            let count: usize = hosts.iter().map(Vec::len).sum();
            prop_assert_eq!(order.len() + left.len(), count);
            let name = |at: &At| plan.hosts[at.0].components[at.1].component().to_string();
            for (number, at) in order.iter().enumerate() {
                for after in &plan.hosts[at.0].components[at.1].hook.hook.after {
                    prop_assert!(order[number..].iter().all(|later| name(later) != *after));
                    let failed = order.iter().any(|at| name(at) == *after && fails(*at));
                    prop_assert!(!failed && left.iter().all(|(at, _)| name(at) != *after));
                }
            }
        }
    }
}
