//! `clws status`: what whoever is on call opens first.

mod install;
mod notify;
mod page;
mod report;
mod table;

use std::cell::RefCell;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::runtime::Runtime;

use super::context::{Context, as_openers};
use super::deploy::{Beside, PARALLEL};
use super::runtime::{runtime, user_here};
use super::session::BesideArgs;
use super::ui::print_error;
use super::usage;
use super::ways::Ways;
use crate::channel::ssh::Limits;
use crate::deploy::{LookedAt, Survey};
use crate::error::{Code, Error};
use crate::fleet::{Endpoint, Host, hosts};
use crate::fs::Sync;
use crate::identity::Bundle;
use crate::name::Scope;
use crate::status::Status;
use crate::vault::{Reader, Vault};

/// Show what runs where, with which revs, and what is not as it should be
///
/// Looks at hosts, several at a time, takes no lock and writes nothing there; one that is down hides no
/// other. Below the table stands what is wrong, each with the command that mends it, then what is
/// worth knowing. Needs no private key of the vault, but a way in to the hosts. Exits with 1 if
/// something is wrong.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Environments, hosts, groups like `prod_server`, or patterns of names; several by commas; all without
    #[arg(value_name = "ENV|HOST|GROUP|PATTERN")]
    on: Option<String>,
    /// Also ask the probes of what runs there, and look which certificates are really shown
    ///
    /// As a deploy asks them, and those that a hook keeps for whoever is on call besides. What they are asked
    /// with is opened, and logged.
    #[arg(long)]
    probe: bool,
    /// How many hosts at a time
    #[arg(long, value_name = "N", default_value_t = PARALLEL,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    parallel: u16,
    /// On a terminal: look again every so many seconds, until ^C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
          default_missing_value = "30",
          value_parser = clap::value_parser!(u16).range(1..=3600))]
    watch: Option<u16>,
    /// Also write it as a page for browsers, phones and printers, which needs no other file
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "watch")]
    html: Option<PathBuf>,
    /// The page is for others too: no address, no path on a host, no words of an error
    #[arg(long, requires = "html")]
    public: bool,
    #[command(flatten)]
    notify: notify::NotifyArgs,
    #[command(flatten)]
    beside: BesideArgs,
}

/// Clears a terminal and goes to its first line (ECMA-48: CUP, ED).
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

pub(crate) fn run(args: &StatusArgs, cx: &Context) -> Result<ExitCode, Error> {
    if args.watch.is_some() && (!cx.ui.shows_to_terminal() || cx.ui.is_json()) {
        return Err(usage("`--watch` redraws a terminal, and is for people alone").into());
    }
    if let Some(form) = args.notify.install {
        return install::print(form, args, cx).map(|()| ExitCode::SUCCESS);
    }
    cx.meant_server(&args.beside);
    if args.notify.report {
        return report::run(args, cx).map(|()| ExitCode::SUCCESS);
    }
    let channel = args.notify.channel()?;
    let vault = known(cx)?;
    let bundles = cx.bundles_for(&vault)?;
    let runtime = runtime()?;
    if let Some(seconds) = args.watch {
        return watch(args, cx, &vault, &bundles, &runtime, seconds);
    }
    let mine = cx.openers(&vault, &bundles);
    let reader = Reader::new(&vault, as_openers(&mine), "status", Sync::Disk)?;
    let status = look(args, cx, (&vault, &reader), &bundles, &runtime)?;
    // A look-up of a name that hangs is not waited for.
    runtime.shutdown_background();
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
    // The alarm first: a page or an output that fails is no reason to tell nobody.
    let told = match &channel {
        Some(channel) => notify::Desk::new(cx, &vault, &reader, channel)
            .and_then(|desk| notify::alarm(&desk, args, &status)),
        None => Ok(()),
    };
    match (told, show(args, cx, &vault, &status)) {
        (Err(error), shown) => {
            if let Err(other) = shown {
                cx.ui.warn_of(&other);
            }
            return Err(error);
        }
        (Ok(()), shown) => shown?,
    }
    Ok(match status.is_wrong() {
        true => Code::Found.into(),
        false => ExitCode::SUCCESS,
    })
}

/// The vault, if this machine knows it.
fn known(cx: &Context) -> Result<Vault, Error> {
    let vault = cx.trusted_vault()?;
    vault.demand_pin()?;
    Ok(vault)
}

/// Looks again and again. The vault moves on meanwhile, its rules too; in the middle of a `git pull` it may not read, and
/// will a moment later. What is wrong from the start ends it.
fn watch(
    args: &StatusArgs,
    cx: &Context,
    vault: &Vault,
    bundles: &[Bundle],
    runtime: &Runtime,
    seconds: u16,
) -> Result<ExitCode, Error> {
    let look_at = |vault: &Vault| {
        let mine = cx.openers(vault, bundles);
        let reader = Reader::new(vault, as_openers(&mine), "status", Sync::Disk)?;
        look(args, cx, (vault, &reader), bundles, runtime)
    };
    let mut seen = Ok(look_at(vault)?);
    loop {
        cx.ui.data(CLEAR)?;
        match &seen {
            Ok(status) => table::print(&cx.ui, status)?,
            Err(error) => print_error(error),
        }
        let now = cx.world.now();
        cx.ui
            .line(&format!("as of {now}; again in {seconds} s, ^C ends"))?;
        std::thread::sleep(Duration::from_secs(u64::from(seconds)));
        seen = known(cx).and_then(|vault| look_at(&vault));
    }
}

/// Looks at the hosts that are meant.
fn look(
    args: &StatusArgs,
    cx: &Context,
    (vault, reader): (&Vault, &Reader<'_>),
    bundles: &[Bundle],
    runtime: &Runtime,
) -> Result<Status, Error> {
    let user = user_here(cx);
    let ways = Ways::new(cx, vault, reader, bundles, &user);
    let way = |host: &Host, endpoint: &Endpoint| ways.to(Some(&host.scope), endpoint);
    let beside = Beside::new(cx);
    let versions = |places| -> Pin<Box<dyn Future<Output = _>>> {
        Box::pin(async {
            // Hosts are looked at all the same.
            beside.versions(places).await.unwrap_or_else(|error| {
                cx.ui.warn("what the server has is not known:");
                cx.ui.warn_of(&error);
                LookedAt {
                    next: match error.hints().is_empty() {
                        true => "clws server status".to_owned(),
                        false => error.hints().join("; "),
                    },
                    ..LookedAt::default()
                }
            })
        })
    };
    let hosts = meant(args, vault)?;
    let scopes = scopes(args, &hosts);
    let progress = RefCell::new(cx.ui.progress("looking at hosts", hosts.len()));
    let ended = || progress.borrow_mut().step();
    let survey = Survey {
        vault,
        way: &way,
        versions: &versions,
        reader: args.probe.then_some(reader),
        parallel: usize::from(args.parallel),
        limits: Limits::default(),
        ended: &ended,
    };
    let surveyed = runtime.block_on(survey.look(hosts));
    drop(progress);
    Status::of(vault, &surveyed?, &scopes)
}

/// Writes the page, and prints the table.
fn show(args: &StatusArgs, cx: &Context, vault: &Vault, status: &Status) -> Result<(), Error> {
    let page = match &args.html {
        Some(file) => page::write(file, status, vault, args.public),
        None => Ok(()),
    };
    let printed = if cx.ui.is_json() {
        cx.ui
            .json(&serde_json::to_value(status).unwrap_or_default())
    } else {
        table::print(&cx.ui, status)
    };
    page.and(printed)
}

/// The hosts that are meant. A vault without any has a status, too.
fn meant(args: &StatusArgs, vault: &Vault) -> Result<Vec<Host>, Error> {
    match (hosts(vault, args.on.as_deref().unwrap_or("*")), &args.on) {
        (Err(error), None) if error.code() == Code::NotFound => Ok(Vec::new()),
        (hosts, _) => hosts,
    }
}

/// The environments that are asked about; none for all.
fn scopes(args: &StatusArgs, hosts: &[Host]) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = match args.on {
        Some(_) => hosts.iter().map(|host| host.scope.clone()).collect(),
        None => Vec::new(),
    };
    scopes.sort();
    scopes.dedup();
    scopes
}
