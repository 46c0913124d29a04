//! `clws host add`: a new host.

use clap::Args;

use crate::channel::ssh::KnownHost;
use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::error::{Code, Error, Problem};
use crate::fleet::inventory::is_user_name;
use crate::fleet::{HostKeyText, LOCAL, place_of};
use crate::membership::{Rules, RulesError};
use crate::name::{PartyName, Scope};
use crate::recipients::{Become, Kind, Party};
use crate::text::{clean_line, nearest};

/// Add a host: its address, the way to it, and the host keys that it proves itself with
///
/// A host called `vm-clws-ENV-TYPE-INDEX` says its scope and machine type by its name. Without host
/// keys it is on record, and nothing is deployed to it until `clws host scan NAME --add`.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Its name
    name: PartyName,
    /// Its name or number in the network; `local` is this machine
    #[arg(long)]
    address: String,
    /// The port of its SSH server, if it is not 22
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The user to log in as
    #[arg(long, value_parser = user_name)]
    user: Option<String>,
    /// How that user becomes root for deploys, if it is not root: `sudo`, without a password
    #[arg(long = "become", value_name = "HOW")]
    becomes: Option<Become>,
    /// The host to go through
    #[arg(long, value_name = "HOST")]
    jump: Option<PartyName>,
    /// The environment it belongs to
    #[arg(long)]
    scope: Option<Scope>,
    /// What runs there: `server`, `worker`
    #[arg(long)]
    machine_type: Option<String>,
    /// A host key that it proves itself with; several times for several
    #[arg(long, value_name = "TYPE KEY")]
    host_key: Vec<String>,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &AddArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    rules::demand_signed(&vault)?;
    let mut new = rules::accepted(&vault)?;
    if let Some(there) = new.parties()?.get(&args.name) {
        return Err(RulesError::exists(there).into());
    }
    demand_no_group(&new, args)?;
    demand_address(&args.address)?;
    let mut party = Party::new(args.name.clone(), Kind::Host);
    party.address = Some(args.address.clone());
    party.port = args.port;
    party.user.clone_from(&args.user);
    party.becomes = args.becomes;
    party.jump = args.jump.as_ref().map(ToString::to_string);
    party.scope.clone_from(&args.scope);
    party.machine_type.clone_from(&args.machine_type);
    for text in &args.host_key {
        let key: HostKeyText = text.parse()?;
        party.add_host_key(key.label(), key.to_string());
    }
    if !party.host_keys.is_empty() {
        // Refuses a host of which nothing can be checked, RSA alone say, before it is signed.
        let keys = party.host_keys.iter().map(|key| &key.key);
        KnownHost::new(args.name.as_str(), &args.address, 22, "", keys)?;
    }
    if let Some(jump) = &args.jump {
        demand_jump(&new, &args.name, jump)?;
    }
    for notice in lacking(&party) {
        cx.ui.warn(&notice);
    }
    if let Some(scope) = &args.scope
        && vault.rights(scope.as_str()).is_err()
        && let Some(near) = vault.near(scope.as_str())
    {
        cx.ui.warn(&format!(
            "nothing lies at `{scope}` yet: is `{near}` meant?"
        ));
    }
    new.set_party(&party);
    rules::change(cx, &vault, &new, &[], Run::from(args.dry_run))
}

/// Refuses a name that `--on` already has for several hosts: it would mean this one, too, and fail wherever
/// this one is not complete.
fn demand_no_group(rules: &Rules, args: &AddArgs) -> Result<(), Error> {
    let name = args.name.as_str();
    let own = (args.scope.clone(), args.machine_type.clone());
    let parties = rules.parties()?;
    let hosts = parties.values().filter(|party| party.kind == Kind::Host);
    let mut groups = hosts.map(place_of).chain([own]);
    let is_group = groups.any(|(scope, machine_type)| {
        let Some(scope) = scope.as_ref().map(Scope::as_str) else {
            return false;
        };
        let rest = name.strip_prefix(scope).map(|rest| rest.strip_prefix('_'));
        name == scope || machine_type.is_some() && rest == Some(machine_type.as_deref())
    });
    let access = rules.access()?;
    let is_scope = access
        .rules
        .keys()
        .any(|prefix| prefix.split('/').next() == Some(name));
    if !is_group && !is_scope {
        return Ok(());
    }
    let message =
        format!("`{name}` is an environment or a group of hosts, which `--on {name}` means");
    Err(Problem::new(Code::Conflict, message)
        .hint("give the host a name of its own, e.g. `vm-clws-ENV-TYPE-INDEX`")
        .into())
}

/// Refuses what no resolver takes: else a person learns of it when something is deployed there.
fn demand_address(address: &str) -> Result<(), Error> {
    let is_one = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
    if address.chars().all(is_one) && address.starts_with(|c: char| c.is_alphanumeric() || c == ':')
    {
        return Ok(());
    }
    let address = clean_line(address);
    let message = format!("`{address}` is no name or number of a host in a network");
    Err(Problem::new(Code::Usage, message)
        .hint("a user and a port have words of their own: `--user`, `--port`")
        .into())
}

/// Takes what can be a user's name on some host, with a domain as directories have it: `ada@example.org`.
pub(super) fn user_name(text: &str) -> Result<String, &'static str> {
    match is_user_name(text) {
        true => Ok(text.to_owned()),
        false => Err("no user has such a name"),
    }
}

fn demand_jump(rules: &Rules, host: &PartyName, jump: &PartyName) -> Result<(), Error> {
    let parties = rules.parties()?;
    let is_host = parties
        .get(jump)
        .is_some_and(|party| party.kind == Kind::Host && party.address.as_deref() != Some(LOCAL));
    if is_host && jump != host {
        return Ok(());
    }
    let others = parties.values().filter(|party| party.kind == Kind::Host);
    let near = nearest(jump.as_str(), others.map(|party| party.name.as_str()));
    let hint = match near.filter(|near| *near != jump.as_str()) {
        Some(near) => format!("is `{near}` meant?"),
        None => format!(
            "add it first: `clws host add {jump} --address ADDRESS --host-key \"TYPE KEY\"`"
        ),
    };
    let why = format!("{jump} is no host that one can go through");
    Err(Problem::new(Code::NotFound, why).hint(hint).into())
}

/// What keeps a host from being deployed to.
pub(super) fn lacking(party: &Party) -> Vec<String> {
    let name = &party.name;
    let (scope, machine_type) = place_of(party);
    let mut lacking = Vec::new();
    let what = match (scope, machine_type) {
        (Some(_), Some(_)) => None,
        (Some(_), None) => Some("a machine type"),
        (None, Some(_)) => Some("a scope"),
        (None, None) => Some("a scope and a machine type"),
    };
    lacking.extend(what.map(|what| format!("nothing runs on {name} before it has {what}")));
    if party.host_keys.is_empty() && party.address.as_deref() != Some(LOCAL) {
        lacking.push(format!(
            "{name} has no host keys on record: `clws host scan {name} --add` takes them"
        ));
    }
    lacking
}
