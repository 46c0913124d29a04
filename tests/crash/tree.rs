//! All files of a lab as they lie there, to be compared and put back.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Every folder and file below one folder, by its path there.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Tree(BTreeMap<String, Node>);

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Node {
    mode: u32,
    /// None of a folder.
    content: Option<Vec<u8>>,
}

pub(crate) type Shape = Vec<(String, u32, Option<usize>)>;

impl Tree {
    pub(crate) fn read(root: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        read_below(root, "", &mut nodes);
        Self(nodes)
    }

    /// These files and folders, by their paths; a folder has no content.
    pub(crate) fn new(nodes: BTreeMap<String, (u32, Option<Vec<u8>>)>) -> Self {
        let nodes = nodes.into_iter();
        Self(
            nodes
                .map(|(path, (mode, content))| (path, Node { mode, content }))
                .collect(),
        )
    }

    /// Each path with its mode and content, folders before what is in them.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, u32, Option<&[u8]>)> {
        let nodes = self.0.iter();
        nodes.map(|(path, node)| (path.as_str(), node.mode, node.content.as_deref()))
    }

    /// The same with nothing in the locks, whose holders' notes nobody depends on.
    pub(crate) fn without_notes(mut self) -> Self {
        let locks = self
            .0
            .iter_mut()
            .filter(|(path, _)| path.ends_with("/lock"));
        locks.for_each(|(_, node)| node.content = Some(Vec::new()));
        self
    }

    /// Makes the folder what it was.
    pub(crate) fn restore(&self, root: &Path) {
        for entry in fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        for (path, node) in &self.0 {
            let path = root.join(path);
            match &node.content {
                None => fs::DirBuilder::new().mode(node.mode).create(&path).unwrap(),
                Some(content) => fs::write(&path, content).unwrap(),
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(node.mode)).unwrap();
        }
    }

    /// What is there, without what differs between two runs that got equally far: random names, random
    /// bytes, and what the lock's last holder wrote about itself. Of each file: whether it is the old
    /// one, else [`size`].
    pub(crate) fn shape(&self, old: &Self) -> Shape {
        let nodes = self.0.iter().filter(|(path, _)| !path.ends_with("lock"));
        nodes
            .map(|(path, node)| {
                let length = match &node.content {
                    _ if old.0.get(path) == Some(node) => None,
                    content => content.as_ref().map(|content| size(path, content)),
                };
                (without_random(path), node.mode, length)
            })
            .collect()
    }

    /// The part that people keep, and not what the program remembers for them.
    pub(crate) fn kept(&self) -> BTreeMap<&str, Option<&[u8]>> {
        let kept = self
            .0
            .iter()
            .filter(|(path, _)| path.starts_with("vault/") || path.contains("/identities/"));
        let kept = kept.filter(|(path, _)| !path.contains("/identities/."));
        kept.map(|(path, node)| (path.as_str(), node.content.as_deref()))
            .collect()
    }

    /// What the program remembers for good: pins, and the log of uses with its key.
    pub(crate) fn remembered(&self) -> BTreeMap<&str, Option<&[u8]>> {
        let is_remembered = |path: &str| {
            let name = path.rsplit('/').next().unwrap_or_default();
            let passes =
                name == "lock" || name.ends_with(".unfinished") || name.starts_with(".clws-");
            path.contains("/clws/vaults/") && !passes || path.contains("/clws/audit/")
        };
        let nodes = self.0.iter().filter(|(path, _)| is_remembered(path));
        nodes
            .map(|(path, node)| (path.as_str(), node.content.as_deref()))
            .collect()
    }

    /// Whether a file is not of the pin of a vault that nobody ever wrote to.
    pub(crate) fn is_of_a_vault(&self, path: &str) -> bool {
        let Some((before, after)) = path.split_once("/clws/vaults/") else {
            return true;
        };
        let id = after.split('/').next().unwrap_or_default();
        self.0
            .contains_key(&format!("{before}/clws/vaults/{id}/lock"))
    }

    /// What belongs to a change that is under way.
    pub(crate) fn unfinished(&self) -> Vec<&str> {
        let is_unfinished = |path: &&str| {
            let name = path.rsplit('/').next().unwrap_or_default();
            name.starts_with(".clws-")
                || name.starts_with(".new-")
                || name.starts_with(".old-")
                || name == "journal"
                || name.ends_with(".unfinished")
                || name.ends_with(".tmp")
        };
        self.0
            .keys()
            .map(String::as_str)
            .filter(is_unfinished)
            .collect()
    }
}

/// What tells a new file from a part of it. age's stanza of random length is in what is sealed: of a
/// document and a sidecar it counts whether they are whole, of a sealed file and what is not renamed yet
/// about how long they are.
fn size(path: &str, content: &[u8]) -> usize {
    let is_temporary = path.ends_with(".tmp");
    if path.starts_with("vault/secrets/") && !is_temporary && path.ends_with(".toml") {
        usize::from(content.ends_with(b"[end]\n"))
    } else if path.starts_with("vault/secrets/") {
        content.len() / 1024
    } else {
        content.len()
    }
}

/// A path with `#` for each run of hexadecimal digits that is too long for a word.
fn without_random(path: &str) -> String {
    let mut out = String::new();
    for part in path.split_inclusive(|c: char| !c.is_ascii_hexdigit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        match digits.len() {
            16.. => out.push_str(&part.replace(digits, "#")),
            _ => out.push_str(part),
        }
    }
    out
}

fn read_below(root: &Path, below: &str, nodes: &mut BTreeMap<String, Node>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = match below {
            "" => name,
            folder => format!("{folder}/{name}"),
        };
        let about = fs::symlink_metadata(entry.path()).unwrap();
        assert!(!about.is_symlink(), "nobody made the link {path}");
        let content = about.is_file().then(|| fs::read(entry.path()).unwrap());
        let mode = about.permissions().mode() & 0o7777;
        nodes.insert(path.clone(), Node { mode, content });
        if about.is_dir() {
            read_below(root, &path, nodes);
        }
    }
}
