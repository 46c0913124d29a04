//! A disk as the program left it, node by node, and what a power cut makes of it.
//!
//! It promises what POSIX does and no more: a file's bytes, length and mode are there once the file is
//! synced, a name once its folder is; a name is never half there, and a rename is one step. All else
//! may be lost or kept, each for itself, in any order. Journals of real file systems keep the names
//! in their order: that is [`Order::Kept`].

use std::collections::BTreeMap;

use crate::tree::Tree;

/// What a write that was not synced may have torn: disks write sectors whole.
const SECTOR: usize = 512;

/// One thing that the program asked of the file system, by the numbers of nodes.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Names that now stand for another node, or for none: one for a new file, two for a rename.
    Name(Vec<(usize, String, Option<usize>)>),
    /// Bytes at an offset.
    Write(usize, usize, Vec<u8>),
    /// A new length.
    Length(usize, usize),
    /// A new mode.
    Mode(usize, u32),
    /// All of a file, or all names in a folder, are on the disk.
    Sync(usize),
    /// Everything is.
    SyncAll,
}

impl Op {
    /// Whether this sync covers what `earlier` did.
    fn covers(&self, earlier: &Self) -> bool {
        let Self::Sync(synced) = self else {
            return matches!(self, Self::SyncAll);
        };
        match earlier {
            Self::Name(names) => names.iter().all(|(folder, ..)| folder == synced),
            Self::Write(node, ..) | Self::Length(node, _) | Self::Mode(node, _) => node == synced,
            Self::Sync(_) | Self::SyncAll => true,
        }
    }

    pub(crate) fn is_sync(&self) -> bool {
        matches!(self, Self::Sync(_) | Self::SyncAll)
    }
}

/// What became of one step that was not synced when the power went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    Kept,
    Lost,
    /// The length is there and the bytes are not.
    Zeros,
    /// A part from the beginning, in bytes, and not the length that it should have.
    Begun(usize),
    /// Of each sector whether it is there, by the bits; the others are zeros or what was there.
    Sectors(u64),
}

/// Whether the file system keeps the order of what is no content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// As ext4, XFS and btrfs do: what came later is not there without what came before.
    Kept,
    Free,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Folder {
        mode: u32,
        names: BTreeMap<String, usize>,
    },
    File {
        mode: u32,
        content: Vec<u8>,
    },
}

/// Nodes by their number; the first is the folder around all.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Vec<Node>);

impl Disk {
    pub(crate) fn of(tree: &Tree) -> Self {
        let mut disk = Self(vec![Node::Folder {
            mode: 0o700,
            names: BTreeMap::new(),
        }]);
        // Folders come before what is in them.
        for (path, mode, content) in tree.nodes() {
            let number = disk.make(match content {
                None => Node::Folder {
                    mode,
                    names: BTreeMap::new(),
                },
                Some(content) => Node::File {
                    mode,
                    content: content.to_vec(),
                },
            });
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let folder = disk.find(folder).unwrap();
            disk.name(folder, name, Some(number));
        }
        disk
    }

    pub(crate) fn tree(&self) -> Tree {
        let mut nodes = BTreeMap::new();
        self.below(0, "", &mut nodes);
        Tree::new(nodes)
    }

    fn below(&self, node: usize, path: &str, out: &mut BTreeMap<String, (u32, Option<Vec<u8>>)>) {
        let Node::Folder { names, .. } = &self.0[node] else {
            return;
        };
        for (name, number) in names {
            let path = match path {
                "" => name.clone(),
                folder => format!("{folder}/{name}"),
            };
            match &self.0[*number] {
                Node::File { mode, content } => {
                    out.insert(path, (*mode, Some(content.clone())));
                }
                Node::Folder { mode, .. } => {
                    out.insert(path.clone(), (*mode, None));
                    self.below(*number, &path, out);
                }
            }
        }
    }

    /// A node that no name stands for yet.
    pub(crate) fn make(&mut self, node: Node) -> usize {
        self.0.push(node);
        self.0.len() - 1
    }

    pub(crate) fn find(&self, path: &str) -> Option<usize> {
        let mut at = 0;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let Node::Folder { names, .. } = &self.0[at] else {
                return None;
            };
            at = *names.get(part)?;
        }
        Some(at)
    }

    pub(crate) fn length(&self, node: usize) -> usize {
        match &self.0[node] {
            Node::File { content, .. } => content.len(),
            Node::Folder { .. } => panic!("node {node} is a folder"),
        }
    }

    fn name(&mut self, folder: usize, name: &str, node: Option<usize>) {
        let Node::Folder { names, .. } = &mut self.0[folder] else {
            panic!("node {folder} is no folder");
        };
        match node {
            Some(node) => names.insert(name.to_owned(), node),
            None => names.remove(name),
        };
    }

    pub(crate) fn apply(&mut self, op: &Op, fate: Fate) {
        if fate == Fate::Lost {
            return;
        }
        match op {
            Op::Name(names) => {
                for (folder, name, node) in names {
                    self.name(*folder, name, *node);
                }
            }
            Op::Write(node, at, bytes) => self.write(*node, *at, bytes, fate),
            Op::Length(node, length) => self.content(*node).resize(*length, 0),
            Op::Mode(node, new) => match &mut self.0[*node] {
                Node::File { mode, .. } | Node::Folder { mode, .. } => *mode = *new,
            },
            Op::Sync(_) | Op::SyncAll => {}
        }
    }

    fn content(&mut self, node: usize) -> &mut Vec<u8> {
        match &mut self.0[node] {
            Node::File { content, .. } => content,
            Node::Folder { .. } => panic!("node {node} is a folder"),
        }
    }

    fn write(&mut self, node: usize, at: usize, bytes: &[u8], fate: Fate) {
        let content = self.content(node);
        let length = match fate {
            Fate::Begun(length) => length.min(bytes.len()),
            _ => bytes.len(),
        };
        if content.len() < at + length {
            content.resize(at + length, 0);
        }
        for (offset, byte) in (at..).zip(&bytes[..length]) {
            let sector = (offset / SECTOR - at / SECTOR) % 64;
            let is_there = match fate {
                Fate::Zeros => false,
                Fate::Sectors(which) => which >> sector & 1 == 1,
                _ => true,
            };
            if is_there {
                content[offset] = *byte;
            }
        }
    }
}

/// What the program asked for after the first `done` steps that no sync of these covers.
pub(crate) fn unsynced(ops: &[Op], done: usize) -> Vec<usize> {
    let ops = &ops[..done];
    let is_open = |number: &usize| {
        let later = &ops[*number..];
        !later.iter().any(|sync| sync.covers(&ops[*number]))
    };
    (0..done).filter(is_open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> (Disk, usize) {
        let mut disk = Disk::of(&Tree::new(BTreeMap::new()));
        let node = disk.make(Node::File {
            mode: 0o600,
            content: Vec::new(),
        });
        (disk, node)
    }

    #[test]
    fn a_sync_of_a_file_keeps_its_bytes_and_not_its_name() {
        let (_, node) = disk();
        let ops = [
            Op::Name(vec![(0, "a".into(), Some(node))]),
            Op::Write(node, 0, b"bytes".to_vec()),
            Op::Sync(node),
            Op::Write(node, 5, b"more".to_vec()),
        ];
        assert_eq!(unsynced(&ops, 2), [0, 1]);
        assert_eq!(unsynced(&ops, 3), [0]);
        assert_eq!(unsynced(&ops, 4), [0, 3]);
        let synced = [ops.as_slice(), &[Op::Sync(0)]].concat();
        assert_eq!(unsynced(&synced, 5), [3]);
    }

    #[test]
    fn a_torn_write_has_some_of_its_sectors() {
        let (mut disk, node) = disk();
        disk.apply(&Op::Write(node, 0, vec![1; 1100]), Fate::Sectors(0b101));
        let content = disk.content(node);
        assert_eq!(content.len(), 1100);
        assert!(content[..512].iter().all(|byte| *byte == 1));
        assert!(content[512..1024].iter().all(|byte| *byte == 0));
        assert!(content[1024..].iter().all(|byte| *byte == 1));
    }
}
