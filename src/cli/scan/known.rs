//! Which of the vault's values are known: opened, or by the fingerprints of an earlier scan.

use std::path::Path;

use crate::cli::context::{Context, as_openers};
use crate::cli::opener::Mine;
use crate::crypto::hex;
use crate::error::{Code, Error};
use crate::fs::{Lock, Sync, read_private, write_private};
use crate::scan::{Known, LARGEST, Prints, Values, learn, sealed_state};
use crate::vault::Vault;

/// What is said about the vault's secrets.
#[derive(Debug, Default)]
pub(super) struct About {
    /// How many are looked for.
    pub(super) values: usize,
    /// Those that would turn up by accident.
    pub(super) plain: Vec<String>,
    /// Documents and files that are sealed to others.
    pub(super) closed: Vec<String>,
    /// How many are too easily guessed to have a fingerprint, where fingerprints are all there is.
    pub(super) weak: usize,
}

pub(super) struct Learned {
    pub(super) known: Known,
    pub(super) about: About,
}

impl Learned {
    /// No vault, nothing known.
    pub(super) fn nothing() -> Self {
        Self {
            known: Known::Values(Values::none()),
            about: About::default(),
        }
    }

    fn of(prints: Prints) -> Self {
        let about = About {
            values: prints.count(),
            weak: prints.weak,
            ..About::default()
        };
        Self {
            known: Known::Prints(prints),
            about,
        }
    }
}

/// Opens what the person can, and keeps fingerprints of it. A hook takes those if they are of this very
/// vault and of all of its values, and opens nothing.
pub(super) fn known(cx: &Context, vault: &Vault, for_hook: bool) -> Result<Learned, Error> {
    let file = cx.world.state_dir()?.join("scan").join(hex(vault.id()));
    let kept = read_private(&file, LARGEST)?.and_then(|bytes| Prints::read(&bytes));
    let state = sealed_state(vault.tree())?;
    let kept = match kept {
        // Where some are too easily guessed to have one, an identity finds more.
        Some(prints) if for_hook && prints.state == state && prints.weak == 0 => {
            return Ok(Learned::of(prints));
        }
        other => other,
    };
    // Who has no identity here commits and pushes too.
    let bundles = match cx.bundles() {
        Err(error) if error.code() == Code::NoKey => Vec::new(),
        other => other?,
    };
    // Before each commit no server is to be asked.
    let mine: Vec<Mine<'_>> = bundles.iter().map(|one| Mine::of(one, &cx.ui)).collect();
    if mine.is_empty() {
        let Some(prints) = kept else {
            cx.ui.warn("you have no identity here, so credentials alone are looked for, and no values of the vault");
            return Ok(Learned::nothing());
        };
        if prints.state != state {
            cx.ui.warn("the vault has changed since its values were learned: `clws scan` with an identity learns them anew");
        }
        return Ok(Learned::of(prints));
    }
    let values = match (learn(vault, as_openers(&mine)), kept) {
        // git lets no hook ask for a passphrase.
        (Err(error), Some(prints)) if for_hook && is_locked(&error) => {
            return Ok(Learned::of(prints));
        }
        (learned, _) => learned?,
    };
    if let Err(error) = keep(cx, &file, &values, state) {
        // It would have been of use to the next scan alone.
        cx.ui.warn(&format!(
            "what was learned is not kept: {}",
            error.message()
        ));
    }
    let about = About {
        values: values.secrets.len(),
        plain: values.plain.clone(),
        closed: values.closed.clone(),
        weak: 0,
    };
    Ok(Learned {
        known: Known::Values(values),
        about,
    })
}

/// Whether nobody could be asked for what opens the identity.
fn is_locked(error: &Error) -> bool {
    matches!(error.code(), Code::NoKey | Code::Denied)
}

fn keep(cx: &Context, file: &Path, values: &Values, state: [u8; 32]) -> Result<(), Error> {
    let prints = Prints::of(values, cx.world.random()?, state);
    let bytes = prints.to_bytes();
    if bytes.len() > LARGEST {
        return Ok(());
    }
    // Another scan, in another worktree say, is keeping the same.
    let Some(_lock) = Lock::try_take(&file.with_extension("lock"), "scan")? else {
        return Ok(());
    };
    Ok(write_private(file, &bytes, Sync::Lazy)?)
}
