//! The plaintext `certs/` tree that imports start from: made up, and wilder than most real ones.
//!
//! Git keeps only the x bit of a mode, so the tree is laid out anew for each test from
//! `MANIFEST.tsv`: bytes, modes and the symlink.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// One row of `MANIFEST.tsv`.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Path below `certs/`.
    pub(crate) path: String,
    /// What it is, in words.
    pub(crate) kind: String,
    /// Permission bits; none for the symlink.
    pub(crate) mode: Option<u32>,
    /// Length in bytes.
    pub(crate) size: u64,
    /// SHA-256 in lower-case hex; `-` for the symlink.
    pub(crate) sha256: String,
    /// Whether it holds anything that must be sealed.
    pub(crate) secret: bool,
    /// What a good import makes of it.
    pub(crate) import: String,
}

impl Entry {
    /// Where the link points to, if it is one.
    pub(crate) fn link(&self) -> Option<&str> {
        self.kind.strip_prefix("symlink -> ")
    }
}

/// The folder of the fixture in this repository.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/certs")
}

/// All rows of `MANIFEST.tsv`.
pub(crate) fn manifest() -> Vec<Entry> {
    let text = fs::read_to_string(folder().join("MANIFEST.tsv")).unwrap();
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [path, kind, mode, size, sha256, secret, import] = fields[..] else {
                panic!("MANIFEST.tsv has a row of {} fields: {line}", fields.len());
            };
            Entry {
                path: path.to_owned(),
                kind: kind.to_owned(),
                mode: (mode != "lnk").then(|| u32::from_str_radix(mode, 8).unwrap()),
                size: size.parse().unwrap(),
                sha256: sha256.to_owned(),
                secret: secret == "yes",
                import: import.to_owned(),
            }
        })
        .collect()
}

/// Strings that may appear in nothing that an import writes or prints.
pub(crate) fn leaks() -> Vec<String> {
    let text = fs::read_to_string(folder().join("LEAKS.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The keys and values of structured files after a right parse, by path.
pub(crate) fn expected() -> serde_json::Value {
    let text = fs::read_to_string(folder().join("EXPECTED.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A `certs/` tree of its own in a temporary folder, gone when dropped.
pub(crate) struct Certs {
    folder: TempDir,
}

impl Certs {
    /// Lays the tree out with the modes and the symlink of the manifest.
    pub(crate) fn lay_out() -> Self {
        let certs = Self {
            folder: TempDir::with_prefix("clws-certs-").unwrap(),
        };
        for entry in manifest() {
            let target = certs.path().join(&entry.path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            match (entry.link(), entry.mode) {
                (Some(link), None) => symlink(link, &target).unwrap(),
                (None, Some(mode)) => {
                    let bytes = fs::read(folder().join("certs").join(&entry.path)).unwrap();
                    fs::write(&target, bytes).unwrap();
                    fs::set_permissions(&target, fs::Permissions::from_mode(mode)).unwrap();
                }
                other => panic!("{}: {other:?}", entry.path),
            }
        }
        certs
    }

    /// The tree: what a person would call `certs/`.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("certs")
    }
}
