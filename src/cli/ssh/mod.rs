//! `clws ssh`: a session on a host, with secrets.

mod console;
mod escape;
mod sit;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use self::console::Signals;
use self::sit::sit;
use super::context::{Context, as_openers};
use super::exec::Redaction;
use super::runtime::{cannot_start, runtime, user_here};
use super::session::BesideArgs;
use super::usage;
use super::ways::Ways;
use crate::channel::ssh::{Limits, connect_through};
use crate::deploy::{Injected, InjectedFile, Sitting};
use crate::error::Error;
use crate::exec::{FileRequest, Given, Plan, Rename, Request, VariableName};
use crate::fleet::{Endpoint, Host, Reach, hosts};
use crate::fs::Sync;
use crate::name::{PartyName, SecretPath, ValueName};
use crate::text::{clean_line, quoted};
use crate::vault::{Reader, Vault};

/// The largest file that is given to a session.
const MAX_FILE: u64 = 16 << 20;

/// Open an SSH session with secrets in its environment or in files
///
/// Without CMD it is your login shell there, on a terminal of its own; `~.` at the beginning of a line
/// leaves. CMD is run as it stands, without a shell; its input, output, errors and exit code are
/// those of this command, 128 + n where signal n ended it. Values are opened when the host has proved
/// itself, and lie there in memory alone; what is left of them goes with the session.
#[derive(Args, Debug)]
pub(crate) struct SshArgs {
    /// The host
    host: PartyName,
    /// Documents, or single values of them
    paths: Vec<SecretPath>,
    /// Give only these values of the documents
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<ValueName>,
    /// Give a value under another name; VALUE may be a whole path
    #[arg(long, value_name = "NAME=VALUE")]
    map: Vec<Rename>,
    /// Put a value or a sealed file into a file in the host's memory, and its path into NAME
    #[arg(long, value_name = "NAME=PATH")]
    file: Vec<FileRequest>,
    /// Pass a name that can make programs run other code, like LD_PRELOAD or PATH
    #[arg(long, value_name = "NAME")]
    allow: Vec<VariableName>,
    /// Have the SSH server itself set what its AcceptEnv takes; one that logs at DEBUG2 logs the values
    #[arg(long)]
    send_env: bool,
    /// Run CMD on a terminal of its own
    #[arg(long, short)]
    tty: bool,
    #[command(flatten)]
    redaction: Redaction,
    /// The command and its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
    #[command(flatten)]
    beside: BesideArgs,
}

pub(crate) fn run(args: &SshArgs, cx: &Context) -> Result<ExitCode, Error> {
    cx.meant_server(&args.beside);
    args.redaction.demand(cx)?;
    let vault = cx.trusted_vault()?;
    vault.demand_pin()?;
    let (host, endpoint) = host(args, &vault)?;
    let plan = plan(args, &vault)?;
    let words: Option<Vec<String>> = args
        .command
        .iter()
        .map(|word| word.to_str().map(str::to_owned))
        .collect();
    let words = words.ok_or_else(|| usage("a word of the command is no UTF-8"))?;
    let on_terminal = console::is_terminal();
    if args.tty && !on_terminal {
        return Err(usage("`--tty` needs a terminal here").into());
    }
    let terminal = args.tty || (words.is_empty() && on_terminal);

    let bundles = cx.bundles_for(&vault)?;
    let mine = cx.openers(&vault, &bundles);
    let reader = Reader::new(&vault, as_openers(&mine), "ssh", Sync::Disk)?;
    let giving = Reader::new(&vault, as_openers(&mine), "ssh", Sync::Disk)?.for_programs();
    let user = user_here(cx);
    let ways = Ways::new(cx, &vault, &reader, &bundles, &user);
    let kind = cx.world.variable("TERM").and_then(|kind| kind.to_str());
    let kind = kind.unwrap_or("dumb").to_owned();

    let ended = runtime()?.block_on(async {
        let mut signals = Signals::listen().map_err(cannot_start)?;
        let ready = async {
            let way = ways.to(Some(&host.scope), &endpoint)?;
            let session = connect_through(&way, &Limits::default()).await?;
            // Only now: the host has proved itself.
            let (given, no_print) = match &plan {
                Some(plan) => {
                    let given = Given::open(plan, &giving)?;
                    let no_print = given.no_print;
                    (injected(given)?, no_print)
                }
                None => (Injected::default(), false),
            };
            Ok::<_, Error>((Arc::new(session), given, no_print))
        };
        let (session, given, no_print) = tokio::select! {
            ready = ready => ready?,
            number = signals.end() => return Ok(128 + number),
        };
        for notice in reader
            .take_notices()
            .into_iter()
            .chain(giving.take_notices())
        {
            cx.ui.warn(&notice);
        }
        let sitting = Sitting {
            words: &words,
            terminal: terminal.then(|| (kind, console::size())),
            by_request: args.send_env,
        };
        sit(
            cx,
            &host,
            &session,
            &sitting,
            given,
            args.redaction.is_wanted(cx, no_print),
            &mut signals,
        )
        .await
    })?;
    // Of `ssh` one word is a line for the host's shell.
    if let (127, [line]) = (ended, words.as_slice())
        && line.contains(char::is_whitespace)
    {
        cx.ui.say(&format!(
            "hint: a line of shell is `-- sh -c {}`",
            quoted(&clean_line(line))
        ));
    }
    Ok(ExitCode::from(ended))
}

/// The one host that is meant, and the way to it.
fn host(args: &SshArgs, vault: &Vault) -> Result<(Host, Endpoint), Error> {
    let host = hosts(vault, args.host.as_str())?
        .into_iter()
        .find(|host| host.name == args.host)
        .ok_or_else(|| {
            usage(format!("`{}` is no single host", args.host))
                .hint("`clws host list` shows the hosts")
        })?;
    match host.reach.clone() {
        Reach::Ssh(endpoint) => Ok((host, endpoint)),
        Reach::Local => Err(usage(format!("`{}` is this machine", host.name))
            .hint("`clws exec PATH -- CMD` runs a program here with secrets")
            .into()),
    }
}

/// What is given; nothing where nothing is named.
fn plan(args: &SshArgs, vault: &Vault) -> Result<Option<Plan>, Error> {
    if args.paths.is_empty() && args.map.is_empty() && args.file.is_empty() && args.only.is_empty()
    {
        return Ok(None);
    }
    let request = Request {
        paths: args.paths.clone(),
        only: args.only.clone(),
        renames: args.map.clone(),
        files: args.file.clone(),
        allowed: args.allow.clone(),
    };
    Plan::of(vault, &request).map(Some)
}

fn injected(given: Given) -> Result<Injected, Error> {
    let variables = given.variables.into_iter();
    let mut injected = Injected {
        variables: variables
            .map(|(name, value)| (name.to_string(), value))
            .collect(),
        files: Vec::new(),
    };
    for (variable, file) in given.files {
        let (name, mode, content) = file.whole(MAX_FILE)?.ok_or_else(|| {
            usage(format!("the file for {variable} is larger than 16 MiB"))
                .hint("a hook's `[file]` deploys it")
        })?;
        injected.files.push(InjectedFile {
            variable: variable.to_string(),
            name,
            mode,
            content,
        });
    }
    Ok(injected)
}
