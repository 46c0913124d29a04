//! The rules of two branches as one: what each changed since the last version that both have.

use std::collections::{BTreeMap, BTreeSet};

use super::Rules;
use super::sign::{Next, hashes};
use crate::crypto::sha256;
use crate::error::{Code, Error, Problem};
use crate::fs::Files;
use crate::lines::{self, Schema, Value};
use crate::recipients::{ACCESS_FILE, ACCESS_SCHEMA, PARTY_SCHEMA};
use crate::trust::{
    Draft, OtherBranch, SETTINGS_FILE, SETTINGS_SCHEMA, Standing, TrustError, Version, chain_to,
    newest_number, read_version, signed_files,
};
use crate::vault::Vault;

/// What joining another branch comes to.
#[derive(Debug)]
pub enum Joined {
    /// All of it is here already.
    Already,
    /// The rules of both, and the version that joins them.
    Next {
        /// The rules.
        rules: Rules,
        /// The version.
        next: Box<Next>,
    },
}

/// Joins the branch whose files are `other` with that of `vault`.
///
/// # Errors
/// CONFLICT naming each contradiction; USAGE if this branch has fewer versions than the other, or is
/// only behind it; [`TrustError`].
pub fn join(vault: &Vault, other: &dyn Files) -> Result<Joined, Error> {
    let (tree, trust) = (vault.tree(), vault.trust());
    let before = read_version(tree, newest_number(tree)?)?;
    let (_, chain) = chain_to(tree, &trust.pins, before.number)?;
    let joined: Vec<_> = chain.into_iter().flat_map(|step| step.joined).collect();
    let branch = OtherBranch::read(tree, other, &joined)?;
    if branch.newest.hash == branch.common.hash {
        return Ok(Joined::Already);
    }
    if before.hash == branch.common.hash {
        return Err(
            Problem::new(Code::Usage, "this branch has no trust version of its own")
                .hint("there is nothing to join: `git merge` brings the other branch's in")
                .into(),
        );
    }
    if before.number < branch.newest.number {
        let why = format!(
            "the other branch has trust version {}, and this one {}",
            branch.newest.number, before.number
        );
        return Err(Problem::new(Code::Usage, why)
            .hint("run it on the other branch, with this one as REV")
            .into());
    }
    // One of the two is what this machine accepted; the other was verified from where they part.
    let last = trust.pins.chain()?.pop().map(|step| step.hash);
    match trust.standing {
        Standing::Current => {}
        Standing::Sibling if last == Some(branch.newest.hash) => {}
        _ => vault.demand_pin_to_write()?,
    }
    if newest_number(tree)? < trust.accepted.number() {
        vault.trust().demand_clean(tree)?;
    }
    let here = trust.rules_of(tree, &before)?;
    let there = signed_files(other, &branch.newest)?;
    let mut faults = Vec::new();
    let files = merge_files(vault, &branch.common, &here, &there, &mut faults)?;
    let draft = draft(&before, &branch, &files, &mut faults);
    let rules = Rules::new(files);
    if faults.is_empty()
        && let Err(error) = rules.check()
    {
        faults.push(error.to_string());
    }
    if !faults.is_empty() {
        return Err(faults
            .into_iter()
            .fold(
                Problem::new(
                    Code::Conflict,
                    "the rules of the two branches contradict each other",
                ),
                Problem::note,
            )
            .hint("change one of the branches so that they agree, then join them")
            .into());
    }
    let next = Next {
        draft,
        before,
        joined: branch.hashes,
        files: branch.files,
        here: Some(Rules::new(here)),
        there: Some(Rules::new(there)),
        side: Some(branch.newest),
    };
    Ok(Joined::Next {
        rules,
        next: Box::new(next),
    })
}

/// The version that joins both: administrators and threshold as either changed them.
fn draft(
    before: &Version,
    branch: &OtherBranch,
    files: &BTreeMap<String, Vec<u8>>,
    faults: &mut Vec<String>,
) -> Draft {
    let (base, there) = (&branch.common, &branch.newest);
    let mut admins = BTreeMap::new();
    let names: BTreeSet<_> = [base, before, there]
        .into_iter()
        .flat_map(|version| version.admins.keys())
        .collect();
    for name in names {
        let of = |version: &Version| version.admins.get(name).cloned();
        match one_of(of(base), of(before), of(there)) {
            Some(Some(key)) => drop(admins.insert(name.clone(), key)),
            Some(None) => {}
            None => faults.push(format!(
                "{name} decides with one key here, and another or none there"
            )),
        }
    }
    let thresholds = (base.threshold, before.threshold, there.threshold);
    let threshold = one_of(thresholds.0, thresholds.1, thresholds.2);
    if threshold.is_none() {
        faults.push(format!(
            "{} must sign here, and {} there",
            thresholds.1, thresholds.2
        ));
    }
    let threshold = threshold.unwrap_or(before.threshold);
    if u64::try_from(admins.len()).unwrap_or(u64::MAX) < threshold {
        faults.push(format!(
            "{threshold} must sign, and {} would be left",
            crate::text::count(admins.len(), "administrator")
        ));
    }
    Draft {
        number: before.number + 1,
        previous: before.hash,
        also: Some(there.hash),
        threshold,
        admins,
        files: hashes(files),
    }
}

/// What either side changed; `None` if both did, and differently.
fn one_of<T: PartialEq>(base: T, here: T, there: T) -> Option<T> {
    if here == there || there == base {
        Some(here)
    } else if here == base {
        Some(there)
    } else {
        None
    }
}

type Contents = BTreeMap<String, Vec<u8>>;

fn merge_files(
    vault: &Vault,
    common: &Version,
    here: &Contents,
    there: &Contents,
    faults: &mut Vec<String>,
) -> Result<Contents, Error> {
    let mut files = Contents::new();
    for file in here.keys().chain(there.keys()).collect::<BTreeSet<_>>() {
        let (mine, theirs) = (here.get(file), there.get(file));
        let hash = |bytes: Option<&Vec<u8>>| bytes.map(|bytes| sha256(bytes));
        let base = common.files.get(file).copied();
        let merged = match one_of(base, hash(mine), hash(theirs)) {
            Some(hash_of_one) if hash_of_one == hash(mine) => mine.cloned(),
            Some(_) => theirs.cloned(),
            None => match (mine, theirs) {
                (Some(mine), Some(theirs)) => {
                    let base = match base {
                        None => Vec::new(),
                        Some(hash) => vault
                            .trust()
                            .pins
                            .rule_file(file, &hash)?
                            .ok_or_else(|| no_base(file, common.number))?,
                    };
                    Some(merge_file(file, &base, mine, theirs, faults)?)
                }
                _ => {
                    faults.push(format!(
                        "{file} is taken out on one side and changed on the other"
                    ));
                    continue;
                }
            },
        };
        files.extend(merged.map(|bytes| (file.clone(), bytes)));
    }
    Ok(files)
}

fn no_base(file: &str, number: u64) -> Problem {
    let why = format!("both branches changed {file}, and this machine has no copy of it as it was");
    Problem::new(Code::NotFound, why).hint(format!(
        "an administrator whose machine accepted trust version {number} can join them"
    ))
}

type Fields = BTreeMap<String, Value>;
type Tables = BTreeMap<(usize, String), Fields>;

fn schema_of(file: &str) -> &'static Schema {
    match file {
        SETTINGS_FILE => &SETTINGS_SCHEMA,
        ACCESS_FILE => &ACCESS_SCHEMA,
        _ => &PARTY_SCHEMA,
    }
}

fn tables(bytes: &[u8], schema: &'static Schema) -> Result<Tables, TrustError> {
    let mut tables = Tables::new();
    if bytes.is_empty() {
        return Ok(tables);
    }
    for table in lines::scan(bytes, schema)?.all()? {
        let kind = schema
            .kinds
            .iter()
            .position(|kind| kind.name == table.header().kind);
        let fields = table.fields().map(|(key, value)| (key.to_owned(), value));
        if let Some(kind) = kind {
            tables.insert((kind, table.name().to_owned()), fields.collect());
        }
    }
    Ok(tables)
}

/// Joins two versions of one file, table by table and key by key; lists as sets.
fn merge_file(
    file: &str,
    base: &[u8],
    mine: &[u8],
    theirs: &[u8],
    faults: &mut Vec<String>,
) -> Result<Vec<u8>, TrustError> {
    let schema = schema_of(file);
    let (base, mine, theirs) = (
        tables(base, schema)?,
        tables(mine, schema)?,
        tables(theirs, schema)?,
    );
    let mut printed = Vec::new();
    for place in mine.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        let Some(kind) = schema.kinds.get(place.0) else {
            continue;
        };
        let name = kind.named.then_some(place.1.as_str());
        let title = lines::print(kind.name, name, &[]);
        let all = (base.get(place), mine.get(place), theirs.get(place));
        let fields = match one_of(all.0, all.1, all.2) {
            Some(None) => continue,
            Some(Some(fields)) => fields.clone(),
            None => match (all.1, all.2) {
                (Some(mine), Some(theirs)) => {
                    let none = Fields::new();
                    let base = all.0.unwrap_or(&none);
                    let of = format!("{file} {title}");
                    merge_fields(&of, base, mine, theirs, faults)
                }
                _ => {
                    faults.push(format!(
                        "{title} in {file} is taken out on one side and changed on the other"
                    ));
                    continue;
                }
            },
        };
        let in_order = kind.keys.iter();
        let fields: Vec<(&str, Value)> = in_order
            .filter_map(|key| Some((*key, fields.get(*key)?.clone())))
            .collect();
        printed.push(lines::print(kind.name, name, &fields));
    }
    Ok(lines::render("", &printed).into_bytes())
}

fn merge_fields(
    of: &str,
    base: &Fields,
    mine: &Fields,
    theirs: &Fields,
    faults: &mut Vec<String>,
) -> Fields {
    let mut fields = Fields::new();
    for key in mine.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        let all = (base.get(key), mine.get(key), theirs.get(key));
        let list = |value: Option<&Value>| match value {
            None => Some(BTreeSet::new()),
            Some(Value::Texts(texts)) => Some(texts.iter().cloned().collect::<BTreeSet<_>>()),
            Some(_) => None,
        };
        let merged = match one_of(all.0, all.1, all.2) {
            Some(value) => value.cloned(),
            None => match (list(all.0), list(all.1), list(all.2)) {
                (Some(base), Some(mine), Some(theirs)) => {
                    let is_kept = |name: &&String| {
                        !base.contains(*name) || (mine.contains(*name) && theirs.contains(*name))
                    };
                    let names: Vec<String> = mine.union(&theirs).filter(is_kept).cloned().collect();
                    (!names.is_empty()).then_some(Value::Texts(names))
                }
                _ => {
                    let shown =
                        |value: Option<&Value>| value.map_or("nothing".into(), ToString::to_string);
                    faults.push(format!(
                        "{of}: {key} is {} here and {} there",
                        shown(all.1),
                        shown(all.2)
                    ));
                    None
                }
            },
        };
        fields.extend(merged.map(|value| (key.clone(), value)));
    }
    fields
}
