//! `clws secret get`: prints one secret.

use clap::Args;

use crate::cli::context::{Context, as_openers};
use crate::cli::streams::written;
use crate::error::{Code, Error, Problem};
use crate::exec::VariableName;
use crate::fs::{FsError, Sync};
use crate::name::{FilePath, SecretName, SecretPath};
use crate::vault::{Demand, Found, Past, PolicyKey, Reader, ValueType, Vault, Vouched};

/// Print one secret to stdout
///
/// The value goes out exactly as it was set, with no newline added, so that it can be piped. On a
/// terminal, `--show` is needed, and what a terminal would obey is escaped. What is older than this
/// machine has seen is refused; `--at` looks at the past by name, says so, and remembers nothing of it.
#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    /// The secret, as `scope/document/name` or `scope/folder/file`
    path: SecretPath,
    /// Print the value even when stdout is a terminal
    #[arg(long)]
    show: bool,
    /// As it was at a commit, branch or tag of git
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// Even if nobody who may write it has signed it, to see what was planted
    #[arg(long)]
    unvouched: bool,
}

pub(crate) fn run(args: &GetArgs, cx: &Context) -> Result<(), Error> {
    let path = &args.path;
    let instead = match cx.ui.is_for_agent() {
        true => to_a_program(cx.vault().ok().as_ref(), path),
        false => String::new(),
    };
    cx.ui.demand_eyes(args.show.into(), &instead)?;
    let vault = cx.trusted_vault()?;
    if args.at.is_some() || args.unvouched {
        return look_back(args, cx, &vault);
    }
    let secret = vault.find_secret(&args.path)?;
    let bundles = cx.bundles_for(&vault)?;
    let mine = cx.openers(&vault, &bundles);
    let reader = Reader::new(&vault, as_openers(&mine), "secret get", Sync::Lazy)?;
    match &secret {
        SecretName::Value(document, name) => {
            let opened = reader.value(document, name)?;
            refuse_no_print(opened.no_print, (&vault, &args.path), &secret)?;
            for notice in reader.take_notices() {
                cx.ui.warn(&notice);
            }
            opened
                .value
                .with(|bytes| cx.ui.value_out(&mut bytes.as_slice()).map_err(written))
        }
        SecretName::File(path) => {
            let mut opened = reader.open_file(path)?;
            let no_print = opened.policy.value(PolicyKey::NoPrint).is_some();
            refuse_no_print(no_print, (&vault, &args.path), &secret)?;
            write_out(cx, &mut opened.reader, path)?;
            for notice in reader.take_notices() {
                cx.ui.warn(&notice);
            }
            Ok(())
        }
    }
}

/// Prints a value of the past, or one that nobody vouches for; says on stderr what it is.
fn look_back(args: &GetArgs, cx: &Context, vault: &Vault) -> Result<(), Error> {
    let past = match &args.at {
        Some(rev) => Past::at(vault, rev)?,
        None => Past::here(vault),
    };
    let demand = match args.unvouched {
        true => Demand::Nobody,
        false => Demand::Writer,
    };
    let bundles = cx.bundles_for(vault)?;
    let mine = cx.openers(vault, &bundles);
    let (openers, about) = (as_openers(&mine), ("secret get", demand));
    let secret = past.find_secret(&args.path)?;
    match &secret {
        SecretName::Value(document, name) => {
            let old = past.value(document, name, &openers, about)?;
            refuse_no_print(old.opened.no_print, (vault, &args.path), &secret)?;
            tell(
                cx,
                &past,
                &secret,
                (&old.signer, &old.vouched, old.opened.rev),
            );
            old.opened
                .value
                .with(|bytes| cx.ui.value_out(&mut bytes.as_slice()).map_err(written))
        }
        SecretName::File(path) => {
            let old = past.file(path, &openers, about)?;
            let mut opened = old.opened;
            let no_print = opened.policy.value(PolicyKey::NoPrint).is_some();
            refuse_no_print(no_print, (vault, &args.path), &secret)?;
            tell(cx, &past, &secret, (&old.signer, &old.vouched, opened.rev));
            write_out(cx, &mut opened.reader, path)
        }
    }
}

/// What a value that is not the newest is, and who stands behind it.
fn tell(
    cx: &Context,
    past: &Past<'_>,
    secret: &SecretName,
    (signer, vouched, rev): (&str, &Vouched, u64),
) {
    let who = match vouched {
        Vouched::Now => format!("signed by {signer}, who may write it now"),
        Vouched::Then(version) => {
            format!("signed by {signer}, who could write it by trust version {version}")
        }
        Vouched::Nobody(why) => format!("NOT vouched for: {why}"),
    };
    cx.ui
        .warn(&format!("{}: `{secret}` rev {rev}, {who}", past.label()));
}

fn write_out(cx: &Context, value: &mut dyn std::io::Read, path: &FilePath) -> Result<(), Error> {
    let fail = || FsError::io("write out", std::path::Path::new(path.as_str()));
    Ok(cx.ui.value_out(value).map_err(fail())?)
}

/// How a program gets what is not shown: in a variable, or in a file where no variable takes it.
fn to_a_program(vault: Option<&Vault>, path: &SecretPath) -> String {
    let is_variable = vault.is_none_or(|vault| match vault.find(path) {
        Ok(Found::Value(document, name)) => {
            let kind = vault.type_of(&document, &name).unwrap_or_default();
            let is_plain = !matches!(kind, Some(ValueType::Array | ValueType::Table));
            is_plain && name.as_str().parse::<VariableName>().is_ok()
        }
        Ok(Found::File(_)) => false,
        _ => true,
    });
    match is_variable {
        true => format!("`clws exec {path} -- CMD` gives it to a program"),
        false => format!(
            "`clws exec --file FILE={path} -- CMD` gives it to a program, as a file whose path is in FILE"
        ),
    }
}

/// A policy may say that a value is for programs and not for eyes.
fn refuse_no_print(
    no_print: bool,
    (vault, path): (&Vault, &SecretPath),
    secret: &SecretName,
) -> Result<(), Error> {
    if !no_print {
        return Ok(());
    }
    Err(
        Problem::new(Code::Denied, format!("`{secret}` is not to be printed"))
            .note("its policy says no_print")
            .hint(to_a_program(Some(vault), path))
            .into(),
    )
}
