//! `clws access grant` and `revoke`: rights given and taken.

use clap::Args;

use crate::cli::context::Context;
use crate::cli::rules::{self, Run};
use crate::error::{Code, Error, Problem};
use crate::lines::MAX_FILE;
use crate::membership::Rules;
use crate::name::{FilePath, PartyName, SecretPath};
use crate::recipients::{Access, Right, Rule, Use};
use crate::vault::{Found, Listed, Sidecar, Vault};

/// Whose rights, and where.
#[derive(Args, Debug)]
pub(crate) struct ChangeArgs {
    /// A party or a group
    who: PartyName,
    /// A scope, document, folder or file
    path: SecretPath,
    /// To open values
    #[arg(long)]
    read: bool,
    /// To sign values; who writes, reads too
    #[arg(long)]
    write: bool,
    /// To hand values in without opening any
    #[arg(long)]
    submit: bool,
    /// To sign hooks
    #[arg(long)]
    deploy: bool,
    /// Show the plan alone
    #[arg(long)]
    dry_run: bool,
}

impl ChangeArgs {
    fn rights(&self) -> Result<Vec<Right>, Error> {
        let flags = [
            (self.deploy, Right::Deploy),
            (self.read, Right::Read),
            (self.submit, Right::Submit),
            (self.write, Right::Write),
        ];
        let rights: Vec<Right> = flags
            .into_iter()
            .filter(|(given, _)| *given)
            .map(|(_, right)| right)
            .collect();
        if rights.is_empty() {
            return Err(crate::cli::usage("which right is meant?")
                .hint("--read, --write, --submit or --deploy")
                .into());
        }
        Ok(rights)
    }
}

pub(crate) fn grant(args: &ChangeArgs, cx: &Context) -> Result<(), Error> {
    let rights = args.rights()?;
    let vault = cx.trusted_vault()?;
    rules::demand_signed(&vault)?;
    let mut new = rules::accepted(&vault)?;
    let mut access = new.access()?;
    let path = args.path.as_str();
    // A rule for a value would decide nothing.
    if let Found::Value(document, _) = vault.find(&args.path)?
        && vault.tree().exists(&document.to_file())?
    {
        let flags: Vec<String> = rights
            .iter()
            .map(|right| format!("--{}", right.verb()))
            .collect();
        let why = format!("`{path}` is no document or file, and rules speak of those alone");
        return Err(Problem::new(Code::Usage, why)
            .hint(format!(
                "clws access grant {} {document} {}",
                args.who,
                flags.join(" ")
            ))
            .into());
    }
    let inherited = access
        .rule_for(path)
        .map(|(_, rule)| rule.clone())
        .unwrap_or_default();
    let rule = access.rules.entry(path.to_owned()).or_insert(inherited);
    let added: Vec<bool> = rights
        .iter()
        .map(|right| rule.add(*right, &args.who))
        .collect();
    let mut notes = narrower(&access, path);
    if let (true, Some(near)) = (vault.list(Some(path))?.is_empty(), vault.near(path)) {
        notes.push(format!("nothing lies at `{path}` yet: is `{near}` meant?"));
    }
    notes.extend(without_key(&new, &access, &args.who, &rights)?);
    if added.contains(&true) {
        new.set_access(&access);
    } else {
        notes.clear();
    }
    rules::change(cx, &vault, &new, &notes, Run::from(args.dry_run))?;
    if !args.dry_run && !added.contains(&true) {
        wrap_again(cx, &vault, path)?;
    }
    Ok(())
}

/// Wraps what is not wrapped yet below a path, as far as this person can.
fn wrap_again(cx: &Context, vault: &Vault, path: &str) -> Result<(), Error> {
    let listed = vault.list(Some(path))?;
    let wrapped = cx.change(vault, "access grant", |change| {
        let mut wrapped = Vec::new();
        for item in &listed {
            match item {
                Listed::Document(document) => {
                    let names = change.wrap_for_readers(document)?;
                    let named = names
                        .into_iter()
                        .map(|name| format!("{document} for {name}"));
                    wrapped.extend(named);
                }
                Listed::File(file) => {
                    if lacks_readers(vault, file)? {
                        change.reseal_file(file)?;
                        wrapped.push(file.to_string());
                    }
                }
            }
        }
        Ok(wrapped)
    })?;
    if !wrapped.is_empty() {
        cx.ui
            .say(&format!("wrapped {}", crate::text::list(&wrapped)));
    }
    Ok(())
}

/// Whether a sealed file's sidecar does not name somebody who may read it.
fn lacks_readers(vault: &Vault, path: &FilePath) -> Result<bool, Error> {
    let bytes = vault.tree().read(&path.to_sidecar(), MAX_FILE)?;
    let sidecar = Sidecar::parse(&bytes.unwrap_or_default(), path)?;
    let named = |reader: &PartyName| sidecar.readers.iter().any(|name| name == reader.as_str());
    let rights = vault.rights(path.as_str())?;
    Ok(sidecar.content.is_some() && !rights.readers.iter().all(named))
}

/// What a wider grant does not reach.
fn narrower(access: &Access, path: &str) -> Vec<String> {
    let below = format!("{path}/");
    let rules = access
        .rules
        .keys()
        .filter(|prefix| prefix.starts_with(&below));
    rules
        .map(|prefix| format!("this does not reach `{prefix}`, which has a rule of its own"))
        .collect()
}

/// Whoever is granted what takes a key that is missing in its file.
fn without_key(
    rules: &Rules,
    access: &Access,
    who: &PartyName,
    rights: &[Right],
) -> Result<Vec<String>, Error> {
    let parties = rules.parties()?;
    let named = |name: &PartyName| {
        access
            .groups
            .get(who)
            .map_or(name == who, |group| group.contains(name))
    };
    let mut notes = Vec::new();
    for party in parties.values().filter(|party| named(&party.name)) {
        for right in rights {
            let opens = matches!(right, Right::Read | Right::Write);
            let lacks = match right {
                _ if opens && party.recipients.is_empty() => "a recipient",
                Right::Read => continue,
                _ if party.signing.iter().any(|key| key.usable == Use::Sign) => continue,
                _ => "a signing key",
            };
            let name = &party.name;
            notes.push(format!(
                "{name} cannot {} yet: recipients/{name}.toml has no key for it, {lacks}",
                right.verb()
            ));
        }
    }
    Ok(notes)
}

pub(crate) fn revoke(args: &ChangeArgs, cx: &Context) -> Result<(), Error> {
    let rights = args.rights()?;
    let vault = cx.trusted_vault()?;
    rules::demand_signed(&vault)?;
    let mut new = rules::accepted(&vault)?;
    let mut access = new.access()?;
    let path = args.path.as_str();
    let decided = access
        .rule_for(path)
        .map(|(prefix, rule)| (prefix.to_owned(), rule.clone()));
    let (prefix, rule) = decided.ok_or_else(|| {
        let hint = match vault.near(path) {
            Some(near) => format!("is `{near}` meant?"),
            None => "`clws access show` shows all rules".to_owned(),
        };
        Problem::new(Code::NotFound, format!("no rule covers `{path}`")).hint(hint)
    })?;
    for right in &rights {
        let holders = rule.holders(*right);
        let group = holders.iter().find(|holder| {
            access
                .groups
                .get(*holder)
                .is_some_and(|members| members.contains(&args.who))
        });
        if let Some(group) = group {
            return Err(Problem::new(
                Code::Conflict,
                format!("{} may {} `{path}` as a member of {group}", args.who, right.verb()),
            )
            .hint(format!("take {} out of [group.{group}] in recipients/access.toml, then run `clws trust sign`", args.who))
            .into());
        }
        // Who writes reads too, and is told so below.
        let reads_as_writer =
            *right == Right::Read && rule.holders(Right::Write).contains(&args.who);
        if !holders.contains(&args.who) && !reads_as_writer {
            if !access.groups.contains_key(&args.who) {
                // A name that nobody has is said as such.
                new.party(&args.who)?;
            }
            return Err(Problem::new(
                Code::NotFound,
                format!("{} has no right to {} `{path}`", args.who, right.verb()),
            )
            .hint(format!(
                "`clws access why {} {path}` says which rule decides",
                args.who
            ))
            .into());
        }
    }
    let writes = rule.holders(Right::Write).contains(&args.who);
    if rights.contains(&Right::Read) && writes && !rights.contains(&Right::Write) {
        return Err(Problem::new(
            Code::Conflict,
            format!("{} writes `{path}`, and who writes reads too", args.who),
        )
        .hint(format!(
            "`clws access revoke {} {path} --read --write` takes both",
            args.who
        ))
        .into());
    }
    let rule = access.rules.entry(path.to_owned()).or_insert(rule);
    for right in &rights {
        rule.remove(*right, &args.who);
    }
    // Who writes, reads too; taking writing away is not taking reading away.
    let keeps_reading = rights.contains(&Right::Write) && !rights.contains(&Right::Read);
    if keeps_reading {
        rule.add(Right::Read, &args.who);
    }
    let mut notes = narrower(&access, path);
    // What was granted by a slip of the pen goes as it came, unless a wider rule would say who may what then.
    let is_empty = |rule: &Rule| {
        Right::ALL
            .iter()
            .all(|right| rule.holders(*right).is_empty())
    };
    if access.rules.get(path).is_some_and(is_empty) && vault.list(Some(path))?.is_empty() {
        let mut without = access.clone();
        without.rules.remove(path);
        if without.rule_for(path).is_none() {
            access = without;
        }
    }
    if keeps_reading {
        notes.push(format!("{} still reads `{path}`", args.who));
    }
    if prefix != path {
        notes.push(format!("`{path}` had its rights from `{prefix}` so far"));
    }
    new.set_access(&access);
    rules::change(cx, &vault, &new, &notes, Run::from(args.dry_run))
}
