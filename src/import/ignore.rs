//! Keeping git from taking the plaintext along again.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use crate::error::Error;
use crate::fs::{FsError, Tree};
use crate::git::Git;
use crate::text::clean_line;
use crate::vault::Vault;

use super::plan::{Action, Plan};
use super::source::Source;

const FILE: &str = ".gitignore";

/// Larger ones are nobody's.
const MOST: usize = 1024 * 1024;

/// Adds what was imported to the vault's `.gitignore`, if it lies in the vault's folder; what is
/// public stays visible to git. Gives what to say about it, which is nothing where no secret was.
///
/// # Errors
/// [`FsError`].
pub fn ignore(source: &Source, vault: &Vault, plan: &Plan) -> Result<Vec<String>, Error> {
    let mut told = Vec::new();
    let sealed = sealed(plan);
    if sealed.is_empty() {
        return Ok(told);
    }
    let folder = source.tree().path();
    let full = folder.canonicalize().map_err(FsError::io("read", folder))?;
    let tree = vault.tree();
    let root = tree
        .path()
        .canonicalize()
        .map_err(FsError::io("read", tree.path()))?;
    let below = full.strip_prefix(&root).ok().and_then(|path| path.to_str());
    if let Some(below) = below {
        let lines = match source.is_one_file() {
            true => files(below, &sealed),
            false => whole(below, plan),
        };
        if append(tree, &lines)? {
            told.push(format!(
                "{FILE} now keeps git from taking the sources along"
            ));
        }
    }
    let (what, place, remove) = match sealed.as_slice() {
        // The folder around it may hold all of the vault.
        [file] if source.is_one_file() => (*file, full.join(file), "git rm --cached"),
        _ => (".", full.clone(), "git rm -r --cached"),
    };
    let is_in_git = full.ancestors().any(|folder| folder.join(".git").exists());
    if is_in_git && was_taken(&Git::at(vault.world(), &full), what) {
        let shown = clean_line(&place.to_string_lossy());
        told.push(format!(
            "git's history still holds what was ever committed of {shown}: give every value a new one (`clws secret list` shows what is exposed), and `{remove}` it"
        ));
    }
    Ok(told)
}

/// Whether git has something of what is imported, in a commit or to be committed; where it does not say, it may.
fn was_taken(git: &Git, what: &str) -> bool {
    let has = |words: &[&str]| {
        let told = git.ask(&[words, &["--", what]].concat());
        told.map_or(true, |told| !told.is_empty())
    };
    // What came before the commits of a shallow clone is elsewhere.
    let is_shallow = git.is_shallow().unwrap_or(true);
    is_shallow
        || has(&["ls-files", "--cached"])
        || has(&["rev-list", "--all", "--reflog", "--max-count=1"])
}

/// The sources that hold what is sealed.
fn sealed(plan: &Plan) -> Vec<&str> {
    let items = plan.items.iter();
    let sealed = items.filter(|item| item.action.secret().is_some());
    sealed.map(|item| item.source.as_str()).collect()
}

/// The patterns of these files alone.
fn files(below: &str, paths: &[&str]) -> Vec<String> {
    let at = at(below);
    let line = |path: &&str| format!("{at}/{}", escaped(path));
    paths.iter().map(line).collect()
}

/// The patterns of a folder: all of it, but not its folders, and not what is public.
fn whole(below: &str, plan: &Plan) -> Vec<String> {
    let at = at(below);
    let clear = plan
        .items
        .iter()
        .filter(|item| matches!(item.action, Action::Clear));
    let clear = clear.map(|item| format!("!{at}/{}", escaped(&item.source)));
    [format!("{at}/**"), format!("!{at}/**/")]
        .into_iter()
        .chain(clear)
        .collect()
}

/// How the patterns of a folder begin.
fn at(below: &str) -> String {
    match below {
        "" => String::new(),
        below => format!("/{}", escaped(below)),
    }
}

/// A path as a pattern that matches it alone.
fn escaped(path: &str) -> String {
    let mut out = String::new();
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '!' | '#' | ' ') {
            out.push('\\');
        }
        // No pattern can have a line end; any character stands for it.
        out.push(if c == '\n' { '?' } else { c });
    }
    out
}

/// Whether a pattern stands there, or that of a folder around it, which nothing takes it out of.
fn is_known(before: &str, line: &str) -> bool {
    let has = |wanted: &str| before.lines().any(|known| known == wanted);
    let slashes = line.match_indices('/').skip(1);
    let mut around = slashes.map(|(at, _)| format!("{}/**", line.get(..at).unwrap_or_default()));
    let is_path = line.starts_with('/') && !line.contains("/**");
    has(line) || is_path && !has(&format!("!{line}")) && around.any(|folder| has(&folder))
}

/// Appends the lines that are not there; says whether there were any.
fn append(tree: &Tree, lines: &[String]) -> Result<bool, Error> {
    // Through the tree: a link would lead elsewhere.
    let before = tree.read(FILE, MOST)?.unwrap_or_default();
    let before = String::from_utf8_lossy(&before).into_owned();
    let new: Vec<&String> = lines
        .iter()
        .filter(|line| !is_known(&before, line))
        .collect();
    if new.is_empty() {
        return Ok(false);
    }
    let mut text = String::new();
    if !before.is_empty() && !before.ends_with('\n') {
        text.push('\n');
    }
    for line in new {
        text.push_str(line);
        text.push('\n');
    }
    let path = tree.join(FILE);
    let link = rustix::fs::OFlags::NOFOLLOW.bits();
    let opened = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .custom_flags(i32::try_from(link).unwrap_or(0))
        .open(&path);
    let mut file = opened.map_err(FsError::io("write", &path))?;
    file.write_all(text.as_bytes())
        .map_err(FsError::io("write", &path))?;
    Ok(true)
}
