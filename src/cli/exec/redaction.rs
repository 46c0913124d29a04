//! Whether values are taken out of what a program prints.

use clap::Args;

use crate::cli::context::Context;
use crate::error::{Code, Error, Problem};

/// What was said about it.
#[derive(Args, Debug)]
pub(crate) struct Redaction {
    /// Take the values out of the output; a best effort, done unasked for an agent and no_print
    #[arg(long)]
    redact: bool,
    /// Leave the output as it is, also where a policy says no_print; not for an agent
    #[arg(long, conflicts_with = "redact")]
    no_redact: bool,
}

impl Redaction {
    /// Refuses to leave out what an agent must not.
    ///
    /// # Errors
    /// DENIED.
    pub(crate) fn demand(&self, cx: &Context) -> Result<(), Error> {
        if !(self.no_redact && cx.ui.is_for_agent()) {
            return Ok(());
        }
        Err(
            Problem::new(Code::Denied, "for an agent the output is redacted")
                .note("CLWS_AGENT or `--agent` says that one is at work")
                .hint("leave out `--no-redact`")
                .into(),
        )
    }

    /// Whether it is done; said where nobody asked for it, since a program may print otherwise on a
    /// terminal.
    pub(crate) fn is_wanted(&self, cx: &Context, no_print: bool) -> bool {
        if self.redact || cx.ui.is_for_agent() {
            return true;
        }
        let by_policy = no_print && !self.no_redact;
        if by_policy {
            cx.ui
                .say("values are taken out of the output: a policy says no_print (`--no-redact`)");
        }
        by_policy
    }
}
