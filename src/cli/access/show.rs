//! `clws access show`: groups and rules.

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::error::Error;
use crate::recipients::Right;

/// Show groups and rules, as this machine accepted them
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {}

pub(crate) fn run(_args: &ShowArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let access = vault.trust().accepted.access();
    if cx.ui.is_json() {
        let names = |names: &[crate::name::PartyName]| {
            names.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let groups: serde_json::Map<_, _> = access
            .groups
            .iter()
            .map(|(group, members)| (group.to_string(), json!(names(members))))
            .collect();
        let rules: serde_json::Map<_, _> = access
            .rules
            .iter()
            .map(|(prefix, rule)| {
                let rights = Right::ALL
                    .into_iter()
                    .map(|right| (right.field().to_owned(), json!(names(rule.holders(right)))));
                (prefix.clone(), serde_json::Value::Object(rights.collect()))
            })
            .collect();
        return cx.ui.json(&json!({ "groups": groups, "rules": rules }));
    }
    cx.ui.data(
        access
            .print()
            .trim_end_matches("[end]\n")
            .trim_end()
            .as_bytes(),
    )?;
    cx.ui.data(b"\n")
}
