//! One way to change the rules: show what differs, ask once, sign, wrap and commit in one step.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::context::{Context, as_openers, as_signers};
use crate::cli::resealing;
use crate::error::{Code, Error};
use crate::membership::{
    Concern, Council, Next, OfHost, Rules, Said, Signed, begun, concerned, demand_administrator,
    demand_decider, describe_council, describe_each, sign_rules,
};
use crate::name::PartyName;
use crate::recipients::PublicRecipient;
use crate::text::{list, ranges};
use crate::trust::{IS_NEW, rule_files};
use crate::vault::{Change, Listed, Opener, Signs, Vault, VaultError};

/// More documents and files than this, to which the same happens, are counted.
const MOST_LINES: usize = 20;

/// Whether a command only shows its plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Run {
    /// The plan alone.
    Dry,
    /// All of it.
    Real,
    /// All of it, of which a table shows each host above.
    Shown,
}

impl From<bool> for Run {
    fn from(dry: bool) -> Self {
        if dry { Self::Dry } else { Self::Real }
    }
}

/// The rules as they lie in the working tree.
pub(crate) fn in_tree(vault: &Vault) -> Result<Rules, Error> {
    Ok(Rules::new(rule_files(vault.tree())?))
}

/// The rules that this machine accepted.
pub(crate) fn accepted(vault: &Vault) -> Result<Rules, Error> {
    Ok(Rules::new(vault.trust().accepted.files()?))
}

/// Refuses a command that would sign more than it says: what lies unsigned in the tree.
pub(crate) fn demand_signed(vault: &Vault) -> Result<(), Error> {
    Ok(vault.trust().demand_clean(vault.tree())?)
}

/// Carries a change of rules out, by those who decide so far.
pub(crate) fn change(
    cx: &Context,
    vault: &Vault,
    new: &Rules,
    notes: &[String],
    run: Run,
) -> Result<(), Error> {
    let next = match Next::after(vault, new, &Council::default()) {
        // Whoever does not decide learns that, and not what else would be wrong with the rules.
        Err(error) if run != Run::Dry => {
            if let Ok(bundles) = cx.bundles_for(vault)
                && let Ok(keys) = cx.signers(vault, &bundles)
            {
                demand_administrator(vault, &as_signers(&keys))?;
            }
            return Err(error);
        }
        next => next?,
    };
    change_with(cx, vault, new, &next, notes, run)
}

/// Carries a change of rules, and of who decides, out.
///
/// What lacks signatures becomes a proposal, and nothing else happens then.
///
/// `notes` is shown with the plan. Documents whose readers change get their wraps, files are sealed
/// anew, as far as this person can; what is left is said.
pub(crate) fn change_with(
    cx: &Context,
    vault: &Vault,
    new: &Rules,
    next: &Next,
    notes: &[String],
    run: Run,
) -> Result<(), Error> {
    new.check()?;
    let old = accepted(vault)?;
    let differences = differences(&old, new, next)?;
    // Documents may have been written by the rules of either branch.
    let olds: Vec<&Rules> = [Some(&old), next.here.as_ref(), next.there.as_ref()]
        .into_iter()
        .flatten()
        .collect();
    let concerned = concerned(vault, &olds, new)?;
    let is_nothing = differences.is_empty() && concerned.is_empty();
    if is_nothing {
        cx.ui.say("nothing to change: the rules say so already");
    }
    let only_shows = run == Run::Dry || is_nothing;
    let bundles = match only_shows {
        true => Vec::new(),
        false => cx.bundles_for(vault)?,
    };
    let (mine, keys) = (cx.openers(vault, &bundles), cx.signers(vault, &bundles)?);
    let (openers, signers) = (as_openers(&mine), as_signers(&keys));
    if !only_shows && !differences.is_empty() {
        demand_decider(vault, new, next, &signers)?;
    }
    for line in in_brief(&differences, run).iter().chain(notes) {
        cx.ui.say(line);
    }
    for line in plan_of(&concerned, run) {
        cx.ui.say(&format!("  {line}"));
    }
    if !differences.is_empty() {
        show_lacking(cx, vault, next)?;
    }
    show_what_stays(cx, new, next, &concerned)?;
    if only_shows {
        return Ok(());
    }
    if !differences.is_empty() {
        cx.ui.confirm("sign this as the next trust version?")?;
    }
    let signed = match differences.as_slice() {
        [] => None,
        _ => Some(sign_rules(vault, new, next, &signers)?),
    };
    let signing = Signing {
        cx,
        vault,
        new,
        next,
        openers: &openers,
        signers: &signers,
    };
    match signed {
        Some(signed) if !signed.lacking.is_nothing() => signing.propose(signed),
        signed => signing.bring_in(signed, &concerned),
    }
}

/// What the rules that are to be, and who decides by them, say otherwise.
fn differences(old: &Rules, new: &Rules, next: &Next) -> Result<Vec<Said>, Error> {
    let draft = &next.draft;
    let mut differences = describe_each(old, new)?;
    let said = |line| Said { line, host: None };
    let of_council = |before| {
        let lines = describe_council(before, draft.threshold, &draft.admins);
        lines.into_iter().map(said)
    };
    differences.extend(of_council(&next.before));
    if let Some(side) = &next.side {
        // Whoever knows the other branch's council is told what becomes of that one.
        for one in of_council(side) {
            if !differences.contains(&one) {
                differences.push(one);
            }
        }
        differences.push(said("two branches of the rules are joined".to_owned()));
    }
    Ok(differences)
}

/// The differences in lines. Many hosts of which the same is said come first, and a person who is asked is
/// told how many and which: a key that opens something, or a right, is not to be read between a thousand
/// addresses.
fn in_brief(differences: &[Said], run: Run) -> Vec<String> {
    let mut many: BTreeMap<OfHost, BTreeSet<&PartyName>> = BTreeMap::new();
    for (name, what) in differences.iter().filter_map(|said| said.host.as_ref()) {
        many.entry(*what).or_default().insert(name);
    }
    many.retain(|_, names| run != Run::Dry && names.len() > MOST_LINES);
    let each = match run {
        Run::Shown => "as the table above shows one by one",
        Run::Dry | Run::Real => "which `--dry-run` lists one by one",
    };
    let head = many.iter().map(|(what, names)| {
        let what = match what {
            OfHost::New => "are new",
            OfHost::Changed => "are reached or prove themselves in another way",
            OfHost::Gone => "are taken out",
        };
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        let (count, names) = (names.len(), ranges(&names));
        format!("{count} hosts {what}, {each}: {names}")
    });
    let is_counted = |said: &&Said| {
        let what = said.host.as_ref().map(|(_, what)| what);
        what.is_some_and(|what| many.contains_key(what))
    };
    let others = differences.iter().filter(|said| !is_counted(said));
    head.chain(others.map(|said| said.line.clone())).collect()
}

/// Says whose signatures it takes. Where one decides alone nothing is said of it.
fn show_lacking(cx: &Context, vault: &Vault, next: &Next) -> Result<(), Error> {
    let before = &next.before;
    let lacking = begun(vault, next)?.lacking(before);
    if before.threshold > 1 || !lacking.added.is_empty() {
        cx.ui.say(&format!("it takes the signatures of {lacking}"));
    }
    Ok(())
}

/// Says what a change of rules does not reach.
fn show_what_stays(
    cx: &Context,
    new: &Rules,
    next: &Next,
    concerned: &[Concern],
) -> Result<(), Error> {
    for name in new.with_other_keys(&next.draft.admins)? {
        cx.ui.warn(&format!(
            "{name} decides with a key that is no longer {name}'s own: `clws trust sign --admin {name}` \
             or `--without-admin {name}`"
        ));
    }
    if concerned.iter().any(|concern| !concern.lost.is_empty()) {
        cx.ui.say(
            "git's history stays readable to whoever could read it: give what matters new values",
        );
    }
    Ok(())
}

/// A change of rules that was shown and agreed to, and by whom it is carried out.
struct Signing<'a> {
    cx: &'a Context,
    vault: &'a Vault,
    new: &'a Rules,
    next: &'a Next,
    openers: &'a [&'a dyn Opener],
    signers: &'a [&'a dyn Signs],
}

impl Signing<'_> {
    /// Lays down what lacks signatures, for those who are to look at it.
    fn propose(&self, signed: Signed) -> Result<(), Error> {
        let (cx, signers) = (self.cx, self.signers);
        // For who is a party by the new rules alone, and for who is one by the old ones alone.
        let under = self
            .vault
            .under(self.new.files().clone(), self.next.before.number)?;
        let author = under
            .author(signers)
            .or_else(|_| self.vault.author(signers))?;
        let to_recipient = |recipient: &PublicRecipient| cx.to_recipient(self.vault, recipient);
        let mut change = Change::begin(&under, &author, self.openers, &to_recipient, "proposal")?;
        let said = proposed(&signed);
        change.with_proposal(signed.edits);
        self.keep_side()?;
        change.commit()?;
        cx.ui.say(&said);
        cx.ui
            .say("commit and push it; they look with `clws trust diff` and run `clws trust sign`");
        Ok(())
    }

    /// Brings the rules in, and to what they say all that they concern; what is left to others is said.
    fn bring_in(&self, signed: Option<Signed>, concerned: &[Concern]) -> Result<(), Error> {
        let (cx, vault) = (self.cx, self.vault);
        let is_signed = signed.is_some();
        let number = signed
            .as_ref()
            .map_or(vault.trust().accepted.number(), |signed| signed.number);
        let under = vault.under(self.new.files().clone(), number)?;
        let author = under.author(self.signers)?;
        let to_recipient = |recipient: &PublicRecipient| cx.to_recipient(vault, recipient);
        let mut change = Change::begin(&under, &author, self.openers, &to_recipient, "rules")?;
        let left = follow(cx, &mut change, vault, concerned)?;
        if let Some(signed) = signed {
            change.with_rules(signed.edits, signed.chain);
        }
        self.keep_side()?;
        change.commit()?;
        if is_signed {
            cx.ui.say(&format!("signed trust version {number}"));
        }
        for (path, error) in left {
            let why = error.message();
            cx.ui
                .warn(&format!("{path} does not follow the rules yet: {why}"));
            // What was tampered with is refused to everybody until it is mended.
            let is_broken = error.code() == Code::Auth;
            let hints = if is_broken { error.hints() } else { Vec::new() };
            hints.iter().for_each(|hint| cx.ui.warn(hint));
            cx.ui.warn(&format!(
                "{}somebody who reads and writes it runs `clws rekey {path}`",
                if is_broken { "once it is mended, " } else { "" }
            ));
        }
        Ok(())
    }

    /// Remembers the rules of a branch that is joined: under the lock, and before the commit. What a cut-off run
    /// leaves of it is written again by the next one.
    fn keep_side(&self) -> Result<(), Error> {
        if let (Some(side), Some(there)) = (&self.next.side, &self.next.there) {
            self.vault.trust().pins.keep(&side.hash, there.files())?;
        }
        Ok(())
    }
}

/// Brings all that is concerned to what the new rules say. Gives what is left to others, and why.
fn follow(
    cx: &Context,
    change: &mut Change<'_>,
    vault: &Vault,
    concerned: &[Concern],
) -> Result<Vec<(String, Error)>, Error> {
    let resealed = concerned.iter().filter(|concern| concern.seals_anew());
    resealing::watch(change, vault, &cx.ui, resealed.map(|concern| &concern.item))?;
    let files: Vec<_> = concerned.iter().filter_map(Concern::file_anew).collect();
    let sealed = change.rekey_files(&files, vault)?;
    let sealed = files
        .iter()
        .zip(sealed)
        .map(|((path, _), result)| (path.as_str(), result.map(|()| Vec::new())));
    let mut settled: Vec<_> = sealed.collect();
    for concern in concerned
        .iter()
        .filter(|concern| concern.file_anew().is_none())
    {
        settled.push((concern.item.path(), settle(change, vault, concern)));
    }
    let mut left = Vec::new();
    for (path, result) in settled {
        match result {
            Ok(notices) => notices.iter().for_each(|notice| cx.ui.warn(notice)),
            // Somebody who can will do it: a right that is given or taken counts from the signature on.
            Err(error) if is_for_others(&error) => {
                left.push((path.to_owned(), error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(left)
}

/// Whether somebody else can do what this person could not, so that the rules need not wait for it. Nor do they
/// for a number that somebody counted up: else who did it could not be taken out.
fn is_for_others(error: &Error) -> bool {
    matches!(error.code(), Code::NoKey | Code::Trust | Code::Auth)
        || matches!(
            error.downcast_ref(),
            Some(VaultError::NotToServer { .. } | VaultError::Jump { .. })
        )
}

/// What happens to each document and file. A person who is asked is shown who leaves, and not a
/// thousand lines after it: `--dry-run` has them.
fn plan_of(concerned: &[Concern], run: Run) -> Vec<String> {
    let mut same: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for concern in concerned {
        let what = what_happens(concern);
        if what.is_empty() {
            continue;
        }
        same.entry(what).or_default().push(concern.item.path());
    }
    let mut lines = Vec::new();
    for (what, paths) in same {
        let paths = named(&paths, run).into_iter();
        lines.extend(paths.map(|path| format!("{path}: {what}")));
    }
    lines
}

/// Documents and files to which the same happens. A person who is asked about very many is told how many.
pub(crate) fn named(paths: &[&str], run: Run) -> Vec<String> {
    if run != Run::Dry && paths.len() > MOST_LINES {
        let many = paths.len();
        return vec![format!(
            "{many} documents and files, which `--dry-run` lists"
        )];
    }
    paths.iter().map(ToString::to_string).collect()
}

fn what_happens(concern: &Concern) -> String {
    let Concern {
        item,
        lost,
        gained,
        orphaned,
        removed,
    } = concern;
    if *removed {
        let sign = orphaned.then(|| "sign again that it was removed".to_owned());
        return sign.unwrap_or_default();
    }
    let seal = match item {
        _ if !lost.is_empty() => format!("seal it anew, so that {} cannot open it", list(lost)),
        Listed::Document(_) if *gained => "wrap its key anew".to_owned(),
        Listed::File(_) if *gained => "seal it anew".to_owned(),
        _ => String::new(),
    };
    let sign = (*orphaned && lost.is_empty())
        .then_some("sign again what would no longer count".to_owned());
    let all: Vec<String> = [seal]
        .into_iter()
        .filter(|what| !what.is_empty())
        .chain(sign)
        .collect();
    all.join("; ")
}

/// What is said of a proposal that was signed just now.
fn proposed(signed: &Signed) -> String {
    let by: Vec<&PartyName> = signed.by.iter().collect();
    let lacking = signed.lacking.to_string();
    // A clause about the last one ends before the sentence goes on.
    let comma = if lacking.ends_with(IS_NEW) { "," } else { "" };
    format!(
        "a proposal of trust version {}, signed by {}; it counts for nothing until {lacking}{comma} signed it too",
        signed.number,
        list(&by),
    )
}

/// Brings to what the new rules say what is no file to be sealed anew ([`Concern::file_anew`]).
fn settle(
    change: &mut Change<'_>,
    before: &Vault,
    concern: &Concern,
) -> Result<Vec<String>, Error> {
    let lost = &concern.lost;
    match &concern.item {
        Listed::Document(path) if !lost.is_empty() => return change.rekey(path, before, lost),
        Listed::Document(path) => {
            if concern.orphaned {
                change.vouch(path, before)?;
            }
            if concern.gained {
                change.wrap_for_readers(path)?;
            }
        }
        Listed::File(path) => drop(change.vouch_file(path, before)?),
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_hosts_it_is_said_where_each_is_shown() {
        let one = |number: usize| Said {
            line: format!("h{number} is reached in another way"),
            host: Some((format!("h{number}").parse().unwrap(), OfHost::Changed)),
        };
        let many: Vec<Said> = (0..=MOST_LINES).map(one).collect();
        for (run, each) in [
            (Run::Real, "which `--dry-run` lists one by one"),
            // `host scan` has no such flag, and showed a table.
            (Run::Shown, "as the table above shows one by one"),
        ] {
            assert_eq!(
                in_brief(&many, run),
                [format!(
                    "21 hosts are reached or prove themselves in another way, {each}: h[0-20]"
                )]
            );
        }
        assert_eq!(in_brief(&many, Run::Dry).len(), 21);
    }
}
