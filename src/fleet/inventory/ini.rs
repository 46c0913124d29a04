//! Ansible's inventories in INI, which is a form of its own: hosts with `name=value` behind them.

use std::collections::BTreeMap;

use super::Listed;
use super::groups::Groups;
use super::words::words;
use crate::plaintext::Fault;

#[derive(Clone, Copy)]
enum Section {
    Hosts,
    Children,
    Variables,
}

pub(super) fn read(text: &str) -> Result<Vec<Listed>, Fault> {
    let mut groups = Groups::default();
    let (mut group, mut section) = ("ungrouped".to_owned(), Section::Hosts);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let wrong = |why: &str| Fault::at(number, why);
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            let (name, behind) = header.split_once(']').unwrap_or((header, "["));
            let behind = behind.trim_start();
            let (name, kind) = name.split_once(':').unwrap_or((name, ""));
            let is_header = behind.is_empty() || behind.starts_with('#');
            if is_header && !name.is_empty() && !name.contains(char::is_whitespace) {
                section = match kind {
                    "" | "hosts" => Section::Hosts,
                    "children" => Section::Children,
                    "vars" => Section::Variables,
                    _ => return Err(wrong("a section that Ansible does not have")),
                };
                name.clone_into(&mut group);
                groups.group(&group);
                continue;
            }
        }
        match section {
            Section::Variables => {
                let (name, value) = line.split_once('=').ok_or_else(|| wrong("no variable"))?;
                groups.variable(&group, name.trim(), Some(unquoted(value.trim())));
            }
            Section::Children => {
                let child = line.split('#').next().unwrap_or_default().trim();
                groups.child(&group, child);
            }
            Section::Hosts => {
                let words = words(line).ok_or_else(|| wrong("a quote that is not closed"))?;
                let mut words = words.into_iter();
                let Some(pattern) = words.next() else {
                    continue;
                };
                let mut variables = BTreeMap::new();
                for word in words {
                    let (name, value) = word
                        .split_once('=')
                        .ok_or_else(|| wrong("a word that sets nothing"))?;
                    variables.insert(name.to_owned(), Some(unquoted(value)));
                }
                groups.hosts(&group, &pattern, &variables).map_err(wrong)?;
            }
        }
    }
    Ok(groups.into_listed())
}

/// A text without the quotes of Python around it.
fn unquoted(text: &str) -> String {
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(text).to_owned()
}
