//! Somebody who edits: a lab, editors that are scripts, and a memory-backed folder to look into.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::lab::{Lab, Run};

/// A lab to edit in. Scripts lie outside of it, since they hold what must not be found there.
pub(crate) struct Desk {
    pub(crate) lab: Lab,
    scripts: tempfile::TempDir,
    memory: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new(lab: Lab) -> Self {
        Self {
            lab,
            scripts: tempfile::tempdir().unwrap(),
            memory: tempfile::tempdir_in("/dev/shm").unwrap(),
        }
    }

    /// A script that runs as an editor: the last argument is the file, `$FILE`; other files of the
    /// test are in `$HERE`.
    pub(crate) fn script(&self, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.scripts.path().join(format!("editor-{}", self.count()));
        let here = self.scripts.path().display();
        let text = format!("#!/bin/sh\nset -eu\nHERE='{here}'\nfor FILE; do :; done\n{text}\n");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    fn count(&self) -> usize {
        std::fs::read_dir(self.scripts.path()).unwrap().count()
    }

    /// A file beside the scripts.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.scripts.path().join(name)
    }

    /// What a script left in a file.
    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// `clws secret edit` of a path with a script as the editor.
    pub(crate) fn edit(&self, path: &str, script: &str) -> Run<'_> {
        self.edit_with(path, self.script(script).to_str().unwrap())
    }

    /// `clws secret edit` with an editor as it stands in EDITOR.
    pub(crate) fn edit_with(&self, path: &str, editor: &str) -> Run<'_> {
        self.lab
            .clws(&format!("secret edit {path}"))
            .env("EDITOR", editor)
            .env("XDG_RUNTIME_DIR", self.memory.path().to_str().unwrap())
    }

    /// The memory-backed folder.
    pub(crate) fn memory(&self) -> &Path {
        self.memory.path()
    }

    /// What lies in the memory-backed folder.
    pub(crate) fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.memory.path()).unwrap();
        entries
            .map(|entry| entry.unwrap().path().display().to_string())
            .collect()
    }

    /// Fails if anything is left in memory, or one of these strings is anywhere in the lab.
    pub(crate) fn is_clean(&self, needles: &[&str]) {
        assert!(self.left().is_empty(), "left in memory: {:?}", self.left());
        let needles: Vec<String> = needles.iter().map(ToString::to_string).collect();
        self.lab.nowhere(&needles);
    }

    /// Waits until a script has made a file.
    pub(crate) fn waits_for(&self, name: &str) {
        let begun = Instant::now();
        while !self.file(name).exists() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no {name}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The bytes of a file of the vault.
    pub(crate) fn sealed(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.lab.vault().join(file)).unwrap()
    }

    /// A value as `get` gives it.
    pub(crate) fn get(&self, path: &str) -> String {
        self.lab
            .clws(&format!("secret get {path}"))
            .succeeds()
            .text()
    }
}
