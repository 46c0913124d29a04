//! `clws ansible vault-password`: the password of a vault id, for Ansible.

use clap::Args;

use crate::cli::context::{Context, as_openers};
use crate::error::{Code, Error, Problem};
use crate::fs::{FsError, Sync};
use crate::name::SecretName;
use crate::text::list;
use crate::trust::SETTINGS_FILE;
use crate::vault::{PolicyKey, Reader};

/// Print the password that Ansible's vault files of an id are sealed with
///
/// It is the secret that `[ansible.ID]` in clws.toml names. Ansible runs a program whose name ends in
/// `-client` with `--vault-id ID`, so a file of two lines that may be run is one: `#!/bin/sh` and
/// `exec clws ansible vault-password "$@"`. Exit code 2 says that there is no password for the id.
#[derive(Args, Debug)]
pub(crate) struct VaultPasswordArgs {
    /// Which vault id
    #[arg(long, value_name = "ID", default_value = "default")]
    vault_id: String,
    /// Print it even when stdout is a terminal
    #[arg(long)]
    show: bool,
}

pub(crate) fn run(args: &VaultPasswordArgs, cx: &Context) -> Result<(), Error> {
    let instead =
        "`clws exec --file PW=PATH -- CMD` puts it into a file for `--vault-password-file`";
    cx.ui.demand_eyes(args.show.into(), instead)?;
    let vault = cx.trusted_vault()?;
    let settings = vault.trust().accepted.settings();
    let Some(path) = settings.ansible.get(&args.vault_id) else {
        let id = crate::text::clean_line(&args.vault_id);
        // By this code Ansible goes on to the next program that may know it.
        let problem = Problem::new(
            Code::Usage,
            format!("no secret is the password of the vault id `{id}`"),
        );
        let known: Vec<&String> = settings.ansible.keys().collect();
        let problem = match known.as_slice() {
            [] => problem,
            known => problem.note(format!("there are {}", list(known))),
        };
        return Err(problem
            .hint(format!(
                "write `[ansible.{id}]` and `secret = \"PATH\"` into {SETTINGS_FILE}, then `clws trust sign`"
            ))
            .into());
    };
    let secret = vault.find_secret(path)?;
    let bundles = cx.bundles_for(&vault)?;
    let mine = cx.openers(&vault, &bundles);
    let what = "ansible vault-password";
    let reader = Reader::new(&vault, as_openers(&mine), what, Sync::Lazy)?.for_programs();
    match &secret {
        SecretName::Value(document, name) => {
            let opened = reader.value(document, name)?;
            refuse_no_print(cx, opened.no_print, &secret)?;
            opened.value.with(|bytes| cx.ui.data(bytes))?;
        }
        SecretName::File(file) => {
            let mut opened = reader.open_file(file)?;
            let no_print = opened.policy.value(PolicyKey::NoPrint).is_some();
            refuse_no_print(cx, no_print, &secret)?;
            let mut bytes = zeroize::Zeroizing::new(Vec::new());
            std::io::Read::read_to_end(&mut opened.reader, &mut bytes)
                .map_err(FsError::io("open", std::path::Path::new(file.as_str())))?;
            cx.ui.data(&bytes)?;
        }
    }
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
    Ok(())
}

/// Ansible is a program; a terminal is not.
fn refuse_no_print(cx: &Context, no_print: bool, secret: &SecretName) -> Result<(), Error> {
    if !(no_print && cx.ui.shows_to_terminal()) {
        return Ok(());
    }
    Err(
        Problem::new(Code::Denied, format!("`{secret}` is not to be printed"))
            .note("its policy says no_print")
            .hint("Ansible gets it, by `--vault-id` and this program")
            .into(),
    )
}
