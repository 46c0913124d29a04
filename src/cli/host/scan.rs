//! `clws host scan`: what host keys servers show, and which of them are on record.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::show::host;
use crate::channel::ssh::{Limits, ShownKey, scan};
use crate::cli::context::{Context, as_openers};
use crate::cli::rules::{self, Run};
use crate::cli::runtime::{runtime, user_here};
use crate::cli::ways::Ways;
use crate::deploy::abreast;
use crate::error::{Code, Error, Problem};
use crate::fleet::{Endpoint, HostKeyText, LOCAL, hosts, place_of};
use crate::fs::Sync;
use crate::name::PartyName;
use crate::recipients::Party;
use crate::text::count;
use crate::vault::{Reader, Vault};

/// Servers that are looked at at the same time.
const AT_ONCE: usize = 16;

/// More keys than this that are on record are counted and not shown to people.
const MANY: usize = 20;

/// Look at the host keys that hosts show, and whether they are those on record
///
/// Connects, through its jump hosts if it has any, and does the key exchange alone: nothing is logged in
/// to on the host itself, and nothing is believed. Exit code 1 says that a host shows another key than is
/// on record. `--add` puts new ones on record: on a terminal after a question, elsewhere only those that
/// `--fingerprint` names, which you had from the host itself.
#[derive(Args, Debug)]
pub(crate) struct ScanArgs {
    /// Hosts, environments, groups like `prod_server`, or patterns of names
    #[arg(required = true, value_name = "HOST|ENV|GROUP|PATTERN")]
    on: Vec<String>,
    /// Put keys that are not on record on record
    #[arg(long)]
    add: bool,
    /// A key that may be added, as `SHA256:…`; several times for several
    #[arg(long, value_name = "SHA256:…", requires = "add", value_parser = fingerprint)]
    fingerprint: Vec<String>,
}

fn fingerprint(text: &str) -> Result<String, &'static str> {
    match text.starts_with("SHA256:") {
        true => Ok(text.to_owned()),
        false => Err("a fingerprint like `SHA256:…` is wanted, as `ssh-keygen -lf` prints it"),
    }
}

/// A key of a host, and what it is to the record.
struct Row {
    host: PartyName,
    key: HostKeyText,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// On record.
    Recorded,
    /// Not on record, and no other of its type is.
    New,
    /// Another of its type is on record.
    Changed,
    /// On record, and not shown.
    Missing,
    /// The person's `known_hosts` takes it back.
    Revoked,
    /// Shown, and not checked.
    Unused,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "on record",
            Self::New => "not on record",
            Self::Changed => "NOT ON RECORD, another is",
            Self::Missing => "on record, not shown",
            Self::Revoked => "REVOKED",
            Self::Unused => "not used",
        }
    }
}

pub(crate) fn run(args: &ScanArgs, cx: &Context) -> Result<ExitCode, Error> {
    let vault = cx.trusted_vault()?;
    vault.demand_pin()?;
    let parties = meant(&vault, &args.on)?;
    let (rows, errors) = look(cx, &vault, &parties)?;
    for error in &errors {
        crate::cli::ui::print_error(error);
    }
    table(cx, &rows)?;
    if args.add {
        add(args, cx, &vault, &rows)?;
    }
    Ok(match errors.first() {
        Some(error) if errors.len() == parties.len() => error.code().into(),
        Some(_) => Code::Partial.into(),
        None if rows
            .iter()
            .any(|row| matches!(row.state, State::Changed | State::Revoked)) =>
        {
            Code::Found.into()
        }
        None => ExitCode::SUCCESS,
    })
}

/// The hosts that the words mean; one that is named needs no scope.
fn meant(vault: &Vault, words: &[String]) -> Result<Vec<Party>, Error> {
    let mut meant = BTreeMap::new();
    for word in words.iter().flat_map(|word| word.split(',')) {
        let named = word.parse::<PartyName>().ok();
        let named = named.map(|name| vault.party_if_known(&name)).transpose()?;
        match named.flatten() {
            Some(party) => {
                let party = host(vault, &party.name)?;
                meant.insert(party.name.clone(), (*party).clone());
            }
            None => {
                for host in hosts(vault, word)? {
                    meant.insert(host.name.clone(), (*vault.party(&host.name)?).clone());
                }
            }
        }
    }
    meant.retain(|_, party| party.address.as_deref() != Some(LOCAL));
    if meant.is_empty() {
        let why = "this machine shows no host keys to itself";
        return Err(Problem::new(Code::Usage, why).into());
    }
    Ok(meant.into_values().collect())
}

fn look(cx: &Context, vault: &Vault, parties: &[Party]) -> Result<(Vec<Row>, Vec<Error>), Error> {
    let bundles = cx.bundles_for(vault).unwrap_or_default();
    let mine = cx.openers(vault, &bundles);
    let reader = Reader::new(vault, as_openers(&mine), "host scan", Sync::Disk)?;
    let user = user_here(cx);
    let ways = Ways::new(cx, vault, &reader, &bundles, &user);
    let one = async |party: &Party| -> Result<Vec<Row>, Error> {
        let scope = place_of(party).0;
        let (before, hop) = ways.before(scope.as_ref(), &Endpoint::of_party(party))?;
        let at = (hop.address.as_str(), hop.port);
        let shown = scan(party.name.as_str(), at, &before, &Limits::default()).await?;
        Ok(compare(party, &hop.revoked, &shown))
    };
    let progress = RefCell::new(cx.ui.progress("looking at hosts", parties.len()));
    let ended = || progress.borrow_mut().step();
    let looking = abreast(parties.iter().map(one), AT_ONCE, ended);
    let results = runtime()?.block_on(looking);
    drop(progress);
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(more) => rows.extend(more),
            Err(error) => errors.push(error),
        }
    }
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
    Ok((rows, errors))
}

fn compare(party: &Party, revoked: &[String], shown: &[ShownKey]) -> Vec<Row> {
    let recorded: Vec<HostKeyText> = party
        .host_keys
        .iter()
        .filter_map(|key| key.key.parse().ok())
        .collect();
    let mut rows = Vec::new();
    let mut row = |key: &HostKeyText, state| {
        rows.push(Row {
            host: party.name.clone(),
            key: key.clone(),
            state,
        });
    };
    let mut seen = Vec::new();
    for shown in shown {
        let Ok(key) = shown.line.parse::<HostKeyText>() else {
            continue;
        };
        let is_known = recorded.contains(&key);
        let state = if revoked.contains(&key.to_string()) {
            State::Revoked
        } else if !shown.proved {
            State::Unused
        } else if is_known {
            State::Recorded
        } else if recorded.iter().any(|other| other.kind() == key.kind()) {
            State::Changed
        } else {
            State::New
        };
        row(&key, state);
        seen.push(key);
    }
    for key in recorded.iter().filter(|key| !seen.contains(key)) {
        row(key, State::Missing);
    }
    rows
}

fn table(cx: &Context, rows: &[Row]) -> Result<(), Error> {
    if cx.ui.is_json() {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({ "host": row.host.as_str(), "type": row.key.kind(), "key": row.key.to_string(),
                        "fingerprint": row.key.fingerprint(), "state": row.state.as_str().to_lowercase() })
            })
            .collect();
        return cx.ui.json(&json!({ "keys": rows }));
    }
    // Whoever looks for what is amiss is spared many keys that are as they should be.
    let is_well = |row: &&Row| row.state == State::Recorded;
    let well = rows.iter().filter(is_well).count();
    let hides_well = well > MANY && !cx.ui.is_verbose();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .filter(|row| !(hides_well && is_well(row)))
        .map(|row| {
            vec![
                row.host.to_string(),
                row.key.kind().to_owned(),
                row.key.fingerprint(),
                row.state.as_str().to_owned(),
            ]
        })
        .collect();
    cx.ui.table(&["HOST", "TYPE", "FINGERPRINT", ""], cells)?;
    if hides_well {
        let keys = count(well, "key");
        cx.ui
            .line(&format!("and {keys} on record: `--verbose` shows them"))?;
    }
    Ok(())
}

fn add(args: &ScanArgs, cx: &Context, vault: &Vault, rows: &[Row]) -> Result<(), Error> {
    let is_new = |row: &&Row| matches!(row.state, State::New | State::Changed);
    let named = |row: &&Row| {
        args.fingerprint.is_empty() || args.fingerprint.contains(&row.key.fingerprint())
    };
    let new: Vec<&Row> = rows.iter().filter(is_new).filter(named).collect();
    for wanted in &args.fingerprint {
        if !rows.iter().any(|row| row.key.fingerprint() == *wanted) {
            return Err(Problem::new(
                Code::HostKey,
                format!("none of these hosts shows the key {wanted}"),
            )
            .hint("compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host")
            .into());
        }
    }
    if new.is_empty() {
        cx.ui.say("nothing to add");
        return Ok(());
    }
    rules::demand_signed(vault)?;
    if args.fingerprint.is_empty() {
        let (keys, what) = (count(new.len(), "key"), "`--add` without `--fingerprint`");
        let compared = "each key that somebody compared with what the host itself prints: `--fingerprint SHA256:…`";
        let no_terminal = |error: Error| Problem::of(&error).hint(compared);
        cx.ui.demand_terminal(what).map_err(no_terminal)?;
        cx.ui.confirm_in_person(
            what,
            &format!("did you compare {keys} with what the hosts themselves print?"),
        )?;
    }
    let mut changed = rules::accepted(vault)?;
    for row in new {
        let mut party = changed.party(&row.host)?;
        party.add_host_key(row.key.label(), row.key.to_string());
        changed.set_party(&party);
    }
    rules::change(cx, vault, &changed, &[], Run::Shown)
}
