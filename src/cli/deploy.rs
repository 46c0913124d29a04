//! `clws deploy`: runs the deploy hooks.

mod beside;
mod live;
mod signals;
mod stop;
mod table;

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use tokio::sync::watch;

pub(super) use self::beside::Beside;
use self::live::Live;
use self::signals::Signals;
use super::context::{Context, as_openers, as_signers};
use super::runtime::{cannot_start, runtime, user_here};
use super::session::BesideArgs;
use super::ways::Ways;
use crate::channel::ssh::Limits;
use crate::deploy::{Brings, ComponentPlan, Event, HOST_TIME, Plan, Record, Run, outcome, plan};
use crate::error::{Code, Error, Problem};
use crate::fleet::{Endpoint, Host, hosts};
use crate::fs::Sync;
use crate::name::Component;
use crate::text::{count, list};
use crate::vault::{Reader, Vault};

/// Deploy components with their credentials injected
///
/// Shows the plan first: what runs where, which secrets by name and rev, in which ways. Refuses before
/// any host is touched if a hook is unsigned or a secret is missing or older than seen. A component
/// whose probes fail is put back with its old secrets. What has nothing new is not touched.
#[derive(Args, Debug)]
pub(crate) struct DeployArgs {
    /// The components; all that run there without
    components: Vec<Component>,
    /// Environments, hosts, groups like `prod_server`, or patterns of names; several by commas
    #[arg(long, value_name = "ENV|HOST|GROUP|PATTERN")]
    on: String,
    /// How many hosts at a time
    ///
    /// Fewer, where `ulimit -n` allows fewer. A component waits for those in its `after` on whichever
    /// host they are, however many hosts there are at a time.
    #[arg(long, value_name = "N", default_value_t = PARALLEL,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    parallel: u16,
    /// Go on with a deploy that was cut off, or that some hosts failed
    ///
    /// What was done then is left out, and its hosts are not connected to, unless it is to be brought
    /// otherwise by now: a new value, hook or address. Name the same components and the same `--on`.
    #[arg(long, conflicts_with_all = ["stop", "allow_rollback"])]
    resume: bool,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
    /// In an emergency, on a terminal: bring values that are older than seen, for this reason
    ///
    /// They are named and asked about; `--yes` does not answer. The reason goes into the audit log and
    /// the receipts, so no secrets in it. Nothing that this machine remembers moves.
    #[arg(long, value_name = "REASON", conflicts_with_all = ["dry_run", "stop"])]
    allow_rollback: Option<String>,
    /// Stop what was deployed, and remove its files
    #[arg(long)]
    stop: bool,
    #[command(flatten)]
    beside: BesideArgs,
}

/// How many hosts at a time, where nobody says. A deploy waits for hosts far longer than it works for
/// them, and each costs about half a megabyte.
pub(super) const PARALLEL: u16 = 32;

/// A plan of more lines than this is summed up below them.
const LONG: usize = 40;

pub(crate) fn run(args: &DeployArgs, cx: &Context) -> Result<ExitCode, Error> {
    cx.meant_server(&args.beside);
    let vault = cx.trusted_vault()?;
    vault.demand_pin()?;
    let hosts = hosts(&vault, &args.on)?;
    if args.stop {
        return stop::run(args, cx, &vault, &hosts);
    }
    let reason = args.allow_rollback.as_deref();
    let reason = reason.map(|reason| reason_of(cx, reason)).transpose()?;
    if reason.is_some() {
        vault.gather_older();
    }
    let mut plan = plan(&vault, hosts, &args.components)?;
    for notice in &plan.notices {
        cx.ui.warn(notice);
    }
    for line in plan.warnings.iter().chain(&plan.left_out) {
        cx.ui.warn(line);
    }
    if plan.hosts.is_empty() {
        return Err(nothing_runs(&vault, &args.on));
    }
    let mut beside = Beside::new(cx);
    match beside.look(&mut plan) {
        // Nothing is brought, so the rest of the plan is worth seeing.
        Err(error) if args.dry_run && error.code() != Code::NotFound => {
            cx.ui.warn("what the server has is not known:");
            cx.ui.warn_of(&error);
        }
        looked => looked?,
    }
    let mut record = None;
    if args.resume {
        record = open_record(args, cx, &vault)?;
    }
    if let Some(record) = &record {
        let done = record.skip_done(&mut plan);
        let (done, left) = (count(done, "component"), count(plan.hosts.len(), "host"));
        cx.ui.say(&format!("{done} done before; {left} left"));
    }
    if args.dry_run && cx.ui.is_json() {
        cx.ui.json(&plan.to_json())?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines = plan.lines();
    for line in &lines {
        cx.ui.say(line);
    }
    if lines.len() > LONG {
        cx.ui.say(&sum(&plan));
    }
    if args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    match reason {
        Some(reason) => allow_older(args, cx, &vault, &mut plan, reason)?,
        None if plan.hosts.is_empty() => {}
        None => cx.ui.confirm(&format!("deploy to {}?", args.on))?,
    }
    beside.read(&mut plan)?;
    if !args.resume && args.allow_rollback.is_none() {
        record = open_record(args, cx, &vault)?;
    }
    let asked = Asked {
        brings: Brings::All,
        parallel: args.parallel,
        hosts: plan.hosts.len(),
        record: record.as_ref(),
        beside: &beside,
    };
    let rows = with_run(cx, &vault, &asked, async |run, _| run.deploy(&plan).await)?;
    let printed = table::print(&cx.ui, &rows);
    match outcome(&rows) {
        Ok(()) => {
            record.map(Record::forget).transpose()?;
            next(cx, args);
            printed.map(|()| ExitCode::SUCCESS)
        }
        Err(code) => {
            if let Err(error) = printed {
                cx.ui.warn_of(&error);
            }
            if rows.len() > 1 && record.is_some() {
                let words = args.components.iter().map(|name| format!("{name} "));
                let words: String = words.collect();
                cx.ui.say(&format!(
                    "`clws deploy {words}--on {} --resume` goes on with what is not done",
                    args.on
                ));
            }
            Ok(code.into())
        }
    }
}

/// What a long plan comes to, where a person reads it: above the question.
fn sum(plan: &Plan) -> String {
    let all = plan.hosts.iter().flat_map(|host| &host.components);
    let components: BTreeSet<&Component> = all.clone().map(ComponentPlan::component).collect();
    let times = match all.count() {
        all if all > components.len() => format!(", {all} times in all"),
        _ => String::new(),
    };
    format!(
        "{} on {}{times}",
        count(components.len(), "component"),
        count(plan.hosts.len(), "host")
    )
}

/// Brings what a plan says of what is there, in the course of another command; its rows were printed.
pub(super) fn bring(
    cx: &Context,
    vault: &Vault,
    plan: &mut Plan,
) -> Result<Result<(), Code>, Error> {
    let mut beside = Beside::new(cx);
    beside.look(plan)?;
    beside.read(plan)?;
    let asked = Asked {
        brings: Brings::There,
        parallel: PARALLEL,
        hosts: plan.hosts.len(),
        record: None,
        beside: &beside,
    };
    let rows = with_run(cx, vault, &asked, async |run, _| run.deploy(plan).await)?;
    // A table that cannot be printed is no reason to stop halfway.
    if let Err(error) = table::print(&cx.ui, &rows) {
        cx.ui.warn_of(&error);
    }
    Ok(outcome(&rows))
}

/// The record that a run leaves for one that goes on with it.
fn open_record(args: &DeployArgs, cx: &Context, vault: &Vault) -> Result<Option<Record>, Error> {
    let folder = vault.trust().pins.dir();
    let record = Record::open(folder, &args.on, &args.components, args.resume)?;
    if record.is_none() {
        cx.ui
            .warn("another deploy of the same runs here; this one cannot be resumed");
    }
    Ok(record)
}

/// The longest reason that is taken.
const MAX_REASON: usize = 200;

/// A reason that reads as one line, given where somebody can be asked.
fn reason_of<'r>(cx: &Context, reason: &'r str) -> Result<&'r str, Error> {
    cx.ui.demand_terminal("`--allow-rollback`")?;
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > MAX_REASON || reason.contains(char::is_control) {
        return Err(Problem::new(
            Code::Usage,
            format!("a reason is one line of 1 to {MAX_REASON} bytes"),
        )
        .into());
    }
    Ok(reason)
}

/// Names what is older, asks, logs, and lets that pass.
fn allow_older(
    args: &DeployArgs,
    cx: &Context,
    vault: &Vault,
    plan: &mut Plan,
    reason: &str,
) -> Result<(), Error> {
    let older = vault.older();
    if older.is_empty() {
        return Err(Problem::new(
            Code::Usage,
            "nothing of this deploy is older than this machine has seen",
        )
        .hint("leave out `--allow-rollback`")
        .into());
    }
    for (name, how) in &older {
        cx.ui.tell(&format!("older: `{name}` is {how}"));
    }
    let count = count(older.len(), "older secret");
    cx.ui.confirm_in_person(
        "`--allow-rollback`",
        &format!("deploy to {} with {count}?", args.on),
    )?;
    vault.confirm_older(reason)?;
    plan.allow_older(&older, reason);
    Ok(())
}

/// How a run is to work.
struct Asked<'a> {
    brings: Brings,
    parallel: u16,
    /// How many hosts there are.
    hosts: usize,
    record: Option<&'a Record>,
    beside: &'a Beside<'a>,
}

/// Builds what a run works with, and lends it.
fn with_run<T>(
    cx: &Context,
    vault: &Vault,
    asked: &Asked<'_>,
    f: impl AsyncFnOnce(&Run<'_>, &Live<'_>) -> T,
) -> Result<T, Error> {
    let bundles = cx.bundles_for(vault)?;
    let mine = cx.openers(vault, &bundles);
    let reader = Reader::new(vault, as_openers(&mine), "deploy", Sync::Disk)?;
    let keys = cx.signers(vault, &bundles)?;
    // Reading rights are enough to deploy; somebody without a signing key here is named by the system.
    let user = user_here(cx);
    let by = match vault.author(&as_signers(&keys)) {
        Ok(author) => author.party.to_string(),
        Err(_) => user
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect(),
    };
    let ways = Ways::new(cx, vault, &reader, &bundles, &user);
    let way = |host: &Host, endpoint: &Endpoint| ways.to(Some(&host.scope), endpoint);
    let live = Live::new(&cx.ui, asked.hosts);
    let (say, warn) = (|line: &str| live.say(line), |line: &str| live.warn(line));
    let report = |event: Event<'_>| live.event(event);
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let (sender, signals) = watch::channel(None);
        let mut came = Signals::listen().map_err(cannot_start)?;
        let run = Run {
            vault,
            reader: &reader,
            way: &way,
            outside: asked.beside,
            brings: asked.brings,
            by: &by,
            say: &say,
            warn: &warn,
            report: &report,
            record: asked.record,
            signals,
            parallel: usize::from(asked.parallel),
            host_time: HOST_TIME,
            limits: Limits::default(),
        };
        let listening = async {
            let code = came.next().await;
            live.say(
                "interrupted: nothing new begins, what is half done is put back; once more ends at once",
            );
            sender.send_replace(Some(code));
            came.next().await
        };
        tokio::select! {
            done = f(&run, &live) => Ok(done),
            code = listening => Err(Problem::new(
                code,
                "ended in the middle; the next deploy tidies up",
            )
            .into()),
        }
    });
    // A look-up of a name that hangs is not waited for.
    runtime.shutdown_background();
    live.end();
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
    result
}

/// What a newcomer may try, after the demonstration.
fn next(cx: &Context, args: &DeployArgs) {
    if args.on != "demo" || cx.ui.is_json() {
        return;
    }
    let identity = cx
        .identity
        .as_ref()
        .map(|path| format!(" --identity {}", path.display()));
    let identity = identity.unwrap_or_default();
    cx.ui.say("next:");
    cx.ui
        .say("  clws secret list demo                      what there is, opening nothing");
    cx.ui.say(&format!("  clws secret edit demo/greeter{identity}   change GREETING; deploy again: one component changes"));
    cx.ui.say(&format!(
        "  clws deploy --on demo --stop --yes{identity}   stop it all, remove its files"
    ));
}

/// That no hook is for any of the hosts that were named.
fn nothing_runs(vault: &Vault, on: &str) -> Error {
    let hosts = hosts(vault, on).unwrap_or_default();
    let types: BTreeSet<&str> = hosts
        .iter()
        .map(|host| host.machine_type.as_str())
        .collect();
    let types: Vec<&str> = types.into_iter().collect();
    Problem::new(Code::NotFound, format!("no component runs on `{on}`"))
        .note(format!(
            "its hosts are of the machine type {}",
            list(&types)
        ))
        .hint("`runs_on` in a hook says where its component runs")
        .into()
}
