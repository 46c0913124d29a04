//! `clws identity show`: the public half as a party file.

use clap::Args;

use crate::cli::context::Context;
use crate::error::Error;
use crate::identity::{self, Bundle, IdentityError};
use crate::name::PartyName;
use crate::recipients::{Kind, Party, PublicRecipient, RecipientKey, Use, VerifyingKey};

/// Print the public half of an identity as a party file, safe to send
///
/// An administrator takes it with `clws recipient add NAME FILE`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Which identity; the one that is used without
    name: Option<String>,
}

pub(crate) fn run(args: &ShowArgs, cx: &Context) -> Result<(), Error> {
    let bundle = pick(args, cx)?;
    let name: PartyName = match (&args.name, bundle.name()) {
        (Some(name), _) => name.parse()?,
        (None, Some(name)) => name.as_str().parse()?,
        (None, None) => {
            return Err(crate::cli::usage("the identity has no name")
                .hint("clws identity show NAME --identity PATH")
                .into());
        }
    };
    cx.ui.data(public_party(&bundle, name)?.print().as_bytes())
}

fn pick(args: &ShowArgs, cx: &Context) -> Result<Bundle, Error> {
    let missing = |known| {
        let name = args.name.clone().unwrap_or_default();
        IdentityError::NotFound { name, known }
    };
    if let (Some(name), None) = (&args.name, &cx.identity) {
        let mut known = Vec::new();
        for listed in identity::list(&cx.world)? {
            if listed.name.as_str() == name {
                return Ok(listed.bundle?);
            }
            known.push(listed.name.to_string());
        }
        return Err(missing(known).into());
    }
    let mut bundles = cx.bundles()?;
    if bundles.len() > 1 {
        let names: Vec<String> = bundles
            .iter()
            .filter_map(|bundle| bundle.name())
            .map(ToString::to_string)
            .collect();
        return Err(crate::cli::usage("you have several identities")
            .hint(format!(
                "clws identity show {}",
                crate::text::any_of(&names)
            ))
            .into());
    }
    bundles.pop().ok_or_else(|| missing(Vec::new()).into())
}

/// The party file of a bundle's public half.
pub(crate) fn public_party(bundle: &Bundle, name: PartyName) -> Result<Party, Error> {
    let mut party = Party::new(name, Kind::Person);
    if let Some(recipient) = bundle.recipient() {
        let key = RecipientKey::parse(recipient)?;
        party.recipients.push(PublicRecipient {
            name: "main".into(),
            key,
        });
    }
    if let Some(key) = bundle.verifying_key()? {
        let key = key.clone();
        party.signing.push(VerifyingKey {
            name: "main".into(),
            key,
            usable: Use::Sign,
        });
    }
    Ok(party)
}
