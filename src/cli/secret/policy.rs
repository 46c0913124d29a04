//! `clws secret policy`: what is known about a secret beside its value.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::cli::context::Context;
use crate::cli::rotate::no_rotator;
use crate::error::Error;
use crate::lines::MAX_FILE;
use crate::name::{Component, NameError, PartyName, SecretPath};
use crate::rotate::{ISSUER, SCRIPT};
use crate::text::nearest;
use crate::vault::{Document, Found, Policy, PolicyKey, Sidecar, Vault};

/// Show or change what is known about a secret
///
/// All of it is signed, and stands in clear in git. The value, its age and its author stay. What is set for a
/// document counts for each of its values that says nothing else. Without a flag it is only shown.
#[derive(Args, Debug)]
pub(crate) struct PolicyArgs {
    /// A value, a sealed file, or a document
    path: SecretPath,
    /// A new value is due after so many days
    #[arg(long, value_name = "DAYSd")]
    rotate_every: Option<Days>,
    /// The value is of no use after this day
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires: Option<Date>,
    /// What makes and takes into use a new value: a rotator of clws, or a script's hook that is there
    #[arg(long, value_name = "NAME", value_parser = rotator)]
    rotator: Option<Component>,
    /// Who looks after it
    #[arg(long, value_name = "WHO")]
    owner: Option<Remark>,
    /// A remark; everybody with the repository can read it
    #[arg(long, value_name = "TEXT")]
    note: Option<Remark>,
    /// `secret get` does not print it; programs still get it
    #[arg(long)]
    no_print: bool,
    /// Take an entry out
    #[arg(long, value_name = "KEY", value_enum)]
    clear: Vec<Clear>,
}

/// A rotator's name. Who issues certificates is said elsewhere, and plans show it behind a colon.
fn rotator(text: &str) -> Result<Component, String> {
    match text.strip_prefix("tls:") {
        Some(_) => Err(
            "the key has the rotator `tls`, and who issues is the rotator of its certificate"
                .to_owned(),
        ),
        None => text.parse().map_err(|error: NameError| error.to_string()),
    }
}

/// What may be taken out. That a value was exposed goes with a new value, and where it went with a
/// new secret there.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Clear {
    RotateEvery,
    Expires,
    Rotator,
    Owner,
    Note,
    NoPrint,
}

impl Clear {
    fn key(self) -> PolicyKey {
        match self {
            Self::RotateEvery => PolicyKey::RotateEvery,
            Self::Expires => PolicyKey::Expires,
            Self::Rotator => PolicyKey::Rotator,
            Self::Owner => PolicyKey::Owner,
            Self::Note => PolicyKey::Note,
            Self::NoPrint => PolicyKey::NoPrint,
        }
    }
}

/// `90d`.
#[derive(Clone, Debug)]
struct Days(String);

impl FromStr for Days {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PolicyKey::RotateEvery.check(text)?;
        Ok(Self(text.to_owned()))
    }
}

/// `2026-11-24`, a day that there is.
#[derive(Clone, Debug)]
struct Date(String);

impl FromStr for Date {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PolicyKey::Expires.check(text)?;
        Ok(Self(text.to_owned()))
    }
}

/// A line of text.
#[derive(Clone, Debug)]
struct Remark(String);

impl FromStr for Remark {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let line = !text.is_empty() && text.len() <= 1024 && !text.contains(['\n', '\t']);
        if line && crate::text::clean_for_eyes(text) == text {
            Ok(Self(text.to_owned()))
        } else {
            Err("one line of up to 1,024 bytes is wanted, without control characters")
        }
    }
}

impl PolicyArgs {
    /// The entries that are set.
    fn entries(&self) -> Vec<(PolicyKey, String)> {
        let texts = [
            (
                PolicyKey::Expires,
                self.expires.as_ref().map(|date| &date.0),
            ),
            (PolicyKey::Note, self.note.as_ref().map(|note| &note.0)),
            (PolicyKey::Owner, self.owner.as_ref().map(|owner| &owner.0)),
            (
                PolicyKey::RotateEvery,
                self.rotate_every.as_ref().map(|days| &days.0),
            ),
        ];
        let names = [
            (
                PolicyKey::Rotator,
                self.rotator.as_ref().map(Component::as_str),
            ),
            (PolicyKey::NoPrint, self.no_print.then_some("true")),
        ];
        let texts = texts
            .into_iter()
            .map(|(key, text)| (key, text.map(String::as_str)));
        let all = texts.chain(names);
        all.filter_map(|(key, text)| Some((key, text?.to_owned())))
            .collect()
    }
}

pub(crate) fn run(args: &PolicyArgs, cx: &Context) -> Result<(), Error> {
    let entries = args.entries();
    if entries.is_empty() && args.clear.is_empty() {
        let vault = cx.vault()?;
        let (own, defaults) = current(&vault, &vault.find(&args.path)?)?;
        return show(&args.path, &own, &defaults, cx);
    }
    let vault = cx.trusted_vault()?;
    let found = vault.find(&args.path)?;
    if matches!(found, Found::Document(_)) && (args.no_print || args.note.is_some()) {
        let why = "a remark and `--no-print` are for one value each, and no default of a document";
        return Err(crate::cli::usage(why).into());
    }
    if args
        .clear
        .iter()
        .any(|clear| entries.iter().any(|(key, _)| *key == clear.key()))
    {
        return Err(crate::cli::usage("an entry cannot be set and cleared at once").into());
    }
    if let Some(rotator) = &args.rotator
        && let Some(error) = no_rotator(&vault, rotator, &[SCRIPT, ISSUER])?
    {
        return Err(error);
    }
    let edit = |policy: &mut Policy| {
        for clear in &args.clear {
            policy.set(clear.key(), None);
        }
        for (key, text) in &entries {
            policy.set(*key, Some(text.clone()));
        }
    };
    cx.change(&vault, "secret policy", |change| match &found {
        Found::Value(document, name) => change.set_policy(document, name, edit),
        Found::Document(document) => change.set_document_policy(document, edit),
        Found::File(path) => change.set_file_policy(path, edit),
        Found::Folder(folder) => Err(vault.missing(folder).into()),
    })?;
    if args.note.is_some() {
        cx.ui.say("note: a note stands in clear in git");
    }
    cx.ui.say(&format!("signed the policy of {}", args.path));
    if let Some(Remark(owner)) = &args.owner {
        say_who_may_be_meant(cx, &vault, owner)?;
    }
    Ok(())
}

/// An owner may be any words; those that one letter differs in from somebody may be a slip.
fn say_who_may_be_meant(cx: &Context, vault: &Vault, owner: &str) -> Result<(), Error> {
    let accepted = &vault.trust().accepted;
    let parties = accepted.party_names()?;
    let known = parties.iter().chain(accepted.access().groups.keys());
    if let Some(near) = nearest(owner, known.map(PartyName::as_str)).filter(|near| *near != owner) {
        cx.ui.say(&format!(
            "note: {owner} is nobody in this vault: is `{near}` meant?"
        ));
    }
    Ok(())
}

/// The policy as the file shows it, and what the document says for all of its values.
fn current(vault: &Vault, found: &Found) -> Result<(Policy, Policy), Error> {
    let read = |file: &str, name: &str| {
        let bytes = vault.tree().read(file, MAX_FILE)?;
        bytes.ok_or_else(|| Error::from(vault.missing(&name)))
    };
    match found {
        Found::Value(path, name) => {
            let full = format!("{path}/{name}");
            let bytes = read(&path.to_file(), &full)?;
            let document = Document::parse(&bytes, path, vault.id())?;
            let record = document.record(name)?.ok_or_else(|| vault.missing(&full))?;
            Ok((record.policy, document.head.policy))
        }
        Found::Document(path) => {
            let bytes = read(&path.to_file(), path.as_str())?;
            let head = Document::parse(&bytes, path, vault.id())?.head;
            Ok((head.policy, Policy::default()))
        }
        Found::File(path) => {
            let bytes = read(&path.to_sidecar(), path.as_str())?;
            Ok((Sidecar::parse(&bytes, path)?.policy, Policy::default()))
        }
        Found::Folder(folder) => Err(vault.missing(folder).into()),
    }
}

fn show(path: &SecretPath, own: &Policy, defaults: &Policy, cx: &Context) -> Result<(), Error> {
    let all = own.with(defaults);
    let is_own = |key: &str| own.entries().any(|(own, _)| own == key);
    if cx.ui.is_json() {
        let of = |policy: &Policy, wanted: &dyn Fn(&str) -> bool| -> Map<String, Value> {
            let entries = policy.entries().filter(|(key, _)| wanted(key));
            entries
                .map(|(key, text)| (key.to_owned(), json!(text)))
                .collect()
        };
        return cx.ui.json(&json!({
            "path": path.as_str(), "policy": of(own, &|_| true),
            "of_document": of(&all, &|key| !is_own(key)),
        }));
    }
    let rows: Vec<Vec<String>> = all
        .entries()
        .map(|(key, text)| {
            let whose = if is_own(key) { "" } else { "of its document" };
            vec![key.to_owned(), text.to_owned(), whose.to_owned()]
        })
        .collect();
    if rows.is_empty() {
        cx.ui
            .say(&format!("nothing is said of {path}: its policy is empty"));
    }
    cx.ui.table(&["KEY", "VALUE", ""], rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_have_one_spelling() {
        for text in ["1d", "90d", "36500d"] {
            assert!(text.parse::<Days>().is_ok(), "{text}");
        }
        for text in ["", "d", "0d", "090d", "90", "+9d", "3m", "36501d", "-1d"] {
            assert!(text.parse::<Days>().is_err(), "{text}");
        }
        for text in ["2026-11-24", "2028-02-29"] {
            assert!(text.parse::<Date>().is_ok(), "{text}");
        }
        for text in [
            "",
            "2027-02-29",
            "2026-1-1",
            "24.11.2026",
            "2026-11-24T10:00:00Z",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
