//! The next trust version over a set of rules.

use std::collections::{BTreeMap, BTreeSet};

use super::Rules;
use crate::crypto::sha256;
use crate::crypto::sshsig::{Namespace, PublicKey, SignedBy};
use crate::error::{Code, Error, Problem};
use crate::fs::{Edit, New};
use crate::lines::MAX_FILE;
use crate::name::PartyName;
use crate::recipients::party_file;
use crate::text::{count, list, nearest};
use crate::trust::{
    Draft, Lacking, Proposal, Proposed, Step, TrustError, Version, chain_to, load_side,
    newest_number, proposal_files, read_version, rule_files, version_file,
};
use crate::vault::{Signs, Vault};

/// A signed trust version, or a proposal of one, and the edits that bring it in.
#[derive(Debug)]
pub struct Signed {
    /// Its number.
    pub number: u64,
    /// What a pin holds once it counts.
    pub chain: Vec<Step>,
    /// Who signed it, this time included.
    pub by: BTreeSet<PartyName>,
    /// Whose signatures it lacks; it is a proposal if there are any.
    pub lacking: Lacking,
    /// The files to write.
    pub edits: Vec<Edit>,
}

/// A change of who decides.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Council {
    /// Administrators to add, or to give another key.
    pub add: BTreeMap<PartyName, PublicKey>,
    /// Administrators who decide no longer.
    pub drop: BTreeSet<PartyName>,
    /// How many must sign.
    pub threshold: Option<u64>,
    /// The version of another branch that is joined: where a proposal goes on.
    pub also: Option<[u8; 32]>,
}

/// A trust version to be signed, and what it follows on.
#[derive(Debug)]
pub struct Next {
    /// The version before it in the tree.
    pub before: Version,
    /// The newest version of another branch, which it joins.
    pub side: Option<Version>,
    /// The hashes that it brings in from there.
    pub joined: Vec<[u8; 32]>,
    /// Files that it needs besides the rules.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The rules of `before`, where they are not those that this machine accepted.
    pub here: Option<Rules>,
    /// The rules of `side`, where they are at hand.
    pub there: Option<Rules>,
    /// What is signed.
    pub draft: Draft,
}

impl Next {
    /// What follows on the newest version in the tree, or goes on with a proposal that joins.
    ///
    /// # Errors
    /// As [`last_version`] and [`next_version`]; [`super::RulesError`] if the rules do not hold.
    pub fn after(vault: &Vault, rules: &Rules, council: &Council) -> Result<Self, Error> {
        rules.check()?;
        let before = last_version(vault)?;
        let mut next = Self {
            draft: next_version(&before, rules, council)?,
            side: None,
            joined: Vec::new(),
            files: BTreeMap::new(),
            here: None,
            there: None,
            before,
        };
        if let Some(also) = council.also {
            next.draft.also = Some(also);
            let mut version = Version::parse(next.draft.print(&[]).as_bytes())?;
            next.joined = load_side(vault.tree(), &mut version)?;
            next.side = version.side.map(|side| *side);
            let here = vault.trust().rules_of(vault.tree(), &next.before)?;
            next.here = Some(Rules::new(here));
        }
        Ok(next)
    }

    /// The version without a signature.
    fn unsigned(&self) -> Result<Version, Error> {
        let mut version = Version::parse(self.draft.print(&[]).as_bytes())?;
        version.side = self.side.clone().map(Box::new);
        Ok(version)
    }
}

/// What follows on `before`, with its administrators and threshold, changed by `council`.
///
/// # Errors
/// USAGE if nobody would be left who decides, or fewer than must sign.
pub fn next_version(before: &Version, rules: &Rules, council: &Council) -> Result<Draft, Error> {
    let mut admins = before.admins.clone();
    for name in &council.drop {
        if admins.remove(name).is_none() {
            let why = format!("{name} is no administrator");
            let known = before.admins.keys().map(PartyName::as_str);
            let hint = match nearest(name.as_str(), known) {
                Some(near) => format!("is `{near}` meant?"),
                None => "`clws trust show` shows who is".to_owned(),
            };
            return Err(Problem::new(Code::Usage, why).hint(hint).into());
        }
    }
    admins.extend(council.add.clone());
    // Who is taken out of the vault decides no longer.
    admins.retain(|name, _| rules.files().contains_key(&party_file(name)));
    let threshold = council.threshold.unwrap_or(before.threshold);
    let left = u64::try_from(admins.len()).unwrap_or(u64::MAX);
    if left == 0 {
        let why = "no administrator would be left, and nobody would decide any more";
        return Err(Problem::new(Code::Trust, why)
            .hint("`clws trust sign --admin NAME` makes somebody else one first")
            .into());
    }
    if threshold == 0 || threshold > left {
        let why = format!(
            "{threshold} must sign, and there would be {}",
            count(admins.len(), "administrator")
        );
        return Err(Problem::new(Code::Usage, why)
            .hint(format!(
                "`clws trust sign --threshold {left}` asks for fewer"
            ))
            .into());
    }
    Ok(Draft {
        number: before.number + 1,
        previous: before.hash,
        also: None,
        threshold,
        admins,
        files: hashes(rules.files()),
    })
}

pub(super) fn hashes(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, [u8; 32]> {
    files
        .iter()
        .map(|(file, bytes)| (file.clone(), sha256(bytes)))
        .collect()
}

/// Refuses where no key here counts for the next trust version.
///
/// # Errors
/// As [`sign_rules`] for who is here.
pub fn demand_decider(
    vault: &Vault,
    rules: &Rules,
    next: &Next,
    signers: &[&dyn Signs],
) -> Result<(), Error> {
    let (before, tree) = (&next.before, vault.tree());
    let version = begun(vault, next)?;
    // Who is only about to become an administrator begins no proposal.
    let beside = next.side.iter().flat_map(|side| side.admins.values());
    let decides: Vec<&PublicKey> = before.admins.values().chain(beside).collect();
    let begins = version.proposers(before).is_empty();
    let mut awaited = signers.iter().map(|signer| signer.public());
    if awaited.any(|key| version.awaits(before, key).is_some())
        && (!begins
            || signers
                .iter()
                .any(|signer| decides.contains(&signer.public())))
    {
        return Ok(());
    }
    // By hand, for somebody to sign. A command writes nothing before it may.
    let there = rule_files(tree)?;
    let is_written = there != vault.trust().rules_of(tree, before)? && there == *rules.files();
    let why = not_mine(&version, before, signers, is_written);
    Err(match other_key(vault, before, signers)? {
        Some(note) => why.note(note),
        None => why,
    }
    .into())
}

/// Signs `rules` as the next trust version, with every key here that counts for it.
///
/// Gives the edits of every file that differs from the working tree. Where signatures are lacking
/// these are the files of a proposal, and the rules in the tree are put back to what counts.
///
/// # Errors
/// TRUST if nobody here is an administrator; DENIED if who is here has signed and others are waited
/// for; [`TrustError::OtherProposal`]; [`super::RulesError`] if the rules are not consistent.
pub fn sign_rules(
    vault: &Vault,
    rules: &Rules,
    next: &Next,
    signers: &[&dyn Signs],
) -> Result<Signed, Error> {
    rules.check()?;
    let before = &next.before;
    let tree = vault.tree();
    let now = vault.trust().rules_of(tree, before)?;
    let version = begun(vault, next)?;
    demand_decider(vault, rules, next, signers)?;
    let mut more = Vec::new();
    for signer in signers {
        if let Some(admin) = version.awaits(before, signer.public()) {
            more.push(SignedBy {
                party: admin.to_string(),
                ..signer.sign(Namespace::Trust, version.body())?
            });
        }
    }
    let printed = version.print_with(before, more);
    // What is written must be what every other machine reads.
    let mut version = Version::parse(printed.as_bytes())?;
    version.side = next.side.clone().map(Box::new);
    let lacking = version.lacking(before);
    let (_, mut chain) = chain_to(tree, &vault.trust().pins, before.number)?;
    chain.push(Step {
        hash: version.hash,
        joined: next.joined.clone(),
    });
    // A pin moves to nothing that does not come after what it holds.
    if let Some(last) = vault.trust().pins.chain()?.pop()
        && !chain
            .iter()
            .any(|step| step.hash == last.hash || step.joined.contains(&last.hash))
    {
        return Err(vault.trust().sibling(tree)?.into());
    }
    let there = rule_files(tree)?;
    let mut old_proposal = proposal_files(tree)?;
    let mut edits = Vec::new();
    let place = if lacking.is_nothing() {
        version.check_after(before)?;
        replace(&there, rules.files(), &mut edits);
        version_file(version.number)
    } else {
        replace(&there, &now, &mut edits);
        for (file, bytes) in rules.files() {
            if now.get(file) != Some(bytes) {
                let place = Proposal::place_of(file);
                let old = old_proposal.remove(&place);
                if old.as_ref() != Some(bytes) {
                    edits.push(Edit::of(place, old.as_deref(), New::Bytes(bytes.clone())));
                }
            }
        }
        Proposal::version_file().to_owned()
    };
    // Before the version that needs them: a run that is cut off between leaves nothing half true.
    for (file, bytes) in &next.files {
        if tree.read(file, MAX_FILE)?.is_none() {
            edits.push(Edit::of(file.clone(), None, New::Bytes(bytes.clone())));
        }
    }
    let old = old_proposal.remove(&place);
    edits.push(Edit::of(
        place,
        old.as_deref(),
        New::Bytes(printed.into_bytes()),
    ));
    for (file, old) in old_proposal {
        edits.push(Edit::of(file, Some(&old), New::Gone));
    }
    Ok(Signed {
        number: version.number,
        chain,
        by: version.signed_by(before),
        lacking,
        edits,
    })
}

/// The version that a next one follows on.
///
/// # Errors
/// [`TrustError`] if this machine has not accepted the vault, or the tree is an older one.
pub fn last_version(vault: &Vault) -> Result<Version, Error> {
    let trust = vault.trust();
    match vault.demand_pin_to_write() {
        // Whose version is the other one may sign what joins it.
        Err(TrustError::Sibling { .. }) if is_joined(vault)? => {}
        other => other?,
    }
    // From an old branch a second version would be signed beside one that others have accepted.
    let (here, accepted) = (newest_number(vault.tree())?, trust.accepted.number());
    if here < accepted {
        return Err(trust.older(vault.tree())?.into());
    }
    Ok(read_version(vault.tree(), here)?)
}

/// Whether the proposal in the tree joins the version that this machine accepted.
fn is_joined(vault: &Vault) -> Result<bool, Error> {
    let Ok((_, Proposed::Open(open))) = vault.trust().proposed(vault.tree()) else {
        return Ok(false);
    };
    let last = vault.trust().pins.chain()?.pop();
    let side = open.version.side.map(|side| side.hash);
    Ok(side.is_some() && side == last.map(|last| last.hash))
}

/// The proposal of this very draft if there is one, with its signatures; else the draft without any.
///
/// # Errors
/// [`TrustError::OtherProposal`] if administrators are about to sign something else.
pub fn begun(vault: &Vault, next: &Next) -> Result<Version, Error> {
    let before = &next.before;
    let fresh = next.unsigned()?;
    let now = vault.trust().rules_of(vault.tree(), before)?;
    let open = match Proposal::read(vault.tree(), before, &now) {
        Ok(Proposed::Open(open)) => *open,
        // What no administrator signed is in nobody's way.
        Ok(_) | Err(TrustError::Proposal { .. } | TrustError::Line(_)) => return Ok(fresh),
        Err(error) => return Err(error.into()),
    };
    if open.version.body() == fresh.body() {
        return Ok(open.version);
    }
    if open.version.proposers(before).is_empty() {
        return Ok(fresh);
    }
    Err(TrustError::OtherProposal {
        number: open.version.number,
        lacking: open.version.lacking(before).to_string(),
    }
    .into())
}

/// Why none of these keys signs this version.
fn not_mine(
    version: &Version,
    before: &Version,
    signers: &[&dyn Signs],
    is_written: bool,
) -> Problem {
    let lacking = version.lacking(before);
    let admins = || version.concerned(before).map(|(_, key)| key);
    let begun = !version.proposers(before).is_empty();
    if begun
        && signers
            .iter()
            .any(|signer| admins().any(|key| key == signer.public()))
    {
        let number = version.number;
        return Problem::new(
            Code::Denied,
            format!(
                "you have signed the proposal of trust version {number}; it waits for {lacking}"
            ),
        )
        .hint("commit and push it; they run `clws trust sign`");
    }
    no_administrator(before, is_written)
}

/// That who is here does not decide.
fn no_administrator(before: &Version, is_written: bool) -> Problem {
    let admins: Vec<String> = before.admins.keys().map(ToString::to_string).collect();
    let somebody = crate::text::any_of(&admins);
    let problem = Problem::new(Code::Trust, "none of your keys is an administrator's")
        .note(format!("administrators are {}", list(&admins)));
    match is_written {
        true => problem.hint(format!(
            "commit the change and ask {somebody} to run `clws trust sign`"
        )),
        false => problem
            .note("nothing was written")
            .hint(format!("ask {somebody} to run this command")),
    }
}

/// Refuses who is no administrator of the newest version.
///
/// # Errors
/// TRUST; as [`last_version`].
pub fn demand_administrator(vault: &Vault, signers: &[&dyn Signs]) -> Result<(), Error> {
    let before = last_version(vault)?;
    let decides = |signer: &&dyn Signs| before.admins.values().any(|key| key == signer.public());
    match signers.iter().any(decides) {
        true => Ok(()),
        false => Err(no_administrator(&before, false).into()),
    }
}

/// What is said to an administrator who is here with another key than the one that decides.
fn other_key(
    vault: &Vault,
    before: &Version,
    signers: &[&dyn Signs],
) -> Result<Option<String>, Error> {
    for (name, decides) in &before.admins {
        let party = vault.party_if_known(name)?;
        let keys = party.iter().flat_map(|party| &party.signing);
        for key in keys.map(|signing| &signing.key) {
            if signers.iter().any(|signer| signer.public() == key) && key != decides {
                return Ok(Some(format!(
                    "{name} decides with the key {}, and you sign with {}",
                    decides.fingerprint(),
                    key.fingerprint()
                )));
            }
        }
    }
    Ok(None)
}

/// The edits that make the files `there` to `wanted`.
fn replace(
    there: &BTreeMap<String, Vec<u8>>,
    wanted: &BTreeMap<String, Vec<u8>>,
    edits: &mut Vec<Edit>,
) {
    for (file, bytes) in wanted {
        let old = there.get(file).map(Vec::as_slice);
        if old != Some(bytes.as_slice()) {
            edits.push(Edit::of(file.clone(), old, New::Bytes(bytes.clone())));
        }
    }
    for (file, bytes) in there {
        if !wanted.contains_key(file) {
            edits.push(Edit::of(file.clone(), Some(bytes), New::Gone));
        }
    }
}
