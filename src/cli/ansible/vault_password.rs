//! `clws ansible vault-password`: the password of a vault id, for Ansible.

use clap::Args;

use super::demand_hidden;
use crate::cli::context::{Context, as_openers};
use crate::error::{Code, Error, Problem};
use crate::fs::Sync;
use crate::name::SecretName;
use crate::text::list;
use crate::trust::SETTINGS_FILE;
use crate::vault::Reader;

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
    demand_hidden(cx, args.show)?;
    let vault = cx.trusted_vault()?;
    let settings = vault.trust().accepted.settings();
    let Some(path) = settings.ansible.get(&args.vault_id) else {
        let id = crate::text::clean(&args.vault_id);
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
    let bundles = cx.bundles()?;
    let mine = cx.openers(&bundles);
    let what = "ansible vault-password";
    let reader = Reader::new(&vault, as_openers(&mine), what, Sync::Lazy)?.for_programs();
    match &secret {
        SecretName::Value(document, name) => {
            let opened = reader.value(document, name)?;
            opened.value.with(|bytes| cx.ui.data(bytes))?;
        }
        SecretName::File(file) => {
            let mut bytes = zeroize::Zeroizing::new(Vec::new());
            reader.file(file, &mut *bytes)?;
            cx.ui.data(&bytes)?;
        }
    }
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
    Ok(())
}
