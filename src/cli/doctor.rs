//! `clws doctor`: what about this machine, these keys and this clone is not as it should be.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::check::check;
use crate::cli::context::{Context, as_openers};
use crate::doctor::{Diagnosis, State, backup, clone, council, machine, person, restore};
use crate::error::{Code, Error};
use crate::fs::Sync;
use crate::vault::Reader;

/// Look whether this machine, your keys and this clone are as they should be, and say how to mend each
///
/// Changes nothing. Exits with 1 if something is wrong; a note is no fault. With `--restore` everything in
/// the vault is opened by the identity that `--identity` names, as after a loss of all others: do so with
/// each offline recovery identity, now and then. `--restore DIR` also opens each file of the backup in DIR (`clws
/// export --format age --recovery`), and compares it with the vault.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Practise a restore: open everything with the identities given and nothing else, and a backup too, if one is named
    #[arg(long, value_name = "DIR", num_args = 0..=1, value_hint = clap::ValueHint::DirPath)]
    restore: Option<Option<PathBuf>>,
}

pub(crate) fn run(args: &DoctorArgs, cx: &Context) -> Result<ExitCode, Error> {
    let mut all = machine(&cx.world);
    all.extend(person(&cx.world)?);
    match cx.vault_path() {
        Ok(path) => {
            all.extend(clone(&cx.world, &path));
            // What is wrong with the rules, `clws check` says.
            let vault = cx.sound_vault().ok();
            all.extend(vault.and_then(|vault| council(&vault).ok().flatten()));
        }
        Err(error) if args.restore.is_some() => return Err(error),
        Err(_) => cx
            .ui
            .say("there is no vault here; only the machine and your keys were looked at"),
    }
    if let Some(folder) = &args.restore {
        let vault = cx.vault()?;
        let bundles = cx.bundles()?;
        let mine = cx.held(&bundles);
        all.extend(restore(&check(&vault, Some(&as_openers(&mine)))?));
        if let Some(folder) = folder {
            let reader = Reader::new(&vault, as_openers(&mine), "doctor --restore", Sync::Lazy)?;
            let folder = cx.world.folder().join(folder);
            all.extend(backup(&vault, &reader, &as_openers(&mine), &folder)?);
        }
    }
    show(&all, cx)?;
    Ok(if all.iter().any(|found| found.state == State::Wrong) {
        Code::Found.into()
    } else {
        ExitCode::SUCCESS
    })
}

fn show(all: &[Diagnosis], cx: &Context) -> Result<(), Error> {
    if cx.ui.is_json() {
        let as_json = |found: &Diagnosis| {
            json!({ "about": found.about, "state": found.state.as_str(), "why": found.why,
                "next": found.next })
        };
        let all: Vec<Value> = all.iter().map(as_json).collect();
        return cx.ui.json(&json!({ "found": all }));
    }
    for found in all {
        let line = format!("{:5} {}: {}", found.state.as_str(), found.about, found.why);
        cx.ui.line(&line)?;
        if let Some(next) = &found.next {
            cx.ui.line(&format!("  next: {next}"))?;
        }
    }
    Ok(())
}
