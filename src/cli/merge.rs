//! `clws merge`: two branches of the secrets, joined table by table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::error::{Code, Error, Problem};
use crate::fs::{Edit, FsError, Journal, Lock, New, Sync};
use crate::git::{Git, Sides};
use crate::lines::MAX_FILE;
use crate::merge::{Merged, Take, has_alone, merge, reads, side_by_side, sidecar};
use crate::name::{DocumentPath, FilePath};
use crate::text::{clean_line, list};
use crate::trust::{PROPOSAL_FOLDER, SETTINGS_FILE};
use crate::vault::{Sidecar, Vault};

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
    vault.demand_pin(false)?;
    let git = Git::at(&cx.world, vault.tree().path());
    let mut unmerged = git.unmerged()?;
    let sides = git.sides(!unmerged.is_empty());
    for file in only {
        // Text may have been joined without a conflict, to something that does not read.
        if !unmerged.contains_key(file) {
            unmerged.insert(file.clone(), stages(&git, file)?);
        }
    }
    let (mut edits, mut done, mut left) = (Vec::new(), Vec::new(), Vec::new());
    let (mut already, mut lost) = (Vec::new(), Vec::new());
    let pins = &vault.trust().pins;
    let _lock = Lock::take(&pins.lock_file(), "merge")?;
    let journal = Journal::at(pins.journal_file());
    journal.begin(vault.tree())?;
    for file in unmerged.keys() {
        if !only.is_empty() && !only.contains(file) {
            continue;
        }
        // An age file goes with its sidecar.
        if file.ends_with(".age") && unmerged.contains_key(&format!("{file}.toml")) {
            continue;
        }
        match resolved(cx, &vault, (&git, sides), (file, only), &unmerged) {
            Ok(Outcome::NoSecret) => left.push(file),
            Ok(Outcome::Already) => already.push(file),
            Ok(Outcome::Joined { edits: more, alone }) => {
                edits.extend(more);
                lost.extend(alone);
                done.push(file.clone());
            }
            Err(error) => {
                cx.ui.error(&error);
                left.push(file);
            }
        }
    }
    if !lost.is_empty() {
        cx.ui.tell(&format!(
            "neither side of the merge has {} as it lies here",
            list(&lost)
        ));
        cx.ui.confirm("join anew, without that?")?;
    }
    if !edits.is_empty() {
        vault.record_use("merge", &done, Sync::Disk)?;
        journal.commit(vault.tree(), &cx.world, edits)?;
    }
    journal.end();
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

/// What becomes of one file.
enum Outcome {
    /// It is no secret.
    NoSecret,
    /// Somebody joined it, and may have gone on from there: git calls it in conflict until `git add`.
    Already,
    /// It is joined.
    Joined {
        /// What is written.
        edits: Vec<Edit>,
        /// What the working tree has there, and nothing else.
        alone: Vec<String>,
    },
}

/// What one file in conflict becomes, or one of those that were named.
fn resolved(
    cx: &Context,
    vault: &Vault,
    (git, sides): (&Git, Sides),
    (file, named): (&str, &[String]),
    unmerged: &BTreeMap<String, BTreeMap<u8, String>>,
) -> Result<Outcome, Error> {
    let Some(name) = file.strip_prefix("secrets/") else {
        return Ok(Outcome::NoSecret);
    };
    let mut objects = git.objects()?;
    let mut stage = |file: &str, number: u8, most: usize| -> Result<Option<Vec<u8>>, Error> {
        match unmerged.get(file).and_then(|stages| stages.get(&number)) {
            Some(id) => objects.bytes(id, most),
            None => Ok(None),
        }
    };
    let (base, ours, theirs) = (
        stage(file, 1, MAX_FILE)?,
        stage(file, 2, MAX_FILE)?,
        stage(file, 3, MAX_FILE)?,
    );
    let old = vault.tree().read(file, MAX_FILE)?;
    // A side that lies there whole is what git left there, or what is had back from git.
    let is_new = old.is_some() && old != ours && old != theirs;
    let edit = |file: &str, old: Option<&[u8]>, new: Vec<u8>| Edit::of(file, old, New::Bytes(new));
    if let Some(name) = name.strip_suffix(".age.toml") {
        let path = name.parse::<FilePath>()?;
        let reads = |bytes: &Vec<u8>| Sidecar::parse(bytes, &path).is_ok();
        let is_joined = is_new && old.as_ref().is_some_and(reads);
        if is_joined && named.is_empty() {
            return Ok(Outcome::Already);
        }
        let rights = vault.rights(path.as_str())?;
        let mark = |bytes: &Option<Vec<u8>>| {
            let sidecar = Sidecar::parse(bytes.as_deref()?, &path).ok()?;
            let judged = vault.judge_sidecar(&sidecar, &rights, None).ok()?;
            Some((judged.mark, sidecar.signed.party, sidecar.content.is_some()))
        };
        let (a, b) = (mark(&ours), mark(&theirs));
        let is_theirs = a.as_ref().map(|a| a.0) < b.as_ref().map(|b| b.0);
        let (number, text, left, winner) = match is_theirs {
            true => (3, theirs, ours, b),
            false => (2, ours, theirs, a),
        };
        let (Some(text), Some((mark, signer, live))) = (text, winner) else {
            return Err(Problem::new(
                Code::Conflict,
                format!("`{path}` cannot be joined: neither side counts"),
            )
            .into());
        };
        let from = if is_theirs { sides.ours } else { sides.theirs };
        cx.ui.warn(&format!(
            "{path}: rev {} by {signer} counts; if the other is meant: `clws secret restore {path} --from {from}`",
            mark.rev
        ));
        let text = sidecar(&path, &text, base.as_deref(), left.as_deref())?;
        let is_other = is_joined && old.as_deref() != Some(text.as_bytes());
        let alone = is_other.then(|| path.to_string()).into_iter().collect();
        let mut edits = vec![edit(file, old.as_deref(), text.into_bytes())];
        let age = path.to_file();
        if unmerged.contains_key(&age) {
            let was = vault.tree().read(&age, usize::MAX)?;
            let new = stage(&age, number, usize::MAX)?.filter(|_| live);
            edits.push(match new {
                Some(bytes) => edit(&age, was.as_deref(), bytes),
                None => Edit::of(age, was.as_deref(), New::Gone),
            });
        }
        return Ok(Outcome::Joined { edits, alone });
    }
    let Some(path) = name.strip_suffix(".toml") else {
        return Ok(Outcome::NoSecret);
    };
    let path = path.parse::<DocumentPath>()?;
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return Err(Problem::new(
            Code::Conflict,
            format!("`{path}` was changed on one side and deleted on the other"),
        )
        .hint(format!(
            "`git add {file}` keeps it, `git rm {file}` does not"
        ))
        .into());
    };
    let is_joined = is_new && old.as_ref().is_some_and(|text| reads(&path, text));
    if is_joined && named.is_empty() {
        return Ok(Outcome::Already);
    }
    let merged = merge(
        Some(vault),
        &path,
        (base.as_deref(), &ours, &theirs),
        Take::Newer(sides),
        7,
    )?;
    merged.notes.iter().for_each(|note| cx.ui.warn(note));
    if !merged.conflicts.is_empty() {
        return Err(Problem::new(
            Code::Conflict,
            format!(
                "both sides changed {}, and neither counts",
                list(&merged.conflicts)
            ),
        )
        .into());
    }
    let text = merged.text.into_bytes();
    let alone = match &old {
        Some(old) if is_joined => has_alone(&path, old, [&ours, &theirs, &text]),
        _ => Vec::new(),
    };
    let edits = vec![edit(file, old.as_deref(), text)];
    Ok(Outcome::Joined { edits, alone })
}
