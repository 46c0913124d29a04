//! `clws rotate --due --dry-run`: the work list.

use serde_json::{Value, json};

use super::RotateArgs;
use crate::cli::context::Context;
use crate::deploy::Users;
use crate::error::Error;
use crate::rotate::{Due, work_list};
use crate::text::count;

pub(super) fn print(args: &RotateArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let list = work_list(&vault, &args.paths)?;
    let users = Users::of(&vault)?;
    for fault in list.faults.iter().chain(&users.faults) {
        cx.ui.warn(&fault.message());
    }
    if cx.ui.is_json() {
        let findings = list.due.iter().map(|due| to_json(due, &users));
        return cx
            .ui
            .json(&json!({ "findings": findings.collect::<Vec<_>>() }));
    }
    let mut paths = 0;
    for of_one in list.due.chunk_by(|one, other| one.path == other.path) {
        let Some(first) = of_one.first() else {
            continue;
        };
        paths += 1;
        cx.ui.line(&first.path)?;
        for due in of_one {
            let line = format!("  {} since {}: {}", due.reason.as_str(), due.since, due.why);
            cx.ui.line(&line)?;
        }
        let about = about(first, &users);
        if !about.is_empty() {
            cx.ui.line(&format!("  {about}"))?;
        }
        // What ends asks for more than what is old.
        let last = of_one.iter().map(Due::next).max_by_key(String::len);
        cx.ui
            .line(&format!("  next: {}", last.unwrap_or_default()))?;
    }
    let word = if paths == 1 { "waits" } else { "wait" };
    cx.ui
        .say(&format!("{} {word} for a new value", count(paths, "path")));
    Ok(())
}

fn users_of(due: &Due, users: &Users) -> Vec<String> {
    let users = users.of_secret(&due.path).into_iter();
    users
        .map(ToString::to_string)
        .chain(due.in_hook.clone())
        .collect()
}

/// Who looks after it, what rotates it, who uses it; as far as that is said.
fn about(due: &Due, users: &Users) -> String {
    let users = users_of(due, users);
    let owner = due.owner.as_ref().map(|owner| format!("owner {owner}"));
    let rotator = due.rotator.as_ref().map(|name| format!("rotator {name}"));
    let users = (!users.is_empty()).then(|| format!("used by {}", users.join(", ")));
    let all = [owner, rotator, users].into_iter().flatten();
    all.collect::<Vec<_>>().join("; ")
}

fn to_json(due: &Due, users: &Users) -> Value {
    json!({
        "kind": due.reason.as_str(),
        "path": due.path,
        "since": due.since,
        "why": due.why,
        "owner": due.owner,
        "rotator": due.rotator,
        "components": users_of(due, users),
        "next": due.next(),
    })
}
