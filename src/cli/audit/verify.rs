//! `clws audit verify`: whether the log is whole.

use clap::Args;
use serde_json::json;

use crate::audit::Log;
use crate::cli::context::Context;
use crate::error::Error;
use crate::text::count;

/// Verify the log of this machine: its chain and every signature
///
/// Lines that were cut off at the end are not found by this: keep a copy of the last line elsewhere
/// where that matters.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {}

pub(crate) fn run(_args: &VerifyArgs, cx: &Context) -> Result<(), Error> {
    let log = Log::of(&cx.world)?;
    let found = log.verify()?;
    if cx.ui.is_json() {
        return cx
            .ui
            .json(&json!({ "lines": found.lines, "torn": found.torn,
                                   "file": log.file().display().to_string() }));
    }
    cx.ui.line(&format!(
        "{} in {}, chained and signed",
        count(usize::try_from(found.lines).unwrap_or(usize::MAX), "line"),
        log.file().display()
    ))?;
    if found.torn > 0 {
        let torn = count(usize::try_from(found.torn).unwrap_or(usize::MAX), "line");
        cx.ui.line(&format!(
            "{torn} cut off by a killed process or a power cut"
        ))?;
    }
    Ok(())
}
