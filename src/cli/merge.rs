//! `clws merge`: two branches of the secrets, joined table by table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::error::{Code, Error, Problem};
use crate::fs::{FsError, Journal, Lock, Sync};
use crate::git::{Git, Sides};
use crate::merge::{Conflict, IfJoined, Merged, Outcome, Take, Work, merge, side_by_side};
use crate::name::DocumentPath;
use crate::text::{clean_line, list};
use crate::trust::{PROPOSAL_FOLDER, SETTINGS_FILE};
use crate::vault::Vault;

/// Join what two branches made of secrets, after a conflict of git
///
/// Documents are joined table by table: values, readers and a new data key of different branches go
/// together. Where both gave a new value, the newer by record order counts, as on every machine; it says
/// which, and how the other is had back. Of a sealed file the newer is taken whole. Nothing is opened or
/// signed, and `git add` is yours.
#[derive(Args, Debug)]
pub(crate) struct MergeArgs {
    /// Files below `secrets/`, from the vault's folder; all that are in conflict without any, but for
    /// those that are joined already. One that is named is joined anew from the two sides of the merge
    paths: Vec<String>,
    /// As git's merge driver: join three files into OURS, and leave what both sides gave in conflict
    #[arg(long, num_args = 3, value_names = ["BASE", "OURS", "THEIRS"], requires = "path", conflicts_with = "paths")]
    driver: Vec<PathBuf>,
    /// The driver's file, from the repository's folder
    #[arg(long, requires = "driver")]
    path: Option<String>,
    /// How many signs a conflict marker has
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(7..=64), requires = "driver")]
    marker_size: u8,
}

pub(crate) fn run(args: &MergeArgs, cx: &Context) -> Result<ExitCode, Error> {
    match (args.driver.as_slice(), &args.path) {
        ([base, ours, theirs], Some(path)) => {
            let files = [base, ours, theirs].map(|file| cx.world.folder().join(file));
            drive(cx, &files, path, usize::from(args.marker_size))
        }
        _ => resolve(cx, &args.paths),
    }
}

/// What git calls for one document. The result goes where git wants it, into its own copy of ours.
fn drive(cx: &Context, files: &[PathBuf; 3], path: &str, marker: usize) -> Result<ExitCode, Error> {
    let read = |file: &Path| -> Result<Vec<u8>, Error> {
        std::fs::read(file).map_err(|error| FsError::io("read", file)(error).into())
    };
    let [base, ours_file, theirs] = files;
    let (base, ours, theirs) = (read(base)?, read(ours_file)?, read(theirs)?);
    let joined = joined(cx, path, (&base, &ours, &theirs), marker);
    let (text, clean) = match joined {
        Ok(merged) => {
            merged.notes.iter().for_each(|note| cx.ui.warn(note));
            for conflict in &merged.conflicts {
                cx.ui.warn(&format!(
                    "both sides changed {conflict}: `clws merge` takes the newer"
                ));
            }
            (merged.text, merged.conflicts.is_empty())
        }
        Err(error) => {
            cx.ui.error(&error);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (side_by_side(&text(&ours), &text(&theirs), marker), false)
        }
    };
    std::fs::write(ours_file, text).map_err(FsError::io("write", ours_file))?;
    Ok(if clean {
        ExitCode::SUCCESS
    } else {
        Code::Conflict.into()
    })
}

/// The joined document that lies at `path` of the repository: `…/secrets/SCOPE/DOCUMENT.toml`.
fn joined(
    cx: &Context,
    path: &str,
    (base, ours, theirs): (&[u8], &[u8], &[u8]),
    marker: usize,
) -> Result<Merged, Error> {
    let no_document = || {
        Problem::new(
            Code::Usage,
            format!("`{}` is no document", clean_line(path)),
        )
    };
    let mut parts: Vec<&str> = path.split('/').collect();
    let file = parts.pop().and_then(|file| file.strip_suffix(".toml"));
    let (Some(name), Some(scope), Some("secrets")) = (file, parts.pop(), parts.pop()) else {
        return Err(no_document().into());
    };
    let document = format!("{scope}/{name}").parse::<DocumentPath>()?;
    let folder = cx.world.folder().join(parts.join("/"));
    let vault = match Vault::open(&cx.world, &folder, None) {
        Ok(vault) => Some(vault),
        Err(error) => {
            // Without rules nothing both sides changed can be judged; the rest can be joined.
            cx.ui.warn(&error.message());
            None
        }
    };
    let base = (!base.is_empty()).then_some(base);
    merge(
        vault.as_ref(),
        &document,
        (base, ours, theirs),
        Take::Neither,
        marker,
    )
}

/// Joins what lies in conflict in the index, into the working tree.
fn resolve(cx: &Context, only: &[String]) -> Result<ExitCode, Error> {
    let vault = cx.trusted_vault()?;
    vault.demand_pin()?;
    let git = Git::at(&cx.world, vault.tree().path());
    let mut unmerged = git.unmerged()?;
    let sides = git.sides(!unmerged.is_empty());
    for file in only {
        // Text may have been joined without a conflict, to something that does not read.
        if !unmerged.contains_key(file) {
            unmerged.insert(file.clone(), stages(&git, file)?);
        }
    }
    let conflict = Conflict {
        vault: &vault,
        git: &git,
        sides,
        stages: &unmerged,
        joined: match only {
            [] => IfJoined::Leave,
            _ => IfJoined::Anew,
        },
    };
    let (mut joined, mut already, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for file in unmerged.keys() {
        if !only.is_empty() && !only.contains(file) {
            continue;
        }
        // An age file goes with its sidecar.
        if file.ends_with(".age") && unmerged.contains_key(&format!("{file}.toml")) {
            continue;
        }
        match conflict.join(file) {
            Ok(Outcome::NoSecret) => left.push(file),
            Ok(Outcome::Already) => already.push(file),
            Ok(Outcome::Joined(work)) => {
                work.notes.iter().for_each(|note| cx.ui.warn(note));
                joined.push(work);
            }
            Err(error) => {
                cx.ui.error(&error);
                left.push(file);
            }
        }
    }
    let lost: Vec<&str> = joined
        .iter()
        .flat_map(|work| work.alone.iter().map(String::as_str))
        .collect();
    if !lost.is_empty() {
        cx.ui.tell(&format!(
            "neither side of the merge has {} as it lies here",
            list(&lost)
        ));
        cx.ui.confirm("join anew, without that?")?;
    }
    let done = write(cx, &vault, &git, joined)?;
    for file in &left {
        cx.ui.warn(&format!(
            "{file} is still in conflict: {}",
            way_out(file, sides)
        ));
    }
    for file in &already {
        cx.ui
            .say(&format!("{file} is joined already: `git add {file}`"));
    }
    if !done.is_empty() {
        cx.ui.say(&format!("joined {}", list(&done)));
        cx.ui
            .say("next: `clws check`, then `git add` and `git commit`");
    } else if left.is_empty() && already.is_empty() {
        cx.ui.say("nothing is in conflict");
    }
    Ok(if left.is_empty() {
        ExitCode::SUCCESS
    } else {
        Code::Conflict.into()
    })
}

/// Puts what was joined into the working tree; the files, each of which is to be added.
fn write(cx: &Context, vault: &Vault, git: &Git, joined: Vec<Work>) -> Result<Vec<String>, Error> {
    if joined.is_empty() {
        return Ok(Vec::new());
    }
    let pins = &vault.trust().pins;
    let _lock = Lock::take(&pins.lock_file(), "merge")?;
    let journal = Journal::at(pins.journal_file());
    journal.begin(vault.tree())?;
    let mut edits = Vec::new();
    for work in joined {
        edits.extend(work.edits);
        let age = work.age.map(|age| age.stage(git, vault));
        edits.extend(age.transpose()?);
    }
    let files: Vec<String> = edits.iter().map(|edit| edit.path.clone()).collect();
    vault.record_use("merge", &files, Sync::Disk)?;
    journal.commit(vault.tree(), &cx.world, edits)?;
    journal.end();
    Ok(files)
}

/// What joins a file that this command does not.
fn way_out(file: &str, sides: Sides) -> String {
    let is_rules = file == SETTINGS_FILE || file.starts_with("recipients/");
    if file.starts_with(PROPOSAL_FOLDER) {
        format!(
            "there is one proposal at a time: `rm -r {PROPOSAL_FOLDER}` gives both up; then \
             `git checkout HEAD -- {PROPOSAL_FOLDER}` takes one side's, or `{}` in the place of `HEAD` the other's",
            sides.theirs
        )
    } else if is_rules && sides.is_rebase() {
        "in a rebase rules are not joined: `git rebase --abort`, then `git merge BRANCH`".to_owned()
    } else if is_rules {
        "`clws trust merge REV` joins the rules, REV being the other branch".to_owned()
    } else {
        "a person has to decide".to_owned()
    }
}

/// The contents of a file on both sides of a merge, as git's index would list them in a conflict.
fn stages(git: &Git, file: &str) -> Result<BTreeMap<u8, String>, Error> {
    let mut stages = BTreeMap::new();
    for (number, commit) in (1..).zip(git.last_merge()?) {
        if let Some(id) = git.files(&commit, file)?.remove(file) {
            stages.insert(number, id);
        }
    }
    if stages.contains_key(&2) && stages.contains_key(&3) {
        return Ok(stages);
    }
    let missing = format!("`{}` is not on both sides of the merge", clean_line(file));
    Err(Problem::new(Code::NotFound, missing).into())
}
