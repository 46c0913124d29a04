//! A day with git, two people and a clone each: branch, tag, bisect, revert, rebase, worktree, stale
//! clone, cherry-pick, stash. Everything works, or is refused with the way forward, and that way works.
//! Nothing is overridden, because there is nothing to override with.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::lab::{Lab, Ran};

/// Ada in the lab's own folder, ben in a clone; both write.
struct Day {
    lab: Lab,
    ben: PathBuf,
}

impl Day {
    fn begins() -> Self {
        let lab = Lab::new().people(&["ben"]);
        for scope in ["prod", "dev"] {
            lab.clws(&format!("access grant ben {scope} --read --write --yes"))
                .succeeds();
        }
        for name in ["ALPHA", "MIKE", "TOKEN"] {
            lab.clws(&format!("secret set prod/web/{name}"))
                .stdin(b"first")
                .succeeds();
        }
        lab.clws("secret set prod/keys/web.key --type file")
            .stdin(b"first")
            .succeeds();
        lab.commit("morning");
        let ben = lab.root().join("ben");
        let day = Self { lab, ben };
        day.git(
            &day.lab.vault(),
            &["config", "receive.denyCurrentBranch", "updateInstead"],
        );
        day.git(day.lab.root(), &["clone", "-q", "vault", "ben"]);
        day.by("ben", "trust accept --expect")
            .word(day.lab.head())
            .succeeds();
        day
    }

    fn folder(&self, who: &str) -> PathBuf {
        match who {
            "ben" => self.ben.clone(),
            _ => self.lab.vault(),
        }
    }

    fn by(&self, who: &str, words: &str) -> crate::lab::Run<'_> {
        self.lab.clws(words).by(who).folder(&self.folder(who))
    }

    fn try_git(&self, folder: &Path, words: &[&str]) -> Output {
        Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
            .args(["-c", "advice.detachedHead=false"])
            .args(words)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_EDITOR", "true")
            .output()
            .unwrap()
    }

    fn git(&self, folder: &Path, words: &[&str]) -> String {
        let done = self.try_git(folder, words);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "git {words:?}: {said}");
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn commits(&self, who: &str, message: &str) {
        let folder = self.folder(who);
        self.git(&folder, &["add", "-A"]);
        self.git(&folder, &["commit", "-qm", message]);
    }

    fn sets(&self, who: &str, name: &str, value: &str) {
        self.by(who, &format!("secret set prod/web/{name}"))
            .stdin(value.as_bytes())
            .succeeds();
    }

    fn changes(&self, who: &str, name: &str, value: &str) {
        self.sets(who, name, value);
        self.commits(who, &format!("{name} is {value}"));
    }

    #[track_caller]
    fn reads(&self, who: &str, name: &str, value: &str) {
        let got = self
            .by(who, &format!("secret get prod/web/{name}"))
            .succeeds();
        assert_eq!(
            (got.text().as_str(), got.err.as_str()),
            (value, ""),
            "{who}"
        );
    }

    /// Refused as older, with both ways forward.
    #[track_caller]
    fn refused(&self, who: &str, name: &str) -> Ran {
        let refused = self
            .by(who, &format!("secret get prod/web/{name}"))
            .exits(14);
        for way in [
            "git merge REV",
            &format!("clws secret restore prod/web/{name}"),
        ] {
            assert!(refused.err.contains(way), "{}", refused.err);
        }
        assert!(!refused.err.contains("rollback"), "{}", refused.err);
        refused
    }

    fn pull(&self, who: &str) {
        self.git(
            &self.folder(who),
            &["pull", "-q", "--no-rebase", "--no-edit"],
        );
    }
}

#[test]
fn a_branch_and_back() {
    let day = Day::begins();
    let here = day.folder("ada");
    day.git(&here, &["checkout", "-qb", "feature"]);
    day.changes("ada", "TOKEN", "feature");
    day.reads("ada", "TOKEN", "feature");
    day.git(&here, &["checkout", "-q", "main"]);
    // What main has is older than what this machine has seen on the branch.
    day.refused("ada", "TOKEN");
    day.reads("ada", "MIKE", "first");
    let looked = day
        .by("ada", "secret get prod/web/TOKEN --at main")
        .succeeds();
    assert_eq!(looked.text(), "first");
    // Ben has not seen the branch: to him it is the newest.
    day.reads("ben", "TOKEN", "first");
    day.git(&here, &["merge", "-q", "feature"]);
    day.reads("ada", "TOKEN", "feature");
    day.pull("ben");
    day.reads("ben", "TOKEN", "feature");
}

#[test]
fn a_branch_that_is_thrown_away() {
    let day = Day::begins();
    let here = day.folder("ada");
    day.git(&here, &["checkout", "-qb", "try"]);
    day.changes("ada", "TOKEN", "tried");
    day.git(&here, &["checkout", "-q", "main"]);
    day.git(&here, &["branch", "-q", "-D", "try"]);
    day.refused("ada", "TOKEN");
    // The value of main is meant: it is issued again, and the one thrown away is never the newest.
    day.by("ada", "secret restore prod/web/TOKEN").succeeds();
    day.commits("ada", "TOKEN stays");
    day.reads("ada", "TOKEN", "first");
    day.pull("ben");
    day.reads("ben", "TOKEN", "first");
}

#[test]
fn a_tag_and_a_bisect() {
    let day = Day::begins();
    let here = day.folder("ada");
    day.git(&here, &["tag", "v1"]);
    for value in ["second", "third", "bad", "worse"] {
        day.changes("ada", "TOKEN", value);
    }
    day.git(&here, &["checkout", "-q", "v1"]);
    day.refused("ada", "TOKEN");
    day.by("ada", "secret list").succeeds();
    let looked = day
        .by("ada", "secret get prod/web/TOKEN --at v1")
        .succeeds();
    assert_eq!(looked.text(), "first");
    day.git(&here, &["checkout", "-q", "main"]);
    day.git(&here, &["bisect", "start", "main", "v1"]);
    let mut steps = 0;
    let found = loop {
        steps += 1;
        assert!(steps < 10);
        day.by("ada", "secret list prod").succeeds();
        let value = day
            .by("ada", "secret get prod/web/TOKEN --at HEAD")
            .succeeds();
        let verdict = match value.text().as_str() {
            "bad" | "worse" => "bad",
            _ => "good",
        };
        let said = day.git(&here, &["bisect", verdict]);
        if said.contains("is the first") {
            break said;
        }
    };
    assert!(found.contains("TOKEN is bad"), "{found}");
    day.git(&here, &["bisect", "reset"]);
    day.reads("ada", "TOKEN", "worse");
    // The same by the value's own history.
    let history = day.by("ada", "secret history prod/web/TOKEN").succeeds();
    assert_eq!(history.text().lines().count(), 6);
}

#[test]
fn a_revert() {
    let day = Day::begins();
    day.changes("ada", "TOKEN", "wrong");
    day.pull("ben");
    day.reads("ben", "TOKEN", "wrong");
    day.git(&day.folder("ada"), &["revert", "--no-edit", "HEAD"]);
    day.pull("ben");
    for who in ["ada", "ben"] {
        day.refused(who, "TOKEN");
        let checked = day.by(who, "check").exits(1);
        assert!(
            checked
                .text()
                .contains("clws secret restore prod/web/TOKEN")
        );
    }
    day.by("ben", "secret restore prod/web/TOKEN").succeeds();
    day.commits("ben", "TOKEN is first again, and meant");
    day.git(&day.ben, &["push", "-q"]);
    for who in ["ada", "ben"] {
        day.reads(who, "TOKEN", "first");
        day.by(who, "check --full").succeeds();
    }
}

#[test]
fn a_revert_of_what_was_added() {
    let day = Day::begins();
    day.changes("ada", "NEW", "new");
    day.pull("ben");
    day.reads("ben", "NEW", "new");
    day.git(&day.folder("ada"), &["revert", "--no-edit", "HEAD"]);
    let gone = day.by("ada", "secret get prod/web/NEW").exits(18);
    assert!(
        gone.err.contains("clws secret remove prod/web/NEW"),
        "{}",
        gone.err
    );
    day.by("ada", "secret remove prod/web/NEW --yes").succeeds();
    day.commits("ada", "NEW is gone, and meant to be");
    day.pull("ben");
    for who in ["ada", "ben"] {
        day.by(who, "check").succeeds();
        day.by(who, "secret get prod/web/NEW").exits(18);
    }
}

#[test]
fn a_rebase_and_a_cherry_pick() {
    let day = Day::begins();
    day.changes("ben", "MIKE", "ben's");
    day.changes("ben", "NEW", "ben's");
    day.changes("ada", "ALPHA", "ada's");
    day.git(&day.ben, &["pull", "-q", "--rebase"]);
    for (name, value) in [
        ("MIKE", "ben's"),
        ("NEW", "ben's"),
        ("ALPHA", "ada's"),
        ("TOKEN", "first"),
    ] {
        day.reads("ben", name, value);
    }
    day.by("ben", "check --full").succeeds();
    // In the midst of a rebase what was seen already looks gone or older, and comes back at its end.
    day.git(&day.ben, &["checkout", "-q", "--detach", "origin/main"]);
    day.refused("ben", "MIKE");
    day.by("ben", "secret get prod/web/NEW").exits(18);
    day.git(&day.ben, &["cherry-pick", "main"]);
    day.reads("ben", "NEW", "ben's");
    day.refused("ben", "MIKE");
    day.git(&day.ben, &["checkout", "-q", "main"]);
    day.git(&day.ben, &["push", "-q"]);
    day.reads("ada", "NEW", "ben's");
}

#[test]
fn a_worktree_and_a_stash() {
    let day = Day::begins();
    let here = day.folder("ada");
    day.git(
        &here,
        &["worktree", "add", "-q", "-b", "hotfix", "../hotfix"],
    );
    let there = day.lab.root().join("hotfix");
    let set = day.lab.clws("secret set prod/web/TOKEN").folder(&there);
    set.stdin(b"hotfix").succeeds();
    // One memory for both: what was seen there is known here.
    day.refused("ada", "TOKEN");
    let got = day.lab.clws("secret get prod/web/TOKEN").folder(&there);
    assert_eq!(got.succeeds().text(), "hotfix");
    day.git(&there, &["commit", "-qam", "hotfix"]);
    day.git(&here, &["merge", "-q", "hotfix"]);
    day.reads("ada", "TOKEN", "hotfix");

    day.sets("ada", "MIKE", "not yet");
    day.git(&here, &["stash", "-q"]);
    day.refused("ada", "MIKE");
    day.git(&here, &["stash", "pop", "-q"]);
    day.reads("ada", "MIKE", "not yet");
}

#[test]
fn a_stale_clone() {
    let day = Day::begins();
    day.git(day.lab.root(), &["clone", "-q", "vault", "stale"]);
    day.changes("ada", "TOKEN", "second");
    let stale = day.lab.root().join("stale");
    let run = |words: &str| day.lab.clws(words).folder(&stale);
    let refused = run("secret get prod/web/TOKEN").exits(14);
    assert!(refused.err.contains("git merge"), "{}", refused.err);
    assert_eq!(run("secret get prod/web/MIKE").succeeds().text(), "first");
    // A new value from there is the newest for everybody, and git says that the two must be merged.
    run("secret set prod/web/TOKEN").stdin(b"third").succeeds();
    day.git(&stale, &["commit", "-qam", "third"]);
    assert!(
        !day.try_git(&stale, &["pull", "-q", "--no-rebase", "--no-edit"])
            .status
            .success()
    );
    let conflict = run("secret get prod/web/TOKEN").exits(16);
    assert!(conflict.err.contains("line "), "{}", conflict.err);
    day.git(
        &stale,
        &["checkout", "-q", "--ours", "secrets/prod/web.toml"],
    );
    day.git(&stale, &["commit", "-qam", "third counts"]);
    assert_eq!(run("secret get prod/web/TOKEN").succeeds().text(), "third");
    day.git(&stale, &["push", "-q"]);
    day.reads("ada", "TOKEN", "third");
    day.pull("ben");
    day.reads("ben", "TOKEN", "third");
}
