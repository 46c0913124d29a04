use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::super::targets::hash_of_folder;
use super::*;
use crate::crypto::{hex, sha256};
use crate::fs::Journal;
use crate::world::Clock;

struct Lab {
    dir: tempfile::TempDir,
    tree: Tree,
    journal: Journal,
    world: World,
}

fn lab() -> Lab {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("vault")).unwrap();
    let tree = Tree::open(&dir.path().join("vault")).unwrap();
    let journal = Journal::at(dir.path().join("state/journal"));
    let world = World::new(Clock::System, [], "/".into());
    Lab {
        dir,
        tree,
        journal,
        world,
    }
}

impl Lab {
    fn vault(&self, path: &str) -> std::path::PathBuf {
        self.dir.path().join("vault").join(path)
    }

    /// A file of a new folder `x/below`, with its path as its content.
    fn staged(&self, folders: &mut NewFolders, (below, name): (&str, &str)) -> Edit {
        let folder = folders.open(&self.tree, ("x", below), &self.world).unwrap();
        let path = joined(&joined("x", below), name);
        let mut staged = Staged::within(&folder, name, &self.world).unwrap();
        staged.write(path.as_bytes()).unwrap();
        Edit::of(path, None, New::Staged(staged))
    }

    fn commit(&self, edits: Vec<Edit>) -> Result<(), FsError> {
        self.journal.commit(&self.tree, &self.world, edits)
    }

    /// All paths below the vault, folders with a `/` behind.
    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            for entry in self.tree.entries(&folder).unwrap() {
                let path = joined(&folder, &entry.name);
                if entry.kind == crate::fs::EntryKind::Folder {
                    folders.push(path.clone());
                    paths.push(path + "/");
                } else {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        paths
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn many_files_of_new_folders_come_with_their_folders() {
    // So few that each is synced, and so many that all of the file system is.
    for count in [3, 100] {
        let lab = lab();
        let mut folders = NewFolders::default();
        let mut edits = Vec::new();
        for number in 0..count {
            let below = ["a", "a/deep/er", "b"][number % 3];
            edits.push(lab.staged(&mut folders, (below, &format!("f{number}"))));
        }
        edits.push(Edit::of("a/bytes", None, New::Bytes(b"beside".to_vec())));
        edits.push(Edit::of("x/b/bytes", None, New::Bytes(b"inside".to_vec())));
        assert!(!lab.vault("x/a").exists());
        lab.commit(edits).unwrap();
        drop(folders);
        let mut expected = vec!["a/", "a/bytes", "x/", "x/a/", "x/a/deep/", "x/a/deep/er/"];
        expected.extend(["x/b/", "x/b/bytes"]);
        let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        for number in 0..count {
            let path = format!("x/{}/f{number}", ["a", "a/deep/er", "b"][number % 3]);
            assert_eq!(std::fs::read_to_string(lab.vault(&path)).unwrap(), path);
            assert_eq!(mode(&lab.vault(&path)), 0o644);
            expected.push(path);
        }
        expected.sort();
        assert_eq!(lab.paths(), expected);
        assert_eq!(std::fs::read(lab.vault("x/b/bytes")).unwrap(), b"inside");
        for folder in ["x", "x/a", "x/a/deep", "x/a/deep/er", "x/b"] {
            assert_eq!(mode(&lab.vault(folder)), 0o755, "{folder}");
        }
        assert!(!lab.journal.is_pending().unwrap());
    }
}

#[test]
fn one_new_folder_alone_needs_no_journal() {
    let lab = lab();
    let mut folders = NewFolders::default();
    let edits = ["one", "two"].map(|name| lab.staged(&mut folders, ("a", name)));
    lab.commit(edits.into()).unwrap();
    assert_eq!(lab.paths(), ["x/", "x/a/", "x/a/one", "x/a/two"]);
    assert!(!lab.dir.path().join("state").exists());
}

#[test]
fn what_was_not_committed_goes_again_and_so_do_its_folders() {
    let lab = lab();
    let mut folders = NewFolders::default();
    let edit = lab.staged(&mut folders, ("a/deep", "one"));
    let also = folders.stage(&lab.tree, "x/a/two", &lab.world).unwrap();
    assert_eq!(lab.paths().len(), 5, "{:?}", lab.paths());
    drop((edit, also, folders));
    assert!(lab.paths().is_empty());
}

#[test]
fn a_folder_that_is_there_takes_new_files_one_by_one() {
    let lab = lab();
    std::fs::create_dir_all(lab.vault("x/a")).unwrap();
    std::fs::write(lab.vault("x/a/theirs"), "theirs").unwrap();
    let mut folders = NewFolders::default();
    let edits = ["a", "a/new"].map(|below| lab.staged(&mut folders, (below, "one")));
    lab.commit(edits.into()).unwrap();
    let expected = [
        "x/",
        "x/a/",
        "x/a/new/",
        "x/a/new/one",
        "x/a/one",
        "x/a/theirs",
    ];
    assert_eq!(lab.paths(), expected);
}

#[test]
fn a_folder_that_somebody_made_meanwhile_is_left_to_them() {
    for theirs in ["x/a/theirs", "x/a/one", "x/a"] {
        let lab = lab();
        let mut folders = NewFolders::default();
        let edits = ["a", "b"].map(|below| lab.staged(&mut folders, (below, "one")));
        std::fs::create_dir_all(lab.vault(theirs).parent().unwrap()).unwrap();
        std::fs::write(lab.vault(theirs), "theirs").unwrap();
        let error = lab.commit(edits.into()).unwrap_err();
        assert!(matches!(error, FsError::Changed { path } if path.ends_with("x/a")));
        drop(folders);
        assert_eq!(std::fs::read(lab.vault(theirs)).unwrap(), b"theirs");
        assert!(!lab.paths().iter().any(|path| path.contains("x/b")));
        assert!(!lab.paths().iter().any(|path| path.contains(".clws-")));
    }
}

/// A journal of two new folders and a file, and what lies there: paths, whose contents are their names.
fn interrupted(lab: &Lab, there: &[&str]) {
    let hash = |text: &str| sha256(text.as_bytes());
    let files = ["one", "deep/two"].map(|path| (path.to_owned(), hash(path)));
    let folder = hex(&hash_of_folder(&files.into()));
    let steps = serde_json::json!([
        { "path": "x/a", "what": "Folder", "staged": "x/.clws-a.tmp", "was": null, "new": folder },
        { "path": "x/b", "what": "Folder", "staged": "x/.clws-b.tmp", "was": null, "new": folder },
        { "path": "c", "staged": ".clws-c.tmp", "was": null, "new": hex(&hash("new c")) },
    ]);
    for path in there {
        let (path, content) = match *path {
            "c" => ("c", "new c"),
            ".clws-c.tmp" => (".clws-c.tmp", "new c"),
            path => (path, path.splitn(3, '/').last().unwrap()),
        };
        std::fs::create_dir_all(lab.vault(path).parent().unwrap()).unwrap();
        std::fs::write(lab.vault(path), content).unwrap();
    }
    let record = serde_json::json!({ "root": lab.dir.path().join("vault"), "steps": steps });
    let journal = lab.dir.path().join("state/journal");
    let bytes = serde_json::to_vec(&record).unwrap();
    crate::fs::write_private(&journal, &bytes, Sync::Lazy).unwrap();
}

const NEW: [&str; 8] = [
    "c",
    "x/",
    "x/a/",
    "x/a/deep/",
    "x/a/deep/two",
    "x/a/one",
    "x/b/",
    "x/b/deep/",
];

#[test]
fn a_change_that_was_cut_off_is_finished_wherever_it_was() {
    let files = |folder: &str| ["one", "deep/two"].map(|file| format!("x/{folder}/{file}"));
    for done in 0..=3 {
        let lab = lab();
        let [a, b, c] = [0, 1, 2].map(|step| done > step);
        let there = [
            files(if a { "a" } else { ".clws-a.tmp" }).to_vec(),
            files(if b { "b" } else { ".clws-b.tmp" }).to_vec(),
            vec![if c { "c" } else { ".clws-c.tmp" }.to_owned()],
        ];
        let there = there.concat();
        interrupted(&lab, &there.iter().map(String::as_str).collect::<Vec<_>>());
        lab.journal.recover(&lab.tree).unwrap();
        let expected = [&NEW[..], &["x/b/deep/two", "x/b/one"]].concat();
        assert_eq!(lab.paths(), expected, "{done} steps were done");
        assert!(!lab.journal.is_pending().unwrap());
    }
}

#[test]
fn a_new_folder_of_which_a_part_was_cleaned_away_does_not_come() {
    let lab = lab();
    let there = [
        "x/.clws-a.tmp/one",
        "x/.clws-b.tmp/one",
        "x/.clws-b.tmp/deep/two",
        ".clws-c.tmp",
    ];
    interrupted(&lab, &there);
    let error = lab.journal.recover(&lab.tree).unwrap_err();
    assert!(matches!(error, FsError::Changed { path } if path.ends_with("x/a")));
    lab.journal.recover(&lab.tree).unwrap();
    assert_eq!(lab.paths(), ["x/"]);
}

#[test]
fn a_change_that_was_begun_is_finished_around_what_somebody_else_made_of_a_new_folder() {
    for theirs in ["x/b", "x/b/theirs", "x/a/more"] {
        let lab = lab();
        let there = [
            "x/a/one",
            "x/a/deep/two",
            "x/.clws-b.tmp/one",
            "x/.clws-b.tmp/deep/two",
            "c",
        ];
        interrupted(&lab, &there);
        std::fs::create_dir_all(lab.vault(theirs).parent().unwrap()).unwrap();
        std::fs::write(lab.vault(theirs), "theirs").unwrap();
        lab.journal.recover(&lab.tree).unwrap_err();
        lab.journal.recover(&lab.tree).unwrap();
        assert_eq!(std::fs::read(lab.vault(theirs)).unwrap(), b"theirs");
        for path in ["c", "x/a/one", "x/a/deep/two"] {
            assert!(lab.vault(path).exists(), "{path}");
        }
        assert_eq!(lab.vault("x/b/one").exists(), theirs == "x/a/more");
        assert!(!lab.paths().iter().any(|path| path.contains(".clws-")));
    }
}

#[test]
fn the_folder_of_a_killed_run_is_cleared_by_the_next_change_and_no_link_is_followed() {
    let lab = lab();
    let outside = lab.dir.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("kept"), "kept").unwrap();
    let leave = || {
        std::fs::create_dir_all(lab.vault("x/.clws-1.tmp/deep")).unwrap();
        std::fs::write(lab.vault("x/.clws-1.tmp/deep/one"), "left").unwrap();
        std::os::unix::fs::symlink(&outside, lab.vault("x/.clws-1.tmp/deep/link")).unwrap();
        std::os::unix::fs::symlink(&outside, lab.vault("x/.clws-2.tmp")).unwrap();
    };
    leave();
    let mut folders = NewFolders::default();
    let edit = lab.staged(&mut folders, ("a", "one"));
    lab.commit(vec![edit]).unwrap();
    assert_eq!(lab.paths(), ["x/", "x/a/", "x/a/one"]);

    lab.journal.begin(&lab.tree).unwrap();
    leave();
    // Only a vault's own folders are looked through.
    std::fs::rename(lab.vault("x"), lab.vault("secrets")).unwrap();
    lab.journal.clear_left(&lab.tree).unwrap();
    assert_eq!(lab.paths(), ["secrets/", "secrets/a/", "secrets/a/one"]);
    assert!(outside.join("kept").exists());
}
