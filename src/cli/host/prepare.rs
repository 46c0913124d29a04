//! `clws host prepare`: a host whose containers come back after a reboot by themselves.

use clap::Args;
use serde_json::json;

use super::show::host;
use crate::channel::Channel;
use crate::channel::ssh::Limits;
use crate::cli::context::{Context, as_openers};
use crate::cli::rules::{self, Run};
use crate::cli::runtime::{runtime, user_here};
use crate::cli::ways::Ways;
use crate::crypto::hex;
use crate::deploy::boot::{Found, Places, Preparing};
use crate::error::Error;
use crate::fleet::{BOOT, Endpoint, Host, boot_key};
use crate::fs::Sync;
use crate::membership::Rules;
use crate::name::PartyName;
use crate::recipients::{Party, PublicRecipient, RecipientKey};
use crate::vault::{Reader, Vault};

/// Prepare a host for reboots: its containers then come back by themselves, with the same secrets
///
/// Makes an age key on the host, which stays there, puts its public half on record with a new trust
/// version, and installs a unit that opens sealed secrets into memory before Docker starts. From then on
/// each deploy leaves them there, sealed to that key. The host needs root's login, or one that becomes root
/// (`become` in its party), `age` and `tar`, and no clws. Run again, it makes what is missing. Key and secrets lie on one disk: whoever steals that has
/// both.
#[derive(Args, Debug)]
pub(crate) struct PrepareArgs {
    /// The host
    host: PartyName,
    /// Take it all back: the record, the unit, the sealed secrets, the key
    #[arg(long)]
    undo: bool,
    /// Look at the host, and show the plan alone
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &PrepareArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    vault.demand_pin()?;
    rules::demand_signed(&vault)?;
    let party = host(&vault, &args.host)?;
    match args.undo {
        true => undo(args, cx, &vault, &party),
        false => prepare(args, cx, &vault, &party),
    }
}

/// Connects, keeps deploys away, and works there. Nobody is asked anything meanwhile: a host that hears
/// nothing for a while takes whoever held it for gone.
fn on_host<T>(
    cx: &Context,
    vault: &Vault,
    party: &Party,
    work: impl AsyncFnOnce(&Preparing) -> Result<T, Error>,
) -> Result<T, Error> {
    let bundles = cx.bundles_for(vault).unwrap_or_default();
    let mine = cx.openers(vault, &bundles);
    let reader = Reader::new(vault, as_openers(&mine), "host prepare", Sync::Disk)?;
    let user = user_here(cx);
    let ways = Ways::new(cx, vault, &reader, &bundles, &user);
    let host = Host::of_party(party)?;
    let by = format!("{user} prepares it since {}", vault.world().now());
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let way = |endpoint: &Endpoint| ways.to(Some(&host.scope), endpoint);
        let channel = Channel::open(&host, vault.world(), way, &Limits::default()).await?;
        let preparing =
            Preparing::begin(&host, channel, vault.world(), &name_of(vault), &by).await?;
        let result = work(&preparing).await;
        preparing.end().await;
        result
    });
    // A look-up of a name that hangs is not waited for.
    runtime.shutdown_background();
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
    result
}

/// The name of the vault's folders on its hosts.
fn name_of(vault: &Vault) -> String {
    hex(vault.id()).chars().take(12).collect()
}

fn prepare(args: &PrepareArgs, cx: &Context, vault: &Vault, party: &Party) -> Result<(), Error> {
    let found = on_host(cx, vault, party, async |host| host.look().await)?;
    let (name, places) = (&args.host, Places::new(&name_of(vault)));
    let lines = plan(party, &found, &places);
    for line in &lines {
        cx.ui.say(line);
    }
    if args.dry_run {
        return Ok(());
    }
    let key = match (found.key, lines.is_empty()) {
        (Some(key), true) => key,
        _ => {
            cx.ui.confirm(&format!("prepare {name}?"))?;
            on_host(cx, vault, party, async |host| host.make().await)?
        }
    };
    if boot_key(party) != Some(key.as_str()) {
        let rules = with_key(vault, name, Some(&key))?;
        rules::change(cx, vault, &rules, &[], Run::Real)?;
    }
    let command = (!found.has_systemd).then(|| places.command());
    if cx.ui.is_json() {
        let unit = found.has_systemd.then_some(&places.unit);
        return cx.ui.json(
            &json!({ "host": name.as_str(), "key": key.as_str(), "unit": unit, "command": command }),
        );
    }
    let key = key.as_str();
    // Where others have to sign as well, it does not count yet.
    let counts = boot_key(&*host(&cx.trusted_vault()?, name)?) == Some(key);
    let state = match (counts, lines.is_empty()) {
        (true, true) => "is prepared",
        (true, false) => "is now prepared",
        (false, _) => "is prepared when the others have signed",
    };
    cx.ui.say(&format!("{name} {state}: its key is {key}"));
    if let Some(command) = command {
        cx.ui.warn(&format!(
            "no systemd runs there: have `{command}` run as root at each boot, before Docker starts"
        ));
    }
    if !lines.is_empty() {
        cx.ui
            .say("the next deploy seals what runs there already; nothing is restarted for it");
        cx.ui
            .say(&format!("`clws host prepare {name} --undo` takes it back"));
    }
    Ok(())
}

/// What there is to do.
fn plan(party: &Party, found: &Found, places: &Places) -> Vec<String> {
    let Places { folder, unit } = places;
    let (key, recorded) = (
        found.key.as_ref().map(RecipientKey::as_str),
        boot_key(party),
    );
    let mut lines = Vec::new();
    if key.is_none() {
        lines.push(format!("makes a key of the host's own in {folder}"));
    }
    if key.is_none() || key != recorded {
        let replaces = recorded.map_or("", |_| ", in place of another");
        lines.push(format!("puts its public half on record{replaces}"));
    }
    if !found.has_opener {
        lines.push(format!("puts the script {folder}/open there, and tries it"));
    }
    if found.has_systemd && !found.has_unit {
        lines.push(format!(
            "installs {unit}, before docker.service and required by it"
        ));
    }
    lines
}

fn undo(args: &PrepareArgs, cx: &Context, vault: &Vault, party: &Party) -> Result<(), Error> {
    let (name, places) = (&args.host, Places::new(&name_of(vault)));
    let Places { folder, unit } = &places;
    cx.ui.say(&format!(
        "removes {folder}, with the key and all sealed secrets in it, and {unit}"
    ));
    cx.ui.say("takes the key from the record");
    if args.dry_run {
        return Ok(());
    }
    cx.ui
        .confirm(&format!("take the preparation of {name} back?"))?;
    if boot_key(party).is_some() {
        rules::change(cx, vault, &with_key(vault, name, None)?, &[], Run::Real)?;
    }
    on_host(cx, vault, party, async |host| host.undo().await)?;
    cx.ui.say(&format!("{name} is not prepared any more"));
    cx.ui
        .say("the next deploy gives its containers their own restart policy again");
    Ok(())
}

/// The rules with this key as the host's own, or with none.
fn with_key(vault: &Vault, host: &PartyName, key: Option<&RecipientKey>) -> Result<Rules, Error> {
    let mut rules = rules::accepted(vault)?;
    let mut party = rules.party(host)?;
    party.recipients.retain(|recipient| recipient.name != BOOT);
    party.recipients.extend(key.map(|key| PublicRecipient {
        name: BOOT.to_owned(),
        key: key.clone(),
    }));
    rules.set_party(&party);
    Ok(rules)
}
