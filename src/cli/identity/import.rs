//! `clws identity import`: an identity of keys that you have.

use std::path::PathBuf;

use clap::Args;

use super::new::{Keep, new_passphrase};
use crate::cli::context::Context;
use crate::error::Error;
use crate::identity::{self, Import, SigningSource};
use crate::name::IdentityName;

/// Make an identity of keys that you have already
///
/// A half that is not given is made anew. A key in an ssh-agent stays there.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Its name
    name: IdentityName,
    /// An age identity file, also of an age plugin, or under a passphrase; or an OpenSSH Ed25519 private key
    #[arg(long, value_name = "FILE")]
    age: Option<PathBuf>,
    /// An OpenSSH Ed25519 private key to sign with
    #[arg(long, value_name = "FILE", conflicts_with = "ssh_agent")]
    ssh_key: Option<PathBuf>,
    /// The Ed25519 key of this fingerprint in your ssh-agent to sign with
    #[arg(long, value_name = "SHA256:…")]
    ssh_agent: Option<String>,
    /// Where to keep it
    #[arg(long, value_enum, default_value_t = Keep::Auto)]
    keep: Keep,
    /// Put what is in the clear under a passphrase, asked for here
    #[arg(long)]
    passphrase: bool,
}

pub(crate) fn run(args: &ImportArgs, cx: &Context) -> Result<(), Error> {
    let signing = match (&args.ssh_key, &args.ssh_agent) {
        (Some(path), _) => Some(SigningSource::File(path)),
        (None, Some(fingerprint)) => Some(SigningSource::Agent(fingerprint)),
        (None, None) => None,
    };
    if args.age.is_none() && signing.is_none() {
        return Err(crate::cli::usage("no key is given to make an identity of")
            .hint(format!(
                "`--age FILE`, `--ssh-key FILE` or `--ssh-agent SHA256:…`; `clws identity new {}` makes both anew",
                args.name
            ))
            .into());
    }
    let passphrase = new_passphrase(cx, args.passphrase)?;
    let from = Import {
        age: args.age.as_deref(),
        signing,
    };
    let bundle = identity::import(
        &cx.world,
        &args.name,
        from,
        args.keep.into(),
        passphrase.as_ref(),
        &cx.ui,
    )?;
    cx.ui.say(&format!(
        "made the identity {}, kept in {}",
        args.name,
        bundle.label()
    ));
    Ok(())
}
