//! All that git has, read once.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use super::{Git, broken, no_git};
use crate::error::Error;

/// Where a file's content came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Brought {
    /// The id of the first commit that has it.
    pub commit: String,
    /// The path there.
    pub path: String,
    /// The place of the commit among all, the oldest first.
    pub order: usize,
}

/// What git keeps, folders aside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ObjectKind {
    /// A file's content.
    File,
    /// A commit with its message.
    Commit,
    /// A tag with its message.
    Tag,
}

impl Git {
    /// Starts git, and gives what it lists.
    fn list(&self, words: &[&str], from: Stdio) -> Result<(Child, ChildStdout), Error> {
        let mut child = self
            .command(words)?
            .stdin(from)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(no_git)?;
        let listed = child.stdout.take();
        Ok((child, listed.ok_or_else(|| broken("it has no pipes"))?))
    }

    /// For each file's content in each commit: the commit that brought it in first, and the path there. Of
    /// all branches, tags, stashes and reflogs.
    ///
    /// # Errors
    /// NOTFOUND if git is not installed; IOERR if it breaks off.
    pub fn brought(&self) -> Result<HashMap<String, Brought>, Error> {
        let io = |error: std::io::Error| broken(&error.to_string());
        let words = ["rev-list", "--all", "--reflog", "--reverse", "--topo-order"];
        let (mut commits, list) = self.list(&words, Stdio::null())?;
        let words = [
            "diff-tree",
            "--stdin",
            "-r",
            "--root",
            "-m",
            "-z",
            "--raw",
            "--no-renames",
            "--no-abbrev",
        ];
        let (mut changes, answers) = self.list(&words, list.into())?;
        let mut answers = BufReader::new(answers);
        let mut brought = HashMap::new();
        let (mut commit, mut order) = (String::new(), 0);
        let mut field = Vec::new();
        let mut next = |field: &mut Vec<u8>| {
            field.clear();
            let read = answers.read_until(0, field).map_err(io)?;
            if field.last() == Some(&0) {
                field.pop();
            }
            Ok::<bool, Error>(read > 0)
        };
        while next(&mut field)? {
            let Some(change) = field.strip_prefix(b":") else {
                // The commit, and which parent it is compared with.
                let text = String::from_utf8_lossy(&field);
                commit = text
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                order += 1;
                continue;
            };
            let change = String::from_utf8_lossy(change).into_owned();
            let mut words = change.split(' ');
            let (mode, id) = (words.nth(1), words.nth(1).map(str::to_owned));
            let is_file =
                mode.is_some_and(|mode| mode.starts_with("100") || mode.starts_with("120"));
            next(&mut field)?;
            if let (true, Some(id)) = (is_file, id) {
                brought.entry(id).or_insert_with(|| Brought {
                    commit: commit.clone(),
                    path: String::from_utf8_lossy(&field).into_owned(),
                    order,
                });
            }
        }
        for child in [&mut commits, &mut changes] {
            if !child.wait().map_err(io)?.success() {
                return Err(broken("it does not list what commits changed"));
            }
        }
        Ok(brought)
    }

    /// Hands every file, commit and tag that git has to `look`, by its id, once.
    ///
    /// # Errors
    /// NOTFOUND if git is not installed; IOERR if it breaks off; those of `look`.
    pub fn every_object(
        &self,
        mut look: impl FnMut(&str, ObjectKind, &mut dyn Read) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let io = |error: std::io::Error| broken(&error.to_string());
        let words = [
            "cat-file",
            "--batch-all-objects",
            "--batch",
            "--unordered",
            "--buffer",
        ];
        let (mut child, answers) = self.list(&words, Stdio::null())?;
        let mut answers = BufReader::with_capacity(256 * 1024, answers);
        let mut head = String::new();
        let result = loop {
            head.clear();
            if answers.read_line(&mut head).map_err(io)? == 0 {
                break Ok(());
            }
            let mut words = head.trim_end_matches('\n').split(' ');
            let (Some(id), Some(kind), Some(Ok(size))) = (
                words.next(),
                words.next(),
                words.next().map(str::parse::<u64>),
            ) else {
                break Err(broken("it does not say what it has"));
            };
            let mut object = answers.by_ref().take(size);
            let looked = match kind {
                "blob" => look(id, ObjectKind::File, &mut object),
                "commit" => look(id, ObjectKind::Commit, &mut object),
                "tag" => look(id, ObjectKind::Tag, &mut object),
                _ => Ok(()),
            };
            if looked.is_err() {
                break looked;
            }
            std::io::copy(&mut object, &mut std::io::sink()).map_err(io)?;
            answers.read_exact(&mut [0]).map_err(io)?;
        };
        // Its end of the pipe is gone, so it ends too.
        drop(answers);
        let ended = child.wait().map_err(io)?;
        match result {
            Ok(()) if !ended.success() => Err(broken("it does not read all of its objects")),
            other => other,
        }
    }
}
