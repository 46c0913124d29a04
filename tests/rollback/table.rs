//! What the tests of the table share: a vault with two scopes, and uses that are tried one by one.

use crate::lab::Lab;

/// A use, how it ends, and what it says.
pub(crate) struct Cell {
    words: &'static str,
    code: i32,
    says: &'static str,
}

pub(crate) const fn cell(words: &'static str, code: i32, says: &'static str) -> Cell {
    Cell { words, code, says }
}

/// Ada decides, ben writes as well; a strict scope and one that warns; a hook that names a value.
pub(crate) fn lab() -> Lab {
    let lab = Lab::new().people(&["ben"]);
    let write = |path: &str, text: &str| {
        let path = lab.vault().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for scope in ["prod", "dev"] {
        lab.clws(&format!("access grant ben {scope} --read --write --yes"))
            .succeeds();
    }
    for scope in ["prod", "dev"] {
        write(
            &format!("recipients/box-{scope}.toml"),
            &format!(
                "[party]\nkind = \"host\"\nname = \"box-{scope}\"\naddress = \"local\"\nscope = \"{scope}\"\nmachine_type = \"server\"\n\n[end]\n"
            ),
        );
    }
    lab.clws("trust sign --yes").succeeds();
    lab.accepted_by(&["ben"]);
    for scope in ["prod", "dev"] {
        for (name, by) in [("TOKEN", "ada"), ("OTHER", "ada"), ("BENS", "ben")] {
            lab.clws(&format!("secret set {scope}/web/{name}"))
                .by(by)
                .stdin(b"first")
                .succeeds();
        }
        lab.clws(&format!("secret set {scope}/keys/web.key --type file"))
            .stdin(b"first")
            .succeeds();
    }
    write(
        "hooks/web.toml",
        "runs_on = { machine_type = \"server\" }\nprocess = { command = [\"sh\", \"-c\", \"sleep 1\"] }\n[env]\nTOKEN = { secret = \"web/TOKEN\" }\n",
    );
    lab.clws("hook sign --yes").succeeds();
    lab.commit("first");
    lab
}

pub(crate) fn edit(lab: &Lab, path: &str, change: impl FnOnce(&str) -> String) {
    let file = lab.vault().join(path);
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = change(&text);
    assert_ne!(changed, text, "{path}");
    std::fs::write(file, changed).unwrap();
}

/// Tries each use in a copy of the lab, so that none prepares the next.
pub(crate) fn each(lab: &Lab, cells: &[Cell]) {
    let wrong: Vec<_> = cells.iter().filter_map(|c| c.wrong(&lab.copy())).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Tries uses none of which may change anything, one after the other.
pub(crate) fn each_here(lab: &Lab, cells: &[Cell]) {
    let before = lab.git(&["status", "--porcelain", "--untracked-files=all"]);
    let wrong: Vec<_> = cells.iter().filter_map(|cell| cell.wrong(lab)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let after = lab.git(&["status", "--porcelain", "--untracked-files=all"]);
    assert_eq!(before, after);
}

impl Cell {
    /// What is not as this cell says.
    fn wrong(&self, lab: &Lab) -> Option<String> {
        let Self { words, code, says } = self;
        let ran = lab.clws(words).stdin(b"new").run();
        let text = format!("{}{}", ran.text(), ran.err);
        assert!(!text.contains("--allow-rollback"), "{text}");
        (ran.code != *code || !text.contains(says)).then(|| {
            format!(
                "clws {words}: {} instead of {code}, `{says}` wanted\n{text}",
                ran.code
            )
        })
    }
}

/// The files in which a memory keeps what was seen of documents and sealed files.
pub(crate) fn remembered(memory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let folders = ["documents", "files"].map(|folder| memory.join(folder));
    let files = folders.iter().flat_map(|folder| {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path())
    });
    files.collect()
}
