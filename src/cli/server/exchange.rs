//! `clws server push`, `pull` and `sync`: documents to the server, and back.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{PlaceArgs, ServerArgs};
use crate::cli::context::{Context, as_openers};
use crate::error::{Code, Error, Problem};
use crate::fs::Sync;
use crate::name::SecretPath;
use crate::server::{Action, Direction, Item, Kv, Plan, Sides, Standing, Step, Surveyed, survey};
use crate::text::{clean_line, count};
use crate::vault::Reader;

/// What is brought, and whether it is only shown.
#[derive(Args, Debug)]
pub(crate) struct ExchangeArgs {
    /// Scopes, documents, folders or files
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<SecretPath>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    server: ServerArgs,
    /// Show the plan, and touch nothing
    #[arg(long)]
    dry_run: bool,
}

/// Bring documents of the vault to the server
///
/// A document becomes one secret of a key-value store with versions (KV 2), with a field for each value; a
/// sealed file becomes one with its content in base64. Each is written over the version that is known there
/// and no other: what was changed there since is a conflict (16), and then nothing is written. What was
/// removed from the vault is deleted there, so that it can be undeleted. The plan is shown and asked about.
#[derive(Args, Debug)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    exchange: ExchangeArgs,
}

/// Take over into the vault what was changed on the server
///
/// It is an ordinary change of the vault, signed by you: all of it or nothing. What was changed on both sides
/// is a conflict (16), and then nothing is taken.
#[derive(Args, Debug)]
pub(crate) struct PullArgs {
    #[command(flatten)]
    exchange: ExchangeArgs,
    /// Take the server's also where the vault has something newer; `clws secret restore` brings that back
    #[arg(long)]
    theirs: bool,
}

/// Bring each document to where it is older: `pull`, then `push`
#[derive(Args, Debug)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    exchange: ExchangeArgs,
}

impl PushArgs {
    pub(super) fn run(&self, cx: &Context) -> Result<ExitCode, Error> {
        run(&self.exchange, cx, Direction::Push, "server push")
    }
}

impl PullArgs {
    pub(super) fn run(&self, cx: &Context) -> Result<ExitCode, Error> {
        let direction = match self.theirs {
            true => Direction::PullTheirs,
            false => Direction::Pull,
        };
        run(&self.exchange, cx, direction, "server pull")
    }
}

impl SyncArgs {
    pub(super) fn run(&self, cx: &Context) -> Result<ExitCode, Error> {
        run(&self.exchange, cx, Direction::Sync, "server sync")
    }
}

fn run(
    args: &ExchangeArgs,
    cx: &Context,
    direction: Direction,
    what: &str,
) -> Result<ExitCode, Error> {
    args.server.choose(cx);
    let vault = cx.trusted_vault()?;
    let bundles = cx.bundles_for(&vault)?;
    let mine = cx.openers(&vault, &bundles);
    let reader = Reader::new(&vault, as_openers(&mine), what, Sync::Lazy)?.for_programs();
    args.server.at(cx, async |client| {
        let kv = args.place.store(cx, client).await?;
        let Surveyed { items, left_out } = survey(client, &kv, &vault, &args.paths).await?;
        let sides = Sides {
            client,
            kv: &kv,
            vault: &vault,
            reader: &reader,
        };
        let mut plan = Plan::make(&sides, direction, items).await?;
        for notice in reader.take_notices() {
            cx.ui.warn(&notice);
        }
        show(cx, &plan, &left_out, &kv)?;
        warn_of(&left_out, cx);
        demand_none(&plan)?;
        if plan.is_idle() {
            cx.ui.say("there is nothing to do");
            return Ok(ExitCode::SUCCESS);
        }
        if args.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        let (ui, question) = (cx.ui, question(&plan));
        // Asked beside the work, so that a signal ends it.
        let asked = tokio::task::spawn_blocking(move || ui.confirm(&question)).await;
        asked.map_err(|_| Problem::new(Code::Bug, "the question ended"))??;
        if plan.takes() {
            cx.change_with(&bundles, &vault, what, |change| plan.take(&sides, change))?;
        }
        let mut progress = cx.ui.progress("bringing", plan.steps.len());
        let notes = plan.bring(&sides, &mut |_| progress.step()).await?;
        drop(progress);
        for note in notes {
            cx.ui.say(&note);
        }
        cx.ui.say(&done(&plan));
        Ok(ExitCode::SUCCESS)
    })
}

/// The plan: on stdout as JSON, else for whoever is asked.
fn show(
    cx: &Context,
    plan: &Plan,
    left_out: &BTreeMap<String, String>,
    kv: &Kv,
) -> Result<(), Error> {
    let place = |item: &Item| kv.place(item.secret.path());
    if cx.ui.is_json() {
        let step = |step: &Step| {
            json!({
                "path": step.item.secret.path(), "there": place(&step.item),
                "standing": step.item.standing.as_str(), "action": step.action.as_str(),
                "changes": step.names,
            })
        };
        let steps: Vec<Value> = plan.steps.iter().map(step).collect();
        return cx.ui.json(&json!({ "steps": steps, "left_out": left_out }));
    }
    let row = |step: &Step| {
        let action = step.action.as_str().to_owned();
        vec![
            action,
            step.item.secret.path().to_owned(),
            place(&step.item),
            step.names.join(", "),
        ]
    };
    let is_done = |step: &&Step| !matches!(step.action, Action::Nothing);
    let mut rows: Vec<Vec<String>> = plan.steps.iter().filter(is_done).map(row).collect();
    let left_out = left_out.keys();
    rows.extend(left_out.map(|path| {
        let cells = ["left out", path, &kv.place(path), ""];
        cells.map(str::to_owned).to_vec()
    }));
    cx.ui.table(&["ACTION", "PATH", "THERE", "CHANGES"], rows)
}

/// Says why something of the server is no document of a vault, a line each, and how many there are.
pub(super) fn warn_of(left_out: &BTreeMap<String, String>, cx: &Context) {
    for (path, why) in left_out {
        cx.ui.warn(&format!("`{path}` is left out: {why}"));
    }
    if !left_out.is_empty() {
        let all = count(left_out.len(), "secret");
        cx.ui
            .warn(&format!("{all} of the server left out, by their names"));
    }
}

fn demand_none(plan: &Plan) -> Result<(), Error> {
    let mut conflicts = plan.conflicts().peekable();
    let Some((first, _)) = conflicts.peek() else {
        return Ok(());
    };
    let path = first.secret.path().to_owned();
    let is_apart = first.mark.is_some() && first.standing == Standing::Apart;
    let mut problem = Problem::new(Code::Conflict, "nothing was done");
    for (item, why) in conflicts {
        problem = problem.note(format!("`{}`: {why}", clean_line(item.secret.path())));
    }
    let hint = match is_apart {
        true => format!(
            "`clws server pull --theirs {path}` takes the server's; `clws secret restore` brings a value of the vault back"
        ),
        false => format!(
            "`clws server pull {path}` first; the plan shows what the vault would take over"
        ),
    };
    Err(problem.hint(hint).into())
}

fn counts(plan: &Plan) -> [(usize, &'static str); 4] {
    let of = |wanted: &str| {
        let steps = plan.steps.iter();
        steps.filter(|step| step.action.as_str() == wanted).count()
    };
    [
        (of("write"), "write"),
        (of("delete"), "delete"),
        (of("take"), "take"),
        (of("note"), "note"),
    ]
}

fn question(plan: &Plan) -> String {
    let parts = counts(plan).into_iter().filter(|(number, _)| *number > 0);
    let parts = parts.map(|(number, verb)| {
        let things = count(number, "secret");
        match verb {
            "write" => format!("write {things} on the server"),
            "delete" => format!("delete {things} on the server"),
            "take" => format!("take {things} over into the vault"),
            _ => format!("note that {things} are the same"),
        }
    });
    format!("{}?", parts.collect::<Vec<_>>().join(", "))
}

fn done(plan: &Plan) -> String {
    let parts = counts(plan).into_iter().filter(|(number, _)| *number > 0);
    let parts = parts.map(|(number, verb)| match verb {
        "write" => format!("wrote {number}"),
        "delete" => format!("deleted {number}"),
        "take" => format!("took {number} over"),
        _ => format!("noted {number}"),
    });
    parts.collect::<Vec<_>>().join(", ")
}
