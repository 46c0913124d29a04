//! `clws audit show`: what was used, when, and by which command.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::Args;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::audit::{AuditError, Entries, Entry, Log};
use crate::cli::context::Context;
use crate::error::Error;
use crate::name::SecretPath;
use crate::time::Moment;

/// Show the log of uses on this machine, of all vaults
///
/// Each line was written before what it speaks of happened. `clws audit verify` says whether all of
/// them are there. With `--by-secret` it tells what somebody who gives this machine back has touched: a
/// line for each secret, with the first and the last use.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Only uses of these secrets, or of what lies below these paths
    paths: Vec<SecretPath>,
    /// Only uses on this day (UTC) or later
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = first_of)]
    since: Option<Moment>,
    /// Only uses on this day (UTC) or earlier
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = first_of)]
    until: Option<Moment>,
    /// Only what was done by these commands, as the log names them: `secret get`, `deploy`
    #[arg(long, value_name = "COMMAND")]
    what: Vec<String>,
    /// Only uses in this vault
    #[arg(long)]
    here: bool,
    /// Only the last N of them
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// A line for each secret: how often it was used, first and last, and by which commands
    #[arg(long)]
    by_secret: bool,
}

/// The first moment of a day.
fn first_of(day: &str) -> Result<Moment, String> {
    let moment = format!("{day}T00:00:00Z").parse();
    moment.map_err(|_| format!("`{day}` is no day like 2026-11-26"))
}

pub(crate) fn run(args: &ShowArgs, cx: &Context) -> Result<(), Error> {
    let vault = match args.here {
        true => Some(crate::crypto::hex(cx.vault()?.id())),
        false => None,
    };
    let log = Log::of(&cx.world)?;
    // Read twice in the place of being kept: a log has a million lines, and a line ten thousand names.
    let before = match args.last {
        Some(last) => {
            let mut all = args.wanted(log.entries()?, vault.as_deref());
            all.try_fold(0_usize, |number, entry| entry.map(|_| number + 1))?
                .saturating_sub(last)
        }
        None => 0,
    };
    let mut used = Used::default();
    let wanted = args
        .wanted(log.entries()?, vault.as_deref())
        .inspect(|entry| entry.iter().for_each(|entry| used.note(args, entry)));
    let shown = wanted.skip(before).take(args.last.unwrap_or(usize::MAX));
    let shown = shown.map(|entry| {
        entry.map(|mut entry| {
            entry.secrets.retain(|name| args.wants_secret(name));
            entry
        })
    });
    match args.by_secret {
        true => show_secrets(shown, cx)?,
        false => show_uses(shown, cx)?,
    }
    used.tell_missing(args, cx);
    Ok(())
}

/// What of what is asked for was found.
#[derive(Default)]
struct Used {
    any: bool,
    /// The paths, by their place among the arguments.
    paths: BTreeSet<usize>,
}

impl Used {
    fn note(&mut self, args: &ShowArgs, entry: &Entry) {
        self.any = true;
        for (at, path) in args.paths.iter().enumerate() {
            if !self.paths.contains(&at)
                && entry.secrets.iter().any(|name| is_at_or_below(name, path))
            {
                self.paths.insert(at);
            }
        }
    }

    /// Says what is asked for and not there: an empty answer is one.
    fn tell_missing(&self, args: &ShowArgs, cx: &Context) {
        for (at, path) in args.paths.iter().enumerate() {
            if !self.paths.contains(&at) {
                cx.ui.say(&format!("the log has no such use of `{path}`"));
            }
        }
        if !self.any && args.paths.is_empty() {
            cx.ui.say("the log has no such use");
        }
    }
}

/// Whether a name is that of a path, or of what lies below it.
fn is_at_or_below(name: &str, path: &SecretPath) -> bool {
    let below = name.strip_prefix(path.as_str());
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl ShowArgs {
    fn wanted<'a>(
        &'a self,
        entries: Entries,
        vault: Option<&'a str>,
    ) -> impl Iterator<Item = Result<Entry, AuditError>> + 'a {
        let is_wanted = move |entry: &Result<Entry, AuditError>| {
            let wants = |entry| self.wants(entry, vault);
            entry.as_ref().map_or(true, wants)
        };
        entries.filter(is_wanted)
    }

    fn wants(&self, entry: &Entry, vault: Option<&str>) -> bool {
        let day = entry.at.date();
        self.since.is_none_or(|since| day >= since.date())
            && self.until.is_none_or(|until| day <= until.date())
            && (self.what.is_empty() || self.what.iter().any(|what| **what == *entry.what))
            && vault.is_none_or(|vault| *entry.vault == *vault)
            && (self.paths.is_empty() || entry.secrets.iter().any(|name| self.wants_secret(name)))
    }

    fn wants_secret(&self, name: &str) -> bool {
        let is_of = |path: &SecretPath| is_at_or_below(name, path);
        self.paths.is_empty() || self.paths.iter().any(is_of)
    }
}

fn show_uses(
    mut entries: impl Iterator<Item = Result<Entry, AuditError>>,
    cx: &Context,
) -> Result<(), Error> {
    if cx.ui.is_json() {
        let mut failed = None;
        let uses =
            Uses(RefCell::new(entries.map_while(|entry| {
                entry.map_err(|error| failed = Some(error)).ok()
            })));
        cx.ui.json(&BTreeMap::from([("uses", uses)]))?;
        return failed.map_or(Ok(()), |error| Err(error.into()));
    }
    let rows = entries.try_fold(Vec::new(), |mut rows, entry| {
        rows.push(as_row(entry?));
        Ok::<_, AuditError>(rows)
    })?;
    cx.ui.table(&["N", "AT", "WHAT", "SECRETS"], rows)
}

/// Uses in a report; the JSON of each is made when it is printed, so that there is never more than one.
struct Uses<I>(RefCell<I>);

impl<I: Iterator<Item = Entry>> Serialize for Uses<I> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.borrow_mut().by_ref().map(as_json))
    }
}

fn as_json(entry: Entry) -> Value {
    let secrets: Vec<&str> = entry.secrets.iter().map(AsRef::as_ref).collect();
    let mut shown = json!({ "n": entry.number, "at": entry.at.to_string(), "what": *entry.what,
        "vault": *entry.vault, "secrets": secrets });
    if let (Some(reason), Some(shown)) = (&entry.allow_rollback, shown.as_object_mut()) {
        shown.insert("allow_rollback".to_owned(), json!(reason));
    }
    shown
}

/// What is known of the uses of one secret.
struct Touched {
    times: usize,
    first: Moment,
    last: Moment,
    by: BTreeSet<Arc<str>>,
}

fn show_secrets(
    entries: impl Iterator<Item = Result<Entry, AuditError>>,
    cx: &Context,
) -> Result<(), Error> {
    let mut secrets: BTreeMap<(Arc<str>, Arc<str>), Touched> = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        for name in entry.secrets {
            let of = (name, Arc::clone(&entry.vault));
            let used = secrets.entry(of).or_insert(Touched {
                times: 0,
                first: entry.at,
                last: entry.at,
                by: BTreeSet::new(),
            });
            used.times += 1;
            used.last = entry.at;
            used.by.insert(Arc::clone(&entry.what));
        }
    }
    if cx.ui.is_json() {
        let as_json = |((name, vault), used): (&(Arc<str>, Arc<str>), &Touched)| {
            let by: Vec<&str> = used.by.iter().map(AsRef::as_ref).collect();
            json!({ "secret": **name, "vault": **vault, "times": used.times,
                "first": used.first.to_string(), "last": used.last.to_string(), "what": by })
        };
        let secrets: Vec<Value> = secrets.iter().map(as_json).collect();
        return cx.ui.json(&json!({ "secrets": secrets }));
    }
    let vaults: BTreeSet<&str> = secrets.keys().map(|(_, vault)| &**vault).collect();
    let rows = secrets.iter().map(|((name, vault), used)| {
        vec![
            match vaults.len() {
                1 => name.to_string(),
                _ => format!("{name} ({})", vault.get(..8).unwrap_or(vault)),
            },
            used.times.to_string(),
            used.first.to_string(),
            used.last.to_string(),
            used.by
                .iter()
                .map(AsRef::as_ref)
                .collect::<Vec<_>>()
                .join(", "),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    cx.ui
        .table(&["SECRET", "TIMES", "FIRST", "LAST", "BY"], rows)
}

/// The first few names tell which secrets they are; `--json` has all.
fn as_row(entry: Entry) -> Vec<String> {
    const SHOWN: usize = 3;
    let mut names = entry
        .secrets
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    let more = entry.secrets.len().saturating_sub(SHOWN);
    if more > 0 {
        names.push_str(&format!(" and {more} more"));
    }
    vec![
        entry.number.to_string(),
        entry.at.to_string(),
        match &entry.allow_rollback {
            Some(reason) => format!("{}, rollback allowed: {reason}", entry.what),
            None => entry.what.to_string(),
        },
        names,
    ]
}
