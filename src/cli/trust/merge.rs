//! `clws trust merge`: joins the rules of two branches.

use clap::Args;

use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::error::{Code, Error, Problem};
use crate::fs::Held;
use crate::git::Git;
use crate::lines::MAX_FILE;
use crate::membership::{Joined, join};
use crate::trust::SETTINGS_FILE;
use crate::vault::Vault;

/// Join the rules of two branches that each made a trust version of their own
///
/// REV is the other branch, read from git. Run it on the branch that has more versions, after `git merge REV`
/// and `git checkout HEAD -- clws.toml recipients`, and before the merge is committed. The new version has
/// the changes of both. A rebase cannot be joined so: abort it, and merge. Where both contradict each other it says so and signs nothing. Administrators of
/// both sides must sign it, as many as each side asks for.
#[derive(Args, Debug)]
pub(crate) struct MergeArgs {
    /// The other branch, or a commit of it
    rev: String,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &MergeArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    // Each commit of a rebase would need a version of its own, and nobody has signed the branch that comes of it.
    if Git::at(vault.world(), vault.tree().path())
        .sides(true)
        .is_rebase()
    {
        return Err(Problem::new(
            Code::Conflict,
            "rules are not joined in the midst of a rebase",
        )
        .hint("`git rebase --abort`, then `git merge BRANCH` and `clws trust merge BRANCH`")
        .into());
    }
    match join(&vault, &rules_at(&vault, &args.rev)?)? {
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

/// The rules and trust versions at a commit.
fn rules_at(vault: &Vault, rev: &str) -> Result<Held, Error> {
    let git = Git::at(vault.world(), vault.tree().path());
    let commit = git.commit(rev)?;
    let mut files = git.contents(&commit, "recipients", MAX_FILE)?;
    files.extend(git.contents(&commit, SETTINGS_FILE, MAX_FILE)?);
    Ok(Held::new(format!("commit {}", commit.short()), files))
}
