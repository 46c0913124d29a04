//! `clws audit show`: what was used, when, and by which command.

use clap::Args;
use serde_json::{Value, json};

use crate::audit::{Entry, Log};
use crate::cli::context::Context;
use crate::error::Error;
use crate::name::SecretPath;

/// Show the log of uses on this machine, of all vaults
///
/// Each line was written before what it speaks of happened. `clws audit verify` says whether all of
/// them are there.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Only uses of this secret, or of what lies below this path
    path: Option<SecretPath>,
    /// Only the last N of them
    #[arg(long, value_name = "N")]
    last: Option<usize>,
}

pub(crate) fn run(args: &ShowArgs, cx: &Context) -> Result<(), Error> {
    let mut entries = Log::of(&cx.world)?.entries()?;
    if let Some(path) = &args.path {
        let below = format!("{path}/");
        let wanted = |name: &String| name == path.as_str() || name.starts_with(&below);
        entries.retain(|entry| entry.secrets.iter().any(wanted));
    }
    if let Some(last) = args.last {
        entries.drain(..entries.len().saturating_sub(last));
    }
    if cx.ui.is_json() {
        let uses: Vec<Value> = entries.iter().map(as_json).collect();
        return cx.ui.json(&json!({ "uses": uses }));
    }
    let rows: Vec<Vec<String>> = entries.iter().map(as_row).collect();
    cx.ui.table(&["N", "AT", "WHAT", "SECRETS"], &rows)
}

fn as_json(entry: &Entry) -> Value {
    let mut shown = json!({ "n": entry.number, "at": entry.at.to_string(), "what": entry.what,
            "vault": entry.vault, "secrets": entry.secrets });
    if let (Some(reason), Some(shown)) = (&entry.allow_rollback, shown.as_object_mut()) {
        shown.insert("allow_rollback".to_owned(), json!(reason));
    }
    shown
}

/// The first few names tell which secrets they are; `--json` has all.
fn as_row(entry: &Entry) -> Vec<String> {
    const SHOWN: usize = 3;
    let mut names = entry
        .secrets
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let more = entry.secrets.len().saturating_sub(SHOWN);
    if more > 0 {
        names.push_str(&format!(" and {more} more"));
    }
    vec![
        entry.number.to_string(),
        entry.at.to_string(),
        match &entry.allow_rollback {
            Some(reason) => format!("{}, rollback allowed: {reason}", entry.what),
            None => entry.what.clone(),
        },
        names,
    ]
}
