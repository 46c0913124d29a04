//! What is staged for the next commit, as git has it in its index.
//!
//! git is asked for object ids and raw objects alone: no filter, hook, pager, monitor or fetch of the
//! repository's configuration runs for that.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::finding::Finding;
use super::known::Known;
use super::stream::look;
use crate::error::{Code, Error, Problem};
use crate::text::clean;
use crate::world::World;

/// The empty tree, where there is no commit yet: git knows it by this name without having it.
const NOTHING: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// Looks through the files that are added or changed in the index of the repository around `folder`.
/// Gives the repository's folder and the number of files.
///
/// # Errors
/// NOTFOUND if there is no repository or no git; IOERR if git breaks off.
pub fn staged(
    known: &Known,
    world: &World,
    folder: &Path,
    findings: &mut Vec<Finding>,
) -> Result<(PathBuf, usize), Error> {
    let git = Git { world, folder };
    let root = git.ask(&["rev-parse", "--show-toplevel"])?;
    let root = PathBuf::from(
        String::from_utf8_lossy(&root)
            .trim_end_matches('\n')
            .to_owned(),
    );
    let has_commit = git
        .ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
        .is_ok();
    let since = if has_commit { "HEAD" } else { NOTHING };
    let changes = git.ask(&[
        "diff-index",
        "--cached",
        "--raw",
        "-z",
        "--no-renames",
        "--abbrev=64",
        "--diff-filter=ACMT",
        since,
    ])?;
    let blobs = blobs(&changes).ok_or_else(|| broken("its list of changes does not read"))?;
    git.read(known, &blobs, findings)?;
    Ok((root, blobs.len()))
}

/// Object ids and paths out of `:100644 100644 old new M NUL path NUL`; submodules hold no file.
fn blobs(raw: &[u8]) -> Option<Vec<(String, String)>> {
    let mut fields = raw
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty());
    let mut blobs = Vec::new();
    while let Some(change) = fields.next() {
        let path = String::from_utf8_lossy(fields.next()?).into_owned();
        let change = std::str::from_utf8(change).ok()?;
        let mut words = change.split(' ');
        let mode = words.nth(1)?;
        let id = words.nth(1)?;
        if mode != "160000" {
            blobs.push((id.to_owned(), path));
        }
    }
    Some(blobs)
}

struct Git<'a> {
    world: &'a World,
    folder: &'a Path,
}

impl Git<'_> {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .args(["--no-pager", "--no-replace-objects", "--literal-pathspecs"])
            .args([
                "-c",
                "core.fsmonitor=false",
                "-c",
                "core.hooksPath=/dev/null",
            ])
            .args(words)
            .current_dir(self.folder)
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0");
        // A hook of git is told by these which index the commit is made of.
        for name in [
            "HOME",
            "PATH",
            "XDG_CONFIG_HOME",
            "GIT_DIR",
            "GIT_INDEX_FILE",
            "GIT_WORK_TREE",
        ] {
            if let Some(value) = self.world.variable(name) {
                command.env(name, value);
            }
        }
        command
    }

    fn ask(&self, words: &[&str]) -> Result<Vec<u8>, Error> {
        let output = self
            .command(words)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| no_git(&error))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = clean(said.lines().next().unwrap_or("git says nothing"));
        Err(
            Problem::new(Code::NotFound, "there is nothing staged to look at")
                .note(said)
                .hint("run it inside of the git repository")
                .into(),
        )
    }

    /// Reads the objects one after the other and looks through each.
    fn read(
        &self,
        known: &Known,
        blobs: &[(String, String)],
        findings: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let mut child = self
            .command(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| no_git(&error))?;
        let (Some(mut asks), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(broken("it has no pipes"));
        };
        let mut answers = BufReader::new(answers);
        let io = |error: std::io::Error| broken(&error.to_string());
        for (id, path) in blobs {
            asks.write_all(format!("{id}\n").as_bytes())
                .and_then(|()| asks.flush())
                .map_err(io)?;
            let mut head = String::new();
            answers.read_line(&mut head).map_err(io)?;
            let size = head.trim_end().strip_prefix(&format!("{id} blob "));
            let size = size.and_then(|size| size.parse::<u64>().ok());
            let size =
                size.ok_or_else(|| broken(&format!("it has no object for `{}`", clean(path))))?;
            let mut object = answers.by_ref().take(size);
            look(known, &clean(path), &mut object, findings).map_err(io)?;
            // What was enough of a file, and the line end behind it.
            std::io::copy(&mut object, &mut std::io::sink()).map_err(io)?;
            answers.read_exact(&mut [0]).map_err(io)?;
        }
        drop(asks);
        child.wait().map_err(io)?;
        Ok(())
    }
}

fn no_git(error: &std::io::Error) -> Error {
    Problem::new(Code::NotFound, format!("git does not start: {error}"))
        .hint("`--staged` reads git's index, so git must be installed")
        .into()
}

fn broken(why: &str) -> Error {
    Problem::new(Code::IoErr, format!("git broke off: {why}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_raw_form_of_changes_reads() {
        let raw = b":000000 100644 0000 abcd A\0a b\0:100644 160000 0000 beef T\0sub\0";
        assert_eq!(blobs(raw), Some(vec![("abcd".into(), "a b".into())]));
        assert_eq!(blobs(b""), Some(vec![]));
        assert_eq!(blobs(b"nonsense\0x\0"), None);
    }
}
