//! `clws host import`: hosts out of another tool's list.

use std::collections::{BTreeMap, BTreeSet};
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
use crate::text::{count, ranges};

/// Take hosts over from `az vm list -d -o json`, or from an Ansible inventory in INI or YAML
///
/// Shows for each host whether it is new, changed or the same, and what it still lacks; of many alike in one
/// row, which `--dry-run` and `--verbose` show one by one. All of them go into one trust version. What the file does
/// not say stays as it is, and host keys are never touched: `clws host scan` takes those.
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
    #[arg(long, value_parser = super::add::user_name)]
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
    let most = match args.dry_run || cx.ui.is_verbose() {
        true => usize::MAX,
        false => MANY,
    };
    table(cx, &items, most)?;
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

/// More hosts than this of which the same is said are one row of the plan.
const MANY: usize = 20;

fn table(cx: &Context, items: &[Item], most: usize) -> Result<(), Error> {
    let rows: Vec<Row> = items.iter().map(Row::of).collect();
    if cx.ui.is_json() {
        let rows = items.iter().zip(&rows).map(|(item, row)| {
            json!({ "name": row.name, "source": item.source, "becomes": row.becomes, "what": row.what,
                    "missing": item.missing })
        });
        return cx.ui.json(&json!({ "hosts": rows.collect::<Vec<_>>() }));
    }
    let mut alike: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for row in &rows {
        alike.entry(row.kind()).or_default().push(&row.name);
    }
    let mut shown = BTreeSet::new();
    let cells = rows.iter().filter_map(|row| {
        let names = alike.get(&row.kind()).filter(|names| names.len() > most);
        let (name, what) = match names {
            Some(_) if !shown.insert(row.kind()) => return None,
            Some(names) if row.kind().1.is_empty() => (ranges(names), count(names.len(), "host")),
            Some(names) => (ranges(names), row.what.clone()),
            None => (row.name.clone(), row.what.clone()),
        };
        Some(vec![name, row.becomes.to_owned(), what, row.lacks.clone()])
    });
    cx.ui.table(&["HOST", "", "", ""], cells.collect())
}

/// What the plan says of a host.
struct Row {
    name: String,
    becomes: &'static str,
    what: String,
    lacks: String,
}

impl Row {
    fn of(item: &Item) -> Self {
        let (name, becomes, what) = match &item.change {
            Change::New(party) => {
                let at = super::list::at(party).unwrap_or_default();
                (party.name.to_string(), "new", at)
            }
            Change::Changed(party, what) => (party.name.to_string(), "changed", what.join(", ")),
            Change::Same(name) => (name.to_string(), "same", String::new()),
            Change::LeftOut(why) => (item.source.clone(), "left out", why.clone()),
        };
        let lacks = match item.missing.as_slice() {
            [] => String::new(),
            missing => format!("lacks {}", missing.join(", ")),
        };
        Self {
            name,
            becomes,
            what,
            lacks,
        }
    }

    /// What rows have in common of which one is enough. What changes is decided by whoever reads it.
    fn kind(&self) -> (&str, &str, &str) {
        let what = match self.becomes {
            "new" => "",
            _ => &self.what,
        };
        (self.becomes, what, &self.lacks)
    }
}
