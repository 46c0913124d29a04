//! `clws init`: a vault here.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::context::Context;
use crate::error::{Code, Error, Problem};
use crate::identity::{self, Place};
use crate::membership::{Founding, demand_no_vault, found};
use crate::name::{IdentityName, PartyName};

/// Make a vault here
///
/// Writes clws.toml, you as the first party and administrator, rules for the scopes dev, prod, shared
/// and test, and trust version 1. Makes an identity if you have none. Commits nothing.
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// The folder; the current one without
    dir: Option<PathBuf>,
    /// Your name in the vault; else your identity's
    #[arg(long)]
    name: Option<PartyName>,
}

pub(crate) fn run(args: &InitArgs, cx: &Context) -> Result<(), Error> {
    cx.demand_folder()?;
    let here = args
        .dir
        .clone()
        .or_else(|| cx.vault_dir.clone())
        .unwrap_or_default();
    let dir = cx.world.folder().join(here);
    let bundle = match cx.bundles() {
        Ok(bundles) => bundles.into_iter().find(|bundle| {
            bundle.recipient().is_some()
                && args.name.as_ref().is_none_or(|name| {
                    cx.identity.is_some()
                        || bundle.name().is_some_and(|n| n.as_str() == name.as_str())
                })
        }),
        Err(error) if error.code() == Code::NoKey || error.code() == Code::NotFound => None,
        Err(error) => return Err(error),
    };
    let bundle = match bundle {
        Some(bundle) => bundle,
        None => {
            let name = args.name.as_ref().ok_or_else(|| {
                Problem::new(Code::Usage, "you have no identity yet, and no name for one")
                    .hint("clws init --name YOUR-NAME")
            })?;
            // An identity would stay behind.
            demand_no_vault(&dir)?;
            let name: IdentityName = name.as_str().parse()?;
            let bundle = identity::create(&cx.world, &name, Place::Auto, None)?;
            cx.ui.say(&format!(
                "made the identity {name}, kept in {}",
                bundle.label()
            ));
            bundle
        }
    };
    let founder = match (&args.name, bundle.name()) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) => name.as_str().parse()?,
        (None, None) => {
            return Err(super::usage("the identity has no name")
                .hint("clws init --name YOUR-NAME")
                .into());
        }
    };
    let missing = || {
        Problem::new(
            Code::NoKey,
            "the identity has no signing key or no age half",
        )
    };
    let public = bundle.verifying_key()?.ok_or_else(missing)?.clone();
    let recipient = bundle.recipient().ok_or_else(missing)?;
    let folder = std::path::absolute(&dir).unwrap_or(dir);
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "vault".to_owned());
    let founding = Founding {
        name: &name,
        founder: founder.clone(),
        recipient,
        signing: &public,
    };
    let key = cx.my_key(&bundle, &public, founder.to_string());
    let fingerprint = found(&cx.world, &folder, &founding, &key)?;
    if cx.ui.is_json() {
        return cx
            .ui
            .json(&json!({ "root": fingerprint, "head": format!("{fingerprint}@1") }));
    }
    cx.ui.say(&format!(
        "a vault in {}, decided by {founder}",
        folder.display()
    ));
    cx.ui.say(&format!(
        "its fingerprint, for colleagues and CI: {fingerprint}@1"
    ));
    cx.ui
        .say("next: `clws secret set dev/web/TOKEN`, then commit the folder to git");
    Ok(())
}
