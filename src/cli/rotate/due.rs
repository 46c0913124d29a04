//! `clws rotate --due --dry-run`: the work list.

use serde_json::{Value, json};

use super::RotateArgs;
use crate::cli::context::Context;
use crate::deploy::Users;
use crate::error::Error;
use crate::name::SecretPath;
use crate::rotate::{Due, Records, Rotation, work_list};
use crate::text::count;
use crate::vault::Vault;

/// Prints what waits, and as JSON what failed before.
pub(super) fn print(args: &RotateArgs, failed: &[Error], cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let list = work_list(&vault, &args.paths)?;
    let users = Users::of(&vault)?;
    for fault in list.faults.iter().chain(&users.faults) {
        cx.ui.warn(&fault.message());
    }
    let unfinished = unfinished(args, &vault)?;
    if cx.ui.is_json() {
        let findings: Vec<_> = list.due.iter().map(|due| to_json(due, &users)).collect();
        let unfinished: Vec<_> = unfinished.iter().map(Rotation::paths).collect();
        let failed: Vec<_> = failed.iter().map(Error::to_json).collect();
        return cx
            .ui
            .json(&json!({ "findings": findings, "failed": failed, "unfinished": unfinished }));
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
        // How one goes on with it stands below.
        if unfinished
            .iter()
            .any(|one| one.paths().contains(&first.path))
        {
            continue;
        }
        // What ends asks for more than what is old.
        let last = of_one.iter().map(Due::next).max_by_key(String::len);
        cx.ui
            .line(&format!("  next: {}", last.unwrap_or_default()))?;
    }
    for rotation in unfinished {
        let paths = rotation.paths().join(" ");
        cx.ui.line(&paths)?;
        cx.ui.line("  its rotation is not done")?;
        cx.ui.line(&format!(
            "  next: clws rotate --resume {paths}, or --undo in its place"
        ))?;
    }
    let word = if paths == 1 { "waits" } else { "wait" };
    cx.ui
        .say(&format!("{} {word} for a new value", count(paths, "path")));
    Ok(())
}

/// The rotations of this machine that are not done, of the paths that are asked for.
pub(super) fn unfinished(args: &RotateArgs, vault: &Vault) -> Result<Vec<Rotation>, Error> {
    let is_meant = |path: &String| {
        let below = |wanted: &SecretPath| {
            let rest = path.strip_prefix(wanted.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        args.paths.is_empty() || args.paths.iter().any(below)
    };
    let mut all = Records::look(vault.trust().pins.dir())?;
    all.retain(|rotation| rotation.paths().iter().any(is_meant));
    Ok(all)
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
