//! `clws deploy`: runs the deploy hooks.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::context::{Context, as_openers, as_signers};
use super::login::Ways;
use crate::deploy::{HOST_TIME, Plan, Row, Run, is_interruption, outcome, plan};
use crate::error::{Code, Error, Problem};
use crate::exec::ignores;
use crate::fleet::{Endpoint, Host, hosts};
use crate::fs::Sync;
use crate::name::Component;
use crate::text::count;
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
    #[arg(long, conflicts_with = "dry_run")]
    stop: bool,
}

pub(crate) fn run(args: &DeployArgs, cx: &Context) -> Result<ExitCode, Error> {
    let vault = cx.trusted_vault()?;
    vault.demand_pin(false)?;
    let hosts = hosts(&vault, &args.on)?;
    if args.stop {
        return stop(args, cx, &vault, &hosts);
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
        return Err(Problem::new(
            Code::NotFound,
            format!("no component runs on `{}`", args.on),
        )
        .hint("`runs_on` in a hook says where its component runs")
        .into());
    }
    for line in plan.lines() {
        cx.ui.say(&line);
    }
    if args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    match reason {
        Some(reason) => allow_older(args, cx, &vault, &mut plan, reason)?,
        None => cx.ui.confirm(&format!("deploy to {}?", args.on))?,
    }
    let rows = with_run(cx, &vault, async |run| {
        run.deploy(&plan, |row| {
            if let Err(error) = &row.result {
                super::ui::print_error(error);
            }
        })
        .await
    })?;
    table(cx, &rows)?;
    match outcome(&rows) {
        Ok(()) => {
            next(cx, args);
            Ok(ExitCode::SUCCESS)
        }
        Err(code) => Ok(code.into()),
    }
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

/// Builds what a run works with, and lends it.
fn with_run<T>(
    cx: &Context,
    vault: &Vault,
    f: impl AsyncFnOnce(&Run<'_>) -> T,
) -> Result<T, Error> {
    let bundles = cx.bundles()?;
    let mine = cx.openers(&bundles);
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
    let (say, warn) = (|line: &str| cx.ui.say(line), |line: &str| cx.ui.warn(line));
    let result = runtime()?.block_on(async {
        let (sender, signals) = watch::channel(None);
        let mut came = Signals::listen().map_err(cannot_start)?;
        let run = Run {
            vault,
            reader: &reader,
            way: &way,
            by: &by,
            say: &say,
            warn: &warn,
            signals,
            host_time: HOST_TIME,
        };
        let listening = async {
            let code = came.next().await;
            cx.ui
                .say("interrupted: putting back what was there; once more ends at once");
            sender.send_replace(Some(code));
            came.next().await
        };
        tokio::select! {
            done = f(&run) => Ok(done),
            code = listening => Err(Problem::new(
                code,
                "ended in the middle; the next deploy tidies up",
            )
            .into()),
        }
    });
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
    result
}

/// The person's name on this machine.
pub(crate) fn user_here(cx: &Context) -> String {
    let user = cx.world.variable("USER");
    user.map_or_else(
        || "root".to_owned(),
        |user| user.to_string_lossy().into_owned(),
    )
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot_start)
}

pub(crate) fn cannot_start(error: std::io::Error) -> Error {
    Problem::new(Code::IoErr, format!("cannot start: {error}")).into()
}

/// The signals that ask a deploy to end; what it was started to ignore stays ignored.
struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let listen = |kind: SignalKind| {
            let ignored = ignores(kind.as_raw_value());
            (!ignored).then(|| signal(kind)).transpose()
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// The next one, as the code that a program ends with after it.
    async fn next(&mut self) -> Code {
        async fn came(signal: &mut Option<Signal>) {
            match signal {
                Some(signal) => drop(signal.recv().await),
                None => std::future::pending().await,
            }
        }
        tokio::select! {
            () = came(&mut self.interrupt) => Code::Interrupt,
            () = came(&mut self.terminate) => Code::Terminated,
            () = came(&mut self.hangup) => Code::Hangup,
        }
    }
}

fn stop(args: &DeployArgs, cx: &Context, vault: &Vault, hosts: &[Host]) -> Result<ExitCode, Error> {
    cx.ui
        .confirm(&format!("stop what was deployed to {}?", args.on))?;
    let failed = with_run(cx, vault, async |run| {
        let mut failed = Vec::new();
        for host in hosts {
            let report = |component: &Component| {
                cx.ui.say(&format!("stopped {component} on {}", host.name));
            };
            match run.stop(host, &args.components, report).await {
                Ok(0) => cx.ui.say(&format!("nothing of it runs on {}", host.name)),
                Ok(_) => {}
                Err(error) => {
                    super::ui::print_error(&error);
                    failed.push(error);
                    if run.signals.borrow().is_some() {
                        break;
                    }
                }
            }
        }
        failed
    })?;
    Ok(match failed.last() {
        None => ExitCode::SUCCESS,
        Some(error) if failed.len() == hosts.len() || is_interruption(error) => error.code().into(),
        Some(_) => Code::Partial.into(),
    })
}

fn table(cx: &Context, rows: &[Row]) -> Result<(), Error> {
    let result = |row: &Row| match &row.result {
        Ok(done) => done.as_str().to_owned(),
        Err(error) => format!("failed ({})", error.code().name()),
    };
    let component = |row: &Row| {
        row.component
            .as_ref()
            .map_or("-".to_owned(), ToString::to_string)
    };
    if cx.ui.is_json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                let error = row.result.as_ref().err().map(Error::to_json);
                json!({ "host": row.host, "component": component(row), "result": result(row),
                        "seconds": row.seconds, "error": error })
            })
            .collect();
        return cx.ui.json(&json!({ "rows": rows }));
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                row.host.clone(),
                component(row),
                result(row),
                format!("{:.1} s", row.seconds),
            ]
        })
        .collect();
    cx.ui
        .table(&["HOST", "COMPONENT", "RESULT", "TIME"], &cells)
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
