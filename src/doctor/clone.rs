//! The clone that a vault lies in: git, and what it calls.

use std::path::Path;

use super::{Diagnosis, version_of};
use crate::error::Code;
use crate::git::Git;
use crate::text::clean_line;
use crate::time::Moment;
use crate::world::World;

/// Debian 11's; nothing older was tried.
const OLDEST_GIT: (u32, u32) = (2, 30);

/// The first that can be told to take no folder for a repository by its look.
const NAMES_BARE: (u32, u32) = (2, 38);

/// Clocks of two machines may differ by so many seconds.
const APART: i64 = 300;

/// Looks at the clone around a vault.
#[must_use]
pub fn clone(world: &World, vault: &Path) -> Vec<Diagnosis> {
    let git = Git::at(world, vault);
    let version = match git.ask_line(&["version"]) {
        Ok(version) => version,
        Err(error) => return vec![Diagnosis::of("git", &error)],
    };
    let mut all = vec![git_version(&version)];
    if let Err(error) = git.ask_line(&["rev-parse", "--git-dir"]) {
        let next = "git init, and commit: what was lost or changed is found by its history";
        all.push(match error.code() {
            Code::NotFound => Diagnosis::note("clone", "the vault is in no git repository", next),
            _ => Diagnosis::of("clone", &error),
        });
        return all;
    }
    all.push(newest_commit(&git, world.now()));
    all.extend(left_out(&git));
    all.push(calls(&git));
    for folder in ["secrets", "recipients", "hooks"] {
        let path = format!("{folder}/a/b.toml");
        all.extend(ignored(&git, folder, &path));
        all.extend(line_ends(&git, folder, &path));
    }
    all
}

/// Trust versions that git does not know yet: `git commit -a` leaves them out, and a clone with the files that they
/// signed and without them is refused.
fn left_out(git: &Git) -> Option<Diagnosis> {
    git.ask_line(&["rev-parse", "--verify", "-q", "HEAD"])
        .ok()?;
    let words = ["ls-files", "--others", "--", "recipients/trust"];
    let new = git.ask_line(&words).ok()?;
    let first = new.lines().next().filter(|line| !line.is_empty())?;
    Some(Diagnosis::note(
        "clone",
        format!(
            "{} is in no commit, and `git commit -a` leaves it out",
            clean_line(first)
        ),
        "git add -A && git commit",
    ))
}

/// Whether git may change line ends of what is signed byte for byte: with `core.autocrlf` it then does.
fn line_ends(git: &Git, folder: &str, path: &str) -> Option<Diagnosis> {
    let said = git.ask_line(&["--no-literal-pathspecs", "check-attr", "text", "--", path]);
    let is_left_alone = said.is_ok_and(|said| said.ends_with(": text: unset"));
    (!is_left_alone).then(|| {
        Diagnosis::wrong(
            "line ends",
            format!(
                "git may change the line ends of what lies in {folder}/, which is signed as it is"
            ),
            format!("echo '{folder}/** -text' >>.gitattributes"),
        )
    })
}

/// Whether git leaves a folder out of commits.
fn ignored(git: &Git, folder: &str, path: &str) -> Option<Diagnosis> {
    // `check-ignore` knows no literal pathspecs, and exits with 1 where nothing ignores the path.
    let words = ["--no-literal-pathspecs", "check-ignore", "-q", "--no-index"];
    let is_ignored = git.ask(&[&words[..], &[path]].concat()).is_ok();
    is_ignored.then(|| {
        Diagnosis::wrong(
            "ignored",
            format!("git ignores what lies in {folder}/, so nobody else gets it"),
            format!("git check-ignore -v --no-index {path} tells the line that does"),
        )
    })
}

fn git_version(said: &str) -> Diagnosis {
    let version = said.strip_prefix("git version ").unwrap_or(said);
    let (major, minor) = OLDEST_GIT;
    match version_of(version) {
        Some(version) if version < OLDEST_GIT => Diagnosis::wrong(
            "git",
            format!("{said} is older than what clws was tried with"),
            format!("use git {major}.{minor} or later"),
        ),
        Some(version) if version < NAMES_BARE => Diagnosis::note(
            "git",
            format!("{said} takes files that look like a repository for one"),
            "use git 2.38 or later where others may push",
        ),
        _ => Diagnosis::fine("git", version),
    }
}

/// A commit from the future, which most often is a clock that is behind.
fn newest_commit(git: &Git, now: Moment) -> Diagnosis {
    // `git log` runs the `gpg.program` of the repository where `log.showSignature` stands beside it.
    let words = ["rev-list", "--max-count=1", "--timestamp", "HEAD", "--"];
    let newest = git.ask_line(&words).unwrap_or_default();
    let seconds = newest.split(' ').next().map(str::parse::<i64>);
    let Some(Ok(seconds)) = seconds else {
        return Diagnosis::note(
            "clone",
            "nothing is committed yet",
            "git add -A && git commit",
        );
    };
    let newest = Moment::from_seconds(seconds);
    if seconds > now.seconds().saturating_add(APART) {
        let why = format!("the newest commit is of {newest}, and the clock says {now}");
        return Diagnosis::wrong("clock", why, "compare the clock with another machine's");
    }
    Diagnosis::fine("clone", format!("the newest commit is of {newest}"))
}

/// Whether git shows secrets by name, merges by table, and scans before a commit.
fn calls(git: &Git) -> Diagnosis {
    let missing = |key: &&str| git.ask_line(&["config", "--get", key]).is_err();
    let keys = ["diff.clws.textconv", "merge.clws.driver"];
    if keys.iter().any(missing) {
        return Diagnosis::note(
            "git install",
            "git shows sealed text in diffs and merges it line by line",
            "clws git install",
        );
    }
    let program = git.ask_line(&["config", "--get", "diff.clws.textconv"]);
    let program = program.unwrap_or_default();
    let program = program
        .strip_prefix('\'')
        .and_then(|rest| rest.split_once('\''));
    match program {
        Some((path, _)) if !Path::new(path).exists() => Diagnosis::wrong(
            "git install",
            format!("git calls {path}, which is not there any more"),
            "clws git install",
        ),
        _ => Diagnosis::fine("git install", "git calls clws for diffs and merges"),
    }
}
