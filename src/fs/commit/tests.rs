use std::io::Write as _;

use super::super::Was;
use super::*;
use crate::crypto::sha256;
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
    std::fs::write(dir.path().join("vault/a"), "old a").unwrap();
    let tree = Tree::open(&dir.path().join("vault")).unwrap();
    let journal = Journal::at(dir.path().join("state/journal"));
    Lab {
        tree,
        journal,
        world: World::new(Clock::System, [], "/".into()),
        dir,
    }
}

fn edit(path: &str, old: Option<&str>, new: &str) -> Edit {
    Edit::of(
        path,
        old.map(str::as_bytes),
        New::Bytes(new.as_bytes().to_vec()),
    )
}

fn content(lab: &Lab, path: &str) -> Option<String> {
    lab.tree
        .read(path, 100)
        .unwrap()
        .map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn many_files_change_together() {
    let lab = lab();
    let edits = vec![
        edit("a", Some("old a"), "new a"),
        edit("x/y/b", None, "new b"),
    ];
    lab.journal.commit(&lab.tree, &lab.world, edits).unwrap();
    assert_eq!(content(&lab, "a").as_deref(), Some("new a"));
    assert_eq!(content(&lab, "x/y/b").as_deref(), Some("new b"));
    assert!(!lab.journal.is_pending().unwrap());
    assert_eq!(
        lab.tree.entries("").unwrap().len(),
        2,
        "no temporary file is left"
    );
}

#[test]
fn so_many_files_that_the_whole_file_system_is_synced_change_together_too() {
    let lab = lab();
    let edits: Vec<Edit> = (0..2 * MANY)
        .map(|number| edit(&format!("x/{number}"), None, "new"))
        .collect();
    lab.journal.commit(&lab.tree, &lab.world, edits).unwrap();
    let entries = lab.tree.entries("x").unwrap();
    assert_eq!(entries.len(), 2 * MANY);
    assert!(
        entries
            .iter()
            .all(|entry| content(&lab, &format!("x/{}", entry.name)).as_deref() == Some("new"))
    );
}

#[test]
fn what_somebody_else_changed_is_not_overwritten() {
    let lab = lab();
    let edits = vec![edit("b", None, "new b"), edit("a", Some("older"), "new a")];
    let error = lab
        .journal
        .commit(&lab.tree, &lab.world, edits)
        .unwrap_err();
    assert!(matches!(error, FsError::Changed { .. }));
    assert_eq!(content(&lab, "a").as_deref(), Some("old a"));
    assert_eq!(content(&lab, "b"), None);
    assert_eq!(lab.tree.entries("").unwrap().len(), 1);
}

#[test]
fn a_file_alone_is_changed_removed_or_left_to_somebody_else() {
    let lab = lab();
    let large = "x".repeat(200 * 1024);
    let commit = |was: &Was, new| {
        let was = match was {
            Was::Nothing => Was::Nothing,
            Was::Hash(hash) => Was::Hash(*hash),
            Was::Content(content) => Was::Content(content.clone()),
        };
        let path = "a".to_owned();
        let edits = vec![Edit { path, was, new }];
        lab.journal.commit(&lab.tree, &lab.world, edits)
    };
    let bytes = |text: &str| New::Bytes(text.as_bytes().to_vec());
    for there in ["", "short", large.as_str()] {
        std::fs::write(lab.tree.join("a"), there).unwrap();
        let last = there.char_indices().next_back().map_or(0, |(at, _)| at);
        let others = [
            format!("{there}."),
            there[..last].to_owned() + "?",
            there[..last].to_owned(),
        ];
        let wrong = others.iter().filter(|other| *other != there);
        let wrong = wrong.map(|other| Was::Content(other.clone().into_bytes()));
        for was in wrong.chain([Was::Nothing, Was::Hash(sha256(b"other"))]) {
            for new in [bytes("new"), New::Gone] {
                let error = commit(&was, new).unwrap_err();
                assert!(matches!(error, FsError::Changed { .. }), "{error}");
            }
            assert!(lab.tree.read("a", 1 << 20).unwrap().unwrap() == there.as_bytes());
        }
        for was in [
            Was::Content(there.as_bytes().to_vec()),
            Was::Hash(sha256(there.as_bytes())),
        ] {
            std::fs::write(lab.tree.join("a"), there).unwrap();
            commit(&was, bytes("new")).unwrap();
            assert_eq!(content(&lab, "a").as_deref(), Some("new"));
            commit(&Was::Content(b"new".to_vec()), New::Gone).unwrap();
            assert_eq!(content(&lab, "a"), None);
        }
        let error = commit(&Was::Content(Vec::new()), bytes("new")).unwrap_err();
        assert!(matches!(error, FsError::Changed { .. }), "{error}");
        commit(&Was::Nothing, bytes("new")).unwrap();
    }
    assert_eq!(lab.tree.entries("").unwrap().len(), 1);
}

#[test]
fn thousands_of_staged_files_hold_no_descriptors_and_leave_nothing() {
    let lab = lab();
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let staged: Vec<Staged> = (0..300)
        .map(|number| {
            let path = format!("x/{}/{number}", number % 3);
            let mut staged = Staged::new(&lab.tree, &path, &lab.world).unwrap();
            staged.file().unwrap().write_all(b"sealed").unwrap();
            assert_eq!(staged.finish().unwrap(), sha256(b"sealed"));
            staged
        })
        .collect();
    // Other tests of this process open files too.
    assert!(
        open() < before + 200,
        "{} were open, now {}",
        before,
        open()
    );
    drop(staged);
    assert_eq!(lab.tree.entries("").unwrap().len(), 1);
}

#[test]
fn a_change_cut_off_after_its_journal_is_finished_by_the_next_run() {
    let lab = lab();
    std::fs::write(lab.dir.path().join("vault/.clws-1.tmp"), "new a").unwrap();
    let record = Record {
        root: lab.dir.path().join("vault"),
        steps: vec![Step {
            path: "a".into(),
            what: What::File,
            staged: Some(".clws-1.tmp".into()),
            was: Some(hex(&sha256(b"old a"))),
            new: Some(hex(&sha256(b"new a"))),
        }],
    };
    let bytes = serde_json::to_vec(&record).unwrap();
    write_private(&lab.dir.path().join("state/journal"), &bytes, Sync::Disk).unwrap();
    assert!(lab.journal.is_pending().unwrap());
    lab.journal.recover(&lab.tree).unwrap();
    lab.journal.recover(&lab.tree).unwrap();
    assert_eq!(content(&lab, "a").as_deref(), Some("new a"));
    assert_eq!(lab.tree.entries("").unwrap().len(), 1);
}

/// A journal of changes of `a`, `b` and `c` from old to new, and what lies there.
fn interrupted(lab: &Lab, there: &[(&str, &str)]) {
    let root = lab.dir.path().join("vault");
    for (name, content) in there {
        std::fs::write(root.join(name), content).unwrap();
    }
    interrupted_at(lab, root);
}

/// The journal alone, of a vault in this folder.
fn interrupted_at(lab: &Lab, root: PathBuf) {
    let steps = ["a", "b", "c"].map(|name| {
        let hash = |age: &str| Some(hex(&sha256(format!("{age} {name}").as_bytes())));
        Step {
            path: name.into(),
            what: What::File,
            staged: Some(format!(".clws-{name}.tmp")),
            was: hash("old"),
            new: hash("new"),
        }
    });
    let bytes = serde_json::to_vec(&Record {
        root,
        steps: steps.into(),
    });
    let path = lab.dir.path().join("state/journal");
    write_private(&path, &bytes.unwrap(), Sync::Disk).unwrap();
}

#[test]
fn a_change_whose_files_were_cleaned_away_blocks_nothing() {
    let lab = lab();
    // `git clean` took the temporary files of `a` and `c`.
    let there = [("b", "old b"), ("c", "old c"), (".clws-b.tmp", "new b")];
    interrupted(&lab, &there);
    let error = lab.journal.recover(&lab.tree).unwrap_err();
    assert!(matches!(error, FsError::Changed { .. }));
    lab.journal.recover(&lab.tree).unwrap();
    assert!(!lab.journal.is_pending().unwrap());
    for name in ["a", "b", "c"] {
        assert_eq!(content(&lab, name), Some(format!("old {name}")), "{name}");
    }
    assert_eq!(lab.tree.entries("").unwrap().len(), 3);
}

#[test]
fn a_change_that_was_begun_is_finished_around_what_somebody_else_wrote() {
    let lab = lab();
    let there = [
        ("a", "new a"),
        ("b", "theirs"),
        (".clws-b.tmp", "new b"),
        ("c", "old c"),
        (".clws-c.tmp", "new c"),
    ];
    interrupted(&lab, &there);
    let error = lab.journal.recover(&lab.tree).unwrap_err();
    assert!(matches!(error, FsError::Changed { path } if path.ends_with("b")));
    lab.journal.recover(&lab.tree).unwrap();
    assert_eq!(content(&lab, "a").as_deref(), Some("new a"));
    assert_eq!(content(&lab, "b").as_deref(), Some("theirs"));
    assert_eq!(content(&lab, "c").as_deref(), Some("new c"));
    assert_eq!(lab.tree.entries("").unwrap().len(), 3);
}

#[test]
fn a_change_is_finished_under_the_name_that_its_folder_has_now() {
    let lab = lab();
    let there = [
        ("a", "new a"),
        ("b", "old b"),
        (".clws-b.tmp", "new b"),
        ("c", "old c"),
        (".clws-c.tmp", "new c"),
    ];
    interrupted(&lab, &there);
    let moved = lab.dir.path().join("moved");
    std::fs::rename(lab.dir.path().join("vault"), &moved).unwrap();
    lab.journal.recover(&Tree::open(&moved).unwrap()).unwrap();
    assert!(!lab.journal.is_pending().unwrap());
    for name in ["a", "b", "c"] {
        let content = std::fs::read_to_string(moved.join(name)).unwrap();
        assert_eq!(content, format!("new {name}"));
    }
    // Another clone has nothing of it, and is left as it is.
    let other = lab.dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("a"), "old a").unwrap();
    interrupted_at(&lab, lab.dir.path().join("gone"));
    lab.journal.recover(&Tree::open(&other).unwrap()).unwrap();
    assert!(!lab.journal.is_pending().unwrap());
    assert_eq!(std::fs::read_to_string(other.join("a")).unwrap(), "old a");
}
