//! Ansible's inventories in YAML: groups with `hosts`, `children` and `vars`.

use std::collections::BTreeMap;

use super::Listed;
use super::groups::Groups;
use crate::plaintext::{Fault, Tree};

pub(super) fn read(text: &str) -> Result<Vec<Listed>, Fault> {
    let Tree::Table(top) = Tree::parse(text)? else {
        return Err(Fault::new("no groups at the top"));
    };
    let mut groups = Groups::default();
    for (name, about) in &top {
        group(&mut groups, name, about)?;
    }
    Ok(groups.into_listed())
}

fn group(groups: &mut Groups, name: &str, about: &Tree) -> Result<(), Fault> {
    let wrong = |what: &str| Fault::new(format!("`{what}` of a group is no mapping"));
    groups.group(name);
    let parts = match about {
        Tree::None => return Ok(()),
        Tree::Table(parts) => parts,
        _ => return Err(Fault::new("a group that is no mapping")),
    };
    for (part, inner) in parts {
        let entries = match inner {
            Tree::Table(entries) => entries.clone(),
            // One name alone may stand there as it is.
            Tree::Text(text) if part != "vars" => vec![(text.clone(), Tree::None)],
            Tree::None => continue,
            _ => return Err(wrong(part)),
        };
        for (key, value) in &entries {
            match part.as_str() {
                "vars" => groups.variable(name, key, text_of(value)),
                "children" => {
                    groups.child(name, key);
                    group(groups, key, value)?;
                }
                "hosts" => {
                    let variables = match value {
                        Tree::Table(variables) => variables
                            .iter()
                            .map(|(name, value)| (name.clone(), text_of(value)))
                            .collect(),
                        _ => BTreeMap::new(),
                    };
                    groups.hosts(name, key, &variables).map_err(Fault::new)?;
                }
                // Ansible passes over what it does not know.
                _ => {}
            }
        }
    }
    Ok(())
}

fn text_of(tree: &Tree) -> Option<String> {
    match tree {
        Tree::Text(text) => Some(text.clone()),
        _ => None,
    }
}
