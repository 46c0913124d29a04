//! `clws hook list`: which hooks there are, and who signed them.

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::error::Error;
use crate::hook::hook_status;

/// List the hooks: number, signers, and whether they are what was signed
#[derive(Args, Debug)]
pub(crate) struct ListArgs {}

pub(crate) fn run(_args: &ListArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.vault()?;
    let mut rows = Vec::new();
    let mut reports = Vec::new();
    for component in super::chosen(&vault, &[])? {
        let (seq, signers, state) = match hook_status(&vault, &component) {
            Ok(status) if status.seq.is_none() => (None, Vec::new(), "not signed".to_owned()),
            Ok(status) if status.differences.is_empty() => {
                (status.seq, status.signers, String::new())
            }
            Ok(status) => {
                let files = crate::text::count(status.differences.len(), "file");
                (status.seq, status.signers, format!("{files} changed since"))
            }
            Err(error) => (None, Vec::new(), error.message()),
        };
        reports.push(json!({ "component": component.as_str(), "seq": seq, "signers": signers, "state": state }));
        let seq = seq.map_or_else(|| "-".to_owned(), |seq| seq.to_string());
        rows.push(vec![component.to_string(), seq, signers.join(", "), state]);
    }
    if cx.ui.is_json() {
        return cx.ui.json(&json!({ "hooks": reports }));
    }
    if rows.is_empty() {
        cx.ui.say(super::NO_HOOK);
        return Ok(());
    }
    cx.ui.table(&["COMPONENT", "HOOK", "SIGNED BY", ""], rows)
}
