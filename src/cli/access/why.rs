//! `clws access why`: which rule decides.

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::error::Error;
use crate::name::{PartyName, SecretPath};
use crate::recipients::Right;

/// Explain what a party may do with a path, and which rule decides it
#[derive(Args, Debug)]
pub(crate) struct WhyArgs {
    /// The party
    who: PartyName,
    /// A scope, document, folder, file or value
    path: SecretPath,
}

pub(crate) fn run(args: &WhyArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let accepted = &vault.trust().accepted;
    vault.party(&args.who)?;
    let (who, path) = (&args.who, args.path.as_str());
    // Rules name documents and files: a value has the rights of its document.
    let ruled = match vault.find(&args.path)? {
        crate::vault::Found::Value(document, _) => document.to_string(),
        _ => path.to_owned(),
    };
    let decided = accepted
        .access()
        .rule_for(&ruled)
        .zip(accepted.rights(&ruled));
    let Some(((prefix, rule), rights)) = decided else {
        if cx.ui.is_json() {
            return cx
                .ui
                .json(&json!({ "who": who.as_str(), "path": path, "rule": null, "rights": [] }));
        }
        cx.ui.line(&format!(
            "no rule covers `{path}`: nobody may do anything with it"
        ))?;
        if let Some(near) = vault.near(path) {
            cx.ui.say(&format!("is `{near}` meant?"));
        }
        cx.ui.say(&format!(
            "an administrator gives rights with `clws access grant {who} {path} --read`"
        ));
        return Ok(());
    };
    let mut lines = Vec::new();
    let mut given = Vec::new();
    for right in Right::ALL {
        if !rights.has(right, who) {
            continue;
        }
        given.push(right.verb());
        let holders = rule.holders(right);
        let group = holders.iter().find(|holder| {
            accepted
                .access()
                .groups
                .get(*holder)
                .is_some_and(|members| members.contains(who))
        });
        let how = match group {
            _ if holders.contains(who) => "by name".to_owned(),
            Some(group) => format!("as a member of {group}"),
            None => "since who writes, reads too".to_owned(),
        };
        lines.push(format!("{who} may {} `{path}`, {how}", right.verb()));
    }
    if cx.ui.is_json() {
        return cx
            .ui
            .json(&json!({ "who": who.as_str(), "path": path, "rule": prefix, "rights": given }));
    }
    if lines.is_empty() {
        lines.push(format!("{who} may do nothing with `{path}`"));
    }
    for line in lines {
        cx.ui.line(&line)?;
    }
    cx.ui.line(&format!(
        "the rule for `{prefix}` decides, in trust version {}",
        accepted.number()
    ))
}
