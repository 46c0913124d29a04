//! `clws trust merge`: joins the rules of two branches.

use std::path::PathBuf;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::error::Error;
use crate::fs::Tree;
use crate::membership::{Joined, join};

/// Join the rules of two branches that each made a trust version of their own
///
/// DIR is a checkout of the other branch: `git worktree add DIR BRANCH`. Run it on the branch that has more
/// versions, after `git merge BRANCH` and `git checkout HEAD -- clws.toml recipients`, and before the
/// merge is committed. The new version has the changes of both. Where they contradict each other it says
/// so and signs nothing. Administrators of both sides must sign it, as many as each side asks for.
#[derive(Args, Debug)]
pub(crate) struct MergeArgs {
    /// A checkout of the other branch
    dir: PathBuf,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &MergeArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let other = Tree::open(&vault.world().folder().join(&args.dir))?;
    match join(&vault, &other)? {
        Joined::Already => {
            cx.ui
                .say("nothing to join: the other branch has no trust version that is not here");
            Ok(())
        }
        Joined::Next { rules, next } => {
            rules::change_with(cx, &vault, &rules, &next, &[], Run::from(args.dry_run))
        }
    }
}
