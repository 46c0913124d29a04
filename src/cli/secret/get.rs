//! `clws secret get`: prints one secret.

use std::io::Write as _;

use clap::Args;

use crate::cli::context::{Context, as_openers};
use crate::error::{Code, Error, Problem};
use crate::fs::{FsError, Sync};
use crate::name::{SecretName, SecretPath};
use crate::vault::{PolicyKey, Reader};

/// Print one secret to stdout
///
/// The value goes out exactly as it was set, with no newline added, so that it can be piped. On a
/// terminal, `--show` is needed.
#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    /// The secret, as `scope/document/name` or `scope/folder/file`
    path: SecretPath,
    /// Print the value even when stdout is a terminal
    #[arg(long)]
    show: bool,
}

pub(crate) fn run(args: &GetArgs, cx: &Context) -> Result<(), Error> {
    if cx.ui.shows_to_terminal() && !args.show {
        return Err(Problem::new(
            Code::Denied,
            "stdout is a terminal, where others may look on",
        )
        .hint(format!(
            "`clws secret get {} --show` prints it all the same",
            args.path
        ))
        .into());
    }
    let vault = cx.trusted_vault()?;
    let secret = vault.find_secret(&args.path)?;
    let bundles = cx.bundles()?;
    let mine = cx.openers(&bundles);
    let reader = Reader::new(&vault, as_openers(&mine), "secret get", Sync::Lazy)?;
    match &secret {
        SecretName::Value(document, name) => {
            let opened = reader.value(document, name)?;
            refuse_no_print(opened.no_print, &secret)?;
            for notice in reader.take_notices() {
                cx.ui.warn(&notice);
            }
            opened.value.with(|bytes| cx.ui.data(bytes))
        }
        SecretName::File(path) => {
            let mut out = std::io::stdout().lock();
            let mut opened = reader.open_file(path)?;
            let no_print = opened.policy.value(PolicyKey::NoPrint).is_some();
            refuse_no_print(no_print, &secret)?;
            let fail = FsError::io("write out", std::path::Path::new(path.as_str()));
            std::io::copy(&mut opened.reader, &mut out).map_err(fail)?;
            let fail = FsError::io("write out", std::path::Path::new(path.as_str()));
            out.flush().map_err(fail)?;
            for notice in reader.take_notices() {
                cx.ui.warn(&notice);
            }
            Ok(())
        }
    }
}

/// A policy may say that a value is for programs and not for eyes.
fn refuse_no_print(no_print: bool, secret: &SecretName) -> Result<(), Error> {
    if !no_print {
        return Ok(());
    }
    let path = secret.ruled_path();
    Err(
        Problem::new(Code::Denied, format!("`{secret}` is not to be printed"))
            .note("its policy says no_print")
            .hint(format!("`clws exec {path} -- CMD` gives it to a program"))
            .into(),
    )
}
