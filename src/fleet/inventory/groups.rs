//! What both forms of Ansible's inventories come to: groups in groups, with variables, and hosts.
//!
//! A variable of a host wins over one of its groups, and a group within another over that one; among
//! groups of one depth the last by name wins, as Ansible has it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Listed;
use super::words::words;
use crate::fleet::ssh_config::Jump;

/// The most hosts that one pattern may stand for, and an inventory may have.
const MOST: usize = 10_000;

/// A host's name, or a pattern of names, is no longer, in bytes: names of the network have 253.
const MAX_NAME: usize = 512;

/// Nor is what a variable says of the way to a host.
const MAX_VALUE: usize = 1024;

/// The variables that say how a host is reached. Others are passed over: there may be many, and thousands of
/// hosts that have them.
const ASKED: [&str; 10] = [
    "ansible_host",
    "ansible_ssh_host",
    "ansible_port",
    "ansible_ssh_port",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_connection",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_ssh_args",
];

/// Of [`ASKED`]; what all hosts of a pattern have is there once.
type Variables = BTreeMap<&'static str, Option<Rc<str>>>;

/// The name as it stands in [`ASKED`], if it does.
fn asked(name: &str) -> Option<&'static str> {
    ASKED.into_iter().find(|asked| *asked == name)
}

/// An inventory that is being read.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<String, Group>,
    hosts: BTreeMap<String, Variables>,
    /// The order of the file.
    order: Vec<String>,
}

#[derive(Debug, Default)]
struct Group {
    variables: Variables,
    children: BTreeSet<String>,
    hosts: BTreeSet<String>,
}

impl Groups {
    pub(super) fn group(&mut self, name: &str) {
        self.groups.entry(name.to_owned()).or_default();
    }

    pub(super) fn child(&mut self, group: &str, child: &str) {
        self.group(child);
        let group = self.groups.entry(group.to_owned()).or_default();
        group.children.insert(child.to_owned());
    }

    /// A variable of a group; `None` for a value that says nothing.
    pub(super) fn variable(&mut self, group: &str, name: &str, value: Option<String>) {
        let group = self.groups.entry(group.to_owned()).or_default();
        if let Some(name) = asked(name) {
            group.variables.insert(name, value.map(Rc::from));
        }
    }

    /// Hosts by a pattern like `web[01:10]:2222`, in a group, with their variables.
    ///
    /// # Errors
    /// What is wrong with the pattern.
    pub(super) fn hosts(
        &mut self,
        group: &str,
        pattern: &str,
        variables: &BTreeMap<String, Option<String>>,
    ) -> Result<(), &'static str> {
        let (pattern, port) = split_port(pattern);
        let said = variables.iter().filter_map(|(name, value)| {
            let value = value.as_deref().map(Rc::from);
            Some((asked(name)?, value))
        });
        let mut variables: Variables = port
            .map(|port| ("ansible_port", Some(Rc::from(port))))
            .into_iter()
            .collect();
        variables.extend(said);
        for name in expand(pattern)? {
            let known = self.hosts.entry(name.clone()).or_insert_with(|| {
                self.order.push(name.clone());
                Variables::new()
            });
            known.extend(variables.clone());
            let group = self.groups.entry(group.to_owned()).or_default();
            group.hosts.insert(name);
        }
        match self.hosts.len() > MOST {
            true => Err("more than 10,000 hosts"),
            false => Ok(()),
        }
    }

    pub(super) fn into_listed(self) -> Vec<Listed> {
        let depths = self.depths();
        let mut ranked: Vec<(&String, &Group)> = self.groups.iter().collect();
        ranked.sort_by_key(|(name, _)| (depths.get(*name).copied().unwrap_or(0), *name));
        let mut listed = Vec::new();
        for name in &self.order {
            let mut groups = BTreeSet::new();
            let mut variables = Variables::new();
            for (group, about) in &ranked {
                // Every host is in the group of all.
                if *group == "all" || self.holds(group, name) {
                    variables.extend(about.variables.clone());
                    groups.insert((*group).clone());
                }
            }
            groups.remove("all");
            groups.remove("ungrouped");
            variables.extend(self.hosts.get(name).cloned().unwrap_or_default());
            listed.push(host(name, &variables, groups));
        }
        listed
    }

    /// How many groups each lies in, at the longest; those in a circle get no deeper than there are groups.
    fn depths(&self) -> BTreeMap<String, usize> {
        let mut depths: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..self.groups.len() {
            let mut moved = false;
            for (name, group) in &self.groups {
                let depth = depths
                    .get(name)
                    .copied()
                    .unwrap_or(usize::from(name != "all"));
                for child in &group.children {
                    let below = depths.entry(child.clone()).or_insert(1);
                    if *below <= depth {
                        *below = depth + 1;
                        moved = true;
                    }
                }
                depths.entry(name.clone()).or_insert(depth);
            }
            if !moved {
                break;
            }
        }
        depths
    }

    /// Whether a host is in a group, or in one below it.
    fn holds(&self, group: &str, host: &str) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![group]);
        while let Some(name) = open.pop() {
            let Some(group) = self.groups.get(name).filter(|_| seen.insert(name)) else {
                continue;
            };
            if group.hosts.contains(host) {
                return true;
            }
            open.extend(group.children.iter().map(String::as_str));
        }
        false
    }
}

/// What its variables say of a host.
fn host(name: &str, variables: &Variables, groups: BTreeSet<String>) -> Listed {
    let mut odd = Vec::new();
    let mut said = |names: &[&str]| -> Option<String> {
        let value = names
            .iter()
            .find_map(|name| variables.get(*name))?
            .as_deref()?;
        if value.len() > MAX_VALUE {
            odd.push(format!("{} (it is too long)", names.first().unwrap_or(&"")));
            return None;
        }
        if value.contains("{{") || value.contains("{%") {
            odd.push(format!(
                "{} (a template says it)",
                names.first().unwrap_or(&"")
            ));
            return None;
        }
        Some(value.to_owned())
    };
    let address = said(&["ansible_host", "ansible_ssh_host"]);
    let port = said(&["ansible_port", "ansible_ssh_port"]);
    let user = said(&["ansible_user", "ansible_ssh_user"]);
    let connection = said(&["ansible_connection"]);
    // Any of them may name it; Ansible gives all of them to ssh.
    let arguments: Vec<String> = [
        "ansible_ssh_common_args",
        "ansible_ssh_extra_args",
        "ansible_ssh_args",
    ]
    .iter()
    .filter_map(|name| said(&[*name]))
    .collect();
    let parsed = port.as_deref().map(|port| port.parse::<u16>().ok());
    if parsed == Some(None) {
        odd.push("ansible_port (it is no port)".to_owned());
    }
    let mut jump = None;
    for arguments in &arguments {
        match jump_in(arguments) {
            Ok(found) => jump = jump.or(found),
            Err(()) => odd.push("the jump host (its arguments for ssh are not plain)".to_owned()),
        }
    }
    let local = connection.as_deref() == Some("local");
    let other =
        connection.filter(|kind| !["ssh", "smart", "paramiko", "local"].contains(&kind.as_str()));
    Listed {
        name: name.to_owned(),
        // A host without another address has its name for one.
        address: address.or_else(|| Some(name.to_owned())),
        is_here: local,
        private_address: None,
        port: parsed.flatten().filter(|_| !local),
        user: user.filter(|_| !local),
        jump: jump.filter(|_| !local),
        groups,
        odd,
        unfit: other.map(|kind| format!("it is reached by {kind} and not by ssh")),
    }
}

/// The jump host among arguments for ssh: `-J bastion`, `-o ProxyJump=bastion`, or a `ProxyCommand`
/// that is `ssh -W %h:%p bastion` and nothing more.
fn jump_in(arguments: &str) -> Result<Option<Jump>, ()> {
    let words = words(arguments).ok_or(())?;
    let mut words = words.iter().map(String::as_str);
    let mut found = None;
    while let Some(word) = words.next() {
        let option = match word.strip_prefix("-o") {
            Some("") => words.next().unwrap_or_default(),
            Some(option) => option,
            None => match word.strip_prefix("-J") {
                Some("") => &format!("ProxyJump={}", words.next().unwrap_or_default()),
                Some(jump) => &format!("ProxyJump={jump}"),
                None => continue,
            },
        };
        let (key, value) = option.split_once(['=', ' ']).unwrap_or((option, ""));
        let value = value.trim().trim_start_matches('=').trim();
        let jump = match key.trim().to_ascii_lowercase().as_str() {
            "proxyjump" if value.eq_ignore_ascii_case("none") => continue,
            // What lies behind several, the last one's own record says.
            "proxyjump" => value.rsplit(',').next().and_then(Jump::parse),
            "proxycommand" if value.eq_ignore_ascii_case("none") => continue,
            "proxycommand" => command_jump(value),
            _ => continue,
        };
        found = found.or(Some(jump.ok_or(())?));
    }
    Ok(found)
}

/// The host of `ssh -W %h:%p [-q] [-p PORT] [-l USER] [USER@]HOST`.
fn command_jump(command: &str) -> Option<Jump> {
    let mut words = command.split_whitespace();
    if words.next()? != "ssh" {
        return None;
    }
    let (mut forwards, mut port, mut user, mut jump) = (false, None, None, None);
    while let Some(word) = words.next() {
        match word.trim_matches('"') {
            "-W" => forwards = words.next()?.trim_matches('"') == "%h:%p",
            "-q" => {}
            "-p" => port = Some(words.next()?.parse().ok()?),
            "-l" => user = Some(words.next()?.to_owned()),
            word if word.starts_with('-') || jump.is_some() => return None,
            word => jump = Jump::parse(word),
        }
    }
    let jump = jump.filter(|_| forwards)?;
    Some(Jump {
        user: jump.user.or(user),
        host: jump.host,
        port: jump.port.or(port),
    })
}

/// A pattern, and the port behind it. An address of IPv6 before a port stands in brackets.
fn split_port(pattern: &str) -> (&str, Option<&str>) {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let Some((host, port)) = pattern.rsplit_once(':').filter(|(_, port)| is_port(port)) else {
        return (pattern, None);
    };
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Some(address) = inner.filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()) {
        return (address, Some(port));
    }
    // The colons of ranges are none before a port.
    let mut depth = 0;
    let is_name = host.chars().all(|c| {
        depth += match c {
            '[' => 1,
            ']' => -1,
            _ => 0,
        };
        c != ':' || depth > 0
    });
    if is_name {
        (host, Some(port))
    } else {
        (pattern, None)
    }
}

/// A name has no more ranges. Each one costs a call, and a look at all names that it makes.
const MOST_RANGES: usize = 16;

/// The names that a pattern with ranges like `[01:10]` or `[a:f:2]` stands for.
fn expand(pattern: &str) -> Result<Vec<String>, &'static str> {
    if pattern.len() > MAX_NAME {
        return Err("a name that is too long");
    }
    if memchr::memchr_iter(b'[', pattern.as_bytes()).count() > MOST_RANGES {
        return Err("more than 16 ranges");
    }
    let Some((head, rest)) = pattern.split_once('[') else {
        return Ok(vec![pattern.to_owned()]);
    };
    let (range, tail) = rest.split_once(']').ok_or("a range without an end")?;
    let parts: Vec<&str> = range.split(':').collect();
    let (first, last, step) = match parts.as_slice() {
        [first, last] => (*first, *last, 1),
        [first, last, step] => {
            let step = step.parse::<u32>().ok().filter(|step| *step > 0);
            (*first, *last, step.ok_or("a range whose step is none")?)
        }
        // Brackets without a colon are part of a name, of an address of IPv6 say.
        _ => return Ok(vec![pattern.to_owned()]),
    };
    let middles = numbers(first, last, step)
        .or_else(|| letters(first, last, step))
        .ok_or("a range that is none")?;
    let tails = expand(tail)?;
    if middles.len().saturating_mul(tails.len()) > MOST {
        return Err("a range of more than 10,000 hosts");
    }
    let name = |middle: &String| {
        let middle = middle.clone();
        tails
            .iter()
            .map(move |tail| format!("{head}{middle}{tail}"))
    };
    Ok(middles.iter().flat_map(name).collect())
}

fn numbers(first: &str, last: &str, step: u32) -> Option<Vec<String>> {
    let first_text = if first.is_empty() { "0" } else { first };
    let (from, to): (u32, u32) = (first_text.parse().ok()?, last.parse().ok()?);
    if from > to {
        return None;
    }
    // A zero in front says how wide all of them are.
    let width = if first_text.starts_with('0') {
        first_text.len()
    } else {
        0
    };
    let step = usize::try_from(step).ok()?;
    // One too many is counted as such and not kept.
    let all = (from..=to).step_by(step).take(MOST + 1);
    Some(all.map(|number| format!("{number:0width$}")).collect())
}

fn letters(first: &str, last: &str, step: u32) -> Option<Vec<String>> {
    let one = |text: &str| match text.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(*letter),
        _ => None,
    };
    let (from, to) = (one(first)?, one(last)?);
    if from > to || from.is_ascii_lowercase() != to.is_ascii_lowercase() {
        return None;
    }
    let all = (from..=to).step_by(usize::try_from(step).ok()?);
    Some(all.map(|letter| char::from(letter).to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_the_names_that_ansible_makes_of_them() {
        let all = |pattern: &str| {
            let (pattern, port) = split_port(pattern);
            expand(pattern).map(|names| (names.join(" "), port.map(str::to_owned)))
        };
        for (pattern, names, port) in [
            ("web", "web", None),
            ("web:22", "web", Some("22")),
            ("web[1:3]", "web1 web2 web3", None),
            ("web[08:10].x:2222", "web08.x web09.x web10.x", Some("2222")),
            ("w[a:e:2]-[0:1]", "wa-0 wa-1 wc-0 wc-1 we-0 we-1", None),
            ("fd00::4", "fd00::4", None),
            ("[fd00::4]:22", "fd00::4", Some("22")),
        ] {
            let expected = Ok((names.to_owned(), port.map(str::to_owned)));
            assert_eq!(all(pattern), expected, "{pattern}");
        }
        for wrong in [
            "w[3:1]",
            "w[a:Z]",
            "w[1:3:0]",
            "w[1:3",
            "w[0:99999]",
            "w[0:999]-[0:999]",
            "w[:x]",
            &"[1:1]".repeat(MOST_RANGES + 1),
            &"[a:z]a:z]".repeat(100_000),
            &"a".repeat(MAX_NAME + 1),
        ] {
            assert!(all(wrong).is_err(), "{wrong}");
        }
        assert!(all(&"[1:1]".repeat(MOST_RANGES)).is_ok());
    }

    #[test]
    fn an_inventory_has_ten_thousand_hosts_at_most_and_each_what_is_asked_for() {
        let mut groups = Groups::default();
        let long = Some("x".repeat(MAX_VALUE + 1));
        let variables = [
            ("ansible_user".to_owned(), Some("ada".to_owned())),
            ("ansible_host".to_owned(), long.clone()),
            ("other".to_owned(), long),
        ];
        let variables = BTreeMap::from(variables);
        let add = |groups: &mut Groups, pattern: &str| groups.hosts("web", pattern, &variables);
        assert_eq!(add(&mut groups, "a[0:9998]"), Ok(()));
        assert_eq!(add(&mut groups, "b:22"), Ok(()));
        assert_eq!(add(&mut groups, "a[0:9998]"), Ok(()));
        assert!(add(&mut groups, "c").is_err());
        let listed = groups.into_listed();
        let last = listed.iter().find(|host| host.name == "b").unwrap();
        assert_eq!((last.user.as_deref(), last.port), (Some("ada"), Some(22)));
        assert_eq!(last.odd, ["ansible_host (it is too long)"]);
    }

    #[test]
    fn a_jump_host_is_taken_where_it_stands_plainly() {
        for (arguments, jump) in [
            ("-J ada@gate:22", Ok("gate")),
            ("-Jgate", Ok("gate")),
            ("-o ProxyJump=one,gate -v", Ok("gate")),
            ("-oProxyJump=gate", Ok("gate")),
            ("-o \"ProxyJump gate\"", Ok("gate")),
            ("-o ProxyCommand='ssh -q -W %h:%p gate'", Ok("gate")),
            ("-o ProxyCommand=\"ssh -W '%h:%p' gate\"", Err(())),
            ("-o ProxyCommand='ssh -i key -W %h:%p gate'", Err(())),
            ("-o ProxyCommand='nc %h %p'", Err(())),
            ("-o ProxyJump=none", Ok("")),
            ("-o ControlMaster=auto -C", Ok("")),
            ("-o 'x", Err(())),
        ] {
            let found =
                jump_in(arguments).map(|jump| jump.map(|jump| jump.host).unwrap_or_default());
            assert_eq!(found, jump.map(str::to_owned), "{arguments}");
        }
    }
}
