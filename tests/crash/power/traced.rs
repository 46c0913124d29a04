//! What strace wrote down, as steps of the model.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::disk::{Disk, Fate, Node, Op};

/// The calls that change a disk, or say where the next write goes.
pub(crate) const CALLS: &[&str] = &[
    "open",
    "creat",
    "openat",
    "openat2",
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "lseek",
    "fsync",
    "fdatasync",
    "syncfs",
    "sync",
    "truncate",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "copy_file_range",
    "sendfile",
    "splice",
];

/// The program's own umask, which it sets first of all.
const UMASK: u32 = 0o077;

/// Follows what a run did, in a view of the disk as the program sees it.
pub(crate) struct Follower<'a> {
    root: &'a Path,
    /// Where the program runs.
    folder: PathBuf,
    /// The disk before the first run, with the nodes that are made later, empty and without names.
    pub(crate) start: Disk,
    pub(crate) view: Disk,
    pub(crate) ops: Vec<Op>,
    /// Where the next write through a descriptor goes; nowhere in particular when appending.
    places: BTreeMap<(String, usize), Option<usize>>,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(root: &'a Path, folder: PathBuf, view: Disk) -> Self {
        Self {
            root,
            folder,
            start: view.clone(),
            view,
            ops: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// Goes through a trace of one run.
    pub(crate) fn follow(&mut self, trace: &str) {
        self.places.clear();
        for line in whole_lines(trace) {
            let Some((call, rest)) = line.split_once('(') else {
                continue;
            };
            let Some((words, result)) = rest.rsplit_once(" = ") else {
                continue;
            };
            if !CALLS.contains(&call) || result.starts_with(['-', '?']) {
                continue;
            }
            let words = words.trim_end().trim_end_matches(')');
            let words: Vec<&str> = words.split(", ").collect();
            self.call(call, &words, result);
        }
    }

    fn call(&mut self, call: &str, words: &[&str], result: &str) {
        match call {
            "open" | "creat" => self.open(&self.path(words[0]), &words[1..], result),
            "openat" | "openat2" => {
                self.open(&self.path_at(words[0], words[1]), &words[2..], result);
            }
            "write" => self.write(words[0], words[1], None),
            "pwrite64" => self.write(words[0], words[1], Some(number(words[3]))),
            "lseek" => {
                if let Some(node) = self.node(words[0])
                    && let Some(Some(place)) = self.places.get_mut(&(descriptor(words[0]), node))
                {
                    *place = number(result);
                }
            }
            "fsync" | "fdatasync" => {
                if let Some(node) = self.node(words[0]) {
                    self.step(Op::Sync(node));
                }
            }
            "syncfs" | "sync" => self.step(Op::SyncAll),
            "ftruncate" => {
                if let Some(node) = self.node(words[0]) {
                    self.step(Op::Length(node, number(words[1])));
                }
            }
            "rename" => self.rename(&self.path(words[0]), &self.path(words[1])),
            "renameat" | "renameat2" => {
                let from = self.path_at(words[0], words[1]);
                self.rename(&from, &self.path_at(words[2], words[3]));
            }
            "link" => self.name(&self.path(words[1]), self.find(&self.path(words[0]))),
            "linkat" => {
                let node = self.find(&self.path_at(words[0], words[1]));
                self.name(&self.path_at(words[2], words[3]), node);
            }
            "unlink" | "rmdir" => self.name(&self.path(words[0]), None),
            "unlinkat" => self.name(&self.path_at(words[0], words[1]), None),
            "mkdir" => self.make_folder(&self.path(words[0]), words[1]),
            "mkdirat" => self.make_folder(&self.path_at(words[0], words[1]), words[2]),
            "chmod" => self.mode(self.find(&self.path(words[0])), words[1]),
            "fchmod" => self.mode(self.node(words[0]), words[1]),
            "fchmodat" | "fchmodat2" => {
                self.mode(self.find(&self.path_at(words[0], words[1])), words[2]);
            }
            other => {
                let touches = words.iter().any(|word| self.node(word).is_some());
                assert!(!touches, "the model knows no {other}: {words:?}");
            }
        }
    }

    fn open(&mut self, path: &Path, how: &[&str], result: &str) {
        let how = how.join(", ");
        let Some(below) = self.below(path) else {
            return;
        };
        if how.contains("O_CREAT") && self.view.find(&below).is_none() {
            let mode = how.rsplit(['=', ' ']).find_map(octal).unwrap();
            let node = self.make(Node::File {
                mode: mode & !UMASK,
                content: Vec::new(),
            });
            self.name(path, Some(node));
        }
        let Some(node) = self.view.find(&below) else {
            return;
        };
        if how.contains("O_TRUNC") && self.view.length(node) > 0 {
            self.step(Op::Length(node, 0));
        }
        let place = (!how.contains("O_APPEND")).then_some(0);
        self.places.insert((descriptor(result), node), place);
    }

    fn write(&mut self, to: &str, bytes: &str, at: Option<usize>) {
        let Some(node) = self.node(to) else { return };
        let bytes = unescaped(bytes);
        let place = self.places.get_mut(&(descriptor(to), node)).unwrap();
        let at = match (at, place) {
            (Some(at), _) => at,
            (None, None) => self.view.length(node),
            (None, Some(place)) => {
                *place += bytes.len();
                *place - bytes.len()
            }
        };
        self.step(Op::Write(node, at, bytes));
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let (Some(old), Some(new)) = (self.below(from), self.below(to)) else {
            panic!("{} is taken out of the lab", from.display());
        };
        let node = self.view.find(&old);
        let (folder, name) = self.parent(&old);
        let (new_folder, new_name) = self.parent(&new);
        self.step(Op::Name(vec![
            (folder, name, None),
            (new_folder, new_name, node),
        ]));
    }

    fn make_folder(&mut self, path: &Path, mode: &str) {
        let node = self.make(Node::Folder {
            mode: octal(mode).unwrap() & !UMASK,
            names: BTreeMap::new(),
        });
        self.name(path, Some(node));
    }

    fn mode(&mut self, node: Option<usize>, mode: &str) {
        if let Some(node) = node {
            self.step(Op::Mode(node, octal(mode).unwrap()));
        }
    }

    fn name(&mut self, path: &Path, node: Option<usize>) {
        if let Some(below) = self.below(path) {
            let (folder, name) = self.parent(&below);
            self.step(Op::Name(vec![(folder, name, node)]));
        }
    }

    fn make(&mut self, node: Node) -> usize {
        self.start.make(node.clone());
        self.view.make(node)
    }

    fn step(&mut self, op: Op) {
        self.view.apply(&op, Fate::Kept);
        self.ops.push(op);
    }

    fn parent(&self, below: &str) -> (usize, String) {
        let (folder, name) = below.rsplit_once('/').unwrap_or(("", below));
        let folder = self.view.find(folder);
        (folder.unwrap_or_else(|| panic!("no {below}")), name.into())
    }

    /// The node of an open file, if it has a name in the lab.
    fn node(&self, descriptor: &str) -> Option<usize> {
        let path = annotation(descriptor)?;
        self.find(&path)
    }

    fn find(&self, path: &Path) -> Option<usize> {
        self.view.find(&self.below(path)?)
    }

    fn path(&self, word: &str) -> PathBuf {
        self.folder
            .join(String::from_utf8(unescaped(word)).unwrap())
    }

    fn path_at(&self, folder: &str, word: &str) -> PathBuf {
        let folder = annotation(folder).unwrap_or_else(|| self.folder.clone());
        folder.join(String::from_utf8(unescaped(word)).unwrap())
    }

    /// A path below the lab.
    fn below(&self, path: &Path) -> Option<String> {
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::ParentDir => {
                    plain.pop();
                }
                Component::CurDir => {}
                other => plain.push(other),
            }
        }
        let below = plain.strip_prefix(self.root).ok()?;
        Some(below.to_str().unwrap().to_owned())
    }
}

/// The lines without their process, those put together again that another thread came between.
fn whole_lines(trace: &str) -> Vec<String> {
    let mut waiting = BTreeMap::new();
    let mut lines = Vec::new();
    for line in trace.lines() {
        let (process, line) = line.split_once(' ').unwrap_or(("", line));
        let line = line.trim_start();
        if let Some(begun) = line.strip_suffix(" <unfinished ...>") {
            waiting.insert(process, begun);
        } else if let Some((_, rest)) = line.split_once(" resumed>") {
            let begun = waiting.remove(process).unwrap_or_default();
            lines.push(format!("{begun}{rest}"));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// The number of a descriptor, without its path.
fn descriptor(word: &str) -> String {
    word.split('<').next().unwrap_or_default().to_owned()
}

/// The path that strace wrote behind a descriptor; none of what has no name any more.
fn annotation(word: &str) -> Option<PathBuf> {
    let (_, path) = word.split_once('<')?;
    let path = path.strip_suffix('>')?;
    Some(PathBuf::from(String::from_utf8(unescaped(path)).ok()?))
}

/// The bytes of a string whose every byte is `\xHH`.
fn unescaped(word: &str) -> Vec<u8> {
    let word = word.trim_matches('"');
    let digits = word.split("\\x").skip(1);
    digits
        .map(|digits| u8::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{word}")))
        .collect()
}

fn number(word: &str) -> usize {
    word.trim().parse().unwrap_or_else(|_| panic!("{word}"))
}

fn octal(word: &str) -> Option<u32> {
    let digits = word.strip_prefix('0').filter(|rest| rest.len() > 1)?;
    u32::from_str_radix(digits, 8).ok()
}
