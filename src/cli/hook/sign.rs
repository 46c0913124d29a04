//! `clws hook sign`: a deployer vouches for a hook's files.

use clap::Args;

use crate::cli::context::{Context, as_signers};
use crate::deploy::refused;
use crate::error::{Error, Problem};
use crate::hook::{hook_status, sign_hook};
use crate::name::Component;
use crate::recipients::{Right, Rule};
use crate::text::{count, list, ranges};

/// Of more components than this a question says how many there are.
const MANY: usize = 8;

/// Sign hooks as they lie in the working tree, as a deployer
///
/// A deploy carries out only what somebody signed who may deploy in its environment and for every
/// secret that the hook names.
#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// The components; all that changed without
    components: Vec<Component>,
}

pub(crate) fn run(args: &SignArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let bundles = cx.bundles()?;
    let keys = cx.signers(&vault, &bundles)?;
    let author = vault.author(&as_signers(&keys))?;
    let mut chosen = Vec::new();
    let all = super::chosen(&vault, &args.components)?;
    if all.is_empty() {
        cx.ui.say(super::NO_HOOK);
        return Ok(());
    }
    for component in all {
        let status = hook_status(&vault, &component)?;
        let mine = status
            .signers
            .iter()
            .any(|name| name == author.party.as_str());
        if args.components.is_empty() && status.differences.is_empty() && mine {
            continue;
        }
        for file in &status.differences {
            cx.ui.say(&format!("  {file}"));
        }
        chosen.push((component, status.sum));
    }
    if chosen.is_empty() {
        cx.ui.say("nothing to sign: every hook is what you signed");
        return Ok(());
    }
    let access = vault.trust().accepted.access();
    let deploys = |rule: &Rule| {
        let mut deployers = access.members(rule.holders(Right::Deploy));
        deployers.any(|name| *name == author.party)
    };
    if !access.rules.values().any(deploys) {
        cx.ui.warn(&format!(
            "{0} may deploy nowhere, so a signature by {0} counts nowhere: an administrator runs `clws access \
             grant {0} SCOPE --deploy`, or a deployer signs",
            author.party
        ));
    }
    let names: Vec<&Component> = chosen.iter().map(|(component, _)| component).collect();
    cx.ui.confirm(&format!(
        "sign the hooks of {} as {}?",
        match names.len() {
            0..=MANY => list(&names),
            many => format!("{}, {}", count(many, "component"), ranges(&names)),
        },
        author.party
    ))?;
    let mut signed = Vec::new();
    for (component, shown) in chosen {
        let seq = sign_hook(&vault, &component, &shown, &author)?;
        cx.ui
            .say(&format!("signed the hook of {component}, number {seq}"));
        signed.push(component);
    }
    warn_of_refused(cx, &signed)
}

/// Says of what was signed which no deploy takes all the same: it names a secret that is not there, say.
fn warn_of_refused(cx: &Context, signed: &[Component]) -> Result<(), Error> {
    let vault = cx.vault()?;
    vault.only_look();
    for one in refused(&vault)? {
        if signed.contains(&one.component) {
            let (component, scope, why) = (&one.component, &one.scope, one.error.message());
            let why = format!("no deploy takes {component} in `{scope}`: {why}");
            cx.ui.warn_of(&Problem::of(&one.error).saying(why).into());
        }
    }
    Ok(())
}
