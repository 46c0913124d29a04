//! `clws host import`: hosts out of another tool's list.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::error::{Code, Error, Problem};
use crate::fleet::inventory::{self, Change, Defaults, Item};
use crate::fs::{FsError, read_whole};
use crate::name::{PartyName, Scope};
use crate::recipients::Become;

/// Take hosts over from `az vm list -d -o json`, or from an Ansible inventory in INI or YAML
///
/// Shows for each host whether it is new, changed or the same, and what it still lacks. All of them go
/// into one trust version. What the file does not say stays as it is, and host keys are never touched:
/// `clws host scan` takes those.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// The file; `-` for stdin
    file: PathBuf,
    /// The environment of hosts whose name and groups do not say it
    #[arg(long)]
    scope: Option<Scope>,
    /// The machine type of hosts whose name and groups do not say it
    #[arg(long)]
    machine_type: Option<String>,
    /// The user to log in as, on new hosts for which the file says none
    #[arg(long)]
    user: Option<String>,
    /// How that user becomes root for deploys on new hosts: `sudo`, without a password
    #[arg(long = "become", value_name = "HOW")]
    becomes: Option<Become>,
    /// The host to go through to those for which the file says none
    #[arg(long, value_name = "HOST")]
    jump: Option<PartyName>,
    /// Take the address in the host's own net, where there are two
    #[arg(long)]
    private: bool,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &ImportArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    rules::demand_signed(&vault)?;
    let listed = inventory::read(&text(&cx.world.folder().join(&args.file), &args.file)?)?;
    let mut new = rules::accepted(&vault)?;
    let known: BTreeMap<_, _> = new.parties()?;
    let defaults = Defaults {
        scope: args.scope.clone(),
        machine_type: args.machine_type.clone(),
        user: args.user.clone(),
        becomes: args.becomes,
        jump: args.jump.clone(),
        is_private: args.private,
    };
    let items = inventory::plan(&listed, &known, &defaults);
    table(cx, &items)?;
    let mut changes = 0;
    for item in &items {
        if let Change::New(party) | Change::Changed(party, _) = &item.change {
            new.set_party(party);
            changes += 1;
        }
    }
    if let Some(jump) = &args.jump
        && !new.parties()?.contains_key(jump)
    {
        return Err(
            Problem::new(Code::NotFound, format!("there is no host {jump}"))
                .hint("it may stand in the same file")
                .into(),
        );
    }
    if changes == 0 {
        cx.ui.say("nothing to change");
        return Ok(());
    }
    let lacks_keys = |item: &&Item| item.missing.iter().any(|what| what == "host keys");
    if items.iter().any(|item| lacks_keys(&item)) {
        cx.ui
            .say("nothing is deployed to a host without host keys: `clws host scan HOST --add` takes them");
    }
    rules::change(cx, &vault, &new, &[], Run::from(args.dry_run))
}

fn text(path: &Path, given: &Path) -> Result<String, Error> {
    /// A list of 10,000 machines has 60 MiB.
    const MOST: usize = 128 << 20;
    let mut bytes = if given == Path::new("-") {
        read_whole(std::io::stdin().lock(), given, MOST)
    } else {
        let file = std::fs::File::open(path).map_err(FsError::io("read", given))?;
        read_whole(file, given, MOST)
    }?;
    String::from_utf8(std::mem::take(&mut *bytes)).map_err(|_| {
        Problem::new(Code::DataErr, format!("{} is not UTF-8", given.display())).into()
    })
}

fn table(cx: &Context, items: &[Item]) -> Result<(), Error> {
    let said = |item: &Item| match &item.change {
        Change::New(party) => (
            party.name.to_string(),
            "new",
            super::list::at(party).unwrap_or_default(),
        ),
        Change::Changed(party, what) => (party.name.to_string(), "changed", what.join(", ")),
        Change::Same(name) => (name.to_string(), "same", String::new()),
        Change::LeftOut(why) => (item.source.clone(), "left out", why.clone()),
    };
    if cx.ui.is_json() {
        let items: Vec<_> = items
            .iter()
            .map(|item| {
                let (name, becomes, what) = said(item);
                json!({ "name": name, "source": item.source, "becomes": becomes, "what": what,
                        "missing": item.missing })
            })
            .collect();
        return cx.ui.json(&json!({ "hosts": items }));
    }
    let cells: Vec<Vec<String>> = items
        .iter()
        .map(|item| {
            let (name, becomes, what) = said(item);
            let missing = match item.missing.as_slice() {
                [] => String::new(),
                missing => format!("lacks {}", missing.join(", ")),
            };
            vec![name, becomes.to_owned(), what, missing]
        })
        .collect();
    cx.ui.table(&["HOST", "", "", ""], cells)
}
