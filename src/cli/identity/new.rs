//! `clws identity new`: an age identity and a signing key as one bundle.

use clap::{Args, ValueEnum};

use crate::cli::context::Context;
use crate::error::Error;
use crate::identity::{self, Place};
use crate::name::IdentityName;
use crate::secret::Plain;

/// Make an identity: an age X25519 key to open with and an Ed25519 key to sign with
///
/// It is kept in the desktop's keyring where one answers, else in two files that only you can read.
/// Where it lies is said, and `clws identity list` says it again.
#[derive(Args, Debug)]
pub(crate) struct NewArgs {
    /// Its name: yours, as it shall stand in the vault
    name: IdentityName,
    /// Where to keep it
    #[arg(long, value_enum, default_value_t = Keep::Auto)]
    keep: Keep,
    /// Put it under a passphrase, asked for here: for offline and recovery identities
    #[arg(long)]
    passphrase: bool,
}

/// Where an identity is to be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Keep {
    /// In the keyring where one answers within a second, else in files
    Auto,
    /// In two files of mode 0600
    File,
    /// In the keyring, or not at all
    Keyring,
}

impl From<Keep> for Place {
    fn from(keep: Keep) -> Self {
        match keep {
            Keep::Auto => Self::Auto,
            Keep::File => Self::File,
            Keep::Keyring => Self::Keyring,
        }
    }
}

/// Asks twice for a new passphrase; none if it is not wanted.
pub(crate) fn new_passphrase(cx: &Context, wanted: bool) -> Result<Option<Plain>, Error> {
    if !wanted {
        return Ok(None);
    }
    cx.ui.new_passphrase().map(Some)
}

pub(crate) fn run(args: &NewArgs, cx: &Context) -> Result<(), Error> {
    let passphrase = new_passphrase(cx, args.passphrase)?;
    let bundle = identity::create(&cx.world, &args.name, args.keep.into(), passphrase.as_ref())?;
    cx.ui.say(&format!(
        "made the identity {}, kept in {}",
        args.name,
        bundle.label()
    ));
    cx.ui.say(&format!(
        "its public half, for an administrator: `clws identity show {}`",
        args.name
    ));
    Ok(())
}
