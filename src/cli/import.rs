//! `clws import`: seals a plaintext tree.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::context::{Context, as_openers};
use super::ui::{columns, print_error};
use crate::env;
use crate::error::{Code, Error, Problem};
use crate::fs::{Gone, Sync, read_whole};
use crate::import::{self, Action, As, Finding, Item, Keys, Matter, Plan, Source, Wanted};
use crate::name::{FilePath, Scope};
use crate::plaintext::Passwords;
use crate::plaintext::dotenvx::PrivateKeys;
use crate::text::{clean_line, count, list};
use crate::vault::Reader;

/// Seal a plaintext tree, such as a folder of certificates and passwords
///
/// Files of values (dotenv, JSON, TOML, INI, YAML, and what Ansible sealed) become documents where they
/// can be given back byte for byte; every other file is sealed whole, with its mode. What SOPS and age sealed
/// is opened with your identities first, and what dotenvx sealed with the `.env.keys` beside it or
/// `DOTENV_PRIVATE_KEY…` of the environment. What is public
/// (certificates, public keys, known_hosts) stays where it is. What a path says (`prod/…`, `…/dev/…`,
/// `vm-clws-prod-gpuworker-2`) gives the scope. The plan is shown and asked about, with what was found;
/// then everything is sealed or nothing is, opened again, and compared with the source. A secret that
/// the vault has with another value is never overwritten. Nothing in a file is run or expanded, and no
/// link is followed. `clws export --format dir` gives the tree back.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// A folder, or one file
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// Show what would be sealed under which name, and touch nothing
    ///
    /// Exits with 1 if something stands against it.
    #[arg(long, visible_alias = "dry-run")]
    plan: bool,
    /// The scope of what has none in its path; else that of the folder's name, else `shared`
    #[arg(long)]
    scope: Option<Scope>,
    /// What every file becomes, instead of what is best for each
    #[arg(long = "as", value_name = "file|document", value_parser = what_it_becomes)]
    whole: Option<As>,
    /// A file with a password of Ansible's, for what it sealed (repeatable)
    ///
    /// `ID@FILE` says which vault id it is for; the others are tried where it is not.
    #[arg(long = "vault-password-file", value_name = "[ID@]FILE")]
    vault_password_files: Vec<String>,
    /// Overwrite and remove the sources once everything was verified
    #[arg(long, conflicts_with = "plan")]
    shred_source: bool,
}

fn what_it_becomes(text: &str) -> Result<As, &'static str> {
    match text {
        "file" => Ok(As::File),
        "document" => Ok(As::Document),
        _ => Err("file or document is wanted"),
    }
}

/// Reads the passwords that were named. A program that would print one is not run.
fn passwords(args: &ImportArgs, cx: &Context) -> Result<Passwords, Error> {
    const MOST: usize = 64 * 1024;
    let mut passwords = Passwords::default();
    for text in &args.vault_password_files {
        let (label, file) = match text.split_once('@') {
            Some((label, file)) => (Some(label.to_owned()), file),
            None => (None, text.as_str()),
        };
        let path = cx.world.folder().join(file);
        let shown = clean_line(file);
        let opened = std::fs::File::open(&path).map_err(|error| {
            Problem::new(
                Code::IoErr,
                format!("cannot read the password file {shown}: {error}"),
            )
        })?;
        let bytes = read_whole(opened, &path, MOST)?;
        if bytes.starts_with(b"#!") {
            let message = format!("{shown} is a program, and clws runs none to get a password");
            return Err(Problem::new(Code::Usage, message)
                .hint("run it yourself, and give a file with what it prints, such as <(…)")
                .into());
        }
        passwords.add(label, &bytes);
    }
    Ok(passwords)
}

/// The private keys of dotenvx that the environment holds, where dotenvx looks for them too.
fn dotenvx_keys(cx: &Context) -> PrivateKeys {
    let mut keys = PrivateKeys::default();
    for (name, value) in cx.world.environment() {
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
            && name.starts_with(env::DOTENV_PRIVATE_KEY)
        {
            keys.add(name, value);
        }
    }
    keys
}

/// Of more sources than this of which there is nothing to say a question is asked without each.
const MANY: usize = 100;

pub(crate) fn run(args: &ImportArgs, cx: &Context) -> Result<ExitCode, Error> {
    let vault = cx.trusted_vault()?;
    if let Some(scope) = &args.scope
        && vault.rights(scope.as_str()).is_err()
        && let Some(near) = vault
            .near(scope.as_str())
            .filter(|near| !near.contains('/'))
    {
        cx.ui.say(&format!(
            "nothing lies at `{scope}` yet: is `{near}` meant?"
        ));
    }
    let source = Source::open(&cx.world.folder().join(&args.source), vault.tree().path())?;
    let bundles = match cx.bundles_for(&vault) {
        // Whoever only looks need not have one.
        Err(error) if args.plan && error.code() == Code::NoKey => Vec::new(),
        bundles => bundles?,
    };
    let mine = cx.openers(&vault, &bundles);
    let wanted = Wanted {
        scope: args.scope.clone(),
        whole: args.whole,
        keys: Keys {
            passwords: passwords(args, cx)?,
            openers: as_openers(&mine),
            dotenvx: dotenvx_keys(cx),
        },
    };
    let mut plan = import::plan(&source, &vault, &wanted)?;
    if args.plan {
        plan.mark_existing(&vault)?;
        if cx.ui.is_json() {
            cx.ui.json(&to_json(&plan))?;
        } else {
            cx.ui.data(to_text(&plan, usize::MAX).as_bytes())?;
        }
        let ready = plan.demand_ready().is_ok();
        return Ok(if ready {
            ExitCode::SUCCESS
        } else {
            Code::Found.into()
        });
    }
    let reader = Reader::new(&vault, as_openers(&mine), "import", Sync::Lazy)?;
    plan.compare(&source, &vault, &reader)?;
    warn(cx, &reader);
    plan.demand_ready()?;
    let most = if cx.ui.is_verbose() { usize::MAX } else { MANY };
    to_text(&plan, most)
        .lines()
        .for_each(|line| cx.ui.say(line));
    // What is shown later is what was decided now: sealing takes the values out of the plan.
    let mut report = cx.ui.is_json().then(|| to_json(&plan));
    let done = plan.is_done();
    let sealed = what(&plan);
    if done && !args.shred_source {
        let is_any = plan.items.iter().any(|item| item.action.secret().is_some());
        cx.ui.say(match is_any {
            true => "nothing to seal: the vault holds all of it",
            false => "nothing to seal: there is no secret in it",
        });
    } else {
        cx.ui.confirm(&question(&sealed, done, args.shred_source))?;
    }
    let of = plan.items.len();
    if !done {
        let mut progress = cx.ui.progress("sealing", of);
        cx.change_with(&bundles, &vault, "import", |change| {
            plan.seal(&source, &vault, change, &mut || progress.step())
        })?;
    }
    // Each was opened again and compared before any of it counted.
    if !done {
        cx.ui.say(&format!(
            "sealed {sealed}; opened again, and equal to the source"
        ));
    }
    let fresh = cx.trusted_vault()?;
    for told in import::ignore(&source, &fresh, &plan)? {
        cx.ui.say(&told);
    }
    let mut left = Vec::new();
    if args.shred_source {
        let reader = Reader::new(&fresh, as_openers(&mine), "import, verifying", Sync::Lazy)?;
        let mut progress = cx.ui.progress("comparing", of);
        let step = &mut || progress.step();
        let verified = plan.verify(&source, &wanted.keys, &reader, step)?;
        drop(progress);
        warn(cx, &reader);
        left = shred(cx, &source, verified);
        if let Some(Value::Object(report)) = &mut report {
            report.insert("left".to_owned(), json!(left));
        }
    }
    if let Some(report) = report {
        cx.ui.json(&report)?;
    }
    if left.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    // The report was printed, and is the one that `--json` promises.
    let many = count(left.len(), "source");
    let verb = if left.len() == 1 { "is" } else { "are" };
    let problem = Problem::new(Code::IoErr, format!("{many} {verb} still there"));
    let hint = "once what keeps them there is mended, run it again: what is sealed stays as it is";
    print_error(&problem.hint(hint).into());
    Ok(Code::IoErr.into())
}

fn warn(cx: &Context, reader: &Reader<'_>) {
    for notice in reader.take_notices() {
        cx.ui.warn(&notice);
    }
}

/// `3 documents and 14 files`.
fn what(plan: &Plan) -> String {
    let new = || plan.items.iter().filter(|item| !item.is_unchanged());
    let documents = new()
        .filter(|item| matches!(item.action, Action::Document(_)))
        .count();
    let files = new()
        .filter(|item| matches!(item.action, Action::File(_)))
        .count();
    match (documents, files) {
        (0, files) => count(files, "file"),
        (documents, 0) => count(documents, "document"),
        (documents, files) => format!(
            "{} and {}",
            count(documents, "document"),
            count(files, "file")
        ),
    }
}

fn question(sealed: &str, done: bool, shred: bool) -> String {
    match (done, shred) {
        (false, false) => format!("seal {sealed}?"),
        (false, true) => format!("seal {sealed}, then overwrite and remove the sources?"),
        (true, _) => "overwrite and remove the sources, which the vault holds?".to_owned(),
    }
}

/// Overwrites and removes the sources; the paths of those that are still there.
fn shred(cx: &Context, source: &Source, verified: Vec<import::Verified>) -> Vec<String> {
    let (mut gone, mut left) = (0, Vec::new());
    for shredded in import::shred(source, verified) {
        let path = clean_line(&shredded.path);
        match shredded.gone {
            Ok(Gone::Overwritten) => gone += 1,
            Ok(Gone::NameOnly) => {
                gone += 1;
                cx.ui.warn(&format!(
                    "{path} was removed and not overwritten: it has another name, or is read-only"
                ));
            }
            Err(error) => {
                cx.ui.warn(&format!(
                    "{path} is still there: {}",
                    Error::from(error).message()
                ));
                left.push(shredded.path);
            }
        }
    }
    cx.ui
        .say(&format!("overwrote and removed {}", count(gone, "source")));
    cx.ui.warn(
        "overwriting is no guarantee on SSDs and copy-on-write file systems; git history, snapshots and \
         backups keep what they have: give new values to what was there",
    );
    left
}

/// The plan for people: a row for each source, what was found below it. Of more than `most` sources of which
/// there is nothing to say the others are counted.
fn to_text(plan: &Plan, most: usize) -> String {
    let mut plain = 0;
    let row = |item: &Item| {
        let action = if item.is_unchanged() {
            "unchanged"
        } else {
            item.action.as_str()
        };
        let secret = item.action.secret().unwrap_or_default();
        [&item.source, item.kind, action, secret]
            .map(str::to_owned)
            .to_vec()
    };
    let rows: Vec<Vec<String>> = plan.items.iter().map(row).collect();
    let mut lines = columns(&["SOURCE", "KIND", "ACTION", "SECRET"], rows).into_iter();
    let mut text = lines.next().unwrap_or_default();
    for (item, line) in plan.items.iter().zip(lines) {
        let known = |finding: &&Finding| item.is_unchanged() && finding.matter == Matter::Unchanged;
        let mut told = item
            .findings
            .iter()
            .filter(|finding| !known(finding))
            .peekable();
        if told.peek().is_none() {
            plain += 1;
            if plain > most {
                continue;
            }
        }
        text.push_str(&line);
        for finding in told {
            text.push_str(&format!("    {}\n", clean_line(&finding.to_string())));
        }
    }
    if plain > most {
        let more = plain - most;
        text.push_str(&format!(
            "and {more} more with nothing to say of, which `--plan` lists\n"
        ));
    }
    if !plan.inventories.is_empty() {
        let paths: Vec<String> = plan
            .inventories
            .iter()
            .map(|one| one.path.to_string())
            .collect();
        let paths = list(&paths);
        text.push_str(&format!(
            "layouts, modes and findings are kept sealed in {paths}\n"
        ));
    }
    text
}

fn to_json(plan: &Plan) -> Value {
    let source = |item: &Item| {
        let finding = |finding: &Finding| json!({ "kind": finding.matter.as_str(), "lines": finding.lines, "text": finding.text, "secrets": finding.secrets });
        let findings: Vec<Value> = item.findings.iter().map(finding).collect();
        json!({
            "source": item.source,
            "kind": item.kind,
            "action": item.action.as_str(),
            "secret": item.action.secret(),
            "record": item.record.as_ref().map(FilePath::as_str),
            "findings": findings,
        })
    };
    json!({ "sources": plan.items.iter().map(source).collect::<Vec<_>>() })
}
