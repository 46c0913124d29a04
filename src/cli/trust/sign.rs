//! `clws trust sign`: takes over what lies in the tree or in a proposal, as an administrator.

use std::collections::BTreeSet;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::crypto::sshsig::PublicKey;
use crate::error::{Code, Error, Problem};
use crate::membership::{Council, Next, Rules, last_version};
use crate::name::PartyName;
use crate::recipients::Use;
use crate::text::{any_of, list, nearest};
use crate::trust::{PROPOSAL_FOLDER, Proposal, Proposed, Version};

/// Sign the rules in the working tree, or the open proposal, as the next trust version
///
/// For changes made by hand, groups and settings for example, and for who decides: `--admin`,
/// `--without-admin`, `--threshold`. Shows what differs first. Where more than one must sign, and for each
/// new administrator, the first signature makes a proposal, in recipients/trust/proposal/. It counts for
/// nothing until the others run `clws trust sign` too; whoever signs last brings it in, with all that it
/// makes necessary.
#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    /// Make a party an administrator, or let one decide with another key; NAME/LABEL says which key
    #[arg(long = "admin", value_name = "NAME[/LABEL]")]
    admins: Vec<String>,
    /// Let an administrator decide no longer; the party stays
    #[arg(long = "without-admin", value_name = "NAME")]
    without: Vec<PartyName>,
    /// How many administrators must sign each change from then on
    #[arg(long, value_name = "N")]
    threshold: Option<u64>,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &SignArgs, cx: &Context) -> Result<(), Error> {
    let vault = cx.trusted_vault()?;
    let before = last_version(&vault)?;
    let here = Rules::new(vault.trust().rules_of(vault.tree(), &before)?);
    let mut new = rules::in_tree(&vault)?;
    let mut council = Council {
        drop: args.without.iter().cloned().collect(),
        threshold: args.threshold,
        ..Council::default()
    };
    for name in &args.admins {
        let (name, key) = key_of(&new, name)?;
        council.add.insert(name, key);
    }
    let run = Run::from(args.dry_run);
    let mut notes = Vec::new();
    if new == here && council == Council::default() {
        match Proposal::read(vault.tree(), &before, here.files())? {
            Proposed::Open(open) => {
                notes.push(proposer(&open.version, &before)?);
                council = as_council(&open.version, &before);
                new = Rules::new(open.files);
            }
            _ => notes.push(
                "no proposal lies here; one of somebody else comes with `git pull`".to_owned(),
            ),
        }
    }
    let next = Next::after(&vault, &new, &council)?;
    rules::change_with(cx, &vault, &new, &next, &notes, run)
}

/// The change of administrators that leads from one version to another.
fn as_council(version: &Version, before: &Version) -> Council {
    let gone = before
        .admins
        .keys()
        .filter(|name| !version.admins.contains_key(*name));
    Council {
        add: version.admins.clone(),
        drop: gone.cloned().collect::<BTreeSet<_>>(),
        threshold: Some(version.threshold),
        also: version.also,
    }
}

/// Who signed a proposal so far; refuses one that anybody may have laid there.
fn proposer(version: &Version, before: &Version) -> Result<String, Error> {
    let by: Vec<String> = version
        .proposers(before)
        .iter()
        .map(ToString::to_string)
        .collect();
    if by.is_empty() {
        return Err(Problem::new(
            Code::Trust,
            "no administrator has signed the proposal that lies here",
        )
        .hint("`clws trust diff` shows it; make the change yourself if it is meant")
        .hint(format!("else remove it: `rm -r {PROPOSAL_FOLDER}`"))
        .into());
    }
    Ok(format!("{} proposed it by a signature", list(&by)))
}

/// The key that a party shall decide with: its only one, or the one that is named.
fn key_of(rules: &Rules, text: &str) -> Result<(PartyName, PublicKey), Error> {
    let (name, label) = match text.split_once('/') {
        Some((name, label)) => (name, Some(label)),
        None => (text, None),
    };
    let name: PartyName = name.parse()?;
    let party = rules.party(&name)?;
    let usable = party.signing.iter().filter(|key| key.usable == Use::Sign);
    let keys: Vec<_> = usable
        .filter(|key| label.is_none_or(|label| key.name == label))
        .collect();
    match keys.as_slice() {
        [key] => Ok((name, key.key.clone())),
        [] => {
            let labels = party.signing.iter().map(|key| key.name.as_str());
            let near = label.and_then(|label| nearest(label, labels));
            let hint = match near {
                Some(near) => format!("is `{name}/{near}` meant?"),
                None => format!("`clws recipient show {name}` shows its keys"),
            };
            let why = format!("{name} has no such key to sign with");
            Err(Problem::new(Code::NotFound, why).hint(hint).into())
        }
        several => {
            let labels: Vec<String> = several
                .iter()
                .map(|key| format!("--admin {name}/{}", key.name))
                .collect();
            Err(
                Problem::new(Code::Usage, format!("{name} signs with several keys"))
                    .hint(format!("say which: {}", any_of(&labels)))
                    .into(),
            )
        }
    }
}
